"""How much the selection changes with another threshold, fewer epochs, fewer samples or other samples.

Everything is compared with the choice from the complete log (the reference). Suffixes: _P prompts, _K epochs,
_S samples, _B bootstrap replicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.choose import Floats, Mask, choose_above, choose_top
from lim.logs.trajectories import RewardMatrix
from lim.pipeline import score_matrix
from lim.scores import uncertainty_scores
from lim.strategies import Settings, comparing_epochs
from lim.utils.errors import InputError


@dataclass(frozen=True)
class Reference:
    """The choice from the complete log, which the others are compared with."""

    matrix: RewardMatrix  # its prompts all count in the average
    settings: Settings
    ids: list[str]
    rows_P: NDArray[np.int64]  # prompts to choose from → rows of the matrix, −1 where it has none
    scores_P: Floats
    chosen_P: Mask

    @classmethod
    def of(
        cls,
        matrix: RewardMatrix,
        settings: Settings,
        ids: list[str] | None = None,
        rows_P: NDArray[np.int64] | None = None,
    ) -> Reference:
        """Score and choose with `settings`, among the prompts `ids` at `rows_P`, by default those of the matrix.

        InputError for a strategy that does not compare epochs.
        """
        settings = settings.resolved()
        if settings.strategy not in (names := comparing_epochs()):
            raise InputError(f"stability is about {', '.join(names)}; not about --strategy {settings.strategy}")
        if ids is None or rows_P is None:
            ids, rows_P = matrix.ids, np.arange(len(matrix.ids))
        scores_P = of_rows(score_matrix(matrix, settings)[0], rows_P)
        chosen_P = settings.choose(scores_P)[0]
        if not chosen_P.any():
            raise InputError("the complete log chooses no prompt: nothing to compare with; lower the threshold")
        return cls(matrix, settings, ids, rows_P, scores_P, chosen_P)

    def agreement(self, scores_P: Floats) -> dict[str, Any]:
        """How the choice from other scores agrees: by the same threshold, and by rank at the reference's size."""
        count = int(self.chosen_P.sum())
        both_P = ~np.isnan(scores_P) & ~np.isnan(self.scores_P)
        row: dict[str, Any] = {"scored": int((~np.isnan(scores_P)).sum())}
        if self.settings.similarity_threshold is not None:
            chosen_P = choose_above(scores_P, self.settings.similarity_threshold)
            row["chosen_by_threshold"] = int(chosen_P.sum())
            row["jaccard_by_threshold"] = jaccard(chosen_P, self.chosen_P)
        row["jaccard_by_rank"] = jaccard(choose_top(scores_P, min(count, row["scored"])), self.chosen_P)
        row["spearman"] = rank_correlation(scores_P[both_P], self.scores_P[both_P])
        return row


def of_rows(values_L: Floats, rows_P: NDArray[np.int64]) -> Floats:
    """The values of rows; NaN for row −1."""
    return np.where(rows_P >= 0, values_L[rows_P], np.nan)


def jaccard(one_P: Mask, two_P: Mask) -> float:
    """|A ∩ B| / |A ∪ B|; 1 for two empty sets."""
    union = int((one_P | two_P).sum())
    return int((one_P & two_P).sum()) / union if union else 1.0


def jaccard_by_chance(count: int, total: int, other: int | None = None) -> float:
    """Jaccard of two independent draws of `count` (the second: `other`) from `total`, at their expected overlap."""
    other = count if other is None else other
    overlap = count * other / total
    return overlap / (count + other - overlap) if count + other else 1.0


def rank_correlation(one: Floats, two: Floats) -> float | None:
    """Spearman's; None where it is not defined (fewer than two prompts, or all scores equal)."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return None
    from scipy.stats import spearmanr  # some seconds, which --help does not wait for

    return float(np.asarray(spearmanr(one, two))[0])


def over_draws(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean of each key over draws, and its standard deviation in `…_sd` where there is more than one."""
    merged: dict[str, Any] = {}
    for key in rows[0]:
        numbers = [row[key] for row in rows if row[key] is not None]
        merged[key] = float(np.mean(numbers)) if numbers else None
        if len(rows) > 1:
            merged[f"{key}_sd"] = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
    return merged


