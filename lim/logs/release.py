"""The released LIMR code's log."""

from __future__ import annotations

from typing import Any

import msgspec

from lim.logs.find import LogFile, read_bytes
from lim.logs.rows import first_bad_row, group, list_items
from lim.logs.step import StepRewards


class ReleaseRow(msgspec.Struct, gc=False):
    prompt: str
    reward: float


def read_release(file: LogFile, filesystem: Any = None, *, keep_samples: bool = False) -> StepRewards:
    """The released OpenRLHF fork's step file: a JSON list of `{prompt, response, reward, response_length}`.

    Raises InputError naming the row that is cut, malformed, or lacks a finite reward.
    """
    data = read_bytes(file.path, filesystem)
    try:
        rows = msgspec.json.decode(data, type=list[ReleaseRow])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise first_bad_row(file.path, list_items(data), "prompt", "reward", error) from None
    prompts, rewards = [row.prompt for row in rows], [row.reward for row in rows]
    return group(file, prompts, rewards, len(data), keep_samples)
