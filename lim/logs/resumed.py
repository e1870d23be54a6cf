"""Steps that a resumed run made again: which of a log's samples a later attempt replaces.

Suffixes: _L keys of the log, _U a step's (prompt, epoch) pairs.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lim.logs.doubts import Doubt
from lim.logs.stretches import attempts_of
from lim.logs.tables import HASH, RANK

NEARLY = 0.9  # of the usual size, that a complete step has
MORE = 1.2  # times the usual size, of a step that has more
MOST_PAIRS = 0.8  # of a file's
SELDOM = 0.1  # of a log's steps
FEW_PROMPTS = 8
FEW_SETS = 1000  # of prompts that a step may have, so that two may be the same by chance
RANK_IN_PATH = re.compile(RANK.pattern.removesuffix("$") + r"\d+", re.IGNORECASE)
ATTEMPT = re.compile(
    r"(?<![A-Za-z])(?:attempt|try|retry|resumed?|restart(?:ed)?|requeued?)(?![A-Za-z])", re.IGNORECASE
)
Place = tuple[str, int, int]  # a file, a stretch of it (`StepRewards.attempt`), and a step


def made_again(
    counts: Sequence[NDArray[np.integer]],
    rows: Sequence[NDArray[np.integer]],
    places: Sequence[Place],
    epochs: Sequence[int],
    lost: Sequence[int],
) -> set[int]:
    """Which steps, by position, a later one of the same number and epoch replaces: a run that was killed goes back to
    its last checkpoint and writes the steps after it once more. A step is its samples per prompt, their numbers, its
    place, its epoch, and how many rows without a reward it has.

    The later one is from a stretch that begins after the earlier one's, is as large as the steps that are there once,
    and has all that the earlier one has, which its rows without a reward may be. If the two are in files of other
    names, which do not speak of attempts, they do not end with the same step. What is before one that is replaced
    is of attempts before it. Parts of one step, in several files or apart from each other, are not that.
    """
    same: dict[tuple[int, int], list[int]] = {}
    begins, ends = dict[tuple[str, int], int](), dict[tuple[str, int], int]()
    of = _attempts(places)
    for at, (_, _, number) in enumerate(places):
        same.setdefault((number, epochs[at]), []).append(at)
        begins[of[at]] = min(number, begins.get(of[at], number))
        ends[of[at]] = max(number, ends.get(of[at], number))
    once = [int(counts[ats[0]].sum()) + lost[ats[0]] for ats in same.values() if len(ats) == 1]
    if not once or len(once) == len(same):
        return set()
    found, replaced = set[int](), set[tuple[tuple[str, int], tuple[str, int]]]()
    several = [ats for ats in same.values() if len(ats) > 1]
    while several:
        known = len(replaced)
        for *earlier, last in several:
            of_last = dict(zip(rows[last].tolist(), counts[last].tolist(), strict=True))
            if sum(of_last.values()) + lost[last] < NEARLY * np.median(once):
                continue
            later = False  # whether what is before is of an earlier attempt, too
            for at in earlier:
                pairs = zip(rows[at].tolist(), counts[at].tolist(), strict=True)
                lacking = sum(max(0, n - of_last.get(row, 0)) for row, n in pairs)
                begun, began = begins[of[at]], begins[of[last]]
                before = begun < began or (begun == began and (later or (of[at], of[last]) in replaced))
                if of[at][0] == of[last][0] and of[at] != of[last]:  # it ended in its first step
                    before |= begun == began == ends[of[at]]
                named = ATTEMPT.search(places[last][0]) or of[at][0] == of[last][0]
                if not named and ends[of[at]] == ends[of[last]]:  # as workers' files do
                    continue
                if before and lacking <= lost[last] and _ranks(places[at][0]) == _ranks(places[last][0]):
                    found.add(at)
                    replaced.add((of[at], of[last]))
                    later = True
        if len(replaced) == known:  # what is known of two attempts holds for all of their steps
            break
    return found


def generated_anew(
    counts: Sequence[NDArray[np.integer]],
    rows: Sequence[NDArray[np.integer]],
    numbers: Sequence[int],
    order: Sequence[int],
) -> set[int]:
    """Which steps, by position, the next one in this order replaces: a run that was resumed within a batch, on which
    several steps train, draws it again. Both have the same prompts as often, which other steps that follow each other
    have not, and hardly would by chance.
    """
    found = [
        one
        for one, other in itertools.pairwise(order)
        if numbers[one] != numbers[other] and _same(rows[one], counts[one], rows[other], counts[other])
    ]
    prompts = len(np.unique(np.concatenate([rows[at] for at in order]))) if found else 0
    by_chance = any(math.comb(prompts, len(rows[at])) < FEW_SETS for at in found)
    return set() if by_chance or len(found) > SELDOM * len(order) else set(found)


def _same(
    rows_U: NDArray[np.integer],
    counts_U: NDArray[np.integer],
    rows_V: NDArray[np.integer],
    counts_V: NDArray[np.integer],
) -> bool:
    if len(rows_U) != len(rows_V) or rows_U.sum(dtype=np.int64) != rows_V.sum(dtype=np.int64):
        return False
    first, second = np.argsort(rows_U, kind="stable"), np.argsort(rows_V, kind="stable")
    return bool((rows_U[first] == rows_V[second]).all() and (counts_U[first] == counts_V[second]).all())


def later_attempt(
    steps: Sequence[int], prompts: Sequence[str], groups: Sequence[str], *, resumed: bool = False
) -> int:
    """The row with which the last attempt begins in a file that a resumed run kept writing to; 0 where there is one.

    A row is a sample of a prompt in a step, a pair, drawn in a group. An attempt draws a pair once, and most of them
    are in a file whole, so that many pairs have a group before that row and one from it on, and no group has both. A
    step in which the run was killed has few before it; `resumed`: it was, in a file before this one.
    """
    start = 0
    while later := _attempt(steps[start:], prompts[start:], groups[start:], resumed):
        start += later
    return start


def _attempt(steps: Sequence[int], prompts: Sequence[str], groups: Sequence[str], resumed: bool) -> int:
    pairs = list(zip(steps, prompts, strict=True))
    main = Counter(steps).most_common(1)[0][0] if steps else 0  # others are of episodes that end in other files, too
    spans: dict[tuple[int, str], dict[str, list[int]]] = {}  # pair → group → its first and last row
    for row, (pair, group) in enumerate(zip(pairs, groups, strict=True)):
        spans.setdefault(pair, {}).setdefault(group, [row, row])[1] = row
    cut_R, again_R, after_R = np.zeros((3, len(pairs) + 2), np.int64)  # of each row, were it the first of an attempt
    for (step, _), of_pair in spans.items():
        for first, last in of_pair.values():
            cut_R[first + 1] += 1
            cut_R[last + 1] -= 1
        if step == main:
            low, high = min(last for _, last in of_pair.values()) + 1, max(first for first, _ in of_pair.values())
            again_R[low] += low <= high
            again_R[high + 1] -= low <= high
            after_R[0] += 1
            after_R[max(last for _, last in of_pair.values()) + 1] -= 1
    cut_R, again_R, after_R = np.cumsum(cut_R), np.cumsum(again_R), np.cumsum(after_R)
    again_R[(cut_R > 0) | (after_R < MOST_PAIRS * after_R[0])] = 0
    if not resumed:
        again_R[2 * again_R < after_R] = 0
    if not (low := int(again_R.argmax())):
        return 0
    high = low + int((again_R[low:] != again_R[low]).argmax()) - 1  # the attempt begins between the two
    first = min(steps[high:])
    return max([low, *(row + 1 for row in range(low, high) if steps[row] < first)])


def replaced_ones(
    replaced: Sequence[bool], counts: Sequence[NDArray[np.integer]], numbers: Sequence[int]
) -> set[int]:
    """The steps that a reader takes for replaced, by position; none where they have no more samples than others, as
    in a run of few prompts, which it may draw several times in a step.
    """
    samples: Counter[int] = Counter()
    for step, counts_U in zip(numbers, counts, strict=True):
        samples[step] += int(counts_U.sum())
    again = {step for step, one in zip(numbers, replaced, strict=True) if one}
    usual = [size for step, size in samples.items() if step not in again]
    if not again or not usual or np.median([samples[step] for step in again]) <= MORE * np.median(usual):
        return set()
    return {at for at, one in enumerate(replaced) if one}


def _attempts(places: Sequence[Place]) -> list[tuple[str, int]]:
    """What an attempt writes its steps to, for each place: a stretch of its file or, of files of one step each, of
    those whose paths are the same up to the step, or in one folder where paths do not have it.
    """
    steps: dict[str, set[int]] = {}
    for path, _, number in places:
        steps.setdefault(path, set()).add(number)
    alone = {path: min(found) for path, found in steps.items() if len(found) == 1}
    starts = {path: _before_step(path, number) for path, number in alone.items()}
    if None in starts.values():
        starts = {path: os.path.dirname(path) for path in alone}
    order: dict[str, list[int]] = {}  # start → the steps of its files
    for path, number in alone.items():
        order.setdefault(str(starts[path]), []).append(number)
    falls = {start: iter(attempts_of(numbers)) for start, numbers in order.items()}
    of_file = {path: (str(starts[path]), next(falls[str(starts[path])])) for path in alone}
    return [of_file.get(path) or (path, stretch) for path, stretch, _ in places]


def _before_step(path: str, step: int) -> str | None:
    path = HASH.sub("", path)
    found = [match.start() for match in re.finditer(r"\d+", path) if int(match[0]) == step]
    return path[: found[-1]] if found else None


def _ranks(path: str) -> list[str]:
    return RANK_IN_PATH.findall(path)


def check_repeated(
    counts: Sequence[NDArray[np.integer]],
    rows: Sequence[NDArray[np.integer]],
    places: Sequence[Place],
    epochs: Sequence[int],
) -> None:
    """Raise Doubt where a file holds all of its steps several times, one stretch after the other, with the same
    prompts: several runs that were written to it. With one sample of each prompt, stretches are of workers.
    """
    files: dict[str, dict[int, dict[tuple[int, int], int]]] = {}  # path → stretch → step and epoch → its place
    for at, (path, stretch, number) in enumerate(places):
        files.setdefault(path, {}).setdefault(stretch, {})[number, epochs[at]] = at
    for path, stretches in files.items():
        first, *others = stretches.values()
        alone = not others or max(np.median(counts[at]) for at in first.values()) < 2
        if alone or len({row for at in first.values() for row in rows[at].tolist()}) < FEW_PROMPTS:
            continue
        for other in others:
            same = [
                _same(rows[first[key]], counts[first[key]], rows[other[key]], counts[other[key]])
                for key in first.keys() & other.keys()
            ]
            if sum(same) >= NEARLY * max(len(first), len(other)):
                hint = "" if any(epochs) else "; if these are epochs, name their column by --epoch_column"
                raise Doubt(
                    "rows",
                    f"{path}: all of its steps are there {len(stretches)} times, one time after the other, with the "
                    f"same prompts, as if as many runs had written them; keep the rows of one{hint}",
                )


def check_doubled(
    root: str,
    counts: Sequence[NDArray[np.integer]],
    rows: Sequence[NDArray[np.integer]],
    places: Sequence[Place],
    epochs: Sequence[int],
    *,
    spread: bool = False,
) -> None:
    """Raise Doubt where nearly all prompts of some steps have several times the samples that others have: attempts of
    a run, of which it is not known which one counts.

    These samples lie as many times as often in parts of their own, or steps before and after have the usual number. A
    run that changes how many samples it draws has neither. `spread`: parts say nothing.
    """
    if any(_ranks(path) for path, _, _ in places):
        return
    same: dict[tuple[int, int], list[int]] = {}
    for at, (_, _, number) in enumerate(places):
        same.setdefault((epochs[at], number), []).append(at)
    sums, parts = [], []  # of each step's prompts: samples, and parts that they are in
    for _, ats in sorted(same.items()):
        which_U, of_U = np.unique(np.concatenate([rows[at] for at in ats]), return_inverse=True)
        sums.append(np.bincount(of_U, np.concatenate([counts[at] for at in ats]), len(which_U)))
        parts.append(np.bincount(of_U, minlength=len(which_U)))
    usual = _most(sums)
    times = [_times(sums_U, usual) for sums_U in sums]
    single = [at for at, number in enumerate(times) if number == 1]
    several = {at: number for at, number in enumerate(times) if number > 1 and single and single[0] < at < single[-1]}
    apart = {} if spread else _apart(sums, parts)
    several |= apart
    if not several or (not apart and sum(len(sums[at]) for at in several) < FEW_PROMPTS):  # where two epochs meet
        return
    numbers = [key[1] for key, _ in sorted(same.items())]
    first, last = min(several), max(several)
    which = f"steps {numbers[first]} to {numbers[last]} have" if first < last else f"step {numbers[first]} has"
    where = places[same[sorted(same)[first]][0]][0]
    raise Doubt(
        "rows",
        f"{root}: {which} {several[first]} times the samples of other steps, as where a run that was resumed or "
        f"restarted writes them once more, and which attempt counts is not known; leave out the rows of the first "
        f"one (in {where})",
    )


def _apart(sums: Sequence[NDArray[np.integer]], parts: Sequence[NDArray[np.integer]]) -> dict[int, int]:
    """Steps whose prompts have several times the samples, in as many times the parts, of those of fewest parts; and
    how many times. Not where each sample is a part of its own.
    """
    levels = [_times(parts_U, 1) for parts_U in parts]
    fewest = min(filter(None, levels), default=0)
    single = [at for at, level in enumerate(levels) if level == fewest > 0]
    if sum(len(sums[at]) for at in single) < FEW_PROMPTS:
        return {}
    least = _most([sums[at] for at in single])
    if least == fewest > 1:
        return {}
    times = {at: level // fewest for at, level in enumerate(levels) if level > fewest and level % fewest == 0}
    return {at: number for at, number in times.items() if _times(sums[at], least) == number}


def _most(values: Iterable[NDArray[np.integer]]) -> int:
    found = Counter(np.concatenate(list(values)).astype(int).tolist())
    return min(found, key=lambda value: (-found[value], value))


def _times(values_U: NDArray[np.integer], usual: int) -> int:
    """How many times the usual number nearly all have; 0 where they do not agree."""
    number = int(np.median(values_U)) // max(1, usual)
    return number if np.mean(values_U == number * usual) >= NEARLY else 0
