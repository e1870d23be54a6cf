"""A log as read, and its steps once it is known which of its texts are one prompt.

Suffixes: _L keys of the log, _U a step's (prompt, epoch) pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.logs.doubts import Doubt
from lim.logs.find import Log
from lim.logs.first_row import first_row
from lim.logs.formats import ReadOptions
from lim.logs.keys import KeyTable
from lim.logs.read import read_files
from lim.logs.resumed import Place, check_doubled, check_repeated, generated_anew, made_again, replaced_ones
from lim.logs.row_kinds import IdTexts, check_runs
from lim.logs.step import StepRewards
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError

MANY = 1 << 30


@dataclass(frozen=True)
class RawLog:
    """A log as read: its steps in order, and its prompts, ids or texts (`keys`)."""

    log: Log
    steps: tuple[StepRewards, ...]
    rows: tuple[NDArray[np.int32], ...]  # of `keys`, for each step
    keys: list[str]
    bad_files: tuple[str, ...]
    repeated_files: int
    again: Mapping[Place, int]  # steps that a resumed run made again later, and how many rows of theirs are skipped

    @property
    def first_epoch(self) -> int:
        """The log's own number of its first epoch; 1 where it has none."""
        return min((int(step.epochs_U.min()) for step in self.steps if step.epochs_U is not None), default=1)


@dataclass(frozen=True)
class Part:
    """One step, with its prompts as row numbers; a prompt is in it once per epoch."""

    step: StepRewards
    rows_U: NDArray[np.integer]
    epochs_U: NDArray[np.integer]  # 0 where they are not known yet


