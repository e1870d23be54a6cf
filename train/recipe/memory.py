"""The memory and disk a run needs, before anything starts: docs/cluster.md explains each term.

Sums of what the installed OpenRLHF, DeepSpeed and vLLM keep at once, for samples of full length. None of it was
measured on a GPU; tests/train/recipe/logits_peak.py measures the share of the logits on a CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from omegaconf import OmegaConf

from lim.utils.errors import InputError
from train.recipe import recipe
from train.recipe.files import overlays_of
from train.recipe.model import Shape
from train.recipe.recipe import Recipe
from train.recipe.resolve import Resolved, resolve

GIB = 2**30
# Bytes per parameter: bf16 weights, bf16 gradients, DeepSpeed's fp32 master copy with Adam's two moments.
WEIGHTS, GRADIENTS, OPTIMIZER = 2, 2, 12
# Copies of the fp32 logits. In training: the logits, the cross-entropy's gradient, the temperature's. Without
# gradients: the logits and the bf16 ones that they are made of. Both measured on a CPU.
LOGITS, LOGITS_READ = 3, 1.5
BUCKET = 5e8 * WEIGHTS  # DeepSpeed's reduce_bucket_size
GATHERED = 1e9 * WEIGHTS  # its stage3_max_live_parameters, of a sharded model
SUB_GROUP = 10**9  # its sub_group_size: parameters per buffer
# Assumed, not measured: a process's CUDA context with its communication buffers; vLLM's activations; a process's own
# memory on the host.
CONTEXT, ACTIVATIONS, PROCESS = 0.9e9, 2e9, 0.8e9
# Of the memory that nvidia-smi gives a GPU, what torch finds: 79.25 of 80 GiB, 39.5 of 40, 23.65 of 24 in published
# messages; the driver keeps the rest.
USABLE = 0.985
HOST_SHARE = 0.95  # Ray ends processes above it (RAY_memory_usage_threshold)


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes: of the fullest GPU while models train and while vLLM generates, of a node's host, and of disk in all."""

    gpu_train: int
    gpu_generate: int
    host: int  # memory a node should have
    disk: int
    gpu: int  # of each GPU, as `run.gpu_memory` says; 0 for a run without GPUs
    engine: int  # that vLLM needs of a GPU for its weights and the longest sample
    engine_share: int  # that `vllm.gpu_memory_utilization` gives it

    @property
    def fits(self) -> bool:
        """Whether the GPUs are large enough."""
        return max(self.gpu_train, self.gpu_generate) <= self.usable and self.engine <= self.engine_share

    @property
    def usable(self) -> float:
        """Bytes of each GPU that a run can have."""
        return self.gpu * USABLE


def memory_plan(resolved: Resolved) -> MemoryPlan | None:
    """What a run needs; None where the model's size or shape is not known (`run.parameters`, `run.shape`)."""
    parameters, shape = resolved.parameters, resolved.shape
    if parameters is None or shape is None:
        return None
    chosen, get, roles = resolved.recipe, resolved.recipe.get, resolved.roles
    shared, offload, cpu = get("train.colocate_all"), get("ds.adam_offload"), chosen.run.device == "cpu"
    stage = get("ds.zero_stage")
    trained = [role for role in ("actor", "critic") if role in roles]
    models = [role for role in ("actor", "critic", "reference") if role in roles]

    def weights(role: str) -> float:
        return WEIGHTS * parameters / (roles[role] if stage == 3 else 1)

    def states(role: str) -> float:
        """Gradients and optimiser of a model that trains; offloaded, both are on the host."""
        gradients = GRADIENTS * parameters / (roles[role] if stage >= 2 else 1)
        return 0 if offload else gradients + OPTIMIZER * parameters / (roles[role] if stage >= 1 else 1)

    def beside(role: str) -> list[str]:
        """The models on a model's GPUs, itself included."""
        if shared or (get("train.colocate_actor_ref") and role != "critic"):
            return [other for other in models if shared or other != "critic"]
        return [role]

    # vLLM takes its share of the GPU, whatever it needs.
    gpu = 0 if cpu else round(chosen.run.gpu_memory * GIB)
    engine_weights = WEIGHTS * parameters / get("vllm.tensor_parallel_size")
    cache = get("data.max_len") * shape.cache_bytes / get("vllm.tensor_parallel_size")
    share, engine = get("vllm.gpu_memory_utilization") * gpu, engine_weights + cache + ACTIVATIONS

    # Weights of all models on a GPU stay there while one trains, and so do states and an engine that do not sleep.
    awake = {role: 0.0 if get("ds.enable_sleep") else states(role) for role in trained}
    engine_awake = max(share, engine) if shared and not get("vllm.enable_sleep") else 0.0
    resident = {
        role: engine_awake + sum(weights(other) + awake.get(other, 0.0) for other in beside(role)) for role in models
    }
    tokens = {name: tokens_at_once(chosen, name) for name in ("train", "rollout")}
    buckets = BUCKET + (GATHERED + WEIGHTS * shape.vocab_size * shape.hidden_size if stage == 3 else 0)
    passing = {
        "train": LOGITS * 4 * tokens["train"] * shape.vocab_size + checkpoints(chosen, shape, tokens["train"]),
        "rollout": LOGITS_READ * 4 * tokens["rollout"] * shape.vocab_size,
    }
    fixed = {role: buckets + (len(beside(role)) + bool(shared)) * CONTEXT for role in models}
    peaks = [resident[role] - awake[role] + states(role) + passing["train"] + fixed[role] for role in trained]
    peaks += [resident[role] + passing["rollout"] + fixed[role] for role in models if role != "critic"]
    asleep = sum(weights(role) + awake.get(role, 0.0) + CONTEXT for role in models) if shared else 0

    return MemoryPlan(
        gpu_train=0 if cpu else round(max(peaks)),
        gpu_generate=0 if cpu else round(max(share, engine) + CONTEXT + asleep),
        host=round(host_bytes(resolved, shape, parameters, trained) / HOST_SHARE),
        disk=disk_bytes(chosen, parameters, validation=chosen.run.val_file is not None),
        gpu=gpu,
        engine=0 if cpu else round(engine),
        engine_share=round(share),
    )


