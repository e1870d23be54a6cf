"""Tables whose rows are not each a sample of the training, and whose ids are not those of prompts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from runs import Row, Run, Sample, by_step, chosen, scores, write_jsonl

from lim.utils.errors import InputError

RUN = Run()
FLAGS: dict[str, Any] = {"prompt_column": "question", "step_column": "step"}


def row(s: Sample, **more: Any) -> Row:
    return {"question": RUN.questions[s.prompt], "reward": s.reward, "step": s.step} | more


def write(folder: Path, rows: list[Row]) -> None:
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))


@pytest.mark.parametrize(
    ("name", "train", "other"),
    [("mode", "train", "eval"), ("split", "training", "Validation"), ("is_eval", False, True), ("is_train", 1, 0)],
)
def test_rows_of_evaluation_are_refused(tmp_path: Path, name: str, train: Any, other: Any) -> None:
    draw = random.Random(1)
    rows = [row(s, **{name: train}) for s in RUN.samples]
    rows += [row(s, **{name: other, "reward": float(draw.random() < 0.5)}) for s in RUN.samples if s.number < 2]
    write(tmp_path / "log", rows)
    with pytest.raises(InputError, match=f"column '{name}' .* some rows are of training and some of evaluation"):
        chosen(tmp_path, **FLAGS)
    assert chosen(tmp_path, allow=("rows",), **FLAGS).log.epochs_in_log == RUN.epochs  # pyright: ignore


@pytest.mark.parametrize(
    ("train", "other", "name"),
    [
        ({"type": "rollout"}, {"type": "eval"}, "type"),
        ({"kind_of_row": "train"}, {"kind_of_row": "dev"}, "kind_of_row"),
        ({"meta": {"split": "train", "n": 1}}, {"meta": {"split": "test", "n": 1}}, "meta.split"),
        ({"info": {"is_eval": False}}, {"info": {"is_eval": True}}, "info.is_eval"),
        ({"temperature": 0.8}, {"temperature": 0.0}, "temperature"),
        ({"greedy": 0}, {"greedy": True}, "greedy"),
    ],
)
def test_rows_of_evaluation_are_told_by_any_column(tmp_path: Path, train: Row, other: Row, name: str) -> None:
    rows = [row(s, **train) for s in RUN.samples]
    rows += [row(s, **other, reward=1.0) for s in RUN.samples if s.number == 0]
    write(tmp_path / "log", rows)
    with pytest.raises(InputError, match=f"column '{name}' .* some rows are of training and some of evaluation"):
        chosen(tmp_path, **FLAGS)


@pytest.mark.parametrize(
    "more",
    [
        lambda s: {"temperature": 1.2 - s.step / 20},
        lambda s: {"topic": ["train", "test", *"abcdefgh"][s.prompt % 10]},  # one of many values
        lambda s: {"note": ["train", "test " * 9][s.prompt % 2]},
        lambda s: {"data_source": ["train_gsm8k", "test_math"][s.prompt % 2]},
    ],
)
def test_columns_that_have_such_words_among_others(tmp_path: Path, more: Callable[[Sample], Row]) -> None:
    write(tmp_path / "log", [row(s, **more(s)) for s in RUN.samples])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("values", [("train", "train"), ("test", "test"), ("easy", "hard")])
def test_other_values_of_such_a_column_do_not_matter(tmp_path: Path, values: tuple[str, str]) -> None:
    write(tmp_path / "log", [row(s, split=values[s.prompt % 2]) for s in RUN.samples])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


def test_a_row_for_each_turn_of_a_sample_is_refused(tmp_path: Path) -> None:
    turns = [row(s, turn=turn) for s in RUN.samples for turn in range(1 + (s.prompt + s.number) % 3)]
    write(tmp_path / "log", turns)
    with pytest.raises(InputError, match="a sample seems to have a row for each of its turns"):
        chosen(tmp_path, **FLAGS)
    (tmp_path / "log").rename(tmp_path / "first")
    write(tmp_path / "log", [row(s, turn=2) for s in RUN.samples])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("files", [1, 16])
def test_ids_that_number_the_rows_of_a_step_are_refused(tmp_path: Path, files: int) -> None:
    numbered = Run()
    numbered.ids = [str(number) for number in range(40)]
    numbered.write_prompts(tmp_path / "prompts.json")
    steps = by_step(RUN.samples, row)
    for rows in steps.values():
        for at, one in enumerate(rows):
            one["index"] = at
    write_jsonl(tmp_path / "log", steps, "step_{}.jsonl")
    if files == 1:
        write(tmp_path / "one", [one for rows in steps.values() for one in rows])
    log = tmp_path / ("one" if files == 1 else "log")
    with pytest.raises(InputError, match="its ids are not those of prompts: '0' has 13 texts"):
        chosen(tmp_path, log, id_column="index", step_column="step")


@pytest.mark.parametrize("kind", ["dated", "copies", "templates"])
def test_ids_of_prompts_may_have_several_texts_and_texts_several_ids(tmp_path: Path, kind: str) -> None:
    def text(s: Sample) -> str:
        if kind == "templates":
            return f"Template {s.number}"
        question = RUN.questions[s.prompt // 2 * 2 if kind == "copies" else s.prompt]
        return f"{question} (day {s.step})" if kind == "dated" else question

    write(tmp_path / "log", [row(s, prompt=text(s), id=RUN.ids[s.prompt]) for s in RUN.samples])
    assert scores(chosen(tmp_path, id_column="id", step_column="step")) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("epochs", [False, True])
@pytest.mark.parametrize("batch", [10, 40])
def test_samples_that_several_updates_write_again_count_once(tmp_path: Path, batch: int, epochs: bool) -> None:
    run = Run(batch=batch)
    rows = [
        row(s, step=3 * s.step + again, epoch=s.epoch, response=f"{s}") for again in range(3) for s in run.samples
    ]
    write(tmp_path / "log", sorted(rows, key=lambda one: one["step"]))
    found = chosen(tmp_path, run=run, epoch_column="epoch" if epochs else None, **FLAGS)
    assert scores(found) == pytest.approx(run.truth())
    assert found.log is not None and (found.log.epochs_in_log, found.log.repeated_files) == (
        4,
        0 if epochs else 8 * 40 // batch,
    )


@pytest.mark.parametrize("lists", [False, True])
def test_steps_of_few_answers_that_are_equal_are_steps_of_their_own(tmp_path: Path, lists: bool) -> None:
    """Each step is a pass in the file's order, and each response one of two letters: passes 3 and 4 are equal."""
    learnt = [
        {"question": text, "reward": float(at % 4 > 0 or step > 2), "step": step, "response": "AB"[at % 2]}
        for step in (1, 2, 3, 4)
        for at, text in enumerate(RUN.questions)
        for _ in range(4)
    ]
    records = [
        {key: [one[key] for one in learnt if one["step"] == step] for key in learnt[0]} for step in (1, 2, 3, 4)
    ]
    write(tmp_path / "log", [one | {"step": at} for at, one in enumerate(records, 1)] if lists else learnt)
    found = chosen(tmp_path, **FLAGS)
    assert found.log is not None and (found.log.epochs_in_log, found.log.repeated_files) == (4, 0)


