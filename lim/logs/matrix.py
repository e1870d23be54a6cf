"""The reward matrix: prompt × epoch, with missing epochs left visible.

Suffixes: _P prompts, _K epochs, _S samples, _L keys of the log, _U a step's (prompt, epoch) pairs, _R its samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.logs.parts import Part
from lim.utils.errors import InputError

Floats = NDArray[np.float64]
MANY_CELLS = 1 << 20  # of the matrix, from which on two threads fill it, an epoch each


@dataclass(frozen=True)
class RewardMatrix:
    """Mean reward by prompt and epoch; NaN, and a count of 0, where a prompt was not seen in an epoch."""

    ids: list[str]  # P: prompt ids, or prompt texts where the log has no ids
    rewards_P_K: Floats
    pass_rates_P_K: Floats  # share of samples judged correct, or at the log's largest reward
    counts_P_K: NDArray[np.int32]
    samples_P_K_S: NDArray[np.float32] | None = None  # every sample's reward, NaN-padded; kept on request
    top: float | None = None  # the log's largest reward; None: that of the samples kept

    @property
    def epochs(self) -> int:
        return self.rewards_P_K.shape[1]

    def take(self, rows_Q: NDArray[np.integer], ids: list[str]) -> RewardMatrix:
        """The matrix of rows `rows_Q` under new ids; row −1 gives an empty row."""
        lost_Q = rows_Q < 0

        def pick(array: Any, blank: float) -> Any:
            if not len(self.ids):
                return np.full((len(rows_Q), *array.shape[1:]), blank, array.dtype)
            picked = array[np.maximum(rows_Q, 0)]
            picked[lost_Q] = blank
            return picked

        return RewardMatrix(
            ids,
            pick(self.rewards_P_K, np.nan),
            pick(self.pass_rates_P_K, np.nan),
            pick(self.counts_P_K, 0),
            None if self.samples_P_K_S is None else pick(self.samples_P_K_S, np.nan),
            self.top,
        )

    def first_epochs(self, epochs: int) -> RewardMatrix:
        """The matrix cut to its first epochs."""
        samples = self.samples_P_K_S
        return RewardMatrix(
            self.ids,
            self.rewards_P_K[:, :epochs],
            self.pass_rates_P_K[:, :epochs],
            self.counts_P_K[:, :epochs],
            None if samples is None else samples[:, :epochs],
            self.top,
        )

    def passes_P_K_S(self) -> NDArray[np.float32]:
        """Whether each sample passed, as 0 and 1: its reward is the log's largest. NaN where there is no sample.

        Raises InputError where the samples were not kept, or the log's verdicts are not its largest reward.
        """
        if self.samples_P_K_S is None:
            raise InputError("the matrix was read without its samples (ReadOptions(keep_samples=True))")
        top = np.nanmax(self.samples_P_K_S) if self.top is None else np.float32(self.top)
        values_P_K_S = np.where(np.isnan(self.samples_P_K_S), np.nan, self.samples_P_K_S == top).astype(np.float32)
        if not np.allclose(mean_of_samples(values_P_K_S), self.pass_rates_P_K, equal_nan=True):
            raise InputError("the log's verdicts are not its largest reward: single samples' are not known")
        return values_P_K_S

    def first_samples(self, count: int) -> RewardMatrix:
        """The matrix of each cell's first `count` samples, in the log's order; cells with fewer keep what they have.

        Raises InputError as `passes_P_K_S` does.
        """
        passes_P_K_S = self.passes_P_K_S()[:, :, :count]
        assert self.samples_P_K_S is not None
        samples_P_K_S = self.samples_P_K_S[:, :, :count]
        return RewardMatrix(
            self.ids,
            mean_of_samples(samples_P_K_S),
            mean_of_samples(passes_P_K_S),
            np.minimum(self.counts_P_K, count),
            samples_P_K_S,
            self.top,
        )


def mean_of_samples(values_P_K_S: NDArray[np.float32]) -> Floats:
    """Mean by prompt and epoch over the samples there are; NaN where there is none."""
    seen_P_K_S = ~np.isnan(values_P_K_S)
    with np.errstate(invalid="ignore"):
        return np.where(seen_P_K_S, values_P_K_S, 0).sum(axis=2, dtype=np.float64) / seen_P_K_S.sum(axis=2)


def build_matrix(
    parts: Sequence[Part],
    keys: list[str],
    epochs: int,
    ours_L: NDArray[np.bool_] | None = None,
    left_out_L: NDArray[np.bool_] | None = None,
) -> tuple[RewardMatrix, NDArray[np.int64], float]:
    """(matrix of the parts' keys, sorted, so that order does not matter; key → row, −1 for none; share of the samples
    at the largest reward).

    Keys that are not `ours_L` stay only where they were seen in two epochs: they are part of the run and its average,
    which a text that came once is not. Nor are those of `left_out_L`.
    """
    seen_L = np.zeros(len(keys), bool)
    for part in parts:
        seen_L[part.rows_U] = True
    order = sorted(np.flatnonzero(seen_L).tolist(), key=keys.__getitem__)
    place_L = np.full(len(keys), -1, np.int64)
    place_L[np.array(order, np.int64)] = np.arange(len(order))
    top = max(part.step.top for part in parts)
    judged = all(part.step.correct_U is not None for part in parts)
    rewards_P_K, pass_rates_P_K = np.empty((2, len(order), epochs))
    counts_P_K = np.empty((len(order), epochs), np.int32)
    pieces_K = _by_epoch(parts, epochs)

    def fill(epoch: int) -> None:
        # One epoch at a time: the cells written stay in the processor's cache.
        sums_P, counts_P, passed_P = np.zeros(len(order)), *np.zeros((2, len(order)), np.int32)
        for part, at in pieces_K[epoch]:
            step, rows_V = part.step, place_L.take(part.rows_U[at])
            passed_U = step.correct_U if judged else step.tops_U if step.top == top else None
            adds = [(sums_P, step.sums_U[at]), (counts_P, step.counts_U[at])]
            adds += [] if passed_U is None else [(passed_P, passed_U[at].astype(np.int32))]
            again = counts_P.take(rows_V).any()  # in another step of the epoch, too
            for total_P, values_V in adds:
                if again:
                    np.add.at(total_P, rows_V, values_V)
                else:  # unlike `add.at` without Python's lock
                    total_P[rows_V] = values_V
        counts_P_K[:, epoch] = counts_P
        with np.errstate(invalid="ignore"):
            rewards_P_K[:, epoch], pass_rates_P_K[:, epoch] = sums_P / counts_P, passed_P / counts_P

    if len(order) * epochs < MANY_CELLS:
        list(map(fill, range(epochs)))
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(fill, range(epochs)))
    kept: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    at_top = samples = 0
    for part in parts:
        step = part.step
        samples += int(step.counts_U.sum())
        at_top += int(step.tops_U.sum()) if step.top == top else 0
        if step.groups_R is not None and step.rewards_R is not None:
            inside_R = (part.epochs_U <= epochs)[step.groups_R]
            groups_R = step.groups_R[inside_R]
            cells_R = place_L[part.rows_U[groups_R]] * epochs + part.epochs_U[groups_R] - 1
            kept.append((cells_R, step.rewards_R[inside_R]))
    samples_P_K_S = _samples(kept, counts_P_K) if kept else None
    ids = [keys[row] for row in order]
    matrix = RewardMatrix(ids, rewards_P_K, pass_rates_P_K, counts_P_K, samples_P_K_S, top)
    if ours_L is not None:
        stay_P = (counts_P_K > 0).sum(axis=1) >= min(2, epochs)
        stay_P = ours_L[order] | (stay_P if left_out_L is None else stay_P & ~left_out_L[order])
        if not stay_P.all():
            rows_Q = np.flatnonzero(stay_P)
            matrix = matrix.take(rows_Q, [ids[row] for row in rows_Q.tolist()])
            place_L[order] = np.where(stay_P, np.cumsum(stay_P) - 1, -1)
    return matrix, place_L, at_top / samples


def _by_epoch(parts: Sequence[Part], epochs: int) -> list[list[tuple[Part, Any]]]:
    """For each epoch the parts that hold it, with where they do: mostly all of a part."""
    found: list[list[tuple[Part, Any]]] = [[] for _ in range(epochs)]
    for part in parts:
        low, high = int(part.epochs_U.min()), int(part.epochs_U.max())
        for epoch in [low] if low == high else np.unique(part.epochs_U).tolist():
            if epoch <= epochs:
                at = slice(None) if low == high else np.flatnonzero(part.epochs_U == epoch)
                found[epoch - 1].append((part, at))
    return found


def _samples(kept: list[Any], counts_P_K: NDArray[np.int32]) -> NDArray[np.float32]:
    """Every sample's reward as (P, K, S), NaN-padded, S the largest count."""
    cells_R = np.concatenate([cells for cells, _ in kept])
    rewards_R = np.concatenate([rewards for _, rewards in kept])
    order_R = np.argsort(cells_R, kind="stable")
    cells_R, rewards_R = cells_R[order_R], rewards_R[order_R]
    starts_C = np.concatenate([[0], np.cumsum(counts_P_K.ravel())])
    slots_R = np.arange(len(cells_R)) - starts_C[cells_R]
    samples_C_S = np.full((counts_P_K.size, int(counts_P_K.max())), np.nan, np.float32)
    samples_C_S[cells_R, slots_R] = rewards_R
    return samples_C_S.reshape(*counts_P_K.shape, -1)
