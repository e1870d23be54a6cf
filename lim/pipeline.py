"""The whole selection as one call: log or scores file + prompt file + settings → `Selection`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lim import scores as score_rules
from lim.choose import Floats, Mask, choose_above, choose_band, choose_diverse, choose_random, choose_top
from lim.logs.find import find_log
from lim.logs.read import ReadOptions
from lim.logs.trajectories import LogSummary, RewardMatrix, read_trajectories
from lim.matching import Matching, match_prompts
from lim.missing import Missing, treat_missing
from lim.prompts import prompt_ids
from lim.selection import Selection
from lim.utils.errors import InputError
from lim.utils.files import read_json

STRATEGIES = ("lim", "linear", "random", "variance", "uncertainty", "diversity", "difficulty")
THRESHOLDS = {"lim": 0.6, "linear": 0.7}  # the paper's
NEEDS_EPOCHS = ("lim", "linear", "variance")


@dataclass(frozen=True)
class Settings:
    """How to choose. Names are those of the command line's flags; docs/method.md explains them."""

    strategy: str = "lim"
    similarity_threshold: float | None = None
    top_k: int | None = None
    num_samples: int | None = None
    seed: int = 42
    pass_rates: tuple[float, float] | None = None
    metric: str = "reward"
    max_reward: float = 1.0
    missing: Missing = "backfill"
    min_epochs: int | None = None
    steps_per_epoch: int | None = None
    max_epochs: int | None = None
    max_samples: int | None = None
    format: str = "auto"
    reward_column: str | None = None
    skip_bad_files: bool = False

    def resolved(self) -> Settings:
        """These settings with the strategy's defaults filled in. InputError for ones that contradict."""
        values = asdict(self)
        chosen_by = [name for name in ("similarity_threshold", "top_k") if values[name] is not None]
        if self.strategy not in STRATEGIES:
            raise InputError(f"--strategy {self.strategy}: not one of {', '.join(STRATEGIES)}")
        if self.strategy == "random":
            if self.num_samples is None:
                raise InputError("--strategy random needs --num_samples")
            _refuse(chosen_by, self.strategy, "--num_samples and --seed")
        elif self.num_samples is not None:
            raise InputError(f"--num_samples is for --strategy random; {self.strategy} takes --top_k")
        if self.strategy == "difficulty":
            _refuse(chosen_by, self.strategy, "--pass_rates LOW HIGH")
            low, high = values["pass_rates"] = self.pass_rates or (0.2, 0.8)
            if not 0 <= low <= high <= 1:
                raise InputError(f"--pass_rates {low:g} {high:g}: needs 0 ≤ low ≤ high ≤ 1")
        elif self.pass_rates is not None:
            raise InputError(f"--pass_rates is for --strategy difficulty, not {self.strategy}")
        if self.strategy == "diversity" and chosen_by != ["top_k"]:
            raise InputError("--strategy diversity needs --top_k (and takes no threshold)")
        if self.strategy in ("lim", "linear", "variance", "uncertainty"):
            if len(chosen_by) == 2:
                raise InputError("give --similarity_threshold or --top_k, not both")
            if not chosen_by:
                if self.strategy not in THRESHOLDS:
                    raise InputError(f"--strategy {self.strategy} needs --top_k or --similarity_threshold")
                values["similarity_threshold"] = THRESHOLDS[self.strategy]
        for name in ("top_k", "num_samples", "steps_per_epoch", "max_epochs", "max_samples", "min_epochs"):
            if values[name] is not None and values[name] < 1:
                raise InputError(f"--{name} {values[name]}: needs at least 1")
        if self.min_epochs is None:
            values["min_epochs"] = 2 if self.missing == "observed" and self.strategy in NEEDS_EPOCHS else 1
        return Settings(**values)


def _refuse(flags: list[str], strategy: str, takes: str) -> None:
    if flags:
        raise InputError(f"--{flags[0]} has no meaning for --strategy {strategy}; it takes {takes}")