def threshold_sweep(reference: Reference, thresholds: Sequence[float] | None = None) -> list[dict[str, Any]]:
    """Chosen count against θ; by default from −1 (or the lowest score above it) to 1 in steps of 0.05."""
    scores_P = reference.scores_P
    if thresholds is None:
        low = max(-1.0, np.floor(np.nanmin(scores_P) * 20) / 20)
        thresholds = [round(float(low + 0.05 * step), 2) for step in range(round((1 - low) / 0.05) + 1)]
    rows = []
    for threshold in thresholds:
        count = int(choose_above(scores_P, threshold).sum())
        rows.append({"threshold": threshold, "chosen": count, "share": count / len(scores_P)})
    return rows


def epoch_sweep(reference: Reference, epochs: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """The choice from the first k epochs against the complete log's, for k = 2 … K.

    Beside it the cheapest rule there is, the pass rates' p(1 − p) over the first k epochs (from k = 1, which
    is the base model's before training has moved far), at the same number of prompts.
    """
    matrix, settings = reference.matrix, reference.settings
    count = int(reference.chosen_P.sum())
    rows = []
    for k in epochs or range(1, matrix.epochs + 1):
        part = matrix.first_epochs(k)
        row: dict[str, Any] = {"epochs": k}
        if k >= 2:
            fewer = replace(settings, max_epochs=k, min_epochs=min(settings.min_epochs or 1, k))
            row |= reference.agreement(of_rows(score_matrix(part, fewer)[0], reference.rows_P))
        uncertain_P = of_rows(uncertainty_scores(part.pass_rates_P_K), reference.rows_P)
        known = int((~np.isnan(uncertain_P)).sum())
        row["jaccard_of_uncertainty"] = jaccard(choose_top(uncertain_P, min(count, known)), reference.chosen_P)
        rows.append(row)
    return rows


def _sample_values(reference: Reference) -> NDArray[np.float32]:
    """Every sample's value under the metric; InputError where resampling would mean nothing."""
    matrix = reference.matrix
    if matrix.samples_P_K_S is None:
        raise InputError("the matrix was read without its samples (ReadOptions(keep_samples=True))")
    if matrix.samples_P_K_S.shape[2] < 2:
        raise InputError("the log has one sample per prompt and epoch: there is nothing to resample")
    return matrix.passes_P_K_S() if reference.settings.metric == "accuracy" else matrix.samples_P_K_S


def _scores(reference: Reference, rewards_P_K: Floats) -> Floats:
    matrix = reference.matrix
    other = RewardMatrix(matrix.ids, rewards_P_K, rewards_P_K, matrix.counts_P_K)
    return of_rows(score_matrix(other, reference.settings)[0], reference.rows_P)


def sample_sweep(
    reference: Reference, samples: Sequence[int] | None = None, *, repeats: int = 10, seed: int = 0
) -> list[dict[str, Any]]:
    """The choice from m samples per prompt and epoch, drawn at random, against the choice from all.

    Figures are means over `repeats` draws, with their standard deviation in `…_sd`.
    """
    draw = _Resampler(_sample_values(reference), np.random.default_rng(seed))
    most, rows = draw.most, []
    for m in samples or [m for m in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) if m < most] + [most]:
        drawn = []
        for _ in range(repeats if m < most else 1):
            scores_P = _scores(reference, draw.means_P_K(m))
            drawn.append({**reference.agreement(scores_P), "median_score": float(np.nanmedian(scores_P))})
        rows.append({"samples": m, "repeats": len(drawn), **over_draws(drawn)})
    return rows


@dataclass(frozen=True)
class Bootstrap:
    """Replicates of the selection with each cell's samples drawn again with replacement."""

    replicates: int
    standard_error_P: Floats  # of the score
    mean_score_P: Floats
    by_threshold_P: Floats | None  # probability of being chosen by the same threshold
    by_rank_P: Floats  # probability of being among as many as the reference chose
    agreement: dict[str, Any]  # mean ± sd of the replicates' agreement with the reference


