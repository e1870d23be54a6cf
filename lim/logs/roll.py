"""ROLL's rollout dumps."""

from __future__ import annotations

from typing import Any

from lim.logs.columns import read_table
from lim.logs.files import LogFile
from lim.logs.formats import Columns, ReadOptions
from lim.logs.rows import reward_terms
from lim.logs.step import StepRewards


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """`rollout_dump_data.step_<n>.jsonl`: one object per step of `prompt, scores, global_step, …`, all lists."""
    terms = reward_terms(options.reward_column or "scores")
    return read_table(file, filesystem, options, Columns("prompt", step="global_step"), terms)
