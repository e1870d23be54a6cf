"""The GPUs there are, of this machine or of a Ray cluster, against those that a recipe wants."""

from __future__ import annotations

import os
import time
from typing import Any

import psutil

from lim.utils.errors import InputError, one_line
from lim.utils.ray import host_and_port, init, knock
from train.recipe import memory
from train.recipe.recipe import Recipe

RELEASE = 20.0  # seconds to wait for the GPUs of a run that has just ended


def check_gpus(chosen: Recipe, wanted: int) -> None:
    """Refuse more GPUs than there are, or than a cluster has free, and say what would fit.

    A run without RAY_ADDRESS starts a Ray of its own; what else uses this machine's GPUs is not known then.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        have, free = cluster_gpus(address, wanted)
        where = f"the Ray cluster at {address}"
    else:
        from train.gpu import available_gpus

        have = free = available_gpus()
        where = "this machine"
        if chosen.run.device == "cpu" and have:
            raise InputError(
                f"{chosen.run.name}: placed on logical GPUs (run.device=cpu), but this machine has {have} real ones; "
                "use them with +colocated-1gpu, or hide them with CUDA_VISIBLE_DEVICES="
            )
        if chosen.run.device == "cpu":
            return
    if wanted <= free:
        return
    if chosen.run.device == "cpu":
        advice = "start its machines with more logical ones (GPUS=4), or unset RAY_ADDRESS to use this machine"
    elif fitting := [name for name, placed, _ in memory.fitting(chosen) if placed.gpus <= free]:
        advice = f"add +{fitting[-1]}"
    else:
        advice = "POOL=arithmetic-cpu needs none; --dry_run shows the command"
    needs = f"{chosen.run.name}: the placement needs {wanted} GPUs and"
    if wanted <= have:
        raise InputError(
            f"{needs} {free:g} of the {have:g} of {where} are free; wait until the run that holds the others ends "
            f"and give this command again, or {advice}"
        )
    raise InputError(f"{needs} {where} has {have:g}; {advice}")


def cluster_gpus(address: str, wanted: int) -> tuple[float, float]:
    """(all, free) GPUs of the Ray cluster at `address`.

    Waits up to `RELEASE` seconds for `wanted` of them to be free: a run that has just ended gives its own back one by
    one. InputError where no cluster is, or this machine is not part of it.
    """
    instead = "unset RAY_ADDRESS to use this machine"
    if not listens(address):
        raise InputError(f"RAY_ADDRESS={address}: no Ray cluster there (nothing listens); {instead}")
    try:
        ray = connect(address, 5)
    except InputError as error:
        raise InputError(f"RAY_ADDRESS={error}; or {instead}") from None
    end = time.monotonic() + RELEASE
    try:
        have = ray.cluster_resources().get("GPU", 0)
        while (free := ray.available_resources().get("GPU", 0)) < wanted <= have and time.monotonic() < end:
            time.sleep(0.5)
        return have, free
    finally:
        ray.shutdown()


def check_room(wanted: int) -> None:
    """Refuse a run on `wanted` GPUs for which the Ray that it is connected to has no room, after `RELEASE` seconds.

    OpenRLHF reserves a CPU with each GPU, and the trainer takes one to start: without them it would wait without end.
    """
    import ray

    needed = {"GPU": wanted, "CPU": wanted + 1}
    end = time.monotonic() + RELEASE
    while any((free := ray.available_resources()).get(kind, 0) < count for kind, count in needed.items()):
        if time.monotonic() > end:
            have = " and ".join(f"{free.get(kind, 0):g} {kind}s" for kind in needed)
            raise InputError(
                f"Ray has {have} free, and the run needs {wanted} and {wanted + 1}: another run has taken them, or "
                "the batch system or container allows fewer (bash scripts/doctor.sh RECIPE says which)"
            )
        time.sleep(0.5)


def connect(address: str, seconds: float) -> Any:
    """Ray, connected to the cluster at `address` without its messages. InputError where it cannot be.

    A program joins a cluster through the Ray node of its own machine. `seconds` is how long to look for one; without
    it Ray would look for a minute, and end with an error that does not say so.
    """
    end = time.monotonic() + seconds
    while host_and_port(address) and not _node_runs_here():
        if time.monotonic() > end:
            raise _not_a_member(address)
        time.sleep(0.5)
    import ray

    try:
        init(address)
    except Exception as error:
        if "No node info found" in f"{error} {error.__cause__}":  # the node here is another cluster's
            raise _not_a_member(address) from None
        what = f"{address}: no Ray cluster to be used there ({one_line(error)})"
        raise InputError(f"{what}; look at the head's output") from None
    return ray


def _not_a_member(address: str) -> InputError:
    return InputError(
        f"{address}: this machine has not joined that Ray cluster; run the command on one that has, or join it "
        f"first: bash scripts/ray_cluster.sh worker {address}"
    )


def _node_runs_here() -> bool:
    """Whether a Ray node, of whichever cluster, runs on this machine; by its processes, as Ray itself looks."""
    commands = (process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"]))
    return any("raylet" in os.path.basename(command[0]) for command in commands)


def listens(address: str) -> bool:
    """Whether anything does at HOST:PORT."""
    try:
        knock(address, 5)
    except OSError:
        return False
    return True