def tokens_at_once(chosen: Recipe, name: str) -> float:
    """Most tokens of a pass of `train` or `rollout` on one GPU."""
    get = chosen.get
    most = get(f"{name}.max_tokens_per_gpu") or get("train.max_tokens_per_gpu")
    dynamic = get("train.dynamic_batch_enable")
    return (most if dynamic else get(f"{name}.micro_batch_size") * get("data.max_len")) / get("ds.ring_attn_size")


def checkpoints(chosen: Recipe, shape: Shape, tokens: float) -> float:
    """Activations kept for the backward pass: a bf16 vector per token and layer, or all that a layer makes."""
    if chosen.get("actor.gradient_checkpointing_enable"):
        return shape.num_hidden_layers * tokens * shape.hidden_size * WEIGHTS
    return shape.num_hidden_layers * tokens * (10 * shape.hidden_size + 4 * shape.intermediate_size) * WEIGHTS


def host_bytes(resolved: Resolved, shape: Shape, parameters: float, trained: list[str]) -> float:
    """Memory of the fullest node that its processes use."""
    get, roles = resolved.recipe.get, resolved.roles
    engines, nodes = get("vllm.num_engines"), get("actor.num_nodes")
    one_copy = WEIGHTS * parameters
    if resolved.recipe.run.device == "cpu":
        states = (WEIGHTS + GRADIENTS + OPTIMIZER) * parameters * len(trained)
        return states + one_copy * (engines + ("reference" in roles)) + (sum(roles.values()) + 2) * PROCESS
    processes = PROCESS * (len(roles) if get("train.colocate_all") else 1) * resolved.gpus / nodes
    # Actor and critic on separate GPUs may share a node.
    states = sum(host_states(parameters, roles[role], get("ds.adam_offload")) * roles[role] for role in trained)
    kept = states / nodes if get("ds.adam_offload") or get("ds.enable_sleep") else 0.0
    if get("vllm.enable_sleep"):
        split = get("vllm.tensor_parallel_size")
        kept += engine_backup(shape, split) * split * engines / nodes
    # Every save gathers the weights on the first node.
    return kept + one_copy + processes


def pinned(size: float) -> float:
    """Bytes that torch takes for a pinned buffer: a power of two."""
    return 2.0 ** math.ceil(math.log2(size))


def host_states(parameters: float, gpus: int, offloaded: bool) -> float:
    """Pinned bytes of a GPU's share of a model's states: asleep, or on the host for good (`ds.adam_offload`).

    fp32 copy and two moments in sub-groups, and the bf16 gradients; for good, also the gradients in fp32.
    """
    share = parameters / gpus
    groups = [min(SUB_GROUP, share - start) for start in range(0, math.ceil(share), SUB_GROUP)]
    return (4 if offloaded else 3) * sum(pinned(4 * size) for size in groups) + pinned(GRADIENTS * share)


def engine_backup(shape: Shape, split: int) -> float:
    """Pinned bytes of a sleeping vLLM engine's weights on one of its `split` GPUs, matrix by matrix."""
    width, inner = shape.hidden_size, shape.intermediate_size
    heads = shape.num_attention_heads * shape.head_size
    layer = [
        (heads + 2 * shape.num_key_value_heads * shape.head_size) * width,
        heads * width,
        2 * inner * width,
        inner * width,
    ]
    words = shape.vocab_size * width
    copies = [*((size, shape.num_hidden_layers) for size in layer), (words, 2)]
    return sum(count * pinned(WEIGHTS * size / split) for size, count in copies)


