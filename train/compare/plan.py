"""The stages of a comparison: what is made, selected, trained and evaluated, in which order and by which commands.

For each seed: FULL → its log → each selection → a run on it with the same number of optimiser steps → evaluation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lim.strategies import STRATEGIES
from lim.utils.files import read_json
from lim.utils.paths import ROOT, shown
from train.compare.pipeline import Stage
from train.compare.spec import BASE, FULL, INSIDE, OWN_KEYS, Comparison, Run

# The scripts a person would use for these selections, where the family of recipes has one; else FULL's.
SCRIPTS = {"limr": "train_limr", "rand": "train_rand", "linear": "train_linear"}


def stages(comparison: Comparison, kept: Collection[Run] = ()) -> list[Stage]:
    """All stages, in an order in which each finds its inputs made, without those of the runs in `kept`."""
    prepared = [
        Stage(
            name=item.name,
            title=item.title,
            command=with_python(item.command),
            outputs=[ROOT / path for path in item.outputs],
            inputs=[ROOT / path for path in item.inputs],
            seconds=item.seconds,
        )
        for item in comparison.prepare
    ]
    return prepared + [stage for seed in comparison.seeds for stage in seed_stages(comparison, seed, kept)]


def seed_stages(comparison: Comparison, seed: int, kept: Collection[Run] = ()) -> list[Stage]:
    """FULL, then each selection chosen and trained, then all of the seed evaluated in one start of the engine.

    With `comparison.keep` each is evaluated when it is trained. A run in `kept` is made again where another needs it.
    """
    arms = [arm for arm in comparison.arms_of(seed) if (arm, seed) not in kept]
    sizes = {comparison.selections.get(arm, {}).get("size") for arm in arms}
    chosen = [arm for arm in comparison.arms_of(seed) if not comparison.on_all(arm) and (arm in arms or arm in sizes)]
    if FULL not in arms and any("log" not in comparison.selections[arm] for arm in chosen):
        arms.insert(0, FULL)
    with_base = seed == comparison.seeds[0] and (BASE, None) not in kept
    found = [evaluate(comparison, [(BASE, None)])] if comparison.keep and with_base else []
    for arm in comparison.arms_of(seed):
        if arm in chosen:
            found.append(choose(comparison, arm, comparison.selections[arm], seed))
        if arm in arms:
            found.append(train(comparison, arm, seed))
            if comparison.keep:
                found.append(evaluate(comparison, [(arm, seed)]))
    runs = [*([(BASE, None)] if with_base else []), *((arm, seed) for arm in arms)]
    return found if comparison.keep or not runs else [*found, evaluate(comparison, runs)]


def choose(comparison: Comparison, arm: str, options: dict[str, Any], seed: int) -> Stage:
    """Select from FULL's log of the same seed, or from the log the selection names."""
    log = ROOT / options["log"] if "log" in options else comparison.run_dir(FULL, seed)
    chosen, strategy = comparison.prompt_file(arm, seed), STRATEGIES[options["strategy"]]
    flags: list[str | Path | Callable[[], str]] = []
    inputs = [ROOT / comparison.prompts, log / "step_*.parquet"]
    for key, value in options.items():
        if key not in OWN_KEYS:
            flags += [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
    if options.get("size") is not None:
        other = comparison.prompt_file(options["size"], seed)
        inputs.append(other)
        flags += [f"--{strategy.count_flag}", partial(count_of, other)]
    if strategy.count_flag == "num_prompts":
        flags += ["--seed", str(seed)]
    return Stage(
        name=f"select-{arm}-s{seed}",
        title=f"{comparison.label(arm)} (seed {seed}): choose the prompts",
        command=with_python(["python", "lim_selection.py", "--train_samples_path", shown(log)])
        + ["--original_prompts_path", comparison.prompts, "--output_path", shown(chosen), *flags]
        + ["--report", shown(comparison.folder / "reports" / f"{arm}-s{seed}")],
        inputs=inputs,
        outputs=[chosen],
        seconds=4,
    )


def count_of(prompt_file: Path) -> str:
    """How many prompts a file holds; in a plan made before the file, a note."""
    return str(len(read_json(prompt_file))) if prompt_file.exists() else f"<as in {shown(prompt_file)}>"


def train(comparison: Comparison, arm: str, seed: int) -> Stage:
    """Train one arm with one seed."""
    run, prompts = comparison.run_dir(arm, seed), comparison.prompt_file(arm, seed)
    options = comparison.selections.get(arm, {})
    inputs = [prompts, *base_inputs(comparison), ROOT / "configs" / "train" / f"{comparison.pool}*.yaml"]
    settings: list[str | Callable[[], str]] = []
    if comparison.is_inside(arm):
        settings += [f"run.select.{key}={listed_value(value)}" for key, value in options.items() if key in INSIDE]
        if options.get("size") is not None:
            other = comparison.prompt_file(options["size"], seed)
            inputs.append(other)
            key = STRATEGIES[options["strategy"]].count_flag
            settings.append(partial(lambda key, other: f"run.select.{key}={count_of(other)}", key, other))
    return Stage(
        name=f"train-{arm}-s{seed}",
        title=f"{comparison.label(arm)} (seed {seed}): train",
        command=[
            "bash",
            f"scripts/{script_of(comparison.pool, arm)}.sh",
            *(f"+{name}" for name in comparison.overlays),
        ]
        + [f"run.name={run.name}", f"run.prompt_file={shown(prompts)}", f"run.seed={seed}"]
        + ["run.expect_prompts=null", "run.resume=true", *comparison.overrides]
        + [*settings, *options.get("settings", [])],
        env={"POOL": comparison.pool},
        inputs=inputs,
        outputs=[run / "final" / "config.json"],
        clears=[run],
        seconds=comparison.train_seconds,
    )


def listed_value(value: Any) -> str:
    """A value as `key=value` has it."""
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def script_of(pool: str, arm: str) -> str:
    """The training script of an arm. Its recipe's prompt file does not matter, since the comparison names its own."""
    own = ROOT / "configs" / "train" / f"{pool}.{arm}.yaml"
    return SCRIPTS[arm] if arm in SCRIPTS and own.exists() else "train_math.8k"


def base_inputs(comparison: Comparison) -> list[Path]:
    """The base model as a stage's input; nothing for one of the hub."""
    return [comparison.base_folder] if comparison.base_folder else []


def evaluation_of(run: Run) -> str:
    """The name of the stage that evaluates one run, or the base model, alone."""
    arm, seed = run
    return f"eval-{arm}" if seed is None else f"eval-{arm}-s{seed}"


def evaluate(comparison: Comparison, runs: Sequence[Run]) -> Stage:
    """Evaluate the last checkpoints of runs of one seed, and of the base model where it is among them."""
    with_base = (BASE, None) in runs
    trained = [comparison.run_dir(arm, seed) for arm, seed in runs if seed is not None]
    base = shown(comparison.base_folder) if comparison.base_folder else comparison.base_model
    results = [run / "eval" / "final" for run in trained] + ([comparison.base_results] if with_base else [])
    seed = max((seed for _, seed in runs if seed is not None), default=None)
    of_seed = "" if seed is None else f" (seed {seed})"
    return Stage(
        name=evaluation_of(runs[0]) if comparison.keep else f"eval-s{seed}",
        title=f"Evaluate {', '.join(comparison.label(arm) for arm, _ in runs)}{of_seed}",
        command=["bash", "eval/eval.sh", *(["--model", base] if with_base else [])]
        + [*(["--run_path", *map(shown, trained), "--step", "final"] if trained else []), "--overwrite"]
        + ["--benchmarks", *comparison.benchmarks],
        inputs=[
            *(run / "final" for run in trained),
            *(base_inputs(comparison) if with_base else []),
            *comparison.benchmark_files,
        ],
        outputs=[folder / "results.json" for folder in results],
        seconds=comparison.eval_seconds * len(results),
    )


def with_python(command: Sequence[str]) -> list[Any]:
    """A command whose leading `python` is this interpreter."""
    return [shown(Path(sys.executable)) if command[0] == "python" else command[0], *command[1:]]
