"""From a log to the reward matrix: prompt × epoch, with missing epochs left visible.

Suffixes: _P prompts, _K epochs, _S samples, _U a file's distinct prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.logs.find import Log
from lim.logs.read import ReadOptions, read_files
from lim.logs.step import StepRewards
from lim.utils.errors import InputError

Floats = NDArray[np.float64]


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


@dataclass
class LogSummary:
    """What was read, for the terminal table, the JSON summary and warnings."""

    path: str
    format: str
    files: int
    size: int
    bytes_read: int = 0
    samples: int = 0
    first_step: int = 0
    last_step: int = 0
    epoch_rule: str = ""
    epochs_in_log: int = 0
    max_reward: float = 0.0
    pass_rule: str = ""
    judged: bool = False  # the log says which samples are correct
    bad_files: list[str] = field(default_factory=list)
    repeated_files: int = 0
    notes: list[str] = field(default_factory=list)


def read_trajectories(
    log: Log,
    *,
    steps_per_epoch: int | None = None,
    max_epochs: int | None = None,
    options: ReadOptions | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[RewardMatrix, LogSummary]:
    """Read a log into a matrix whose rows are sorted by id (or text), so that the order of the log does not matter.

    Epochs: the log's own where it has them. Else `steps_per_epoch` where given, unless more than 1 % of
    (prompt, epoch) pairs then fall on several steps, since epochs did not end at a step boundary. Else a
    prompt's n-th visit is epoch n. `max_epochs` keeps the first so many; InputError where the log holds fewer.
    """
    summary = LogSummary(str(log.root), log.format, len(log.files), log.size)
    rows: dict[str, int] = {}
    parts: list[_Part] = []
    last_print = None
    for result in read_files(log, options, workers=workers, progress=progress):
        if result.error:
            summary.bad_files.append(result.error)
        for step in result.steps:
            summary.bytes_read += step.bytes_read
            if step.fingerprint is not None and step.fingerprint == last_print:
                summary.repeated_files += 1
                continue
            last_print = step.fingerprint
            parts.append(_Part.of(step, rows))
    if not parts:
        raise InputError(f"{log.root}: no readable log file left of {len(log.files)}")
    summary.samples = sum(int(part.counts_U.sum()) for part in parts)
    summary.first_step, summary.last_step = parts[0].step, parts[-1].step
    _note_gaps(log, parts, summary)
    _assign_epochs(parts, len(rows), steps_per_epoch, summary)
    epochs = _epochs_to_keep(parts, len(rows), max_epochs, summary)
    return _matrix(parts, rows, epochs, summary), summary


@dataclass
class _Part:
    """One step's rewards with prompts as row numbers."""

    step: int
    rows_U: NDArray[np.int32]
    epochs_U: NDArray[np.int32] | None
    sums_U: Floats
    counts_U: NDArray[np.int32]
    tops_U: NDArray[np.int32]
    correct_U: NDArray[np.int32] | None
    top: float
    groups_R: NDArray[np.int32] | None
    rewards_R: NDArray[np.float32] | None

    @classmethod
    def of(cls, step: StepRewards, rows: dict[str, int]) -> _Part:
        """Number the prompts, adding unseen ones to `rows`."""
        numbers = np.fromiter((rows.setdefault(key, len(rows)) for key in step.keys), np.int32, len(step.keys))
        return cls(
            step.step,
            numbers,
            step.epochs_U,
            step.sums_U,
            step.counts_U,
            step.tops_U,
            step.correct_U,
            step.top,
            step.groups_R,
            step.rewards_R,
        )


def _note_gaps(log: Log, parts: list[_Part], summary: LogSummary) -> None:
    steps = [part.step for part in parts]
    missing = sorted(set(range(1 if log.format in ("lim", "release") else steps[0], steps[-1])) - set(steps))
    if missing and not (log.format == "trl" and summary.repeated_files):
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        summary.notes.append(f"{len(missing)} steps have no file: {shown}")
    if summary.repeated_files:
        summary.notes.append(
            f"{summary.repeated_files} files repeat the one before (same generations) and count once"
        )
    if summary.bad_files:
        summary.notes.append(f"{len(summary.bad_files)} bad files were left out; the first: {summary.bad_files[0]}")


