"""One step's rewards, grouped by prompt: what a reader returns, whatever the format it read.

Suffixes: _R rows (samples) of the step, _U its distinct (prompt, epoch) pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lim.utils.errors import InputError

FIRST_ROWS = 200  # so many rewards tell whether a log's rewards take few values


@dataclass(frozen=True)
class StepRewards:
    """Rewards of one step. `keys` are prompt ids, or prompt texts where the format has no ids."""

    step: int
    keys: list[str]  # U
    epochs_U: NDArray[np.int32] | None  # None where the format does not know the epoch
    sums_U: NDArray[np.float64]
    counts_U: NDArray[np.int32]
    tops_U: NDArray[np.int32]  # samples whose reward equals `top`
    correct_U: NDArray[np.int32] | None  # samples judged correct; None where the format has no verdict
    lows_U: NDArray[np.float32]  # smallest and largest reward of a group
    highs_U: NDArray[np.float32]
    top: float  # largest reward of the step
    values: int = 0  # distinct rewards among the first `FIRST_ROWS`
    skipped: int = 0  # rows without a reward
    reasons: Mapping[str, int] = field(default_factory=dict)  # why verdicts fell, and how often
    bytes_read: int = 0
    fingerprint: bytes | None = None  # equal in two files that hold the same samples
    groups_R: NDArray[np.int32] | None = None  # index into U, kept on request
    rewards_R: NDArray[np.float32] | None = None


def group_rewards(
    step: int,
    keys: list[str],
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
        keys = [keys[code] for code in codes_U.tolist()]
        epochs_U = epochs_U.astype(np.int32)
    else:
        groups_R = codes_R
        first = epochs_R[0] if epochs_R is not None and len(epochs_R) else 0
        epochs_U = None if epochs_R is None else np.full(len(keys), first, np.int32)
    top = float(rewards_R.max()) if len(rewards_R) else -np.inf
    rewards32_R = rewards_R.astype(np.float32, copy=False)
    lows_U, highs_U = np.full(len(keys), np.inf, np.float32), np.full(len(keys), -np.inf, np.float32)
    np.minimum.at(lows_U, groups_R, rewards32_R)
    np.maximum.at(highs_U, groups_R, rewards32_R)

    def count(mask_R: NDArray[np.bool_] | None) -> NDArray[np.int32]:
        picked_R = groups_R if mask_R is None else groups_R[mask_R]
        return np.bincount(picked_R, minlength=len(keys)).astype(np.int32)

    return StepRewards(
        step=step,
        keys=keys,
        epochs_U=epochs_U,
        sums_U=np.bincount(groups_R, weights=rewards_R, minlength=len(keys)).astype(np.float64),
        counts_U=count(None),
        tops_U=count(rewards_R == top),
        correct_U=None if correct_R is None else count(correct_R),
        lows_U=lows_U,
        highs_U=highs_U,
        top=top,
        values=len(set(rewards32_R[:FIRST_ROWS].tolist())),
        skipped=skipped,
        bytes_read=bytes_read,
        fingerprint=fingerprint,
        groups_R=groups_R.astype(np.int32) if keep_samples else None,
        rewards_R=rewards32_R if keep_samples else None,
    )


def check_finite(path: str, rewards_R: NDArray[np.floating], what: str = "reward") -> None:
    """Raise InputError at the first reward that is NaN or infinite (rows count from 1)."""
    bad = np.flatnonzero(~np.isfinite(rewards_R))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1}: {what} is {rewards_R[bad[0]]} ({len(bad)} such rows); "
            "fix or remove the file, or pass --skip_bad_files"
        )
