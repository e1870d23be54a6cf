"""One step's rewards, grouped by prompt: what a reader returns, whatever the format it read.

Suffixes: _R rows (samples) of the step, _U its distinct (prompt, epoch) pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.utils.errors import InputError

MOST = float(np.finfo(np.float32).max)  # a reward
FIRST_ROWS = 200  # so many rewards tell whether a log's rewards take few values


@dataclass(frozen=True)
class StepRewards:
    """Rewards of one step. `keys` are prompt ids, or prompt texts where the format has no ids."""

    step: int
    keys: list[str] | Any  # U; an Arrow string array where the file has one
    epochs_U: NDArray[np.int32] | None  # None where the format does not know the epoch
    sums_U: NDArray[np.float64]
    counts_U: NDArray[np.int32]
    tops_U: NDArray[np.integer]  # samples whose reward equals `top`
    correct_U: NDArray[np.integer] | None  # samples judged correct; None where the format has no verdict
    lows_U: NDArray[np.float32]  # smallest reward of a group
    highs_U: NDArray[np.float32]  # largest
    top: float  # largest reward of the step
    low: float  # smallest
    squares: float  # sum of the rewards' squares
    values: int = 0  # distinct rewards among the first `FIRST_ROWS`
    skipped: int = 0  # rows without a reward
    reasons: Mapping[str, int] = field(default_factory=dict)  # why verdicts fell, and how often
    chosen_at: int = 0  # the step of the choice, inside the run, that its prompts are from; 0: none
    verdicts: Mapping[str, int] = field(default_factory=dict)  # verdicts, where the log has them
    bytes_read: int = 0
    attempt: int = 0  # number of the stretch of its file that it is from: see `lim.logs.stretches`
    replaced: bool = False  # a later attempt of a resumed run made it again, by its reader
    absent: frozenset[str] = frozenset()  # reward columns asked for that none of its rows has a value of
    fingerprint: bytes | None = None  # equal in two files that hold the same samples
    repeated: int = 0  # records that hold the samples of the one before, and were skipped
    texts: tuple[int, ...] = ()  # of keys that are ids: checksums of the texts beside them, where there are some
    groups_R: NDArray[np.int32] | None = None  # index into U, kept on request
    rewards_R: NDArray[np.float32] | None = None

    @property
    def equal_U(self) -> NDArray[np.bool_]:
        """Whether all rewards of a group are equal."""
        return self.lows_U == self.highs_U


def group_rewards(
    step: int,
    keys: list[str] | Any,
    codes_R: NDArray[np.integer],
    rewards_R: NDArray[np.floating],
    *,
    epochs_R: NDArray[np.integer] | None = None,
    correct_R: NDArray[np.bool_] | None = None,
    skipped: int = 0,
    bytes_read: int = 0,
    fingerprint: bytes | None = None,
    keep_samples: bool = False,
) -> StepRewards:
    """Group a step's samples: row r is a sample of prompt `keys[codes_R[r]]` with reward `rewards_R[r]`."""
    if epochs_R is not None and len(epochs_R) and (epochs_R != epochs_R[0]).any():
        pairs_R = codes_R.astype(np.int64) * (int(epochs_R.max()) + 1) + epochs_R
        pairs_U, groups_R = np.unique(pairs_R, return_inverse=True)
        codes_U, epochs_U = np.divmod(pairs_U, int(epochs_R.max()) + 1)
        keys = [keys[code] for code in codes_U.tolist()] if isinstance(keys, list) else keys.take(codes_U)
        epochs_U = epochs_U.astype(np.int32)
    else:
        groups_R = codes_R
        first = epochs_R[0] if epochs_R is not None and len(epochs_R) else 0
        epochs_U = None if epochs_R is None else np.broadcast_to(np.int32(first), len(keys))
    top = float(rewards_R.max()) if len(rewards_R) else -np.inf
    rewards32_R = rewards_R.astype(np.float32, copy=False)
    groups = _Groups(groups_R, len(keys))
    sorted_R = groups.sort(rewards32_R)
    exact_R = sorted_R if rewards_R.dtype == np.float32 else groups.sort(rewards_R)
    lows_U, highs_U = groups.ends(sorted_R)
    return StepRewards(
        step=step,
        keys=keys,
        epochs_U=epochs_U,
        sums_U=groups.sums(exact_R, np.float64),
        counts_U=groups.counts_U,
        tops_U=groups.count(sorted_R == np.float32(top)),
        correct_U=None if correct_R is None else groups.count(groups.sort(correct_R)),
        lows_U=lows_U,
        highs_U=highs_U,
        top=top,
        low=float(rewards_R.min()) if len(rewards_R) else np.inf,
        squares=float(np.square(rewards_R, dtype=np.float64).sum()),  # a dot product would start BLAS's threads
        values=len(set(rewards32_R[:FIRST_ROWS].tolist())),
        skipped=skipped,
        bytes_read=bytes_read,
        fingerprint=fingerprint,
        groups_R=groups_R.astype(np.int32) if keep_samples else None,
        rewards_R=rewards32_R if keep_samples else None,
    )


