"""The GPUs there are, against the GPUs a recipe wants; and the joining of several machines.

    python -m train.cluster wait --address HEAD_IP:6379 --nodes 2     until that many machines have joined
    python -m train.cluster environment                               what a machine's Ray needs, for a shell

scripts/ray_cluster.sh is the way to call these.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from lim.errors import InputError, run_cli
from train import plan, recipe
from train.recipe import CONFIGS, ROOT, Recipe


def check_gpus(chosen: Recipe, wanted: int) -> None:
    """Refuse more GPUs than there are, and say what would fit."""
    address = os.environ.get("RAY_ADDRESS")
    if address:
        have, where = cluster_gpus(address), f"the Ray cluster at {address}"
    else:
        from train.cpu import available_gpus

        have, where = available_gpus(), "this machine"
        if chosen.run.device == "cpu" and have:
            raise InputError(
                f"{chosen.run.name}: placed on logical GPUs (run.device=cpu), but this machine has {have} real ones; "
                "use them with +colocated-1gpu, or hide them with CUDA_VISIBLE_DEVICES="
            )
        if chosen.run.device == "cpu":
            return
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
    try:
        ray = connect(address)
    except Exception as error:
        text = str(error).strip().splitlines()[0]
        raise InputError(
            f"RAY_ADDRESS={address}: no Ray cluster there ({text}); unset it to use this machine"
        ) from None
    try:
        return ray.cluster_resources().get("GPU", 0)
    finally:
        ray.shutdown()


def connect(address: str) -> Any:
    """Ray, connected to the cluster at `address`, without its messages."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of its own future default
    import ray

    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    return ray


def wait_for_nodes(address: str, nodes: int, seconds: float) -> None:
    """Return once the cluster at `address` answers and has `nodes` living machines. InputError after `seconds`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"{address}: not HOST:PORT, such as 10.0.0.1:6379")
    end = time.monotonic() + seconds
    while not _listens(host, int(port)):
        if time.monotonic() > end:
            raise InputError(
                f"{address}: nothing listens there after {seconds:g} s; is the head running? (head first)"
            )
        time.sleep(0.5)

    ray = connect(address)
    try:
        while (joined := sum(node["Alive"] for node in ray.nodes())) < nodes:
            if time.monotonic() > end:
                raise InputError(f"{address}: {joined} of {nodes} machines have joined after {seconds:g} s")
            time.sleep(0.5)
    finally:
        ray.shutdown()


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except OSError:
        return False


def node_environment() -> dict[str, str]:
    """What Ray on this machine must be started with, and LIM_NODE_GPUS, the GPUs it may hand out."""
    from train import cpu

    gpus = cpu.available_gpus()
    if gpus:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "LIM_NODE_GPUS": str(gpus)}
    variables = cpu.environment()
    del variables["RAY_OVERRIDE_RESOURCES"]  # on a cluster each machine states its own
    return variables | {"LIM_NODE_GPUS": "4"}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.cluster", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    waiting = commands.add_parser("wait", help="until the machines have joined")
    waiting.add_argument("--address", required=True, help="HOST:PORT of the head")
    waiting.add_argument("--nodes", type=int, required=True, help="machines in all, the head included")
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
