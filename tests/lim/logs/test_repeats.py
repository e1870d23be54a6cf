"""What comes more than once in a log: steps of a resumed run, copies of a prompt, numbered samples, times."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
from runs import Run, Sample, by_step, chat, chosen, scores, write_jsonl, write_trl

RUN = Run()


def rewarded(samples: list[Sample], seed: int) -> list[Sample]:
    draw = random.Random(seed)
    return [replace(sample, reward=float(draw.random() < 0.5)) for sample in samples]


def between(low: int, high: int) -> list[Sample]:
    return [sample for sample in RUN.samples if low <= sample.step <= high]


AGAIN = rewarded(between(7, 8), 3)  # steps that a killed run makes once more, with other rewards
CUT = between(1, 6) + rewarded(between(7, 8), 4)[:-30]


def write(path: Path, kind: str, samples: list[Sample]) -> dict[str, str]:
    """One file of all steps, in the order of the samples: as verl has it, or a table; the flags that read it."""
    rows = [RUN.verl(sample) for sample in samples]
    write_jsonl(path, {0: rows}, "rollouts.jsonl")
    return {} if kind == "verl" else {"prompt_column": "input", "reward_column": "score", "step_column": "step"}


@pytest.mark.parametrize("kind", ["verl", "table"])
def test_steps_that_a_resumed_run_appends_again_count_once(tmp_path: Path, kind: str) -> None:
    flags = write(tmp_path / "log", kind, CUT + AGAIN + between(9, 16))
    selection = chosen(tmp_path, **flags)
    assert scores(selection) == pytest.approx(RUN.truth(between(1, 6) + AGAIN + between(9, 16)))
    skipped = len(CUT) - len(between(1, 6))
    assert any(f"{skipped} rows are of steps that the run made again" in note for note in selection.notes)


def test_a_resumed_run_in_a_second_file(tmp_path: Path) -> None:
    flags = {"prompt_column": "input", "reward_column": "score", "step_column": "step"}
    for number, samples in enumerate((CUT, AGAIN + between(9, 16))):
        write_jsonl(tmp_path / "log", {number: [RUN.verl(sample) for sample in samples]}, "part_{}.jsonl")
    assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth(between(1, 6) + AGAIN + between(9, 16)))


ORDERS = {
    "a worker's samples after another's": lambda s: (s.number, s.step),
    "by prompt": lambda s: (s.prompt, s.number, s.step),
    "steps in turn": lambda s: (s.step + s.number // 2, s.step),
    "backward": lambda s: -s.step,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["verl", "table"])
def test_rows_in_another_order_are_no_resumed_run(tmp_path: Path, kind: str, order: str) -> None:
    flags = write(tmp_path / "log", kind, sorted(RUN.samples, key=ORDERS[order]))
    assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth())


def test_workers_of_which_one_was_killed_are_no_resumed_run(tmp_path: Path) -> None:
    samples = [s for number in range(4) for s in RUN.samples if s.number == number and (number < 3 or s.step < 16)]
    flags = write(tmp_path / "log", "table", samples)
    assert scores(chosen(tmp_path, **flags)) == pytest.approx(RUN.truth(samples))


def pooled(run: Run, copies: dict[int, int]) -> dict[str, float | None]:
    """The true scores where prompts (the keys) have another's text: one trajectory, of the samples of both."""
    truth = run.truth([replace(s, prompt=copies.get(s.prompt, s.prompt)) for s in run.samples])
    return truth | {run.ids[copy]: truth[run.ids[first]] for copy, first in copies.items()}


