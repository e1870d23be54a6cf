"""Tables without a column of steps: the step is in the files' names, beside other numbers or without a separator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import Row, Run, by_step, chosen, scores, write_jsonl

from lim.logs.find import find_log
from lim.logs.formats import Columns
from lim.utils.errors import InputError

RUN = Run()
FLAGS = {"prompt_column": "input", "reward_column": "score"}
SCHEMES: dict[str, Callable[[int, int], str]] = {  # (step, rank of two) → name
    "a word that is no step": lambda step, _: f"batch{step}",
    "behind letters": lambda step, _: f"rollouts{step:05d}",
    "a word that is a step, and ranks": lambda step, rank: f"rank_{rank}_step_{step}",
    "no word, and ranks": lambda step, rank: f"{step}-rank-{rank}",
    "ranks without a separator": lambda step, rank: f"{step}_gpu{rank}",
    "shards": lambda step, rank: f"out-{step}-shard{rank}",
    "a date": lambda step, _: f"2026-11-{step:02d}T10-00-{step:02d}",
    "the number of ranks": lambda step, rank: f"world2_{step}_rank{rank}",
    "an epoch beside the run's step": lambda step, _: f"epoch{(step + 3) // 4}/step_{step}",
    "letters that end like a rank's": lambda step, _: f"http_{step}",
    "letters that end like a step's": lambda step, rank: f"{step}-rank{rank}-writer_1",
    "folders": lambda step, _: f"train7/batch{step}",
    "numbers of what a step has": lambda step, part: f"step_{step}/sample_{part}",
    "folders by the step's value": lambda step, part: f"step={step}/part-{part}",
    "folders by the step's and another's": lambda step, part: f"step={step}/epoch={(step + 3) // 4}/{part:08d}",
    "numbers of all samples": lambda step, part: f"global_step_{step}/{2 * step + part:06d}",
}


def write(folder: Path, name: Callable[[int, int], str]) -> None:
    files: dict[str, list[Row]] = {}
    for at, sample in enumerate(RUN.samples):
        row = {key: value for key, value in RUN.verl(sample).items() if key != "step"}
        files.setdefault(name(sample.step, at % 2), []).append(row)
    for file, rows in files.items():
        write_jsonl(folder, {0: rows}, f"{file}.jsonl")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_step_is_the_number_that_tells_files_apart(tmp_path: Path, scheme: str) -> None:
    write(tmp_path / "log", SCHEMES[scheme])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth(RUN.samples))


AMBIGUOUS: dict[str, Callable[[int, int], str]] = {
    "two numbers": lambda step, rank: f"{step}_{rank}",
    "folders": lambda step, _: f"{step // 4}/b{step % 4}",
    "an epoch behind the step": lambda step, _: f"step_{step % 4}_epoch_{step // 4}",
    "steps that start anew": lambda step, _: f"epoch_{step // 4}/step_{step % 4}",
}


@pytest.mark.parametrize("name", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_numbers_that_may_each_be_the_step_are_refused(tmp_path: Path, name: Callable[[int, int], str]) -> None:
    write(tmp_path / "log", name)
    with pytest.raises(InputError, match=r"hold several numbers, of which any may be the step; give --step_column"):
        chosen(tmp_path, **FLAGS)


def test_ranks_alone_are_no_steps(tmp_path: Path) -> None:
    """All of a run in a file for each rank: the epoch's column tells, and no rank is before another."""
    for rank in range(2):
        rows = [RUN.verl(sample, epoch=sample.epoch) for sample in RUN.samples[rank::2]]
        write_jsonl(tmp_path / "log", {rank: rows}, "rank_{}.jsonl")
    columns = Columns(prompt="input", epoch="epoch")
    assert {file.step for file in find_log(tmp_path / "log", columns=columns).files} == {0}
    assert scores(chosen(tmp_path, **FLAGS, epoch_column="epoch")) == pytest.approx(RUN.truth(RUN.samples))


def test_parts_of_a_log_that_was_cut_are_in_order(tmp_path: Path) -> None:
    """Each part holds two steps; neither says which."""
    write(tmp_path / "log", lambda step, _: f"part-{(step - 1) // 2:05d}")
    found = chosen(tmp_path, **FLAGS)
    assert scores(found) == pytest.approx(RUN.truth(RUN.samples))
    assert any("the number of its part (part-00000.jsonl), which is taken for it" in note for note in found.notes)


