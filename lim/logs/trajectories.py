"""From a log to the reward matrix: which texts are one prompt, which epoch a step belongs to, what may be wrong.

Suffixes: _P prompts of the file, _K epochs, _L keys of the log, _U a step's (prompt, epoch) pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.logs.checks import (
    Prompts,
    doubt_chosen,
    doubt_filtered,
    doubt_matching,
    doubt_own_epochs,
    doubt_rewards,
    evaluated_between,
    scales_of,
)
from lim.logs.counting import Copies, spacing_of, step_numbers
from lim.logs.epochs import Counted, Rule, epochs_to_keep, with_epochs
from lim.logs.find import Log
from lim.logs.formats import ReadOptions
from lim.logs.matching import Matching, match_prompts, normalise, strip_template
from lim.logs.matrix import RewardMatrix, build_matrix, mean_of_samples
from lim.logs.meeting import once_per_epoch, split_where_epochs_meet
from lim.logs.parts import Part, Place, RawLog, parts_of, read_log
from lim.logs.tables import unsaid_steps
from lim.utils.errors import InputError

__all__ = ["LogSummary", "Prompts", "RewardMatrix", "mean_of_samples", "read_trajectories"]


@dataclass(frozen=True)
class Places:
    """Where a log's samples went: the matrix row of each key (−1: none), and each (step, row)'s epochs with how many
    samples each has, in order.
    """

    row_of: dict[str, int]
    epochs: dict[tuple[int, int], tuple[tuple[int, int], ...]]  # two where two epochs meet in the step
    steps: tuple[StepFacts, ...]
    again: frozenset[Place]  # made again later, and not counted


@dataclass(frozen=True)
class StepFacts:
    """What a step's samples came to."""

    step: int
    samples: int
    mean_reward: float
    verdicts: Mapping[str, int]  # empty where the log has none


@dataclass(frozen=True)
class LogSummary:
    """What was read, for the terminal table, the JSON summary and warnings."""

    path: str
    format: str
    files: int
    size: int
    bytes_read: int = 0
    samples: int = 0
    step_prompts: int = 0  # the most prompts of a step: the run's batch; 0 where the log is one step
    first_step: int = 0
    last_step: int = 0
    epoch_rule: Rule = "log"
    steps_per_epoch: float | None = None
    epochs_in_log: int = 0
    max_reward: float = 0.0
    min_reward: float = 0.0
    spread: float | None = None  # `_spread`: of two rewards 1, of more less
    top_share: float = 0.0  # of the samples, that have it
    values: int = 0  # distinct rewards among the first of a step
    scales: dict[tuple[float, float], int] = field(default_factory=dict)  # (lowest, highest) → prompts: `scales_of`
    judged: bool = False  # the log says which samples are correct
    visits: str = ""  # how often prompts were visited, in words
    reasons: dict[str, int] = field(default_factory=dict)  # why verdicts fell → samples, the most frequent first
    skipped_rows: int = 0  # without a reward
    bad_files: tuple[str, ...] = ()
    repeated_files: int = 0
    lost_steps: tuple[int, ...] = ()
    left_after: tuple[int, ...] = ()  # epochs after which the run chose, so that prompts left it
    notes: tuple[str, ...] = ()
    doubts: dict[str, str] = field(default_factory=dict)  # kind of `lim.logs.doubts` → what may be wrong
    matching: Matching | None = None  # its `rows_P` are rows of the matrix
    places: Places | None = None  # on request (`ReadOptions.keep_places`)

    @property
    def pass_rule(self) -> str:
        """What a passed sample is, in words."""
        return "verdict is correct" if self.judged else f"reward is the log's largest, {self.max_reward:g}"

    def as_dict(self) -> dict[str, Any]:
        """The fields for a JSON summary."""
        names = [field.name for field in fields(self) if field.name not in ("matching", "places", "scales")]
        found = {name: getattr(self, name) for name in names}
        return found | {"pass_rule": self.pass_rule, "epochs": self.epochs_in_words()}

    def epochs_in_words(self) -> str:
        """How epochs were found, in words."""
        if self.epoch_rule == "steps":
            number = self.steps_per_epoch or 0
            return f"{number:g} step{'s' * (number != 1)} per epoch"
        return "the log's own epochs" if self.epoch_rule == "log" else "a prompt's n-th visit is epoch n"


