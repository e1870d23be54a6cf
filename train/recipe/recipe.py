"""A recipe: YAML files and `key=value` merged, checked, and turned into OpenRLHF's flags.

Nested keys are OpenRLHF's own flags (`actor: {adam: {lr: 5.0e-7}}` is `--actor.adam.lr 5e-07`); the `run:` block
(`RunConfig`) is this project's. A file may say `extends: other.yaml` (or a list); it is laid over what it extends.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eval.verifiers import VERIFIERS, registry
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.paths import shown
from lim.utils.typed import convert
from train.recipe import choice
from train.recipe.choice import ChoiceConfig, Positive
from train.recipe.files import dotlist, find, first_line, is_overlay, parts
from train.recipe.flags import DEFAULTS, OWNED, REFUSED, check_values
from train.run.environment import REWARDS

HINT = "settings are written key=value; --help lists the flags"  # after an unknown flag
NotNegative = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]  # the largest seed that NumPy takes


@dataclass(frozen=True)
class RunConfig:
    """The `run:` block: this project's own settings."""

    name: str  # the run's folder under output_dir
    prompt_file: str
    epochs: Positive
    prompt_key: str | None = None  # columns of prompt_file and val_file where their layout does not say them
    answer_key: str | None = None
    id_key: str | None = None
    split: str | None = None  # of a set with several; default: train
    config: str | None = None  # of a set of the hub
    revision: str | None = None
    val_split: str | None = None  # of val_file
    expect_prompts: int | None = None  # stands in for the prompt file in a dry run without it
    val_file: str | None = None  # validation prompts; any of them in the prompt file are held out of training
    val_size: Positive | None = None  # this many prompts of val_file, always the same ones; null: all
    bad_labels: Literal["refuse", "drop"] = "refuse"  # of prompts whose answer is empty or cannot be graded
    drop_ids: str | None = None  # file of ids not to train on, such as data.audit --write_ids makes
    # lenient drops the release's rules on how a response looks: five boxes, garbled, repeated (docs/grading.md)
    format_rules: Literal["release", "lenient"] = "release"
    # docs/verifiers.md: what scores prompts that name no verifier; your own by name, as path/to/file.py:function
    verifier: str = "math"
    verifiers: dict[str, str] = field(default_factory=dict)
    rewards: dict[str, float] = field(default_factory=dict)  # of correct, incorrect, malformed; default: the paper's
    part_credit: bool = False  # a score between 0 and 1 gives a reward between incorrect and correct
    system_prompt: str | None = None
    output_dir: str = "data/output"
    seed: NotNegative = 1
    epoch_prompts: Positive | None = None  # a smaller prompt file gets as many optimiser steps as so many would
    select: ChoiceConfig | None = None  # a choice of prompts inside the run (train/recipe/choice.py)
    optimizer_steps: Positive | None = None  # end after so many, in however many epochs; null: after `epochs`
    warmup_steps: NotNegative = 0  # optimiser steps
    keep_checkpoints: Positive = 3  # Hugging Face folders kept, beside the best and the last
    log_responses: bool = True
    resume: bool = False
    device: Literal["gpu", "cpu"] = "gpu"  # cpu: OpenRLHF on logical GPUs
    # of the model, for the memory and disk it needs where its files are not here
    parameters: Annotated[float, msgspec.Meta(gt=0)] | None = None
    shape: dict[str, int] | None = None  # what its config.json says of it (train/recipe/model.py: Shape), likewise
    gpu_memory: Annotated[float, msgspec.Meta(gt=0)] = 80.0  # GiB of each GPU, that the plan must fit
    seconds_per_step: Annotated[float, msgspec.Meta(gt=0)] | None = None  # measured, for the estimate in the plan
    gpu_flops: Annotated[float, msgspec.Meta(gt=0)] | None = None  # or: FLOP per second a GPU reaches in training
    gpu_tokens: Annotated[float, msgspec.Meta(gt=0)] | None = None  # and tokens per second it generates


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. `flags` maps OpenRLHF's flag names to values, without those that `train.launch` sets."""

    run: RunConfig
    flags: dict[str, Any]
    merged: dict[str, Any]
    flags_checked: bool
    sources: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)  # as given: the recipe, +overlays and key=value

    def get(self, name: str) -> Any:
        """A flag's value, or OpenRLHF's default."""
        value = self.flags.get(name)
        return DEFAULTS.get(name) if value is None else value