@pytest.mark.parametrize("name", ["train-{:05d}-of-00002", "data_{}_of_2", "part-{}-of-2/rows"])
def test_parts_of_a_data_set_that_was_cut_by_size_are_no_steps(tmp_path: Path, name: str) -> None:
    """Each holds two epochs, whose samples would become one epoch's."""
    write(tmp_path / "log", lambda step, _: name.format((step - 1) // 8))
    with pytest.raises(InputError, match=r"the log has one epoch.*nothing says the step of a row.*--step_column"):
        chosen(tmp_path, **FLAGS)
    rates = chosen(tmp_path, **FLAGS, strategy="uncertainty").log
    assert rates is not None and rates.samples == len(RUN.samples)


def test_a_step_beside_the_number_of_a_part_of_several(tmp_path: Path) -> None:
    write(tmp_path / "log", lambda step, rank: f"{step}-{rank:05d}-of-00002")
    found = chosen(tmp_path, **FLAGS)
    assert scores(found) == pytest.approx(RUN.truth(RUN.samples)) and not any("part" in note for note in found.notes)


@pytest.mark.parametrize("under", ["step=%d", "epoch=%d/step=%d", "step=%d/epoch=%d"])
def test_folders_by_a_column_s_value_are_that_column(tmp_path: Path, under: str) -> None:
    """As Arrow, Spark and Polars write tables that are cut by a column, which the files then lack."""
    for sample in RUN.samples:
        both = {"step": sample.step, "epoch": sample.epoch}
        folder = tmp_path / "log" / under.replace("=%d", "={}").format(*(both[one[:-3]] for one in under.split("/")))
        folder.mkdir(parents=True, exist_ok=True)
        row = {key: value for key, value in RUN.verl(sample).items() if key != "step"}
        with open(folder / "part-0.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
    flags = FLAGS | {"step_column": "step"} | ({"epoch_column": "epoch"} if "epoch" in under else {})
    assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth())


# Files of evaluation beside those of training.

EVALUATED = {  # training's name, evaluation's
    "files": ("train_{}.jsonl", "eval_{}.jsonl"),
    "folders": ("rollouts/step_{}.jsonl", "validation/step_{}.jsonl"),
    "folders of steps": ("iteration_{}/rollouts.jsonl", "iteration_{}/test_gsm8k.jsonl"),
    "a word behind": ("step_{}.jsonl", "step_{}_val.jsonl"),
}


def evaluated(log: Path, names: tuple[str, str]) -> None:
    """Training, and every fourth step evaluation on half of its prompts."""
    steps = by_step(RUN.samples, RUN.verl)
    write_jsonl(log, steps, names[0])
    asked = [RUN.verl(sample, score=1.0) for sample in RUN.samples if sample.epoch == 1 and sample.prompt % 2]
    write_jsonl(log, dict.fromkeys((4, 8, 12), asked), names[1])


@pytest.mark.parametrize("kind", EVALUATED)
def test_files_of_evaluation_beside_those_of_training_are_not_read(tmp_path: Path, kind: str) -> None:
    evaluated(tmp_path / "log", EVALUATED[kind])
    selection = chosen(tmp_path, step_column="step", **FLAGS)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any("files of evaluation by their names are not read: " in note for note in selection.notes)


def test_evaluation_above_the_folder_of_the_training_is_not_read(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "log", {0: [RUN.verl(RUN.samples[0])]}, "evaluation.jsonl")
    write_jsonl(tmp_path / "log" / "train", by_step(RUN.samples, RUN.verl), "step_{}.jsonl")
    assert scores(chosen(tmp_path, step_column="step", **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("name", ["eval.jsonl", "test_{}.jsonl"])
def test_files_that_only_sound_like_evaluation_are_the_log(tmp_path: Path, name: str) -> None:
    write_jsonl(tmp_path / "log", by_step(RUN.samples, RUN.verl) if "{" in name else {0: every()}, name)
    assert scores(chosen(tmp_path, step_column="step", **FLAGS)) == pytest.approx(RUN.truth())


def every() -> list[Row]:
    return [RUN.verl(sample) for sample in RUN.samples]


@pytest.mark.parametrize("name", ["latest_{}.jsonl", "devices_{}.jsonl"])
def test_words_that_only_contain_evaluation_s_are_none(tmp_path: Path, name: str) -> None:
    write_jsonl(tmp_path / "log", by_step(RUN.samples, RUN.verl), "samples_{}.jsonl")
    write_jsonl(tmp_path / "log", by_step(RUN.samples, RUN.verl), name)
    with pytest.raises(InputError, match="holds several kinds of files that may be the log"):
        chosen(tmp_path, step_column="step", **FLAGS)


# W&B's tables of other names.


def tables(folder: Path, name: str) -> None:
    for step, rows in by_step(RUN.samples, RUN.verl).items():
        data = [list(row.values()) for row in rows]
        path = (
            folder
            / "media"
            / "table"
            / f"{name}_{step * 3}_{hashlib.sha256(bytes([step])).hexdigest()[:20]}.table.json"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"columns": list(rows[0]), "data": data}))


@pytest.mark.parametrize("more", [{}, {"step_column": "step"}])
def test_tables_of_wandb_under_any_name(tmp_path: Path, more: dict[str, str]) -> None:
    tables(tmp_path / "log", "samples")
    tables(tmp_path / "log", "val_samples")
    assert scores(chosen(tmp_path, **FLAGS, **more)) == pytest.approx(RUN.truth())


def test_tables_of_wandb_in_folders_say_their_columns(tmp_path: Path) -> None:
    tables(tmp_path / "log", "samples")
    with pytest.raises(InputError, match="perhaps --prompt_column input --reward_column score --step_column step"):
        chosen(tmp_path)


# A column that says the step, which was not named.


@pytest.mark.parametrize("name", ["all.jsonl", "part_{}.jsonl"])
@pytest.mark.parametrize(
    ("column", "flag"), [("iteration", "--step_column iteration"), ("epoch", "--epoch_column epoch")]
)
def test_a_column_of_the_step_that_was_not_named(tmp_path: Path, column: str, flag: str, name: str) -> None:
    rows = [{"question": RUN.questions[s.prompt], "reward": s.reward, column: s.step} for s in RUN.samples]
    write_jsonl(tmp_path / "log", {1: rows[:300], 2: rows[300:]} if "{" in name else {0: rows}, name)
    with pytest.raises(InputError, match=f"nothing says the step of a row, so .*; its columns may: {flag}"):
        chosen(tmp_path, prompt_column="question")


def test_folders_of_a_resumed_run_are_to_be_joined(tmp_path: Path) -> None:
    steps = by_step(RUN.samples, RUN.verl)
    for at, folder in enumerate(("first", "second")):
        write_jsonl(tmp_path / "log" / folder, {step: rows for step, rows in steps.items() if (step > 9) == at})
    with pytest.raises(InputError, match=r"first .*or .*second .* If a run was resumed .* join them"):
        chosen(tmp_path)