def test_equal_files_of_two_ranks_are_both_of_the_step(tmp_path: Path) -> None:
    firsts = {(s.step, s.prompt): s for s in reversed(RUN.samples)}.values()
    for step, rows in by_step(firsts, lambda s: row(s, response=f"{s.prompt} {s.step}")).items():
        for rank in (0, 1):
            write_jsonl(tmp_path / "log", {0: rows}, f"step_{step}_rank_{rank}.jsonl")
    found = chosen(tmp_path, **FLAGS)
    assert found.log is not None and (found.log.samples, found.log.repeated_files) == (2 * len(firsts), 0)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_ids_that_a_short_float_cannot_hold_are_refused(tmp_path: Path, name: str, kind: pa.DataType) -> None:
    run = Run()
    run.ids = [str((1 << 25) + number) for number in range(40)]
    run.write_prompts(tmp_path / "prompts.json")
    ids = pa.array([float(run.ids[s.prompt]) for s in run.samples], kind)
    table = pa.table({"id": ids, "reward": [s.reward for s in run.samples], "step": [s.step for s in run.samples]})
    (tmp_path / "log").mkdir()
    if name.endswith("parquet"):
        pq.write_table(table, tmp_path / "log" / name)
    else:
        pyarrow.feather.write_feather(table, str(tmp_path / "log" / name))
    if kind == pa.float32():
        with pytest.raises(InputError, match=r"row 1: 'id' is .* too large for a float to hold every whole number"):
            chosen(tmp_path, id_column="id", step_column="step")
    else:
        assert scores(chosen(tmp_path, id_column="id", step_column="step")) == pytest.approx(run.truth())


