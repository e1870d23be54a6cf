"""What runs cost in samples generated, and what accuracy they had reached for it; learning curves.

A run's samples are all that it generated to train on, with those that dynamic filtering discarded and without its
validations'. The accuracy is that of validation, on prompts held out from all arms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lim.logs.reward_log import read_run, step_files
from train.compare.spec import FULL, Comparison
from train.recipe.flags import DEFAULTS
from train.run import progress

LESS = 0.01  # than FULL's final accuracy, that the table asks for
DRAWS = 2000  # of seeds, for an interval
Curve = Mapping[str, Any]


def curve(run_dir: Path) -> dict[str, Any]:
    """A run's learning curve over optimiser steps: mean training reward, and validation accuracy where measured.

    Arms with fewer prompts per step make fewer optimiser steps in each, so steps do not compare: a step makes as many
    as complete train batches fit into its samples. `samples` were generated up to each step.
    """
    recipe = read_run(run_dir)["recipe"]
    train = recipe.get("train", {})
    filtered = recipe.get("algo", {}).get("dynamic_filtering_enable", False)
    made, reward, generated = {0: 0}, {}, {0: 0}
    path = run_dir / progress.NAME
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    events = [json.loads(line) for line in lines]
    told = {event["step"]: event.get("generated", 0) for event in events if event["event"] == "step"}
    for step, file in step_files(run_dir):
        rewards = pq.read_table(file, columns=["reward"])["reward"].to_numpy()
        per_pass = len(rewards) // train.get("batch_size", DEFAULTS["train.batch_size"])
        made[step] = made[max(made)] + per_pass * train.get("max_epochs", DEFAULTS["train.max_epochs"])
        generated[step] = told[step] if filtered else generated[max(generated)] + len(rewards)
        reward[made[step]] = float(np.mean(rewards))
    # A step that was made again was validated again: the last time counts.
    validation = {event["step"]: event["accuracy"] for event in events if event["event"] == "validation"}
    steps = sorted(validation.keys() & made.keys())
    return {
        "steps": list(reward),
        "reward": list(reward.values()),
        "samples": list(generated.values())[1:],
        "validation_steps": [made[step] for step in steps],
        "validation_samples": [generated[step] for step in steps],
        "validation": [validation[step] for step in steps],
    }


def collect(comparison: Comparison, curves: Mapping[str, Mapping[int, Curve]]) -> dict[str, Any]:
    """By arm: samples of each run, of the run it selects from, and until FULL's final accuracy less a point.

    `curves` are the learning curves by arm and seed.
    """
    found = {}
    for arm, by_seed in curves.items():
        seeds = [seed for seed in by_seed if seed in curves[FULL]]
        first = {
            seed: curves[FULL][seed]["samples"][-1] if comparison.selects_from_full(arm) else 0 for seed in seeds
        }
        found[arm] = {
            "samples": [one["samples"][-1] for one in by_seed.values()],
            "first_run": list(first.values()),
            "until": until([by_seed[seed] for seed in seeds], [curves[FULL][seed] for seed in seeds]),
        }
    return found


def until(runs: Sequence[Curve], full: Sequence[Curve]) -> dict[str, Any] | None:
    """Samples after which the mean over seeds first has FULL's final accuracy less `LESS`; None without validation.

    `runs` and `full` are of the same seeds. `low` and `high` bound the 95 % interval over draws of seeds with
    replacement; with one seed there is none. A value of None is one that was not reached.
    """
    if not all(run["validation"] for run in [*runs, *full]):
        return None
    draws = np.random.default_rng(0).integers(0, len(runs), (DRAWS if len(runs) > 1 else 0, len(runs)))
    values = [_reached(runs, full, draw) for draw in [np.arange(len(runs)), *draws]]
    low, high = np.quantile(values[1:], [0.025, 0.975], method="nearest") if len(values) > 1 else (np.inf, np.inf)
    found = {"samples": values[0], "low": low, "high": high}
    return {name: float(value) if np.isfinite(value) else None for name, value in found.items()} | {
        "intervals": len(values) > 1,
        "target": float(np.mean([run["validation"][-1] for run in full])) - LESS,
    }


def _reached(runs: Sequence[Curve], full: Sequence[Curve], draw: np.ndarray) -> float:
    """Samples at which the drawn seeds' mean curve first has the target, between two validations on a line."""
    target = np.mean([full[at]["validation"][-1] for at in draw]) - LESS
    points = min(len(run["validation"]) for run in runs)
    accuracy, samples = (
        np.mean([runs[at][name][:points] for at in draw], axis=0) for name in ("validation", "validation_samples")
    )
    above = np.flatnonzero(accuracy >= target)
    if not len(above):
        return np.inf
    at = above[0]
    if at == 0:
        return float(samples[0])
    share = (target - accuracy[at - 1]) / (accuracy[at] - accuracy[at - 1])
    return float(samples[at - 1] + share * (samples[at] - samples[at - 1]))
