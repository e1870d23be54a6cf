"""Whether all stages of a comparison can begin: each training's recipe, each choice's settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

from eval import settings
from lim.strategies import STRATEGIES, Settings
from lim.utils.errors import InputError
from lim.utils.makers import how_to_make
from lim.utils.paths import ROOT
from lim.utils.typed import convert
from train.compare import plan
from train.compare.spec import FULL, Comparison
from train.recipe import recipe
from train.recipe.recipe import Recipe

FLAGS = {item.name for item in fields(Settings)}


@contextmanager
def naming(where: str) -> Iterator[None]:
    """InputErrors of the block with `where` before them."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def need_prompts(comparison: Comparison) -> None:
    """Raise InputError where the pool's file is not there and no stage makes it."""
    made = [output for item in comparison.prepare for output in item.outputs]
    if comparison.prompts not in made and not (ROOT / comparison.prompts).exists():
        raise InputError(f"prompts={comparison.prompts}: no such file{how_to_make(comparison.prompts)}")


def check(path: str, comparison: Comparison, jobs: int = 1) -> None:
    """Raise InputError for what would end, or spoil, a stage hours later; `jobs` of them run side by side."""
    for name in (comparison.name, *comparison.selections):
        if not re.fullmatch(r"\w[\w.+-]*", name):
            raise InputError(
                f"{path}: the name '{name}': use letters, digits and . _ + - only; it names runs' folders"
            )
    known = settings.load().choose(comparison.benchmarks)
    if comparison.headline not in known:
        raise InputError(f"{path}: headline is '{comparison.headline}', none of its benchmarks ({', '.join(known)})")
    for arm in comparison.arms:
        with naming(f"{path}: {'FULL' if arm == FULL else f'selections.{arm}'}"):
            if not comparison.on_all(arm):
                check_choice(comparison, arm)
            chosen = recipe_of(comparison, arm)
        if jobs > 1 and chosen.run.device == "gpu" and not os.environ.get("RAY_ADDRESS"):
            raise InputError(
                f"--jobs {jobs}: without RAY_ADDRESS each training starts a Ray of its own, and all of them take the "
                "same GPUs; start one Ray (bash scripts/ray_cluster.sh head) and set RAY_ADDRESS to its address"
            )
        starts = str(chosen.get("actor.model_name_or_path"))
        if arm == FULL and starts != comparison.base_model:
            raise InputError(
                f"{path}: base_model is {comparison.base_model}, and the trainings start from {starts} "
                "(actor.model_name_or_path of their recipe); make them the same"
            )


def check_choice(comparison: Comparison, arm: str) -> None:
    """Raise InputError for flags of lim_selection.py that it would not take."""
    options = comparison.selections[arm]
    flags = {"num_prompts" if key == "num_samples" else key: value for key, value in options.items()}
    if flags.get("size") is not None:
        flags[str(STRATEGIES[flags["strategy"]].count_flag)] = 1  # known when the other choice is made
    convert({key: value for key, value in flags.items() if key in FLAGS}, Settings).resolved()


def recipe_of(comparison: Comparison, arm: str) -> Recipe:
    """The recipe of an arm's trainings. InputError where it cannot be."""
    _, script, *changes = plan.train(comparison, arm, comparison.seeds_of(arm)[0]).command
    name = comparison.pool if str(script).endswith("train_math.8k.sh") else f"{comparison.pool}.{arm}"
    texts = [str(change()) if callable(change) else str(change) for change in changes]
    texts = [f"{text.partition('=')[0]}=1" if "=<" in text else text for text in texts]  # a size not known yet
    return recipe.load(name, *recipe.split(texts))
