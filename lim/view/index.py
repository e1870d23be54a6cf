"""Which rows of which files hold a prompt's samples: built once per log, kept in a cache folder, renewed by file.

The cache is one Parquet file per log under ~/.cache/limr (XDG_CACHE_HOME, or LIM_CACHE), never in the log's folder.
A file of the log is looked into again where its size or time changed; a log that grows costs its new files alone.

Suffixes: _N runs of rows (of one prompt, one after the other in one file), _R rows of a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lim.logs.files import LogFile
from lim.logs.find import Log
from lim.logs.formats import ReadOptions
from lim.logs.read import FileResult, read_files
from lim.logs.stretches import attempts_of
from lim.utils.errors import InputError
from lim.utils.files import atomic_path
from lim.view.readers import READERS, Ints, Located, Sample

VERSION = 4
READ_THREADS = 4
AT_ONCE = 64  # files whose samples are held at a time
COLUMNS = ("file", "step", "stretch", "key", "row", "count", "start", "end")
Stamp = tuple[str, int, int]  # path, size, time of change in nanoseconds


@dataclass(frozen=True)
class Run:
    """Samples of one prompt in one step that stand together in a file."""

    file: int
    step: int
    stretch: int  # of the file: see `attempts_of`
    row: int
    count: int
    start: int  # first byte; −1 in files that are no lines
    end: int


@dataclass(frozen=True)
class SampleIndex:
    """Runs of rows, sorted by key; `runs[name]` is a column of `COLUMNS`. Which of them count, a selection says."""

    log: Log
    options: ReadOptions
    stamps: list[Stamp]
    keys: list[str]
    runs: dict[str, Ints]
    problems: tuple[str, ...] = ()  # files that could not be looked into

    @property
    def samples(self) -> int:
        return int(self.runs["count"].sum())

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {key: at for at, key in enumerate(self.keys)}

    def of(self, keys: Sequence[str]) -> list[tuple[str, Run]]:
        """The runs of each key."""
        found: list[tuple[str, Run]] = []
        for key in keys:
            if (at := self.numbers.get(key)) is not None:
                low, high = np.searchsorted(self.runs["key"], [at, at + 1])
                columns = (self.runs[name][low:high].tolist() for name in COLUMNS if name != "key")
                found += [(key, Run(*values)) for values in zip(*columns, strict=True)]
        return found

    def read(self, runs: Sequence[Run], *, light: bool = False) -> Iterator[tuple[Run, list[Sample]]]:
        """The runs, file by file, with the samples of each; `light` leaves out responses where answers are known.

        Files are read side by side, a few at a time. InputError where one cannot be read.
        """
        by_file: dict[int, list[Run]] = {}
        for run in sorted(runs, key=lambda run: (run.file, run.row)):
            by_file.setdefault(run.file, []).append(run)

        def one(of_file: list[Run]) -> list[tuple[Run, list[Sample]]]:
            rows = np.concatenate([np.arange(run.row, run.row + run.count) for run in of_file])
            spans = [(run.start, run.end) for run in of_file if run.start >= 0]
            file = self.log.files[of_file[0].file]
            samples = iter(READERS[self.log.format].read(file, self.log.filesystem, self.options, rows, spans, light))
            return [(run, list(itertools.islice(samples, run.count))) for run in of_file]

        with ThreadPoolExecutor(READ_THREADS) as pool:
            files = list(by_file.values())
            for at in range(0, len(files), AT_ONCE):
                for found in pool.map(one, files[at : at + AT_ONCE]):
                    yield from found


def cache_folder() -> Path:
    """Where indexes are kept."""
    own = os.environ.get("LIM_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "limr"


def cache_path(log: Log, options: ReadOptions) -> Path:
    root = log.root if log.filesystem is not None else os.path.realpath(log.root)
    name = json.dumps([VERSION, root, log.format, log.by_id, options.reward_column])
    return cache_folder() / f"samples-{hashlib.sha256(name.encode()).hexdigest()[:20]}.parquet"


def has_samples(log: Log) -> bool:
    """Whether the samples of a log's format can be read one by one."""
    return log.format in READERS


def open_index(
    log: Log, options: ReadOptions, known: SampleIndex | None = None, *, workers: int | None = None
) -> SampleIndex:
    """The index of a log: `known`, or what the cache has, with the files that are new or changed looked into.

    Files that cannot be read are named in `problems`. Where the cache cannot be written, the index is not kept.
    """
    options = replace(options, by_id=log.by_id)
    stamps = stamps_of(log)
    path = cache_path(log, options)
    known = known if known is not None else _load(path, log, options)
    index, changed = _renewed(log, options, stamps, known, workers)
    if changed:
        with contextlib.suppress(InputError):  # without a cache it is only slow
            _save(path, index)
    return index


def stamps_of(log: Log) -> list[Stamp]:
    """What changes when a log's files do. InputError where one is gone."""
    if log.filesystem is not None:
        return [(file.path, file.size, 0) for file in log.files]
    found = []
    for file in log.files:
        try:
            stat = os.stat(file.path)
        except OSError as error:
            raise InputError(f"{file.path}: cannot be read: {error.strerror}") from None
        found.append((file.path, stat.st_size, stat.st_mtime_ns))
    return found


