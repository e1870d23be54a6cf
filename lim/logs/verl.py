"""verl's rollouts."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from typing import Any

import msgspec

from lim.logs.find import LogFile, read_bytes
from lim.logs.rows import first_bad_row, group
from lim.logs.step import StepRewards


class Step(msgspec.Struct, kw_only=True, gc=False):
    step: Any = None


class VerlRow(Step, kw_only=True, gc=False):
    input: str
    score: float


def read_verl(
    file: LogFile, filesystem: Any = None, *, keep_samples: bool = False, reward_column: str | None = None
) -> StepRewards | list[StepRewards]:
    """verl's `<global_step>.jsonl`: rows `{input, output, score, step, …}` (`gts` present or not).

    A file of another name may hold several steps, which its rows tell apart.
    `reward_column` names another field than `score`: numbers, or true and false (verl's `acc`).
    """
    reward = reward_column or "score"
    row_type: Any = VerlRow
    if reward != "score":
        row_type = msgspec.defstruct("Row", [("input", str), (reward, float | bool)], bases=(Step,), kw_only=True)
    data = read_bytes(file.path, filesystem)
    decoder = msgspec.json.Decoder(type=row_type)
    try:
        rows = decoder.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        lines = (json.loads(line) for line in data.decode("utf-8", "replace").split("\n") if line.strip())
        raise first_bad_row(file.path, lines, "input", reward, error, bools=row_type is not VerlRow) from None
    prompts, rewards = [row.input for row in rows], [float(getattr(row, reward)) for row in rows]
    steps = [row.step for row in rows]
    name = os.path.basename(file.path).partition(".")[0]
    if name.isdigit() or not all(type(step) is int for step in steps) or len(set(steps)) < 2:
        return group(file, prompts, rewards, len(data), keep_samples)
    order = sorted(range(len(steps)), key=steps.__getitem__)
    found = []
    for step, at in itertools.groupby(order, key=steps.__getitem__):
        part = list(at)
        read = 0 if found else len(data)
        one = replace(file, step=step)
        found.append(group(one, [prompts[i] for i in part], [rewards[i] for i in part], read, keep_samples))
    return found
