"""Where a log's samples lie, and single samples read from there: this project's log, verl's, TRL's.

Suffixes: _R rows (samples) of a file, _Q the rows asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lim.logs.files import LogFile, read_bytes, read_span
from lim.logs.formats import ReadOptions
from lim.logs.messages import content_text, is_conversation, prompt_text
from lim.logs.parquet import column_names, numbers, open_file, read_columns
from lim.logs.rows import no_surrogates, reward_of, reward_terms, weighted_sum
from lim.logs.trl import OTHER, reward_terms_of
from lim.logs.verl import not_counted, steps_of
from lim.prompts.rows import MISSING, dig
from lim.recorders.verl import prompt_id, unpack
from lim.utils.errors import InputError

Ints = NDArray[np.int64]
Spans = Sequence[tuple[int, int]]  # bytes of the rows' lines, of runs of lines; empty for files that are no lines


@dataclass(frozen=True)
class Located:
    """A file's samples: row r is of prompt `keys[codes_R[r]]`, −1 where it does not count, and of step `steps_R[r]`.

    `starts_R` and `ends_R` are a row's bytes in files of lines (unpacked), None in others.
    """

    keys: list[str]
    codes_R: Ints
    steps_R: Ints
    starts_R: Ints | None = None
    ends_R: Ints | None = None


@dataclass(frozen=True)
class Sample:
    """One response as the log has it; None for what it does not say."""

    row: int  # of its file, from 0
    response: str | None
    reward: float | None
    verdict: str | None = None
    reason: str | None = None
    answer: str | None = None
    gold: str | None = None
    tokens: int | None = None
    number: int | None = None  # within prompt and epoch
    epoch: int | None = None
    verifier: str | None = None
    more: tuple[tuple[str, str], ...] = ()  # further columns that say something, by name


@dataclass(frozen=True)
class Reader:
    """How a format's files are read: `locate` all rows of one, `read` the samples at rows.

    The last argument of `read` leaves out responses where the log has the answers.
    """

    locate: Callable[[LogFile, Any, ReadOptions], Located]
    read: Callable[[LogFile, Any, ReadOptions, Ints, Spans, bool], list[Sample]]


def _parquet_keys(file: LogFile, keys: list[str], codes_R: NDArray[Any]) -> Located:
    return Located(keys, codes_R.astype(np.int64), np.full(len(codes_R), file.step, np.int64))


def locate_own(file: LogFile, filesystem: Any, options: ReadOptions) -> Located:
    """This project's: the column prompt_id."""
    table, _ = read_columns(file.path, filesystem, ["prompt_id"], encoded=("prompt_id",))
    column = table["prompt_id"].combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return _parquet_keys(file, encoded.dictionary.to_pylist(), numbers(encoded.indices.fill_null(-1)))


OWN = ("sample", "epoch", "reward", "verdict", "answer", "response_tokens", "response", "reason", "score", "verifier")


def read_own(
    file: LogFile, filesystem: Any, options: ReadOptions, rows_Q: Ints, spans: Spans, light: bool
) -> list[Sample]:
    light = light and "answer" in column_names(file.path, filesystem)
    columns = [name for name in OWN if name != "response" or not light]
    return [
        Sample(
            row,
            found.get("response"),
            _number(found.get("reward")),
            found.get("verdict"),
            found.get("reason"),
            found.get("answer"),
            tokens=found.get("response_tokens"),
            number=found.get("sample"),
            epoch=found.get("epoch"),
            verifier=found.get("verifier"),
            more=tuple(
                (name, f"{value:g}" if isinstance(value, float) else str(value))
                for name in ("score", "verifier")
                if (value := found.get(name)) is not None
            ),
        )
        for row, found in zip(rows_Q.tolist(), take_rows(file.path, filesystem, rows_Q, columns), strict=True)
    ]


