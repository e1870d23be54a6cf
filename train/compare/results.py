"""What a comparison found: accuracies by arm and seed, paired differences with their errors, what was selected.

Two things vary: the seed of a training run, and the questions of the test. A difference between two arms is taken
seed by seed on the same questions, over the seeds that both have. `stderr_seeds` is the standard error over these
seeds (None for one); with few seeds it is itself a guess. `stderr_pooled` takes the scatter from all trained arms at
once (`blocks`). `stderr_questions` is that over questions of the differences averaged over seeds (clustered by
question).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import stats

from eval import settings
from eval.results import metrics
from eval.results.graded import question_means
from lim.logs.reward_log import read_run, step_files
from lim.prompts import read_prompts
from lim.utils.errors import InputError
from lim.utils.provenance import PACKAGES, commit, versions
from train.compare.spec import BASE, FULL, Comparison
from train.run import progress


def collect(comparison: Comparison) -> dict[str, Any]:
    """All results as one JSON object. InputError names the first result that is missing."""
    # Those of the comparison: other evaluations of the base model may lie beside them.
    benchmarks = settings.load().choose(comparison.benchmarks)
    if comparison.headline not in benchmarks:
        raise InputError(f"headline is {comparison.headline!r}, but the benchmarks are {', '.join(benchmarks)}")
    correct = {
        name: {arm: load_arm(comparison, arm, name) for arm in [BASE, *comparison.arms]} for name in benchmarks
    }
    return {
        "name": comparison.name,
        "commit": commit(),
        "run_commits": sorted(
            {
                str(read_run(comparison.run_dir(arm, seed)).get("commit"))
                for arm in comparison.arms
                for seed in comparison.seeds_of(arm)
            }
        ),
        "packages": versions(PACKAGES),
        "seeds": comparison.seeds,
        "headline": comparison.headline,
        "benchmarks": {name: summarise(comparison, by_arm) for name, by_arm in correct.items()},
        "seeds_of": {arm: comparison.seeds_of(arm) for arm in comparison.arms},
        "selections": {arm: selections(comparison, arm) for arm in comparison.arms},
        "curves": {
            arm: [curve(comparison.run_dir(arm, seed)) for seed in comparison.seeds_of(arm)]
            for arm in comparison.arms
        },
    }


def load_arm(comparison: Comparison, arm: str, benchmark: str) -> np.ndarray:
    """correct_R_Q: share of correct samples by run (one a seed; one in all for the base model) and question."""
    folders = (
        [comparison.base_results]
        if arm == BASE
        else [comparison.run_dir(arm, seed) / "eval" / "final" for seed in comparison.seeds_of(arm)]
    )
    rows = [question_means(folder / f"{benchmark}.graded.jsonl") for folder in folders]
    if any(row.keys() != rows[0].keys() for row in rows):
        raise InputError(f"{folders[0]}: {benchmark} was evaluated on other questions than with other seeds")
    return np.array([[row[id] for id in rows[0]] for row in rows])


def summarise(comparison: Comparison, by_arm: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """One benchmark: accuracy by arm, and each arm against base, FULL and the reference."""
    against = [BASE, FULL, *([comparison.reference] if comparison.reference else [])]
    by_run = {
        arm: dict(zip(comparison.seeds_of(arm), correct_R_Q.mean(axis=1), strict=True))
        for arm, correct_R_Q in by_arm.items()
        if arm != BASE
    }
    pooled = blocks(by_run)
    differences: dict[str, dict[str, Any]] = {other: {} for other in against}
    for other in against:
        for arm, correct_R_Q in by_arm.items():
            if arm in (BASE, other):
                continue
            seeds = [seed for seed in comparison.seeds_of(arm) if other == BASE or seed in comparison.seeds_of(other)]
            if seeds:
                rows = [comparison.seeds_of(arm).index(seed) for seed in seeds]
                others = [0 if other == BASE else comparison.seeds_of(other).index(seed) for seed in seeds]
                found = difference(correct_R_Q[rows], by_arm[other][others])
                differences[other][arm] = {"seeds": seeds, **found, **pooled.difference(arm, other)}
    return {
        "n_questions": next(iter(by_arm.values())).shape[1],
        "accuracy": {arm: accuracy(correct_R_Q) for arm, correct_R_Q in by_arm.items()},
        "residual_sd": pooled.sd,
        "residual_dof": pooled.dof,
        "differences": differences,
    }


def accuracy(correct_R_Q: np.ndarray) -> dict[str, Any]:
    """Mean over runs and questions, with both standard errors."""
    by_run = correct_R_Q.mean(axis=1)
    return {"mean": float(by_run.mean()), "by_seed": by_run.tolist(), **errors(by_run, correct_R_Q.mean(axis=0))}


def difference(correct_R_Q: np.ndarray, other_R_Q: np.ndarray) -> dict[str, Any]:
    """Paired difference, seed by seed on the same questions; row r of one belongs to row r of the other."""
    differences = correct_R_Q - other_R_Q
    by_run = differences.mean(axis=1)
    return {"mean": float(by_run.mean()), "by_seed": by_run.tolist(), **errors(by_run, differences.mean(axis=0))}


@dataclass(frozen=True)
class Blocks:
    """Accuracy of run (arm, seed) = mean + arm + seed + scatter, by least squares: seeds are blocks.

    The scatter (`sd`, with `dof` degrees of freedom) is taken to be the same for every arm, so that all runs tell its
    size; it holds a run's own luck and that of its evaluation's samples.
    """

    columns: Mapping[str, int]  # arm → column of the design
    covariance: np.ndarray  # of the coefficients, for a scatter of 1
    sd: float | None
    dof: int

    def difference(self, arm: str, other: str) -> dict[str, float | None]:
        """Standard error of the difference of two arms, and the smallest one that could have been seen."""
        if self.sd is None or arm not in self.columns or other not in self.columns:
            return {"stderr_pooled": None, "detectable": None}
        contrast = np.zeros(len(self.covariance))
        contrast[self.columns[arm]], contrast[self.columns[other]] = 1, -1
        stderr = self.sd * float(np.sqrt(contrast @ self.covariance @ contrast))
        return {"stderr_pooled": stderr, "detectable": detectable(stderr, self.dof)}


def blocks(by_run: Mapping[str, Mapping[int, float]]) -> Blocks:
    """Fit the accuracies of runs: arm → seed → accuracy. Without two arms and two seeds there is no scatter."""
    arms, seeds = list(by_run), sorted({seed for runs in by_run.values() for seed in runs})
    columns = {arm: column for column, arm in enumerate(arms)}
    runs = [(arm, seed, value) for arm in arms for seed, value in by_run[arm].items()]
    design = np.zeros((len(runs), len(arms) + len(seeds)))
    for row, (arm, seed, _) in enumerate(runs):
        design[row, columns[arm]] = design[row, len(arms) + seeds.index(seed)] = 1
    values = np.array([value for _, _, value in runs])
    coefficients, _, rank, _ = np.linalg.lstsq(design, values)
    dof = len(runs) - int(rank)
    sd = float(np.sqrt(((values - design @ coefficients) ** 2).sum() / dof)) if dof > 0 else None
    return Blocks(columns, np.linalg.pinv(design.T @ design), sd, dof)


def errors(by_run: np.ndarray, by_question: np.ndarray) -> dict[str, float | None]:
    seeds = metrics.estimate(by_run).stderr
    questions = metrics.estimate(by_question).stderr
    return {
        "stderr_seeds": None if math.isnan(seeds) else seeds,
        "stderr_questions": None if math.isnan(questions) else questions,
    }


def detectable(stderr: float, dof: int) -> float:
    """Smallest true difference that is seen with 80 % power in a two-sided t test at 5 %.

    (t_0.975 + t_0.8) × standard error, with the degrees of freedom of the standard error.
    """
    return float((stats.t.ppf(0.975, dof) + stats.t.ppf(0.8, dof)) * stderr)


def selections(comparison: Comparison, arm: str) -> dict[str, Any]:
    """What an arm trained on: sizes, shares by level and source, and how alike its choices are.

    `jaccard_over_seeds` compares the choices of two seeds; `jaccard_with` those of one seed, with the selection that
    the arm's size is from.
    """
    chosen = [read_prompts(comparison.prompt_file(arm, seed)) for seed in comparison.seeds_of(arm)]
    ids = [frozenset(row["id"] for row in rows) for rows in chosen]
    overlaps = [len(a & b) / len(a | b) for a, b in combinations(ids, 2) if a | b]
    like = comparison.selections.get(arm, {}).get("size")
    shared = [
        len(own & other) / len(own | other)
        for own, seed in zip(ids, comparison.seeds_of(arm), strict=True)
        if like and (other := {row["id"] for row in read_prompts(comparison.prompt_file(like, seed))})
    ]
    return {
        "prompts": [len(rows) for rows in chosen],
        "by_level": shares(chosen, "level"),
        "by_source": shares(chosen, "source"),
        "jaccard_over_seeds": float(np.mean(overlaps)) if overlaps and arm != FULL else None,
        "jaccard_with": {like: float(np.mean(shared))} if shared else {},
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