def read_trajectories(
    log: Log,
    *,
    prompts: Prompts | None = None,
    steps_per_epoch: int | None = None,
    max_epochs: int | None = None,
    options: ReadOptions | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[RewardMatrix, LogSummary]:
    """Read a log into a matrix whose rows are sorted by id (or text), so that the order of the log does not matter.

    Texts of the log that are one prompt of the file are one row; without a prompt file, texts that only a chat
    template tells apart are. `LogSummary.matching` says which row a prompt has. Epochs: the log's own where it has
    them, else `steps_per_epoch` where given, else the rule that fits (`lim.logs.epochs`), counted over the prompt
    file's prompts. `max_epochs` keeps the first so many; InputError where the log holds fewer, and where none of
    its prompts is in the file.
    """
    raw = read_log(log, options, workers=workers, progress=progress)
    matching = None
    if prompts is None:
        stands_L, ours_L = _alike(raw), np.ones(len(raw.keys), bool)
    else:
        by_id = raw.log.by_id
        matching = match_prompts(
            prompts.ids, prompts.texts, raw.keys, full=prompts.full, by_id=by_id, ids_first=by_id
        )
        if (matching.rows_P < 0).all():
            raise InputError(_none_matches(raw, prompts))
        stands_L, ours_L = matching.rows_L, np.zeros(len(raw.keys), bool)
        ours_L[matching.rows_P[matching.rows_P >= 0]] = True
    notes, doubts = [*log.notes], dict[str, str]()
    parts = _without_evaluation(log, parts_of(raw, stands_L), ours_L, notes)
    if matching is not None and prompts is not None:
        _note_matching(matching, notes)
        doubt_matching(raw, parts, matching, ours_L, prompts, doubts)
    doubt_filtered(parts, doubts)
    doubt_rewards(parts, doubts)
    copies = None
    if matching is not None and len(matching.shared):
        copies = Copies(parts, np.bincount(matching.rows_P[matching.rows_P >= 0], minlength=len(raw.keys)))

    def count(first: int, counted_L: NDArray[np.bool_] = ours_L) -> tuple[int, Counted]:
        split = parts
        if steps_per_epoch is None and parts[0].step.epochs_U is None:
            once_L = counted_L if copies is None else counted_L & (copies.copies_L == 1)
            length = None if copies is None else copies.steps_per_epoch(parts)
            split = split_where_epochs_meet(raw, parts, stands_L, once_L, options or ReadOptions(), first, length)
        more = sum(len(part.rows_U) for part in split) - sum(len(part.rows_U) for part in parts)
        found = with_epochs(parts, counted_L, copies, steps_per_epoch, first)
        if more and not found.epochs.clean:
            two = with_epochs(split, counted_L, copies, steps_per_epoch, first)
            return (more, two) if once_per_epoch(two.parts) else (0, found)
        return 0, found  # epochs end with steps after all

    begin = int(step_numbers([part.step.step for part in parts])[0])
    more, found = count(min(1, begin))
    others: list[tuple[int, NDArray[np.bool_]]] = []
    if steps_per_epoch is None and found.visits is not None:
        if begin - 1 >= found.visits.usual_length:
            # Whole epochs are before: the log is of a run that went on, or its steps are counted from another number.
            others.append((begin, ours_L))
        if copies is None and (like_L := _visited_alike(parts, ours_L)).sum() > ours_L.sum():
            others += [(first, like_L) for first, _ in ((min(1, begin), ours_L), *others)]
    for other in others:
        its_more, its = count(*other)
        if its.epochs.clean or (its_more and its.epochs.exact and not found.epochs.clean):
            more, found = its_more, its
            break
    parts, epochs, visits = found.parts, found.epochs, found.visits
    notes += found.notes
    doubts |= found.doubts
    if more:
        notes.append(
            f"{more} prompt{'s are' if more > 1 else ' is'} twice in a step where two epochs meet; the first half of "
            "the samples counts for the earlier epoch"
        )
    lost = _note_gaps(raw, notes)
    doubt_own_epochs(raw, notes, doubts)
    kept = epochs_to_keep(log, parts, ours_L, epochs.rule, max_epochs, notes)
    left_after = doubt_chosen(str(log.root), parts, kept, doubts)
    between_L = evaluated_between(parts, ours_L, notes)
    matrix, place_L, top_share = build_matrix(parts, raw.keys, kept, None if matching is None else ours_L, between_L)
    skipped = sum(step.skipped for step in raw.steps)
    if log.format == "columns":
        notes += unsaid_steps(log.root, log.files, log.filesystem, (options or ReadOptions()).columns, len(parts))
    if skipped:
        notes.append(f"{skipped:,} row{'s' if skipped > 1 else ''} without a reward skipped")
    if matching is not None:
        matching = replace(matching, rows_P=np.where(matching.rows_P >= 0, place_L[matching.rows_P], -1))
    summary = LogSummary(
        path=str(log.root),
        format=log.format,
        files=len(log.files),
        size=log.size,
        bytes_read=sum(step.bytes_read for step in raw.steps),
        samples=sum(int(part.step.counts_U.sum()) for part in parts),
        step_prompts=max(len(part.rows_U) for part in parts) if len(parts) > 1 else 0,
        first_step=parts[0].step.step,
        last_step=parts[-1].step.step,
        epoch_rule=epochs.rule,
        steps_per_epoch=epochs.steps_per_epoch,
        epochs_in_log=max(int(part.epochs_U.max()) for part in parts),
        max_reward=matrix.top or 0.0,
        min_reward=min(part.step.low for part in parts),
        spread=_spread(parts),
        top_share=top_share,
        values=max(part.step.values for part in parts),
        scales=scales_of(parts, ours_L),
        judged=all(part.step.correct_U is not None for part in parts),
        visits=visits.in_words() if visits is not None else "",
        reasons=_reasons(raw),
        skipped_rows=skipped,
        bad_files=raw.bad_files,
        repeated_files=raw.repeated_files,
        lost_steps=lost,
        left_after=tuple(left_after),
        notes=tuple(notes),
        doubts=doubts,
        matching=matching,
        places=_places(raw, parts, place_L[stands_L].tolist(), between_L)
        if options and options.keep_places
        else None,
    )
    return matrix, summary


def _visited_alike(parts: Sequence[Part], ours_L: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The file's prompts and those that are visited as often: prompts of the run that the file lacks."""
    times_L = np.zeros(len(ours_L), np.int64)
    for part in parts:
        times_L[part.rows_U] += 1
    times_O = times_L[ours_L & (times_L > 0)]
    return ours_L | ((times_L >= max(2, times_O.min())) & (times_L <= times_O.max()))


def _spread(parts: Sequence[Part]) -> float | None:
    """The variance of a prompt's samples, as a share of the largest that rewards of their mean and range can have.

    Of two rewards it is 1. None where no prompt has two samples in a step and rewards are not two values.
    """
    low, high = min(part.step.low for part in parts), max(part.step.top for part in parts)
    within = most = 0.0
    for step in (part.step for part in parts):
        means_U = step.sums_U / np.maximum(step.counts_U, 1)
        within += step.squares - float(step.sums_U @ means_U)
        most += float(step.counts_U @ ((means_U - low) * (high - means_U)))
    if most <= 1e-9 * (high - low) ** 2:
        return 1.0 if high > low else None
    alone = max(int(step.counts_U.max(initial=0)) for step in (part.step for part in parts)) < 2
    return None if alone else min(1.0, max(0.0, within / most))


def _places(raw: RawLog, parts: Sequence[Part], rows_L: list[int], left_out_L: NDArray[np.bool_]) -> Places:
    epochs: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    for part in parts:
        visits = zip(part.rows_U.tolist(), part.epochs_U.tolist(), part.step.counts_U.tolist(), strict=True)
        for key, epoch, count in visits:
            cell = part.step.step, rows_L[key]
            epochs[cell] = (*epochs.get(cell, ()), (epoch, count))
    verdicts: dict[int, Counter[str]] = {}
    for step in raw.steps:
        verdicts.setdefault(step.step, Counter()).update(step.verdicts)
    steps = []
    for step, rows_U in ((part.step, part.rows_U) for part in parts):
        trained_U = ~left_out_L[rows_U]
        count, total = int(step.counts_U[trained_U].sum()), float(step.sums_U[trained_U].sum())
        steps.append(StepFacts(step.step, count, total / max(1, count), verdicts[step.step]))
    return Places(dict(zip(raw.keys, rows_L, strict=True)), epochs, tuple(steps), frozenset(raw.again))


def _reasons(raw: RawLog) -> dict[str, int]:
    total = sum((Counter(step.reasons) for step in raw.steps), Counter())
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _none_matches(raw: RawLog, prompts: Prompts) -> str:
    shown = raw.keys[0]
    return (
        f"{raw.log.root}: none of its {len(raw.keys)} prompts is in the prompt file; it has {shown!r:.80}, "
        f"the file id {prompts.ids[0]!r:.40} with prompt {prompts.texts[0]!r:.80}"
    )


def _note_matching(matching: Matching, notes: list[str]) -> None:
    if matching.joined:
        notes.append(f"{matching.joined:,} texts of the log are another text of a prompt that it has already: joined")
    if shared := int(np.isin(matching.rows_P, matching.shared).sum()):
        notes.append(f"{shared:,} prompts of the file have the same text as another and share its trajectory")


def _alike(raw: RawLog) -> NDArray[np.int64]:
    """Key → the first key with its text, of logs of texts."""
    if raw.log.by_id:
        return np.arange(len(raw.keys))
    first: dict[str, int] = {}
    inner = [normalise(strip_template(text)) for text in raw.keys]
    return np.array([first.setdefault(text, at) for at, text in enumerate(inner)])


def _without_evaluation(log: Log, parts: list[Part], ours_L: NDArray[np.bool_], notes: list[str]) -> list[Part]:
    """The parts of training: where evaluation may take its place, those with any of the file's prompts. A step 0 of
    many more prompts than any other is evaluation, too.
    """
    largest = max((len(part.rows_U) for part in parts[1:]), default=0)
    zero = parts[0].step.step < 1 and parts[0].step.epochs_U is None and ours_L[parts[0].rows_U].any()
    if zero and len(parts) > 2 and len(parts[0].rows_U) >= 2 * largest:
        notes.append(
            f"step {parts[0].step.step} holds {len(parts[0].rows_U):,} prompts and no other more than {largest:,} "
            "(validation before training): skipped"
        )
        parts = parts[1:]
    training = [part for part in parts if ours_L[part.rows_U].any()]
    others = [part.step.step for part in parts if not ours_L[part.rows_U].any()]
    if not log.kind.evaluates or len(training) < len(others):
        return parts
    later = [part.rows_U for part in parts if part.step.step in others and part.step.step >= 1]
    # Evaluation is of the same prompts each time; other ones each time are of training, which the file lacks.
    largest = max(map(len, later), default=0)
    apart = np.diff([step for step in others if step >= 1])
    if (largest == 1 and (len(apart) < 2 or len(set(apart.tolist())) > 1)) or len(
        np.unique(np.concatenate([*later, []]))
    ) > 2 * largest:
        others = [step for step in others if step < 1]
        training = [part for part in parts if part.step.step not in others]
    before = [step for step in others if step < 1]
    if before:
        notes.append(
            f"step {before[0]} holds none of the prompt file's prompts (validation before training): skipped"
        )
    elif training[0].step.step < 1 and training[0].step.epochs_U is None:
        notes.append(f"the log's steps start at {training[0].step.step}, and so does epoch 1")
    repeating = {part.step.step for part in parts if part.step.repeated}
    if lost := [step for step in others if step >= 1 and step not in repeating]:
        steps = f"step{'s' if len(lost) > 1 else ''} {_listed(lost)}"
        notes.append(
            f"{steps}: the file{'s hold' if len(lost) > 1 else ' holds'} none of the prompt file's prompts "
            "(evaluation in place of training): skipped, their training rewards are lost"
        )
    return training


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")


def _note_gaps(raw: RawLog, notes: list[str]) -> tuple[int, ...]:
    """Steps without a file, with what else is said of the log's files."""
    steps = np.unique([step.step for step in raw.steps])
    first = raw.log.kind.first_step or int(steps[0])
    if (step_numbers(steps.tolist()) != steps).any():  # times or the like, whose gaps say nothing
        spacing, lost = 1, steps[:0]
    else:
        spacing = spacing_of(steps)
        lost = np.setdiff1d(np.arange(first if spacing == 1 else steps[0], steps[-1], spacing), steps)
    if not raw.repeated_files:
        if spacing > 1:
            notes.append(f"steps are {spacing} apart; what was generated between them is not in the log")
        if len(lost):
            notes.append(f"{len(lost)} step{'s have' if len(lost) > 1 else ' has'} no file: {_listed(lost.tolist())}")
    else:
        notes.append(f"{raw.repeated_files} files or steps repeat the one before (same generations) and count once")
    if raw.again:
        notes.append(
            f"{sum(raw.again.values()):,} rows are of steps that the run made again after a resume "
            f"({_listed(sorted({step for _, _, step in raw.again}))}): skipped, the later ones count"
        )
    if raw.bad_files:
        count = len(raw.bad_files)
        notes.append(f"{count} bad file{'s were' if count > 1 else ' was'} skipped: {raw.bad_files[0]}")
    return tuple(lost.tolist())
