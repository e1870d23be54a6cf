"""NeMo-RL's training data."""

from __future__ import annotations

import re
from typing import Any

from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.rows import FIX, decode_rows, group
from lim.logs.step import StepRewards
from lim.utils.errors import InputError

NO_USER = re.compile(r"(?=.*system)(?!.*\buser\b).*", re.DOTALL | re.IGNORECASE)  # a system turn alone


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """`train_data_step<n>.jsonl`: rows `{content, rewards, …}`, each a batch of one: turns of text, and a reward.

    With dynamic sampling `rewards` are those before filtering, in another order than `content`, and
    `filtered_rewards` are the rows' own.
    """
    kind: Any = list[Any] | float | None
    rows = decode_rows(
        file, filesystem, {"content": list[Any], "rewards": kind, "filtered_rewards": kind}, lines=True
    )
    prompts = []
    for number, row in enumerate(rows, 1):
        turns = row.f0[0] if row.f0 and isinstance(row.f0[0], list) else row.f0
        if not turns or not all(isinstance(turn, str) for turn in turns):
            raise InputError(f"{file.path}: row {number}: 'content' is {row.f0!r:.60}, not turns of text; {FIX}")
        prompts.append("".join(turns[:2]) if NO_USER.fullmatch(turns[0]) and len(turns) > 2 else turns[0])
    rewards = [_one(row.f1 if row.f2 is None else row.f2) for row in rows]
    return group(file, prompts, rewards, bytes_read=file.size, keep_samples=options.keep_samples, reward="rewards")


def _one(value: Any) -> float | None:
    return value[0] if isinstance(value, list) and value else value if not isinstance(value, list) else None
