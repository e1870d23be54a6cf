"""What a run will do: epochs, steps, time; and the plan as the terminal shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from rich.filesize import decimal

from lim.utils.errors import InputError
from lim.utils.text import duration
from train.recipe.choice import ChoiceConfig, Chosen, epochs_of, steps_of_epoch
from train.recipe.memory import MemoryPlan
from train.recipe.recipe import Recipe
from train.recipe.resolve import Resolved

# FLOP per parameter and token: a forward pass, a training step, the forward pass that gradient checkpointing repeats.
FORWARD, TRAIN, RECOMPUTE = 2, 6, 2
UNKNOWN = "unknown (run.parameters and run.shape say what the model is)"


@dataclass(frozen=True)
class Plan:
    """Counts of a run. Steps are the trainer's (one rollout batch each), optimiser steps are DeepSpeed's.

    With a choice inside the run, those of an epoch are of the epochs before it, and `after` has the others.
    """

    prompts: int
    steps_per_epoch: int
    epochs: int
    optimizer_steps_per_epoch: int
    scheduler_steps: int  # what OpenRLHF takes for the run's optimiser steps
    samples: int  # generated in all
    epochs_without_choice: int
    after: After | None = None

    @property
    def steps(self) -> int:
        """Trainer steps of the run; with a choice of a size not known yet, of the run without it."""
        if self.after is None or self.after.prompts is None:
            return self.steps_per_epoch * self.epochs
        return self.steps_per_epoch * self.after.begin + self.after.steps_per_epoch * self.after.epochs

    @property
    def optimizer_steps(self) -> int:
        """Optimiser steps of the run; likewise."""
        if self.after is None or self.after.prompts is None:
            return self.optimizer_steps_per_epoch * self.epochs
        return self.optimizer_steps_per_epoch * self.after.begin + (
            self.after.optimizer_steps_per_epoch * self.after.epochs
        )


@dataclass(frozen=True)
class After:
    """The part of a run after its first choice; counts are 0 where the number of prompts is not known (None)."""

    begin: int  # epochs before it
    prompts: int | None
    steps_per_epoch: int
    epochs: int
    optimizer_steps_per_epoch: int


def make_plan(resolved: Resolved, prompts: int) -> Plan:
    """Plan a run over `prompts` prompts. InputError where an epoch of them would make no optimiser step."""
    recipe, run = resolved.recipe, resolved.recipe.run
    per_epoch = optimizer_steps(recipe, prompts)
    if per_epoch == 0:
        raise InputError(f"{run.prompt_file}: {too_few(recipe, prompts)}")
    epochs = run.epochs
    if run.epoch_prompts and prompts < run.epoch_prompts:
        wanted = epochs * optimizer_steps(recipe, run.epoch_prompts)
        epochs = max(epochs, round(wanted / per_epoch))
    if run.optimizer_steps is not None:
        if run.select is not None:
            raise InputError(
                "run.optimizer_steps: with run.select, the steps after the choice are those left of run.epochs"
            )
        epochs = math.ceil(run.optimizer_steps / per_epoch)
    after = None if run.select is None else plan_choice(recipe, run.select, prompts, epochs)
    visits, without = prompts * epochs, epochs
    if after is not None and after.prompts is not None:
        epochs = after.begin + after.epochs
        visits = prompts * after.begin + after.prompts * after.epochs
    planned = Plan(
        prompts=prompts,
        steps_per_epoch=math.ceil(prompts / recipe.get("rollout.batch_size")),
        epochs=epochs,
        optimizer_steps_per_epoch=per_epoch,
        scheduler_steps=0,
        samples=visits * recipe.get("rollout.n_samples_per_prompt"),
        epochs_without_choice=without,
        after=after,
    )
    return replace(planned, scheduler_steps=run.optimizer_steps or planned.optimizer_steps)


def plan_choice(recipe: Recipe, select: ChoiceConfig, prompts: int, epochs: int) -> After:
    """What follows the first choice of a run that would have `epochs` without it. InputError where it cannot be."""
    begin, count = select.after_epoch, select.count()
    if begin >= epochs:
        raise InputError(f"run.select.after_epoch={begin}: the run has {epochs} epochs, so nothing follows it")
    if recipe.get("algo.dynamic_filtering_enable") and select.settings(recipe.run.seed).needs_log:
        raise InputError(
            "run.select: with algo.dynamic_filtering_enable the log lacks the rewards of what was filtered out, and "
            f"{select.strategy} needs those of all prompts; turn one of the two off"
        )
    samples = recipe.get("rollout.n_samples_per_prompt")
    if select.max_samples is not None and select.max_samples > samples:
        raise InputError(f"run.select.max_samples={select.max_samples}: a prompt has {samples} samples in an epoch")
    if count is None:
        decays = [
            role
            for role in ("actor", "critic")
            if not str(recipe.get(f"{role}.lr_scheduler") or "cosine_with_min_lr").startswith("constant")
        ]
        if select.epochs and decays:
            raise InputError(
                f"run.select.epochs={select.epochs}: how many steps these make is not known before the choice, and "
                f"{decays[0]}.lr_scheduler needs it; leave it out, give run.select.top_k, or use constant_with_warmup"
            )
        return After(begin, None, 0, 0, 0)
    if count > prompts:
        key = "top_k" if select.top_k is not None else "num_prompts"
        raise InputError(f"run.select.{key}={count}: there are {prompts:,} prompts to choose from")
    if not optimizer_steps(recipe, count):
        raise InputError(f"run.select: {too_few(recipe, count)}")
    total = epochs_of(select, prompts, epochs, [Chosen(begin, count)], partial(optimizer_steps, recipe))
    steps = math.ceil(count / recipe.get("rollout.batch_size"))
    return After(begin, count, steps, total - begin, optimizer_steps(recipe, count))


def too_few(recipe: Recipe, prompts: int) -> str:
    """Why an epoch of so few prompts makes no optimiser step."""
    return (
        f"{prompts} prompts x {recipe.get('rollout.n_samples_per_prompt')} samples are fewer than train.batch_size="
        f"{recipe.get('train.batch_size')}, so an epoch would make no optimiser step"
    )


def optimizer_steps(recipe: Recipe, prompts: int) -> int:
    """Optimiser steps of one epoch."""
    names = ("rollout.batch_size", "rollout.n_samples_per_prompt", "train.batch_size", "train.max_epochs")
    return steps_of_epoch(prompts, *map(recipe.get, names))


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
    # The estimate from tokens is of a full step, and in proportion for one of fewer prompts.
    samples = min(resolved.recipe.get("rollout.batch_size"), plan.prompts)
    samples *= resolved.recipe.get("rollout.n_samples_per_prompt")
    total = seconds * (plan.steps if measured else plan.samples / samples)
    hours = "" if resolved.recipe.run.device == "cpu" else f", {total * resolved.gpus / 3600:,.0f} GPU hours"
    return (
        f"about {seconds:,.{0 if seconds >= 10 else 1}f} s per step ({how}), {duration(total)} in all{hours} without "
        "start and saves"
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


def choice_rows(resolved: Resolved, plan: Plan, after: After) -> tuple[str, tuple[str, str, str]]:
    """(epochs, (the choice, steps after it, optimiser steps after it)) as the terminal shows them."""
    select = resolved.recipe.run.select
    assert select is not None
    settings = select.settings(resolved.recipe.run.seed)
    choice = f"after epoch {after.begin} (step {plan.steps_per_epoch * after.begin:,}): {settings.in_words()}"
    if select.every:
        choice += f"; anew every {select.every} epochs"
    if after.prompts is None:
        long = f"{select.epochs} on" if select.epochs else "as many optimiser steps on"
        return f"{after.begin} on all prompts, then {long} the chosen", (choice, "then by how many are chosen", "")
    return (
        f"{after.begin} on all prompts, then {after.epochs} on {after.prompts:,}",
        (
            choice,
            f"{after.steps_per_epoch} per epoch, {after.steps_per_epoch * after.epochs:,} after it; ",
            f"{after.optimizer_steps_per_epoch} per epoch, {after.optimizer_steps_per_epoch * after.epochs:,} after "
            "it; ",
        ),
    )


def rows(resolved: Resolved, plan: Plan, memory: MemoryPlan | None, notes: dict[str, str]) -> list[tuple[str, str]]:
    """The plan as label and text, for the terminal."""
    recipe, get = resolved.recipe, resolved.recipe.get
    shared = "all on the same GPUs" if get("train.colocate_all") else ""
    if not shared and get("train.colocate_actor_ref"):
        shared = "actor and reference on the same GPUs"
    by_role = ", ".join(f"{role} {count}" for role, count in resolved.roles.items())
    kind = "logical GPUs (no GPU needed)" if recipe.run.device == "cpu" else "GPUs"
    epochs, after = f"{plan.epochs}", plan.after
    batch, samples = get("rollout.batch_size"), get("rollout.n_samples_per_prompt")
    steps = f"{plan.steps_per_epoch} per epoch, "
    optimizer = f"{plan.optimizer_steps_per_epoch} per epoch, "
    if recipe.run.optimizer_steps is not None:
        filtered = " or more" * bool(get("algo.dynamic_filtering_enable"))
        epochs += f"{filtered} (until {recipe.run.optimizer_steps:,} optimiser steps are made)"
    elif plan.epochs != recipe.run.epochs and after is None:
        epochs += f" (as many optimiser steps as {recipe.run.epochs} epochs of {recipe.run.epoch_prompts:,} prompts)"
    choice: list[tuple[str, str]] = []
    about = ""
    if after is not None:
        epochs, rows = choice_rows(resolved, plan, after)
        choice = [("choice", rows[0])]
        steps += f"{plan.steps_per_epoch * after.begin:,} before the choice; {rows[1]}"
        optimizer += f"{plan.optimizer_steps_per_epoch * after.begin:,} before the choice; {rows[2]}"
        about = "about " if after.prompts is None else ""
    return [
        ("model", str(get("actor.model_name_or_path"))),
        ("prompts", f"{plan.prompts:,} from {recipe.run.prompt_file}{notes.get('prompts', '')}"),
        *([("verifiers", notes["verifiers"])] if "verifiers" in notes else []),
        ("validation", notes.get("validation", "none")),
        ("epochs", epochs),
        *choice,
        ("steps", steps if about else f"{steps}{plan.steps:,} in all"),
        ("samples", f"{min(batch, plan.prompts):,} prompts x {samples} per step, {about}{plan.samples:,} in all"),
        (
            "optimiser steps",
            f"{optimizer}{about}{plan.optimizer_steps:,} in all, {recipe.run.warmup_steps} of them warm-up",
        ),
        (kind, f"{resolved.gpus}: {by_role}" + (f" ({shared})" if shared else "")),
        *memory_rows(resolved, memory),
        ("time", time_row(resolved, plan)),
        ("folder", str(resolved.run_dir)),
    ]
