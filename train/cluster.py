"""The joining of several machines to one Ray cluster.

    python -m train.cluster wait --address HEAD_IP:6379 --nodes 2     until that many machines have joined
    python -m train.cluster environment                               what a machine's Ray needs, for a shell

scripts/ray_cluster.sh is the way to call these.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Sequence

from eval.engine.engine import LONGEST
from lim.utils.cli import Parser, between, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.ray import host_and_port
from train.run.environment import write
from train.run.gpus import connect, listens

NODE_STARTS = 60.0  # seconds for the Ray node of this machine to come up


def wait_for_nodes(address: str, nodes: int, seconds: float) -> None:
    """Return once the cluster at `address` answers and has `nodes` living machines. InputError after `seconds`.

    With 0 nodes the head's port is all that is asked for: a machine that has yet to join can ask no more.
    """
    if host_and_port(address) is None:
        raise InputError(f"{address}: not HOST:PORT, such as 10.0.0.1:6379")
    end = time.monotonic() + seconds
    while not listens(address):
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


def node_environment(wanted: int | None = None) -> dict[str, str]:
    """What Ray on this machine must be started with, and LIM_NODE_GPUS, the GPUs it may hand out.

    Those found, or `wanted`; on a machine without any these are logical ones, which must be wanted: a run on GPUs
    would place its models on them.
    """
    from train import cpu, gpu

    found = gpu.available_gpus()
    if found and wanted is not None and wanted > found:
        raise InputError(f"GPUS={wanted}: this machine has {found}; leave GPUS out to use them all")
    if found or not wanted:
        return gpu.environment() | sockets() | write(node_gpus=found if wanted is None else wanted)
    variables = cpu.environment(wanted)
    del variables["RAY_OVERRIDE_RESOURCES"]  # on a cluster each machine states its own
    return variables | sockets() | write(node_gpus=wanted)


def check_port(port: int) -> None:
    """Raise InputError where something listens at a port of this machine that is to be the head's.

    Ray would try for a minute and end with a stack trace; meanwhile others would join what listens there, if that is
    another user's Ray, or one that was left behind.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have just ended do not count
        try:
            probe.bind(("", port))
        except OSError as error:
            raise InputError(
                f"PORT={port}: cannot be the head's here ({error.strerror}): another Ray may listen there, another "
                "user's or one left behind; set another PORT on all machines, or end that one"
            ) from None


def sockets() -> dict[str, str]:
    """Where vLLM's sockets lie, if this machine's folder for temporary files is too long for them.

    A batch system may make it so; a run without a cluster has a folder of its own for them (train/run/supervise.py).
    """
    if os.environ.get("VLLM_RPC_BASE_PATH") or len(tempfile.gettempdir()) <= LONGEST:
        return {}
    return {"VLLM_RPC_BASE_PATH": "/tmp"}


def main(argv: Sequence[str] | None = None) -> None:
    parser = Parser(prog="python -m train.cluster", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    waiting = commands.add_parser("wait", help="until the machines have joined")
    waiting.add_argument("--address", required=True, help="HOST:PORT of the head")
    waiting.add_argument("--nodes", type=whole(0), required=True, help="machines with the head; 0: the head's port")
    waiting.add_argument("--seconds", type=between(0, 86400), default=300)
    environment = commands.add_parser("environment", help="export lines for a shell")
    environment.add_argument("--gpus", type=whole(0), help="GPUs that the machine hands out; default: those found")
    environment.add_argument("--port", type=whole(1024, 65535), help="the head's: an error where it is taken")
    arguments = parser.parse_args(argv)
    if arguments.command == "wait":
        wait_for_nodes(arguments.address, arguments.nodes, arguments.seconds)
    else:
        if arguments.port is not None:
            check_port(arguments.port)
        variables = node_environment(arguments.gpus)
        if variables["LIM_NODE_GPUS"] == "0":
            note = "no GPU is visible on this machine: none is handed out here"
            sys.stderr.write(f"note: {note} (GPUS=4: logical ones, for runs on CPUs)\n")
        for name, value in variables.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
