"""TRL's completions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lim.logs.find import LogFile
from lim.logs.parquet import column_names, numbers, read_columns
from lim.logs.rows import digest, group
from lim.logs.step import StepRewards, check_finite
from lim.utils.errors import InputError

TRL_OTHER = ("step", "advantage", "advantages", "mode", "image", "images")  # numeric or not, never a reward


def read_trl(
    file: LogFile, filesystem: Any = None, *, keep_samples: bool = False, reward_column: str | None = None
) -> StepRewards:
    """TRL's `completions_<step>.parquet`: `step, prompt, completion, <a column a reward function>, advantage`.

    The reward is the column `reward` where there is one, else the sum of the reward functions' columns, each
    null or NaN counted as not given (TRL's own sum at unit weights); `reward_column` (names split by commas)
    picks otherwise. The fingerprint covers prompts and completions: TRL writes the same generation batch again
    at every logged step that reuses it.
    """
    names = column_names(file.path, filesystem)
    for needed in ("prompt", "completion"):
        if needed not in names:
            raise InputError(f"{file.path}: has no column '{needed}' (its columns: {', '.join(names)})")
    numeric = [name for name, kind in names.items() if kind in ("int", "float") and name not in TRL_OTHER]
    wanted = reward_column.split(",") if reward_column else (["reward"] if "reward" in numeric else numeric)
    strange = [name for name in wanted if name not in numeric and names.get(name) != "bool"]
    if strange or not wanted:
        raise InputError(
            f"{file.path}: no numeric reward column {', '.join(strange)} "
            f"(numeric columns: {', '.join(numeric) or 'none'})"
        )
    table, read = read_columns(file.path, filesystem, ["prompt", "completion", *wanted])
    values_C_R = np.array([numbers(table[name].cast("float64").fill_null(np.nan)) for name in wanted])
    rewards_R = np.where(np.isnan(values_C_R).all(axis=0), np.nan, np.nansum(values_C_R, axis=0))
    check_finite(file.path, rewards_R)
    prompts = [_trl_prompt(file.path, row, value) for row, value in enumerate(table["prompt"].to_pylist(), 1)]
    fingerprint = digest(str(prompts), str(table["completion"].to_pylist()))
    del table
    pa.default_memory_pool().release_unused()
    return group(file, prompts, rewards_R, read, keep_samples, fingerprint)


def _trl_prompt(path: str, row: int, value: Any) -> str:
    """The prompt's text; of a conversation, what the user said."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(turn, dict) for turn in value):
        said = [turn.get("content") for turn in value if turn.get("role") == "user"]
        if said and all(isinstance(text, str) for text in said):
            return "\n".join(str(text) for text in said)
    raise InputError(f"{path}: row {row}: 'prompt' is neither text nor a conversation with a user's turn")
