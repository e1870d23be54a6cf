"""Stretches of a file, by its rows' steps: what a resumed run appends begins another."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Sequence

MOST_ATTEMPTS = 50  # of a run that was resumed again and again
MOST_TIMES = 5  # that one step was made
FEWEST = 3  # steps that tell what is usual
NEARLY, SELDOM = 0.8, 0.2  # shares of a file's steps


def attempts_of(steps: Sequence[int], prompts: Sequence[Hashable] = ()) -> list[int]:
    """For each row of a file its stretch of rising steps. With the rows' prompts, one also begins where a step does
    again (`made_twice`). 0 for all where there are so many that rows are in another order.
    """
    begins = [later < step for step, later in itertools.pairwise(steps)]
    for row in made_twice(steps, prompts) if prompts else ():
        begins[row - 1] = True
    found = list(itertools.accumulate(begins, initial=0)) if len(steps) else []
    return found if not found or found[-1] <= MOST_ATTEMPTS else [0] * len(steps)


def made_twice(steps: Sequence[int], prompts: Sequence[Hashable]) -> list[int]:
    """The rows with which a step begins again, after an earlier attempt at it, complete or not.

    That is so seldom in a file. In nearly all of its steps each prompt has its rows together, or nearly all have the
    same number of rows. The last attempt has as many prompts as other steps: else two epochs meet in the step.
    """
    starts = [0, *(row for row, (one, two) in enumerate(itertools.pairwise(steps), 1) if one != two), len(steps)]
    spans = list(itertools.pairwise(starts))
    if len(spans) < FEWEST:
        return []
    by_prompt = {start: _by_prompt(prompts, start, end) for start, end in spans}
    sizes = Counter(end - start for start, end in spans)
    usual, times = sizes.most_common(1)[0]
    whole = Counter(len(set(prompts[start:end])) for start, end in spans).most_common(1)[0][0]
    in_turn = sum(not begins for begins in by_prompt.values()) >= NEARLY * len(spans)
    found: list[list[int]] = []
    for start, end in spans:
        begins = by_prompt[start] if in_turn else []
        if not begins and usual < end - start <= MOST_TIMES * usual and times >= NEARLY * len(spans):
            begins = [*range(end - usual, start, -usual)]
        parts = [set(prompts[one:two]) for one, two in itertools.pairwise([start, *begins[::-1], end])]
        if begins and len(parts[-1]) >= whole and all(part <= parts[-1] for part in parts):
            found.append(begins)
    return list(itertools.chain(*found)) if len(found) <= max(1, SELDOM * len(spans)) else []


def _by_prompt(prompts: Sequence[Hashable], start: int, end: int) -> list[int]:
    """The rows of a step, the last first, at which its prompts begin again, each of which has its rows together."""
    begins, seen, first = [], set[Hashable](), end
    for row in range(end - 1, start - 1, -1):
        if row > start and prompts[row] == prompts[row - 1]:
            continue
        if prompts[row] in seen:
            begins.append(first)
            seen.clear()
        seen.add(prompts[row])
        first = row
    return begins
