"""The selection strategies, one row each, and the settings of a selection.

To add a strategy, write its formula in `scores` and add a row to `ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Any, Literal

import numpy as np

from lim import scores
from lim.choose import (
    Floats,
    Mask,
    choose_above,
    choose_band,
    choose_diverse,
    choose_random,
    choose_top,
    choose_top_of_each,
)
from lim.logs.doubts import KINDS
from lim.logs.formats import FORMATS, Columns, ReadOptions
from lim.logs.missing import RULES, Missing
from lim.utils.cli import did_you_mean, whole
from lim.utils.errors import InputError


@dataclass(frozen=True)
class Trajectories:
    """What a score is computed from: a log's prompts by epoch; NaN where a prompt was not seen."""

    rewards_P_K: Floats  # of the chosen metric
    average_K: Floats
    pass_rates_P_K: Floats
    max_reward: float


SCORE_FLAGS = ("similarity_threshold", "top_k")


@dataclass(frozen=True)
class Strategy:
    """A strategy: its score, what it needs, and the flags that say what to keep, of which it takes one."""

    name: str
    label: str  # of the score, in figures and on the page
    score: Callable[[Trajectories], Floats] | None  # None: the distance to the texts chosen before, farthest first
    needs: Literal["epochs", "log", "prompts"]  # a log of several epochs, any log, or the prompt file alone
    flags: tuple[str, ...] = SCORE_FLAGS
    default: Any = None  # value of the first flag where none is given
    within: tuple[str, ...] = ()  # flags that say among which prompts of a log to choose
    takes_scores: bool = False  # whether a scores file can replace the log
    against_average: bool = False  # whether the score is a distance from the average curve

    @property
    def shown_flags(self) -> str:
        return " or ".join(f"--{flag}" for flag in self.flags)

    @property
    def count_flag(self) -> str | None:
        """The flag that asks for a number of prompts, where there is one."""
        return next((flag for flag in self.flags if flag in ("top_k", "num_prompts")), None)


def _lim(given: Trajectories) -> Floats:
    return scores.lim_scores(given.rewards_P_K, given.average_K, given.max_reward)


def pass_rate(given: Trajectories) -> Floats:
    """Mean pass rate: to look at, or to choose a band of."""
    return scores.mean_over_epochs(given.pass_rates_P_K)


def _nearest(given: Trajectories) -> Floats:
    """LIM of the mean pass rates: 1 where a prompt's is that of all prompts together."""
    mean_P_1 = pass_rate(given)[:, None]
    return scores.lim_scores(mean_P_1, scores.average_curve(mean_P_1))


ROWS = (  # the thresholds are the paper's
    Strategy("lim", "LIM score", _lim, "epochs", default=0.6, takes_scores=True, against_average=True),
    Strategy("linear", "LINEAR score (R²)", lambda p: scores.linear_scores(p.rewards_P_K), "epochs", default=0.7),
    Strategy(
        "random", "mean pass rate", pass_rate, "prompts", ("num_prompts",), within=("pass_rates",), takes_scores=True
    ),
    Strategy("variance", "standard deviation over epochs", lambda p: scores.variance_scores(p.rewards_P_K), "epochs"),
    Strategy("uncertainty", "uncertainty, p(1 − p)", lambda p: scores.uncertainty_scores(p.pass_rates_P_K), "log"),
    Strategy("nearest", "nearness of the mean pass rate", _nearest, "log"),
    Strategy("diversity", "distance to the prompts chosen before", None, "prompts", ("top_k",), takes_scores=True),
    Strategy("difficulty", "mean pass rate", pass_rate, "log", ("pass_rates",), default=(0.2, 0.8)),
    Strategy("ids", "mean pass rate", pass_rate, "prompts", ("ids_path",), takes_scores=True),
)
STRATEGIES = {row.name: row for row in ROWS}


def comparing_epochs() -> list[str]:
    """Names of the strategies that compare epochs."""
    return [name for name, strategy in STRATEGIES.items() if strategy.needs == "epochs"]


