"""Logs of each trainer, in the layout its own code writes: the same rewards give the true scores."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import Run, Sample, by_step, chat, chosen, scores, write_jsonl

from lim.logs.find import find_log
from lim.logs.formats import ReadOptions
from lim.logs.parts import read_log
from lim.pipeline import select
from lim.strategies import Settings
from lim.utils.errors import InputError

RUN = Run()
PROMPT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"


def text(sample: Sample) -> str:
    return PROMPT.format(RUN.questions[sample.prompt])


def messages(sample: Sample) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": RUN.questions[sample.prompt]}]


def prime_rl(folder: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        data = {"idx": s.prompt, "prompt": RUN.questions[s.prompt], "network_allow": ["*"]}
        rewards = {"right": {"score": s.reward, "weight": 1.0}, "length": {"score": 3.0, "weight": 0.0}}
        traces = [{"version": 1, "rewards": rewards, "metrics": {"turns": 1.0}, "nodes": []}]
        return {
            "id": "0",
            "env": {"id": "math"},
            "task": {"type": "Task", "data": data},
            "ok": True,
            "traces": traces,
        }

    steps = by_step(RUN.samples, row)
    steps[1].append({**row(RUN.samples[0]), "ok": False, "traces": []})  # failed, and so without a reward
    write_jsonl(folder / "rollouts", steps, "step_{}/train/all/traces.jsonl")
    write_jsonl(folder / "rollouts", {1: steps[1][:8]}, "step_{}/train/effective/traces.jsonl")
    write_jsonl(folder / "rollouts", {4: steps[4][:8]}, "step_{}/eval/all/traces.jsonl")


def prime_hosted(folder: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {"step": s.step, "problem_id": s.prompt, "prompt": json.dumps(messages(s)), "reward": s.reward}

    write_jsonl(folder, {0: [row(s) for s in RUN.samples]}, "results.jsonl")


def lists(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: [row[key] for row in rows] for key in rows[0]}]


def ms_swift(folder: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        step = str(2 * s.step - 1)
        return {"step": step, "prompt": text(s), "completion": f"{s}", "accuracy": s.reward, "advantages": 0.5}

    steps = by_step(RUN.samples, row)
    lines = [line for rows in steps.values() for line in lists(rows)]
    lines.insert(3, {**lines[2], "step": ["6"] * 40})  # the same generations, logged again
    lines[5]["solution"] = ["1"] * 40
    write_jsonl(folder, {0: lines}, "completions.jsonl")


def wandb(folder: Path) -> None:
    columns = ["step", "prompt", "completion", "accuracy", "advantage"]
    for step, rows in by_step(RUN.samples, lambda s: [[str(s.step), text(s), f"{s}", s.reward, 0.5]]).items():  # pyright: ignore
        path = folder / "media" / "table" / f"completions_{step * 7}_ab{step:02d}.table.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"columns": columns, "data": rows, "ncols": 5, "nrows": len(rows)}))


def nemo_rl(folder: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        turns = [text(s), "an answer"]
        return {
            "content": [turns],
            "rewards": [s.reward],
            "input_lengths": [9],
            "token_ids": [[1, 2]],
            "idx": s.number,
        }

    write_jsonl(folder, by_step(RUN.samples, row), "train_data_step{}.jsonl")


def roll(folder: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {
            "id": RUN.ids[s.prompt],
            "prompt": text(s),
            "responses": "…",
            "scores": s.reward,
            "global_step": s.step - 1,
        }

    steps = {step - 1: lists(rows) for step, rows in by_step(RUN.samples, row).items()}
    write_jsonl(folder, steps, "rollout_dump_data.step_{}.jsonl")


def areal(folder: Path) -> None:
    for s in RUN.samples:
        row = {"task_id": s.prompt, "sample_idx": s.number, "seqlen": 9, "head_version": s.step - 1}
        row |= {"tail_version": s.step - 1, "reward": s.reward, "prompt": text(s), "completion": "…"}
        path = folder / str(s.step - 1) / f"{s.prompt}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as file:
            file.write(json.dumps(row) + "\n")


def rllm(folder: Path) -> None:
    for s in RUN.samples:
        row = {"training_step": s.step, "epoch": s.epoch - 1, "task": {"question": RUN.questions[s.prompt]}}
        row |= {"task_hash": f"{s.prompt:08x}", "is_correct": s.reward == 1, "trajectories": [{"reward": s.reward}]}
        path = folder / "episodes" / f"train_step_{s.step}_epoch_{s.epoch - 1}"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"episode_hash{s.prompt:08x}_id{s.prompt}_{s.number}.json").write_text(json.dumps(row))
        (path / "batch_summary.json").write_text("{}")


TRAINERS: dict[str, tuple[Callable[[Path], None], bool]] = {  # writer, and whether the log has columns to choose from
    "prime-rl": (prime_rl, False),
    "prime-hosted": (prime_hosted, True),
    "ms-swift": (ms_swift, True),
    "wandb": (wandb, True),
    "nemo-rl": (nemo_rl, False),
    "roll": (roll, True),
    "areal": (areal, True),
    "rllm": (rllm, False),
}


@pytest.mark.parametrize("name", TRAINERS)
def test_each_trainer_gives_the_true_scores(tmp_path: Path, name: str) -> None:
    TRAINERS[name][0](tmp_path / "log")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    log = find_log(tmp_path / "log")
    assert log.format == name
    selection = select(prompts, log_path=tmp_path / "log", settings=Settings(similarity_threshold=-99.0))
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())
    assert selection.log is not None and selection.log.samples == len(RUN.samples)
    for file in log.files[:1]:  # the file by itself is of the same format
        assert find_log(file.path).format == name


@pytest.mark.parametrize("name", [name for name in TRAINERS if name not in ("rllm", "wandb", "ms-swift")])
def test_nan_in_a_field_that_is_not_needed_does_not_matter(tmp_path: Path, name: str) -> None:
    TRAINERS[name][0](tmp_path / "log")
    for file in find_log(tmp_path / "log").files:
        path = Path(file.path)
        path.write_text(path.read_text().replace("{", '{"seconds": NaN, ', 1))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize(
    ("name", "row", "says"),
    [
        ("train_data_step1.jsonl", {"content": None, "rewards": [1]}, "row 1: 'content' is None, not a list"),
        ("train_data_step1.jsonl", {"content": [["q"]], "rewards": ["x"]}, "row 1: 'rewards' is 'x', not a number"),
        ("train_data_step1.jsonl", {"content": [["q"]], "rewards": [[1, 2]]}, r"row 1: 'rewards' is \[1, 2\], not"),
        ("step_1/train/all/traces.jsonl", {"task": None, "traces": []}, "row 1: 'task' is None, not an object"),
        (
            "step_1/train/all/traces.jsonl",
            {"task": {"data": 3}, "traces": []},
            "'data' is 3, not an object",
        ),
        (
            "step_1/train/all/traces.jsonl",
            {"task": {"idx": 1}, "traces": [{"rewards": {"right": {"score": "x"}}}]},
            "row 1: 'right' is 'x', not a number",
        ),
        (
            "step_1/train/all/traces.jsonl",
            {"task": {"idx": 1}, "traces": [{"rewards": [1]}]},
            r"row 1: a trace's rewards are \[1\], not an object",
        ),
        (
            "completions_1_a.table.json",
            {"columns": None, "data": []},
            "'columns' and 'data' are no table",
        ),
    ],
)
def test_a_field_of_another_type_is_one_line(tmp_path: Path, name: str, row: Any, says: str) -> None:
    write_jsonl(tmp_path / "log", {1: [row]}, name)
    with pytest.raises(InputError, match=says) as caught:
        read_log(find_log(tmp_path / "log"))
    assert "\n" not in str(caught.value)


WRITTEN = Path(__file__).parent / "written"


@pytest.mark.parametrize(
    ("name", "format"), [("verl", "verl"), ("verl_v1", "verl"), ("areal", "areal"), ("tinker", "tinker")]
)
def test_logs_that_the_trainer_s_own_code_wrote(tmp_path: Path, name: str, format: str) -> None:
    made = json.loads((WRITTEN / "run.json").read_text())
    run = Run(prompts=8, epochs=3, batch=4)
    run.questions = made["questions"]
    prompts = run.write_prompts(tmp_path / "prompts.json")
    selection = select(prompts, log_path=WRITTEN / name, settings=Settings(similarity_threshold=-99.0))
    truth = run.truth([Sample(**sample) for sample in made["samples"]])
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(truth)
    log = selection.log
    assert log is not None and (log.format, log.samples, selection.unmatched) == (format, 96, [])


def test_prime_rl_s_rewards_can_be_named_and_weighted(tmp_path: Path) -> None:
    prime_rl(tmp_path / "log")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    settings = Settings(similarity_threshold=-99.0, reward_column="right,0.5*length", max_reward=2.5)
    selection = select(prompts, log_path=tmp_path / "log", settings=settings)
    assert selection.log is not None and selection.log.max_reward == 2.5


def test_nemo_rl_s_filtered_rewards_are_those_of_the_rows(tmp_path: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {"content": [[text(s), "…"]], "rewards": [1.0 - s.reward], "filtered_rewards": [s.reward]}

    write_jsonl(tmp_path / "log", by_step(RUN.samples, row), "train_data_step{}.jsonl")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    selection = select(prompts, log_path=tmp_path / "log", settings=Settings(similarity_threshold=-99.0))
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())


def test_open_instruct_s_tokens_need_the_tokenizer(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = sorted({character for question in RUN.questions for character in chat(question)})
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(words)}, words[0])
    )
    tokenizer.decoder = tokenizers.decoders.Fuse()
    tokenizer.save(str(tmp_path / "tokenizer.json"))

    def row(s: Sample) -> dict[str, Any]:
        tokens = [words.index(character) for character in chat(RUN.questions[s.prompt])]
        return {"step": s.step, "sample_idx": 0, "prompt_tokens": tokens, "response_tokens": [0], "reward": s.reward}

    rows = [row(s) for s in RUN.samples]
    write_jsonl(tmp_path / "log", {0: rows[:300], 1: rows[300:]}, "run_rollouts_00000{}.jsonl")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    with pytest.raises(InputError, match="holds prompts as token ids; give the trained model's tokenizer"):
        select(prompts, log_path=tmp_path / "log")
    settings = Settings(similarity_threshold=-99.0, tokenizer=str(tmp_path))
    selection = select(prompts, log_path=tmp_path / "log", settings=settings)
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())


def rows_of(kind: str) -> list[dict[str, Any]]:
    """A table's rows; `kind` says what its columns hold."""
    made = []
    for s in RUN.samples:
        row: dict[str, Any] = {"pid": RUN.ids[s.prompt], "q": RUN.questions[s.prompt], "r": s.reward, "t": s.step}
        if kind == "messages":
            row["q"] = messages(s)
        elif kind == "strings":
            row |= {"q": json.dumps(messages(s)), "r": ("true", "false")[s.reward == 0], "t": f"{s.step}.0"}
        elif kind == "nested":
            row["q"] = {"task": {"text": row["q"]}}
        made.append(row | {"e": s.epoch - 1})
    return made


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet", "csv", "jsonl.gz", "csv.zst"])
@pytest.mark.parametrize(
    "columns", [{"prompt_column": "q"}, {"id_column": "pid"}, {"prompt_column": "q", "epoch_column": "e"}]
)
def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path, suffix: str, columns: dict[str, str]) -> None:
    rows = rows_of("plain")
    path = tmp_path / f"table.{suffix}"
    write_table(path, rows)
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    settings = Settings(similarity_threshold=-99.0, reward_column="r", step_column="t", **columns)
    selection = select(prompts, log_path=path, settings=settings)
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("kind", ["messages", "strings", "nested"])
def test_values_of_a_table_may_be_nested_or_strings(tmp_path: Path, kind: str) -> None:
    write_table(tmp_path / "table.jsonl", rows_of(kind))
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    prompt = "q.task.text" if kind == "nested" else "q"
    settings = Settings(similarity_threshold=-99.0, reward_column="r", step_column="t", prompt_column=prompt)
    selection = select(prompts, log_path=tmp_path / "table.jsonl", settings=settings)
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    import gzip

    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return
    if name.endswith(".csv"):
        import csv
        import io

        out = io.StringIO()
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        data = out.getvalue().encode()
    else:
        data = (
            json.dumps(rows) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in rows)
        ).encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(data)
        return
    path.write_bytes(data)


