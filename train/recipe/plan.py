"""What a recipe will do: steps, GPUs by role, disk; and the combinations OpenRLHF cannot run."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from lim.utils.errors import InputError
from lim.utils.files import read_json
from train.recipe.recipe import CONFIGS, Recipe

GB = 1e9
# Bytes a parameter: bf16 weights; with DeepSpeed's fp32 master copy and two moments beside them.
HF_BYTES, DEEPSPEED_BYTES = 2, 14


@dataclass(frozen=True)
class Plan:
    """Counts of a run. Steps are the trainer's (one rollout batch each), optimiser steps are DeepSpeed's."""

    prompts: int
    steps_per_epoch: int
    epochs: int
    optimizer_steps_per_epoch: int
    scheduler_steps: int  # what OpenRLHF takes for the run's optimiser steps
    roles: dict[str, int]  # role → GPUs; under colocation they share
    gpus: int
    disk_bytes: int | None

    @property
    def steps(self) -> int:
        """Trainer steps of the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def optimizer_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.optimizer_steps_per_epoch * self.epochs


def make_plan(recipe: Recipe, prompts: int, parameters: float | None, *, validation: bool) -> Plan:
    """Plan a run over `prompts` prompts. Raises InputError for batches or placements that do not fit together."""
    roles, gpus = gpu_roles(recipe)
    check_batches(recipe)
    per_epoch = optimizer_steps(recipe, prompts)
    if per_epoch == 0:
        samples = recipe.get("rollout.n_samples_per_prompt", 1)
        raise InputError(
            f"{recipe.run.prompt_file}: {prompts} prompts x {samples} samples are fewer than "
            f"train.batch_size={_train_batch(recipe)}, so an epoch would make no optimiser step"
        )
    epochs = recipe.run.epochs
    if recipe.run.epoch_prompts and prompts < recipe.run.epoch_prompts:
        wanted = epochs * optimizer_steps(recipe, recipe.run.epoch_prompts)
        epochs = max(epochs, round(wanted / per_epoch))
    samples = prompts * recipe.get("rollout.n_samples_per_prompt", 1)
    return Plan(
        prompts=prompts,
        steps_per_epoch=math.ceil(prompts / _rollout_batch(recipe)),
        epochs=epochs,
        optimizer_steps_per_epoch=per_epoch,
        scheduler_steps=samples // _train_batch(recipe) * epochs * recipe.get("train.max_epochs", 1),
        roles=roles,
        gpus=gpus,
        disk_bytes=None if parameters is None else checkpoint_bytes(recipe, parameters, validation=validation),
    )


def _rollout_batch(recipe: Recipe) -> int:
    return recipe.get("rollout.batch_size", 1024)


def _train_batch(recipe: Recipe) -> int:
    return recipe.get("train.batch_size", 128)