def _assign_epochs(parts: list[_Part], prompts: int, steps_per_epoch: int | None, summary: LogSummary) -> None:
    if parts[0].epochs_U is not None:
        summary.epoch_rule = "the log's own epochs"
        return
    if steps_per_epoch is not None:
        pairs, seen = 0, []
        first = min(1, parts[0].step)
        if first < 1:
            summary.notes.append(f"the log's steps start at {first}, and so does epoch 1")
        for part in parts:
            pairs += len(part.rows_U)
            epoch = (part.step - first) // steps_per_epoch + 1
            seen.append(part.rows_U.astype(np.int64) * (parts[-1].step + 1) + epoch)
            part.epochs_U = np.full(len(part.rows_U), epoch, np.int32)
        again = pairs - len(np.unique(np.concatenate(seen)))
        if again <= 0.01 * pairs:
            summary.epoch_rule = f"{steps_per_epoch} steps an epoch (--steps_per_epoch)"
            return
        summary.notes.append(
            f"--steps_per_epoch {steps_per_epoch} puts {again} of {pairs} prompt visits into an epoch that has the "
            "prompt already; visits are counted instead"
        )
    visits_P = np.zeros(prompts, np.int32)
    for part in parts:
        visits_P[part.rows_U] += 1
        part.epochs_U = visits_P[part.rows_U]
    summary.epoch_rule = "a prompt's n-th visit is epoch n"


def _epochs_to_keep(parts: list[_Part], prompts: int, max_epochs: int | None, summary: LogSummary) -> int:
    """How many epochs the matrix has: `max_epochs`, or as many as the log fills."""
    last = max(int(part.epochs_U.max()) for part in parts if part.epochs_U is not None)
    seen_K = np.zeros(last, np.int64)
    for part in parts:
        assert part.epochs_U is not None
        seen_K += np.bincount(part.epochs_U - 1, minlength=last)
    summary.epochs_in_log = last
    if max_epochs is not None:
        if max_epochs > last:
            raise InputError(f"{summary.path}: holds {last} epochs, --max_epochs asks for {max_epochs}")
        return max_epochs
    if summary.epoch_rule == "a prompt's n-th visit is epoch n" or summary.format == "one-shot":
        # Visit counts differ by prompt: keep as many as all have, or, where some have hardly any, as 95 % have.
        full = int((seen_K == prompts).sum())
        most = int((seen_K >= 0.95 * prompts).sum())
        kept = full if full >= max(1, most // 2) else most
        if kept < last:
            share = "every prompt" if kept == full else "95 % of the prompts"
            summary.notes.append(
                f"prompts were visited up to {last} times; the first {kept}, which {share} has, count"
            )
        return kept
    kept = last
    while kept > 1 and seen_K[kept - 1] < 0.5 * np.median(seen_K):
        kept -= 1
    if kept < last:
        summary.notes.append(
            f"epochs {kept + 1}-{last} hold less than half of the prompts and are left out "
            f"(--max_epochs {last} keeps them)"
        )
    return kept


def _matrix(parts: list[_Part], rows: dict[str, int], epochs: int, summary: LogSummary) -> RewardMatrix:
    ids = sorted(rows)
    order_P = np.fromiter((rows[id] for id in ids), np.int32, len(ids))
    place_P = np.empty(len(ids), np.int32)  # row number as first seen → row in the sorted matrix
    place_P[order_P] = np.arange(len(ids), dtype=np.int32)

    summary.max_reward = max(part.top for part in parts)
    judged = all(part.correct_U is not None for part in parts)
    summary.judged = judged
    summary.pass_rule = "verdict is correct" if judged else f"reward is the log's largest, {summary.max_reward:g}"
    sums_P_K = np.zeros((len(ids), epochs))
    counts_P_K = np.zeros((len(ids), epochs), np.int32)
    passed_P_K = np.zeros((len(ids), epochs), np.int32)
    kept: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for part in parts:
        assert part.epochs_U is not None
        inside_U = part.epochs_U <= epochs
        # A (prompt, epoch) is once in a part, so plain indexed addition adds all.
        cells_U = place_P[part.rows_U[inside_U]].astype(np.int64) * epochs + part.epochs_U[inside_U] - 1
        sums_P_K.reshape(-1)[cells_U] += part.sums_U[inside_U]
        counts_P_K.reshape(-1)[cells_U] += part.counts_U[inside_U]
        passed_U = part.correct_U if judged else part.tops_U if part.top == summary.max_reward else None
        if passed_U is not None:
            passed_P_K.reshape(-1)[cells_U] += passed_U[inside_U]
        if part.groups_R is not None and part.rewards_R is not None:
            inside_R = inside_U[part.groups_R]
            groups_R = part.groups_R[inside_R]
            cells_R = place_P[part.rows_U[groups_R]].astype(np.int64) * epochs + part.epochs_U[groups_R] - 1
            kept.append((cells_R, part.rewards_R[inside_R]))
    with np.errstate(invalid="ignore"):
        rewards_P_K = np.divide(sums_P_K, counts_P_K, out=sums_P_K)
        pass_rates_P_K = passed_P_K / counts_P_K
    samples_P_K_S = _samples(kept, counts_P_K) if kept else None
    return RewardMatrix(ids, rewards_P_K, pass_rates_P_K, counts_P_K, samples_P_K_S, summary.max_reward)


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