def _renewed(
    log: Log, options: ReadOptions, stamps: list[Stamp], known: SampleIndex | None, workers: int | None
) -> tuple[SampleIndex, bool]:
    number = {stamp: at for at, stamp in enumerate(stamps)}
    kept = {} if known is None else {at: number[old] for at, old in enumerate(known.stamps) if old in number}
    fresh = set(range(len(stamps))) - set(kept.values())
    if known is not None and not fresh and len(kept) == len(known.stamps):
        return replace(known, log=log, options=options), False
    keys: dict[str, int] = {} if known is None else {key: at for at, key in enumerate(known.keys)}
    parts: list[dict[str, Ints]] = []
    if known is not None:
        to = np.full(len(known.stamps), -1, np.int64)
        to[list(kept)] = list(kept.values())
        stay = to[known.runs["file"]] >= 0
        parts.append({name: column[stay] for name, column in known.runs.items()})
        parts[0]["file"] = to[parts[0]["file"]]
    problems: list[str] = []
    wanted = replace(log, files=tuple(log.files[at] for at in sorted(fresh)))
    skipping = replace(options, skip_bad_files=True)
    results = read_files(wanted, skipping, workers=workers, work=locate) if fresh else []
    for at, result in zip(sorted(fresh), results, strict=True):
        if result.error is not None:
            problems.append(result.error)
        for located in result.steps:
            parts.append(_runs(at, located, keys))
    runs = {name: np.concatenate([np.zeros(0, np.int64), *(part[name] for part in parts)]) for name in COLUMNS}
    order = np.lexsort((runs["row"], runs["file"], runs["key"]))
    runs = {name: column[order] for name, column in runs.items()}
    return SampleIndex(log, options, stamps, list(keys), runs, tuple(problems)), not problems


def locate(file: LogFile, format: str, filesystem: Any, options: ReadOptions) -> FileResult:
    """The rows of one file, for `read_files`."""
    try:
        return FileResult(file, (READERS[format].locate(file, filesystem, options),))
    except InputError as error:
        return FileResult(file, (), str(error))


def _runs(file: int, located: Located, keys: dict[str, int]) -> dict[str, Ints]:
    """A file's rows as runs of one prompt and step, keys numbered by `keys`, which grows."""
    code_L = np.array([keys.setdefault(key, len(keys)) for key in located.keys] or [-1], np.int64)
    codes_R, steps_R = located.codes_R, located.steps_R
    new_R = np.ones(len(codes_R), bool)
    new_R[1:] = (codes_R[1:] != codes_R[:-1]) | (steps_R[1:] != steps_R[:-1])
    first = np.flatnonzero(new_R)
    count = np.diff(first, append=len(codes_R))
    counted = codes_R[first] >= 0
    first, count = first[counted], count[counted]
    none = np.full(len(first), -1, np.int64)
    several = len(steps_R) and (steps_R != steps_R[0]).any()
    stretch_R = (
        np.array(attempts_of(steps_R.tolist(), codes_R.tolist()), np.int64)
        if several
        else np.zeros(len(steps_R), np.int64)
    )
    return {
        "file": np.full(len(first), file, np.int64),
        "step": steps_R[first],
        "stretch": stretch_R[first],
        "key": code_L[codes_R[first]],
        "row": first.astype(np.int64),
        "count": count.astype(np.int64),
        "start": none if located.starts_R is None else located.starts_R[first],
        "end": none if located.ends_R is None else located.ends_R[first + count - 1],
    }


def _save(path: Path, index: SampleIndex) -> None:
    columns = {name: pa.array(index.runs[name].astype(np.int64)) for name in COLUMNS if name != "key"}
    keys = pa.DictionaryArray.from_arrays(
        pa.array(index.runs["key"].astype(np.int32)), pa.array(index.keys, pa.string())
    )
    table = pa.table({**columns, "key": keys}).replace_schema_metadata({"files": json.dumps(index.stamps)})
    with atomic_path(path) as partial:
        pq.write_table(table, partial, compression="zstd")
    path.chmod(0o600)


def _load(path: Path, log: Log, options: ReadOptions) -> SampleIndex | None:
    """The index kept for a log; None where there is none, or none that can be read."""
    try:
        table = pq.read_table(path, read_dictionary=["key"])
        stamps = [
            (str(name), int(size), int(time)) for name, size, time in json.loads(table.schema.metadata[b"files"])
        ]
        encoded = table["key"].unify_dictionaries().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0)
        runs = {name: table[name].to_numpy() for name in COLUMNS if name != "key"}
        runs["key"] = encoded.indices.to_numpy().astype(np.int64)
        order = np.lexsort((runs["row"], runs["file"], runs["key"]))
        runs = {name: column[order] for name, column in runs.items()}
        return SampleIndex(log, options, stamps, encoded.dictionary.to_pylist(), runs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return None
