"""Readers of other trainers' logs: each turns one file into `StepRewards`. Formats: docs/logs.md.

JSON is decoded with typed structs, so that only the prompt and the reward are kept of rows whose bulk is the
response: memory is one file's bytes, not the parsed tree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lim.log_files import LogFile, read_bytes
from lim.step_rewards import StepRewards, check_finite, group_rewards
from lim.utils.errors import InputError

TRL_OTHER = ("step", "advantage", "advantages", "mode", "image", "images")  # numeric or not, never a reward


class ReleaseRow(msgspec.Struct, gc=False):
    prompt: str
    reward: float


class VerlRow(msgspec.Struct, gc=False):
    input: str
    score: float


def read_release(file: LogFile, filesystem: Any = None, *, keep_samples: bool = False) -> StepRewards:
    """The released OpenRLHF fork's step file: a JSON list of `{prompt, response, reward, response_length}`.

    Raises InputError naming the row that is cut, malformed, or lacks a finite reward.
    """
    data = read_bytes(file.path, filesystem)
    try:
        rows = msgspec.json.decode(data, type=list[ReleaseRow])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _first_bad_row(file.path, _list_items(data), "prompt", "reward", error) from None
    prompts, rewards = [row.prompt for row in rows], [row.reward for row in rows]
    return _group(file, prompts, rewards, len(data), keep_samples)


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
        raise _first_bad_row(file.path, lines, "input", reward, error, bools=row_type is not VerlRow) from None
    prompts, rewards = [row.input for row in rows], [float(getattr(row, reward)) for row in rows]
    return _group(file, prompts, rewards, len(data), keep_samples)


def read_trl(
    file: LogFile, filesystem: Any = None, *, keep_samples: bool = False, reward_column: str | None = None
) -> StepRewards:
    """TRL's `completions_<step>.parquet`: `step, prompt, completion, <a column a reward function>, advantage`.

    The reward is the column `reward` where there is one, else the sum of the reward functions' columns, each
    null or NaN counted as not given (TRL's own sum at unit weights); `reward_column` (names split by commas)
    picks otherwise. The fingerprint covers prompts and completions: TRL writes the same generation batch again
    at every logged step that reuses it.
    """
    import pyarrow as pa

    from lim.parquet import column_names, numbers, read_columns

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
    digest = _digest(str(prompts), str(table["completion"].to_pylist()))
    del table
    pa.default_memory_pool().release_unused()
    return _group(file, prompts, rewards_R, read, keep_samples, digest)


def _trl_prompt(path: str, row: int, value: Any) -> str:
    """The prompt's text; of a conversation, what the user said."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(turn, dict) for turn in value):
        said = [turn.get("content") for turn in value if turn.get("role") == "user"]
        if said and all(isinstance(text, str) for text in said):
            return "\n".join(str(text) for text in said)
    raise InputError(f"{path}: row {row}: 'prompt' is neither text nor a conversation with a user's turn")


def read_one_shot(file: LogFile, filesystem: Any = None, *, keep_samples: bool = False) -> list[StepRewards]:
    """One-Shot-RLVR's accuracy file: one JSON object, prompt index → its accuracies, one a visit.

    Lists may be of unequal length. The number n of samples behind an accuracy is worked out (`_samples_behind`).
    Visit k of every prompt becomes step k and epoch k.
    """
    data = read_bytes(file.path, filesystem)
    try:
        lists = msgspec.json.decode(data, type=dict[str, list[float]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file.path}: not an object of prompt index → list of accuracies ({_tidy(error)})"
        ) from None
    keys = list(lists)
    values = np.array([value for key in keys for value in lists[key]])
    if not len(values):
        raise InputError(f"{file.path}: holds no accuracies")
    bad = next((key for key in keys if not all(0 <= value <= 1 for value in lists[key])), None)
    if bad is not None:
        raise InputError(f"{file.path}: prompt {bad}: an accuracy is not between 0 and 1")
    samples = _samples_behind(values)
    steps = []
    for visit in range(max(map(len, lists.values()))):
        seen = [key for key in keys if len(lists[key]) > visit]
        rates_U = np.array([lists[key][visit] for key in seen])
        correct_U = np.rint(rates_U * samples).astype(np.int32)
        steps.append(
            StepRewards(
                step=visit + 1,
                keys=seen,
                epochs_U=np.full(len(seen), visit + 1, np.int32),
                sums_U=rates_U * samples,
                counts_U=np.full(len(seen), samples, np.int32),
                tops_U=correct_U,
                correct_U=correct_U if samples > 1 else None,
                top=1.0,
                bytes_read=len(data) if visit == 0 else 0,
                groups_R=np.repeat(np.arange(len(seen), dtype=np.int32), samples) if keep_samples else None,
                rewards_R=(correct_U[:, None] > np.arange(samples)).astype(np.float32).ravel()
                if keep_samples and samples > 1
                else (rates_U.astype(np.float32) if keep_samples else None),
            )
        )
    return steps


def _samples_behind(values: NDArray[np.float64]) -> int:
    """The smallest n ≤ 256 for which all accuracies are k/n (eighths: 8), or k/n to three decimals; else 1."""
    for error in (1e-6, 5.1e-4):
        for n in range(1, 257):
            if np.abs(values - np.rint(values * n) / n).max() <= error:
                return n
    return 1


def _group(
    file: LogFile,
    prompts: Sequence[str],
    rewards: Sequence[float] | NDArray[np.float64],
    bytes_read: int,
    keep_samples: bool,
    fingerprint: bytes | None = None,
) -> StepRewards:
    if not len(prompts):
        raise InputError(f"{file.path}: holds no rows; remove the file, or pass --skip_bad_files")
    codes: dict[str, int] = {}
    codes_R = np.fromiter((codes.setdefault(prompt, len(codes)) for prompt in prompts), np.int64, len(prompts))
    return group_rewards(
        file.step,
        list(codes),
        codes_R,
        np.asarray(rewards, np.float64),
        bytes_read=bytes_read,
        fingerprint=fingerprint,
        keep_samples=keep_samples,
    )


def _digest(*texts: str) -> bytes:
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.digest()


def _tidy(error: Exception) -> str:
    return " ".join(str(error).split())


def _list_items(data: bytes) -> Iterator[Any]:
    """Items of a JSON list one by one; json.JSONDecodeError at the first that is not whole."""
    text = data.decode("utf-8", "replace")
    decoder, at = json.JSONDecoder(), len(text) - len(text.lstrip())
    if text[at : at + 1] != "[":
        raise json.JSONDecodeError("not a list", text, at)
    at += 1
    blank: Callable[[int], int] = lambda at: next(  # noqa: E731
        (i for i in range(at, len(text)) if not text[i].isspace()), len(text)
    )
    at = blank(at)
    while text[at : at + 1] != "]":
        item, at = decoder.raw_decode(text, at)
        yield item
        at = blank(at)
        if text[at : at + 1] == ",":
            at = blank(at + 1)
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("cut short", text, at)


def _first_bad_row(
    path: str, rows: Iterator[Any], prompt: str, reward: str, error: Exception, *, bools: bool = False
) -> InputError:
    """Say which row made the fast decoder refuse the file, and why; read slowly, since only once."""
    mend = "mend or remove the file, or pass --skip_bad_files"
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                return InputError(f"{path}: row {number} is a {type(row).__name__}, not an object; {mend}")
            for key, kinds in ((prompt, str), (reward, (int, float))):
                if key not in row:
                    return InputError(f"{path}: row {number} has no '{key}' (its keys: {', '.join(row)}); {mend}")
                value = row[key]
                if not isinstance(value, kinds) or (isinstance(value, bool) and not (bools and key == reward)):
                    return InputError(f"{path}: row {number}: '{key}' is {value!r:.60}, not a {_kind(kinds)}; {mend}")
                if isinstance(value, float) and not math.isfinite(value):
                    return InputError(f"{path}: row {number}: {key} is {value}; {mend}")
    except json.JSONDecodeError as broken:
        what = "cut short" if broken.pos >= len(broken.doc.rstrip()) or "Unterminated" in broken.msg else broken.msg
        return InputError(f"{path}: row {number + 1}: not whole JSON ({what}); {mend}")
    return InputError(f"{path}: not readable ({_tidy(error)}); {mend}")


def _kind(kinds: Any) -> str:
    return "string" if kinds is str else "number"