def read_log(
    log: Log,
    options: ReadOptions | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> RawLog:
    """Read a log's files. Raises InputError for the first bad one, unless they are to be skipped, or none is left."""
    table, id_texts = KeyTable(), IdTexts()
    steps: list[StepRewards] = []
    places: list[Place] = []
    bad_files: list[str] = []
    repeated, last = 0, None
    for result in read_files(log, options, workers=workers, progress=progress):
        if result.error:
            bad_files.append(result.error)
        repeated += not (result.steps or result.error)
        for step in result.steps:
            again = last is not None and step.fingerprint is not None and step.fingerprint == last.fingerprint
            if last is not None and again and step.step != last.step:  # in one step: of two ranks
                repeated += 1
                continue
            last = step
            repeated += step.repeated
            id_texts.add(step.keys if step.texts else (), step.texts)
            table.add(step.keys)
            places.append((result.file.path, step.attempt, step.step))
            steps.append(replace(step, keys=[]))  # the texts themselves are kept once, in the table
    if wrong := sorted(frozenset.intersection(*(step.absent for step in steps)) if steps else ()):
        known = first_row(log.files[0].path, log.filesystem) or {}
        near = did_you_mean(wrong[0], known)
        raise InputError(f"{log.root}: no row has a value of '{wrong[0]}', which --reward_column names{near}")
    lacking = {name: sum(name in step.absent for step in steps) for step in steps for name in step.absent}
    if lacking and "reward_columns" not in (options.allow if options else ()):
        name, count = max(lacking.items(), key=lambda item: item[1])
        raise Doubt(
            "reward_columns",
            f"{log.root}: in {count:,} of {len(steps):,} steps no row has a value of '{name}', which --reward_column "
            "names and which counts as 0 there; name columns that the whole log has, or read its parts by themselves",
        )
    if not steps:
        raise InputError(f"{log.root}: no readable log file left of {len(log.files)}")
    keys, rows = table.finish()
    epochs = [0 if step.epochs_U is None else int(step.epochs_U.min(initial=MANY)) for step in steps]
    lost = [step.skipped for step in steps]
    counts = [step.counts_U for step in steps]
    numbers = [step.step for step in steps]
    again = replaced_ones([step.replaced for step in steps], counts, numbers)
    if not log.kind.spread:
        again |= made_again(counts, rows, places, epochs, lost)
    if all(step.epochs_U is None for step in steps) and not log.kind.spread and not log.kind.many_files:
        left = sorted(set(range(len(steps))) - again, key=numbers.__getitem__)
        again |= generated_anew(counts, rows, numbers, left)
    if "rows" not in (options.allow if options else ()):
        id_texts.check(log.root)
        left = [at for at in range(len(steps)) if at not in again]
        check_runs(log.root, [places[at] for at in left])
        if len(places) > len(log.files) and not log.kind.spread:
            check_repeated(
                [counts[at] for at in left],
                [rows[at] for at in left],
                [places[at] for at in left],
                [epochs[at] for at in left],
            )
        if log.kind.many_files or log.kind.spread or len(places) > len(log.files):
            check_doubled(
                log.root,
                [counts[at] for at in left],
                [rows[at] for at in left],
                [places[at] for at in left],
                [epochs[at] for at in left],
                spread=log.kind.spread,
            )
    order = sorted(set(range(len(steps))) - again, key=numbers.__getitem__)
    ordered, rows = tuple(steps[at] for at in order), tuple(rows[at] for at in order)
    skipped = {places[at]: int(steps[at].counts_U.sum()) for at in again}
    return RawLog(log, ordered, rows, keys, tuple(bad_files), repeated, skipped)


def parts_of(raw: RawLog, stands_L: NDArray[np.int64]) -> list[Part]:
    """The log's steps, those of one number as one, with one row per prompt and epoch."""
    alone = bool((stands_L == np.arange(len(stands_L))).all())
    parts = []
    for number, group in itertools.groupby(range(len(raw.steps)), key=lambda at: raw.steps[at].step):
        steps, rows = zip(*((raw.steps[at], raw.rows[at]) for at in group), strict=True)
        if alone and len(steps) == 1:
            parts.append(Part(steps[0], rows[0], _epochs(steps[0])))
            continue
        rows, epochs_U = tuple(stands_L[row] for row in rows), np.concatenate([_epochs(step) for step in steps])
        parts.append(_combined(number, steps, rows, epochs_U))
    first = raw.first_epoch
    if parts[0].step.epochs_U is None or (raw.log.format == "lim" and first > 0):
        return parts
    # Epochs without a row are none of the log's: of a log of every tenth, ten times as many.
    there = np.unique(np.concatenate([part.epochs_U for part in parts])) if raw.log.format != "lim" else None
    number = (lambda epochs_U: epochs_U + 1) if there is None else (lambda e: np.searchsorted(there, e) + 1)
    return [replace(part, epochs_U=number(part.epochs_U)) for part in parts]


def _epochs(step: StepRewards) -> NDArray[np.integer]:
    return np.broadcast_to(np.int32(0), len(step.counts_U)) if step.epochs_U is None else step.epochs_U


def _combined(
    number: int, steps: tuple[StepRewards, ...], rows: tuple[NDArray[np.int64], ...], epochs_U: NDArray[np.integer]
) -> Part:
    """Steps of one number as one part; texts of one prompt are added up."""
    first, rows_U = steps[0], np.concatenate(rows)
    known = all(step.epochs_U is not None for step in steps)
    pairs_U = rows_U * (int(epochs_U.max(initial=0)) + 1) + epochs_U
    pairs_V, at_V, of_U = np.unique(pairs_U, return_index=True, return_inverse=True)

    def joined(name: str, add: Any, start: float, dtype: type[np.number]) -> Any:
        values = [getattr(step, name) for step in steps]
        if any(value is None for value in values):
            return None
        total = np.full(len(pairs_V), start, dtype)
        add.at(total, of_U, np.concatenate(values))
        return total

    top = max(step.top for step in steps)
    counts_U = joined("counts_U", np.add, 0, np.int32)
    tops_U = np.concatenate([step.tops_U if step.top == top else np.zeros_like(step.tops_U) for step in steps])
    offsets = np.cumsum([0, *(len(step.counts_U) for step in steps)])
    kept = all(step.groups_R is not None for step in steps)
    merged = replace(
        first,
        step=number,
        keys=[],
        epochs_U=epochs_U[at_V].astype(np.int32) if known else None,
        sums_U=joined("sums_U", np.add, 0, np.float64),
        counts_U=counts_U,
        tops_U=np.bincount(of_U, tops_U, len(pairs_V)).astype(np.int32),
        correct_U=joined("correct_U", np.add, 0, np.int32),
        lows_U=joined("lows_U", np.minimum, np.inf, np.float32),
        highs_U=joined("highs_U", np.maximum, -np.inf, np.float32),
        top=top,
        low=min(step.low for step in steps),
        squares=sum(step.squares for step in steps),
        values=max(step.values for step in steps),
        groups_R=np.concatenate([of_U[step.groups_R + at] for step, at in zip(steps, offsets, strict=False)])  # pyright: ignore
        if kept
        else None,
        rewards_R=np.concatenate([step.rewards_R for step in steps]) if kept else None,  # pyright: ignore
    )
    return Part(merged, rows_U[at_V], epochs_U[at_V])