def bootstrap(reference: Reference, *, replicates: int = 200, seed: int = 0) -> Bootstrap:
    """Bootstrap over samples: the score's standard error and the probability of being chosen.

    A replicate is noisier than the log it is drawn from, and noise lowers LIM scores; the probabilities by
    rank do not suffer from that, those by threshold do (`mean_score_P` shows by how much).
    """
    draw = _Resampler(_sample_values(reference), np.random.default_rng(seed))
    count, threshold = int(reference.chosen_P.sum()), reference.settings.similarity_threshold
    shape = reference.scores_P.shape
    changes_P, squares_P, above_P, ranked_P = (np.zeros(shape) for _ in range(4))
    agreements = []
    for _ in range(replicates):
        scores_P = _scores(reference, draw.means_P_K())
        changes_P += scores_P - reference.scores_P
        squares_P += (scores_P - reference.scores_P) ** 2
        ranked_P += choose_top(scores_P, count)
        if threshold is not None:
            above_P += choose_above(scores_P, threshold)
        agreements.append(reference.agreement(scores_P))
    mean_P = changes_P / replicates
    variance_P = np.maximum(squares_P - replicates * mean_P**2, 0) / max(1, replicates - 1)
    return Bootstrap(
        replicates,
        np.sqrt(variance_P),
        reference.scores_P + mean_P,
        None if threshold is None else above_P / replicates,
        ranked_P / replicates,
        over_draws(agreements),
    )


class _Resampler:
    """Draws each cell's samples again. Suffix _C: cells (prompt × epoch), a block of them at a time."""

    BLOCK = 1 << 15  # cells, so that the arrays of a pass stay in the processor's cache

    def __init__(self, values_P_K_S: NDArray[np.float32], rng: np.random.Generator) -> None:
        self.rng, self.shape, self.most = rng, values_P_K_S.shape[:2], values_P_K_S.shape[2]
        values_C_S = values_P_K_S.reshape(-1, self.most)
        missing_C_S = np.isnan(values_C_S)
        self.counts_C = (~missing_C_S).sum(axis=1)
        if missing_C_S.any():
            order_C_S = np.argsort(missing_C_S, axis=1, kind="stable")  # samples first, padding last
            values_C_S = np.take_along_axis(values_C_S, order_C_S, axis=1)
        self.values_C_S = values_C_S

    def means_P_K(self, fewer: int | None = None) -> Floats:
        """Mean by prompt and epoch of as many draws with replacement as the cell has samples, or of `fewer` without.

        Cells that hold no more than `fewer` keep what they have; NaN where there is no sample.
        """
        means_C = np.empty(len(self.counts_C))
        for start in range(0, len(means_C), self.BLOCK):
            block = slice(start, start + self.BLOCK)
            means_C[block] = self._means(self.values_C_S[block], self.counts_C[block], fewer)
        return means_C.reshape(self.shape)

    def _means(self, values_C_S: NDArray[np.float32], counts_C: NDArray[np.integer], fewer: int | None) -> Floats:
        first_C = np.arange(len(counts_C)) * self.most
        values = values_C_S.ravel() if fewer is None else values_C_S.flatten()  # a copy where they are shuffled
        sums_C, draws = np.zeros(len(counts_C)), self.most if fewer is None else fewer
        for draw in range(draws):
            done = 0 if fewer is None else draw  # samples drawn before stand at the front
            left_C = np.maximum(counts_C - done, 1)
            high = int(left_C[0]) if (left_C == left_C[0]).all() else left_C
            at_C = first_C + done + self.rng.integers(0, high, len(counts_C), np.uint16)
            drawn_C = values[at_C]
            if fewer is not None:
                values[at_C] = values[first_C + done]
            sums_C += np.where(draw < counts_C, drawn_C, 0)
        with np.errstate(invalid="ignore"):
            return sums_C / np.minimum(counts_C, draws)
