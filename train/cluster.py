"""The GPUs there are, against the GPUs a recipe wants."""

from __future__ import annotations

import logging
import os

from lim.errors import InputError
from train import plan, recipe
from train.recipe import CONFIGS, Recipe


def check_gpus(chosen: Recipe, wanted: int) -> None:
    """Refuse more GPUs than there are, and say what would fit."""
    address = os.environ.get("RAY_ADDRESS")
    if address:
        have, where = cluster_gpus(address), f"the Ray cluster at {address}"
    elif chosen.run.device == "cpu":
        return
    else:
        from train.cpu import available_gpus

        have, where = available_gpus(), "this machine"
    if wanted <= have:
        return
    fitting = [(count, name) for name, count in placements().items() if count <= have]
    if fitting:
        advice = f"add +{max(fitting)[1]} (docs/cluster.md says which models fit)"
    else:
        advice = "POOL=arithmetic-cpu needs none; --dry_run shows the command"
    raise InputError(f"{chosen.run.name}: the placement needs {wanted} GPUs and {where} has {have:g}; {advice}")


def placements() -> dict[str, int]:
    """GPUs that each placement for real GPUs needs."""
    counts = {}
    for path in sorted((CONFIGS / "placement").glob("*.yaml")):
        placed = recipe.load("math.8k", [str(path)])
        if placed.run.device == "gpu":
            counts[path.stem] = plan.gpu_roles(placed)[1]
    return counts


def cluster_gpus(address: str) -> float:
    """GPUs of a running Ray cluster."""
    import ray

    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:
        text = str(error).strip().splitlines()[0]
        raise InputError(
            f"RAY_ADDRESS={address}: no Ray cluster there ({text}); unset it to use this machine"
        ) from None
    try:
        return ray.cluster_resources().get("GPU", 0)
    finally:
        ray.shutdown()
