"""What a run will do: epochs, steps, time; and the plan as the terminal shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.filesize import decimal

from lim.utils.errors import InputError
from lim.utils.text import duration
from train.recipe.memory import MemoryPlan
from train.recipe.recipe import Recipe
from train.recipe.resolve import Resolved

# FLOP per parameter and token: a forward pass, a training step, the forward pass that gradient checkpointing repeats.
FORWARD, TRAIN, RECOMPUTE = 2, 6, 2
UNKNOWN = "unknown (run.parameters and run.shape say what the model is)"


@dataclass(frozen=True)
class Plan:
    """Counts of a run. Steps are the trainer's (one rollout batch each), optimiser steps are DeepSpeed's."""

    prompts: int
    steps_per_epoch: int
    epochs: int
    optimizer_steps_per_epoch: int
    scheduler_steps: int  # what OpenRLHF takes for the run's optimiser steps

    @property
    def steps(self) -> int:
        """Trainer steps of the run."""
        return self.steps_per_epoch * self.epochs

    @property
    def optimizer_steps(self) -> int:
        """Optimiser steps of the run."""
        return self.optimizer_steps_per_epoch * self.epochs


def make_plan(resolved: Resolved, prompts: int) -> Plan:
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
    return Plan(
        prompts=prompts,
        steps_per_epoch=math.ceil(prompts / get("rollout.batch_size")),
        epochs=epochs,
        optimizer_steps_per_epoch=per_epoch,
        scheduler_steps=samples // batch * epochs * get("train.max_epochs"),
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


def seconds_per_step(resolved: Resolved, plan: Plan) -> float | None:
    """Seconds of a step: as measured (`run.seconds_per_step`), or with every response of full length; None: unknown.

    From `run.gpu_tokens` and `run.gpu_flops`: all samples are generated; actor, reference and critic read them, and
    actor and critic train on them. Roles with GPUs of their own wait for each other, except that actor and critic
    train side by side, and so do the three that read.
    """
    run, get, roles = resolved.recipe.run, resolved.recipe.get, resolved.roles
    if run.seconds_per_step is not None:
        return run.seconds_per_step
    new_tokens = get("rollout.max_new_tokens") or get("data.max_len")
    if run.gpu_tokens is None or run.gpu_flops is None or resolved.parameters is None:
        return None
    samples = min(get("rollout.batch_size"), plan.prompts) * get("rollout.n_samples_per_prompt")
    generating = samples * new_tokens / (run.gpu_tokens * roles["vLLM"])
    work = samples * get("data.max_len") * resolved.parameters / run.gpu_flops
    training = TRAIN * get("train.max_epochs")
    training += RECOMPUTE * get("train.max_epochs") * bool(get("actor.gradient_checkpointing_enable"))
    reads = [FORWARD * work / count for role, count in roles.items() if role != "vLLM"]
    trains = [training * work / roles[role] for role in ("actor", "critic") if role in roles]
    together = sum if get("train.colocate_all") else max
    return generating + together(reads) + together(trains)


def time_row(resolved: Resolved, plan: Plan) -> str:
    """The estimate as the terminal shows it."""
    seconds = seconds_per_step(resolved, plan)
    if seconds is None:
        return "no estimate (run.seconds_per_step as measured, or run.gpu_tokens and run.gpu_flops give one)"
    measured = resolved.recipe.run.seconds_per_step is not None
    how = "run.seconds_per_step" if measured else "if every response had full length"
    total = duration(seconds * plan.steps)
    return (
        f"about {seconds:,.{0 if seconds >= 10 else 1}f} s per step ({how}), {total} in all without start and saves"
    )


def memory_rows(resolved: Resolved, memory: MemoryPlan | None) -> list[tuple[str, str]]:
    """Memory and disk as the terminal shows them."""
    if memory is None:
        of_another = resolved.recipe.run.parameters is not None and resolved.parameters is None
        text = (
            "unknown (run.parameters is of another model; give this one's, and run.shape)" if of_another else UNKNOWN
        )
        return [("memory", text), ("checkpoints", text)]
    gpu = ""
    if memory.gpu:
        gpu = (
            f"{decimal(memory.gpu_train)} per GPU to train, {decimal(memory.gpu_generate)} to generate, of "
            f"{decimal(memory.gpu)}; "
        )
    return [
        ("memory", f"{gpu}{decimal(memory.host)} of host memory per machine"),
        ("checkpoints", f"up to {decimal(memory.disk)} on disk"),
    ]


def rows(resolved: Resolved, plan: Plan, memory: MemoryPlan | None, notes: dict[str, str]) -> list[tuple[str, str]]:
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
    return [
        ("model", str(get("actor.model_name_or_path"))),
        ("prompts", f"{plan.prompts:,} from {recipe.run.prompt_file}{notes.get('prompts', '')}"),
        *([("verifiers", notes["verifiers"])] if "verifiers" in notes else []),
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
        *memory_rows(resolved, memory),
        ("time", time_row(resolved, plan)),
        ("folder", str(resolved.run_dir)),
    ]