def test_a_group_per_row_with_its_rewards_as_a_list(tmp_path: Path) -> None:
    groups: dict[tuple[int, int], list[float]] = {}
    for s in RUN.samples:
        groups.setdefault((s.step, s.prompt), []).append(s.reward)
    rows = [
        {"step": step, "prompt": RUN.questions[prompt], "rewards": found} for (step, prompt), found in groups.items()
    ]
    write_table(tmp_path / "groups.jsonl", rows)
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    settings = Settings(
        similarity_threshold=-99.0, prompt_column="prompt", reward_column="rewards", step_column="step"
    )
    selection = select(prompts, log_path=tmp_path / "groups.jsonl", settings=settings)
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())
    assert selection.log is not None and selection.log.samples == len(RUN.samples)


def test_the_steps_are_the_numbers_of_the_files(tmp_path: Path) -> None:
    steps = by_step(RUN.samples, lambda s: {"prompt": RUN.questions[s.prompt], "reward": s.reward})
    write_jsonl(tmp_path / "log", steps, "global_step_{}/rank0.jsonl")
    write_jsonl(tmp_path / "log", {1: [{"loss": 1}]}, "metrics.jsonl")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    settings = Settings(similarity_threshold=-99.0, prompt_column="prompt", reward_column="reward")
    selection = select(prompts, log_path=tmp_path / "log", settings=settings)
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize(
    ("row", "columns", "says"),
    [
        ({"p": "q", "r": "high"}, {"prompt_column": "p"}, "row 1: 'r' is 'high', not a number"),
        ({"p": "q", "r": "100%"}, {"prompt_column": "p"}, "'100%', not a number; write rewards as numbers"),
        ({"p": 3, "r": 1}, {"prompt_column": "p"}, "row 1: 'p' is 3, neither text nor messages"),
        ({"p": "q", "r": 1}, {"prompt_column": "x"}, r"row 1 has no 'x' \(its columns: p, r\)"),
        ({"p": "q"}, {"prompt_column": "p"}, r"none of its 1 rows has a reward \('r'\)"),
        (
            {"p": "q", "r": 1, "e": 0.25},
            {"prompt_column": "p", "epoch_column": "e"},
            "'e' is 0.25, a part of an epoch; leave --epoch_column out",
        ),
        (
            {"p": "q", "r": 1, "e": -1},
            {"prompt_column": "p", "epoch_column": "e"},
            "row 1: its epoch is -1, not one from 0 to 100,000",
        ),
        ({"p": "q", "r": 1, "e": 10**12}, {"prompt_column": "p", "epoch_column": "e"}, "not one from 0 to 100,000"),
        (
            {"p": "q", "r": 1, "t": 10**30},
            {"prompt_column": "p", "step_column": "t"},
            "'t' is 10+, not a whole number",
        ),
        ({"p": "q", "r": 10**400}, {"prompt_column": "p"}, "'r' is 10+, not a number"),
        ({"i": None, "r": 1}, {"id_column": "i"}, "'i' is None, neither text nor a whole number"),
        ({"i": ["q"], "r": 1}, {"id_column": "i"}, r"'i' is \['q'\], neither text"),
        ({"p": "q", "r": 1}, {"step_column": "t"}, "name the column of the prompt: --prompt_column, or --id_column"),
        (
            {"question": "q", "score": 1, "global_step": 2, "epoch": 1},
            {"epoch_column": "epoch"},
            "columns: question, score, global_step, epoch; perhaps --prompt_column question --reward_column score "
            "--step_column global_step --epoch_column epoch",
        ),
        (
            {"p": "q", "score": 1},
            {"prompt_column": "p"},
            r"\('r'\).*its columns: p, score; perhaps --reward_column score",
        ),
        ({"p": "q", "r": None}, {"prompt_column": "p"}, r"--reward_column \(its columns: p, r\), or"),
        ({"p": "q", "r": 1}, {"prompt_column": "p", "format": "verl"}, "--format verl knows its columns"),
    ],
)
def test_what_a_table_lacks_is_named(tmp_path: Path, row: Any, columns: dict[str, str], says: str) -> None:
    (tmp_path / "1.jsonl").write_text(json.dumps(row) + "\n")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    with pytest.raises(InputError, match=says):
        select(prompts, log_path=tmp_path / "1.jsonl", settings=Settings(reward_column="r", **columns))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"id": 1, "prompt": "q", "score": 1, "chosen": True}, "the scores that a selection wrote"),
        ({"score_quantiles": {}, "settings": {}}, "the summary that a selection wrote"),
        (
            {"file": "f", "id": "1", "sample": 0, "verdict": "correct", "answer": "1", "score": 1},
            "the verdicts that --score_only wrote, without responses",
        ),
    ],
)
def test_what_this_project_wrote_is_no_log(tmp_path: Path, row: dict[str, Any], what: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps([row]))
    for path in (tmp_path, tmp_path / "x.json"):
        with pytest.raises(InputError, match=f"x.json: holds {what}, not a training log; give the folder"):
            find_log(path)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"task_id": 1, "prompt": "q", "completion": "x", "reward": 1},
            "--prompt_column prompt --reward_column reward",
        ),
        ({"problem_id": 1, "score": 1, "step": 2}, "--id_column problem_id --reward_column score --step_column step"),
        ({"a": 1, "b": 2}, "columns a, b, which no known format has"),
        ({"id": 1, "prompt": "q", "answer": "1"}, "and none is a reward by its name"),
    ],
)
@pytest.mark.parametrize("name", ["1.jsonl", "rollouts.jsonl", "x.csv", "x.parquet"])
def test_an_unknown_trainer_s_file_is_described(tmp_path: Path, row: dict[str, Any], says: str, name: str) -> None:
    write_table(tmp_path / name, [row, row])
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(InputError) as caught:
            find_log(path)
        message = str(caught.value)
        assert says in message and "damaged" not in message and "fix" not in message
        assert all(column in message for column in row)


