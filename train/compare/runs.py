"""The figures of a comparison's runs: measured in their folders, or read from the files that `keep` names.

With `keep: FOLDER` in a comparison file, what a run's evaluation found is written to FOLDER/<arm>-s<seed>.json, and
the base model's to FOLDER/base.json. A run that has its file is not trained again, on whatever machine the comparison
continues. Figures of another base model, pool, test or recipe are refused: they cannot be compared.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from eval import settings
from eval.results.graded import question_means
from lim.logs.reward_log import read_run
from lim.prompts import read_prompts
from lim.utils.errors import InputError
from lim.utils.files import json_line, read_json, sha256_of, write_text
from lim.utils.paths import shown
from train.compare import costs
from train.compare.pipeline import Stage
from train.compare.plan import evaluation_of, train
from train.compare.spec import BASE, FULL, Comparison, Run
from train.recipe import recipe

# What of a recipe's `run` differs between runs of one arm, and between machines.
OWN = ("name", "seed", "output_dir", "resume", "prompt_file", "expect_prompts")


def gather(comparison: Comparison) -> dict[Run, dict[str, Any]]:
    """The figures of the base model and of every run. InputError names what is missing or from other inputs."""
    check(comparison)
    return {run: _read(comparison, run) or measure(comparison, run) for run in every(comparison)}


def every(comparison: Comparison) -> list[Run]:
    """The base model, then all runs."""
    return [(BASE, None), *((arm, seed) for arm in comparison.arms for seed in comparison.seeds_of(arm))]


def kept(comparison: Comparison) -> set[Run]:
    """The runs whose figures are in the folder `keep`."""
    return {run for run in every(comparison) if comparison.keep and comparison.figures_of(run).exists()}


def after(comparison: Comparison, stage: Stage) -> None:
    """What follows a finished stage: an evaluated run's figures are kept; those of another base model are refused."""
    if comparison.keep is None:
        return
    if comparison.prepare and stage.name == comparison.prepare[-1].name:
        check(comparison)
    for run in every(comparison):
        if stage.name == evaluation_of(run):
            write_text(comparison.figures_of(run), json_line(measure(comparison, run)) + "\n")


def check(comparison: Comparison) -> None:
    """Raise InputError where figures that are kept are from other inputs than the comparison has now."""
    for run in sorted(kept(comparison), key=str):
        path, there, here = comparison.figures_of(run), _read(comparison, run), _inputs(comparison, run)
        assert there is not None
        for name, value in here.items():
            if there["inputs"].get(name) != value:
                raise InputError(
                    f"{shown(path)}: its run had {name} {_short(there['inputs'].get(name))}, this comparison has "
                    f"{_short(value)}; restore that one, or move the folder away to train all runs again"
                )


def measure(comparison: Comparison, run: Run) -> dict[str, Any]:
    """A run's figures, from its folder and its evaluation.

    By benchmark, `correct` has each question's share of correct samples, by rising id, and `questions` a hash of the
    ids. `chosen` has the ids of the prompts that the run trained on in the end, None for all.
    """
    arm, seed = run
    found: dict[str, Any] = {"arm": arm, "seed": seed, "inputs": _inputs(comparison, run)}
    folder = comparison.base_results if seed is None else comparison.run_dir(arm, seed) / "eval" / "final"
    means = {
        name: question_means(folder / f"{name}.graded.jsonl")
        for name in settings.load().choose(comparison.benchmarks)
    }
    found["questions"] = {
        name: sha256("\n".join(sorted(shares)).encode()).hexdigest() for name, shares in means.items()
    }
    found["correct"] = {name: [shares[id] for id in sorted(shares)] for name, shares in means.items()}
    if seed is None:
        return found
    run_dir, on_all = comparison.run_dir(arm, seed), comparison.on_all(arm) and not comparison.is_inside(arm)
    return found | {
        "commit": str(read_run(run_dir).get("commit")),
        "chosen": None if on_all else [row["id"] for row in read_prompts(comparison.chosen_file(arm, seed))],
        "curve": costs.curve(run_dir),
    }


def _read(comparison: Comparison, run: Run) -> dict[str, Any] | None:
    path = comparison.figures_of(run)
    return read_json(path) if comparison.keep and path.exists() else None


def _inputs(comparison: Comparison, run: Run) -> dict[str, str]:
    """What runs must share to be compared, by name: files that are here, with their sha256, and settings."""
    arm, seed = run
    files = [comparison.prompt_file(FULL, comparison.seeds[0]), *comparison.benchmark_files]
    if comparison.base_folder:
        files += sorted(comparison.base_folder.glob("*.safetensors"))
    found = {shown(path): f"sha256 {sha256_of(path)}" for path in files if path.exists()}
    return found if seed is None else found | _settings(comparison, arm, seed)


def _settings(comparison: Comparison, arm: str, seed: int) -> dict[str, str]:
    """The arm's own recipe, flag by flag, and what selects its prompts."""
    command = train(comparison, arm, seed).command[1:]
    script = Path(str(command[0])).stem
    name = comparison.pool if script == "train_math.8k" else f"{comparison.pool}.{arm}"
    given = [part for part in command[1:] if isinstance(part, str)]
    merged = recipe.load(name, *recipe.split(given)).merged
    merged["run"] = {key: value for key, value in merged["run"].items() if key not in OWN}
    merged["selection"] = {**comparison.selections.get(arm, {}), "label": None, "seeds": None}
    return {key: json_line(value) for key, value in recipe.flatten(merged)}


def _short(value: str | None) -> str:
    return "nothing" if value is None else value[:60]
