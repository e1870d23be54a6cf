"""What a comparison found: accuracies by arm and seed, paired differences with their errors, what was selected.

Two things vary: the seed of a training run, and the questions of the test. A difference between two arms is taken
seed by seed on the same questions, over the seeds that both have. `stderr_seeds` is the standard error over these
seeds (None for one); with few seeds it is imprecise. `stderr_pooled` estimates the scatter from all trained arms at
once (`blocks`). `stderr_questions` is the standard error over questions of the differences averaged over seeds
(clustered by question).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from eval import settings
from eval.results.graded import question_means
from eval.results.statistics import blocks, over_runs
from lim.logs.reward_log import read_run
from lim.prompts import read_prompts
from lim.utils.errors import InputError
from lim.utils.provenance import PACKAGES, commit, versions
from train.compare import costs
from train.compare.spec import BASE, FULL, Comparison


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
        "labels": {arm: comparison.label(arm) for arm in [BASE, *comparison.arms]},
        "titles": titles(benchmarks),
        "headline": comparison.headline,
        "benchmarks": {name: summarise(comparison, by_arm) for name, by_arm in correct.items()},
        "seeds_of": {arm: comparison.seeds_of(arm) for arm in comparison.arms},
        "selections": {arm: selections(comparison, arm) for arm in comparison.arms},
        "costs": costs.collect(comparison),
        "curves": {
            arm: [costs.curve(comparison.run_dir(arm, seed)) for seed in comparison.seeds_of(arm)]
            for arm in comparison.arms
        },
    }


def titles(names: Sequence[str]) -> dict[str, str]:
    """Benchmark → its name, or where several share one file of questions, the temperature they differ in."""
    known = settings.load()
    benchmarks = [known.benchmark(name) for name in names]
    files = Counter(one.file for one in benchmarks)
    return {
        one.name: one.name
        if files[one.file] == 1
        else f"temperature {one.temperature:g}"
        if one.temperature
        else "greedy"
        for one in benchmarks
    }


def load_arm(comparison: Comparison, arm: str, benchmark: str) -> np.ndarray:
    """correct_R_Q: share of correct samples by run (one per seed; a single one for the base model) and question."""
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
    """One benchmark: accuracy by arm, and each arm against base, FULL and the baseline."""
    against = [BASE, FULL, *([comparison.baseline] if comparison.baseline else [])]
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
                found = over_runs(correct_R_Q[rows] - by_arm[other][others])
                differences[other][arm] = {"seeds": seeds, **found, **pooled.difference(arm, other)}
    return {
        "n_questions": next(iter(by_arm.values())).shape[1],
        "accuracy": {arm: over_runs(correct_R_Q) for arm, correct_R_Q in by_arm.items()},
        "residual_sd": pooled.sd,
        "residual_dof": pooled.dof,
        "differences": differences,
    }


def selections(comparison: Comparison, arm: str) -> dict[str, Any]:
    """What an arm trained on: sizes, shares by level and source, and how alike its choices are.

    `jaccard_over_seeds` compares the choices of two seeds; `jaccard_with` those of one seed, with the selection that
    the arm's size is from.
    """
    chosen = [read_prompts(comparison.chosen_file(arm, seed)) for seed in comparison.seeds_of(arm)]
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
