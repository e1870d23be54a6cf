"""Epochs of logs that do not say them: in one order over and over, from a late step on, beside prompts of no file."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from runs import Row, Run, Sample, by_step, chosen, scores, write_jsonl, write_trl

from lim.utils.errors import InputError


def run_of(
    prompts: int, batch: int, epochs: int, *, shuffled: bool = True, within: bool = True, seed: int = 5
) -> Run:
    """A run in which a step takes the next `batch` prompts; `within`: also those of the next epoch."""
    draw, run = random.Random(seed), Run(prompts, epochs, 1, 1)
    passes = [draw.sample(range(prompts), prompts) if shuffled else list(range(prompts)) for _ in range(epochs)]
    visits = [(prompt, epoch) for epoch, order in enumerate(passes, 1) for prompt in order]
    rests = [visits] if within else [visits[at : at + prompts] for at in range(0, len(visits), prompts)]
    steps = [rest[at : at + batch] for rest in rests for at in range(0, len(rest), batch)]
    chances = [(draw.uniform(0, 0.7), draw.uniform(-0.1, 0.4)) for _ in range(prompts)]
    run.samples = [
        Sample(number, epoch, prompt, sample, float(draw.random() < chances[prompt][0] + epoch * chances[prompt][1]))
        for number, step in enumerate(steps, 1)
        for prompt, epoch in step
        for sample in range(4)
    ]
    return run


def choose(folder: Path, run: Run, lacking: Sequence[int] = ()) -> tuple[dict[str, float | None], list[str]]:
    """(scores, notes) of a run's log by verl, and of a prompt file that lacks some of its prompts."""
    write_jsonl(folder / "log", by_step(run.samples, run.verl))
    rows = json.loads(run.write_prompts(folder / "prompts.json").read_text())
    kept = [row for number, row in enumerate(rows) if number not in lacking]
    (folder / "prompts.json").write_text(json.dumps(kept))
    found = chosen(folder)
    return scores(found), list(found.notes)


def truth(run: Run, lacking: Sequence[int] = ()) -> dict[str, float | None]:
    return {id: score for number, (id, score) in enumerate(run.truth().items()) if number not in lacking}


@pytest.mark.parametrize(("prompts", "batch", "epochs"), [(7, 3, 2), (20, 3, 3), (57, 5, 6), (7, 3, 6), (40, 16, 3)])
def test_one_order_over_and_over_whose_epochs_end_within_steps(
    tmp_path: Path, prompts: int, batch: int, epochs: int
) -> None:
    """Epochs of fewer steps hold no prompt twice either, and lack some."""
    run = run_of(prompts, batch, epochs, shuffled=False)
    assert choose(tmp_path, run)[0] == pytest.approx(run.truth())


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(("start", "apart"), [(1000, 1), (1003, 5), (1_790_000_007, 60)])
def test_steps_that_are_counted_from_another_number(
    tmp_path: Path, start: int, apart: int, shuffled: bool, within: bool
) -> None:
    run = run_of(40, 16, 3, shuffled=shuffled, within=within)
    run.samples = [replace(s, step=start + apart * (s.step - 1)) for s in run.samples]
    assert choose(tmp_path, run)[0] == pytest.approx(run.truth())


def test_a_run_that_went_on_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    run = run_of(40, 10, 6)
    run.samples = [replace(s, epoch=s.epoch - 1) for s in run.samples if s.step > 6]
    run.epochs = 5
    assert choose(tmp_path, run)[0] == pytest.approx(run.truth())


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("within", [False, True])
def test_prompts_of_the_run_that_the_file_lacks_are_no_evaluation(tmp_path: Path, batch: int, within: bool) -> None:
    run, lacking = run_of(40, batch, 4, within=within), (3, 11, 17, 26)
    found, notes = choose(tmp_path, run, lacking)
    assert found == pytest.approx(truth(run, lacking))
    assert not any("evaluation" in note for note in notes)


@pytest.mark.parametrize("seed", [8, 13, 15, 18])
def test_of_lengths_that_fit_the_one_of_whole_epochs_is_taken(tmp_path: Path, seed: int) -> None:
    """A prompt a step, and two that the file lacks: epochs of 19 steps may hold none twice either, nor miss one."""
    run, lacking = run_of(20, 1, 2, seed=seed), (18, 19)
    found, _ = choose(tmp_path, run, lacking)
    assert found == pytest.approx(truth(run, lacking))


def test_prompts_of_a_last_batch_are_no_batch_beside_evaluation(tmp_path: Path) -> None:
    run = run_of(20, 8, 2, shuffled=False, within=False)
    found, notes = choose(tmp_path, run, (1, 10))
    assert found == pytest.approx(truth(run, (1, 10)))
    assert not any("evaluation" in note for note in notes)


def test_epochs_that_meet_within_steps_are_counted_with_the_prompts_that_the_file_lacks(tmp_path: Path) -> None:
    right = 0
    for seed in range(6):
        run = run_of(40, 16, 4, seed=seed)
        (tmp_path / str(seed)).mkdir()
        found, _ = choose(tmp_path / str(seed), run, (5, 6, 7, 8))
        right += found == pytest.approx(truth(run, (5, 6, 7, 8)))
    assert right == 6