def test_a_weighted_column_that_no_row_has_is_refused(tmp_path: Path) -> None:
    rows = [RUN.verl(sample, form=1.0) for sample in RUN.samples]
    table = [{"prompt": row["input"], "completion": str(at), **row} for at, row in enumerate(rows)]
    write_jsonl(tmp_path / "verl", {1: rows}, "all.jsonl")
    write_jsonl(tmp_path / "ms-swift", {1: table}, "completions.jsonl")
    (tmp_path / "trl").mkdir()
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "trl" / "completions_00001.parquet")
    rewards = {"score": {"score": 1.0}, "form": {"score": 0.5}}
    episode = {"task": {"prompt": "q"}, "traces": [{"rewards": rewards}]}
    write_jsonl(tmp_path / "prime-rl", {1: [episode]}, "step_{}/train/all/traces.jsonl")
    for format in ("verl", "ms-swift", "trl", "prime-rl"):
        log = find_log(tmp_path / format, format)
        read_log(log, ReadOptions("score,0.5*form"))
        with pytest.raises(InputError, match=r"'from', which --reward_column names|no numeric reward column from"):
            read_log(log, ReadOptions("score,0.5*from"))


@pytest.mark.parametrize("name", ["log.json", "log.txt", "log"])
def test_json_lines_under_another_name_are_a_table(tmp_path: Path, name: str) -> None:
    rows = [{"q": RUN.questions[s.prompt], "reward": s.reward, "e": s.epoch} for s in RUN.samples]
    write_jsonl(tmp_path, {1: rows}, name)
    selection = chosen(tmp_path, tmp_path / name, prompt_column="q", epoch_column="e")
    assert scores(selection) == pytest.approx(RUN.truth())


