"""The 72B recipe's placement on a Ray cluster of four nodes of eight logical GPUs, and the loss of one of them.

Each node has a process namespace of its own and an address of its own, as on four machines. No model is loaded: the
placement group and the order of its bundles are OpenRLHF's, and a small actor sits on each node.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALONE = ("unshare", "--user", "--map-root-user", "--pid", "--mount-proc", "--fork", "--kill-child")
MACHINES = [f"127.0.0.{number}" for number in (11, 12, 13, 14)]  # Ray takes 127.0.0.1 alone for another address
GPUS = 8


def drive(address: str) -> None:
    """In the first node's namespace: place the recipe, print each node's share, wait for the loss of a node."""
    import ray
    from openrlhf.trainer.ray.utils import get_bundle_indices
    from ray.util.placement_group import placement_group, placement_group_table
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    from train.recipe import recipe
    from train.recipe.resolve import resolve
    from train.run import errors
    from train.run.gpus import check_gpus

    resolved = resolve(recipe.load("math.8k", ["qwen2.5-math-72b"]))
    check_gpus(resolved.recipe, resolved.gpus)
    ray.init(address=address, log_to_driver=False)
    dead = set(errors.dead_nodes())
    # As OpenRLHF's train() makes it for roles that share their GPUs.
    group = placement_group([{"GPU": 1, "CPU": 1}] * resolved.gpus, strategy="PACK")
    ray.get(group.ready(), timeout=60)
    addresses = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes()}
    of_bundle = placement_group_table(group)["bundles_to_node_id"]
    engines, size = resolved.recipe.get("vllm.num_engines"), resolved.recipe.get("vllm.tensor_parallel_size")
    table = [[addresses[of_bundle[i]] for i in get_bundle_indices(group, engine, size)] for engine in range(engines)]

    @ray.remote(num_cpus=0.2, num_gpus=0.2)
    class PolicyModelActor:
        def processes(self) -> int:
            return len([name for name in os.listdir("/proc") if name.isdigit()])

        def train(self) -> None:
            time.sleep(600)

    first = {addresses[of_bundle[i]]: i for i in reversed(range(resolved.gpus))}
    actors = {
        address: PolicyModelActor.options(
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
        ).remote()
        for address, index in first.items()
    }
    seen = dict(zip(actors, ray.get([actor.processes.remote() for actor in actors.values()]), strict=True))
    print(json.dumps({"engines": table, "processes": seen}), flush=True)
    started = time.monotonic()
    try:
        ray.get([actor.train.remote() for actor in actors.values()])
    except Exception as error:
        print(
            json.dumps({"error": errors.describe_in_cluster(error, dead), "seconds": time.monotonic() - started}),
            flush=True,
        )


def allowed() -> bool:
    return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not allowed(), reason="this machine permits no process namespaces (unshare)")
def test_72b_on_four_nodes_and_one_of_them_lost(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{MACHINES[0]}:{port}"
    ray_folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # the path of a socket has 107 bytes at most
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PORT": str(port),
        "GPUS": str(GPUS),
        "RAY_ADDRESS": address,
    }
    environment |= {"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": GPUS + 2}), "RAY_TMPDIR": ray_folder}
    driver = f"bash scripts/ray_cluster.sh wait {len(MACHINES)} && {sys.executable} {__file__} {address}"
    nodes: list[subprocess.Popen[str]] = []
    try:
        for machine in MACHINES:
            script = f"exec bash scripts/ray_cluster.sh worker {address}"
            if not nodes:
                # The driver is told to start when all have joined; a program joins through its own machine's node.
                script = f"bash scripts/ray_cluster.sh head & read -r; {driver}"
            errors = open(tmp_path / f"{machine}.txt", "w")  # noqa: SIM115
            node = subprocess.Popen(
                [*ALONE, "bash", "-c", script],
                cwd=ROOT,
                env={**environment, "NODE_IP": machine, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            nodes.append(node)
            # Ray gives a node 30 s to come up, which four at once on two cores may not do.
            assert any("Ray runtime started" in line for line in node.stdout), (
                tmp_path / f"{machine}.txt"
            ).read_text()
        nodes[0].stdin.write("\n")
        nodes[0].stdin.flush()
        told = (json.loads(line) for line in nodes[0].stdout if line.startswith("{"))
        placed = next(told, None)
        assert placed, (tmp_path / f"{MACHINES[0]}.txt").read_text()[-2000:]
        # An engine's eight GPUs are one node's, and each engine has a node of its own.
        assert [set(engine) for engine in placed["engines"]] == [{engine[0]} for engine in placed["engines"]]
        assert {engine[0] for engine in placed["engines"]} == placed["processes"].keys() == set(MACHINES)
        assert all(len(engine) == GPUS for engine in placed["engines"])
        assert max(placed["processes"].values()) < 60, "a node sees processes of another"
        nodes[2].kill()
        lost = next(told)
        assert lost["error"].startswith(f"the machine {MACHINES[2]} left the Ray cluster"), lost
        assert lost["seconds"] < 90
    finally:
        for node in nodes:
            node.kill()
            node.wait(30)
        shutil.rmtree(ray_folder, ignore_errors=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    drive(sys.argv[1])