def test_columns_of_maps_are_objects(tmp_path: Path) -> None:
    rewards = pa.array([[("acc", s.reward), ("len", 1.0)] for s in RUN.samples], pa.map_(pa.string(), pa.float64()))
    rows = pa.Table.from_pylist([row(s) for s in RUN.samples]).set_column(1, "reward", rewards)
    (tmp_path / "log").mkdir()
    pq.write_table(rows, tmp_path / "log" / "a.parquet")
    assert scores(chosen(tmp_path, reward_column="reward.acc", **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("flag", ["step_column", "epoch_column", "id_column"])
def test_true_and_false_are_no_numbers(tmp_path: Path, flag: str) -> None:
    write(tmp_path / "log", [row(s, late=s.epoch > 2) for s in RUN.samples])
    with pytest.raises(InputError, match=r"row 1: 'late' is False, (not a whole number|neither text nor a whole)"):
        chosen(tmp_path, **FLAGS | ({"prompt_column": None} if flag == "id_column" else {}) | {flag: "late"})


@pytest.mark.parametrize("kind", ["normalised", "centred", "of the step"])
def test_columns_that_are_no_rewards_are_refused(tmp_path: Path, kind: str) -> None:
    groups: dict[Any, list[float]] = {}
    for s in RUN.samples:
        groups.setdefault(s.step if kind == "of the step" else (s.step, s.prompt), []).append(s.reward)

    def value(s: Sample) -> float:
        group = groups[s.step if kind == "of the step" else (s.step, s.prompt)]
        mean = sum(group) / len(group)
        spread = (sum((one - mean) ** 2 for one in group) / len(group)) ** 0.5 if kind == "normalised" else 1
        return mean if kind == "of the step" else (s.reward - mean) / (spread + 1e-4)

    write(tmp_path / "log", [row(s, other=value(s)) for s in RUN.samples])
    says = (
        "all rewards of a step are equal" if kind == "of the step" else "average to 0 in every step, as advantages do"
    )
    with pytest.raises(InputError, match=f"{says}.*--reward_column.*--allow no_rewards"):
        chosen(tmp_path, reward_column="other", **FLAGS)


@pytest.mark.parametrize("prompts", [1, 40])
def test_steps_that_are_all_right_or_all_wrong_have_rewards(tmp_path: Path, prompts: int) -> None:
    """And so have steps of one prompt, of which each is that prompt's."""
    run = Run(4, 5, prompts, 1) if prompts == 1 else Run(prompts, 4, prompts, 2)
    run.samples = [
        Sample(s.step, s.epoch, s.prompt, s.number, s.step % 7 / 6 if prompts == 1 else float(s.step > 2))
        for s in run.samples
    ]
    rows = [row(s) | {"question": run.questions[s.prompt]} for s in run.samples]
    write(tmp_path / "log", rows)
    assert scores(chosen(tmp_path, run=run, **FLAGS)) == pytest.approx(run.truth())


@pytest.mark.parametrize("name", ["run_id", "seed", "run_{}.jsonl", "seed{}/a.jsonl"])
def test_steps_of_several_runs_are_refused(tmp_path: Path, name: str) -> None:
    draw = random.Random(3)
    runs = [[row(s) for s in RUN.samples], [row(s, reward=float(draw.random() < 0.5)) for s in RUN.samples]]
    if "{}" in name:
        for number, rows in enumerate(runs):
            path = tmp_path / "log" / name.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    else:
        write(tmp_path / "log", [one | {name: number} for number, rows in enumerate(runs) for one in rows])
    with pytest.raises(InputError, match=r"most steps have rows of several runs \(.* and .*--allow rows"):
        chosen(tmp_path, **FLAGS)


@pytest.mark.parametrize("name", ["run_id", "attempt_{}.jsonl"])
def test_a_resumed_run_may_have_another_name(tmp_path: Path, name: str) -> None:
    parts = [[row(s) for s in RUN.samples if s.step < 8], [row(s) for s in RUN.samples if s.step > 5]]
    if "{}" in name:
        for number, rows in enumerate(parts):
            (tmp_path / "log").mkdir(exist_ok=True)
            path = tmp_path / "log" / name.format(number)
            path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    else:
        write(tmp_path / "log", [one | {name: number} for number, rows in enumerate(parts) for one in rows])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


def test_a_seed_may_number_the_samples(tmp_path: Path) -> None:
    write(tmp_path / "log", [row(s, seed=s.number) for s in RUN.samples])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())
