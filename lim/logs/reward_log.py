"""The reward log: every trained sample's reward, one Parquet file a step, beside a `run.json`.

    data/output/<run>/run.json          what was run (schema version, recipe, prompt file, versions, commit)
    data/output/<run>/step_<n>.parquet  one row a sample, written to a temporary name and renamed

A step that is run again after a resume replaces its own file and removes later ones, so an
(epoch, prompt, sample) is there once. docs/logs.md describes the format for writers of other trainers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.parquet import numbers, read_columns
from lim.logs.step import StepRewards, check_finite, group_rewards
from lim.utils.errors import InputError
from lim.utils.files import atomic_path, read_json, write_json

SCHEMA_VERSION = 2  # 1 had no reason, score, verifier and chosen_at
VERDICTS = ("correct", "incorrect", "no_answer", "malformed", "truncated", "timeout")
SCHEMA = pa.schema(
    [
        pa.field("prompt_id", pa.string(), nullable=False),
        pa.field("epoch", pa.int32(), nullable=False),  # 1-based: the trainer's true pass over the data
        pa.field("step", pa.int32(), nullable=False),  # 1-based
        pa.field("sample", pa.int16(), nullable=False),  # 0 … n−1 within prompt and epoch
        pa.field("reward", pa.float32(), nullable=False),  # the rule-based reward
        pa.field("verdict", pa.dictionary(pa.int8(), pa.string())),
        pa.field("answer", pa.string()),  # what was extracted, or null
        pa.field("response_tokens", pa.int32()),
        pa.field("response", pa.string()),  # a recipe may leave this column out
        pa.field("reason", pa.dictionary(pa.int32(), pa.string())),  # why the verdict, where comparing does not say
        pa.field("score", pa.float32()),  # what a verifier gave, before it became the reward
        pa.field("verifier", pa.dictionary(pa.int32(), pa.string())),  # whose score or verdict it is
        pa.field("chosen_at", pa.int32()),  # the step of the choice, inside the run, that the prompt was drawn from
    ]
)
OPTIONAL = tuple(field.name for field in SCHEMA if field.nullable)
ROW_GROUP = 1024  # rows of responses that are unpacked together: looking up one does not take a complete step's
STEP_FILE = re.compile(r"step_(\d+)\.parquet")


def step_path(log_dir: str | Path, step: int) -> Path:
    """Path of a step's file."""
    return Path(log_dir) / f"step_{step}.parquet"


