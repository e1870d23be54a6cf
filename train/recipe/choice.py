"""The `run.select` block: a choice of prompts inside a run, and what it makes of the run's epochs and steps.

After epoch `after_epoch` the trainer scores its log so far, as lim_selection.py does, and continues with the chosen
prompts only (train/ppo/choosing.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from lim.choose import choose_listed
from lim.logs.doubts import KINDS
from lim.logs.missing import Missing
from lim.output import read_ids
from lim.strategies import Settings
from lim.utils.errors import InputError

Positive = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


@dataclass(frozen=True)
class ChoiceConfig:
    """When to choose and for how long to continue; below, lim_selection.py's flags (docs/method.md)."""

    after_epoch: Positive
    every: Positive | None = None  # choose anew after every so many epochs over the chosen prompts
    epochs: Positive | None = None  # over the chosen prompts; null: as many optimiser steps as without a choice

    strategy: str = Settings.strategy
    similarity_threshold: float | None = None
    top_k: int | None = None
    num_prompts: int | None = None
    pass_rates: tuple[float, float] | None = None
    ids_path: str | None = None
    seed: int | None = None  # of a random draw; null: the run's
    metric: Literal["reward", "accuracy"] = "reward"
    max_reward: float = 1.0
    missing: Missing | None = None  # concerns `every` alone: before the first choice no prompt misses an epoch
    min_epochs: int | None = None
    max_samples: int | None = None
    allow: tuple[str, ...] = ()

    def settings(self, run_seed: int) -> Settings:
        """The selection's settings, resolved. InputError, in the recipe's words, where they contradict each other."""
        own = {name: value for name, value in asdict(self).items() if name in SETTINGS}
        own |= {"seed": run_seed if self.seed is None else self.seed, "missing": self.missing or "observed"}
        try:
            return Settings(**own).resolved()
        except InputError as error:
            raise InputError(in_recipe_words(error)) from None

    def count(self) -> int | None:
        """How many prompts will be chosen, where the settings say it."""
        return self.top_k if self.top_k is not None else self.num_prompts

    def check(self, run_seed: int) -> None:
        """Raise InputError for settings that contradict each other, or cannot work on this run's log."""
        settings = self.settings(run_seed)
        if settings.row.needs == "epochs" and self.after_epoch < 2:
            raise InputError(
                f"run.select.after_epoch={self.after_epoch}: {settings.strategy} compares epochs and needs at least "
                "two; choose after epoch 2 or later, or by uncertainty, nearest or difficulty"
            )
        if strange := set(self.allow) - set(KINDS):
            raise InputError(f"run.select.allow: {min(strange)} is not one of {', '.join(KINDS)}")
        if (settings.min_epochs or 1) > self.after_epoch:
            raise InputError(
                f"run.select.min_epochs={settings.min_epochs}: the choice comes after epoch {self.after_epoch}"
            )
        if self.every and self.missing == "backfill":
            raise InputError(
                "run.select.missing=backfill: with run.select.every, prompts that left have no later epochs to fill "
                "from and could never come back; leave it out, and they are scored on the epochs in which they were "
                "seen"
            )

    def due(self, epoch: int) -> bool:
        """Whether a choice comes before `epoch` (from 0) begins."""
        later = epoch - self.after_epoch
        return later == 0 or (self.every is not None and later > 0 and later % self.every == 0)


def in_recipe_words(error: InputError) -> str:
    """A message of lim_selection.py's with the recipe's keys for its flags."""
    text = re.sub(r"--(?!allow)(strategy|\w+(?= -?[\d.])) ", r"run.select.\1=", str(error))
    text = re.sub(r"--allow (\w+)", r"run.select.allow=[\1]", text)
    return re.sub(r"--(\w+)", r"run.select.\1", text)


def check_ids(config: ChoiceConfig, ids: Sequence[str]) -> None:
    """Raise InputError where the file of `ids_path` is not there, or names a prompt that is not trained on."""
    if config.ids_path is not None:
        choose_listed(ids, read_ids(config.ids_path), config.ids_path)


SETTINGS = {item.name for item in fields(Settings)} & {item.name for item in fields(ChoiceConfig)}


def steps_of_epoch(prompts: int, batch: int, samples: int, trained: int, passes: int) -> int:
    """Optimiser steps of one epoch: each step's samples give complete train batches, the remainder none."""
    full, rest = divmod(prompts, batch)
    return (full * (batch * samples // trained) + rest * samples // trained) * passes


class Chosen(NamedTuple):
    """A choice that was made: before which epoch (from 0), and how many prompts it kept."""

    epoch: int
    prompts: int


def epochs_of(
    config: ChoiceConfig, prompts: int, epochs: int, choices: Sequence[Chosen], steps_of: Callable[[int], int]
) -> int:
    """Epochs of a run with these choices: the last one's epochs make up the optimiser steps that are left.

    `epochs` over `prompts` is the run without a choice; `steps_of` gives the optimiser steps of an epoch. Whole
    epochs are made, as for a smaller prompt file (run.epoch_prompts).
    """
    if not choices:
        return epochs
    if config.epochs is not None:
        return config.after_epoch + config.epochs
    left, begun, count = epochs * steps_of(prompts), 0, prompts
    for choice in choices:
        left -= (choice.epoch - begun) * steps_of(count)
        begun, count = choice
    return begun + max(1, round(left / steps_of(count)))


def spans(prompts: int, epochs: int, choices: Sequence[Chosen]) -> list[tuple[int, int]]:
    """(prompts, epochs over them) from one choice to the next, in a run of `epochs` in all."""
    begins = [Chosen(0, prompts), *choices]
    ends = [*(choice.epoch for choice in choices), epochs]
    return [(begin.prompts, end - begin.epoch) for begin, end in zip(begins, ends, strict=True)]


def as_dict(config: ChoiceConfig) -> dict[str, Any]:
    """The block as it is recorded: what differs from the defaults."""
    default = {item.name: item.default for item in fields(ChoiceConfig)}
    found = {name: value for name, value in asdict(config).items() if value != default[name]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
