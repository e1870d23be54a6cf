"""What a run will do: epochs, steps, disk; and the plan as the terminal shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.filesize import decimal

from lim.utils.errors import InputError
from train.recipe.recipe import Recipe
from train.recipe.resolve import Resolved

GB = 1e9
# Bytes per parameter: bf16 weights; with DeepSpeed's fp32 master copy and two moments beside them.
HF_BYTES, DEEPSPEED_BYTES = 2, 14


@dataclass(frozen=True)
class Plan:
    """Counts of a run. Steps are the trainer's (one rollout batch each), optimiser steps are DeepSpeed's."""

    prompts: int
    steps_per_epoch: int
    epochs: int
    optimizer_steps_per_epoch: int
    scheduler_steps: int  # what OpenRLHF takes for the run's optimiser steps
    disk_bytes: int | None

    @property
    def steps(self) -> int:
        """Trainer steps of the run."""
        return self.steps_per_epoch * self.epochs

    @property
    def optimizer_steps(self) -> int:
        """Optimiser steps of the run."""
        return self.optimizer_steps_per_epoch * self.epochs


def make_plan(resolved: Resolved, prompts: int, *, validation: bool) -> Plan:
    """Plan a run over `prompts` prompts. InputError where an epoch of them would make no optimiser step."""
    recipe, get = resolved.recipe, resolved.recipe.get
    batch, samples = get("train.batch_size"), prompts * get("rollout.n_samples_per_prompt")
    per_epoch = optimizer_steps(recipe, prompts)
    if per_epoch == 0:
        raise InputError(
            f"{recipe.run.prompt_file}: {prompts} prompts x {get('rollout.n_samples_per_prompt')} samples are fewer "
            f"than train.batch_size={batch}, so an epoch would make no optimiser step"
        )
    epochs = recipe.run.epochs
    if recipe.run.epoch_prompts and prompts < recipe.run.epoch_prompts:
        wanted = epochs * optimizer_steps(recipe, recipe.run.epoch_prompts)
        epochs = max(epochs, round(wanted / per_epoch))
    known = resolved.parameters is not None
    return Plan(
        prompts=prompts,
        steps_per_epoch=math.ceil(prompts / get("rollout.batch_size")),
        epochs=epochs,
        optimizer_steps_per_epoch=per_epoch,
        scheduler_steps=samples // batch * epochs * get("train.max_epochs"),
        disk_bytes=checkpoint_bytes(recipe, resolved.parameters, validation=validation) if known else None,
    )


def optimizer_steps(recipe: Recipe, prompts: int) -> int:
    """Optimiser steps of one epoch: each step's samples give complete train batches, the remainder none."""
    batch, samples = recipe.get("rollout.batch_size"), recipe.get("rollout.n_samples_per_prompt")
    full, rest = divmod(prompts, batch)
    trained = recipe.get("train.batch_size")
    return (full * (batch * samples // trained) + rest * samples // trained) * recipe.get("train.max_epochs")


def warmup_ratio(plan: Plan, warmup_steps: int) -> float:
    """The ratio of which OpenRLHF, which rounds up, makes exactly `warmup_steps` of the run's optimiser steps."""
    if warmup_steps == 0:
        return 0.0
    ratio = round((warmup_steps - 0.5) / plan.scheduler_steps, 10)
    assert math.ceil(plan.scheduler_steps * ratio) == warmup_steps
    return ratio


def checkpoint_bytes(recipe: Recipe, parameters: float, *, validation: bool) -> int:
    """Most disk the run's checkpoints take at once.

    DeepSpeed's states: actor and critic, `ckpt.max_num` each and never fewer than two (train/ppo/trainer.py).
    Hugging Face folders: those kept, the best by validation, one being written, and final/. Without `ckpt.save_steps`
    only final/ is written.
    """
    folders, states = 1, 0
    if recipe.get("ckpt.save_steps") > 0:
        best = int(validation and recipe.get("eval.steps") > 0)
        folders += (recipe.run.keep_checkpoints + best + 1) * bool(recipe.get("ckpt.save_hf"))
        trained = 2 if recipe.get("algo.advantage.estimator") == "gae" else 1
        states = trained * max(2, recipe.get("ckpt.max_num")) * (not recipe.get("ckpt.disable_ds"))
    return round(parameters * (folders * HF_BYTES + states * DEEPSPEED_BYTES))


def rows(resolved: Resolved, plan: Plan, notes: dict[str, str]) -> list[tuple[str, str]]:
    """The plan as label and text, for the terminal."""
    recipe, get = resolved.recipe, resolved.recipe.get
    shared = "all on the same GPUs" if get("train.colocate_all") else ""
    if not shared and get("train.colocate_actor_ref"):
        shared = "actor and reference on the same GPUs"
    by_role = ", ".join(f"{role} {count}" for role, count in resolved.roles.items())
    kind = "logical GPUs (no GPU needed)" if recipe.run.device == "cpu" else "GPUs"
    epochs = f"{plan.epochs}"
    if plan.epochs != recipe.run.epochs:
        epochs += f" (as many optimiser steps as {recipe.run.epochs} epochs of {recipe.run.epoch_prompts:,} prompts)"
    disk = "size unknown" if plan.disk_bytes is None else f"up to {decimal(round(plan.disk_bytes))} on disk"
    if plan.disk_bytes is None and recipe.run.parameters is not None:
        disk += " (run.parameters is of another model; give this one's)"
    return [
        ("model", str(get("actor.model_name_or_path"))),
        ("prompts", f"{plan.prompts:,} from {recipe.run.prompt_file}{notes.get('prompts', '')}"),
        ("validation", notes.get("validation", "none")),
        ("epochs", epochs),
        ("steps", f"{plan.steps_per_epoch} per epoch, {plan.steps:,} in all"),
        (
            "samples",
            f"{min(get('rollout.batch_size'), plan.prompts):,} prompts x "
            f"{get('rollout.n_samples_per_prompt')} per step",
        ),
        (
            "optimiser steps",
            f"{plan.optimizer_steps_per_epoch} per epoch, {plan.optimizer_steps:,} in all, "
            f"{recipe.run.warmup_steps} of them warm-up",
        ),
        (kind, f"{resolved.gpus}: {by_role}" + (f" ({shared})" if shared else "")),
        ("checkpoints", disk),
        ("folder", str(resolved.run_dir)),
    ]