def select(
    prompts_path: str | Path,
    *,
    log_path: str | Path | None = None,
    scores_path: str | Path | None = None,
    settings: Settings | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Selection:
    """Choose prompts of a prompt file from a run's log, or from a scores file in its place.

    `progress(done, total)` is called in bytes of the log. Raises InputError for input or settings that
    cannot be used. `random` and `diversity` need neither log nor scores.
    """
    settings = (settings or Settings()).resolved()
    if log_path and scores_path:
        raise InputError("give a log (--train_samples_path) or a scores file (--scores_path), not both")
    if not log_path and not scores_path and settings.strategy not in ("random", "diversity"):
        raise InputError(f"--strategy {settings.strategy} needs a log: --train_samples_path, or --scores_path")
    if scores_path and settings.strategy in ("linear", "variance", "uncertainty", "difficulty"):
        raise InputError(f"--scores_path holds scores already; --strategy {settings.strategy} needs a log")
    records = read_json(prompts_path, finite=True)
    ids = prompt_ids(prompts_path, records, need_answer=False)
    if not ids:
        raise InputError(f"{prompts_path}: holds no prompts")
    if not log_path:
        return _without_log(ids, records, scores_path, settings)
    return _from_log(ids, records, log_path, settings, workers, progress)


def _from_log(
    ids: list[str],
    records: list[dict[str, Any]],
    log_path: str | Path,
    settings: Settings,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> Selection:
    log = find_log(log_path, settings.format)
    done = 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        if progress:
            progress(done, log.size)

    if progress:
        progress(0, log.size)
    matrix, summary = read_trajectories(
        log,
        steps_per_epoch=settings.steps_per_epoch,
        max_epochs=settings.max_epochs,
        options=ReadOptions(
            settings.reward_column,
            keep_samples=settings.max_samples is not None,
            skip_bad_files=settings.skip_bad_files,
        ),
        workers=workers,
        progress=step,
    )
    if settings.max_samples is not None:
        most = int(matrix.counts_P_K.max())
        if settings.max_samples > most:
            raise InputError(
                f"{log_path}: holds up to {most} samples a prompt and epoch, --max_samples asks for "
                f"{settings.max_samples}"
            )
        matrix = matrix.first_samples(settings.max_samples)
    texts = [record["prompt"] for record in records]
    matching = match_prompts(ids, texts, matrix.ids, by_id=log.format in ("lim", "one-shot"))
    if (matching.rows_P < 0).all():
        raise InputError(
            f"{log_path}: none of its {len(matrix.ids)} prompts is in the prompt file; the log has "
            f"{matrix.ids[0]!r:.80}, the file id {ids[0]!r:.40} with prompt {texts[0]!r:.80}"
        )
    scores_L, average_K, reasons_L = score_matrix(matrix, settings)
    notes = [*summary.notes, *_notes(matrix, matching, summary, settings, scores_L)]

    rows_P = matching.rows_P
    scores_P = np.where(rows_P >= 0, scores_L[np.maximum(rows_P, 0)], np.nan)
    reasons = [reasons_L[row] if row >= 0 else "not in the log" for row in rows_P]
    chosen_P, scores_P = _choose(texts, scores_P, reasons, settings)
    solved_L = np.nan_to_num(matrix.pass_rates_P_K).max(axis=1) > 0
    unsolved = int((chosen_P & (rows_P >= 0) & ~solved_L[np.maximum(rows_P, 0)]).sum())
    if unsolved and settings.strategy == "lim" and _passes_mean_something(matrix, summary):
        notes.append(
            f"{unsolved:,} of the chosen were never solved in the log: against an average this low LIM lets them in "
            "(docs/method.md)"
        )
    if settings.metric == "accuracy":
        matrix = replace(matrix, rewards_P_K=matrix.pass_rates_P_K, samples_P_K_S=None)
    return Selection(
        ids=ids,
        records=records,
        scores_P=scores_P,
        reasons=reasons,
        chosen_P=chosen_P,
        matrix=matrix.take(rows_P, ids),
        average_K=average_K,
        settings=asdict(settings),
        log=summary,
        unmatched=matching.unmatched,
        matched_by=matching.how,
        notes=notes,
    )


def _passes_mean_something(matrix: RewardMatrix, summary: LogSummary) -> bool:
    """False where passes are guessed (the log's largest reward) and so rare that rewards must be graded ones."""
    share = np.nansum(matrix.pass_rates_P_K * matrix.counts_P_K) / max(1, int(matrix.counts_P_K.sum()))
    return summary.judged or bool(share >= 0.01)


def score_matrix(matrix: RewardMatrix, settings: Settings) -> tuple[Floats, Floats, list[str | None]]:
    """(scores, average curve, reasons for no score) of a log's matrix under resolved settings."""
    if matrix.epochs < 2 and settings.strategy in NEEDS_EPOCHS:
        raise InputError(
            f"the log has one epoch: --strategy {settings.strategy} compares epochs and needs at least two "
            "(uncertainty and difficulty work from one)"
        )
    values_P_K = matrix.pass_rates_P_K if settings.metric == "accuracy" else matrix.rewards_P_K
    values_P_K, reasons = treat_missing(values_P_K, settings.missing, settings.min_epochs or 1)
    average_K = score_rules.average_curve(values_P_K)
    if settings.strategy == "lim":
        perfect = 1.0 if settings.metric == "accuracy" else settings.max_reward
        scores_P = score_rules.lim_scores(values_P_K, average_K, perfect)
    elif settings.strategy == "linear":
        scores_P = score_rules.linear_scores(values_P_K)
    elif settings.strategy == "variance":
        scores_P = score_rules.variance_scores(values_P_K)
    else:
        rates_P_K, _ = treat_missing(matrix.pass_rates_P_K, settings.missing, settings.min_epochs or 1)
        uncertain = settings.strategy == "uncertainty"
        scores_P = score_rules.uncertainty_scores(rates_P_K) if uncertain else score_rules.mean_over_epochs(rates_P_K)
    for row in np.flatnonzero(np.isnan(scores_P)):
        reasons[row] = reasons[row] or "average reward is perfect in the epochs it was seen"
    return scores_P, average_K, reasons


def _choose(texts: list[str], scores_P: Floats, reasons: list[str | None], settings: Settings) -> tuple[Mask, Floats]:
    """(chosen, scores to report) by the strategy."""
    scoreable_P = ~np.isnan(scores_P)
    if settings.strategy == "random":
        assert settings.num_samples is not None
        # The baseline draws from the whole prompt file, as the paper's RAND does.
        return choose_random(np.ones(len(texts), bool), settings.num_samples, settings.seed), scores_P
    if settings.strategy == "diversity":
        assert settings.top_k is not None
        return choose_diverse(texts, scoreable_P, settings.top_k)
    if settings.strategy == "difficulty":
        assert settings.pass_rates is not None
        return choose_band(scores_P, *settings.pass_rates), scores_P
    if settings.top_k is not None:
        return choose_top(scores_P, settings.top_k), scores_P
    assert settings.similarity_threshold is not None
    return choose_above(scores_P, settings.similarity_threshold), scores_P


def _without_log(
    ids: list[str], records: list[dict[str, Any]], scores_path: str | Path | None, settings: Settings
) -> Selection:
    texts = [record["prompt"] for record in records]
    matching = Matching(np.arange(len(ids)), [], {})
    scores_P = np.zeros(len(ids))
    reasons: list[str | None] = [None] * len(ids)
    if scores_path:
        keys, scores_L, reasons_L = read_scores(scores_path)
        matching = match_prompts(ids, texts, keys)
        if (matching.rows_P < 0).all():
            raise InputError(
                f"{scores_path}: none of its {len(keys)} prompts is in the prompt file; it has {keys[0]!r:.80}, "
                f"the file id {ids[0]!r:.40} with prompt {texts[0]!r:.80}"
            )
        rows_P = matching.rows_P
        scores_P = np.where(rows_P >= 0, scores_L[np.maximum(rows_P, 0)], np.nan)
        reasons = [reasons_L[row] if row >= 0 else "not in the scores file" for row in rows_P]
    chosen_P, scores_P = _choose(texts, scores_P, reasons, settings)
    if not scores_path and settings.strategy == "random":
        scores_P = np.full(len(ids), np.nan)
        reasons = ["a random draw has no score" for _ in ids]
    return Selection(
        ids=ids,
        records=records,
        scores_P=scores_P,
        reasons=reasons,
        chosen_P=chosen_P,
        matrix=None,
        average_K=None,
        settings=asdict(settings),
        unmatched=matching.unmatched,
        matched_by=matching.how,
        notes=_unmatched_note(matching, "scores file"),
    )


def read_scores(path: str | Path) -> tuple[list[str], Floats, list[str | None]]:
    """(ids or prompts, scores, reasons) of a scores file: a list of `{id or prompt, score or null, …}`."""
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise InputError(f"{path}: not a list of {{prompt, score}}")
    keys: list[str] = []
    scores = np.full(len(rows), np.nan)
    reasons: list[str | None] = []
    for number, row in enumerate(rows, 1):
        name = "id" if isinstance(row, dict) and "id" in row else "prompt"
        if not isinstance(row, dict) or name not in row or "score" not in row:
            raise InputError(f"{path}: row {number} is not {{id or prompt, score}}")
        score = row["score"]
        if score is not None and (isinstance(score, bool) or not isinstance(score, int | float) or score != score):
            raise InputError(f"{path}: row {number}: score is {score!r:.40}, not a number or null")
        keys.append(str(row[name]))
        scores[number - 1] = np.nan if score is None else score
        reasons.append(None if score is not None else str(row.get("reason") or "no score in the scores file"))
    if len(set(keys)) < len(keys):
        seen: set[str] = set()
        twice = next(number for number, key in enumerate(keys, 1) if key in seen or seen.add(key))
        raise InputError(f"{path}: row {twice} repeats {keys[twice - 1]!r:.80}; a prompt can have one score")
    return keys, scores, reasons


def _unmatched_note(matching: Matching, where: str) -> list[str]:
    if not matching.unmatched:
        return []
    return [
        f"{len(matching.unmatched)} prompts of the {where} are not in the prompt file: {matching.unmatched[0]!r:.80}"
    ]


def _notes(
    matrix: RewardMatrix, matching: Matching, summary: LogSummary, settings: Settings, scores_L: Floats
) -> list[str]:
    notes = _unmatched_note(matching, "log")
    for before, after in matching.wrappers:
        notes.append(f"prompts of the log were matched inside {before!r:.60} … {after!r:.100}")
    if settings.strategy != "lim":
        return notes
    if int(matrix.counts_P_K.max()) == 1:
        low = float((scores_L < 0).sum() / max(1, (~np.isnan(scores_L)).sum()))
        notes.append(
            f"one sample a prompt and epoch: trajectories jump between right and wrong, so {low:.0%} "
            "of the LIM scores are below 0; sample more often, or choose by --top_k"
        )
    if settings.metric == "reward" and summary.max_reward > settings.max_reward + 1e-6:
        notes.append(
            f"the log's largest reward is {summary.max_reward:g}, LIM's formula takes {settings.max_reward:g} "
            f"as perfect: give --max_reward {summary.max_reward:g}, or --metric accuracy"
        )
    return notes