def test_the_tables_with_the_columns_named_are_the_log(tmp_path: Path) -> None:
    steps = by_step(RUN.samples, lambda s: {"q": RUN.questions[s.prompt], "reward": s.reward, "t": s.step})
    write_jsonl(tmp_path / "log", {0: [row for rows in steps.values() for row in rows]}, "rollouts.jsonl")
    write_jsonl(tmp_path / "log", {n: [{"loss": 1}] for n in range(9)}, "metrics_{}.jsonl")
    flags = {"prompt_column": "q", "step_column": "t"}
    assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth())
    write_jsonl(tmp_path / "log", {n: steps[n] for n in (4, 8)}, "again_{}.jsonl")
    with pytest.raises(InputError, match=r"may be the log \(again_4.jsonl and 1 like it; rollouts.jsonl\)"):
        chosen(tmp_path, **flags)


def test_whole_numbers_that_a_table_made_floats_of_are_ids(tmp_path: Path) -> None:
    run = Run()
    run.ids = [str(number) for number in range(40)]
    rows = [{"id": float(id), "prompt": text} for id, text in zip(run.ids, run.questions, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "prompts.parquet")
    table = [{"i": float(s.prompt), "reward": s.reward, "e": s.epoch + 2} for s in run.samples]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "log.parquet")
    settings = Settings(similarity_threshold=-99.0, id_column="i", epoch_column="e")
    selection = select(tmp_path / "prompts.parquet", log_path=tmp_path / "log.parquet", settings=settings)
    assert scores(selection) == pytest.approx(run.truth())
    assert "the log's first epoch is 3, which counts as epoch 1" in selection.notes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("q,reward,reward\na,1,0\n", "has 2 columns 'reward'"),
        ("reward,e,q\n1,1,What is 2, or 3?\n", "line 2 has more cells than the 3 columns"),
        ("q,reward,e\na,1\n", "line 2 has fewer cells"),
    ],
)
def test_csv_of_another_shape_than_its_header_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        chosen(tmp_path, tmp_path / "log.csv", prompt_column="q")


