"""What the readers of third-party logs share: decoding rows, prompts as text, rewards as numbers.

JSON is decoded with typed structs, so that only the fields needed are kept of rows whose bulk is the response:
memory is one file's bytes, not the parsed tree. Where the strict decoder refuses a file (NaN, halves of surrogate
pairs), Python's own reads it row by row, and a fault is only what a needed field has.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from lim.logs.files import LogFile, read_bytes
from lim.logs.first_row import its_columns
from lim.logs.step import MOST, StepRewards, group_rewards
from lim.utils.errors import InputError
from lim.utils.text import kind_of

MOST_EPOCHS = 100_000
NOT_GIVEN = ("", "none", "null", "na", "n/a", "<na>")  # as tables write that there is no value
WORDS = "write rewards as numbers (1, 0.5) or as true and false, name another column, or pass --skip_bad_files"
FIX = "fix or remove the file, or pass --skip_bad_files"


def decode_rows(file: LogFile, filesystem: Any, needed: Mapping[str, Any], *, lines: bool) -> list[Any]:
    """The rows of a JSON file as objects with the fields `needed` (name → type): a line each, or items of a list.

    A field whose type allows None may be missing. Raises InputError naming the row that is cut, malformed, or has
    a wrong type in a needed field.
    """
    row_type = _row_type(tuple(needed.items()))
    data = read_bytes(file.path, filesystem)
    try:
        if lines:
            return msgspec.json.Decoder(type=row_type).decode_lines(data)
        return msgspec.json.decode(data, type=list[row_type])
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    kinds = {name: _accepts(kind) for name, kind in needed.items()}
    found: list[Any] = []
    for number, row in enumerate_rows(file.path, json_lines(data) if lines else list_items(data)):
        if not isinstance(row, dict):
            raise InputError(f"{file.path}: row {number} is {kind_of(row)}, not an object; {FIX}")
        values = []
        for name, kind in needed.items():
            if name not in row and not _optional(kind):
                raise InputError(f"{file.path}: row {number} has no '{name}' (its keys: {', '.join(row)}); {FIX}")
            value = row.get(name)
            if not kinds[name](value):
                what = {str: "a string", list: "a list", dict: "an object"}
                members = [getattr(member, "__origin__", member) for member in _members(kind)]
                wanted = (
                    "text" if str in members else "a number" if float in members else what.get(members[0], "text")
                )
                given = what.get(type(value), "")
                shown = f"{value!r:.60}{f', {given}' if given else ''}"
                raise InputError(f"{file.path}: row {number}: '{name}' is {shown}, not {wanted}; {FIX}")
            values.append(no_surrogates(value))
        found.append(row_type(**{f"f{at}": value for at, value in enumerate(values)}))
    return found


@lru_cache
def _row_type(needed: tuple[tuple[str, Any], ...]) -> Any:
    """A struct with the fields f0, f1, … for the names and types needed."""
    fields = [(f"f{at}", kind) for at, (_, kind) in enumerate(needed)]
    fields = [(name, kind, None) if _optional(kind) else (name, kind) for name, kind in fields]
    renamed = {f"f{at}": name for at, (name, _) in enumerate(needed)}
    return msgspec.defstruct("Row", sorted(fields, key=len), rename=renamed, gc=False)


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _optional(kind: Any) -> bool:
    return kind is Any or type(None) in _members(kind)


def _accepts(kind: Any) -> Callable[[Any], bool]:
    if kind is Any:
        return lambda value: True
    members = tuple(getattr(member, "__origin__", member) for member in _members(kind))
    number = float in members
    return lambda value: (
        isinstance(value, (*members, int) if number else members) and (not isinstance(value, bool) or bool in members)
    )


def enumerate_rows(path: str, rows: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    """Rows with their numbers from 1; InputError at the first that is not complete JSON."""
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            yield number, row
    except json.JSONDecodeError as broken:
        if isinstance(broken, LastLine):
            fix = "remove that line, as a killed run leaves one, or pass --skip_bad_files, which skips the file"
            raise InputError(f"{path}: row {number + 1}: not complete JSON (its last line); {fix}") from None
        what = "cut short" if broken.pos >= len(broken.doc.rstrip()) or "Unterminated" in broken.msg else broken.msg
        raise InputError(f"{path}: row {number + 1}: not complete JSON ({what}); {FIX}") from None
    except RecursionError:
        raise InputError(f"{path}: row {number + 1}: too deeply nested; {FIX}") from None


class LastLine(json.JSONDecodeError):
    """The last line of several is not complete."""


def json_lines(data: bytes) -> Iterator[Any]:
    """The values of JSON lines, NaN and Infinity included; blank lines are skipped."""
    *lines, last = [line for line in data.decode("utf-8-sig", "replace").split("\n") if line.strip()] or [""]
    yield from map(json.loads, lines)
    try:
        if last:
            yield json.loads(last)
    except json.JSONDecodeError as error:
        raise LastLine(error.msg, error.doc, error.pos) if lines else error from None


def json_values(data: bytes) -> Iterator[Any]:
    """Values one after the other, whatever white space is between them."""
    text = data.decode("utf-8-sig", "replace")
    at = _blank(text, 0)
    while at < len(text):
        value, at = json.JSONDecoder().raw_decode(text, at)
        yield value
        at = _blank(text, at)


def list_items(data: bytes) -> Iterator[Any]:
    """Items of a JSON list one by one; json.JSONDecodeError at the first that is not complete."""
    text = data.decode("utf-8-sig", "replace")
    decoder, at = json.JSONDecoder(), _blank(text, 0)
    if text[at : at + 1] != "[":
        raise json.JSONDecodeError("not a list", text, at)
    at = _blank(text, at + 1)
    while text[at : at + 1] != "]":
        item, at = decoder.raw_decode(text, at)
        yield item
        at = _blank(text, at)
        if text[at : at + 1] == ",":
            at = _blank(text, at + 1)
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("cut short", text, at)


def _blank(text: str, at: int) -> int:
    """The place of the next character that is no white space."""
    return next((i for i in range(at, len(text)) if not text[i].isspace()), len(text))


def no_surrogates(value: Any) -> Any:
    """A value of JSON with halves of surrogate pairs replaced, in its texts and in those of its lists and objects."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [*map(no_surrogates, value)]
    return {name: no_surrogates(one) for name, one in value.items()} if isinstance(value, dict) else value


