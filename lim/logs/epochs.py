"""Which epoch a step's prompts belong to, where the log does not say.

Counted over prompts that are expected once per epoch. Suffixes: _S steps, _V visits (a prompt in a step).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lim.logs.counting import Copies, spacing_of, step_numbers
from lim.logs.find import Log
from lim.logs.parts import Part
from lim.utils.errors import InputError

Rule = Literal["log", "steps", "visits"]
DENSE = 10  # cells per visit up to which a table of epochs and prompts is counted whole
TOLERATED = 0.05  # share of the prompts that an epoch may hold twice, or not at all


@dataclass(frozen=True)
class Epochs:
    """Epoch of each visit, from 1, and how it was found."""

    rule: Rule
    epochs_V: NDArray[np.int64]
    steps_per_epoch: float | None = None  # steps: a number; with a fraction where epochs end within a step
    twice: int = 0  # the most prompts of an epoch that are in it twice, and not at all
    never: int = 0
    exact: bool = False
    even: bool = False  # nearly all of an epoch's prompts are in it equally often
    unsure: int = 0  # visits that may be of the epoch after, as steps of the log are lost

    @property
    def clean(self) -> bool:
        """Whether epochs of so many steps have all prompts, each once."""
        return self.rule == "steps" and self.exact and not self.never

    def fits(self, prompts: int, slack: float = 0) -> bool:
        return self.twice <= TOLERATED * prompts and self.never <= max(TOLERATED * prompts, slack)


class Visits:
    """The visits of a log's prompts in order of step. `steps_S` ascend; `rows` has the prompts of each step.

    `times` says how often each is in it and `copies_L` how often in an epoch, where not once; `length` is that of an
    epoch, where it is known.
    """

    def __init__(
        self,
        steps_S: NDArray[np.int64],
        rows: Sequence[NDArray[Any]],
        first: int,
        *,
        times: Sequence[NDArray[np.int64]] = (),
        copies_L: NDArray[np.int64] | None = None,
        length: float | None = None,
    ) -> None:
        self.steps_S, self.first, self.length = steps_S, first, length
        self.step_V = np.repeat(np.arange(len(steps_S)), [len(part) for part in rows])
        seen, self.row_V = np.unique(np.concatenate(rows), return_inverse=True)
        self.prompts = len(seen)
        self.counts_P = np.bincount(self.row_V, minlength=self.prompts)
        self.times_V = np.concatenate(times) if len(times) else np.ones(len(self.row_V), np.int64)
        self.copies_P = np.ones(self.prompts, np.int64) if copies_L is None else np.maximum(1, copies_L[seen])
        self.spacing = spacing_of(steps_S)
        self.batch = len(self.row_V) / len(steps_S)  # prompts per step

    @property
    def usual_length(self) -> float:
        """Steps that an epoch may have, by the number of prompts."""
        return self.length or self.spacing * self.prompts / self.batch

    def lost_steps(self) -> NDArray[np.int64]:
        """Steps between the first and the last, at the usual spacing, that are not there."""
        usual = np.arange(self.steps_S[0], self.steps_S[-1], self.spacing)
        return np.setdiff1d(usual, self.steps_S)

    def reach(self, length: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first and the last epoch of each step, from 0, of epochs of `length` steps."""
        begins_S = (self.steps_S - self.first) / length
        low_S = np.floor(begins_S + 1e-9).astype(np.int64)
        return low_S, np.ceil(begins_S + self.spacing / length - 1e-9).astype(np.int64) - 1

    def by_steps(self, length: float) -> Epochs:
        """Epochs of `length` steps, from the first step on. One of a fraction ends within a step: there a prompt
        belongs to the epoch that has it not yet.
        """
        low_S, high_S = self.reach(length)
        epochs_V, unsure = low_S[self.step_V], 0
        if length % 1:
            gone, whole = self._lost_epochs(length)
            later = self._later_visits(low_S, high_S, whole) if gone else {}
            last_P, left_P = np.full(self.prompts, -1), np.zeros(self.prompts, np.int64)  # of its last epoch
            ends = np.concatenate([[0], np.cumsum(np.bincount(self.step_V, minlength=len(self.steps_S)))])
            for step, (start, end) in enumerate(itertools.pairwise(ends)):
                rows = self.row_V[start:end]
                again = np.zeros(len(rows), bool)
                again[1:] = rows[1:] == rows[:-1]  # the second of two visits in the step
                more = (last_P[rows] < low_S[step]) | ((last_P[rows] == low_S[step]) & (left_P[rows] > 0))
                if low_S[step] in gone and low_S[step] < high_S[step]:  # its visit in the earlier one may be lost
                    is_first = np.isin(rows, later[step]) | (self.copies_P[rows] > 1)
                    more &= is_first | (high_S[step] not in whole)
                    unsure += int(np.count_nonzero(more & ~is_first))
                found = np.where(more & ~again, low_S[step], high_S[step])
                left_P[rows] = np.where(last_P[rows] == found, left_P[rows], self.copies_P[rows])
                left_P[rows] -= self.times_V[start:end]
                epochs_V[start:end] = last_P[rows] = found
        return replace(self._judged("steps", epochs_V + 1, length), unsure=unsure)

    def _lost_epochs(self, length: float) -> tuple[set[int], set[int]]:
        """Epochs, from 0, of which steps are not in the log, and those of which all are."""
        lost = np.concatenate([np.arange(self.first, self.steps_S[0], self.spacing), self.lost_steps()])
        begins = (lost - self.first) / length
        ends = begins + self.spacing / length
        gone = set(np.floor(begins + 1e-9).astype(int).tolist()) | set(
            (np.ceil(ends - 1e-9) - 1).astype(int).tolist()
        )
        return gone, set(range(int((self.steps_S[-1] + self.spacing - self.first) / length + 1e-9))) - gone

    def _later_visits(
        self, low_S: NDArray[np.int64], high_S: NDArray[np.int64], whole: set[int]
    ) -> dict[int, NDArray[np.int64]]:
        """For each step in which two epochs meet, the prompts with another visit in the later one, from the last step
        back: where that epoch is whole, the others' visit in the step is it.
        """
        found: dict[int, NDArray[np.int64]] = {}
        rows_of: dict[int, list[NDArray[np.int64]]] = {}  # epoch → prompts that are in it, so far
        parts = np.split(self.row_V, np.cumsum(np.bincount(self.step_V, minlength=len(self.steps_S)))[:-1])
        for step in reversed(range(len(parts))):
            low, high, rows = int(low_S[step]), int(high_S[step]), parts[step]
            if low < high:
                found[step] = np.concatenate(rows_of.get(high) or [rows[:0]])
                rows = rows[np.isin(rows, found[step])] if high in whole else rows
            rows_of.setdefault(low, []).append(rows)
        return found

    def by_visits(self, *, judge: bool = True) -> Epochs:
        """A prompt's n-th visit is epoch n; of a text that m prompts have, each m visits are one."""
        order_V = np.argsort(self.row_V, kind="stable")
        before_V = np.cumsum(self.times_V[order_V]) - self.times_V[order_V]
        starts_P = np.concatenate([[0], np.cumsum(self.counts_P)[:-1]])
        row_V = self.row_V[order_V]
        epochs_V = np.empty(len(self.row_V), np.int64)
        epochs_V[order_V] = (before_V - before_V[starts_P[row_V]]) // self.copies_P[row_V] + 1
        return Epochs("visits", epochs_V, exact=judge and self.regular(1.0))

    def regular(self, share: float = 1 - TOLERATED, out: float = 2 * TOLERATED) -> bool:
        """Whether that share of the prompts was visited equally often, or once more at the log's end, and in passes:
        one after the other, but for a share `out` of the visits. They are not where a visit's samples are spread over
        several steps, two runs are in one log, or it begins within an epoch.
        """
        often = Counter(self.counts_P.tolist())
        most = max(often, key=lambda count: often[count] + often[count + 1])
        if often[most] + often[most + 1] < share * self.prompts:
            return False
        ends_S = np.cumsum(np.bincount(self.step_V, minlength=len(self.steps_S)))
        begins_S = np.concatenate([[0], ends_S[:-1]])
        pass_V = self.by_visits(judge=False).epochs_V - 1
        early_V = (pass_V == most) & (ends_S[self.step_V] <= len(pass_V) - often[most + 1])
        if np.count_nonzero(early_V) > TOLERATED * often[most + 1]:
            return False
        out_V = (pass_V < (begins_S // self.prompts)[self.step_V]) | (
            pass_V > ((ends_S - 1) // self.prompts)[self.step_V]
        )
        return int(np.count_nonzero(out_V)) <= out * len(out_V)

    def _judged(self, rule: Rule, epochs_V: NDArray[np.int64], length: float) -> Epochs:
        """Count the prompts that epochs hold twice or never; of the first and last epoch, as far as they reach."""
        lowest, last = int(epochs_V.min()), int(epochs_V.max())
        size = last - lowest + 1
        pairs_V = (epochs_V - lowest) * self.prompts + self.row_V
        if size * self.prompts <= DENSE * len(pairs_V):
            counts_K_P = np.bincount(pairs_V, minlength=size * self.prompts).reshape(size, -1)
            seen_K = np.count_nonzero(counts_K_P, axis=1)
        else:
            seen_K = np.bincount(np.unique(pairs_V) // self.prompts, minlength=size)
        twice_K = np.bincount(epochs_V - lowest, minlength=size) - seen_K
        # Prompts that steps without a file may have held, and those of a last batch that was not full.
        lost_K = np.bincount(
            np.clip(((self.lost_steps() - self.first) // length).astype(np.int64) + 1 - lowest, 0, last - lowest),
            minlength=size,
        )
        never_K = np.maximum(0, self.prompts - seen_K - np.ceil(lost_K * self.batch).astype(np.int64))
        begins = (lowest - 1) * length + self.first
        reached = self.steps_S[-1] + self.spacing >= last * length + self.first
        never_K[0] = 0 if self.steps_S[0] - begins >= self.spacing else never_K[0]
        never_K[-1] = never_K[-1] if reached else 0
        exact = not twice_K.any() and bool((never_K < max(1.0, self.batch)).all())
        often = np.unique(pairs_V, return_counts=True)[1]
        even = bool(np.count_nonzero(often == np.median(often)) >= (1 - TOLERATED) * len(often))
        even &= int(never_K.max()) <= TOLERATED * self.prompts
        return Epochs(rule, epochs_V, length, int(twice_K.max()), int(never_K.max()), exact, even)

    def infer(self) -> Epochs | None:
        """The rule that fits: epochs that end with a step, else visits where all prompts have as many, else epochs
        that end within a step. None where none does.
        """
        if len(self.steps_S) == 1:
            return self.by_visits()
        sizes, often = np.unique(np.bincount(self.step_V), return_counts=True)
        usual = sizes[often.argmax()] if 2 * often.max() > len(self.steps_S) else self.batch
        length = self.length or self.spacing * self.prompts / float(usual)
        # Prompts that are in an epoch several times make it longer.
        often_P = np.maximum(1, np.rint(self.counts_P / np.median(self.counts_P)))
        longer = length * float(often_P.sum()) / self.prompts
        spans_P = self._spans()
        guesses = [length, longer, *([float(np.median(spans_P))] if len(spans_P) else [])]
        near = {int(guess) + more for guess in guesses for more in (-1, 0, 1, 2)}
        complete = [self.by_steps(guess) for guess in sorted(near) if guess >= 1]
        # Of several that are as good, the one of which the log holds whole epochs.
        span = int(self.steps_S[-1]) + self.spacing - self.first
        best = min(complete, key=lambda f: (not f.exact, f.twice + f.never, span % (f.steps_per_epoch or 1) > 0))
        gapless = not len(self.lost_steps())
        # In one order over and over, epochs that end within a step look like epochs that lack some prompts.
        if best.exact and best.never and gapless and self.regular(1.0, 0):
            return self.by_visits()
        # An epoch of one step holds no prompt twice, whatever the truth is.
        if best.exact and (not best.never or (best.steps_per_epoch or 0) > self.spacing):
            return best
        if gapless and self.regular(1.0):
            return self.by_visits()
        within = min(map(self.by_steps, dict.fromkeys((length, longer))), key=lambda found: found.twice + found.never)
        if within.fits(self.prompts, self.batch) and within.twice + within.never <= best.twice + best.never:
            return within
        if gapless and self.regular():
            return self.by_visits()
        return best if best.fits(self.prompts) else None

    def _spans(self) -> NDArray[np.float64]:
        """Mean steps from one visit of a prompt to the next, of prompts visited more than once."""
        step_V = self.steps_S[self.step_V]
        first_P, last_P = np.full(self.prompts, np.iinfo(np.int64).max), np.zeros(self.prompts, np.int64)
        np.minimum.at(first_P, self.row_V, step_V)
        np.maximum.at(last_P, self.row_V, step_V)
        more_P = self.counts_P > 1
        return (last_P - first_P)[more_P] / (self.counts_P[more_P] - 1)

    def in_words(self) -> str:
        """How often prompts were visited: "40 prompts were visited 4 times, 48 once"."""
        often = Counter(self.counts_P.tolist())
        times = {1: "once", 2: "twice"}
        if len(often) > 4:
            return f"prompts were visited between {min(often)} and {max(often)} times"
        shown = [f"{often[count]} {times.get(count, f'{count} times')}" for count in sorted(often, reverse=True)]
        first, *more = shown
        number, _, rest = first.partition(" ")
        return ", ".join([f"{number} prompts were visited {rest}", *more])


def _visits(parts: list[Part], ours_L: NDArray[np.bool_], copies: Copies | None, first: int) -> Visits:
    """Visits of the file's prompts, without those that are in an epoch several times (unless all are)."""
    counted_L = ours_L.copy()
    if copies is not None and (copies.copies_L[ours_L] == 1).any():
        counted_L &= copies.copies_L == 1
    rows = [part.rows_U[counted_L[part.rows_U]] for part in parts]
    steps_S = step_numbers([part.step.step for part in parts])
    kept = [at for at, part in enumerate(rows) if len(part)]
    length = None if copies is None else copies.steps_per_epoch(parts)
    return Visits(steps_S[kept], [rows[at] for at in kept], first, length=length)


class Counted(NamedTuple):
    """Parts with epochs, the rule that gave them, the visits they were counted over, and what is to be said."""

    parts: list[Part]
    epochs: Epochs
    visits: Visits | None
    notes: list[str]
    doubts: dict[str, str]


def with_epochs(
    parts: list[Part],
    ours_L: NDArray[np.bool_],
    copies: Copies | None,
    steps_per_epoch: int | None,
    first: int,
) -> Counted:
    """The parts with an epoch for each prompt: as the log says, else by the number of steps, else by what fits. Epoch
    1 begins with the step `first`.
    """
    if parts[0].step.epochs_U is not None:
        return Counted(parts, Epochs("log", np.zeros(0, np.int64)), None, [], {})
    notes, doubts = list[str](), dict[str, str]()
    visits = _visits(parts, ours_L, copies, first)
    if steps_per_epoch is not None:
        found = visits.by_steps(steps_per_epoch)
        if not found.exact and not found.fits(visits.prompts):
            fitting = visits.infer()
            if fitting is not None or not found.even:
                doubts["epochs"] = _misfit(found, visits, fitting)
    elif (fitting := visits.infer()) is None:
        found = visits.by_visits()
        doubts["epochs"] = (
            f"{visits.in_words()}, and no number of steps makes epochs of that; LIM compares a prompt's rewards over "
            "passes through the data: give --steps_per_epoch, or --epoch_column where a column says it"
        )
    else:
        found = fitting
    seen = ", ".join(
        f"{number} {how}" for number, how in ((found.twice, "twice"), (found.never, "not at all")) if number
    )
    if found.unsure:
        notes.append(
            f"steps are lost, and epochs meet within steps: {found.unsure} visit{'s' * (found.unsure > 1)} in those "
            "may be of the epoch after"
        )
    if found.rule == "steps" and not found.exact and seen and "epochs" not in doubts:
        notes.append(f"epochs are not clean: one sees up to {seen} of {visits.prompts:,} prompts")
    # All prompts of a step get epochs by the rule that the file's prompts have shown.
    every = Visits(
        step_numbers([part.step.step for part in parts]),
        [part.rows_U for part in parts],
        visits.first,
        times=() if copies is None else [copies.visits(part) for part in parts],
        copies_L=None if copies is None else copies.copies_L,
    )
    by_rule = every.by_visits() if found.rule == "visits" else every.by_steps(found.steps_per_epoch or 1)
    epochs_V = by_rule.epochs_V - by_rule.epochs_V.min() + 1
    ends = np.cumsum([len(part.rows_U) for part in parts])
    split = np.split(epochs_V, ends[:-1])
    parts = [replace(part, epochs_U=epochs_U) for part, epochs_U in zip(parts, split, strict=True)]
    return Counted(parts, found, visits, notes, doubts)


def _misfit(found: Epochs, visits: Visits, fitting: Epochs | None) -> str:
    """Why the number given does not fit, and what does."""
    counts = ((found.twice, "twice"), (found.never, "never"))
    seen = ", ".join(f"{number} {how}" for number, how in counts if number)
    if fitting is None:
        advice = f"no number fits: {visits.in_words()}"
    elif fitting.rule == "visits":
        advice = "leave it out, and a prompt's n-th visit is epoch n"
    elif (fitting.steps_per_epoch or 0) % 1:
        advice = f"leave it out: epochs end within a step, after about {fitting.steps_per_epoch:.2f} steps"
    else:
        advice = f"--steps_per_epoch {fitting.steps_per_epoch:g} fits"
    number = f"{found.steps_per_epoch:g}"
    return f"under --steps_per_epoch {number} an epoch sees up to {seen} of {visits.prompts} prompts; {advice}"


def epochs_to_keep(
    log: Log, parts: list[Part], ours_L: NDArray[np.bool_], rule: Rule, max_epochs: int | None, notes: list[str]
) -> int:
    """How many epochs the matrix has: `max_epochs`, or as many as the log fills."""
    last = max(int(part.epochs_U.max()) for part in parts)
    seen_K, seen_L = np.zeros(last, np.int64), np.zeros_like(ours_L)
    for part in parts:
        seen_K += np.bincount(part.epochs_U[ours_L[part.rows_U]] - 1, minlength=last)
        seen_L[part.rows_U] = True
    prompts = int((seen_L & ours_L).sum())
    if max_epochs is not None:
        if max_epochs > last:
            raise InputError(f"{log.root}: holds {last} epoch{'s' * (last != 1)}, --max_epochs asks for {max_epochs}")
        return max_epochs
    if any(part.step.chosen_at for part in parts):  # epochs are smaller because the run chose
        return last
    if rule == "visits" or log.format == "one-shot":
        # Visit counts differ by prompt: keep as many as all have, or, where some have hardly any, as 95 % have.
        full = int((seen_K == prompts).sum())
        most = int((seen_K >= 0.95 * prompts).sum())
        kept = max(1, full if full >= max(1, most // 2) else most)
        if kept < last:
            share = "every prompt has" if kept == full else "95 % of the prompts have"
            notes.append(f"prompts were visited up to {last} times; the first {kept}, which {share}, count")
        return kept
    kept = last
    while kept > 1 and seen_K[kept - 1] < 0.5 * np.median(seen_K):
        kept -= 1
    if kept < last:
        which = f"epoch {last} holds" if kept + 1 == last else f"epochs {kept + 1}-{last} hold"
        notes.append(f"{which} less than half of the prompts: skipped (--max_epochs {last} keeps it)")
    return kept
