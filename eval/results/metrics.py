"""Numbers from verdicts: avg@n, pass@k, maj@k, and differences of two models, each with its standard error.

The question is the unit. Samples of one question are not independent of each other, so every figure is a mean over
questions of a value each question has, and its standard error is that of independent questions (clustered by
question; Miller 2024, arXiv 2411.00640). Suffixes: `_Q` by question, `_S` by sample of one question.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over questions, its standard error (NaN for fewer than two questions) and the number of questions."""

    value: float
    stderr: float
    n: int


def estimate(values_Q: Sequence[float] | np.ndarray) -> Estimate:
    """Mean of one value a question; the standard error is sd (n − 1) / √n. Raises ValueError without a question."""
    values = np.asarray(values_Q, dtype=float)
    if values.size == 0:
        raise ValueError("no question to average over")
    stderr = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan
    return Estimate(float(values.mean()), stderr, values.size)


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
        if label is not None:
            verdict.setdefault(label, correct)
    most = max(votes.values())
    tied = [label for label, count in votes.items() if count == most]
    return sum(verdict[label] for label in tied) / len(tied)


class Paired(NamedTuple):
    """Mean of b − a over the questions both have, its standard error, and how many questions each wins."""

    value: float
    stderr: float
    n: int
    b_better: int
    a_better: int

    @property
    def detectable(self) -> float:
        """Smallest true difference that n questions like these show with 80 % power (two-sided, 5 %)."""
        return 2.8 * self.stderr


def paired(a_Q: Sequence[float] | np.ndarray, b_Q: Sequence[float] | np.ndarray) -> Paired:
    """Difference b − a of two models on the same questions, paired by question."""
    a, b = np.asarray(a_Q, dtype=float), np.asarray(b_Q, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} and {b.size} questions cannot be paired")
    value, stderr, n = estimate(b - a)
    return Paired(value, stderr, n, int((b > a).sum()), int((a > b).sum()))


def average(estimates: Sequence[Estimate]) -> Estimate:
    """Unweighted mean over benchmarks with different questions; n is the number of questions in all."""
    value = sum(e.value for e in estimates) / len(estimates)
    stderr = math.sqrt(sum(e.stderr**2 for e in estimates)) / len(estimates)
    return Estimate(value, stderr, sum(e.n for e in estimates))
