"""The released LIMR code's log."""

from __future__ import annotations

from typing import Any

from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.rows import decode_rows, group
from lim.logs.step import StepRewards


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """The released OpenRLHF fork's step file: a JSON list of `{prompt, response, reward, response_length}`.

    Raises InputError naming the row that is cut, malformed, or has a reward that is no number.
    """
    rows = decode_rows(file, filesystem, {"prompt": str, "reward": float | bool | None}, lines=False)
    prompts, rewards = [row.f0 for row in rows], [row.f1 for row in rows]
    return group(file, prompts, rewards, bytes_read=file.size, keep_samples=options.keep_samples)