def load(recipe: str, overlays: Sequence[str] = (), overrides: Sequence[str] = ()) -> Recipe:
    """Merge a recipe, overlays (in order) and `key=value` strings (last), and check the result.

    Raises InputError for a file that is not there or not YAML, an unknown key (with the nearest known one), a value
    of the wrong type, or a flag that only `train.launch` sets.
    """
    paths = [find(recipe), *map(find, overlays)]
    if is_overlay(paths[0]):
        raise InputError(f"{recipe}: is an overlay, not a recipe; give it after one, as in math.8k +{paths[0].stem}")
    merged = OmegaConf.merge(*(part for path in paths for part in parts(path)), dotlist(overrides))
    try:
        values = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(f"{paths[0]}: {first_line(error)}") from None
    assert isinstance(values, dict)
    try:
        run = run_config(values.pop("run", {}), str(paths[0]))
    except InputError as error:
        raise InputError(_of_its_source(str(error), paths, overrides)) from None
    flags = dict(flatten(values))
    check_values(flags, run.device)
    parser = openrlhf_parser()
    if parser is not None:
        check_flags(parser, flags)
    merged_values = {"run": {item.name: getattr(run, item.name) for item in fields(RunConfig)}, **values}
    if run.select is not None:
        merged_values["run"]["select"] = choice.as_dict(run.select)
    given = [recipe, *(f"+{name}" for name in overlays), *overrides]
    return Recipe(run, flags, merged_values, parser is not None, [shown(path.resolve()) for path in paths], given)


def _of_its_source(message: str, paths: list[Path], overrides: Sequence[str]) -> str:
    """`recipe: key: …` with the overlay that the key stands in, or without a file if it is of the command line."""
    text = message.removeprefix(f"{paths[0]}: ")
    key = re.match(r"run[\w.]*", text)
    if (
        text == message
        or key is None
        or any(re.match(rf"{re.escape(key[0])}\b", item.replace("-", "_")) for item in overrides)
    ):
        return text
    having = [path for path in paths if any(OmegaConf.select(part, key[0]) is not None for part in parts(path))]
    return f"{(having or paths)[-1 if having else 0]}: {text}"


def over(chosen: Recipe, *changes: str) -> Recipe:
    """The recipe with further `+overlay` and `key=value` changes."""
    return load(chosen.changes[0], *split([*chosen.changes[1:], *changes]))


def split(changes: Sequence[str]) -> tuple[list[str], list[str]]:
    """(overlays, overrides) of `+overlay` and `key=value` arguments."""
    overlays = [change[1:] for change in changes if change.startswith("+")]
    return overlays, [change for change in changes if not change.startswith("+")]


def run_config(values: Any, path: str) -> RunConfig:
    """The `run:` block of a recipe, or of the run.json it was recorded in. InputError as for `load`."""
    select = values.get("select") if isinstance(values, dict) else None
    if select is not None:
        values = {**values, "select": convert(select, ChoiceConfig, path, "run.select.")}
    run = convert(values, RunConfig, path, "run.")
    if run.select is not None:
        run.select.check(run.seed)
    if not re.fullmatch(r"[\w][\w.+-]*", run.name):
        raise InputError(f"run.name={run.name}: use letters, digits and . _ + - only; it names the run's folder")
    if run.val_size is not None and run.val_file is None:
        raise InputError(
            f"run.val_size={run.val_size}: run.val_file says which file to hold out from, and is not set"
        )
    known = VERIFIERS | registry.own(run.verifiers, "run.verifiers")
    registry.named(run.verifier, known, "run.verifier")
    for name in run.rewards.keys() - REWARDS.keys():
        near = did_you_mean(name, REWARDS)
        raise InputError(f"run.rewards.{name}: unknown key{near}; there are {', '.join(REWARDS)}")
    rewards = REWARDS | run.rewards
    if not all(map(math.isfinite, rewards.values())) or not (
        rewards["correct"] > rewards["incorrect"] >= rewards["malformed"]
    ):
        shown = ", ".join(f"{name} {value:g}" for name, value in rewards.items())
        raise InputError(f"run.rewards: {shown}: needs correct above incorrect, and malformed not above incorrect")
    return run


