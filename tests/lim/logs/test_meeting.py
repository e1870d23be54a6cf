"""Epochs that meet within a step: a prompt that is in it twice counts for both."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lim_selection
from lim.recorders.verl import pack

PROMPTS, BATCH, SAMPLES, EPOCHS = 10, 4, 2, 4  # an epoch is two and a half steps


def stream(seed: int) -> list[tuple[int, int]]:
    """(prompt, epoch) in the order of training, the last prompt of epochs 1 and 3 being the next one's first."""
    draw = random.Random(seed)
    order = [draw.sample(range(PROMPTS), PROMPTS) for _ in range(EPOCHS)]
    for epoch in (0, 2):
        last = order[epoch][-1]
        order[epoch + 1].remove(last)
        order[epoch + 1].insert(0, last)
    return [(prompt, epoch) for epoch in range(EPOCHS) for prompt in order[epoch]]


def visits(seed: int) -> list[tuple[int, int, int, list[int]]]:
    """(step, prompt, epoch, rewards), each epoch's rewards of a prompt unlike the others'."""
    draw = random.Random(seed + 100)
    found = []
    for at, (prompt, epoch) in enumerate(stream(seed)):
        chance = min(1.0, 0.08 * prompt + 0.2 * epoch)
        found.append((at // BATCH + 1, prompt, epoch, [int(draw.random() < chance) for _ in range(SAMPLES)]))
    return found


def truth(found: list[tuple[int, int, int, list[int]]]) -> list[float]:
    means = [[Fraction(0)] * EPOCHS for _ in range(PROMPTS)]
    for _, prompt, epoch, rewards in found:
        means[prompt][epoch] = Fraction(sum(rewards), SAMPLES)
    average = [Fraction(sum(column), PROMPTS) for column in zip(*means, strict=True)]
    most = sum((1 - mean) ** 2 for mean in average)
    return [float(1 - sum((m - a) ** 2 for m, a in zip(row, average, strict=True)) / most) for row in means]


def verl(folder: Path, found: list[tuple[int, int, int, list[int]]]) -> None:
    for step in {step for step, *_ in found}:
        rows = [
            {"input": f"user\nquestion {prompt}.\nassistant\n", "output": "…", "score": reward, "step": step}
            for at, prompt, _, rewards in found
            if at == step
            for reward in rewards
        ]
        (folder / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def trl(folder: Path, found: list[tuple[int, int, int, list[int]]]) -> None:
    for step in {step for step, *_ in found}:
        rows = [
            {
                "step": step,
                "prompt": f"question {prompt}.",
                "completion": f"{step} {prompt}",
                "accuracy": float(reward),
            }
            for at, prompt, _, rewards in found
            if at == step
            for reward in rewards
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"completions_{step:05}.parquet")


def one_file(folder: Path, found: list[tuple[int, int, int, list[int]]]) -> None:
    rows = [
        {"question": f"question {prompt}.", "score": reward, "step": step}
        for step, prompt, _, rewards in found
        for reward in rewards
    ]
    (folder / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def verl_ids(folder: Path, found: list[tuple[int, int, int, list[int]]]) -> None:
    """Prompts of one text, told apart by the ids in the ground truth."""
    for step in {step for step, *_ in found}:
        rows = [
            {"input": "the picture", "output": "…", "gts": pack(str(prompt), "1"), "score": reward, "step": step}
            for at, prompt, _, rewards in found
            if at == step
            for reward in rewards
        ]
        (folder / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


COLUMNS = ["--prompt_column", "question", "--reward_column", "score", "--step_column", "step"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("write", "flags"),
    [(verl, []), (verl_ids, []), (trl, []), (one_file, COLUMNS), (verl, ["--max_samples", str(SAMPLES)])],
)
def test_a_prompt_twice_in_a_step_counts_for_both_epochs(tmp_path, capsys, write, flags, seed):
    found = visits(seed)
    (tmp_path / "log").mkdir()
    write(tmp_path / "log", found)
    rows = [{"id": str(n), "prompt": f"question {n}."} for n in range(PROMPTS)]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    arguments = ["--train_samples_path", tmp_path / "log", "--original_prompts_path", tmp_path / "p.json"]
    arguments += ["--output_path", tmp_path / "o.json", "--similarity_threshold", "-99", *flags]
    lim_selection.main([*map(str, arguments)])
    scores = [row["score"] for row in json.loads((tmp_path / "o.scores.json").read_text())]
    assert scores == pytest.approx(truth(found))
    assert "prompts are twice in a step where two epochs meet" in capsys.readouterr().out


def test_copies_in_the_file_and_steps_within_an_epoch_are_not_split(tmp_path, capsys):
    """A prompt with twice the samples in the middle of an epoch is one visit; so is one that the file has twice."""
    found = [(at // 5 + 1, at % 10, at // 10, [at % 3 == 0, at % 2]) for at in range(40)]
    found = [(step, prompt, epoch, rewards * (2 if prompt == 3 else 1)) for step, prompt, epoch, rewards in found]
    (tmp_path / "log").mkdir()
    verl(tmp_path / "log", found)
    rows = [{"id": str(n), "prompt": f"question {n}."} for n in range(PROMPTS)]
    (tmp_path / "p.json").write_text(json.dumps([*rows, rows[3] | {"id": "copy"}]))
    arguments = ["--train_samples_path", tmp_path / "log", "--original_prompts_path", tmp_path / "p.json"]
    arguments += ["--output_path", tmp_path / "o.json", "--similarity_threshold", "-99"]
    lim_selection.main([*map(str, arguments)])
    assert "twice in a step" not in capsys.readouterr().out
    assert {row["epochs_seen"] for row in json.loads((tmp_path / "o.scores.json").read_text())} == {4}