def take_rows(path: str, filesystem: Any, rows_Q: Ints, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows `rows_Q` (rising) of a Parquet file, with those of `columns` it has; reads no other row groups."""
    with open_file(path, filesystem) as file:
        names = [name for name in columns if name in file.schema_arrow.names]
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        if len(rows_Q) and rows_Q[-1] >= starts[-1]:
            raise InputError(f"{path}: has {starts[-1]} rows, fewer than when it was indexed; reload the page")
        found: list[dict[str, Any]] = []
        for group in np.unique(np.searchsorted(starts, rows_Q, "right") - 1).tolist():
            inside_Q = rows_Q[(rows_Q >= starts[group]) & (rows_Q < starts[group + 1])] - starts[group]
            try:
                table = file.read_row_group(group, columns=names, use_threads=False)
            except (pa.ArrowInvalid, OSError) as error:
                raise InputError(f"{path}: damaged ({' '.join(str(error).split())[:120]})") from None
            for some in np.split(inside_Q, np.flatnonzero(np.diff(inside_Q) != 1) + 1):
                found += table.slice(int(some[0]), len(some)).to_pylist()
        return found


def locate_trl(file: LogFile, filesystem: Any, options: ReadOptions) -> Located:
    """TRL's: the column prompt, text or messages."""
    table, _ = read_columns(file.path, filesystem, ["prompt"])
    codes: dict[str, int] = {}
    texts = [prompt_text(value) for value in table["prompt"].to_pylist()]
    codes_R = [-1 if text is None else codes.setdefault(text, len(codes)) for text in texts]
    return _parquet_keys(file, list(codes), np.array(codes_R, np.int64))


def read_trl(
    file: LogFile, filesystem: Any, options: ReadOptions, rows_Q: Ints, spans: Spans, light: bool
) -> list[Sample]:
    names = column_names(file.path, filesystem)
    numeric = [name for name, kind in names.items() if kind in ("int", "float") and name not in OTHER]
    terms = reward_terms_of(file.path, numeric, options)
    others = [name for name in numeric if name not in [term for _, term in terms]]
    wanted = ["completion", *dict.fromkeys([*(name for _, name in terms), *others])]
    rows = take_rows(file.path, filesystem, rows_Q, wanted)
    columns = [[np.nan if row.get(name) is None else row[name] for row in rows] for _, name in terms]
    rewards = weighted_sum(terms, columns).tolist() if rows else []
    return [
        Sample(
            row,
            completion_text(found["completion"]),
            _number(reward),
            more=tuple(
                (name, f"{found[name]:g}") for name in numeric if len(numeric) > 1 and found[name] is not None
            ),
        )
        for row, found, reward in zip(rows_Q.tolist(), rows, rewards, strict=True)
    ]


def completion_text(value: Any) -> str | None:
    """A completion as text: itself, or what its turns say and the tools they call; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if not is_conversation(value):
        return str(value)
    parts = []
    for turn in value:
        parts.append(content_text(turn.get("content")))
        if calls := turn.get("tool_calls"):
            parts.append(json.dumps(calls, ensure_ascii=False, default=str))
    return "\n\n".join(filter(None, parts))


class _Line(msgspec.Struct, gc=False):
    """What tells a line of verl's apart."""

    input: str | list[Any]
    uid: Any = None
    step: Any = None
    gts: Any = None


DECODER = msgspec.json.Decoder(_Line)


def locate_verl(file: LogFile, filesystem: Any, options: ReadOptions) -> Located:
    """verl's: a line each; padding and later outputs of an agent loop do not count."""
    data = read_bytes(file.path, filesystem)
    shift = len(_mark(file, filesystem))
    ends = np.append(np.flatnonzero(np.frombuffer(data, np.uint8) == 10), len(data))
    starts = np.concatenate([[0], ends[:-1] + 1])
    view = memoryview(data)
    codes: dict[str, int] = {}
    keys, uids, steps, kept = [], [], [], []
    for at, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        line = view[start:end]
        if not bytes(line[:1]).strip() and not bytes(line).strip():
            continue
        found = _line(file, len(kept) + 1, line)
        kept.append(at)
        keys.append(prompt_id(found.gts) if options.by_id else prompt_text(found.input))
        uids.append((found.uid, found.input))
        steps.append(found.step)
    skipped = not_counted(*zip(*uids, strict=True)) if uids else set[int]()
    codes_R = [
        -1 if key is None or row in skipped else codes.setdefault(key, len(codes)) for row, key in enumerate(keys)
    ]
    return Located(
        list(codes),
        np.array(codes_R, np.int64),
        np.array(steps_of(file, steps), np.int64),
        starts[kept] + shift,
        ends[kept] + shift,
    )


def _mark(file: LogFile, filesystem: Any) -> bytes:
    """The byte order mark that a plain file begins with, which `read_bytes` drops."""
    mark = b"\xef\xbb\xbf"
    packed = file.path.endswith((".gz", ".zst"))
    return b"" if packed or read_span(file.path, filesystem, 0, 3) != mark else mark


def _line(file: LogFile, number: int, line: memoryview) -> _Line:
    try:
        return DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        row = _loose(file, number, bytes(line))
        return _Line(row.get("input") or "", row.get("uid"), row.get("step"), row.get("gts"))


def _loose(file: LogFile, number: int, line: bytes) -> dict[str, Any]:
    """A line as Python's own decoder reads it: NaN, halves of surrogate pairs."""
    try:
        row = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise InputError(f"{file.path}: row {number}: not a complete JSON object")
    return no_surrogates(row)


def read_verl(
    file: LogFile, filesystem: Any, options: ReadOptions, rows_Q: Ints, spans: Spans, light: bool
) -> list[Sample]:
    terms = reward_terms(options.reward_column or "score")
    samples = []
    lines = [line for line in _lines(file, filesystem, spans) if line.strip()]
    if len(lines) != len(rows_Q):
        raise InputError(f"{file.path}: has changed since it was indexed; reload the page")
    for row, line in zip(rows_Q.tolist(), lines, strict=True):
        found = _loose(file, row + 1, line)
        values = [[_reward(f"{file.path}: row {row + 1}", name, dig(found, name))] for _, name in terms]
        reward = float(weighted_sum(terms, values)[0])
        gold = unpack(found.get("gts"))
        samples.append(
            Sample(
                row,
                completion_text(found.get("output")),
                _number(reward),
                gold=str(gold) if isinstance(gold, str | int | float) and not isinstance(gold, bool) else None,
                more=tuple((name, str(found[name])[:60]) for name in ("acc", "uid") if found.get(name) is not None),
            )
        )
    return samples


def _reward(where: str, name: str, value: Any) -> float:
    return np.nan if value is MISSING else reward_of(where, name, value)


def _number(reward: float | None) -> float | None:
    """A reward; None where there is none, as NaN says too."""
    return None if reward is None or np.isnan(reward) else reward


def _lines(file: LogFile, filesystem: Any, spans: Spans) -> list[bytes]:
    """The lines of spans of bytes; a packed file is unpacked for them."""
    if file.path.endswith((".gz", ".zst")):
        data = read_bytes(file.path, filesystem)
        parts = [data[start:end] for start, end in spans]
    else:
        parts = [read_span(file.path, filesystem, start, end - start) for start, end in spans]
    return [line for part in parts for line in part.split(b"\n")]


READERS = {
    "lim": Reader(locate_own, read_own),
    "verl": Reader(locate_verl, read_verl),
    "trl": Reader(locate_trl, read_trl),
}
