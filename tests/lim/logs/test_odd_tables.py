"""Tables that people keep of their runs: the scores are the true ones, or a line says what would make them so."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from runs import Row, Run, Sample, chosen, scores

from lim.utils.errors import InputError

RUN = Run()
FLAGS = {"prompt_column": "question", "step_column": "step"}


def rows(samples: list[Sample] | None = None, run: Run = RUN, **fields: Callable[[Sample], Any]) -> list[Row]:
    return [
        {"question": run.questions[s.prompt], "reward": s.reward, "step": s.step, "epoch": s.epoch}
        | {name: make(s) for name, make in fields.items()}
        for s in (run.samples if samples is None else samples)
    ]


def write(path: Path, table: list[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table), encoding="utf-8")
    return path


def write_csv(path: Path, table: list[Row], separator: str = ",", encoding: str = "utf-8", **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), delimiter=separator, **how)
        writer.writeheader()
        writer.writerows(table)
    return path


def turns(s: Sample, run: Run = RUN) -> list[Row]:
    return [{"role": "system", "content": 'Say "it".'}, {"role": "user", "content": run.questions[s.prompt]}]


# Files.


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t"), ("a.csv", "|")])
def test_cells_may_be_split_by_other_characters(tmp_path: Path, name: str, separator: str) -> None:
    write_csv(tmp_path / "log" / name, rows(), separator)
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


def test_a_header_in_quotes_names_its_columns(tmp_path: Path) -> None:
    write_csv(tmp_path / "log" / "a.csv", rows(), quoting=csv.QUOTE_ALL)
    for name in ("b", "c"):
        write_csv(tmp_path / "log" / f"{name}.csv", [{"loss": 1}])
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize(
    ("encoding", "says"), [("utf-16", "is UTF-16, not UTF-8"), ("latin-1", "byte .*: not UTF-8")]
)
def test_another_encoding_is_named(tmp_path: Path, encoding: str, says: str) -> None:
    write_csv(
        tmp_path / "log" / "a.csv", rows(RUN.samples, question=lambda s: f"Würfel {s.prompt}"), encoding=encoding
    )
    with pytest.raises(InputError, match=says):
        chosen(tmp_path, **FLAGS)


@pytest.mark.parametrize("name", ["a.arrow", "a.feather", "data-00000-of-00001.arrow"])
def test_arrow_files_are_tables(tmp_path: Path, name: str) -> None:
    (tmp_path / "log").mkdir()
    pyarrow.feather.write_feather(pa.Table.from_pylist(rows()), str(tmp_path / "log" / name))
    (tmp_path / "log" / "state.json").write_text('{"_split": null}')
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


def test_files_of_which_some_are_packed_are_one_log(tmp_path: Path) -> None:
    for step in range(1, 17):
        path = write(tmp_path / "log" / f"step_{step}.jsonl", rows([s for s in RUN.samples if s.step == step]))
        if step < 9:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    assert scores(chosen(tmp_path, prompt_column="question")) == pytest.approx(RUN.truth())
    write(tmp_path / "log" / "step_3.jsonl", rows())
    with pytest.raises(InputError, match=r"is step_3.jsonl, which is there too, packed; keep one of them"):
        chosen(tmp_path, prompt_column="question")


def test_links_to_files_of_the_log_are_no_files_of_their_own(tmp_path: Path) -> None:
    for step in range(1, 17):
        write(tmp_path / "log" / f"step_{step}" / "r.jsonl", rows([s for s in RUN.samples if s.step == step]))
    os.symlink("step_16", tmp_path / "log" / "latest")
    os.symlink(".", tmp_path / "log" / "here")
    assert scores(chosen(tmp_path, prompt_column="question")) == pytest.approx(RUN.truth())
    os.rename(tmp_path / "log", tmp_path / "kept")
    os.symlink(tmp_path / "kept", tmp_path / "log")
    assert scores(chosen(tmp_path, prompt_column="question")) == pytest.approx(RUN.truth())


def test_a_file_of_another_kind_above_the_log_s_is_passed_by(tmp_path: Path) -> None:
    for rank, step in ((rank, step) for rank in range(2) for step in range(1, 17)):
        mine = [s for s in RUN.samples if s.step == step and s.number % 2 == rank]
        write(tmp_path / "log" / f"rank_{rank}" / f"step_{step}.jsonl", rows(mine))
    (tmp_path / "log" / "config.json").write_text('{"lr": 1}')
    assert scores(chosen(tmp_path, prompt_column="question")) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("name", ["a.pkl", "log.bin", "events.out.tfevents.1764294880.host"])
def test_a_file_that_is_no_table_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04\x95\x00")
    with pytest.raises(InputError, match=r"not a table that is read here \(.jsonl, .json, .parquet, .csv"):
        chosen(tmp_path, tmp_path / name, **FLAGS)


def test_a_last_line_that_a_killed_run_cut_can_be_removed(tmp_path: Path) -> None:
    path = write(tmp_path / "log" / "a.jsonl", rows())
    whole = path.read_text()
    path.write_text(whole + '{"question": "What')
    with pytest.raises(InputError, match=r"row 641: not complete JSON \(its last line\); remove that line"):
        chosen(tmp_path, **FLAGS)
    path.write_text(whole.replace("\n", "\n\n", 3))
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


def test_rows_of_several_steps_in_files_that_are_named_by_a_number(tmp_path: Path) -> None:
    for rank in range(4):
        mine = [RUN.verl(s) for s in RUN.samples if s.number == rank]
        write(tmp_path / "log" / f"{rank}.jsonl", mine)
    with pytest.raises(
        InputError, match=r"its rows are of the steps 1 to 16, and its name says one; .* --step_column"
    ):
        chosen(tmp_path)
    flags = {"prompt_column": "input", "reward_column": "score", "step_column": "step"}
    assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth())


def test_rows_of_many_steps_are_not_taken_for_a_file_of_the_released_code(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "all.json").write_text(json.dumps([{"prompt": row.pop("question"), **row} for row in rows()]))
    with pytest.raises(InputError, match=r"perhaps --prompt_column prompt --reward_column reward --step_column step"):
        chosen(tmp_path)
    assert scores(chosen(tmp_path, prompt_column="prompt", step_column="step")) == pytest.approx(RUN.truth())


def test_a_log_without_steps_says_so(tmp_path: Path) -> None:
    without = [{"question": row["question"], "reward": row["reward"]} for row in rows()]
    write(tmp_path / "log" / "a.jsonl", without)
    with pytest.raises(InputError, match=r"the log has one epoch.*nothing says the step of a row.*--step_column"):
        chosen(tmp_path, prompt_column="question")


# Prompts and ids.

PROMPTS: dict[str, Callable[[Sample], Any]] = {
    "as Python writes them": lambda s: str(turns(s)),
    "as numpy writes them": lambda s: "[" + "\n ".join(map(str, turns(s))) + "]",
    "JSON with an indent": lambda s: "\n" + json.dumps(turns(s), indent=2),
    "with the answer behind": lambda s: [*turns(s), {"role": "assistant", "content": f"{s.step} {s.number}"}],
    "calls of tools without content behind": lambda s: [*turns(s), {"role": "assistant", "tool_calls": [{"id": 1}]}],
    "calls of tools without content before": lambda s: [
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "tool_calls": [{"id": 1}]},
        {"role": "tool", "content": "7"},
        *turns(s)[1:],
    ],
    "parts without text": lambda s: [
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": RUN.questions[s.prompt]}]}
    ],
}


@pytest.mark.parametrize("form", PROMPTS)
def test_messages_however_they_are_written(tmp_path: Path, form: str) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(question=PROMPTS[form]))
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


PICTURES = {"<image>": "image", "<image> ": "image_url", "<audio>": "input_audio", "<video>": "video_url"}


@pytest.mark.parametrize("mark", PICTURES)
def test_parts_of_messages_stand_where_the_file_has_marks(tmp_path: Path, mark: str) -> None:
    run, part = Run(), {"type": PICTURES[mark], "text": None}
    run.questions = [f"Of {mark.strip()} and {mark.strip()}: {text}" for text in RUN.questions]

    def asked(s: Sample) -> list[Row]:
        text = [{"type": "text", "text": text} for text in ("Of ", " and ", f": {RUN.questions[s.prompt]}")]
        return [{"role": "user", "content": [text[0], part, text[1], part, text[2]]}]

    write(tmp_path / "log" / "a.jsonl", rows(question=asked))
    assert scores(chosen(tmp_path, run=run, **FLAGS)) == pytest.approx(run.truth())


IDS: dict[str, tuple[Callable[[int], Any], Callable[[int], Any]]] = {  # in the file, in the log
    "zeros lost in the log": (lambda n: f"{n + 1:03d}", lambda n: n + 1),
    "zeros lost in the file": (lambda n: n + 1, lambda n: f"{n + 1:05d}"),
    "floats in text": (lambda n: n + 1, lambda n: f"{n + 1}.0"),
    "zero": (lambda n: f"{n:02d}", lambda n: float(n)),
    "a sign": (lambda n: str(n - 20), lambda n: f"{n - 20}.0"),
    "columns of one width": (str, lambda n: f"{n:2d}"),
    "spaces in the file": (lambda n: f"q{n} ", lambda n: f"q{n}"),
    "capitals": (lambda n: f"{n:04x}-abc", lambda n: f"{n:04X}-ABC"),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_that_are_numbers_are_the_same_however_they_are_written(tmp_path: Path, kind: str) -> None:
    run, (in_file, in_log) = Run(), IDS[kind]
    run.ids = [in_file(number) for number in range(40)]
    run.write_prompts(tmp_path / "prompts.json")
    write(tmp_path / "log" / "a.jsonl", rows(id=lambda s: in_log(s.prompt)))
    found = scores(chosen(tmp_path, id_column="id", step_column="step"))
    assert found == pytest.approx({str(id): score for id, score in run.truth().items()})


@pytest.mark.parametrize(("by", "said", "first"), [(1, "lowered", 0), (-1, "raised", 1), (-1, "raised", 0)])
def test_ids_that_are_counted_from_another_number_are_refused(tmp_path: Path, by: int, said: str, first: int) -> None:
    run = Run()
    run.ids = [str(number + first) for number in range(40)]
    run.write_prompts(tmp_path / "prompts.json")
    write(tmp_path / "log" / "a.jsonl", rows(id=lambda s: int(run.ids[s.prompt]) + by))
    with pytest.raises(InputError, match=rf"once they are {said} by 1: .*--prompt_column .*--allow unmatched"):
        chosen(tmp_path, id_column="id", step_column="step")
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(run.truth())


def test_ids_and_texts_are_not_read_both(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", rows(id=lambda s: RUN.ids[s.prompt - 1]))  # one says the one before
    with pytest.raises(InputError, match="give --id_column or --prompt_column, not both"):
        chosen(tmp_path, log, **FLAGS, id_column="id")


def test_row_numbers_of_a_file_with_more_rows_are_refused(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", rows(row=lambda s: s.prompt))
    prompts = [{"prompt": RUN.questions[number]} for number in range(40) if number % 5]  # without ids
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    flags = {"id_column": "row", "step_column": "step"}
    with pytest.raises(
        InputError, match=r"row numbers, 0 to 31, stand for them, and the log has 8 others, such as 3"
    ):
        chosen(tmp_path, log, **flags)
    assert chosen(tmp_path, log, **flags, allow=("unmatched",)).allowed


def test_ids_that_a_float_cannot_hold_are_refused(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    table = pa.Table.from_pylist(rows(id=lambda s: float(9007199254740993 + s.prompt)))
    pq.write_table(table, tmp_path / "log" / "a.parquet")
    with pytest.raises(InputError, match=r"row 1: 'id' is 9.0072e\+15, too large for a float"):
        chosen(tmp_path, id_column="id", step_column="step")


def test_zeros_that_tell_ids_apart_count(tmp_path: Path) -> None:
    run = Run()
    run.ids = ["7", "07", "007", *map(str, range(93, 130))]
    run.write_prompts(tmp_path / "prompts.json")
    write(tmp_path / "log" / "a.jsonl", rows(id=lambda s: run.ids[s.prompt]))
    assert scores(chosen(tmp_path, id_column="id", step_column="step")) == pytest.approx(run.truth())


def test_capitals_that_tell_ids_apart_count(tmp_path: Path) -> None:
    """Also where the file lacks one of them."""
    run = Run()
    run.ids = [f"{'aA'[n % 2]}{n // 2}" for n in range(40)]
    write(tmp_path / "log" / "a.jsonl", rows(id=lambda s: run.ids[s.prompt]))
    flags = {"id_column": "id", "step_column": "step"}
    assert scores(chosen(tmp_path, run=run, **flags)) == pytest.approx(run.truth())
    run.write_prompts(tmp_path / "prompts.json")
    kept = json.loads((tmp_path / "prompts.json").read_text())[1:]
    (tmp_path / "prompts.json").write_text(json.dumps(kept))
    assert scores(chosen(tmp_path, **flags)) == pytest.approx({id: run.truth()[id] for id in run.ids[1:]})


# Rewards.


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_reward_that_is_too_large_is_refused(tmp_path: Path, name: str) -> None:
    table = rows(reward=lambda s: s.reward * 1e300)
    if name == "a.jsonl":
        write(tmp_path / "log" / name, table)
    else:
        (tmp_path / "log").mkdir()
        pq.write_table(pa.Table.from_pylist(table), tmp_path / "log" / name)
    with pytest.raises(InputError, match=r"row \d+: reward is 1e\+300; fix"):
        chosen(tmp_path, **FLAGS, max_reward=1e300)


@pytest.mark.parametrize("text", ["None", "NULL", "<NA>", "nan", ""])
def test_a_reward_that_is_not_given_in_text(tmp_path: Path, text: str) -> None:
    write_csv(tmp_path / "log" / "a.csv", [*rows(), {**rows()[0], "reward": text}])
    selection = chosen(tmp_path, **FLAGS)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert "1 row without a reward skipped" in selection.notes


def test_rewards_that_are_an_object_are_named(tmp_path: Path) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(reward=lambda s: {"acc": s.reward, "form": 0.5}))
    with pytest.raises(InputError, match=r"'reward' is an object; .*--reward_column reward.acc,reward.form"):
        chosen(tmp_path, **FLAGS)
    assert scores(chosen(tmp_path, **FLAGS, reward_column="reward.acc")) == pytest.approx(RUN.truth())


LISTS: dict[str, tuple[Callable[[Sample], list[float]], str]] = {
    "functions": (lambda s: [s.reward, 0.5], "reward.0"),
    "weighted functions": (lambda s: [0.25 * s.reward, 0.5, 0.75 * s.reward], "reward.0,reward.2"),
    "tokens": (lambda s: [0.0] * (1 + (s.number * 7 + s.prompt) % 5) + [s.reward], "reward.-1"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_rewards_within_a_sample_are_refused(tmp_path: Path, kind: str) -> None:
    make, column = LISTS[kind]
    write(tmp_path / "log" / "a.jsonl", rows(reward=make))
    with pytest.raises(InputError, match=r"a prompt has several such rows in a step; .*reward.-1 .*--allow lists"):
        chosen(tmp_path, **FLAGS)
    assert scores(chosen(tmp_path, **FLAGS, reward_column=column)) == pytest.approx(RUN.truth())


def test_lists_of_rewards_by_sample_in_parts_are_allowed(tmp_path: Path) -> None:
    parts: dict[tuple[int, int, int], list[float]] = {}
    for s in RUN.samples:
        parts.setdefault((s.step, s.prompt, s.number // 2), []).append(s.reward)
    table = [{"question": RUN.questions[p], "step": step, "reward": values} for (step, p, _), values in parts.items()]
    write(tmp_path / "log" / "a.jsonl", table)
    assert scores(chosen(tmp_path, **FLAGS, allow=("lists",))) == pytest.approx(RUN.truth())


def test_data_sets_on_scales_of_their_own_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(reward=lambda s: s.reward if s.prompt % 3 else 2 * s.reward - 1))
    with pytest.raises(InputError, match=r"from -1 to 1, .* from 0 to 1\).*--metric accuracy.*--allow scales"):
        chosen(tmp_path, **FLAGS)
    assert scores(chosen(tmp_path, **FLAGS, metric="accuracy")) == pytest.approx(RUN.truth())
    write(tmp_path / "log" / "a.jsonl", rows(reward=lambda s: s.reward * (1 if s.prompt % 3 else 10)))
    for settings in ({}, {"metric": "accuracy"}, {"strategy": "difficulty", "similarity_threshold": None}):
        with pytest.raises(InputError, match=r"from 0 to 1, .* from 0 to 10\).*one scale in the log \(--allow"):
            chosen(tmp_path, **FLAGS, max_reward=10, **settings)


def test_three_rewards_on_one_scale_are_no_two_scales(tmp_path: Path) -> None:
    draw = random.Random(1)
    samples = [replace(s, reward=s.reward if s.reward else -float(draw.random() < 0.3)) for s in RUN.samples]
    write(tmp_path / "log" / "a.jsonl", rows(samples))
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth(samples))


@pytest.mark.parametrize("settings", [{"metric": "accuracy"}, {"strategy": "uncertainty", "top_k": 5}])
def test_graded_rewards_have_no_passes(tmp_path: Path, settings: dict[str, Any]) -> None:
    draw = random.Random(2)
    penalty = [1 - 0.2 * draw.random() for _ in RUN.samples]
    samples = [replace(s, reward=s.reward * less) for s, less in zip(RUN.samples, penalty, strict=True)]
    table = [row | {"right": s.reward} for row, s in zip(rows(samples), RUN.samples, strict=True)]
    write(tmp_path / "log" / "a.jsonl", table)
    kept = settings if "top_k" not in settings else settings | {"similarity_threshold": None}
    with pytest.raises(InputError, match=r"graded, and hardly any pass; name a column .*--allow passes"):
        chosen(tmp_path, **FLAGS, **kept)
    found = chosen(tmp_path, **FLAGS, **kept, reward_column="right")
    if "top_k" not in settings:
        assert scores(found) == pytest.approx(RUN.truth())


# Steps and epochs.

EPOCHS: dict[str, Callable[[Sample], int]] = {
    "every tenth": lambda s: 10 * s.epoch,
    "one was not logged": lambda s: s.epoch + (s.epoch > 2),
    "from 0, with gaps": lambda s: 2 * s.epoch - 2,
}


@pytest.mark.parametrize("kind", EPOCHS)
def test_epochs_that_no_row_is_of_are_none(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(epoch=EPOCHS[kind]))
    selection = chosen(tmp_path, **FLAGS, epoch_column="epoch")
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any(note.startswith("the log has 4 of the epochs") for note in selection.notes)


def test_epochs_that_begin_anew_after_a_resume_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(epoch=lambda s: (s.epoch - 1) % 2))
    with pytest.raises(
        InputError, match=r"step 9 is of epoch 0, and step 8 before it of epoch 1: .*leave --epoch_col"
    ):
        chosen(tmp_path, **FLAGS, epoch_column="epoch")
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("first", [0, 1])
def test_steps_that_begin_anew_in_each_epoch_are_not_made_again(tmp_path: Path, first: int) -> None:
    run = Run()
    run.samples = sorted(
        (replace(s, step=4 * (s.epoch - 1) + s.prompt // 10) for s in run.samples), key=lambda s: (s.step, s.prompt)
    )
    kept = [s for s in run.samples if s.epoch == 1 or s.step % 4 >= first]  # later epochs lost their first step
    write(tmp_path / "log" / "a.jsonl", rows(kept, run, step=lambda s: s.step % 4))
    assert scores(chosen(tmp_path, **FLAGS, epoch_column="epoch")) == pytest.approx(run.truth(kept))


def test_samples_of_a_visit_in_two_steps_are_not_two_epochs(tmp_path: Path) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(step=lambda s: 2 * s.step - s.number % 2))
    with pytest.raises(InputError, match=r"40 prompts were visited 8 times, and no number .*give --steps_per_epoch"):
        chosen(tmp_path, **FLAGS)
    assert scores(chosen(tmp_path, **FLAGS, steps_per_epoch=8)) == pytest.approx(RUN.truth())


def test_two_runs_in_one_folder_are_no_run_of_twice_the_epochs(tmp_path: Path) -> None:
    for seed in (1, 2):
        run = Run(samples=2, seed=seed)
        write(tmp_path / "log" / f"part{seed}.jsonl", rows(run.samples))
    with pytest.raises(InputError, match=r"no number of steps makes epochs of that"):
        chosen(tmp_path, **FLAGS)


@pytest.mark.parametrize("flags", [{}, {"epoch_column": "epoch"}])
@pytest.mark.parametrize(("every", "size"), [(4, 12), (2, 3), (8, 30)])
def test_evaluation_between_is_no_part_of_the_average(
    tmp_path: Path, flags: dict[str, str], every: int, size: int
) -> None:
    draw, evaluation = random.Random(every), list[Row]()
    for step in range(every, 17, every):
        for number in range(size):
            asked = {"question": f"Held out, {number}: why?", "reward": float(draw.random() < 0.9)}
            evaluation.append(asked | {"step": step, "epoch": (step + 3) // 4})
    write(tmp_path / "log" / "a.jsonl", rows() + evaluation)
    selection = chosen(tmp_path, **FLAGS, **flags)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any(f"{size} prompts that are not in the file come in {16 // every} of 16" in n for n in selection.notes)


@pytest.mark.parametrize("left", [1, 3, 12])
def test_prompts_that_the_file_lost_are_part_of_the_average(tmp_path: Path, left: int) -> None:
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    prompts.write_text(json.dumps(json.loads(prompts.read_text())[left:]))
    write(tmp_path / "log" / "a.jsonl", rows())
    truth = RUN.truth()
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx({id: truth[id] for id in RUN.ids[left:]})


def test_prompts_that_come_twice_in_an_epoch_make_it_longer(tmp_path: Path) -> None:
    draw, run, more = random.Random(9), Run(400, 4, 20), [3, 57, 111, 222]
    order = [(epoch, p) for epoch in range(1, 5) for p in draw.sample([*range(400), *more], 404)]
    run.samples = [
        Sample(place // 20 + 1, epoch, prompt, n, float(draw.random() < prompt / 400 * epoch / 4))
        for place, (epoch, prompt) in enumerate(order)
        for n in range(4)
    ]
    write(tmp_path / "log" / "a.jsonl", rows(run.samples, run))
    selection = chosen(tmp_path, run=run, **FLAGS)
    assert selection.log is not None and selection.log.steps_per_epoch == pytest.approx(20.2)
    assert scores(selection) == pytest.approx(run.truth(), abs=0.01)
    assert any(note.startswith("epochs are not clean: one sees up to ") for note in selection.notes)


# Tables of a spreadsheet, of pandas, of Parquet.


def test_a_spreadsheet_says_how_its_cells_are_split(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "log" / "a.csv", rows(), "|")
    path.write_text("sep=|\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


TABLE = {"question": ["a", "b"], "reward": [1, 0], "step": [1, 1]}
LINES = [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)]


@pytest.mark.parametrize(
    "value",
    [
        {"data": LINES},
        {"0": LINES[0], "1": LINES[1]},
        {name: {"0": column[0], "1": column[1]} for name, column in TABLE.items()},
        {"step_1": LINES, "step_2": LINES},
    ],
)
def test_an_object_of_objects_is_said_to_be_no_rows(tmp_path: Path, value: Any) -> None:
    (tmp_path / "log.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match=r"is an object of objects, and not rows; .*orient='records'"):
        chosen(tmp_path, tmp_path / "log.json", **FLAGS)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    columns = [pa.array([row[key] for row in rows()]) for key in ("question", "reward", "step", "epoch")]
    table = pa.Table.from_arrays(columns, ["question", "reward", "step", "reward"])
    (tmp_path / "log").mkdir()
    with open(tmp_path / "log" / name, "wb") as file:
        if name == "a.parquet":
            pq.write_table(table, file)
        else:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write(table)
    with pytest.raises(InputError, match="has 2 columns 'reward'; rename one"):
        chosen(tmp_path, **FLAGS)


def test_values_of_every_type_of_a_table(tmp_path: Path) -> None:
    run = Run()
    run.ids = [str(number) for number in range(40)]
    table = pa.table(
        {
            "id": pa.array([Decimal(s.prompt) for s in run.samples], pa.decimal128(10, 0)),
            "reward": pa.array([Decimal(str(s.reward)) for s in run.samples], pa.decimal128(5, 2)),
            "step": [f"step_{s.step:04d}" for s in run.samples],
            "epoch": pa.array([s.epoch for s in run.samples], pa.float16()),
        }
    )
    ids = pa.array(map(Decimal, range(40)), pa.decimal128(10, 0))
    pq.write_table(pa.table({"id": ids, "prompt": run.questions}), tmp_path / "prompts.json")
    (tmp_path / "log").mkdir()
    pq.write_table(table, tmp_path / "log" / "a.parquet")
    for more in ({}, {"epoch_column": "epoch"}):
        selection = chosen(tmp_path, run=run, id_column="id", step_column="step", **more)
        assert scores(selection) == pytest.approx(run.truth())


@pytest.mark.parametrize("text", ["[1.0, 0.0]", '{"acc": 1.0}', "[1. 0.]"])
def test_rewards_in_a_cell_s_text_are_refused(tmp_path: Path, text: str) -> None:
    write_csv(tmp_path / "log" / "a.csv", rows(reward=lambda s: text))
    with pytest.raises(InputError, match="not a number; write the log as JSON lines or Parquet"):
        chosen(tmp_path, **FLAGS)


# Prompts that are written in another way.

WRITTEN: dict[str, Callable[[str], Any]] = {
    "escaped for a page": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    "with signs that are not seen": lambda text: text.replace(" ", "\u00a0", 1).replace("a", "\u200ba", 1) + "\ufeff",
    "an agent's turns behind": lambda text: [
        {"role": "user", "content": text},
        {"role": "assistant", "content": f"look {len(text)}"},
        {"role": "tool", "content": "7"},
        {"role": "assistant", "content": "7"},
    ],
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_prompts_that_are_written_in_another_way_are_matched(tmp_path: Path, kind: str) -> None:
    run = Run()
    run.questions = [text + (' Is a < b & "c"?' if at % 3 else "") for at, text in enumerate(run.questions)]
    write(tmp_path / "log" / "a.jsonl", rows(run=run, question=lambda s: WRITTEN[kind](run.questions[s.prompt])))
    assert scores(chosen(tmp_path, run=run, **FLAGS)) == pytest.approx(run.truth())


OTHERWISE: dict[str, Callable[[str], str]] = {
    "cut at the end": lambda text: text[:60],
    "cut with a mark": lambda text: f"{text[:60]}..." if len(text) > 60 else text,
    "signs replaced": lambda text: text.replace("long", "L0NG"),
}


@pytest.mark.parametrize("kind", OTHERWISE)
def test_some_prompts_that_are_not_matched_though_alike_are_refused(tmp_path: Path, kind: str) -> None:
    run = Run()
    run.questions = [text + " It is long." * 5 if at % 4 == 0 else text for at, text in enumerate(run.questions)]
    write(tmp_path / "log" / "a.jsonl", rows(run=run, question=lambda s: OTHERWISE[kind](run.questions[s.prompt])))
    with pytest.raises(InputError, match=r"10 prompts of the file are not in the log, 10 .*the nearest texts: "):
        chosen(tmp_path, run=run, **FLAGS)


# Rewards that were filtered on one side; groups of several sizes.


@pytest.mark.parametrize("side", ["right", "wrong"])
@pytest.mark.parametrize(("size", "prompts"), [(4, 120), (8, 240)])
def test_a_log_without_groups_that_are_all_right_or_all_wrong_is_refused(
    tmp_path: Path, side: str, size: int, prompts: int
) -> None:
    run = Run(prompts, 4, 20, size)
    groups: dict[tuple[int, int], list[Sample]] = {}
    for sample in run.samples:
        groups.setdefault((sample.epoch, sample.prompt), []).append(sample)
    for dropped in (side, None):
        kept = [g for g in groups.values() if {s.reward for s in g} != {float(dropped == "right")} or not dropped]
        samples = [sample for group in kept for sample in group]
        write(tmp_path / "log" / "a.jsonl", rows(samples, run))
        if not dropped:
            assert scores(chosen(tmp_path, run=run, **FLAGS, epoch_column="epoch")) == pytest.approx(run.truth())
            continue
        with pytest.raises(InputError, match=rf"no group of 4 samples or more is all {side}, .*--allow filtered"):
            chosen(tmp_path, run=run, **FLAGS, epoch_column="epoch")


def test_a_strong_model_that_is_never_all_wrong_is_not_filtered(tmp_path: Path) -> None:
    draw, run = random.Random(5), Run(100, 5, 20, 8)
    run.samples = [replace(s, reward=float(draw.random() < 0.55 + 0.08 * s.epoch)) for s in run.samples]
    write(tmp_path / "log" / "a.jsonl", rows(run.samples, run))
    assert scores(chosen(tmp_path, run=run, **FLAGS)) == pytest.approx(run.truth())


@pytest.mark.parametrize("seed", [1, 2, 3, 18, 28])
def test_prompts_that_are_all_easy_are_not_filtered(tmp_path: Path, seed: int) -> None:
    # Groups of four, right with chance 0.85 each: of 3,200 some 37 are right once, and 1.6 never (here none).
    draw, run = random.Random(seed), Run(200, 16, 200, 4)
    run.samples = [replace(s, reward=float(draw.random() < 0.85)) for s in run.samples]
    write(tmp_path / "log" / "a.jsonl", rows(run.samples, run))
    chosen(tmp_path, run=run, **FLAGS)


def test_prompts_with_twice_the_samples_are_no_prompts_that_come_twice(tmp_path: Path) -> None:
    more = [replace(s, number=s.number + 4, reward=float((s.number + s.epoch) % 3 == 0)) for s in RUN.samples]
    samples = RUN.samples + [sample for sample in more if sample.prompt % 3 == 0]
    write(tmp_path / "log" / "a.jsonl", sorted(rows(samples), key=lambda row: row["step"]))
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth(samples))


# Files that hold something else than their names say, or than other files of the log do.

FORMS: dict[str, Callable[[list[Row]], str]] = {
    "a list": json.dumps,
    "a list in each line": lambda table: "".join(json.dumps(table[at : at + 40]) + "\n" for at in range(0, 640, 40)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_lines_may_hold_lists(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / name).write_text(FORMS[form](rows()))
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("between", ["\n", "", "\n\n "])
def test_objects_one_after_the_other_may_have_an_indent(tmp_path: Path, between: str) -> None:
    (tmp_path / "log").mkdir()
    text = between.join(json.dumps(row, indent=2) for row in rows())
    (tmp_path / "log" / "a.json").write_text(text)
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())
    (tmp_path / "log" / "a.json").write_text(text[:-9])
    with pytest.raises(InputError, match=r"row 640: not complete JSON \(cut short\)"):
        chosen(tmp_path, **FLAGS)


def test_a_file_whose_name_does_not_say_that_it_is_packed(tmp_path: Path) -> None:
    path = write(tmp_path / "log" / "a.jsonl", rows())
    whole = path.read_bytes()
    for kind, data in (("gz", gzip.compress(whole)), ("zst", pa.Codec("zstd").compress(whole, asbytes=True))):
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"is packed; name it a.jsonl.{kind}"):
            chosen(tmp_path, tmp_path / "log" / "a.jsonl", **FLAGS)
    path.with_name("a.jsonl.gz").write_bytes(whole)
    with pytest.raises(InputError, match=r"cannot be unpacked .*rename it if it is not packed"):
        chosen(tmp_path, tmp_path / "log" / "a.jsonl.gz", **FLAGS)


def test_files_of_other_names_may_be_parts_of_one_log(tmp_path: Path) -> None:
    for rank, host in enumerate("abcd"):
        write(tmp_path / "log" / f"host-{host}.jsonl", rows([s for s in RUN.samples if s.number == rank]))
    with pytest.raises(InputError, match=r"name parts of one log alike \(part_1, part_2\)"):
        chosen(tmp_path, **FLAGS)
    for rank, host in enumerate("abcd"):
        (tmp_path / "log" / f"host-{host}.jsonl").rename(tmp_path / "log" / f"part_{rank}.jsonl")
    assert scores(chosen(tmp_path, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("kind", ["table", "verl"])
def test_a_reward_that_a_part_of_the_log_lacks_is_refused(tmp_path: Path, kind: str) -> None:
    flags = FLAGS if kind == "table" else {}
    for step in range(1, 17):
        mine = [s for s in RUN.samples if s.step == step]
        name = "acc" if step < 9 else "accuracy"
        table = rows(mine) if kind == "table" else [RUN.verl(s) for s in mine]
        extra = [{name: s.reward, "form": 1.0} for s in mine]
        write(tmp_path / "log" / f"{step}.jsonl", [row | more for row, more in zip(table, extra, strict=True)])
    flags = flags | {"max_reward": 1.5}
    with pytest.raises(InputError, match=r"in 8 of 16 steps no row has a value of 'acc'.*--allow reward_columns"):
        chosen(tmp_path, reward_column="acc,0.5*form", **flags)
    shifted = [replace(s, reward=s.reward * (s.step < 9) + 0.5) for s in RUN.samples]
    allowed = chosen(tmp_path, reward_column="acc,0.5*form", **flags, allow=("reward_columns",))
    assert scores(allowed) == pytest.approx(RUN.truth(shifted, perfect=Fraction(3, 2)))


def test_a_number_of_steps_beside_a_column_of_epochs_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "log" / "a.jsonl", rows())
    with pytest.raises(InputError, match="--epoch_column or --steps_per_epoch, not both"):
        chosen(tmp_path, **FLAGS, epoch_column="epoch", steps_per_epoch=3)


def test_a_prompt_that_is_an_object_is_named(tmp_path: Path) -> None:
    write(tmp_path / "log" / "a.jsonl", rows(question=lambda s: {"turns": turns(s), "images": []}))
    with pytest.raises(InputError, match=r"'question' is an object; .*: question.turns, question.images"):
        chosen(tmp_path, **FLAGS)
    for name in ("question.turns", "question.turns.-1.content"):
        flags = FLAGS | {"prompt_column": name}
        assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth())