def group(
    file: LogFile,
    prompts: Sequence[str],
    rewards: Sequence[float | None] | NDArray[np.float64],
    *,
    step: int | None = None,
    epochs: Sequence[int] | None = None,
    fingerprint: bytes | None = None,
    bytes_read: int = 0,
    keep_samples: bool = False,
    reward: str = "reward",
) -> StepRewards:
    """One step's rows, grouped by prompt (its text or id). Rows whose reward is None or NaN are skipped.

    Raises InputError where no row is left, and at a reward that is infinite or as good as that.
    """
    if not len(prompts):
        raise InputError(f"{file.path}: holds no rows; remove the file, or pass --skip_bad_files")
    try:
        rewards_R = np.array(rewards, np.float64).reshape(len(prompts))
    except (TypeError, ValueError, OverflowError):
        rewards_R = np.array(
            [reward_of(f"{file.path}: row {row}", reward, one) for row, one in enumerate(rewards, 1)]
        )
    lost_R = np.isnan(rewards_R)
    if lost_R.all():
        there = its_columns(file.path, None, "reward", tried=reward)
        raise InputError(
            f"{file.path}: none of its {len(rewards_R)} rows has a reward ('{reward}'); name another column by "
            f"--reward_column{there}, or pass --skip_bad_files"
        )
    if (over_R := np.abs(rewards_R) > MOST).any():
        row = int(over_R.argmax())
        raise InputError(f"{file.path}: row {row + 1}: {reward} is {rewards_R[row]}; {FIX}")
    if epochs is not None and not 0 <= min(epochs) <= max(epochs) <= MOST_EPOCHS:
        row = next(at for at, epoch in enumerate(epochs) if not 0 <= epoch <= MOST_EPOCHS)
        raise InputError(f"{file.path}: row {row + 1}: its epoch is {epochs[row]}, not one from 0 to {MOST_EPOCHS:,}")
    if lost_R.any():
        kept = (~lost_R).tolist()
        prompts = list(itertools.compress(prompts, kept))
        epochs = None if epochs is None else list(itertools.compress(epochs, kept))
        rewards_R = rewards_R[~lost_R]
    first: dict[str, int] = {}  # prompt → its first row
    first_R = np.fromiter(map(first.setdefault, prompts, itertools.count()), np.int64, len(prompts))
    codes_R = np.searchsorted(np.fromiter(first.values(), np.int64, len(first)), first_R)
    return group_rewards(
        file.step if step is None else step,
        list(first),
        codes_R,
        rewards_R,
        epochs_R=None if epochs is None else np.array(epochs, np.int64),
        skipped=int(lost_R.sum()),
        bytes_read=bytes_read,
        fingerprint=fingerprint,
        keep_samples=keep_samples,
    )