@pytest.mark.parametrize("format", ["ms-swift", "wandb"])
@pytest.mark.parametrize(("prompts", "samples"), [(5, 4), (5, 3), (7, 1), (10, 4)])
def test_a_buffer_that_evaluation_fills_in_part(tmp_path: Path, prompts: int, samples: int, format: str) -> None:
    """It holds as many rows as a step has: behind those of evaluation the step's last stay in it."""
    buffer: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []

    def add(rows: list[dict[str, Any]], step: int) -> None:
        buffer[:] = (buffer + rows)[-40:]
        lines.extend(lists([{"step": str(step), **row} for row in buffer]))

    for step, rows in by_step(
        RUN.samples, lambda s: {"prompt": text(s), "completion": f"{s}", "acc": s.reward}
    ).items():
        add(rows, step)
        if step % 4 == 0:
            held = [f"Held out {number}" for number in range(prompts) for _ in range(samples)]
            add([{"prompt": q, "completion": f"{q} {step} {at}", "acc": at % 2} for at, q in enumerate(held)], step)
            add([], step + 1)  # logged once more before the next samples
    if format == "ms-swift":
        write_jsonl(tmp_path / "log", {0: lines}, "completions.jsonl")
    else:
        (tmp_path / "log").mkdir()
        for number, line in enumerate(lines):
            table = {"columns": list(line), "data": [*map(list, zip(*line.values(), strict=True))]}
            (tmp_path / "log" / f"completions_{number}_{number:04x}.table.json").write_text(json.dumps(table))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


