"""TRL's completions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from lim.logs.doubts import Doubt
from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.messages import prompt_text
from lim.logs.parquet import column_names, numbers, read_columns
from lim.logs.repeats import checksum, overlap
from lim.logs.rows import FIX, absent_of, digest, group, reward_terms, weighted_sum
from lim.logs.step import StepRewards
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError

# Numeric or not, never a reward.
OTHER = {"step", "gen_step", "epoch", "prompt", "completion", "advantage", "advantages"}
OTHER |= {"entropy", "mode", "image", "images"}


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """TRL's `completions_<step>.parquet`: `step, prompt, completion, <a column per reward function>, advantage`.

    The reward is the one numeric column that is not in `OTHER`; where there are several, `reward_terms_of` asks.
    The fingerprint covers prompts and completions: TRL writes the same generation batch again at every logged step
    that reuses it, and a part of it where evaluation has come into its buffer since.
    """
    names = column_names(file.path, filesystem)
    for needed in ("prompt", "completion"):
        if needed not in names:
            raise InputError(f"{file.path}: has no column '{needed}' (its columns: {', '.join(names)})")
    numeric = [name for name, kind in names.items() if kind in ("int", "float") and name not in OTHER]
    terms = reward_terms_of(file.path, numeric, options)
    strange = [name for _, name in terms if names.get(name) not in ("int", "float", "bool", "null")]
    if strange:
        raise InputError(
            f"{file.path}: no numeric reward column {', '.join(strange)} "
            f"(numeric columns: {', '.join(numeric) or 'none'}){did_you_mean(strange[0], names)}"
        )
    wanted = list(dict.fromkeys(name for _, name in terms))
    table, read = read_columns(file.path, filesystem, ["prompt", "completion", *wanted])
    columns = {name: numbers(table[name].cast("float64").fill_null(np.nan)) for name in wanted}
    rewards_R = weighted_sum(terms, [columns[name] for _, name in terms])
    prompts = [prompt_text(value) for value in table["prompt"].to_pylist()]
    if None in prompts:
        raise InputError(f"{file.path}: row {prompts.index(None) + 1}: 'prompt' is neither text nor messages; {FIX}")
    texts: list[Any] = prompts
    completions = table["completion"].to_pylist()
    fingerprint = digest(str(prompts), str(completions))
    samples = list(zip(texts, map(checksum, completions), strict=True))
    again = overlap(_before(file, filesystem), samples)
    again = 0 if again == len(samples) else again  # a batch that is all the same has the same fingerprint
    _read.clear()
    _read[file.path] = samples
    del table, completions
    pa.default_memory_pool().release_unused()
    reward = ", ".join(wanted)
    step = group(
        file,
        texts[again:],
        rewards_R[again:],
        bytes_read=read,
        keep_samples=options.keep_samples,
        fingerprint=fingerprint,
        reward=reward,
    )
    absent = absent_of(terms, [columns[name] for _, name in terms])
    return replace(step, absent=absent, repeated=1 if again else 0)


_read: dict[str, list[tuple[str, int]]] = {}  # the file that was read last → its samples


def _before(file: LogFile, filesystem: Any) -> list[tuple[str, int]]:
    """The samples of the file before; none where it cannot be read."""
    known = _read.get(file.before or "")  # other threads may read other files
    if file.before is None or known is not None:
        return known or []
    try:
        table, _ = read_columns(file.before, filesystem, ["prompt", "completion"])
    except InputError:
        return []
    columns = (table[name].to_pylist() for name in ("prompt", "completion"))
    return [(prompt_text(text) or "", checksum(output)) for text, output in zip(*columns, strict=True)]


def reward_terms_of(path: str, numeric: list[str], options: ReadOptions) -> list[tuple[float, str]]:
    """The reward as weights and columns: as `--reward_column` says, or the only numeric column.

    Raises Doubt where several columns may be rewards: TRL writes what reward functions log, and functions of other
    weights, in columns that look the same.
    """
    if options.reward_column:
        return reward_terms(options.reward_column)
    if not numeric:
        raise InputError(f"{path}: no numeric reward column; name one, or one of true and false, by --reward_column")
    if len(numeric) > 1 and "reward_columns" not in options.allow:
        raise Doubt(
            "reward_columns",
            f"{path}: {len(numeric)} numeric columns may be rewards ({', '.join(numeric)}); name the rewards, "
            f"with the trainer's weights where it had some: --reward_column {numeric[0]},0.1*{numeric[1]}",
        )
    return [(1.0, name) for name in numeric]