def disk_bytes(chosen: Recipe, parameters: float, *, validation: bool) -> int:
    """Most disk the run's checkpoints take at once.

    DeepSpeed's states: actor and critic, `ckpt.max_num` each and never fewer than two (train/ppo/trainer.py).
    Hugging Face folders: those kept, the best by validation, one being written, and final/. Without `ckpt.save_steps`
    only final/ is written.
    """
    get, folders, states = chosen.get, 1, 0
    if get("ckpt.save_steps") > 0:
        best = int(validation and get("eval.steps") > 0)
        folders += (chosen.run.keep_checkpoints + best + 1) * bool(get("ckpt.save_hf"))
        trained = 2 if get("algo.advantage.estimator") == "gae" else 1
        states = trained * max(2, get("ckpt.max_num")) * (not get("ckpt.disable_ds"))
    return round(parameters * (folders * WEIGHTS + states * (WEIGHTS + OPTIMIZER)))


def fitting(chosen: Recipe) -> list[tuple[str, Resolved, MemoryPlan | None]]:
    """Overlays for GPUs with which the model fits, those of fewest GPUs first; plan None: its size is unknown."""
    model, found = chosen.get("actor.model_name_or_path"), []
    for name, overlay in {**overlays_of("placement"), **overlays_of("model")}.items():
        if OmegaConf.select(overlay, "actor.model_name_or_path", default=model) != model:
            continue
        try:
            changed = resolve(recipe.over(chosen, f"+{name}"))
        except InputError:  # settings given by hand that this overlay does not go with
            continue
        plan = memory_plan(changed)
        if changed.recipe.run.device == "gpu" and (plan is None or plan.fits):
            found.append((name, changed, plan))
    return sorted(found, key=lambda row: (row[1].gpus, row[0]))


def check(resolved: Resolved) -> MemoryPlan | None:
    """The plan. InputError where the GPUs are too small, with the overlay or settings that would fit."""
    plan = memory_plan(resolved)
    if plan is None or plan.fits:
        return plan
    chosen, phases = resolved.recipe, {"training": plan.gpu_train, "generating": plan.gpu_generate}
    phase = max(phases, key=lambda name: phases[name])
    needs = f"{phase} needs {phases[phase] / 1e9:.0f} GB per GPU of {plan.usable / 1e9:.0f} GB"
    if phases[phase] <= plan.usable:
        needs = (
            f"vLLM needs {plan.engine / 1e9:.0f} GB per GPU, and vllm.gpu_memory_utilization gives it "
            f"{plan.engine_share / 1e9:.0f} GB"
        )
    overlays = [(changed.gpus > resolved.gpus, f"add +{name}") for name, changed, _ in fitting(chosen)]
    settings = [(False, found)] if (found := smaller(chosen)) else []
    advice = [text for _, text in sorted([*overlays, *settings], key=lambda row: row[0])]
    advice += ["spread it over more GPUs (actor., critic. and ref.num_nodes, vllm.num_engines)"]
    raise InputError(
        f"{chosen.run.name}: {needs}; {advice[0]}, or say with run.gpu_memory=GIB that the GPUs are larger "
        "(docs/cluster.md, Memory)"
    )


def smaller(chosen: Recipe) -> str | None:
    """Settings with which the recipe fits on the GPUs it is placed on."""
    micro = ["train.micro_batch_size=1", "rollout.micro_batch_size=1"]
    engines, parallel = chosen.get("vllm.num_engines"), chosen.get("vllm.tensor_parallel_size")
    split = [f"vllm.num_engines={engines // 2}", f"vllm.tensor_parallel_size={parallel * 2}"] if engines > 1 else []
    for changes in (micro, split, [*micro, *split], [*micro, *split, "ds.adam_offload=true"]):
        for more in (changes, [*changes, *less_cache(chosen, changes)]):
            plan = planned(chosen, more)
            if plan is not None and plan.fits:
                return f"set {' '.join(more)}"
    return None


def planned(chosen: Recipe, changes: list[str]) -> MemoryPlan | None:
    """The plan of the recipe with changes; None where they do not go with it."""
    try:
        return memory_plan(resolve(recipe.over(chosen, *changes)))
    except InputError:
        return None


def less_cache(chosen: Recipe, changes: list[str]) -> list[str]:
    """The share of the GPUs that vLLM may take beside all else, where it takes too much; nothing elsewhere."""
    plan = planned(chosen, changes)
    if plan is None or plan.gpu_generate <= plan.usable:
        return []
    share = (plan.usable - plan.gpu_generate + max(plan.engine_share, plan.engine)) / plan.gpu
    return [f"vllm.gpu_memory_utilization={math.floor(20 * share) / 20:g}"]
