"""Several machines: waiting for them, the environment of a node, the Slurm script without Slurm."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lim.errors import InputError
from train import cluster
from train.recipe import ROOT


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_waiting_ends_with_one_line():
    with pytest.raises(InputError, match=r"127\.0\.0\.1:\d+: nothing listens there after 0 s; is the head running\?"):
        cluster.wait_for_nodes(f"127.0.0.1:{free_port()}", 1, 0)
    with pytest.raises(InputError, match="head: not HOST:PORT"):
        cluster.wait_for_nodes("head", 1, 0)


def test_environment_of_a_machine_without_gpu(monkeypatch, capsys):
    monkeypatch.setattr("train.cpu.available_gpus", lambda: 0)
    cluster.main(["environment"])
    output = capsys.readouterr().out
    assert "export LIM_CPU=1\n" in output
    assert "export LIM_NODE_GPUS=4\n" in output
    assert "RAY_OVERRIDE_RESOURCES" not in output


def test_environment_of_a_machine_with_gpus(monkeypatch, capsys):
    monkeypatch.setattr("train.cpu.available_gpus", lambda: 8)
    monkeypatch.setenv("PYTHONPATH", "/else where")
    cluster.main(["environment"])
    assert capsys.readouterr().out == f"export PYTHONPATH='{ROOT}:/else where'\nexport LIM_NODE_GPUS=8\n"


def test_an_address_without_a_cluster(monkeypatch):
    monkeypatch.setattr("ray.init", lambda **_: (_ for _ in ()).throw(ConnectionError("no\nstack")))
    with pytest.raises(InputError, match=r"RAY_ADDRESS=h:1: no Ray cluster there \(no\); unset it"):
        cluster.cluster_gpus("h:1")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_slurm_script_makes_a_cluster_of_two_nodes(tmp_path: Path):
    """The real script, real Ray: head and worker on this machine; srun and scontrol run things here."""
    tools = tmp_path / "bin"
    tools.mkdir()
    stand_ins = {
        "scontrol": "printf 'one\\ntwo\\n'",
        "srun": "while [[ $1 == --* ]]; do shift; done\n"
        'if [ "$1 $2" = "hostname --ip-address" ]; then echo 127.0.0.1; else exec "$@"; fi',
    }
    for name, body in stand_ins.items():
        (tools / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tools / name).chmod(0o755)
    report = tmp_path / "report.sh"
    report.write_text(
        f"exec {sys.executable} -c 'import os, ray; ray.init(log_to_driver=False); "
        'print("NODES", len(ray.nodes()), "GPUS", ray.cluster_resources()["GPU"], "ARG", os.environ["ARG"])\'\n'
    )
    ray_folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # the path of a socket has 107 bytes at most
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(ROOT),
        "SLURM_JOB_NODELIST": "two nodes",
        "SLURM_JOB_NUM_NODES": "2",
        "PORT": str(free_port()),
        "GPUS": "2",
        "WAIT": "120",
        "PYTHON": sys.executable,
        "ARG": "kept",
        "NODE_IP": "127.0.0.1",
        "RAY_TMPDIR": ray_folder,
    }
    command = ["bash", str(ROOT / "scripts" / "slurm_train.sh"), str(report)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200)
    finally:
        shutil.rmtree(ray_folder, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "NODES 2 GPUS 4.0 ARG kept" in done.stdout
    # The nodes end with the job.
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(environment["PORT"]))) != 0
