"""AReaL's trajectories."""

from __future__ import annotations

from typing import Any

from lim.logs.columns import read_table
from lim.logs.files import LogFile
from lim.logs.formats import Columns, ReadOptions
from lim.logs.rows import reward_terms
from lim.logs.step import StepRewards


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """`<version>/<task_id>.jsonl`: rows `{task_id, sample_idx, prompt, completion, reward, tail_version, …}`.

    The folder's version is that of a task's last sample; those of its others may be lower.
    """
    terms = reward_terms(options.reward_column or "reward")
    return read_table(file, filesystem, options, Columns("prompt"), terms)
