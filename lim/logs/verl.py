"""verl's rollouts."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from lim.logs.find import LogFile, read_bytes
from lim.logs.rows import first_bad_row, group
from lim.logs.step import StepRewards


class VerlRow(msgspec.Struct, gc=False):
    input: str
    score: float


def read_verl(
    file: LogFile, filesystem: Any = None, *, keep_samples: bool = False, reward_column: str | None = None
) -> StepRewards:
    """verl's `<global_step>.jsonl`: rows `{input, output, score, step, …}` (`gts` present or not).

    `reward_column` names another field than `score`: numbers, or true and false (verl's `acc`).
    """
    reward = reward_column or "score"
    row_type: Any = (
        VerlRow if reward == "score" else msgspec.defstruct("Row", [("input", str), (reward, float | bool)])
    )
    data = read_bytes(file.path, filesystem)
    decoder = msgspec.json.Decoder(type=row_type)
    try:
        rows = decoder.decode_lines(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        lines = (json.loads(line) for line in data.decode("utf-8", "replace").split("\n") if line.strip())
        raise first_bad_row(file.path, lines, "input", reward, error, bools=row_type is not VerlRow) from None
    prompts, rewards = [row.input for row in rows], [float(getattr(row, reward)) for row in rows]
    return group(file, prompts, rewards, len(data), keep_samples)