@dataclass(frozen=True)
class Settings:
    """How to choose. Names are those of the command line's flags; docs/method.md explains them."""

    strategy: str = "lim"
    similarity_threshold: float | None = None
    top_k: int | None = None
    num_prompts: int | None = None
    seed: int = 42
    pass_rates: tuple[float, float] | None = None
    ids_path: str | None = None
    group_by: str | None = None
    metric: Literal["reward", "accuracy"] = "reward"
    max_reward: float = 1.0
    missing: Missing = "backfill"
    min_epochs: int | None = None
    steps_per_epoch: int | None = None
    max_epochs: int | None = None
    max_samples: int | None = None
    format: str = "auto"
    reward_column: str | None = None
    prompt_column: str | None = None
    id_column: str | None = None
    step_column: str | None = None
    epoch_column: str | None = None
    tokenizer: str | None = None
    skip_bad_files: bool = False
    allow: tuple[str, ...] = ()  # kinds of `lim.logs.doubts`

    @property
    def needs_log(self) -> bool:
        """Whether the choice depends on a log (`lim` can do with its scores)."""
        return self.row.needs != "prompts" or bool(self.row.within and self.pass_rates)

    @property
    def row(self) -> Strategy:
        """The strategy. InputError for a name that is not in the table."""
        if self.strategy not in STRATEGIES:
            near = did_you_mean(self.strategy, STRATEGIES)
            raise InputError(f"--strategy {self.strategy}: not one of {', '.join(STRATEGIES)}{near}")
        return STRATEGIES[self.strategy]

    def log_flags(self) -> list[str]:
        """Flags that are given and say how a log is read or scored."""
        names = [field.name for field in fields(self)]
        of_log = [name for name in names[names.index("metric") :] if name not in ("skip_bad_files", "allow")]
        return [name for name in of_log if getattr(self, name) != getattr(Settings, name)]

    def reading(self, *, keep_samples: bool) -> ReadOptions:
        """How the log is read."""
        columns = Columns(self.prompt_column, self.id_column, self.step_column, self.epoch_column)
        return ReadOptions(self.reward_column, keep_samples, self.skip_bad_files, columns, self.allow, self.tokenizer)

    def resolved(self) -> Settings:
        """These settings with the strategy's defaults. Raises InputError for settings that contradict each other."""
        if self.ids_path is not None and self.strategy == Settings.strategy:
            return replace(self, strategy="ids").resolved()
        row, name = self.row, self.strategy
        keeping = {"similarity_threshold": self.similarity_threshold, "top_k": self.top_k}
        keeping |= {"num_prompts": self.num_prompts, "pass_rates": self.pass_rates, "ids_path": self.ids_path}
        given = [flag for flag, value in keeping.items() if value is not None and flag not in row.within]
        for flag in given:
            if flag not in row.flags:
                takers = [other for other in STRATEGIES.values() if flag in (*other.flags, *other.within)]
                users = ", ".join(other.name for other in sorted(takers, key=lambda other: flag in other.within))
                raise InputError(f"--{flag} is for --strategy {users}; {name} takes {row.shown_flags}")
        if len(given) > 1:
            raise InputError(f"give {row.shown_flags}, not both")
        if not given and row.default is None:
            raise InputError(f"--strategy {name} needs {row.shown_flags}")
        if self.group_by is not None and not row.against_average:
            users = ", ".join(other.name for other in STRATEGIES.values() if other.against_average)
            raise InputError(f"--group_by is for --strategy {users}; {name} compares with no average curve")
        if self.epoch_column is not None and self.steps_per_epoch is not None:
            raise InputError("give --epoch_column or --steps_per_epoch, not both: each says which epoch a step is of")
        if self.id_column is not None and self.prompt_column is not None:
            raise InputError("give --id_column or --prompt_column, not both: each says which prompt a row is of")
        defaults: dict[str, Any] = {} if given else {row.flags[0]: row.default}
        if self.min_epochs is None:
            defaults["min_epochs"] = 2 if self.missing == "observed" and row.needs == "epochs" else 1
        settings = replace(self, **defaults)
        for flag, value in vars(settings).items():
            if flag in WHOLE and value is not None and value < (least := int(flag != "seed")):
                raise InputError(f"--{flag} {value}: needs at least {least}")
            if isinstance(value, float) and not isfinite(value):
                raise InputError(f"--{flag} {value}: is not a finite number")
        if settings.pass_rates and not 0 <= settings.pass_rates[0] <= settings.pass_rates[1] <= 1:
            raise InputError("--pass_rates {:g} {:g}: needs 0 ≤ low ≤ high ≤ 1".format(*settings.pass_rates))
        return settings

    def choose(
        self,
        scores_P: Floats,
        texts: Sequence[str] = (),
        eligible_P: Mask | None = None,
        group_of: Sequence[str] | None = None,
    ) -> tuple[Mask, Floats]:
        """(chosen, scores to report) under resolved settings. By default, prompts with a score are eligible.

        `group_of` has each prompt's group under `group_by`, of whose `top_k` each then gets its share.
        """
        if self.num_prompts is not None:  # from the complete prompt file, as the paper's RAND does
            among_P = choose_band(scores_P, *self.pass_rates) if self.pass_rates else np.ones(len(scores_P), bool)
            return choose_random(among_P, self.num_prompts, self.seed), scores_P
        if self.pass_rates is not None:
            return choose_band(scores_P, *self.pass_rates), scores_P
        if self.similarity_threshold is not None:
            return choose_above(scores_P, self.similarity_threshold), scores_P
        assert self.top_k is not None
        if self.row.score is None:
            return choose_diverse(texts, ~np.isnan(scores_P) if eligible_P is None else eligible_P, self.top_k)
        if group_of is not None:
            return choose_top_of_each(scores_P, self.top_k, group_of), scores_P
        return choose_top(scores_P, self.top_k), scores_P

    def in_words(self) -> str:
        """Strategy and rule: lim, score ≥ 0.6."""
        return f"{self.strategy}, {self.rule()}"

    def rule(self) -> str:
        """How the choice is made, in a few words: score ≥ 0.6."""
        if self.ids_path is not None:
            return f"listed in {self.ids_path}"
        if self.num_prompts is not None:
            among = ", {:g} ≤ pass rate ≤ {:g}".format(*self.pass_rates) if self.pass_rates else ""
            return f"drawn with seed {self.seed}{among}"
        if self.pass_rates is not None:
            return "{:g} ≤ pass rate ≤ {:g}".format(*self.pass_rates)
        by_group = "" if self.group_by is None else f" by {self.group_by}"
        return f"top {self.top_k:,}{by_group}" if self.top_k is not None else f"score ≥ {self.similarity_threshold:g}"