class _Groups:
    """Rows by group. A prompt's samples mostly stand together, so groups are runs of rows and need no sorting; mostly
    they are as many for each prompt, and rows are a table of groups.
    """

    def __init__(self, groups_R: NDArray[np.integer], number: int) -> None:
        self.number = number
        self.order_R: NDArray[np.intp] | None = None
        size = len(groups_R) // max(1, number)
        self.even = bool(size) and len(groups_R) == size * number
        if self.even:
            self.even = bool(
                (groups_R.reshape(number, size) == np.arange(number, dtype=groups_R.dtype)[:, None]).all()
            )
        if self.even:
            self.counts_U = np.broadcast_to(np.int32(size), number)
            return
        self.starts_V, self.group_V = _runs(groups_R)
        if np.bincount(self.group_V, minlength=1).max() > 1:
            self.order_R = np.argsort(groups_R, kind="stable")
            self.starts_V, self.group_V = _runs(groups_R[self.order_R])
        self.counts_U = np.zeros(number, np.int32)
        self.counts_U[self.group_V] = np.diff(self.starts_V, append=len(groups_R))

    def sort(self, values_R: NDArray[Any]) -> NDArray[Any]:
        """The rows' values with those of a group together; of even groups as (sample, group)."""
        if self.even:
            return np.ascontiguousarray(values_R.reshape(self.number, -1).T)
        return values_R if self.order_R is None else values_R[self.order_R]

    def sums(self, sorted_R: NDArray[Any], dtype: type[np.number]) -> NDArray[Any]:
        """Sum by group; 0 for a group without rows."""
        if self.even:
            return (sorted_R.view(np.uint8) if sorted_R.dtype == bool else sorted_R).sum(axis=0, dtype=dtype)
        sums_U = np.zeros(self.number, dtype)
        if len(sorted_R):
            sums_U[self.group_V] = np.add.reduceat(sorted_R.astype(dtype, copy=False), self.starts_V)
        return sums_U

    def count(self, sorted_R: NDArray[np.bool_]) -> NDArray[np.integer]:
        """How many rows of each group are true, in as few bytes as it takes: a log has millions of groups."""
        most = int(self.counts_U.max(initial=0))
        return self.sums(sorted_R, np.uint8 if most < 1 << 8 else np.int32)

    def ends(self, sorted_R: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(smallest, largest) by group; 0 for a group without rows."""
        if self.even:
            return sorted_R.min(axis=0), sorted_R.max(axis=0)
        lows_U, highs_U = np.zeros((2, self.number), np.float32)
        if len(sorted_R):
            lows_U[self.group_V] = np.minimum.reduceat(sorted_R, self.starts_V)
            highs_U[self.group_V] = np.maximum.reduceat(sorted_R, self.starts_V)
        return lows_U, highs_U


def _runs(groups_R: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.integer]]:
    """(first row, group) of each run of rows of one group."""
    starts_V = np.flatnonzero(np.diff(groups_R, prepend=groups_R[:1] - 1))
    return starts_V, groups_R[starts_V]


def check_finite(path: str, rewards_R: NDArray[np.floating], what: str = "reward") -> None:
    """Raise InputError at the first reward that is NaN, infinite or too large (rows count from 1)."""
    bad = np.flatnonzero(~(np.abs(rewards_R) <= MOST))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1}: {what} is {rewards_R[bad[0]]} ({len(bad)} such rows); "
            "fix or remove the file, or pass --skip_bad_files"
        )