def test_the_same_prompts_each_time_are_evaluation(tmp_path: Path) -> None:
    """Of as many as a step has, in place of training."""
    run = run_of(40, 10, 4)
    log = by_step(run.samples, run.verl)
    for step, number in itertools.product((4, 8, 12), range(10)):
        log[step][4 * number : 4 * number + 4] = [
            row | {"input": f"Evaluation {number}"} for row in log[step][4 * number : 4 * number + 4]
        ]
    write_jsonl(tmp_path / "log", log)
    found = chosen(tmp_path, run=run)
    assert any("steps 4, 8, 12: the files hold none" in note for note in found.notes)
    assert scores(found) == pytest.approx(run.truth([s for s in run.samples if s.step not in (4, 8, 12)]))


@pytest.mark.parametrize(("every", "held", "samples"), [(4, 5, 4), (4, 5, 3), (4, 2, 4), (8, 5, 4)])
def test_evaluation_in_place_of_a_part_of_a_step(tmp_path: Path, every: int, held: int, samples: int) -> None:
    """TRL's buffer holds as many rows as a step has: evaluation drives out the step's first."""
    run = run_of(40, 10, 4)
    files: dict[int, list[Row]] = {}
    left: list[Sample] = []
    for step, rows in by_step(run.samples, lambda s: {"of": s}).items():
        kept = [row["of"] for row in rows]
        asked = [f"Held out {number}" for number in range(held) for _ in range(samples)] if step % every == 0 else []
        kept = kept[len(asked) :]
        left += kept
        files[step] = [{"prompt": run.questions[s.prompt], "completion": f"{s}", "acc": s.reward} for s in kept]
        files[step] += [
            {"prompt": text, "completion": f"{step} {at}", "acc": at % 2.0} for at, text in enumerate(asked)
        ]
    write_trl(tmp_path / "log", files)
    found = chosen(tmp_path, run=run)
    assert scores(found) == pytest.approx(run.truth(left))
    assert any("in place of a part of the batch (evaluation" in note for note in found.notes)


@pytest.mark.parametrize("lacking", [(18,), (18, 19)])
@pytest.mark.parametrize("epochs", [2, 5])
def test_single_prompts_of_steps_are_evaluation_only_at_regular_steps(
    tmp_path: Path, epochs: int, lacking: tuple[int, ...]
) -> None:
    run = run_of(20, 1, epochs, seed=4)
    found, notes = choose(tmp_path, run, lacking)
    assert found == pytest.approx(truth(run, lacking))
    assert not any("evaluation" in note for note in notes)


@pytest.mark.parametrize(("prompts", "batch", "epochs", "seed"), [(40, 8, 5, 5), (100, 10, 6, 1), (64, 8, 5, 3)])
def test_rollouts_that_are_not_in_step_with_the_training(
    tmp_path: Path, prompts: int, batch: int, epochs: int, seed: int
) -> None:
    """Visits end up to two steps late, so that epochs mix, and a prompt may be twice in any step near their ends."""
    draw = random.Random(seed)
    run = run_of(prompts, batch, epochs, seed=seed)
    groups = [run.samples[at : at + 4] for at in range(0, len(run.samples), 4)]
    late = sorted(range(len(groups)), key=lambda at: at + draw.uniform(0, 2 * batch))
    visits = dict.fromkeys(range(prompts), 0)
    run.samples = []
    for place, at in enumerate(late):
        prompt = groups[at][0].prompt
        visits[prompt] += 1
        run.samples += [replace(s, step=place // batch + 1, epoch=visits[prompt]) for s in groups[at]]
    twice = {(s.step, s.prompt, s.epoch) for s in run.samples}
    assert len(twice) > len({(step, prompt) for step, prompt, _ in twice})
    assert choose(tmp_path, run)[0] == pytest.approx(run.truth())


def test_prompts_of_one_visit_more_in_the_middle_shift_no_epochs(tmp_path: Path) -> None:
    """As of a step that a killed run had begun with other prompts, and that the resumed run wrote into."""
    run = run_of(40, 10, 4)
    run.samples += [replace(s, step=7) for s in run.samples if s.step == 8][:20]
    with pytest.raises(InputError, match="5 prompts were visited 5 times, 35 4 times, and no number of steps"):
        choose(tmp_path, run)


@pytest.mark.parametrize("samples", [1, 4])
def test_validation_on_the_training_s_prompts_before_it(tmp_path: Path, samples: int) -> None:
    run = run_of(40, 10, 4)
    first = [
        Sample(0, 1, prompt, number, float(number % 2)) for prompt in range(0, 40, 2) for number in range(samples)
    ]
    write_jsonl(tmp_path / "log", by_step([*first, *run.samples], run.verl))
    found = chosen(tmp_path, run=run)
    assert scores(found) == pytest.approx(run.truth())
    assert "step 0 holds 20 prompts and no other more than 10 (validation before training): skipped" in found.notes
