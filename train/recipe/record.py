"""run.json: what was run, from what, with what; and whether a run may resume from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lim.logs import reward_log
from lim.prompts.find import fingerprint
from lim.utils.errors import InputError
from lim.utils.provenance import PACKAGES, commit, versions
from train.ppo import checkpoints
from train.recipe import recipe
from train.recipe.dataset import Dataset
from train.recipe.plan import Plan
from train.recipe.recipe import Recipe

# What may change when a run resumes. All else would mix two experiments in one log.
CHANGEABLE = {
    "run": (
        *(
            "resume",
            "epochs",
            "epoch_prompts",
            "optimizer_steps",
            "keep_checkpoints",
            "expect_prompts",
            "log_responses",
        ),
        *("parameters", "shape", "gpu_memory", "seconds_per_step", "gpu_flops", "gpu_tokens"),
    ),
    "blocks": ("ckpt", "eval", "logger", "vllm"),
    # Against running out of memory (docs/cluster.md): which samples share a pass, where the optimiser's states are.
    "flags": (
        "train.micro_batch_size",
        "train.max_tokens_per_gpu",
        "rollout.micro_batch_size",
        "rollout.max_tokens_per_gpu",
        "ds.adam_offload",
    ),
}


def check_existing(chosen: Recipe, run_dir: Path) -> dict[str, Any] | None:
    """The run.json to resume from, or None for a new run, or one that ended before its first step.

    Raises InputError where two runs would be mixed, or a model of the run deleted.
    """
    shown = f"{chosen.run.output_dir}/{chosen.run.name}"
    steps = len(reward_log.step_files(run_dir)) if run_dir.is_dir() else 0
    has_model = bool(checkpoints.complete_steps(run_dir / "ckpt")) or checkpoints.has_final(run_dir)
    if not steps and not has_model:
        return None
    if not (run_dir / "run.json").exists():
        raise InputError(
            f"{shown}: holds {'step files' if steps else 'a model'} but no run.json; choose another run.name, or "
            "delete the folder"
        )
    if not chosen.run.resume:
        raise InputError(
            f"{shown}: already contains a run ({steps} steps logged); resume it with run.resume=true, or choose "
            "another run.name, or delete the folder"
        )
    previous = reward_log.read_run(run_dir)
    before, now = _fixed(previous["recipe"]), _fixed(chosen.merged)
    if may_choose_otherwise(chosen, previous, run_dir):
        before, now = ({k: v for k, v in one.items() if not k.startswith("run.select")} for one in (before, now))
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            raise InputError(
                f"{shown}: was started with {key}={before.get(key)}, not {now.get(key)}; resuming would mix two runs "
                "in one log: set it back or choose another run.name"
            )
    # What is validated on is held out of training.
    for file, key in ((chosen.run.prompt_file, "prompt_sha256"), (chosen.run.val_file, "val_sha256")):
        known = previous.get(key)
        if file and known and Path(file).exists() and fingerprint(file) != known:
            raise InputError(f"{file}: has changed since {shown} was started from it; choose another run.name")
    checkpoints.refuse_to_lose(run_dir)
    return previous


def may_choose_otherwise(chosen: Recipe, previous: Mapping[str, Any], run_dir: Path) -> bool:
    """Whether `run.select` may differ from that of the run so far: nothing is chosen yet, and it is not too late."""
    if previous.get("choices") or chosen.run.select is None:
        return not previous.get("choices")
    steps = reward_log.step_files(run_dir)
    last = max(pq.read_table(steps[-1][1], columns=["epoch"])["epoch"].to_pylist()) if steps else 0
    return last <= chosen.run.select.after_epoch


def check_verifiers(chosen: Recipe, previous: dict[str, Any] | None, data: Dataset) -> None:
    """Raise InputError where a run would resume with other verifiers than it was started with."""
    before = (previous or {}).get("verifiers")  # older runs have none on record
    for name in sorted({*data.verifiers, *before}) if before is not None else ():
        if before.get(name) != data.verifiers.get(name):
            raise InputError(
                f"{chosen.run.output_dir}/{chosen.run.name}: was started with verifier {name} of {before.get(name)}, "
                f"not {data.verifiers.get(name)}; rewards of two verifiers would be mixed: choose another run.name"
            )


def _fixed(merged: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings of a recipe that may not change when a run resumes."""
    blocks = {key: value for key, value in merged.items() if key not in CHANGEABLE["blocks"]}
    blocks["run"] = {key: value for key, value in blocks["run"].items() if key not in CHANGEABLE["run"]}
    fixed = {name: value for name, value in recipe.flatten(blocks) if name not in CHANGEABLE["flags"]}
    for name, value in {"format_rules": "release", "verifier": "math", "part_credit": False}.items():
        fixed.setdefault(f"run.{name}", value)  # before it was a setting
    # OpenRLHF's default, which recipes used to spell out.
    if fixed.get("critic.model_name_or_path") == fixed.get("actor.model_name_or_path"):
        fixed.pop("critic.model_name_or_path", None)
    return fixed


def describe(
    chosen: Recipe, planned: Plan, data: Dataset, command: list[str], previous: dict[str, Any] | None
) -> dict[str, Any]:
    """What run.json says about the run."""
    name, before = chosen.run.prompt_file, None if previous is None else previous["prompt_sha256"]
    if previous is not None and not Path(name).exists() and before != data.version:
        raise InputError(f"{name}: has changed since the run was started from revision {before}: give run.revision")
    if previous is not None and chosen.run.drop_ids and previous["dropped_ids"] != data.dropped:
        raise InputError(f"{chosen.run.drop_ids}: lists other prompts than when the run was started; restore it")
    of_choice = {"epochs_without_choice": planned.epochs_without_choice, "choices": []}
    if previous is not None:
        of_choice["choices"] = previous.get("choices", [])
    this_start = {"commit": commit(), "packages": versions(PACKAGES), "command": command}
    return {
        "name": chosen.run.name,
        "recipe": chosen.merged,
        "recipe_files": chosen.sources,
        "prompt_file": chosen.run.prompt_file,
        "prompt_sha256": data.version,
        "val_sha256": fingerprint(chosen.run.val_file) if chosen.run.val_file else None,
        "verifiers": data.verifiers,
        "prompts": len(data.train),
        "dropped_ids": data.dropped,
        "held_out_ids": data.held_out,
        "steps_per_epoch": planned.steps_per_epoch,
        "epochs": planned.epochs,
        "steps": planned.steps,
        "optimizer_steps": planned.optimizer_steps,
        # With run.select the three before are a plan until the choice; the trainer writes what it chose.
        **(of_choice if chosen.run.select else {}),
        "samples_per_prompt": chosen.get("rollout.n_samples_per_prompt"),
        "seed": chosen.run.seed,
        **(this_start if previous is None else {key: previous[key] for key in this_start}),
        "resumed": [*previous.get("resumed", []), this_start] if previous else [],
    }
