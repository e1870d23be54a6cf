"""Ids through verl: into the training file, past the reward function, and out of the rollout files."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import Run, Sample, by_step, write_jsonl

import lim_selection
from lim.pipeline import select
from lim.recorders import verl
from lim.recorders.verl import add_ids, pack, unpack, with_ids
from lim.strategies import Settings
from lim.utils.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
TRUTHS = [
    "42",
    "",
    '{"inputs": ["1"], "outputs": ["2"]}',
    '{"lim_prompt": 1}',
    "½ \\frac{1}{2}\n",
    None,
    7,
    ["a", "b"],
]


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_reward_function_gets_what_the_data_set_had(truth: Any) -> None:
    def score(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any = None) -> dict[str, Any]:
        return {"score": 0.5, "got": ground_truth, "info": extra_info}

    packed = pack("q 1", truth)
    wrapped = with_ids(score)
    given = {"data_source": "d", "solution_str": "s", "extra_info": {"index": 3}}
    for value in (packed, truth):
        want = {"score": 0.5, "got": truth, "info": {"index": 3}}
        assert wrapped(ground_truth=value, **given) == want
        assert wrapped("d", "s", value, {"index": 3}) == want
        # As verl binds `reward_kwargs`.
        assert (
            functools.partial(lambda f, more, **kw: f(**kw, **more), wrapped, {})(ground_truth=value, **given) == want
        )


def test_functions_of_the_batch_kind_and_coroutines() -> None:
    def batch(data_sources: Any, solution_strs: Any, ground_truths: Any, extra_infos: Any) -> list[Any]:
        return list(ground_truths)

    truths = [pack("1", "a"), "b", pack("2", ["c"])]
    given = {"data_sources": None, "solution_strs": None, "extra_infos": None}
    assert with_ids(batch)(ground_truths=truths, **given) == ["a", "b", ["c"]]

    async def later(data_source: str, solution_str: str, ground_truth: Any, **given: Any) -> Any:
        return ground_truth

    wrapped = with_ids(later)
    assert inspect.iscoroutinefunction(wrapped), "verl asks, to await it"
    assert asyncio.run(wrapped(data_source="", solution_str="", ground_truth=pack("1", "a"))) == "a"


def test_verl_s_own_scoring_is_there_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def default_compute_score(data_source: str, solution_str: str, ground_truth: str, **given: Any) -> float:
        return float(solution_str == ground_truth)

    for name in ("verl", "verl.utils"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    score = SimpleNamespace(default_compute_score=default_compute_score)
    monkeypatch.setitem(sys.modules, "verl.utils.reward_score", score)
    for right, answer in ((1.0, "42"), (0.0, "41")):
        assert verl.compute_score(data_source="d", solution_str=answer, ground_truth=pack("1", "42")) == right


# The training file.


def training_file(path: Path, truths: list[Any], *, ids: list[Any] | None = None, kind: Any = None) -> pa.Table:
    rows = len(truths)
    truth = pa.array(truths, kind or pa.string())
    columns = {
        "data_source": pa.array(["d"] * rows),
        "prompt": pa.array([[{"content": f"Question {row}?", "role": "user"}] for row in range(rows)]),
        "reward_model": pa.StructArray.from_arrays([truth, pa.array(["rule"] * rows)], ["ground_truth", "style"]),
        "extra_info": pa.array([{"index": at, "split": "train"} for at in ids or range(rows)]),
        "ability": pa.array(["math"] * rows),
    }
    table = pa.table(columns).replace_schema_metadata({"huggingface": "{}", "own": "kept"})
    pq.write_table(table, path)
    return pq.read_table(path)


def test_the_ids_go_into_the_ground_truth_and_all_else_stays(tmp_path: Path) -> None:
    before = training_file(tmp_path / "train.parquet", ["1", "½", "{}"], ids=[5, 3, 9])
    assert add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet") == 3
    after = pq.read_table(tmp_path / "ids.parquet")
    assert after.schema.equals(before.schema, check_metadata=True)
    for name in before.column_names:
        if name != "reward_model":
            assert after[name].equals(before[name])
    found = after["reward_model"].to_pylist()
    assert [json.loads(one["ground_truth"])["lim_prompt_id"] for one in found] == ["5", "3", "9"]
    assert [one | {"ground_truth": unpack(one["ground_truth"])} for one in found] == before[
        "reward_model"
    ].to_pylist()


@pytest.mark.parametrize(
    ("truths", "kind"),
    [([3, 4], pa.int64()), ([["a", "b"], ["c"]], pa.list_(pa.string())), ([1.5, None], pa.float64())],
)
def test_a_ground_truth_that_is_no_text_comes_back_as_it_was(tmp_path: Path, truths: list[Any], kind: Any) -> None:
    training_file(tmp_path / "train.parquet", truths, kind=kind)
    add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet")
    found = pq.read_table(tmp_path / "ids.parquet")
    assert [unpack(one["ground_truth"]) for one in found["reward_model"].to_pylist()] == truths
    assert found.schema.metadata == {b"own": b"kept"}, "datasets would read the column by the type it had"


def test_ids_are_those_that_selection_reads(tmp_path: Path) -> None:
    training_file(tmp_path / "train.parquet", ["1", "2", "3"], ids=[0, 1, 1])
    add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet")  # the index repeats: row numbers
    found = pq.read_table(tmp_path / "ids.parquet")["reward_model"].to_pylist()
    assert [json.loads(one["ground_truth"])["lim_prompt_id"] for one in found] == ["0", "1", "2"]
    add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet", id_key="reward_model.ground_truth")
    found = pq.read_table(tmp_path / "ids.parquet")["reward_model"].to_pylist()
    assert [json.loads(one["ground_truth"])["lim_prompt_id"] for one in found] == ["1", "2", "3"]


def test_sets_that_were_joined_are_told_apart_by_row(tmp_path: Path) -> None:
    training_file(tmp_path / "train.parquet", ["1"] * 40, ids=[*range(20)] * 2)
    add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet")
    truths = [one["ground_truth"] for one in pq.read_table(tmp_path / "ids.parquet")["reward_model"].to_pylist()]
    write_jsonl(tmp_path / "log", by_step(RUN.samples, lambda s: RUN.verl(s, gts=truths[s.prompt], input="Look.")))
    settings = Settings(similarity_threshold=-99.0)
    selection = select(tmp_path / "train.parquet", log_path=tmp_path / "log", settings=settings)
    assert selection.scores_P.tolist() == pytest.approx([RUN.truth()[id] for id in RUN.ids])


def test_what_is_no_training_file_is_refused(tmp_path: Path) -> None:
    training_file(tmp_path / "train.parquet", ["1", "2"])
    add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet")
    pq.write_table(pa.table({"prompt": ["a"], "reward_model": ["rule"]}), tmp_path / "flat.parquet")
    pq.write_table(pa.table({"prompt": ["a"], "answer": ["1"]}), tmp_path / "other.parquet")
    (tmp_path / "rows.json").write_text('[{"prompt": "a", "reward_model": {"ground_truth": "1"}}]')
    rows = pa.array([{"ground_truth": "1"}, None])
    pq.write_table(pa.table({"prompt": ["a", "b"], "reward_model": rows}), tmp_path / "null.parquet")
    for name, says in {
        "ids.parquet": "row 1 has an id in its ground truth; give the original file",
        "flat.parquet": "is not verl's training file: a Parquet file with reward_model.ground_truth",
        "other.parquet": "is not verl's training file",
        "rows.json": "is not verl's training file",
        "null.parquet": "row 2: 'reward_model' is null",
    }.items():
        with pytest.raises(InputError, match=says):
            add_ids(tmp_path / name, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


# The rollout files.

RUN = Run()


def v0(sample: Sample) -> dict[str, Any]:
    return RUN.verl(sample, gts=pack(RUN.ids[sample.prompt], "1"), input="user\nLook at the picture.\nassistant\n")


def v1(sample: Sample) -> list[dict[str, Any]]:
    """Every second rollout has a second output."""
    uid = f"{sample.step:08x}-0000-4000-8000-{sample.prompt:012x}_{sample.number}"
    outputs = range(1 + sample.number % 2)
    return [v0(sample) | {"uid": f"{uid}_{at}", "input": "x" * at + "Look."} for at in outputs]


def scores(folder: Path, **settings: Any) -> dict[str, float]:
    prompts = RUN.write_prompts(folder / "prompts.json")
    selection = select(prompts, log_path=folder / "log", settings=Settings(similarity_threshold=-99.0, **settings))
    assert selection.log is not None and selection.log.samples == len(RUN.samples)
    return dict(zip(selection.ids, selection.scores_P.tolist(), strict=True))


@pytest.mark.parametrize("row", [v0, v1])
@pytest.mark.parametrize("name", ["{}.jsonl", "rollouts.jsonl"])
def test_prompts_are_told_by_id_where_their_texts_are_one(tmp_path: Path, row: Callable[..., Any], name: str) -> None:
    steps = by_step(RUN.samples, row)
    if "{}" not in name:
        steps = {0: [row for rows in steps.values() for row in rows]}
    write_jsonl(tmp_path / "log", steps, name)
    assert scores(tmp_path) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("trainer", ["v0", "v1"])
def test_rollouts_that_verl_s_own_code_wrote(tmp_path: Path, trainer: str) -> None:
    """By `scripts/verify_verl.py --keep`, from a training file with ids; two questions share a text."""
    written = Path(__file__).parent / "written"
    made = json.loads((written / "run.json").read_text())
    run = Run(prompts=8, epochs=3, batch=4)
    run.ids, run.questions = made["ids"], made["questions"]
    prompts = run.write_prompts(tmp_path / "prompts.json")
    selection = select(prompts, log_path=written / trainer, settings=Settings(similarity_threshold=-99.0))
    seen = [Sample(step, epoch, prompt, 0, reward) for step, epoch, prompt, reward in made["samples"]]
    truth = run.truth(seen)
    assert dict(zip(selection.ids, selection.scores_P.tolist(), strict=True)) == pytest.approx(truth)
    assert truth[run.ids[0]] != pytest.approx(truth[run.ids[1]]) and run.questions[0] == run.questions[1]


def test_validation_before_training_has_no_ids(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "log", by_step(RUN.samples, v0))
    write_jsonl(tmp_path / "log", {0: [{"input": f"v{at}", "gts": "1", "score": 1.0, "step": 0} for at in range(9)]})
    assert scores(tmp_path) == pytest.approx(RUN.truth())


def test_a_log_with_ids_in_some_files_only_is_refused(tmp_path: Path) -> None:
    steps = by_step(RUN.samples, v0)
    write_jsonl(tmp_path / "log", steps | {2: [RUN.verl(s) for s in RUN.samples if s.step == 2]})
    with pytest.raises(InputError, match=r"2\.jsonl: row 1: 'gts' has no prompt id, as other files of the log have"):
        scores(tmp_path)
    steps[3][4]["gts"] = "1"
    write_jsonl(tmp_path / "log", steps)
    with pytest.raises(InputError, match=r"3\.jsonl: row 5: 'gts' has no prompt id"):
        scores(tmp_path)


def test_ids_of_another_file_are_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "log", by_step(RUN.samples, lambda s: RUN.verl(s, gts=pack(f"other{s.prompt}", "1"))))
    with pytest.raises(InputError, match="none of its 40 prompts is in the prompt file"):
        scores(tmp_path)


def test_a_ground_truth_that_only_looks_like_it_is_text(tmp_path: Path) -> None:
    broken = '{"lim_prompt_id": 7, "ground_truth"'
    write_jsonl(tmp_path / "log", by_step(RUN.samples, lambda s: RUN.verl(s, gts=broken)))
    assert scores(tmp_path) == pytest.approx(RUN.truth())
    assert unpack(broken) == broken


def test_from_a_training_file_to_the_chosen_rows_of_the_same_schema(tmp_path: Path) -> None:
    table = training_file(tmp_path / "train.parquet", ["1"] * 40)
    add_ids(tmp_path / "train.parquet", tmp_path / "ids.parquet")
    truths = [one["ground_truth"] for one in pq.read_table(tmp_path / "ids.parquet")["reward_model"].to_pylist()]
    rows = by_step(RUN.samples, lambda s: RUN.verl(s, gts=truths[s.prompt], input="user\nLook.\nassistant\n"))
    write_jsonl(tmp_path / "rollouts", rows)
    flags = ["--train_samples_path", str(tmp_path / "rollouts"), "--top_k", "7"]
    flags += ["--original_prompts_path", str(tmp_path / "train.parquet")]
    lim_selection.main([*flags, "--output_path", str(tmp_path / "chosen.parquet")])
    chosen = pq.read_table(tmp_path / "chosen.parquet")
    best = sorted(range(40), key=lambda at: -RUN.truth()[RUN.ids[at]])[:7]
    assert chosen.equals(table.take(sorted(best)), check_metadata=True)


def test_verl_s_environment_needs_no_package_for_it() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from lim.recorders.verl import compute_score, with_ids"
    subprocess.run([sys.executable, "-S", "-c", code, str(ROOT)], check=True)