def digest(*texts: str) -> bytes:
    import hashlib

    found = hashlib.blake2b(digest_size=16)
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass"))
    return found.digest()


def tidy(error: Exception) -> str:
    return " ".join(str(error).split())


# Rewards.


def reward_terms(text: str) -> list[tuple[float, str]]:
    """`accuracy,0.1*format` as weights and names. Raises InputError for a weight that is no number."""
    terms = []
    for term in text.split(","):
        one, star, two = (part.strip() for part in term.partition("*"))
        weight, name = (one, two) if star else ("1", one)
        try:
            if star and not _is_number(one):
                weight, name = two, one
            terms.append((float(weight), name))
        except ValueError:
            raise InputError(f"--reward_column {term}: a weight is a number, as in 0.1*format") from None
        if not name or not math.isfinite(terms[-1][0]):
            raise InputError(f"--reward_column {text}: needs names split by commas, each with a weight or none")
    return terms


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def reward_of(where: str, name: str, value: Any) -> float:
    """A reward as a number, NaN where there is none; a text that is a number (as in CSV) counts as that."""
    text = value.strip().lower() if isinstance(value, str) else None
    if value is None or text in NOT_GIVEN:
        return math.nan
    if text in ("true", "false"):
        return float(text == "true")
    if isinstance(value, dict):
        inside = [f"{name}.{key}" for key in value] or [f"{name}.…"]
        raise InputError(
            f"{where}: '{name}' is an object; name the numbers in it that count, with their weights: "
            f"--reward_column {','.join(inside[:3])}"
        )
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        fix = FIX
        if text:
            fix = "write the log as JSON lines or Parquet" if text[0] in "[{" else WORDS
        raise InputError(f"{where}: '{name}' is {value!r:.60}, not a number; {fix}") from None


def absent_of(terms: Sequence[tuple[float, str]], values: Sequence[Any]) -> frozenset[str]:
    """The terms without a value in any row, as of a name that is wrong; `values` has a column for each."""
    empty = (np.isnan(np.asarray(column, np.float64)).all() for column in values)
    return frozenset(itertools.compress((name for _, name in terms), empty))


def weighted_sum(terms: Sequence[tuple[float, str]], values: Sequence[Any]) -> NDArray[np.float64]:
    """Rewards by row, `values` being a column for each term: NaN counts as not given, and is left where all are."""
    values_C_R = np.array([np.asarray(column, np.float64) for column in values])
    weights_C = np.array([weight for weight, _ in terms])
    sums_R = np.nansum(values_C_R * weights_C[:, None], axis=0)
    return np.where(np.isnan(values_C_R).all(axis=0), np.nan, sums_R)
