"""Runs that were resumed or restarted: what of their logs counts, and what is refused as nothing says it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import Row, Run, Sample, by_step, chosen, scores, write_jsonl, write_trl

from lim.logs.resumed import later_attempt
from lim.logs.stretches import made_twice
from lim.utils.errors import InputError

RUN = Run(prompts=36, epochs=5, batch=9)
FLAGS: dict[str, Any] = {"prompt_column": "question", "step_column": "step"}
WORDS = "writes them once more, and which attempt counts is not known"


def row(s: Sample) -> Row:
    return {"step": s.step, "question": RUN.questions[s.prompt], "reward": s.reward}


def between(low: int, high: int) -> list[Sample]:
    return [sample for sample in RUN.samples if low <= sample.step <= high]


def lost(low: int, high: int, seed: int = 4) -> list[Sample]:
    """Steps of an attempt that was killed: the same prompts, other rewards."""
    draw = random.Random(seed)
    return [replace(sample, reward=float(draw.random() < 0.7)) for sample in between(low, high)]


def write(path: Path, samples: list[Sample]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(row(sample)) + "\n" for sample in samples)


ATTEMPTS = {
    "checkpoint near the start": [between(1, 3) + lost(4, 17), between(4, 20)],
    "none got past the checkpoint": [between(1, 6) + lost(7, 9), lost(7, 13, 5), lost(7, 8, 6)[:-17], between(7, 20)],
    "one after the other": [between(1, 4) + lost(5, 6), between(5, 11) + lost(12, 13), between(12, 20)],
}


@pytest.mark.parametrize("names", ["attempt_{}.jsonl", "rollouts.jsonl", "log-{}.jsonl"])
@pytest.mark.parametrize("attempts", ATTEMPTS)
def test_the_last_attempt_counts(tmp_path: Path, attempts: str, names: str) -> None:
    for number, samples in enumerate(ATTEMPTS[attempts], 8):  # …, 9, 10: by their numbers' value
        write(tmp_path / "log" / names.format(number), samples)
    selection = chosen(tmp_path, run=RUN, **FLAGS)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any("made again after a resume" in note for note in selection.notes)


@pytest.mark.parametrize("folders", [("attempt_0", "attempt_1"), ("job_51234", "job_61001")])
@pytest.mark.parametrize("name", ["step_{}.jsonl", "global_step_{:04d}/samples.jsonl"])
def test_attempts_in_folders_of_a_file_per_step(tmp_path: Path, folders: tuple[str, str], name: str) -> None:
    first, second = (tmp_path / "log" / folder for folder in folders)
    for folder, samples in ((first, between(1, 7) + lost(8, 12)), (second, between(8, 20))):
        write_jsonl(folder, by_step(samples, row), name)
    assert scores(chosen(tmp_path, run=RUN, **FLAGS)) == pytest.approx(RUN.truth())


def test_ranks_of_which_one_began_later_or_ended_earlier_are_all_parts(tmp_path: Path) -> None:
    for steps in ((6, 20), (1, 7)):
        samples = [s for s in RUN.samples if s.number < 2 or steps[0] <= s.step <= steps[1]]
        log = tmp_path / f"{steps[0]}"
        for rank in range(2):
            own = [s for s in samples if s.number // 2 == rank]
            write_jsonl(log / f"rank_{rank}", by_step(own, row), "step_{}.jsonl")
        assert scores(chosen(tmp_path, log, run=RUN, **FLAGS)) == pytest.approx(RUN.truth(samples))


@pytest.mark.parametrize("name", ["actor-{}.jsonl", "host{}/log.jsonl", "sampler_{}.jsonl"])
def test_workers_of_which_one_began_later_are_no_attempts(tmp_path: Path, name: str) -> None:
    samples = [s for s in RUN.samples if s.number < 2 or s.step > 9]
    for number in range(2):
        write(tmp_path / "log" / name.format(number), [s for s in samples if s.number // 2 == number])
    if "sampler" in name:  # no word that is known
        with pytest.raises(InputError, match=f"steps 10 to 20 have 2 times .* {WORDS}"):
            chosen(tmp_path, run=RUN, **FLAGS)
    selection = chosen(tmp_path, run=RUN, allow=("rows",), **FLAGS)
    assert scores(selection) == pytest.approx(RUN.truth(samples))


def test_an_attempt_that_was_killed_at_the_very_end(tmp_path: Path) -> None:
    for name, samples in (("try_1", between(1, 15) + lost(16, 20)), ("try_2", between(16, 20))):
        write(tmp_path / "log" / f"{name}.jsonl", samples)
    assert scores(chosen(tmp_path, run=RUN, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("order", ["mixed", "by step"])
def test_attempts_whose_rows_are_in_another_order_are_refused(tmp_path: Path, order: str) -> None:
    samples = RUN.samples + lost(5, 9)
    random.Random(3).shuffle(samples)
    write(tmp_path / "log" / "a.jsonl", samples if order == "mixed" else sorted(samples, key=lambda s: s.step))
    with pytest.raises(InputError, match=f"steps 5 to 9 have 2 times .* {WORDS}"):
        chosen(tmp_path, run=RUN, **FLAGS)


@pytest.mark.parametrize("order", ["by prompt", "by sample"])
@pytest.mark.parametrize(("at", "rows"), [(1, 36), (1, 9), (9, 36), (9, 25), (9, 3), (20, 36), (20, 17)])
@pytest.mark.parametrize("kind", ["verl", "table", "lists"])
def test_a_resumed_run_that_begins_with_the_step_that_was_written_last(
    tmp_path: Path, kind: str, at: int, rows: int, order: str
) -> None:
    def sorted_(samples: list[Sample]) -> list[Sample]:
        return samples if order == "by prompt" else sorted(samples, key=lambda s: (s.step, s.number))

    samples = sorted_(between(1, at - 1)) + sorted_(lost(at, at))[:rows] + sorted_(between(at, 20))
    if kind == "lists" and rows == 36:
        lines = [
            [row(s) | {"completion": f"{n} {s}"} for s in one]
            for n, one in enumerate(
                [*(between(step, step) for step in range(1, at)), lost(at, at)]
                + [between(step, step) for step in range(at, 21)]
            )
        ]
        made = [{name: [one[name] for one in step] for name in step[0]} for step in lines]
    else:
        made = [RUN.verl(s) if kind == "verl" else row(s) for s in samples]
    write_jsonl(tmp_path / "log", {0: made}, "all.jsonl")
    selection = chosen(tmp_path, run=RUN, **({} if kind == "verl" else FLAGS))
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any(f"{rows} rows are of steps that the run made again" in note for note in selection.notes)


def test_a_step_made_twice_of_groups_of_uneven_size(tmp_path: Path) -> None:
    uneven = [s for s in RUN.samples if (7 * s.prompt + 3 * s.number + s.epoch) % 11 > 1]
    again = [replace(s, reward=1 - s.reward) for s in uneven if s.step == 9][:25]
    samples = [s for s in uneven if s.step < 9] + again + [s for s in uneven if s.step >= 9]
    write(tmp_path / "log" / "all.jsonl", samples)
    assert scores(chosen(tmp_path, run=RUN, **FLAGS)) == pytest.approx(RUN.truth(uneven))


def test_of_few_prompts_a_step_made_twice_at_the_end_is_refused(tmp_path: Path) -> None:
    run = Run(prompts=12, epochs=4, batch=3)
    for name, low, high in (("log_1", 1, 16), ("log_2", 16, 16)):
        rows = [{"step": s.step, "question": run.questions[s.prompt], "reward": s.reward} for s in run.samples]
        write_jsonl(tmp_path / "log", {0: [r for r in rows if low <= r["step"] <= high]}, f"{name}.jsonl")
    with pytest.raises(InputError, match=f"step 16 has 2 times .* {WORDS}"):
        chosen(tmp_path, run=run, **FLAGS)


@pytest.mark.parametrize(("prompts", "batch"), [(9, 4), (13, 5), (21, 8), (30, 7)])
def test_prompts_of_two_epochs_in_a_step_are_no_attempt(prompts: int, batch: int) -> None:
    for seed in range(40):
        draw, order = random.Random(seed), list[int]()
        for _ in range(5):
            order += [prompt for prompt in draw.sample(range(prompts), prompts) for _ in range(4)]
        assert made_twice([place // (4 * batch) for place in range(len(order))], order) == []


@pytest.mark.parametrize("epochs", [False, True])
@pytest.mark.parametrize("times", [2, 3])
@pytest.mark.parametrize("kind", ["steps", "ids", "epochs alone", "lists", "verl"])
def test_runs_that_were_written_whole_to_one_file_are_refused(
    tmp_path: Path, kind: str, times: int, epochs: bool
) -> None:
    rows: list[Row] = []
    for seed in range(times):
        samples = lost(1, 20, seed)
        made = [row(s) | {"id": RUN.ids[s.prompt], "epoch": s.epoch} for s in samples]
        if kind == "lists":
            steps = by_step(samples, row).values()
            made = [{name: [one[name] for one in step] for name in step[0]} for step in steps]
        rows += [RUN.verl(s) for s in samples] if kind == "verl" else made
    write_jsonl(tmp_path / "log", {0: rows}, "all.jsonl")
    flags = {
        "verl": {},
        "ids": {"id_column": "id", "step_column": "step"},
        "epochs alone": {"prompt_column": "question", "epoch_column": "epoch"},
    }.get(kind, FLAGS)
    if epochs and kind in ("steps", "ids"):
        flags = flags | {"epoch_column": "epoch"}
    with pytest.raises(InputError, match=rf"all.jsonl: all of its steps are there {times} times"):
        chosen(tmp_path, run=RUN, **flags)
    assert chosen(tmp_path, run=RUN, allow=("rows",), **flags).log


@pytest.mark.parametrize(
    "name", ["rollouts_2026010{}.jsonl", "2026-01-02_10-3{}-59/log.jsonl", "log-2026.03.1{}.jsonl"]
)
def test_runs_in_files_of_two_dates_are_refused(tmp_path: Path, name: str) -> None:
    for day in (1, 2):
        write(tmp_path / "log" / name.format(day), lost(1, 20, day))
    with pytest.raises(
        InputError, match=r"by its files' names most steps have rows of several runs \(2026.* and 2026"
    ):
        chosen(tmp_path, run=RUN, **FLAGS)


def test_dates_of_a_resumed_run_and_of_single_samples_are_no_runs(tmp_path: Path) -> None:
    write(tmp_path / "log" / "log_20260101.jsonl", between(1, 11) + lost(12, 13))
    write(tmp_path / "log" / "log_20260102.jsonl", between(12, 20))
    assert scores(chosen(tmp_path, run=RUN, **FLAGS)) == pytest.approx(RUN.truth())
    for at, sample in enumerate(RUN.samples):
        name = f"20260101-10{at // 60 % 60:02d}{at % 60:02d}-{at}.jsonl"
        write(tmp_path / "single" / f"step_{sample.step}" / name, [sample])
    assert scores(chosen(tmp_path, tmp_path / "single", run=RUN, **FLAGS)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("killed", [6, 17])
@pytest.mark.parametrize("files", [["all.jsonl", "all.jsonl"], ["try_1.jsonl", "try_2.jsonl"]])
def test_a_run_that_was_started_anew_is_refused(tmp_path: Path, files: list[str], killed: int) -> None:
    for name, samples in zip(files, (lost(1, killed), RUN.samples), strict=True):
        write(tmp_path / "log" / name, samples)
    by_names = killed > 10 and len(set(files)) > 1
    says = (
        "by its files' names most steps have rows of several runs" if by_names else f"steps 1 to {killed} .* {WORDS}"
    )
    with pytest.raises(InputError, match=says):
        chosen(tmp_path, run=RUN, **FLAGS)
    both = chosen(tmp_path, run=RUN, allow=("rows",), **FLAGS)
    assert scores(both) == pytest.approx(RUN.truth(RUN.samples + lost(1, killed)))


@pytest.mark.parametrize("kind", ["one file", "a file per sample"])
def test_more_samples_from_some_step_on_are_no_second_attempt(tmp_path: Path, kind: str) -> None:
    samples = [s for s in RUN.samples if s.number < 2 or s.epoch > 2]
    if kind == "one file":
        write(tmp_path / "log" / "a.jsonl", samples)
    for s in samples if kind != "one file" else ():
        task = {"question": RUN.questions[s.prompt]}
        episode = {"task": task, "training_step": s.step, "epoch": s.epoch, "trajectories": [{"reward": s.reward}]}
        name = f"train_step_{s.step}_epoch_{s.epoch}/episode_hash{s.prompt}_id{s.number}.json"
        path = tmp_path / "log" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(episode))
    selection = chosen(tmp_path, run=RUN, **(FLAGS if kind == "one file" else {}))
    assert scores(selection) == pytest.approx(RUN.truth(samples))


def test_areal_s_versions_that_were_dumped_again_are_refused(tmp_path: Path) -> None:
    for attempt, samples in enumerate((between(1, 6) + lost(7, 9), between(7, 20))):
        for s in samples:
            more = {"task_id": 100 * attempt + s.prompt, "sample_idx": s.number, "tail_version": s.step}
            one = {"prompt": RUN.questions[s.prompt], "completion": "…", "reward": s.reward} | more
            path = tmp_path / "log" / str(s.step) / f"{100 * attempt + s.prompt}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(one) + "\n")
    with pytest.raises(InputError, match=f"steps 7 to 9 have 2 times the samples of other steps, .* {WORDS}"):
        chosen(tmp_path, run=RUN)


# prime-rl appends to the files of a run that is resumed.


def episode(s: Sample, group: str | None, run: str = "a") -> Row:
    known = {} if group is None else {"group": {"id": group}}
    return known | {
        "task": {"data": {"prompt": RUN.questions[s.prompt]}},
        "traces": [{"rewards": {"right": {"score": s.reward}}}],
        "run": {"id": run, "work": {"type": "train", "step": s.step}},
    }


def append(
    log: Path, samples: list[Sample], name: Callable[[Sample], Row], *, late: float = 0.25, seed: int = 1
) -> None:
    """Samples in the files of the steps in which they ended: some in the one after theirs."""
    draw = random.Random(seed)
    ended: dict[int, list[Row]] = {}
    for s in samples:
        ended.setdefault(s.step + (draw.random() < late), []).append(name(s))
    for step, rows in ended.items():
        path = log / "rollouts" / f"step_{step}" / "train" / "all" / "traces.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw.shuffle(rows)
        with path.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(("late", "cut"), [(0, 0), (0, 20), (0.25, 0)])
@pytest.mark.parametrize("workers", [0, 2])
def test_prime_rl_resumed_into_the_same_files(tmp_path: Path, late: float, cut: int, workers: int) -> None:
    killed = between(1, 7) + lost(8, 11)
    append(tmp_path / "log", killed[: len(killed) - cut], lambda s: episode(s, f"{s.step}-{s.prompt}"), late=late)
    append(tmp_path / "log", between(8, 20), lambda s: episode(s, f"{s.step}-{s.prompt} again"), late=late, seed=2)
    selection = chosen(tmp_path, run=RUN)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any("made again after a resume (8, 9, 10, 11)" in note for note in selection.notes)


def test_prime_rl_resumed_under_another_name_without_groups(tmp_path: Path) -> None:
    append(tmp_path / "log", between(1, 7) + lost(8, 11), lambda s: episode(s, None), late=0)
    append(tmp_path / "log", between(8, 20), lambda s: episode(s, None, run="b"), late=0)
    assert scores(chosen(tmp_path, run=RUN)) == pytest.approx(RUN.truth())


def test_prime_rl_resumed_that_nothing_tells_is_refused(tmp_path: Path) -> None:
    append(tmp_path / "log", between(1, 7) + lost(8, 11), lambda s: episode(s, None), late=0)
    append(tmp_path / "log", between(8, 20), lambda s: episode(s, None), late=0)
    with pytest.raises(InputError, match=f"steps 8 to 11 have 2 times .* {WORDS}"):
        chosen(tmp_path, run=RUN)


def test_prompts_that_prime_rl_draws_twice_in_a_step_count_twice(tmp_path: Path) -> None:
    twice = [replace(s, reward=float(s.number % 2)) for s in RUN.samples if s.prompt < 3 and s.epoch == 2]
    append(tmp_path / "log", RUN.samples, lambda s: episode(s, f"{s.step}-{s.prompt}"), late=0)
    append(tmp_path / "log", twice, lambda s: episode(s, f"{s.step}-{s.prompt} again"), late=0)
    assert scores(chosen(tmp_path, run=RUN)) == pytest.approx(RUN.truth(RUN.samples + twice))


def test_all_prompts_drawn_twice_in_all_steps_are_no_attempts(tmp_path: Path) -> None:
    for half in (0, 1):
        samples = [s for s in RUN.samples if s.number // 2 == half]
        append(tmp_path / "log", samples, lambda s: episode(s, f"{s.step}-{s.prompt}-{half}"), late=0)  # noqa: B023
    assert scores(chosen(tmp_path, run=RUN)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize(
    ("pairs", "groups", "begins"),
    [
        ("abcd", "1234", 0),
        ("abcabc", "123456", 3),
        ("abcabcabc", "123456789", 6),
        ("aabbaabb", "11223344", 4),
        ("abab", "1212", 0),  # samples of the same groups
        ("abcdefgha", "123456789", 0),  # one alone is drawn again
        ("abcdefghabc", "123456789xy", 0),
        ("Xababcd", "9123456", 3),  # X is of a step before
        ("abXabcd", "1293456", 3),
        ("abXcdab", "1293456", 3),
    ],
)
def test_where_a_later_attempt_begins(pairs: str, groups: str, begins: int) -> None:
    assert later_attempt([6 if pair.isupper() else 7 for pair in pairs], pairs, groups) == begins


# TRL draws the batch in which a checkpoint lies again.


def trl(s: Sample, **changes: Any) -> Row:
    text = RUN.questions[s.prompt]
    return {"prompt": text, "completion": f"{s}", "accuracy": s.reward, "advantage": 0.0} | changes


def test_a_batch_that_trl_draws_anew_after_a_resume(tmp_path: Path) -> None:
    batches = list(by_step(RUN.samples, trl).values())
    steps = [batches[0]] * 3 + [batches[1]] * 3 + [batches[2]] * 2
    steps += [[trl(s, completion=f"{s} again") for s in between(3, 3)]] * 3
    steps += [batch for batch in batches[3:] for _ in range(3)]
    killed = [trl(s) for s in lost(3, 3)]
    steps[6:8] = [killed, killed]
    write_trl(tmp_path / "log", dict(enumerate(steps, 1)))
    selection = chosen(tmp_path, run=RUN)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any("36 rows are of steps that the run made again after a resume" in note for note in selection.notes)


def test_steps_that_are_the_whole_data_are_no_batch_drawn_anew(tmp_path: Path) -> None:
    run = Run(prompts=12, epochs=6, batch=12)
    write_jsonl(tmp_path / "log", by_step(run.samples, run.verl))
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(run.truth())