def test_a_first_step_that_is_logged_when_half_of_its_samples_are_used(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    for step, rows in by_step(
        RUN.samples, lambda s: {"prompt": text(s), "completion": f"{s}", "acc": s.reward}
    ).items():
        for half in (0, 1):
            kept = rows[:20] if step == 1 and half == 0 else rows
            lines.extend(lists([{"step": str(2 * step + half), **row} for row in kept]))
    write_jsonl(tmp_path / "log", {0: lines}, "completions.jsonl")
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("late", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("prompts", [40, 44])
def test_samples_of_a_prompt_that_end_in_several_steps_are_of_the_one_they_were_begun_for(
    tmp_path: Path, prompts: int, late: float
) -> None:
    run, draw = Run(prompts), random.Random(1)
    ends = sorted(range(len(run.samples)), key=lambda at: at + draw.uniform(0, 40 * late))
    steps: dict[int, list[dict[str, Any]]] = {}
    for place, at in enumerate(ends):
        s = run.samples[at]
        work = {"type": "train", "step": s.step, "policy": {"start": s.step, "end": s.step}}
        episode = {"id": str(at), "group": {"id": f"{s.epoch}-{s.prompt}"}, "run": {"type": "train", "work": work}}
        episode |= {"task": {"data": {"idx": s.prompt, "prompt": run.questions[s.prompt]}}, "ok": True}
        rewards = {"right": {"score": s.reward, "weight": 1.0}}
        steps.setdefault(place // 40 + 1, []).append({**episode, "traces": [{"rewards": rewards}]})
        if at == 77:  # another's failure, alone of its step in the file
            steps[place // 40 + 1].append({**episode, "run": {"work": {"step": 1}}, "ok": False, "traces": []})
    write_jsonl(tmp_path / "log" / "rollouts", steps, "step_{}/train/all/traces.jsonl")
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(run.truth())


def test_areal_s_samples_of_a_task_may_be_of_several_versions(tmp_path: Path) -> None:
    draw = random.Random(1)
    for at in range(0, len(RUN.samples), 4):
        group = RUN.samples[at : at + 4]
        versions = [s.step + (draw.random() < 0.2) for s in group]
        path = tmp_path / "log" / str(max(versions)) / f"{at}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            {"prompt": text(s), "reward": s.reward, "tail_version": v} for s, v in zip(group, versions, strict=True)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


def test_ms_swift_on_megatron_says_the_step_by_another_name(tmp_path: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {
            "gen_step": s.step - 1,
            "prompt": text(s),
            "completion": f"{s}",
            "accuracy": s.reward,
            "advantages": 0.5,
        }

    lines = [line for rows in by_step(RUN.samples, row).values() for line in lists(rows)]
    write_jsonl(tmp_path / "log", {0: lines}, "completions.jsonl")
    assert find_log(tmp_path / "log").format == "ms-swift"
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


def test_a_log_that_lacks_the_prompt_says_so(tmp_path: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {"iteration": s.step, "group_idx": s.prompt % 10, "traj_idx": s.number, "total_reward": s.reward}

    write_jsonl(tmp_path / "log", by_step(RUN.samples, row), "iteration_{:06d}/summaries.jsonl")
    with pytest.raises(
        InputError, match=r"--reward_column total_reward --step_column iteration, and none is a prompt"
    ):
        chosen(tmp_path)


@pytest.mark.parametrize(
    ("name", "fix"), [("dump/step_{}.pkl", "write them as JSON"), ("a/{}.jsonl.xz", "unpack them")]
)
def test_files_below_that_cannot_be_read_are_said_in_short(tmp_path: Path, name: str, fix: str) -> None:
    write_jsonl(tmp_path / "log", {1: [], 2: []}, name)
    with pytest.raises(InputError, match=f"no training log here; it holds 2 × .*{fix}") as caught:
        chosen(tmp_path)
    assert len(str(caught.value)) < 300
