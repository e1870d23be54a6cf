"""OpenRLHF's flags beside its parser: who sets them, their defaults, and values with which no run would go well.

Its parser takes nearly any number and word. What is refused here would otherwise end a run minutes or hours after its
start, or leave it with other settings than those given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lim.utils.errors import InputError

# Flags that `train.launch` sets itself, and the key of the `run:` block that decides each.
OWNED = {
    "data.prompt_dataset": "run.prompt_file",
    "data.prompt_split": "run.prompt_file",
    "data.prompt_probs": "run.prompt_file",
    "data.max_samples": "run.prompt_file",
    "data.input_key": "run.prompt_file",
    "data.label_key": "run.prompt_file",
    "data.apply_chat_template": "run.system_prompt",
    "data.input_template": "run.system_prompt",
    "eval.dataset": "run.val_file",
    "eval.split": "run.val_file",
    "ckpt.path": "run.name",
    "ckpt.output_dir": "run.name",
    "logger.tensorboard_dir": "run.name",
    "logger.wandb.run_name": "run.name",
    "logger.wandb.key": "the environment variable WANDB_API_KEY (a key given here would be written to run.json)",
    "ckpt.load_enable": "run.resume",
    "train.num_episodes": "run.epochs",
    "train.seed": "run.seed",
    "actor.lr_warmup_ratio": "run.warmup_steps",
    "critic.lr_warmup_ratio": "run.warmup_steps",
}
# OpenRLHF's own defaults of the flags that a plan needs; its parser is not there where it is not installed.
DEFAULTS = {
    "actor.num_nodes": 1,
    "actor.num_gpus_per_node": 8,
    "critic.num_nodes": 1,
    "critic.num_gpus_per_node": 8,
    "ref.num_nodes": 1,
    "ref.num_gpus_per_node": 8,
    "vllm.tensor_parallel_size": 1,
    "algo.advantage.estimator": "gae",
    "algo.kl.init_coef": 0.01,
    "ds.ring_attn_size": 1,
    "ds.tensor_parallel_size": 1,
    "ds.zero_stage": 2,
    "ds.attn_implementation": "flash_attention_2",
    "data.max_len": 2048,
    "vllm.gpu_memory_utilization": 0.95,
    "train.max_tokens_per_gpu": 16192,
    "train.batch_size": 128,
    "train.micro_batch_size": 1,
    "train.max_epochs": 1,
    "rollout.batch_size": 1024,
    "rollout.micro_batch_size": 1,
    "rollout.n_samples_per_prompt": 1,
    "rollout.temperature": 1.0,
    "rollout.top_p": 1.0,
    "ckpt.save_steps": -1,
    "ckpt.max_num": 3,
    "eval.steps": -1,
    "eval.n_samples_per_prompt": 4,
    "logger.logging_steps": 1,
    "vllm.sync_backend": "nccl",
}

BF16 = "vLLM's engines are of bf16 (openrlhf/trainer/ray/vllm_engine.py) and take no weights of another type; "
# Flags that cannot be right in a recipe of this project, and why.
REFUSED = {
    "reward.normalize_enable": "does nothing for a rule-based reward, and under transformers 5 OpenRLHF's critic "
    "divides its values by memory that was never set; remove it",
    "ds.load_in_4bit": f"{BF16}remove it",
    "ds.lora.rank": "vLLM's engines do not know the adapters' names, by which OpenRLHF sends the weights; remove it",
    "train.agent_func_path": "an agent's rewards are not those of train/reward.py, and its responses may be longer "
    "than rollout.max_new_tokens; remove it (run.verifiers takes a function of your own)",
    "train.async_enable": "OpenRLHF's asynchronous trainer has no epochs; remove it",
    "train.colocate_critic_reward": "there is no reward model, whose GPUs the critic could share; remove it",
    # openrlhf/trainer/ray/ppo_actor.py saves and loads the actor alone.
    "train.enable_ema": "the averaged weights, which it saves as the model, are in no checkpoint: a resumed run "
    "would begin them again from the base model; remove it",
    # DeepSpeed then looks for a converted checkpoint.
    "ds.use_universal_ckpt": "a resumed run would not find its checkpoint, as nothing here converts it; remove it",
    # openrlhf/utils/deepspeed: it deletes checkpoints until the rest are small enough, before it writes the next.
    "ckpt.max_mem": "it deletes checkpoints by their size, the last complete one too; use ckpt.max_num",
}
# Of transformers' get_scheduler, those that run with what OpenRLHF gives it, and need no metric at each step.
SCHEDULERS = (
    *("constant", "constant_with_warmup", "linear", "inverse_sqrt", "polynomial"),
    *("cosine", "cosine_with_restarts", "cosine_with_min_lr", "cosine_warmup_with_min_lr"),
)
# The words that a flag takes.
WORDS = {
    "ds.param_dtype": (("bf16",), f"{BF16}set it to bf16"),
    "actor.lr_scheduler": (SCHEDULERS, f"use {', '.join(SCHEDULERS[:-1])} or {SCHEDULERS[-1]}"),
    "critic.lr_scheduler": (SCHEDULERS, f"use {', '.join(SCHEDULERS[:-1])} or {SCHEDULERS[-1]}"),
}
# The numbers that a flag takes: (which, in words). Temperatures and top_p are those of vllm/sampling_params.py.
Numbers = tuple[Callable[[float], bool], str]
AT_LEAST_1: Numbers = (lambda value: value >= 1, "needs at least 1")
SHARE: Numbers = (lambda value: 0 < value <= 1, "needs to be above 0 and at most 1")
OR_NEVER: Numbers = (lambda value: value >= 1 or value == -1, "needs at least 1; -1: never")
NO_COUNTS = ("ds.zero_stage", "ckpt.max_num")  # of the latter a run makes at least two (train/ppo/trainer.py)
NUMBERS: dict[str, Numbers] = {
    **{key: AT_LEAST_1 for key, value in DEFAULTS.items() if type(value) is int and key not in NO_COUNTS},
    "ckpt.save_steps": OR_NEVER,
    "eval.steps": OR_NEVER,
    "ds.zero_stage": (lambda value: value in range(4), "needs to be 0, 1, 2 or 3"),
    "rollout.temperature": (lambda value: 0 < value <= 2, "needs to be above 0 and at most 2"),
    "eval.temperature": (lambda value: 0 <= value <= 2, "needs to be from 0 to 2"),
    "rollout.top_p": SHARE,
    "vllm.gpu_memory_utilization": SHARE,
    "algo.kl.init_coef": (lambda value: value >= 0, "needs at least 0"),
}


def check_values(flags: Mapping[str, Any], device: str) -> None:
    """Raise InputError for a flag that is the launcher's to set, or whose value no run goes well with.

    A value of another type than the flag's is left to OpenRLHF's parser, which tells the type.
    """
    for name, value in flags.items():
        if name in OWNED:
            raise InputError(f"{name}: is set by the launcher; use {OWNED[name]}")
        if value and name in REFUSED:
            raise InputError(f"{name}: {REFUSED[name]}")
        if name in WORDS and isinstance(value, str) and value not in WORDS[name][0]:
            raise InputError(f"{name}={value}: {WORDS[name][1]}")
        if name in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
            right, words = NUMBERS[name]
            if not right(value):
                raise InputError(f"{name}={value}: {words}")

    def get(name: str) -> Any:
        value = flags.get(name)
        return DEFAULTS.get(name) if value is None else value

    def count(name: str) -> float:
        value = get(name)
        return value if isinstance(value, int | float) else 0

    _check_attention(str(get("ds.attn_implementation")), count)
    at_once, batch = count("rollout.vllm_generate_batch_size"), count("rollout.batch_size")
    if at_once and batch and at_once != batch:
        why = (
            "a step would be of so few prompts"
            if at_once < batch
            else "only OpenRLHF's asynchronous trainer takes more"
        )
        raise InputError(
            f"rollout.vllm_generate_batch_size={at_once}: {why}, and rollout.batch_size is {batch}; remove it"
        )
    if device == "gpu" and get("vllm.sync_backend") != "nccl":
        # Another word makes OpenRLHF take NCCL where GPUs are shared, too: it refuses two processes on one GPU.
        backend = get("vllm.sync_backend")
        raise InputError(f"vllm.sync_backend={backend}: on GPUs the weights reach vLLM by nccl; remove it")


def _check_attention(attention: str, count: Callable[[str], float]) -> None:
    """Refuse packed samples without flash attention: OpenRLHF takes flash attention then, whatever is asked for."""
    least = {"ds.packing_samples": 1, "train.dynamic_batch_enable": 1, "ds.ring_attn_size": 2}  # that packs
    packs = [name for name, number in least.items() if count(name) >= number]
    if packs and "flash_attention" not in attention:
        off = "1" if packs[0] == "ds.ring_attn_size" else "false"
        raise InputError(
            f"ds.attn_implementation={attention}: {packs[0]} packs samples, for which OpenRLHF takes "
            f"flash_attention_2 instead; set {packs[0]}={off}"
        )