def flatten(values: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flatten(value, f"{name}.")
        else:
            yield name, value


def to_arguments(flags: dict[str, Any]) -> list[str]:
    """Flags as a command line: null and false are skipped, true is the flag alone, a list its values."""
    arguments: list[str] = []
    for name, value in flags.items():
        if value is None or value is False:
            continue
        arguments.append(f"--{name}")
        if value is not True:
            arguments.extend(map(str, value if isinstance(value, list) else [value]))
    return arguments


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (as OpenRLHF reads it)")


def openrlhf_parser() -> argparse.ArgumentParser | None:
    """The parser of the installed OpenRLHF's PPO command, or None where OpenRLHF is not installed.

    It is built under `if __name__ == "__main__"` and cannot be imported; the statements that build it are taken from
    the module's source and run by themselves, which needs neither torch nor ray.
    """
    spec = importlib.util.find_spec("openrlhf")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "cli" / "train_ppo_ray.py"
    statements: list[ast.stmt] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            statements = node.body
    ends = [i for i, node in enumerate(statements) if "parse_args(" in ast.unparse(node)]
    if not ends:
        raise InputError(f"{path}: its argument parser is not where it was in 0.11.2; install the pinned OpenRLHF")
    scope: dict[str, Any] = {"argparse": argparse, "datetime": datetime}
    exec(compile(ast.Module(statements[: ends[0]], []), str(path), "exec"), scope)
    parser = scope["parser"]
    parser.__class__ = _Parser
    parser.allow_abbrev = False
    return parser


def check_flags(parser: argparse.ArgumentParser, flags: dict[str, Any]) -> argparse.Namespace:
    """Parse flags as OpenRLHF would. Raises InputError for an unknown flag (with the nearest) or a bad value."""
    known = {name[2:]: action for name, action in parser._option_string_actions.items() if name.startswith("--")}
    for name, value in flags.items():
        action = known.get(name)
        if action is None:
            raise InputError(f"{name}: unknown key, not a flag of OpenRLHF{_meant(name, value, known, flags)}")
        if value is False and action.default is True:
            raise InputError(f"{name}=false: OpenRLHF has it on, and no flag of this name turns it off")
        if isinstance(value, bool) and action.nargs != 0:
            raise InputError(f"{name}={str(value).lower()}: takes a value, not true or false")
        if not isinstance(value, bool) and value is not None and action.nargs == 0:
            raise InputError(f"{name}={value}: is true or false")
    parsed = parser.parse_args(to_arguments(flags))
    for name in flags:
        value = getattr(parsed, known[name].dest)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{name}={value}: is not a finite number")
    return parsed


def _meant(name: str, value: Any, known: dict[str, argparse.Action], flags: dict[str, Any]) -> str:
    """`; did you mean …?`: keys that take such a value before others, and of them those of the recipe first."""
    kinds = {f"run.{item.name}": str(item.type) for item in fields(RunConfig)}
    own = [*kinds, *flags]
    for key, action in known.items():
        if key not in OWNED and key not in REFUSED:
            kinds[key] = "bool" if action.nargs == 0 else getattr(action.type, "__name__", "str")
    fitting = [key for key, kind in kinds.items() if type(value).__name__ in kind.replace("float", "float int")]
    among = ([key for key in fitting if key in own], fitting, kinds)
    return next(filter(None, (did_you_mean(name, keys) for keys in among)), "; --dry_run lists those in use")
