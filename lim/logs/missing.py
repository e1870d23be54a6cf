"""Epochs in which a prompt was not seen: fill them as the released code does, or score on the epochs seen."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Missing = Literal["backfill", "observed"]
MANY_LOST = 0.05  # of the log's prompts
RULES: tuple[Missing, ...] = ("backfill", "observed")


def treat_missing(
    rewards_P_K: NDArray[np.float64], rule: Missing = "backfill", min_epochs: int = 1
) -> tuple[NDArray[np.float64], list[str | None]]:
    """(rewards, reason a prompt has no score or None, by prompt). Rows with a reason come back all NaN.

    "backfill", the released code's rule: a missing epoch takes the next epoch's value where that one was
    seen; a run of two gaps, or a gap at the end, leaves the prompt unscored. "observed": gaps stay NaN and
    scores are over the epochs seen. Either way a prompt needs `min_epochs` epochs truly seen. Where no epoch is
    missing, the array itself comes back.
    """
    seen_P_K = ~np.isnan(rewards_P_K)
    if seen_P_K.all() and 0 < rewards_P_K.shape[1] >= min_epochs:
        return rewards_P_K, [None] * len(rewards_P_K)
    out_P_K = rewards_P_K.copy()
    if rule == "backfill":
        fill_P_K = ~seen_P_K[:, :-1] & seen_P_K[:, 1:]
        out_P_K[:, :-1][fill_P_K] = rewards_P_K[:, 1:][fill_P_K]
        gaps_P = np.isnan(out_P_K).any(axis=1)
    else:
        gaps_P = np.zeros(len(rewards_P_K), bool)
    seen_P = seen_P_K.sum(axis=1)
    reasons: list[str | None] = [None] * len(rewards_P_K)
    for row in np.flatnonzero(gaps_P):
        reasons[row] = "epochs missing that backfill does not fill"
    for row in np.flatnonzero(seen_P < min_epochs):
        reasons[row] = f"seen in fewer than {min_epochs} epochs"
    for row in np.flatnonzero(seen_P == 0):
        reasons[row] = "not in the log"
    out_P_K[gaps_P | (seen_P < max(min_epochs, 1))] = np.nan
    return out_P_K, reasons


def note_of_lost(
    scores_P: NDArray[np.float64], counts_P_K: NDArray[np.integer], rule: Missing, min_epochs: int
) -> list[str]:
    """What to do about prompts that "backfill" leaves without a score, where they are many."""
    lost = int((np.isnan(scores_P) & ((counts_P_K > 0).sum(axis=1) >= min_epochs)).sum())
    if rule != "backfill" or lost <= len(scores_P) * MANY_LOST:
        return []
    return [
        f"{lost:,} of {len(scores_P):,} prompts of the log have no score: backfill gives up one with two missing "
        "epochs in a row or with the last one missing; --missing observed scores the epochs seen"
    ]
