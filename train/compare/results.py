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
from eval.results.statistics import blocks, over_runs
from lim.prompts import read_prompts
from lim.utils.errors import InputError
from lim.utils.provenance import PACKAGES, commit, versions
from train.compare import costs, runs
from train.compare.spec import BASE, FULL, Comparison, Run


def collect(comparison: Comparison) -> dict[str, Any]:
    """All results as one JSON object. InputError names the first result that is missing."""
    # Those of the comparison: other evaluations of the base model may lie beside them.
    benchmarks = settings.load().choose(comparison.benchmarks)
    if comparison.headline not in benchmarks:
        raise InputError(f"headline is {comparison.headline!r}, but the benchmarks are {', '.join(benchmarks)}")
    found = runs.gather(comparison)
    correct = {name: {arm: load_arm(found, arm, name) for arm in [BASE, *comparison.arms]} for name in benchmarks}
    curves = {arm: {seed: found[arm, seed]["curve"] for seed in comparison.seeds_of(arm)} for arm in comparison.arms}
    return {
        "name": comparison.name,
        "commit": commit(),
        "run_commits": sorted({run["commit"] for run in found.values() if run["seed"] is not None}),
        "packages": versions(PACKAGES),
        "seeds": comparison.seeds,
        "labels": {arm: comparison.label(arm) for arm in [BASE, *comparison.arms]},
        "titles": titles(benchmarks),
        "headline": comparison.headline,
        "benchmarks": {name: summarise(comparison, by_arm) for name, by_arm in correct.items()},
        "seeds_of": {arm: comparison.seeds_of(arm) for arm in comparison.arms},
        "selections": selections(comparison, found),
        "costs": costs.collect(comparison, curves),
        "curves": {arm: list(by_seed.values()) for arm, by_seed in curves.items()},
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


def load_arm(found: Mapping[Run, Mapping[str, Any]], arm: str, benchmark: str) -> np.ndarray:
    """correct_R_Q: share of correct samples by run (one per seed; a single one for the base model) and question."""
    of_arm = [run for (name, _), run in found.items() if name == arm]
    for run in of_arm:
        if run["questions"][benchmark] != found[BASE, None]["questions"][benchmark]:
            raise InputError(f"{benchmark}: {arm}, seed {run['seed']}, was evaluated on other questions than {BASE}")
    return np.array([run["correct"][benchmark] for run in of_arm])


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


def selections(comparison: Comparison, found: Mapping[Run, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What each arm trained on: sizes, shares by level and source, and how alike its choices are.

    `jaccard_over_seeds` compares the choices of two seeds; `jaccard_with` those of one seed, with the selection that
    the arm's size is from.
    """
    pool = {row["id"]: row for row in read_prompts(comparison.prompt_file(FULL, comparison.seeds[0]))}
    chosen = {
        run: frozenset(pool if one["chosen"] is None else one["chosen"])
        for run, one in found.items()
        if run[1] is not None
    }
    made = {}
    for arm in comparison.arms:
        seeds = comparison.seeds_of(arm)
        ids = [chosen[arm, seed] for seed in seeds]
        overlaps = [len(a & b) / len(a | b) for a, b in combinations(ids, 2) if a | b]
        like = comparison.selections.get(arm, {}).get("size")
        both = [(own, chosen[like, seed]) for own, seed in zip(ids, seeds, strict=True)] if like else []
        shared = [len(own & other) / len(own | other) for own, other in both if other]
        rows = [[pool[id] for id in own] for own in ids]
        made[arm] = {
            "prompts": [len(own) for own in ids],
            "by_level": shares(rows, "level"),
            "by_source": shares(rows, "source"),
            "jaccard_over_seeds": float(np.mean(overlaps)) if overlaps and arm != FULL else None,
            "jaccard_with": {like: float(np.mean(shared))} if shared else {},
        }
    return made


def shares(chosen: Sequence[Sequence[Mapping[str, Any]]], key: str) -> dict[str, float]:
    """Share of the prompts by a key's value, over all seeds; empty where no prompt has the key."""
    counts = Counter(str(row[key]) for rows in chosen for row in rows if row.get(key) is not None)
    total = sum(counts.values())
    return {value: counts[value] / total for value in sorted(counts)}