WHOLE = {field.name for field in fields(Settings) if field.type in ("int", "int | None")}


def add_log_flags(add: Callable[..., Any]) -> None:
    """The flags of `Settings` that say how a log is read; `add` is a parser's or a group's `add_argument`."""
    add(
        "--format",
        default="auto",
        choices=["auto", *FORMATS],
        help="the log's format (default: detected; docs/logs.md)",
    )
    add("--reward_column", help="column of the reward; several are summed: accuracy,0.1*format")
    add("--prompt_column", help="logs of unknown trainers: column of the prompt (text or messages)")
    add("--id_column", help="… of the prompt's id in the prompt file")
    add("--step_column", help="… of the training step (default: the number in the file's name)")
    add("--epoch_column", help="… of the epoch, where the log has one")
    add("--tokenizer", metavar="FOLDER", help="open-instruct, whose prompts are token ids: the trained model's")
    add("--steps_per_epoch", type=int, help="steps per epoch, for logs without epochs (default: detected)")
    add("--max_epochs", type=int, help="number of epochs to use, the first ones (default: all complete ones)")
    add("--skip_bad_files", action="store_true", help="skip damaged log files, and say how many")
    allow = "accept input that may be wrong, of this kind (repeatable; docs/logs.md)"
    add("--allow", action="append", default=[], choices=KINDS, help=allow)
    add(
        "--workers",
        type=whole(1),
        help="reading processes or threads (default: one per core for large logs, else none)",
    )


def add_score_flags(add: Callable[..., Any]) -> None:
    """The flags of `Settings` that say how prompts are scored, and which scores are kept."""
    defaults = ", ".join(f"{row.name}: {row.default}" for row in ROWS if row.default and row.flags == SCORE_FLAGS)
    add("--similarity_threshold", type=float, help=f"keep prompts that score at least this ({defaults})")
    add("--top_k", type=int, help="keep the K highest-scoring prompts instead", metavar="K")
    add(
        "--metric",
        default="reward",
        choices=["reward", "accuracy"],
        help="trajectory of mean rewards (default) or pass rates",
    )
    add("--max_reward", type=float, default=1.0, help="perfect reward, the 1 in LIM's formula (default: 1)")
    missing = "an epoch in which a prompt was not seen: takes the next one's value (default), or is skipped"
    add("--missing", default="backfill", choices=RULES, help=missing)
    add("--min_epochs", type=int, help="score only prompts seen in at least this many epochs")
