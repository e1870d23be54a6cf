"""What a comparison found: accuracies by arm and seed, paired differences with their errors, what was selected.

Two things vary: the seed of a training run, and the questions of the test. A difference between two arms is taken
seed by seed on the same questions. `stderr_seeds` is the standard error over seeds (None for one seed);
`stderr_questions` that over questions of the differences averaged over seeds (clustered by question).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import stats

from eval import metrics
from eval.compare import question_means
from lim.errors import InputError
from lim.files import read_json, read_prompts
from lim.provenance import commit, versions
from lim.reward_log import read_run, step_files
from train import progress
from train.comparison import BASE, FULL, Comparison
from train.record import PACKAGES


def collect(comparison: Comparison) -> dict[str, Any]:
    """All results as one JSON object. InputError names the first result that is missing."""
    benchmarks = list(read_json(comparison.base_results / "results.json")["benchmarks"])
    if comparison.headline not in benchmarks:
        raise InputError(f"headline is {comparison.headline!r}, but the benchmarks are {', '.join(benchmarks)}")
    correct = {
        name: {arm: load_arm(comparison, arm, name) for arm in [BASE, *comparison.arms]} for name in benchmarks
    }
    return {
        "name": comparison.name,
        "commit": commit(),
        "packages": versions(PACKAGES),
        "seeds": comparison.seeds,
        "headline": comparison.headline,
        "benchmarks": {name: summarise(comparison, by_arm) for name, by_arm in correct.items()},
        "selections": {arm: selections(comparison, arm) for arm in comparison.arms},
        "curves": {
            arm: [curve(comparison.run_dir(arm, seed)) for seed in comparison.seeds] for arm in comparison.arms
        },
    }


def load_arm(comparison: Comparison, arm: str, benchmark: str) -> np.ndarray:
    """correct_R_Q: share of correct samples by run (one a seed; one in all for the base model) and question."""
    folders = (
        [comparison.base_results]
        if arm == BASE
        else [comparison.run_dir(arm, seed) / "eval" / "final" for seed in comparison.seeds]
    )
    rows = [question_means(folder / f"{benchmark}.graded.jsonl") for folder in folders]
    if any(row.keys() != rows[0].keys() for row in rows):
        raise InputError(f"{folders[0]}: {benchmark} was evaluated on other questions than with other seeds")
    return np.array([[row[id] for id in rows[0]] for row in rows])


def summarise(comparison: Comparison, by_arm: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """One benchmark: accuracy by arm, and each arm against base, FULL and the reference."""
    against = [BASE, FULL, *([comparison.reference] if comparison.reference else [])]
    return {
        "n_questions": next(iter(by_arm.values())).shape[1],
        "accuracy": {arm: accuracy(correct_R_Q) for arm, correct_R_Q in by_arm.items()},
        "differences": {
            other: {
                arm: difference(correct_R_Q, by_arm[other])
                for arm, correct_R_Q in by_arm.items()
                if arm not in (BASE, other)
            }
            for other in against
        },
    }


def accuracy(correct_R_Q: np.ndarray) -> dict[str, Any]:
    """Mean over runs and questions, with both standard errors."""
    by_run = correct_R_Q.mean(axis=1)
    return {"mean": float(by_run.mean()), "by_seed": by_run.tolist(), **errors(by_run, correct_R_Q.mean(axis=0))}


def difference(correct_R_Q: np.ndarray, other_R_Q: np.ndarray) -> dict[str, Any]:
    """Paired difference, seed by seed on the same questions, and the smallest one that could have been seen."""
    differences = correct_R_Q - other_R_Q
    by_run = differences.mean(axis=1)
    found = {"mean": float(by_run.mean()), "by_seed": by_run.tolist(), **errors(by_run, differences.mean(axis=0))}
    return {**found, "detectable": detectable(found["stderr_seeds"], len(by_run))}


def errors(by_run: np.ndarray, by_question: np.ndarray) -> dict[str, float | None]:
    seeds = metrics.estimate(by_run).stderr
    questions = metrics.estimate(by_question).stderr
    return {
        "stderr_seeds": None if math.isnan(seeds) else seeds,
        "stderr_questions": None if math.isnan(questions) else questions,
    }


def detectable(stderr: float | None, runs: int) -> float | None:
    """Smallest true difference that this many seeds show with 80 % power in a two-sided t test at 5 %.

    (t_0.975 + t_0.8) × standard error, with runs − 1 degrees of freedom; None for a single seed.
    """
    if stderr is None or runs < 2:
        return None
    return float((stats.t.ppf(0.975, runs - 1) + stats.t.ppf(0.8, runs - 1)) * stderr)


def selections(comparison: Comparison, arm: str) -> dict[str, Any]:
    """What an arm trained on: sizes, shares by level and source, and how alike its choices are over seeds."""
    chosen = [read_prompts(comparison.prompt_file(arm, seed)) for seed in comparison.seeds]
    ids = [frozenset(row["id"] for row in rows) for rows in chosen]
    overlaps = [len(a & b) / len(a | b) for a, b in combinations(ids, 2) if a | b]
    return {
        "prompts": [len(rows) for rows in chosen],
        "by_level": shares(chosen, "level"),
        "by_source": shares(chosen, "source"),
        "jaccard_over_seeds": float(np.mean(overlaps)) if overlaps and arm != FULL else None,
    }


def shares(chosen: Sequence[Sequence[Mapping[str, Any]]], key: str) -> dict[str, float]:
    """Share of the prompts by a key's value, over all seeds; empty where no prompt has the key."""
    counts = Counter(str(row[key]) for rows in chosen for row in rows if row.get(key) is not None)
    total = sum(counts.values())
    return {value: counts[value] / total for value in sorted(counts)}


def curve(run_dir: Path) -> dict[str, list[float]]:
    """A run's learning curve over optimiser steps: mean training reward, and validation accuracy where measured.

    Arms with fewer prompts a PPO step make fewer optimiser steps in each, so PPO steps do not compare.
    """
    run = read_run(run_dir)
    scale = run["optimizer_steps"] / run["steps"]
    reward = {
        step * scale: float(np.mean(pq.read_table(path, columns=["reward"])["reward"].to_numpy()))
        for step, path in step_files(run_dir)
    }
    validation: dict[int, float] = {}
    path = run_dir / progress.NAME
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        event = json.loads(line)
        if event["event"] == "validation":
            validation[event["step"] * scale] = event["accuracy"]
    steps = sorted(validation)
    return {
        "steps": list(reward),
        "reward": list(reward.values()),
        "validation_steps": steps,
        "validation": [validation[step] for step in steps],
    }
