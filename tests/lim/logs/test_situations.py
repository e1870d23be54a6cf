"""Logs as people have them: the scores are the true ones, or the log is refused."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from runs import Run, Sample, by_step, chat, chosen, scaled, scores, without_step, write_jsonl, write_trl

from lim.recorders.verl import pack
from lim.utils.errors import InputError

RUN = Run()
THINK = ("", "<think>\n", "<think>\n\n</think>\n\n")


def verl(folder: Path, samples: list[Sample], run: Run = RUN, **fields: Callable[[Sample], Any]) -> None:
    def row(sample: Sample) -> dict[str, Any]:
        return run.verl(sample, **{name: make(sample) for name, make in fields.items()})

    write_jsonl(folder / "log", by_step(samples, row))


def asked(sample: Sample) -> str:
    return RUN.questions[sample.prompt]


def with_tokens(text: str, template: int) -> str:
    return (
        f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n",
        f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{text}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        f"<bos><start_of_turn>user\n{text}<end_of_turn>\n<start_of_turn>model\n",
        f"<s>[INST] {text} [/INST]",
        f"<｜begin▁of▁sentence｜>Be brief.<｜User｜>{text}<｜Assistant｜><think>\n",
    )[template]


ONE_PROMPT: dict[str, Callable[[Sample], str]] = {
    "the system text differs by sample": lambda s: chat(asked(s), f"Effort: {('low', 'high')[s.number % 2]}"),
    "the date turns within the run": lambda s: chat(asked(s), f"Today Date: {30 + s.step // 9} Apr 2026"),
    "the date stands before the question": lambda s: chat(f"It is day {s.step} of the run. {asked(s)}"),
    "thinking is opened in some samples": lambda s: chat(asked(s), ending=THINK[s.number % 3]),
    "/no_think in half of the samples": lambda s: chat(asked(s) + " /no_think" * (s.number % 2)),
    "one of five instructions": lambda s: chat(
        f"{asked(s)}\n{('Think.', 'Box it.', 'Go on.', 'Be short.')[s.step % 4]}"
    ),
    "five templates in one log": lambda s: with_tokens(asked(s), s.number % 5),
    "tokens kept in half of the log": lambda s: with_tokens(asked(s), 0) if s.step > 8 else chat(asked(s)),
    "several turns, other ones for each prompt": lambda s: chat(
        f"Name {s.prompt}.\nassistant\nAda.\nuser\n{asked(s)}"
    ),
    "several turns with tokens": lambda s: with_tokens(
        f"Count to {s.prompt}.<|im_end|>\n<|im_start|>assistant\nNo.<|im_end|>\n<|im_start|>user\n{asked(s)}", 0
    ),
    "white space lost": lambda s: chat(" ".join(asked(s).split()).replace(" ?", "?")),
    "compatibility forms": lambda s: chat(asked(s).replace("？", "?").replace("−", "−")),
    "an instruction in Chinese, without spaces": lambda s: chat(f"请逐步推理：{asked(s)}并给出答案。"),
    "an example before the question": lambda s: chat(f"Q: What is 1 + 1?\nA: 2\n\nQ: {asked(s)}\nA:"),
}


@pytest.mark.parametrize("name", ONE_PROMPT)
def test_all_texts_of_a_prompt_are_that_prompt(tmp_path: Path, name: str) -> None:
    verl(tmp_path, RUN.samples, input=ONE_PROMPT[name])
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert selection.unmatched == []
    texts = {ONE_PROMPT[name](sample) for sample in RUN.samples}
    joined = f"{len(texts) - 40:,} texts of the log are another text of a prompt"
    assert any(joined in note for note in selection.notes) == (len(texts) > 40)


def test_prompts_inside_prompts_are_told_apart(tmp_path: Path) -> None:
    run = Run(prompts=20, batch=5)
    run.questions[1] = f"{run.questions[0]} And then?"
    run.questions[3] = f"First: {run.questions[2]}"
    verl(tmp_path, run.samples, run, input=lambda s: chat(f"Task: {run.questions[s.prompt]} Good luck."))
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(run.truth())


def test_later_turns_of_an_agent_are_no_prompts(tmp_path: Path) -> None:
    # Without uid: rows of later turns, whose text begins with the prompt, are not samples of it.
    def rows(s: Sample) -> list[dict[str, Any]]:
        later = chat(asked(s)) + f"call {s.number} {s.step}\nuser\nThe tool says {s.number}.\nassistant\n"
        return [RUN.verl(s), RUN.verl(s, input=later)]

    write_jsonl(tmp_path / "log", by_step(RUN.samples, rows))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


def test_an_agent_loop_counts_its_first_output(tmp_path: Path) -> None:
    def rows(s: Sample) -> list[dict[str, Any]]:
        text, made = chat(asked(s)), []
        for index in range(1 + (s.number + s.prompt) % 3):
            made.append(RUN.verl(s, input=text, uid=f"{s.step:04x}-{s.prompt:04x}_{s.number}_{index}"))
            text += f"look\nuser\nThe tool gave {s.number}{index}.\nassistant\n"
        return made

    write_jsonl(tmp_path / "log", by_step(RUN.samples, rows))
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert selection.log is not None and selection.log.samples == len(RUN.samples)


@pytest.mark.parametrize("known_by", ["text", "id"])
@pytest.mark.parametrize("ending", ["_0_0", ""])
def test_rows_that_fill_up_a_batch_are_no_samples(tmp_path: Path, known_by: str, ending: str) -> None:
    def gold(prompt: int) -> str:
        return pack(RUN.ids[prompt], "1") if known_by == "id" else "1"

    steps = by_step(
        RUN.samples,
        lambda s: RUN.verl(s, gts=gold(s.prompt), uid=f"{s.step:08x}-0000-4000-8000-{s.prompt:012x}_{s.number}_0"),
    )
    for step, rows in steps.items():
        empty = {"input": "", "output": "", "gts": rows[0]["gts"], "score": 0.0, "step": step}
        rows += [empty | {"uid": f"pad{step * 7919:032x}{ending}"}] * (step % 4)
    write_jsonl(tmp_path / "log", steps)
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert selection.unmatched == []
    assert selection.log is not None and selection.log.samples == len(RUN.samples)


EPOCHS: dict[str, tuple[list[Sample], dict[str, Any]]] = {
    "a lost step": (without_step(RUN, 5), {}),
    "a lost step, the number given": (without_step(RUN, 5), {"steps_per_epoch": 4}),
    "a lost first step": (without_step(RUN, 1), {}),
    "two lost steps of one epoch": (without_step(RUN, 6, 8), {}),
    "a lost step in two epochs": (without_step(RUN, 3, 10), {}),
    "a broken-off end": (without_step(RUN, 16), {}),
    "a broken-off end, the number given": (without_step(RUN, 16), {"steps_per_epoch": 4}),
    "all there, the number given": (RUN.samples, {"steps_per_epoch": 4}),
    "steps from 101": ([replace(s, step=s.step + 100) for s in RUN.samples], {"steps_per_epoch": 4}),
    "steps in twos": ([replace(s, step=2 * s.step - 1) for s in RUN.samples], {}),
    "steps from 0": ([replace(s, step=s.step - 1) for s in RUN.samples], {"steps_per_epoch": 4}),
}


@pytest.mark.parametrize("name", EPOCHS)
def test_epochs_are_found_or_as_given(tmp_path: Path, name: str) -> None:
    samples, settings = EPOCHS[name]
    verl(tmp_path, samples)
    assert scores(chosen(tmp_path, **settings)) == pytest.approx(RUN.truth(samples))


@pytest.mark.parametrize(
    ("prompts", "batch", "epochs"), [(45, 10, 6), (50, 16, 5), (64, 7, 4), (30, 30, 3), (33, 1, 3)]
)
def test_epochs_that_end_within_a_step(tmp_path: Path, prompts: int, batch: int, epochs: int) -> None:
    run = Run(prompts, epochs, batch)
    verl(tmp_path, run.samples, run)
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(run.truth())


@pytest.mark.parametrize(
    ("prompts", "batch", "lost"),
    [
        (42, 10, (2,)),
        (42, 10, (1, 2)),
        (45, 8, (3,)),
        (45, 8, (2, 9)),
        (50, 16, (7,)),
        (64, 7, (4,)),
        (64, 7, (2, 3)),
    ],
)
def test_steps_that_are_lost_where_epochs_end_within_a_step(
    tmp_path: Path, prompts: int, batch: int, lost: tuple[int, ...]
) -> None:
    """A prompt whose visit in the earlier epoch is lost is in the step where two meet for the later one."""
    run = Run(prompts, 4, batch)
    samples = without_step(run, *lost)
    verl(tmp_path, samples, run)
    found = chosen(tmp_path, run=run)
    assert scores(found) == pytest.approx(run.truth(samples))
    assert not any("may be of the epoch after" in note for note in found.notes)


def test_visits_that_no_rule_tells_are_counted(tmp_path: Path) -> None:
    run = Run(42, 4, 10)
    verl(tmp_path, without_step(run, 2, 9), run)  # of an epoch, and of the one after
    assert any("1 visit in those may be of the epoch after" in note for note in chosen(tmp_path, run=run).notes)


@pytest.mark.parametrize("last", [4, 6, 20])
@pytest.mark.parametrize("more", ["before", "after"])
def test_a_number_of_samples_that_changes_in_mid_run(tmp_path: Path, last: int, more: str) -> None:
    """Epochs end within a step; twice the samples are not two visits."""
    run = Run(45, 5, 8)
    samples = [s for s in run.samples if s.number < 2 or (s.step <= last) == (more == "before")]
    verl(tmp_path, samples, run)
    found = chosen(tmp_path, run=run)
    assert scores(found) == pytest.approx(run.truth(samples))
    assert not any("twice in a step" in note for note in found.notes)


def test_a_number_of_samples_that_changes_where_prompts_share_a_text(tmp_path: Path) -> None:
    """Two prompts of one text, both trained on, in the same steps."""
    run = Run(45, 5, 8)
    samples = [s for s in run.samples if s.number < 2 or s.step <= 18]
    verl(tmp_path, [s for s in samples for _ in range(1 + (s.prompt == 0))], run)
    rows = json.loads(run.write_prompts(tmp_path / "prompts.json").read_text())
    (tmp_path / "prompts.json").write_text(json.dumps([*rows, rows[0] | {"id": "copy"}]))
    found = chosen(tmp_path)
    assert found.matrix is not None and found.matrix.epochs == 5
    doubled = found.matrix.counts_P_K[0] / found.matrix.counts_P_K[1]
    assert doubled.tolist() == pytest.approx([2] * 5)
    truth = run.truth(samples)
    assert scores(found) == pytest.approx(truth | {"copy": truth["q0"]})


@pytest.mark.parametrize(("prompts", "batch"), [(45, 10), (42, 10), (50, 16)])
@pytest.mark.parametrize("given", [True, False])
def test_a_last_batch_dropped_in_every_epoch(tmp_path: Path, prompts: int, batch: int, given: bool) -> None:
    run, steps = Run(prompts, 6, prompts), prompts // batch
    order = {epoch: list(dict.fromkeys(s.prompt for s in run.samples if s.epoch == epoch)) for epoch in range(1, 7)}
    samples = [
        replace(s, step=(s.epoch - 1) * steps + order[s.epoch].index(s.prompt) // batch + 1)
        for s in run.samples
        if order[s.epoch].index(s.prompt) < steps * batch
    ]
    verl(tmp_path, samples, run)
    found = chosen(tmp_path, run=run, **({"steps_per_epoch": steps} if given else {}))
    assert scores(found) == pytest.approx(run.truth(samples))


def test_prompts_of_no_file_do_not_change_the_epochs(tmp_path: Path) -> None:
    steps = by_step(RUN.samples, RUN.verl)
    for step, rows in steps.items():
        rows += [RUN.verl(RUN.samples[0], input=f"A text seen once, {step} {n}.", score=1.0) for n in range(3)]
    write_jsonl(tmp_path / "log", steps)
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert len(selection.unmatched) == 48


@pytest.mark.parametrize("settings", [{}, {"steps_per_epoch": 4}])
def test_validation_before_training_shifts_nothing(tmp_path: Path, settings: dict[str, Any]) -> None:
    steps = by_step(RUN.samples, RUN.verl)
    steps[0] = [RUN.verl(RUN.samples[0], input=f"validation {n}", score=float(n % 2)) for n in range(20)]
    write_jsonl(tmp_path / "log", steps)
    selection = chosen(tmp_path, **settings)
    assert scores(selection) == pytest.approx(RUN.truth())
    assert any("step 0 holds none of the prompt file's prompts" in note for note in selection.notes)


@pytest.mark.parametrize("settings", [{}, {"steps_per_epoch": 4}])
def test_evaluation_in_place_of_training_loses_its_steps(tmp_path: Path, settings: dict[str, Any]) -> None:
    def row(s: Sample) -> dict[str, Any]:
        text = f"evaluation {s.number}" if s.step in (4, 12) else asked(s)
        turns = [{"role": "user", "content": text}]
        return {"step": s.step, "prompt": turns, "completion": f"{s}", "accuracy": s.reward, "advantage": 0.5}

    write_trl(tmp_path / "log" / "completions", by_step(RUN.samples, row))
    selection = chosen(tmp_path, **settings)
    assert scores(selection) == pytest.approx(RUN.truth(without_step(RUN, 4, 12)))
    assert any("steps 4, 12: the files hold none" in note for note in selection.notes)


def test_the_order_of_rows_and_of_the_prompt_file_does_not_matter(tmp_path: Path) -> None:
    draw = random.Random(0)
    steps = by_step(RUN.samples, RUN.verl)
    for rows in steps.values():
        draw.shuffle(rows)
    write_jsonl(tmp_path / "log", steps, "{:04d}.jsonl")
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    prompts.write_text(json.dumps(draw.sample(json.loads(prompts.read_text()), 40)))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


def test_copies_of_a_prompt_share_its_trajectory(tmp_path: Path) -> None:
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    rows = json.loads(prompts.read_text())
    prompts.write_text(json.dumps([*rows, *({**row, "id": f"{row['id']} again"} for row in rows[:8])]))
    verl(tmp_path, RUN.samples)
    selection = chosen(tmp_path)
    truth = RUN.truth()
    assert scores(selection) == pytest.approx(truth | {f"q{n} again": truth[f"q{n}"] for n in range(8)})
    assert any("16 prompts of the file have the same text as another" in note for note in selection.notes)


def test_an_empty_prompt_is_one(tmp_path: Path) -> None:
    run = Run(prompts=12, batch=4)
    run.questions[5] = ""
    verl(tmp_path, run.samples, run)
    assert scores(chosen(tmp_path, run=run)) == pytest.approx(run.truth())


def lost(sample: Sample) -> bool:
    return sample.number == 2 and sample.prompt % 7 == 0


@pytest.mark.parametrize("value", [None, float("nan"), "missing"])
def test_a_row_without_a_reward_costs_that_row(tmp_path: Path, value: Any) -> None:
    def row(s: Sample) -> dict[str, Any]:
        made = RUN.verl(s, **({"score": value} if lost(s) else {}))
        return {key: item for key, item in made.items() if item != "missing"}

    write_jsonl(tmp_path / "log", by_step(RUN.samples, row))
    selection = chosen(tmp_path)
    assert scores(selection) == pytest.approx(RUN.truth(s for s in RUN.samples if not lost(s)))
    assert "24 rows without a reward skipped" in selection.notes


@pytest.mark.parametrize(
    ("column", "make"),
    [
        ("score", lambda r: {"score": str(r)}),
        ("score", lambda r: {"score": str(r == 1.0)}),
        ("score.0", lambda r: {"score": [r, 7]}),
        ("score.total", lambda r: {"score": {"total": r, "format": 1}}),
        ("extra.acc", lambda r: {"extra": {"acc": str(r)}, "score": 0}),
        ("extra.acc", lambda r: {"extra.acc": r, "extra": {"acc": 0}, "score": 0}),
        ("extra.acc,0.5*extra.none", lambda r: {"extra": {"acc": r, "none": 0}, "score": 0}),
    ],
)
def test_rewards_of_verl_however_they_are_written(
    tmp_path: Path, column: str, make: Callable[[float], dict[str, Any]]
) -> None:
    write_jsonl(tmp_path / "log", by_step(RUN.samples, lambda s: RUN.verl(s, **make(s.reward))))
    assert scores(chosen(tmp_path, reward_column=column)) == pytest.approx(RUN.truth())


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"acc": 1}, r"row 1: 'score' is an object; name .*--reward_column score\.acc"),
        (
            [1.0, 0.5],
            r"row 1: 'score' is \[1\.0, 0\.5\], not a number but a list; name .*--reward_column score\.0 the first",
        ),
        ("good", "row 1: 'score' is 'good', not a number"),
    ],
)
def test_a_score_that_is_no_number_says_how_to_read_it(tmp_path: Path, value: Any, says: str) -> None:
    verl(tmp_path, RUN.samples, score=lambda _: value)
    with pytest.raises(InputError, match=says):
        chosen(tmp_path)


def test_decimals_are_numbers(tmp_path: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {"step": s.step, "prompt": asked(s), "completion": str(s), "reward": Decimal(int(s.reward))}

    write_trl(tmp_path / "log", by_step(RUN.samples, row))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


def test_trl_rows_that_no_function_scored_are_skipped(tmp_path: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        reward = None if lost(s) else s.reward
        return {"step": s.step, "prompt": asked(s), "completion": f"{s}", "accuracy": reward, "advantage": 0.0}

    write_trl(tmp_path / "log", by_step(RUN.samples, row))
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth(s for s in RUN.samples if not lost(s)))


ODD: dict[str, dict[str, Callable[[Sample], Any]]] = {
    "NaN elsewhere": {"latency": lambda s: float("nan")},
    "Infinity elsewhere": {"latency": lambda s: float("-inf")},
    "half of a surrogate pair": {"output": lambda s: "cut \ud83d" if s.number else "…"},
    "any type elsewhere": {"gts": lambda s: [None, {"a": 1}, "x"][s.number % 3], "step": lambda s: "?"},
    "rewards true and false": {"score": lambda s: bool(s.reward)},
    "whole numbers": {"score": lambda s: int(s.reward)},
    "rewards in another column": {"score": lambda s: 9.0, "acc": lambda s: s.reward},
}


@pytest.mark.parametrize("name", ODD)
def test_fields_that_are_not_needed_do_not_matter(tmp_path: Path, name: str) -> None:
    verl(tmp_path, RUN.samples, **ODD[name])
    settings = {"reward_column": "acc"} if "acc" in ODD[name] else {}
    assert scores(chosen(tmp_path, **settings)) == pytest.approx(RUN.truth())


def test_weights_are_the_user_s(tmp_path: Path) -> None:
    def form(s: Sample) -> float:
        return float((s.prompt * 7 + s.epoch * 3 + s.number * s.prompt) % 5 > 1)

    verl(tmp_path, RUN.samples, right=lambda s: s.reward, form=form)
    samples = [replace(s, reward=s.reward + 0.5 * form(s)) for s in RUN.samples]
    for columns in ("right,0.5*form", "form*0.5, right", "1.0*right,.5*form"):
        selection = chosen(tmp_path, reward_column=columns, max_reward=1.5)
        assert scores(selection) == pytest.approx(RUN.truth(samples, perfect=Fraction(3, 2)))


def packed(folder: Path, kind: str) -> None:
    for path in list((folder / "log").iterdir()):
        data = path.read_bytes()
        if kind == "gz":
            half = len(data) // 2
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
        elif kind == "zst":
            with pa.CompressedOutputStream(str(path) + ".zst", "zstd") as stream:
                stream.write(data)
        else:
            path.with_name(f"x{path.name}").write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n\r\n"))
            (folder / "log" / f"x{path.name}").rename(path)
            continue
        path.unlink()


@pytest.mark.parametrize("kind", ["gz", "zst", "byte order mark"])
def test_packed_files_are_read(tmp_path: Path, kind: str) -> None:
    verl(tmp_path, RUN.samples)
    packed(tmp_path, kind)
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())


# Refused, each with what --allow makes of it.


def filtered(run: Run) -> list[Sample]:
    """Samples without the groups of equal rewards."""
    groups: dict[tuple[int, int], list[Sample]] = {}
    for sample in run.samples:
        groups.setdefault((sample.epoch, sample.prompt), []).append(sample)
    mixed = [group for group in groups.values() if len({sample.reward for sample in group}) > 1]
    return [sample for group in mixed for sample in group]


REFUSED: dict[str, tuple[list[Sample], dict[str, Any], str, str]] = {
    "rewards up to 2": (
        scaled(RUN.samples, 2),
        {},
        "max_reward",
        r"largest reward is 2, .* takes 1 .*--max_reward 2",
    ),
    "rewards up to 1000": (scaled(RUN.samples, 1000), {}, "max_reward", "--max_reward 1000"),
    "a perfect reward nobody gets": (
        RUN.samples,
        {"max_reward": 5},
        "max_reward",
        r"is 1, which \d\d% of .* takes 5",
    ),
    "half of a point at best": (scaled(RUN.samples, 0.5), {}, "max_reward", "--max_reward 0.5"),
    "filtered groups": (filtered(RUN), {"steps_per_epoch": 4}, "filtered", "looks filtered"),
    "three steps an epoch": (
        RUN.samples,
        {"steps_per_epoch": 3},
        "epochs",
        r"up to \d+ twice.* of 40 .*--steps_per_epoch 4 fits",
    ),
    "five steps an epoch": (
        RUN.samples,
        {"steps_per_epoch": 5},
        "epochs",
        r"14 twice, 4 never of 40 prompts; .*4 fits",
    ),
    "drawn with replacement": (
        [replace(s, prompt=(s.prompt * s.prompt + 7 * s.epoch) % 40) for s in RUN.samples],
        {},
        "epochs",
        r"prompts were visited .*no number of steps",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_be_wrong_is_refused(tmp_path: Path, name: str) -> None:
    samples, settings, kind, says = REFUSED[name]
    verl(tmp_path, samples)
    with pytest.raises(InputError, match=says) as caught:
        chosen(tmp_path, **settings)
    assert f"--allow {kind}" in str(caught.value) and "\n" not in str(caught.value)
    kinds = tuple(re.findall(r"--allow (\w+)", str(caught.value)))
    if "replacement" in name:  # some prompts have a single visit
        with pytest.raises(InputError, match=r"the log has one epoch: .*visited between 1 and 7 times"):
            chosen(tmp_path, allow=kinds)
        return
    allowed = chosen(tmp_path, **settings, allow=kinds).allowed
    assert any(line.startswith(f"--allow {kind}: ") for line in allowed)


def test_several_numbers_that_may_be_rewards_are_refused(tmp_path: Path) -> None:
    def row(s: Sample) -> dict[str, Any]:
        return {
            "step": s.step,
            "prompt": asked(s),
            "completion": f"{s}",
            "right": s.reward,
            "length": 3,
            "advantage": 0.0,
        }

    write_trl(tmp_path / "log", by_step(RUN.samples, row))
    with pytest.raises(
        InputError, match=r"2 numeric columns may be rewards \(right, length\).*--allow reward_columns"
    ):
        chosen(tmp_path, skip_bad_files=True)
    assert scores(chosen(tmp_path, reward_column="right")) == pytest.approx(RUN.truth())
    shifted = [replace(s, reward=s.reward + 3) for s in RUN.samples]
    summed = chosen(tmp_path, allow=("reward_columns",), max_reward=4)
    assert scores(summed) == pytest.approx(RUN.truth(shifted, perfect=4))


def test_one_text_for_many_prompts_is_refused(tmp_path: Path) -> None:
    run = Run()
    run.questions = ["Count the dots."] * 40
    run.write_prompts(tmp_path / "prompts.json", image=[f"{n}.png" for n in range(40)])
    verl(tmp_path, run.samples, run)
    with pytest.raises(InputError, match=r"40 of the 40 prompts share their text .*--allow same_text"):
        chosen(tmp_path)


@pytest.mark.parametrize(("here", "says"), [(6, "only 6 of the prompt file's 40 prompts are in the log"), (40, "")])
def test_most_prompts_unmatched(tmp_path: Path, here: int, says: str) -> None:
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    rows = json.loads(prompts.read_text())
    others = [{"id": f"other {n}", "prompt": f"Another question, {n}."} for n in range(40 - here)]
    prompts.write_text(json.dumps([*rows[:here], *others]))
    verl(tmp_path, RUN.samples)
    if not says:
        assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth())
        return
    with pytest.raises(InputError, match=f"{says}.*--allow unmatched"):
        chosen(tmp_path)


def test_most_rows_unmatched(tmp_path: Path) -> None:
    prompts = RUN.write_prompts(tmp_path / "prompts.json")
    prompts.write_text(json.dumps(json.loads(prompts.read_text())[:15]))
    verl(tmp_path, RUN.samples)
    with pytest.raises(
        InputError, match=r"only 240 of the log's 640 rows are of prompts of the file \(400 are not\)"
    ):
        chosen(tmp_path)


def test_rewards_of_many_values_are_not_called_filtered(tmp_path: Path) -> None:
    draw = random.Random(5)
    samples = [replace(s, reward=round(draw.random(), 6)) for s in RUN.samples]
    verl(tmp_path, samples)
    assert scores(chosen(tmp_path)) == pytest.approx(RUN.truth(samples))


def test_one_epoch_says_why(tmp_path: Path) -> None:
    run = Run(epochs=1)
    verl(tmp_path, run.samples, run)
    with pytest.raises(InputError, match=r"the log has one epoch: .*40 prompts were visited once"):
        chosen(tmp_path, run=run)
