"""A selection in one call: a log or scores file, a prompt file and settings → `Selection`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lim.choose import Floats, Mask, choose_listed, settled
from lim.logs.doubts import settle
from lim.logs.find import find_log
from lim.logs.matching import Matching
from lim.logs.missing import note_of_lost, treat_missing
from lim.logs.trajectories import LogSummary, Prompts, RewardMatrix, read_trajectories
from lim.output import match_scores, read_ids, read_scores
from lim.prompts import PromptSet, load
from lim.prompts.trained_on import doubt_file, run_of
from lim.report.groups import numbered, read_groups
from lim.rewards import passes_mean_something, reward_doubts
from lim.scores import average_curve
from lim.selection import Selection
from lim.strategies import STRATEGIES, Settings, Trajectories, pass_rate
from lim.utils.cli import listed
from lim.utils.errors import InputError


def select(
    prompts: str | Path | PromptSet,
    *,
    log_path: str | Path | None = None,
    scores_path: str | Path | None = None,
    settings: Settings | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    keep_places: bool = False,
) -> Selection:
    """Choose prompts of a prompt file (its name, or as read by `lim.prompts.load`) from a run's log or a scores file.

    `progress(done, total)` is called in bytes of the log; `keep_places`: also say where samples went
    (`Selection.log.places`). Raises InputError for input or settings that
    cannot be used. `random`, `diversity` and `ids` need neither log nor scores.
    """
    of_log = (settings or Settings()).log_flags()
    settings = (settings or Settings()).resolved()
    name = settings.strategy
    if log_path and scores_path:
        raise InputError("give a log (--train_samples_path) or a scores file (--scores_path), not both")
    asked = f"--strategy {name}" + (" with --pass_rates" if settings.needs_log and settings.row.within else "")
    takes_scores = settings.row.takes_scores and not settings.pass_rates
    if not log_path and not scores_path and settings.needs_log:
        raise InputError(f"{asked} needs a log: --train_samples_path{', or --scores_path' if takes_scores else ''}")
    if scores_path and not takes_scores:
        raise InputError(f"--scores_path holds scores already; {asked} needs a log")
    if scores_path and of_log and settings.row.needs != "prompts":
        raise InputError(
            f"--{of_log[0]} says how a log is scored, and --scores_path holds scores already; leave it out, or give "
            "the log (--train_samples_path)"
        )
    if not isinstance(prompts, PromptSet):
        prompts = load(prompts)
    ids, texts = prompts.ids, prompts.texts
    group_of = None if settings.group_by is None else read_groups(prompts, settings.group_by)
    if group_of is not None and not log_path:
        raise InputError("--group_by needs a log (--train_samples_path): a scores file has no trajectories")
    listed = settings.ids_path
    listed_P = None if listed is None else choose_listed(ids, read_ids(listed, prompts), listed)

    matrix = average_K = summary = eligible_P = None
    notes: list[str] = []
    allowed: list[str] = []
    if log_path:
        matrix, summary = read_run(
            log_path,
            prompts,
            settings,
            keep_samples=settings.max_samples is not None,
            keep_places=keep_places,
            workers=workers,
            progress=progress,
        )
        absent, matching = "not in the log", summary.matching
        assert matching is not None
        doubts = summary.doubts | reward_doubts(summary, settings)
        if not settings.needs_log:  # its rewards are shown, and do not choose
            doubts.pop("chosen", None)
        allowed = settle(doubts, settings.allow)
        scores_L, average_K, reasons_L = score_matrix(matrix, settings, [summary.visits, *summary.notes])
        for row in left_rows(matrix, summary):
            reasons_L[row] = reasons_L[row] and LEFT
        notes += [*summary.notes, *match_notes(matching, "log"), *_notes(matrix, average_K, settings, scores_L)]
    elif scores_path:
        found = read_scores(scores_path)
        scores_L, reasons_L, absent = found.scores_L, found.reasons, "not in the scores file"
        matching = match_scores(scores_path, found, prompts)
        notes += match_notes(matching, "scores file")
    else:
        absent, matching = "no log to score from", Matching(np.full(len(ids), -1), [], {})
        scores_L, reasons_L, eligible_P = np.full(1, np.nan), [None], np.ones(len(ids), bool)

    rows_P = matching.rows_P
    scores_P = np.where(rows_P >= 0, scores_L[rows_P], np.nan)
    reasons_P = [reasons_L[row] if row >= 0 else absent for row in rows_P.tolist()]
    averages_K: dict[str, Floats] = {}
    if group_of is not None and matrix is not None:
        scores_P, averages_K, reasons_P = score_groups(matrix, settings, rows_P, group_of, absent)
        notes += group_notes(averages_K, group_of, settings)
    if listed_P is None:
        chosen_P, scores_P = settings.choose(scores_P, texts, eligible_P, group_of)
    else:
        chosen_P = listed_P
    reasons = [
        None if scored else reason for reason, scored in zip(reasons_P, (~np.isnan(scores_P)).tolist(), strict=True)
    ]
    if group_of is None:
        notes += _notes_on_ties(scores_P, chosen_P, settings)
    if matrix is not None and summary is not None:
        if settings.row.against_average and passes_mean_something(matrix, summary):
            solved_L = np.nan_to_num(matrix.pass_rates_P_K).max(axis=1) > 0
            if unsolved := int((chosen_P & (rows_P >= 0) & ~solved_L[rows_P]).sum()):
                notes.append(
                    f"{unsolved:,} of the chosen were never solved in the log: against an average this low LIM lets "
                    "them in (docs/method.md)"
                )
        notes += small_notes(int(chosen_P.sum()), summary, len(matrix.ids))
        if settings.metric == "accuracy":
            matrix = replace(matrix, rewards_P_K=matrix.pass_rates_P_K, samples_P_K_S=None)
        matrix = matrix.take(rows_P, ids)
    return Selection(
        prompts=prompts,
        scores_P=scores_P,
        reasons=reasons,
        chosen_P=chosen_P,
        matrix=matrix,
        average_K=average_K,
        settings=settings,
        log=summary,
        unmatched=matching.unmatched,
        matched_by=matching.how,
        notes=notes,
        group_of=group_of,
        averages_K=averages_K,
        allowed=allowed,
    )


def read_run(
    path: str | Path,
    prompts: PromptSet | None,
    settings: Settings,
    *,
    keep_samples: bool,
    keep_places: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[RewardMatrix, LogSummary]:
    """(rewards of a run's log by prompt and epoch, what was read), matched to the prompt file where there is one.

    `progress(done, total)` is called in bytes. Raises InputError as `read_trajectories` does, and for a log of ids
    where the file's are not unique.
    """
    options = replace(settings.reading(keep_samples=keep_samples), keep_places=keep_places)
    log = find_log(path, settings.format, options.columns)
    # verl's ids are those that `lim.recorders.verl.add_ids` read from the same file: row numbers, too.
    if prompts is not None and log.by_id and log.format != "verl" and prompts.repeated_ids:
        raise InputError(
            f"{prompts.name}: its ids repeat ({prompts.repeated_ids}), and {path} knows prompts by id; name a column "
            "of unique ids by --id_key"
        )
    done = 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        if progress:
            progress(done, log.size)

    step(0)
    matrix, summary = read_trajectories(
        log,
        prompts=None
        if prompts is None
        else Prompts(prompts.ids, prompts.texts, prompts.rest, prompts.full, prompts.id_key is None),
        steps_per_epoch=settings.steps_per_epoch,
        max_epochs=settings.max_epochs,
        options=options,
        workers=workers,
        progress=step,
    )
    if prompts is not None and summary.matching is not None and log.format == "lim":
        keys_P = [matrix.ids[row] if row >= 0 else None for row in summary.matching.rows_P.tolist()]
        said, doubtful = doubt_file(run_of(log), prompts, keys_P) or ("", False)
        if doubtful:
            summary = replace(summary, doubts={**summary.doubts, "other_file": said})
        elif said:
            summary = replace(summary, notes=(*summary.notes, said))
    if settings.max_samples is not None:
        most = int(matrix.counts_P_K.max())
        if settings.max_samples > most:
            asked = f"--max_samples asks for {settings.max_samples}"
            raise InputError(f"{path}: has up to {most} samples per prompt and epoch, {asked}")
        matrix = matrix.first_samples(settings.max_samples)
    return matrix, summary


LEFT = "left the run when it chose its prompts"


def left_rows(matrix: RewardMatrix, summary: LogSummary) -> list[int]:
    """Rows of prompts that a choice inside the run left out, and that it did not take again: they are not missing."""
    epochs = matrix.epochs
    last_P = epochs - (matrix.counts_P_K > 0)[:, ::-1].argmax(axis=1)
    return np.flatnonzero((last_P < epochs) & np.isin(last_P, summary.left_after)).tolist()


class OneEpoch(InputError):
    """The log has one epoch, and the strategy compares epochs."""


def score_matrix(
    matrix: RewardMatrix, settings: Settings, said: Sequence[str] = ()
) -> tuple[Floats, Floats, list[str | None]]:
    """(scores, average curve, reasons for no score) of a log's matrix under resolved settings.

    Raises OneEpoch where it has one epoch and the strategy compares epochs; `said` of the log may tell why.
    """
    if matrix.epochs < 2 and settings.row.needs == "epochs":
        any_log = listed([name for name, row in STRATEGIES.items() if row.needs == "log"])
        raise OneEpoch(
            f"the log has one epoch: --strategy {settings.strategy} compares epochs and needs at least two "
            f"({any_log} works from one){''.join(f'; {text}' for text in said if text)}"
        )
    accuracy, min_epochs = settings.metric == "accuracy", settings.min_epochs or 1
    if min_epochs > matrix.epochs:
        has = f"the log has {matrix.epochs} epoch{'s' * (matrix.epochs != 1)}"
        raise InputError(f"--min_epochs {min_epochs}: {has}")
    rates_P_K, _ = treat_missing(matrix.pass_rates_P_K, settings.missing, min_epochs)
    values_P_K = matrix.pass_rates_P_K if accuracy else matrix.rewards_P_K
    values_P_K, reasons = treat_missing(values_P_K, settings.missing, min_epochs)
    average_K = average_curve(values_P_K)
    score = settings.row.score or pass_rate
    scores_P = score(Trajectories(values_P_K, average_K, rates_P_K, 1.0 if accuracy else settings.max_reward))
    for row in np.flatnonzero(np.isnan(scores_P)):
        reasons[row] = reasons[row] or "average reward is perfect in the epochs in which it was seen"
    return scores_P, average_K, reasons


FEW = 10  # prompts of a group, under which each is a large part of its average


def score_groups(
    matrix: RewardMatrix, settings: Settings, rows_P: NDArray[np.integer], group_of: Sequence[str], absent: str
) -> tuple[Floats, dict[str, Floats], list[str | None]]:
    """(scores, average curve of each group, reasons for no score) where each group has an average of its own.

    `rows_P` are the prompts' rows of the matrix, −1 for those that it lacks. InputError for a group of one prompt.
    """
    scores_P, reasons = np.full(len(rows_P), np.nan), [absent if row < 0 else None for row in rows_P.tolist()]
    averages_K: dict[str, Floats] = {}
    for name in numbered(group_of)[0]:
        at = np.array([index for index, group in enumerate(group_of) if group == name and rows_P[index] >= 0], int)
        rows, place = np.unique(rows_P[at], return_inverse=True)
        if not len(rows):
            continue
        if len(rows) == 1:
            raise InputError(
                f"--group_by {settings.group_by}: '{name}' has one prompt in the log, which is its own average and "
                "would score 1; take a column of larger groups, or give this prompt another value"
            )
        part = matrix.take(rows, [str(row) for row in rows])
        values_P_K, perfect = part.rewards_P_K, settings.max_reward
        if settings.metric == "accuracy":
            values_P_K, perfect = part.pass_rates_P_K, 1.0
        if np.allclose(values_P_K[part.counts_P_K > 0], perfect):
            found: list[str | None] = ["every answer of its group is right: nothing to compare with"] * len(rows)
        else:
            try:
                scores, averages_K[name], found = score_matrix(part, settings)
            except InputError as error:
                raise InputError(f"--group_by {settings.group_by}: '{name}': {error}") from None
            scores_P[at] = scores[place]
        for index, row in zip(at.tolist(), place.tolist(), strict=True):
            reasons[index] = found[row]
    return scores_P, averages_K, reasons


def group_notes(averages_K: dict[str, Floats], group_of: Sequence[str], settings: Settings) -> list[str]:
    """Groups whose average says little: of few prompts, or that hardly moves."""
    few = [f"{name} ({group_of.count(name)})" for name in averages_K if group_of.count(name) < FEW]
    perfect = settings.max_reward if settings.metric == "reward" else 1.0
    flat = [name for name, curve_K in averages_K.items() if float(np.ptp(curve_K)) < HARDLY * perfect]
    notes = []
    if few:
        notes.append(f"groups of under {FEW} prompts, each a large part of its own average: {', '.join(few)}")
    if flat:
        said = "groups whose average hardly moves, so that the score says how steady a prompt is"
        notes.append(f"{said}: {', '.join(flat)}")
    return notes


def small_notes(chosen: int, log: LogSummary, logged: int) -> list[str]:
    """That the choice is smaller than the run's batch: a trainer that drops batches that are not full has none left.

    `logged`: prompts of the log. OpenRLHF, which this project's runs train with, uses the last batch.
    """
    if log.format == "lim" or not 0 < chosen < log.step_prompts < logged:
        return []
    prompts, are = (f"{chosen:,} prompts", "are") if chosen > 1 else ("1 prompt", "is")
    return [
        f"{prompts} {are} fewer than a step of this log has ({log.step_prompts:,}): verl and "
        f"TRL drop batches that are not full, and would not train at all; train with batches of at most {prompts}"
    ]


def match_notes(matching: Matching, source: str) -> list[str]:
    """What of the log, or of another source, the prompt file does not have, and what stands around its prompts."""
    found, notes = matching.unmatched, []
    if found:
        notes.append(f"{len(found)} prompts of the {source} are not in the prompt file: {found[0]!r:.80}")
    around = [f"{before!r:.60} … {after!r:.100}" for before, after in matching.wrappers]
    return notes + [f"prompts of the {source} were matched inside {wrapper}" for wrapper in around]


def _notes(matrix: RewardMatrix, average_K: Floats, settings: Settings, scores_L: Floats) -> list[str]:
    notes = note_of_lost(scores_L, matrix.counts_P_K, settings.missing, settings.min_epochs or 1)
    if not settings.row.against_average:
        return notes if settings.needs_log else []
    if int(matrix.counts_P_K.max()) == 1:
        low = float((scores_L < 0).sum() / max(1, (~np.isnan(scores_L)).sum()))
        notes.append(
            f"one sample per prompt and epoch: trajectories jump between right and wrong, so {low:.0%} "
            "of the LIM scores are below 0; sample more often, or choose by --top_k"
        )
    flat = float(np.ptp(average_K))
    if flat < HARDLY * (settings.max_reward if settings.metric == "reward" else 1.0):
        notes.append(
            f"the average moves by {flat:.2g} over the epochs: the score then says how steady a prompt's reward is, "
            "not whether it rose along; choose by --strategy uncertainty, or train longer"
        )
    return notes


def _notes_on_ties(scores_P: Floats, chosen_P: Mask, settings: Settings) -> list[str]:
    """That the order of the prompt file, and not the score, decided."""
    if settings.row.count_flag != "top_k" or settings.row.score is None or settings.top_k is None:
        return []
    scores_P = settled(scores_P)
    edge = scores_P[chosen_P].min()
    tied_P = scores_P == edge
    if not (tied_P & ~chosen_P).any():
        return []
    taken = int((tied_P & chosen_P).sum())
    return [
        f"{int(tied_P.sum()):,} prompts have the score at the edge, {edge:.3g}; the order of the prompt file decides "
        f"which {taken:,} of them are chosen"
    ]


HARDLY = 0.02  # of the perfect reward
