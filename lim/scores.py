"""Scores of prompts from their reward trajectories. Arrays in, arrays out; NaN where a prompt has no score.

_P prompts, _K epochs. Where `rewards_P_K` has NaN, a score is over the epochs seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lim.utils.errors import InputError

Floats = NDArray[np.float64]


def average_curve(rewards_P_K: Floats) -> Floats:
    """r_avg^k, the mean reward of an epoch over the prompts seen in it (LIMR, section 3.2).

    Raises InputError for an epoch in which no prompt was seen.
    """
    seen_K = (~np.isnan(rewards_P_K)).sum(axis=0)
    if not len(rewards_P_K) or not seen_K.all():
        raise InputError(
            f"no prompt has a reward in epoch {int(np.argmin(seen_K)) + 1 if len(seen_K) else 1} after missing "
            "epochs were treated; try --missing observed, or a smaller --max_epochs"
        )
    whole = int(seen_K.sum()) == rewards_P_K.size  # no copy without NaN is needed
    return (rewards_P_K.sum(axis=0) if whole else np.nansum(rewards_P_K, axis=0)) / seen_K


def lim_scores(rewards_P_K: Floats, average_K: Floats, max_reward: float = 1.0) -> Floats:
    """Learning impact: s_i = 1 − Σ_k (r_i^k − r_avg^k)² / Σ_k (1 − r_avg^k)² (LIMR, section 3.2).

    1 is a perfect reward; `max_reward` replaces it for rewards on another scale. Unchanged by
    r → a·r + b when `max_reward` is mapped along. Raises InputError where the average curve sits at
    `max_reward` throughout (every answer right in every epoch: nothing to compare with).
    """
    seen_P_K = ~np.isnan(rewards_P_K)
    distance_K = (max_reward - average_K) ** 2
    least = 1e-12 * max(abs(max_reward), _size(rewards_P_K)) ** 2
    if not (distance_K > least).any():
        raise InputError(
            f"the average reward is {max_reward:g}, the largest possible, in every epoch: LIM divides by the "
            "distance to it; there is nothing left to learn in this log"
        )
    deviation_P_K = rewards_P_K - average_K
    deviation_P = _sum_of_seen(np.square(deviation_P_K, out=deviation_P_K), seen_P_K)
    distance_P = _sum_of_seen(np.broadcast_to(distance_K, seen_P_K.shape), seen_P_K)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores_P = 1.0 - deviation_P / distance_P
    scores_P[distance_P <= least] = np.nan
    return scores_P


def _sum_of_seen(values_P_K: Floats, seen_P_K: NDArray[np.bool_]) -> Floats:
    return (values_P_K if seen_P_K.all() else np.where(seen_P_K, values_P_K, 0.0)).sum(axis=1)


def _size(values_P_K: Floats) -> float:
    """How far from 0 values reach."""
    return float(max(np.fmax.reduce(values_P_K, axis=None), -np.fmin.reduce(values_P_K, axis=None), 0.0))


def linear_scores(rewards_P_K: Floats) -> Floats:
    """Steadiness of improvement: R² of the least-squares line over the epochs, 0 where it does not rise.

    Our reading of LIMR's LINEAR baseline ("consistency in showing steady improvements"), which has no
    published formula. A constant trajectory scores 0.
    """
    seen_P_K = ~np.isnan(rewards_P_K)
    count_P = np.maximum(seen_P_K.sum(axis=1, keepdims=True), 1)
    epoch_K = np.arange(rewards_P_K.shape[1], dtype=float)
    x_P_K = np.where(seen_P_K, epoch_K, 0.0)
    y_P_K = np.where(seen_P_K, rewards_P_K, 0.0)
    x_P_K = np.where(seen_P_K, x_P_K - x_P_K.sum(axis=1, keepdims=True) / count_P, 0.0)
    y_P_K = np.where(seen_P_K, y_P_K - y_P_K.sum(axis=1, keepdims=True) / count_P, 0.0)
    xx_P, yy_P, xy_P = (x_P_K**2).sum(axis=1), (y_P_K**2).sum(axis=1), (x_P_K * y_P_K).sum(axis=1)
    size = _size(rewards_P_K)
    rises_P = (xy_P > 1e-12 * size) & (yy_P > 1e-12 * size**2)
    scores_P = np.where(rises_P, xy_P**2 / np.where(rises_P, xx_P * yy_P, 1.0), 0.0)
    scores_P[~seen_P_K.any(axis=1)] = np.nan
    return scores_P


def variance_scores(rewards_P_K: Floats) -> Floats:
    """Standard deviation over the epochs: One-Shot-RLVR's historical variance (arXiv 2504.20571, section 2)."""
    seen_P_K = ~np.isnan(rewards_P_K)
    mean_P = mean_over_epochs(rewards_P_K)
    squares_P = np.where(seen_P_K, (rewards_P_K - mean_P[:, None]) ** 2, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.sqrt(squares_P / seen_P_K.sum(axis=1))


def uncertainty_scores(pass_rates_P_K: Floats) -> Floats:
    """p(1 − p) of the mean pass rate: 0.25 where half of the answers are right, 0 where all or none are."""
    rate_P = mean_over_epochs(pass_rates_P_K)
    return rate_P * (1.0 - rate_P)


def mean_over_epochs(values_P_K: Floats) -> Floats:
    """Mean over the epochs seen; NaN for a prompt never seen."""
    seen_P_K = ~np.isnan(values_P_K)
    with np.errstate(invalid="ignore"):
        return _sum_of_seen(values_P_K, seen_P_K) / seen_P_K.sum(axis=1)
