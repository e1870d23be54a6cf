"""A comparison of selections: its file, checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eval import settings
from lim.logs.reward_log import read_run
from lim.strategies import STRATEGIES, Settings
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.paths import ROOT, is_hub_id, shown
from lim.utils.typed import convert
from train.recipe.choice import ChoiceConfig
from train.recipe.files import read_yaml

FULL = "full"
BASE = "base"
Run = tuple[str, int | None]  # arm and seed; the base model, which is not trained here, has none
OWN_KEYS = ("size", "seeds", "log", "label", "settings")  # keys of a selection that are no flags of lim_selection.py
# Those of a choice inside the run, which has `after_epoch`.
INSIDE = tuple(item.name for item in fields(ChoiceConfig))
OPTIONS = (*OWN_KEYS, *(item.name for item in fields(Settings)), "num_samples", "workers", "allow_empty")


@dataclass(frozen=True)
class Prepare:
    """A command that makes what the runs start from."""

    name: str
    title: str
    command: list[str]
    outputs: list[str]
    inputs: list[str] = field(default_factory=list)
    seconds: float = 10.0


@dataclass(frozen=True)
class Comparison:
    """The comparison file (configs/compare/*.yaml), checked. Paths are relative to the project."""

    name: str
    pool: str  # a family of recipes: configs/train/<pool>.yaml is FULL's
    prompts: str
    base_model: str
    benchmarks: list[str]
    headline: str
    seeds: list[int]
    selections: dict[str, dict[str, Any]]
    baseline: str | None = None
    prepare: list[Prepare] = field(default_factory=list)
    overlays: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    train_seconds: float = 240.0
    eval_seconds: float = 20.0  # a model
    keep: str | None = None  # a folder for the figures of evaluated runs, which are not trained again

    @property
    def folder(self) -> Path:
        """Where the comparison keeps its state and results."""
        return ROOT / "data" / "output" / f"compare-{self.name}"

    @property
    def arms(self) -> list[str]:
        """What is trained: FULL and the selections."""
        return [FULL, *self.selections]

    def label(self, arm: str) -> str:
        """An arm's name in tables and figures: its selection's `label`, or FULL, LIMR, RAND, …"""
        return self.selections.get(arm, {}).get("label") or (arm if arm == BASE else arm.upper())

    def seeds_of(self, arm: str) -> list[int]:
        """The seeds an arm is trained with: all, or those its selection names."""
        return self.selections.get(arm, {}).get("seeds") or self.seeds

    def arms_of(self, seed: int) -> list[str]:
        """What is trained with a seed."""
        return [arm for arm in self.arms if seed in self.seeds_of(arm)]

    @property
    def base_folder(self) -> Path | None:
        """The base model's folder; None for a model of the hub (owner/name), which no stage makes."""
        return None if is_hub_id(self.base_model, ROOT) else ROOT / Path(self.base_model).expanduser()

    @property
    def base_results(self) -> Path:
        """Where eval.sh puts the base model's results."""
        name = Path(self.base_model).name if self.base_folder else self.base_model.replace("/", "--")
        return ROOT / "data" / "output" / name / "eval" / "model"

    @property
    def benchmark_files(self) -> list[Path]:
        """The questions of the benchmarks."""
        known = settings.load()
        files = {known.benchmark(name).file for name in known.choose(self.benchmarks)}
        return [settings.DATA / f"{file}.jsonl" for file in sorted(files)]

    def run_name(self, arm: str, seed: int) -> str:
        return f"{self.name}-{arm}-s{seed}"

    def run_dir(self, arm: str, seed: int) -> Path:
        return ROOT / "data" / "output" / self.run_name(arm, seed)

    def figures_of(self, run: Run) -> Path:
        """Where the figures of a run are kept (with `keep`)."""
        arm, seed = run
        return ROOT / str(self.keep) / f"{arm if seed is None else f'{arm}-s{seed}'}.json"

    def is_inside(self, arm: str) -> bool:
        """Whether an arm chooses inside its run."""
        return "after_epoch" in self.selections.get(arm, {})

    def on_all(self, arm: str) -> bool:
        """Whether an arm's run starts with all prompts: FULL, one with other settings, a choice inside the run."""
        return self.is_inside(arm) or "strategy" not in self.selections.get(arm, {})

    def selects_from_full(self, arm: str) -> bool:
        """Whether an arm's choice needs what FULL's log says."""
        options = self.selections.get(arm, {})
        if self.on_all(arm) or "log" in options:
            return False
        row = STRATEGIES[options["strategy"]]
        return row.needs != "prompts" or any(flag in options for flag in row.within)

    def chosen_file(self, arm: str, seed: int) -> Path:
        """The prompts an arm trains on in the end. InputError where its run has not chosen them."""
        if not self.is_inside(arm):
            return self.prompt_file(arm, seed)
        run = self.run_dir(arm, seed)
        choices = read_run(run).get("choices")
        if not choices:
            raise InputError(f"{run}: chose nothing, and selections.{arm} says that it does")
        return run / choices[-1]["file"]

    def prompt_file(self, arm: str, seed: int) -> Path:
        """The prompts an arm's run starts with."""
        if self.on_all(arm):
            return ROOT / self.prompts
        return ROOT / "data" / "prompts" / f"{self.run_name(arm, seed)}.json"


def listed() -> str:
    """The project's comparison files, one per line, each with the first line of its comment."""
    first = {name: (ROOT / name).read_text("utf-8").partition("\n")[0].lstrip("# ") for name in known_files()}
    return "\n".join(f"  {name:{max(map(len, first))}}  {line}" for name, line in first.items())


def known_files() -> list[str]:
    """The paths of the comparison files of the project."""
    return [shown(path) for path in sorted((ROOT / "configs" / "compare").glob("*.yaml"))]


def load(path: str, overrides: Sequence[str] = ()) -> Comparison:
    """Read a comparison (file, or name in configs/compare) and lay `key=value` over it. InputError if it is wrong."""
    if not Path(path).is_file():
        files = {Path(name).stem: name for name in known_files()}
        if path not in files:
            near = did_you_mean(path, files)
            raise InputError(f"{path}: no such comparison{near} (files: {', '.join(files.values())})")
        path = str(ROOT / files[path])
    try:
        parts = read_yaml(path), OmegaConf.from_dotlist(list(overrides))
        for part in parts:
            if "reference" in part:  # the key's old name
                part["baseline"] = part.pop("reference")
        values = OmegaConf.to_container(OmegaConf.merge(*parts), resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    hint = "; settings of the trainings are given as overrides=[key=value]"
    comparison = convert(values, Comparison, path, hint=hint)
    if "seeds" in parts[1]:
        comparison = of_seeds(comparison, parts[1].get("selections") or {})
    check(path, comparison)
    return comparison


def of_seeds(comparison: Comparison, given: Mapping[str, Any]) -> Comparison:
    """The comparison with seeds of the command line: selections that name their own are narrowed to them.

    A selection with none of these seeds is left out. `given`: the keys of selections that came with the seeds; seeds
    among them stand.
    """
    found = {}
    for name, options in comparison.selections.items():
        own = options.get("seeds")
        if isinstance(own, list) and "seeds" not in (given.get(name) or {}):
            own = [seed for seed in own if seed in comparison.seeds]
            options = {**options, "seeds": own}
        if own != []:
            found[name] = options
    return replace(comparison, selections=found, baseline=baseline_of(comparison, found))


def baseline_of(comparison: Comparison, kept: Collection[str]) -> str | None:
    """The baseline, where it is among the selections that are kept; an unknown name stays, to be refused."""
    dropped = comparison.baseline in comparison.selections and comparison.baseline not in kept
    return None if dropped else comparison.baseline


def only(comparison: Comparison, arms: Sequence[str]) -> Comparison:
    """The comparison with these selections, and those that their sizes come from. InputError for an unknown name."""
    wanted: set[str] = set()
    for arm in arms:
        if arm not in comparison.selections:
            raise InputError(
                f"--only {arm}: no such selection with these seeds; there are {', '.join(comparison.selections)}"
            )
        name: str | None = arm
        while name is not None:
            wanted.add(name)
            name = comparison.selections[name].get("size")
    kept = {name: options for name, options in comparison.selections.items() if name in wanted}
    return replace(comparison, selections=kept, baseline=baseline_of(comparison, kept))


def check(path: str, comparison: Comparison) -> None:
    """Raise InputError for a value of the wrong type, and for a comparison that contradicts itself."""
    if not comparison.seeds or len(set(comparison.seeds)) != len(comparison.seeds):
        raise InputError(f"{path}: seeds are {comparison.seeds}; give at least one, each once")
    done: list[str] = []
    for name, options in comparison.selections.items():
        if name in (FULL, BASE):
            raise InputError(f"{path}: a selection cannot be called '{name}'")
        if not isinstance(options, dict) or not {"strategy", "settings"} & options.keys():
            raise InputError(f"{path}: selections.{name} has no 'strategy' (nor 'settings' of a run on all prompts)")
        where = f"{path}: selections.{name}"
        own = options.get("seeds")
        if own is not None and not (isinstance(own, list) and own and all(type(seed) is int for seed in own)):
            raise InputError(f"{where}.seeds={own}: expected a list of seeds ([…])")
        changes = options.get("settings", [])
        if not isinstance(changes, list) or not all(isinstance(one, str) and "=" in one for one in changes):
            raise InputError(f"{where}.settings: not a list of key=value")
        if "strategy" not in options:
            if other := options.keys() - {"settings", "label", "seeds"}:
                raise InputError(f"{where}.{min(other)}: a run on all prompts takes 'settings', 'label' and 'seeds'")
            continue
        strategy = STRATEGIES.get(str(options["strategy"]))
        if strategy is None:
            raise InputError(f"{where}.strategy is '{options['strategy']}', not one of {', '.join(STRATEGIES)}")
        if options.get("size") is not None and strategy.count_flag is None:
            raise InputError(f"{where}.size: {strategy.name} takes {strategy.shown_flags}, not a number")
        known = (*INSIDE, *(key for key in OWN_KEYS if key != "log")) if "after_epoch" in options else OPTIONS
        for key in options:
            if key not in known:
                near = did_you_mean(str(key), known)
                inside = " of a choice inside the run" if known is not OPTIONS else ""
                raise InputError(f"{path}: selections.{name}.{key}: unknown key{inside}{near}")
        if options.get("size") is not None and options["size"] not in done:
            raise InputError(
                f"{path}: selections.{name}.size is '{options['size']}', which is no selection before it"
            )
        needed = options.get("size") or FULL
        for seed in comparison.seeds_of(name):
            if seed not in comparison.seeds_of(needed):
                raise InputError(f"{path}: selections.{name}.seeds has {seed}, with which '{needed}' is not run")
        if "after_epoch" not in options:  # what a run chooses inside is known only when it has
            done.append(name)
    if comparison.baseline is not None and comparison.baseline not in comparison.selections:
        raise InputError(f"{path}: baseline is '{comparison.baseline}', which is no selection")