def optimizer_steps(recipe: Recipe, prompts: int) -> int:
    """Optimiser steps of one epoch: each step's samples give whole train batches, what is left over none."""
    full, rest = divmod(prompts, _rollout_batch(recipe))
    samples = recipe.get("rollout.n_samples_per_prompt", 1)
    batches = [_rollout_batch(recipe)] * full + ([rest] if rest else [])
    return sum(batch * samples // _train_batch(recipe) for batch in batches) * recipe.get("train.max_epochs", 1)


def warmup_ratio(plan: Plan, warmup_steps: int) -> float:
    """The ratio of which OpenRLHF, which rounds up, makes exactly `warmup_steps` of the run's optimiser steps."""
    if warmup_steps == 0:
        return 0.0
    ratio = round((warmup_steps - 0.5) / plan.scheduler_steps, 10)
    assert math.ceil(plan.scheduler_steps * ratio) == warmup_steps
    return ratio


def gpu_roles(recipe: Recipe) -> tuple[dict[str, int], int]:
    """GPUs by role, and how many in all. InputError where OpenRLHF's colocation rules are broken."""
    get = recipe.get
    roles = {"actor": get("actor.num_nodes", 1) * get("actor.num_gpus_per_node", 8)}
    if get("algo.advantage.estimator", "gae") == "gae":
        roles["critic"] = get("critic.num_nodes", 1) * get("critic.num_gpus_per_node", 8)
    if get("algo.kl.init_coef", 0.01) > 0:
        roles["reference"] = get("ref.num_nodes", 1) * get("ref.num_gpus_per_node", 8)
    roles["vLLM"] = (get("vllm.num_engines") or 0) * get("vllm.tensor_parallel_size", 1)
    if roles["vLLM"] == 0:
        raise InputError("vllm.num_engines: not set; rollouts need at least one vLLM engine")
    if get("train.colocate_all"):
        for role, count in roles.items():
            if count != roles["actor"]:
                raise InputError(
                    f"train.colocate_all: {role} has {count} GPUs and the actor {roles['actor']}; on shared GPUs all "
                    "roles need the same number (vLLM: num_engines x tensor_parallel_size)"
                )
        return roles, roles["actor"]
    shared = 0
    if get("train.colocate_actor_ref") and "reference" in roles:
        if roles["reference"] != roles["actor"]:
            raise InputError(
                f"train.colocate_actor_ref: the reference has {roles['reference']} GPUs and the actor "
                f"{roles['actor']}; on shared GPUs they need the same number"
            )
        shared = roles["actor"]
    return roles, sum(roles.values()) - shared


def check_batches(recipe: Recipe) -> None:
    """Refuse batch sizes that do not divide. A partial batch would make no optimiser step, or leave a rank idle."""
    get = recipe.get
    samples = _rollout_batch(recipe) * get("rollout.n_samples_per_prompt", 1)
    if samples % _train_batch(recipe):
        raise InputError(
            f"train.batch_size={_train_batch(recipe)} does not divide the {samples} samples of a step "
            "(rollout.batch_size x rollout.n_samples_per_prompt); what is left over would never be trained on"
        )
    roles, _ = gpu_roles(recipe)
    split = get("ds.ring_attn_size", 1) * get("ds.tensor_parallel_size", 1)
    for role in ("actor", "critic"):
        if role not in roles:
            continue
        if roles[role] % split:
            raise InputError(
                f"{role}: {roles[role]} GPUs do not divide by ds.ring_attn_size x ds.tensor_parallel_size={split}"
            )
        ranks = roles[role] // split
        for key in ("train.micro_batch_size", "rollout.micro_batch_size"):
            unit = ranks * get(key, 1)
            if _train_batch(recipe) % unit:
                raise InputError(
                    f"train.batch_size={_train_batch(recipe)} is not a multiple of {unit} "
                    f"({ranks} {role} ranks x {key}={get(key, 1)})"
                )


def checkpoint_bytes(recipe: Recipe, parameters: float, *, validation: bool) -> int:
    """Most disk the run's checkpoints take at once.

    DeepSpeed's states: actor and critic, `ckpt.max_num` each and never fewer than two (train/ppo/trainer.py).
    Hugging Face folders: those kept, the best by validation, one being written, and final/. Without `ckpt.save_steps`
    only final/ is written.
    """
    folders, states = 1, 0
    if recipe.get("ckpt.save_steps", -1) > 0:
        best = int(validation and recipe.get("eval.steps", -1) > 0)
        folders += (recipe.run.keep_checkpoints + best + 1) * bool(recipe.get("ckpt.save_hf"))
        trained = 2 if recipe.get("algo.advantage.estimator", "gae") == "gae" else 1
        states = trained * max(2, recipe.get("ckpt.max_num", 3)) * (not recipe.get("ckpt.disable_ds"))
    return round(parameters * (folders * HF_BYTES + states * DEEPSPEED_BYTES))


def count_parameters(model: str | Path) -> int | None:
    """Parameters of a model folder, from the headers of its safetensors files; None where it has none.

    InputError names a file that was cut off.
    """
    total = 0
    for path in sorted(Path(model).glob("*.safetensors")):
        try:
            with open(path, "rb") as file:
                header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        except (struct.error, ValueError):
            raise InputError(f"{path}: not whole (no safetensors header); make or download the model again") from None
        total += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total or None


def parameters_of(recipe: Recipe, model: str) -> float | None:
    """Parameters of the actor's model: of its files, or else `run.parameters`. None: not known.

    A model's overlay sets `run.parameters` with the model; where another model was named since, it is not of that.
    """
    counted = count_parameters(model)
    if counted is not None or recipe.run.parameters is None:
        return counted
    overlays = [OmegaConf.load(path) for path in sorted((CONFIGS / "model").glob("*.yaml"))]
    written_for = {
        OmegaConf.select(overlay, "actor.model_name_or_path")
        for overlay in overlays
        if OmegaConf.select(overlay, "run.parameters") == recipe.run.parameters
    }
    if written_for and recipe.get("actor.model_name_or_path") not in written_for:
        return None
    return recipe.run.parameters


def check_vocabularies(actor: str, critic: str) -> None:
    """Refuse a critic whose tokens are not the actor's, as far as two model folders tell (of a hub id nothing is).

    Vocabularies of two sizes pass where the tokenizer is the same file: sizes of one family differ by padding.
    """
    actors, critics = vocabulary_size(actor), vocabulary_size(critic)
    if actors is None or critics is None or actors == critics:
        return
    tokenizers = [Path(model) / "tokenizer.json" for model in (actor, critic)]
    if all(path.is_file() for path in tokenizers) and len({path.read_bytes() for path in tokenizers}) == 1:
        return
    raise InputError(
        f"critic.model_name_or_path: {critic} has a vocabulary of {critics:,} and the actor's {actor} one of "
        f"{actors:,}, but the critic reads the actor's tokens; critic.model_name_or_path=null takes the actor's model"
    )


def vocabulary_size(model: str) -> int | None:
    """`vocab_size` in a model folder's config.json; None where there is none."""
    path = Path(model) / "config.json"
    config = read_json(path) if path.is_file() else None
    found = config.get("vocab_size") if isinstance(config, dict) else None
    return found if isinstance(found, int) else None


def rows(recipe: Recipe, plan: Plan, run_dir: Path, notes: dict[str, str]) -> list[tuple[str, str]]:
    """The plan as label and text, for the terminal."""
    get = recipe.get
    shared = "all on the same GPUs" if get("train.colocate_all") else ""
    if not shared and get("train.colocate_actor_ref"):
        shared = "actor and reference on the same GPUs"
    by_role = ", ".join(f"{role} {count}" for role, count in plan.roles.items())
    kind = "logical GPUs (no GPU needed)" if recipe.run.device == "cpu" else "GPUs"
    epochs = f"{plan.epochs}"
    if plan.epochs != recipe.run.epochs:
        epochs += f" (as many optimiser steps as {recipe.run.epochs} epochs of {recipe.run.epoch_prompts:,} prompts)"
    disk = "size unknown" if plan.disk_bytes is None else f"up to {size(plan.disk_bytes)} on disk"
    if plan.disk_bytes is None and recipe.run.parameters is not None:
        disk += " (run.parameters is of another model; give this one's)"
    return [
        ("model", str(get("actor.model_name_or_path"))),
        ("prompts", f"{plan.prompts:,} from {recipe.run.prompt_file}{notes.get('prompts', '')}"),
        ("validation", notes.get("validation", "none")),
        ("epochs", epochs),
        ("steps", f"{plan.steps_per_epoch} an epoch, {plan.steps:,} in all"),
        (
            "samples",
            f"{min(_rollout_batch(recipe), plan.prompts):,} prompts x {get('rollout.n_samples_per_prompt', 1)} "
            "a step",
        ),
        (
            "optimiser steps",
            f"{plan.optimizer_steps_per_epoch} an epoch, {plan.optimizer_steps:,} in all, "
            f"{recipe.run.warmup_steps} of them warm-up",
        ),
        (kind, f"{plan.gpus}: {by_role}" + (f" ({shared})" if shared else "")),
        ("checkpoints", disk),
        ("folder", str(run_dir)),
    ]


def size(count: float) -> str:
    """Bytes as people read them: `3.1 GB`, `12 MB`."""
    return f"{count / GB:,.1f} GB" if count >= GB else f"{count / 1e6:,.0f} MB"