@pytest.mark.parametrize(("prompts", "batch", "epochs"), [(40, 10, 4), (45, 10, 6), (50, 16, 5), (64, 7, 4)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_copies_of_a_prompt_do_not_shift_epochs(
    tmp_path: Path, prompts: int, batch: int, epochs: int, seed: int
) -> None:
    run = Run(prompts, epochs, batch, seed=seed)
    run.questions[7] = run.questions[0]
    run.write_prompts(tmp_path / "prompts.json")
    write_jsonl(tmp_path / "log", by_step(run.samples, run.verl))
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(pooled(run, {7: 0}))


def test_copies_that_the_run_did_not_have(tmp_path: Path) -> None:
    run = Run(45, 6, 10)
    write_jsonl(tmp_path / "log", by_step(run.samples, run.verl))
    truth = run.truth()
    for name in ("ids", "questions"):
        getattr(run, name).append("again" if name == "ids" else run.questions[0])
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(truth | {"again": truth["q0"]})


@pytest.mark.parametrize("first", [0, 1])
def test_a_uid_may_number_the_samples(tmp_path: Path, first: int) -> None:
    steps = by_step(RUN.samples, lambda s: RUN.verl(s, uid=f"train_{s.prompt}_{s.number + first}"))
    write_jsonl(tmp_path / "log", steps)
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize("text", [str, chat])
def test_a_text_that_reads_like_another_s_id(tmp_path: Path, text: type) -> None:
    run = Run(prompts=20, batch=5)
    run.ids = [str(number) for number in range(20)]
    run.questions = [str((number + 1) % 20) for number in range(20)]
    write_jsonl(tmp_path / "log", by_step(run.samples, lambda s: run.verl(s, input=text(run.questions[s.prompt]))))
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(run.truth())


@pytest.mark.parametrize("scale", [1, 10**9])
def test_steps_may_be_times(tmp_path: Path, scale: int) -> None:
    draw, times, now = random.Random(2), dict[int, int](), 1_732_717_812
    for step in range(1, 17):
        now += draw.randint(50, 90) + (300_000 if step == 7 else 0)
        times[step] = now * scale
    samples = [replace(sample, step=times[sample.step]) for sample in RUN.samples]
    write_jsonl(tmp_path / "log", by_step(samples, RUN.verl))
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert not any("no file" in note or "apart" in note for note in selection.notes)


@pytest.mark.parametrize(("prompts", "batch", "epochs"), [(53, 16, 8), (64, 20, 6), (40, 30, 6), (53, 7, 5)])
@pytest.mark.parametrize("seed", range(4))
def test_prompts_that_are_twice_where_epochs_meet(
    tmp_path: Path, prompts: int, batch: int, epochs: int, seed: int
) -> None:
    # Shuffled anew, so that some prompts end one epoch and begin the next within a step.
    draw, run = random.Random(seed), Run(prompts, epochs, prompts)
    order = [(epoch, prompt) for epoch in range(1, epochs + 1) for prompt in draw.sample(range(prompts), prompts)]
    order = order[: len(order) // batch * batch]
    run.samples = [
        Sample(place // batch + 1, epoch, prompt, number, float(draw.random() < prompt / prompts * epoch / epochs))
        for place, (epoch, prompt) in enumerate(order)
        for number in range(4)
    ]
    write_jsonl(tmp_path / "log", by_step(run.samples, run.verl))
    selection = chosen(tmp_path, run=run)
    assert selection.average_K is not None
    run.epochs = len(selection.average_K)
    assert scores(selection) == pytest.approx(run.truth())


@pytest.mark.parametrize(("used", "every", "at", "size"), [(2, 6, 1, 14), (3, 9, 1, 25), (4, 12, 3, 30)])
def test_a_batch_of_trl_s_that_is_logged_again_in_part(
    tmp_path: Path, used: int, every: int, at: int, size: int
) -> None:
    # TRL's buffer holds a batch; each is used for several steps, and evaluation pushes a part of it out in between.
    held: deque[dict] = deque(maxlen=40)
    steps: dict[int, list[dict]] = {}
    batches = list(by_step(RUN.samples, RUN.verl).values())
    samples = list(by_step(RUN.samples, lambda s: {"sample": s}).values())
    counted = []
    for number in range(used * len(batches)):
        if number % used == 0:
            batch = number // used
            rows = zip(batches[batch], samples[batch], strict=True)
            held.extend({"prompt": row["input"], "completion": f"{s}", "right": row["score"]} for row, s in rows)
            counted += [one["sample"] for one in samples[batch]]
        steps[number + 1] = list(held)
        if number % every == at:  # the batch was logged before
            asked = [
                {"prompt": chat(f"Evaluation: {n}?"), "completion": f"{number} {n}", "right": 1.0}
                for n in range(size)
            ]
            held.extend(asked)
            steps[number + 1] = list(held)
    write_trl(tmp_path / "log", steps)
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth(counted))
    assert not any("rewards are lost" in note for note in selection.notes)


def test_a_file_of_trl_s_that_shares_one_sample_with_the_one_before_is_read_whole(tmp_path: Path) -> None:
    rows = by_step(
        RUN.samples, lambda s: {"prompt": RUN.questions[s.prompt], "completion": f"{s}", "right": s.reward}
    )
    rows[4][-1]["completion"] = rows[5][0]["completion"] = "the same by chance"
    rows[4][-1]["prompt"] = rows[5][0]["prompt"]
    write_trl(tmp_path / "log", rows)
    moved = {(4, 39): next(s.prompt for s in RUN.samples if s.step == 5)}
    fourth = [s for s in RUN.samples if s.step == 4]
    samples = [replace(s, prompt=moved[4, 39]) if s is fourth[-1] else s for s in RUN.samples]
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth(samples))