def step_files(log_dir: str | Path) -> list[tuple[int, Path]]:
    """(step, path) of the step files in a folder, in order of step."""
    found = ((STEP_FILE.fullmatch(path.name), path) for path in Path(log_dir).iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def write_step(
    log_dir: str | Path, step: int, columns: Mapping[str, Sequence[Any]], *, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write one step's samples (columns of equal length, named as in `SCHEMA`) and drop later steps' files.

    Optional columns may be omitted. `metadata` goes into the file, for its writer; selection does not read it. Raises
    InputError for a missing or unknown column, a value that does not fit its type, or an unknown verdict.
    """
    unknown = set(columns) - set(SCHEMA.names)
    missing = set(SCHEMA.names) - set(OPTIONAL) - set(columns)
    if unknown or missing:
        raise InputError(f"step {step}: reward log has unknown columns {sorted(unknown)} or lacks {sorted(missing)}")
    strange = set(columns.get("verdict", ())) - {*VERDICTS, None}
    if strange:
        raise InputError(f"step {step}: unknown verdicts {sorted(strange)}; known: {', '.join(VERDICTS)}")
    schema = pa.schema([field for field in SCHEMA if field.name in columns], dict(metadata or {}))
    try:
        table = pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names}, schema)
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise InputError(f"step {step}: cannot be written to the reward log: {error}") from error
    path = step_path(log_dir, step)
    with atomic_path(path) as partial:
        group = ROW_GROUP if "response" in columns else None
        pq.write_table(table, partial, compression="zstd", row_group_size=group)
        # Last first, and before the rename: a kill leaves the first steps of one attempt, never two attempts.
        for later, stale in reversed(step_files(log_dir)):
            if later > step:
                stale.unlink()
    return path


def write_run(log_dir: str | Path, run: Mapping[str, Any]) -> Path:
    """Write `run.json`; `schema_version` is added."""
    path = Path(log_dir) / "run.json"
    write_json(path, {"schema_version": SCHEMA_VERSION, **run})
    return path


def read_run(log_dir: str | Path) -> dict[str, Any]:
    """Read `run.json`. Raises InputError where it is missing, malformed or of a newer schema."""
    path = Path(log_dir) / "run.json"
    run = read_json(path)
    version = run.get("schema_version") if isinstance(run, dict) else None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise InputError(
            f"{path}: schema_version is {version!r}; this version of the project reads up to {SCHEMA_VERSION}"
        )
    return run


def read_step(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """Read the columns selection needs of one step file, local or remote.

    Raises InputError where the file is cut, lacks a column, or has a null, NaN or mistyped value (row named).
    """
    table, read = read_columns(
        file.path,
        filesystem,
        ["prompt_id", "epoch", "reward"],
        optional=("verdict", "reason", "chosen_at"),
        encoded=("prompt_id", "verdict", "reason"),
    )
    if not table.num_rows:
        raise InputError(f"{file.path}: holds no rows; remove the file, or pass --skip_bad_files")
    for name in ("prompt_id", "epoch"):
        if table[name].null_count:
            row = table[name].to_pylist().index(None) + 1
            raise InputError(f"{file.path}: row {row}: '{name}' is null; fix the file, or pass --skip_bad_files")
    epoch_type, reward_type = table["epoch"].type, table["reward"].type
    if not pa.types.is_integer(epoch_type) or not (
        pa.types.is_floating(reward_type) or pa.types.is_integer(reward_type)
    ):
        raise InputError(f"{file.path}: 'epoch' is {epoch_type} and 'reward' {reward_type}, not int and float")
    rows = table.num_rows
    if table["reward"].null_count:
        table = table.filter(table["reward"].is_valid())
    rewards_R = numbers(table["reward"])
    if (lost_R := np.isnan(rewards_R)).any():
        table = table.filter(pa.array(~lost_R))
        rewards_R = rewards_R[~lost_R]
    if not table.num_rows:
        raise InputError(f"{file.path}: no row has a reward; remove the file, or pass --skip_bad_files")
    epochs_R = numbers(table["epoch"])
    if epochs_R.min() < 1:
        raise InputError(f"{file.path}: row {epochs_R.argmin() + 1}: epoch is {epochs_R.min()}; epochs count from 1")
    check_finite(file.path, rewards_R)
    ids = _one_dictionary(table["prompt_id"])
    keys = ids.dictionary
    if pa.types.is_large_string(keys.type) or pa.types.is_string_view(keys.type):
        keys = keys.cast(pa.string())
    if not pa.types.is_string(keys.type):
        raise InputError(f"{file.path}: 'prompt_id' is {keys.type}, not string")
    correct_R = None
    if "verdict" in table.column_names and not table["verdict"].null_count:
        verdicts = _one_dictionary(table["verdict"])
        is_correct = np.array([name == "correct" for name in verdicts.dictionary.to_pylist()])
        correct_R = is_correct[numbers(verdicts.indices)]
    step = group_rewards(
        file.step,
        keys,
        numbers(ids.indices),
        rewards_R,
        epochs_R=epochs_R,
        correct_R=correct_R,
        skipped=rows - table.num_rows,
        bytes_read=read,
        keep_samples=options.keep_samples,
    )
    counts = {name: _counts(table[name]) for name in ("verdict", "reason") if name in table.column_names}
    step = replace(step, verdicts=counts.get("verdict", {}), reasons=counts.get("reason", {}))
    if "chosen_at" in table.column_names and pa.types.is_integer(table["chosen_at"].type):
        step = replace(step, chosen_at=int(numbers(table["chosen_at"].drop_null()).max(initial=0)))
    return step


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each text occurs; nulls are not counted, and neither is a column of another type."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return {}
    # Counted here: Arrow's `value_counts` would import all of pyarrow.compute.
    array = _one_dictionary(column)
    names = array.dictionary.to_pylist()
    counts = np.bincount(
        numbers(array.indices.drop_null() if array.null_count else array.indices), minlength=len(names)
    )
    return {str(name): count for name, count in zip(names, counts.tolist(), strict=True) if count}


def _one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A column as one dictionary-encoded array without unused or repeated entries."""
    array = column.unify_dictionaries().combine_chunks() if column.num_chunks > 1 else column.chunk(0)
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
