"""Prompts that are twice in one step because two epochs meet within it: the last of one, and the first of the next.

Suffixes: _U a step's (prompt, epoch) pairs, _R its samples, _V visits (a prompt in a step).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lim.logs.counting import step_numbers, usual_counts
from lim.logs.epochs import TOLERATED, Visits
from lim.logs.formats import ReadOptions
from lim.logs.parts import Part, RawLog
from lim.logs.read import read_one
from lim.logs.step import StepRewards, group_rewards


def split_where_epochs_meet(
    raw: RawLog,
    parts: list[Part],
    stands_L: NDArray[np.int64],
    counted_L: NDArray[np.bool_],
    options: ReadOptions,
    first: int,
    length: float | None = None,
) -> list[Part]:
    """The parts, with two visits for each prompt that is twice in a step where epochs meet.

    Such a prompt has twice as many samples as is usual in this step and those beside it, and no visit in a step that
    is of one of the two epochs alone. The first half of its samples, in the log's order, is the earlier visit's.
    `counted_L`: prompts that an epoch has once; `first`: the step that epoch 1 begins with.
    """
    found = _doubled(parts, counted_L, first, length)
    if not found:
        return parts
    numbers = {parts[at].step.step for at in found}
    steps = [step for step in raw.steps if step.step in numbers]
    if any(step.groups_R is None for step in steps):  # the order of samples was not kept
        options = replace(options, keep_samples=True, by_id=raw.log.by_id)
        samples = sum(int(step.counts_U.sum()) for step in steps)
        named = [file for file in raw.log.files if file.step in numbers]
        for files in (named, raw.log.files):  # a file may hold parts of several steps, whatever its name says
            read = (read_one(file, raw.log.format, raw.log.filesystem, options) for file in files)
            named_steps = ((result.file.path, step) for result in read for step in result.steps)
            steps = [
                step
                for path, step in named_steps
                if step.step in numbers and (path, step.attempt, step.step) not in raw.again
            ]
            if sum(int(step.counts_U.sum()) for step in steps) == samples:
                break
        place = {key: row for row, key in enumerate(raw.keys)}
        rows = [stands_L[[place[key] for key in step.keys]] for step in steps]
    else:
        rows = [stands_L[rows] for step, rows in zip(raw.steps, raw.rows, strict=True) if step.step in numbers]
    parts = list(parts)
    for at, doubled in found.items():
        ours = [n for n, step in enumerate(steps) if step.step == parts[at].step.step]
        parts[at] = _split(parts[at], [steps[n] for n in ours], [rows[n] for n in ours], doubled)
    return parts


def _doubled(
    parts: Sequence[Part], counted_L: NDArray[np.bool_], first: int, length: float | None
) -> dict[int, NDArray[np.int64]]:
    """Number of a part → its prompts that two epochs have in it."""
    rows = [part.rows_U[counted_L[part.rows_U]] for part in parts]
    kept = [at for at, part in enumerate(rows) if len(part)]
    if not kept:
        return {}
    counts = [parts[at].step.counts_U[counted_L[parts[at].rows_U]] for at in kept]
    found = zip(kept, counts, usual_counts(counts), strict=True)
    twice = {at: rows[at][two_U] for at, counts_U, usual in found if (two_U := counts_U == 2 * usual).any()}
    if not twice:
        return {}
    steps_S = step_numbers([part.step.step for part in parts])
    visits = Visits(steps_S[kept], [rows[at] for at in kept], first)
    visits_S = [len(rows[at]) + len(twice.get(at, ())) for at in kept]
    length = length or visits.spacing * visits.prompts / float(np.bincount(visits_S).argmax())
    low_S, high_S = visits.reach(length)
    # Of another visit where epochs meet it is not known which of the two it is in.
    epochs_V = np.where(low_S == high_S, low_S, -1)[visits.step_V]
    row_V = np.concatenate([rows[at] for at in kept])
    short = _a_visit_short(row_V, twice)
    found = {}
    for step, at in enumerate(kept):
        if at in twice:
            doubled = np.intersect1d(twice[at], short)
            if low_S[step] < high_S[step]:
                other_V = np.isin(row_V, twice[at]) & (visits.step_V != step)
                other_V &= (epochs_V == low_S[step]) | (epochs_V == high_S[step])
                doubled = np.union1d(doubled, np.setdiff1d(twice[at], row_V[other_V]))
            if len(doubled):
                found[at] = doubled
    return found


def _a_visit_short(row_V: NDArray[np.integer], twice: dict[int, NDArray[np.integer]]) -> NDArray[np.integer]:
    """Prompts that lack as many visits as they have steps with twice the samples, as where a trainer is not in step
    with its rollouts, so that epochs mix. None where
    prompts are not visited equally often even so.
    """
    rows, counts_P = np.unique(row_V, return_counts=True)
    more_P = np.bincount(np.searchsorted(rows, np.concatenate(list(twice.values()))), minlength=len(rows))
    usual = np.bincount(counts_P[more_P == 0]).argmax() if (more_P == 0).any() else 0
    short_P = (more_P > 0) & (counts_P + more_P == usual)
    alike = np.count_nonzero(short_P | (counts_P == usual))
    return rows[short_P] if alike >= (1 - TOLERATED) * len(rows) else rows[:0]


def _split(part: Part, steps: Sequence[StepRewards], rows: Sequence[NDArray[np.int64]], doubled: NDArray) -> Part:
    """The part with a visit more for each prompt that is doubled, after its first."""
    rows_R = np.concatenate([rows_U[step.groups_R] for step, rows_U in zip(steps, rows, strict=True)])
    rewards_R = np.concatenate([step.rewards_R for step in steps])  # pyright: ignore
    second_R = np.zeros(len(rows_R), np.int64)
    for row in doubled.tolist():
        samples = np.flatnonzero(rows_R == row)
        second_R[samples[len(samples) // 2 :]] = 1
    rows_U, codes_R = np.unique(rows_R, return_inverse=True)
    made = group_rewards(
        part.step.step,
        list(map(str, rows_U.tolist())),
        codes_R,
        rewards_R,
        epochs_R=second_R,
        skipped=part.step.skipped,
        bytes_read=part.step.bytes_read,
        keep_samples=part.step.groups_R is not None,
    )
    rows_V = np.array(list(map(int, made.keys)), np.int64)
    return Part(replace(made, keys=[], epochs_U=None), rows_V, np.zeros(len(rows_V), np.int64))


def once_per_epoch(parts: Sequence[Part]) -> bool:
    """Whether no part has a prompt twice in one epoch."""
    pairs = (np.stack([part.rows_U, part.epochs_U]) for part in parts)
    return all(np.unique(pair, axis=1).shape == pair.shape for pair in pairs)
