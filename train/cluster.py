"""The GPUs there are, against the GPUs a recipe wants; and the joining of several machines.

    python -m train.cluster wait --address HEAD_IP:6379 --nodes 2     until that many machines have joined
    python -m train.cluster environment                               what a machine's Ray needs, for a shell

scripts/ray_cluster.sh is the way to call these.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

import psutil

from lim.utils.address import host_and_port, knock
from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from train.recipe import recipe
from train.recipe.recipe import CONFIGS, ROOT, Recipe
from train.recipe.resolve import gpu_roles
from train.run.environment import write

# Seconds to wait for the GPUs of a run that has just ended, and for the Ray node of this machine to come up.
RELEASE, NODE_STARTS = 20.0, 60.0


def check_gpus(chosen: Recipe, wanted: int) -> None:
    """Refuse more GPUs than there are, or than a cluster has free, and say what would fit.

    A run without RAY_ADDRESS starts a Ray of its own; what else uses this machine's GPUs is not known then.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        have, free = cluster_gpus(address, wanted)
        where = f"the Ray cluster at {address}"
    else:
        from train.cpu import available_gpus

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
    elif fitting := [(count, name) for name, count in placements().items() if count <= free]:
        advice = f"add +{max(fitting)[1]} (docs/cluster.md says which models fit)"
    else:
        advice = "POOL=arithmetic-cpu needs none; --dry_run shows the command"
    needs = f"{chosen.run.name}: the placement needs {wanted} GPUs and"
    if wanted <= have:
        raise InputError(
            f"{needs} {free:g} of the {have:g} of {where} are free; wait until the run that holds the others ends "
            f"and give this command again, or {advice}"
        )
    raise InputError(f"{needs} {where} has {have:g}; {advice}")


def placements() -> dict[str, int]:
    """GPUs that each placement for real GPUs needs."""
    counts = {}
    for path in sorted((CONFIGS / "placement").glob("*.yaml")):
        placed = recipe.load("math.8k", [str(path)])
        if placed.run.device == "gpu":
            counts[path.stem] = gpu_roles(placed)[1]
    return counts


def cluster_gpus(address: str, wanted: int) -> tuple[float, float]:
    """(all, free) GPUs of the Ray cluster at `address`.

    Waits up to `RELEASE` seconds for `wanted` of them to be free: a run that has just ended gives its own back one by
    one. InputError where no cluster is, or this machine is not part of it.
    """
    mend = "unset RAY_ADDRESS to use this machine"
    if not _listens(address):
        raise InputError(f"RAY_ADDRESS={address}: no Ray cluster there (nothing listens); {mend}")
    try:
        ray = connect(address, 5)
    except InputError as error:
        raise InputError(f"RAY_ADDRESS={error}; or {mend}") from None
    end = time.monotonic() + RELEASE
    try:
        have = ray.cluster_resources().get("GPU", 0)
        while (free := ray.available_resources().get("GPU", 0)) < wanted <= have and time.monotonic() < end:
            time.sleep(0.5)
        return have, free
    finally:
        ray.shutdown()


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
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of its own future default
    import ray

    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:
        if "No node info found" in f"{error} {error.__cause__}":  # the node here is another cluster's
            raise _not_a_member(address) from None
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{address}: no Ray cluster to be used there ({text}); look at the head's output") from None
    return ray


def _not_a_member(address: str) -> InputError:
    return InputError(
        f"{address}: this machine is not part of that Ray cluster; give the command on a machine that is, or let "
        f"this one join (bash scripts/ray_cluster.sh worker {address})"
    )


def _node_runs_here() -> bool:
    """Whether a Ray node, of whichever cluster, runs on this machine; by its processes, as Ray itself looks."""
    commands = (process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"]))
    return any("raylet" in os.path.basename(command[0]) for command in commands)


def wait_for_nodes(address: str, nodes: int, seconds: float) -> None:
    """Return once the cluster at `address` answers and has `nodes` living machines. InputError after `seconds`.

    With 0 nodes the head's port is all that is asked for: a machine that has yet to join can ask no more.
    """
    if host_and_port(address) is None:
        raise InputError(f"{address}: not HOST:PORT, such as 10.0.0.1:6379")
    end = time.monotonic() + seconds
    while not _listens(address):
        if time.monotonic() > end:
            raise InputError(
                f"{address}: nothing listens there after {seconds:g} s; is the head running? (head first)"
            )
        time.sleep(0.5)
    if nodes == 0:
        return

    ray = connect(address, min(NODE_STARTS, max(0.0, end - time.monotonic())))
    try:
        while (joined := sum(node["Alive"] for node in ray.nodes())) < nodes:
            if time.monotonic() > end:
                raise InputError(f"{address}: {joined} of {nodes} machines have joined after {seconds:g} s")
            time.sleep(0.5)
    finally:
        ray.shutdown()


def _listens(address: str) -> bool:
    try:
        knock(address, 5)
    except OSError:
        return False
    return True


def node_environment() -> dict[str, str]:
    """What Ray on this machine must be started with, and LIM_NODE_GPUS, the GPUs it may hand out."""
    from train import cpu

    gpus = cpu.available_gpus()
    if gpus:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(path for path in paths if path), **write(node_gpus=gpus)}
    variables = cpu.environment()
    del variables["RAY_OVERRIDE_RESOURCES"]  # on a cluster each machine states its own
    return variables | write(node_gpus=4)


def main(argv: Sequence[str] | None = None) -> None:
    parser = Parser(prog="python -m train.cluster", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    waiting = commands.add_parser("wait", help="until the machines have joined")
    waiting.add_argument("--address", required=True, help="HOST:PORT of the head")
    waiting.add_argument("--nodes", type=int, required=True, help="machines, the head included; 0: the head's port")
    waiting.add_argument("--seconds", type=float, default=300)
    commands.add_parser("environment", help="export lines for a shell")
    arguments = parser.parse_args(argv)
    if arguments.command == "wait":
        wait_for_nodes(arguments.address, arguments.nodes, arguments.seconds)
    else:
        for name, value in node_environment().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
