"""Numbers from verdicts: avg@n, pass@k, maj@k, and differences of models, each with its standard error.

The question is the unit. Samples of one question are not independent of each other, so every figure is a mean over
questions of a value each question has, and its standard error is that of independent questions (clustered by
question; Miller 2024, arXiv 2411.00640). Trained models add a second source of chance, the seed of the run
(`over_runs`, `Blocks`). Suffixes: `_Q` by question, `_S` by sample of one question, `_R` by run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over questions, its standard error (None for fewer than two questions) and the number of questions."""

    value: float
    stderr: float | None
    n: int


def estimate(values_Q: Sequence[float] | np.ndarray) -> Estimate:
    """Mean of one value per question; the standard error is sd (n − 1) / √n. Raises ValueError without a question."""
    values = np.asarray(values_Q, dtype=float)
    if values.size == 0:
        raise ValueError("no question to average over")
    stderr = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else None
    return Estimate(float(values.mean()), stderr, values.size)


def average(estimates: Sequence[Estimate | Paired]) -> Estimate:
    """Unweighted mean over benchmarks with different questions; n is the number of questions in all."""
    errors = [e.stderr for e in estimates if e.stderr is not None]
    stderr = math.hypot(*errors) / len(errors) if len(errors) == len(estimates) else None
    return Estimate(sum(e.value for e in estimates) / len(estimates), stderr, sum(e.n for e in estimates))


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Chance that at least one of k samples drawn without replacement from n is correct: 1 − C(n−c, k) / C(n, k).

    The unbiased estimator of Chen et al. 2021 (arXiv 2107.03374). Raises ValueError unless 1 ≤ k ≤ n.
    """
    if not 1 <= k <= n or not 0 <= correct <= n:
        raise ValueError(f"pass@{k} of {n} samples with {correct} correct is not defined")
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def powers_of_two(n: int) -> list[int]:
    """The ks that pass@k is reported for: 1, 2, 4, … and n."""
    return sorted({2**i for i in range(n.bit_length())} | {n}) if n else []


def majority(classes_S: Sequence[Hashable | None], correct_S: Sequence[bool]) -> float:
    """Chance that the most frequent answer is correct when a tie is broken at random.

    `classes_S` names the class of equal answers each sample belongs to; None (no answer) does not vote. A class is
    correct when its first sample is. 0 where nobody votes.
    """
    votes = Counter(label for label in classes_S if label is not None)
    if not votes:
        return 0.0
    verdict: dict[Hashable, bool] = {}
    for label, correct in zip(classes_S, correct_S, strict=True):
        verdict.setdefault(label, correct)
    most = max(votes.values())
    tied = [label for label, count in votes.items() if count == most]
    return sum(verdict[label] for label in tied) / len(tied)


def t_quantile(share: float, dof: float) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, share))


def detectable(stderr: float | None, dof: float) -> float | None:
    """Smallest true difference that is seen with 80 % power in a two-sided t test at 5 %.

    (t_0.975 + t_0.8) × standard error, with the degrees of freedom of the standard error.
    """
    return None if stderr is None else (t_quantile(0.975, dof) + t_quantile(0.8, dof)) * stderr


class Paired(NamedTuple):
    """Mean of b − a over n questions, its standard error, and on how many questions b is better and worse."""

    value: float
    stderr: float | None
    n: int
    better: int
    worse: int
    dof: float  # of the standard error

    @property
    def clear(self) -> bool:
        """Whether the difference is more than two standard errors."""
        return self.stderr is not None and abs(self.value) > 2 * self.stderr


def paired(a_Q: Sequence[float] | np.ndarray, b_Q: Sequence[float] | np.ndarray) -> Paired:
    """Difference b − a of two models on the same questions, paired by question."""
    a, b = np.asarray(a_Q, dtype=float), np.asarray(b_Q, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} and {b.size} questions cannot be paired")
    return Paired(*estimate(b - a), int((b > a).sum()), int((a > b).sum()), a.size - 1)


def average_paired(parts: Sequence[Paired]) -> Paired:
    """Mean difference over benchmarks with different questions; degrees of freedom by Welch and Satterthwaite."""
    variances = [(part.stderr or 0.0) ** 2 for part in parts]
    spread = sum(variance**2 / part.dof for variance, part in zip(variances, parts, strict=True) if variance)
    dof = sum(variances) ** 2 / spread if spread else sum(part.dof for part in parts)
    return Paired(*average(parts), sum(part.better for part in parts), sum(part.worse for part in parts), dof)


def over_runs(values_R_Q: np.ndarray) -> dict[str, Any]:
    """Mean over runs (one per seed) and questions, with the standard errors over seeds and over questions.

    The values are accuracies of one arm, or differences of two arms, seed by seed on the same questions.
    """
    by_run = values_R_Q.mean(axis=1)
    return {
        "mean": float(by_run.mean()),
        "by_seed": by_run.tolist(),
        "stderr_seeds": estimate(by_run).stderr,
        "stderr_questions": estimate(values_R_Q.mean(axis=0)).stderr,
    }


@dataclass(frozen=True)
class Blocks:
    """Accuracy of run (arm, seed) = mean + arm + seed + scatter, by least squares: seeds are blocks.

    The scatter (`sd`, with `dof` degrees of freedom) is assumed to be the same for every arm, so that all runs
    contribute to it; it covers chance in training and in the evaluation's samples.
    """

    columns: Mapping[str, int]  # arm → column of the design
    covariance: np.ndarray  # of the coefficients, for a scatter of 1
    sd: float | None
    dof: int

    def difference(self, arm: str, other: str) -> dict[str, float | None]:
        """Standard error of the difference of two arms, and the smallest detectable one."""
        if self.sd is None or arm not in self.columns or other not in self.columns:
            return {"stderr_pooled": None, "detectable": None}
        contrast = np.zeros(len(self.covariance))
        contrast[self.columns[arm]], contrast[self.columns[other]] = 1, -1
        stderr = self.sd * float(np.sqrt(contrast @ self.covariance @ contrast))
        return {"stderr_pooled": stderr, "detectable": detectable(stderr, self.dof)}


def blocks(by_run: Mapping[str, Mapping[int, float]]) -> Blocks:
    """Fit the accuracies of runs: arm → seed → accuracy. Without two arms and two seeds there is no scatter."""
    arms, seeds = list(by_run), sorted({seed for runs in by_run.values() for seed in runs})
    columns = {arm: column for column, arm in enumerate(arms)}
    runs = [(arm, seed, value) for arm in arms for seed, value in by_run[arm].items()]
    design = np.zeros((len(runs), len(arms) + len(seeds)))
    for row, (arm, seed, _) in enumerate(runs):
        design[row, columns[arm]] = design[row, len(arms) + seeds.index(seed)] = 1
    values = np.array([value for _, _, value in runs])
    coefficients, _, rank, _ = np.linalg.lstsq(design, values)
    dof = len(runs) - int(rank)
    sd = float(np.sqrt(((values - design @ coefficients) ** 2).sum() / dof)) if dof > 0 else None
    return Blocks(columns, np.linalg.pinv(design.T @ design), sd, dof)
