"""Several machines: waiting for them, the environment of a node, the Slurm script without Slurm."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lim.utils.errors import InputError
from lim.utils.paths import ROOT
from train import cluster, launch
from train.recipe import recipe
from train.recipe.resolve import resolve
from train.run import environment, gpus


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_waiting_ends_with_one_line():
    with pytest.raises(InputError, match=r"127\.0\.0\.1:\d+: nothing listens there after 0 s; is the head running\?"):
        cluster.wait_for_nodes(f"127.0.0.1:{free_port()}", 1, 0)
    with pytest.raises(InputError, match="head: not HOST:PORT"):
        cluster.wait_for_nodes("head", 1, 0)


@pytest.mark.parametrize("flags", [["--nodes", "-1"], ["--nodes", "2", "--seconds", "-1"], ["--nodes", "x"]])
def test_a_wait_out_of_range_names_its_flag(flags, capsys):
    with pytest.raises(SystemExit, match="2"):
        cluster.main(["wait", "--address", "127.0.0.1:1", *flags])
    assert capsys.readouterr().err.startswith(f"error: {flags[-2]}: ")


@pytest.mark.parametrize("hidden", [False, True])
def test_environment_of_a_machine_without_gpu(monkeypatch, capsys, hidden):
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cluster.main(["environment", "--gpus", "3"])
    output, said = capsys.readouterr()
    # Ray hands out no more GPUs than the variable names.
    assert ("export CUDA_VISIBLE_DEVICES=logical-0,logical-1,logical-2\n" in output) is hidden
    assert "export LIM_CPU=1\n" in output
    assert "export LIM_NODE_GPUS=3\n" in output
    assert "RAY_OVERRIDE_RESOURCES" not in output
    assert said == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_where_another_listens_is_not_the_heads(monkeypatch, capsys, host):
    """Ray's head would end with a stack trace after a minute, and the workers would join the other one."""
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 0)
    with socket.create_server((host, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"^PORT={port}: .*\(Address already in use\).*set another PORT"):
            cluster.main(["environment", "--port", str(port)])
        assert capsys.readouterr().out == ""
        with socket.create_connection(("127.0.0.1", port)):  # leaves the port in TIME_WAIT
            other.accept()[0].close()
    cluster.main(["environment", "--port", str(port)])
    assert "export LIM_NODE_GPUS=0\n" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--gpus", "0"]])
def test_a_machine_without_gpu_hands_out_none_unless_told_so(monkeypatch, capsys, flags):
    """A head without GPUs, or a machine whose driver failed: a run on GPUs would place models on logical ones."""
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 0)
    cluster.main(["environment", *flags])
    output, said = capsys.readouterr()
    assert "export LIM_NODE_GPUS=0\n" in output and "LIM_CPU" not in output and "DS_ACCELERATOR" not in output
    assert said.startswith("note: no GPU is visible on this machine: none is handed out here")


def test_a_machine_hands_out_no_more_gpus_than_it_has(monkeypatch, capsys):
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 2)
    cluster.main(["environment", "--gpus", "1"])
    assert "export LIM_NODE_GPUS=1\n" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"^GPUS=3: this machine has 2; leave GPUS out to use them all$"):
        cluster.main(["environment", "--gpus", "3"])


@pytest.mark.parametrize("flags", [[], ["--gpus", "2"]])
def test_vllms_sockets_lie_where_their_paths_are_short_enough(monkeypatch, capsys, tmp_path, flags):
    """vLLM adds 37 characters to the folder, and a socket's path has 107 at most."""
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.delenv("VLLM_RPC_BASE_PATH", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    cluster.main(["environment", *flags])
    assert "VLLM_RPC_BASE_PATH" not in capsys.readouterr().out
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    cluster.main(["environment", *flags])
    assert "export VLLM_RPC_BASE_PATH=/tmp\n" in capsys.readouterr().out
    monkeypatch.setenv("VLLM_RPC_BASE_PATH", "/run/own")
    cluster.main(["environment", *flags])
    assert "VLLM_RPC_BASE_PATH" not in capsys.readouterr().out


def test_environment_of_a_machine_with_gpus(monkeypatch, capsys):
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 8)
    monkeypatch.setenv("PYTHONPATH", "/else where")
    monkeypatch.setenv("PATH", "/usr/bin")
    own = ("CUDA_DEVICE_ORDER", "VLLM_USE_FLASHINFER_SAMPLER", "DS_SKIP_CUDA_CHECK")
    for name in (*own, "RAY_worker_register_timeout_seconds"):
        monkeypatch.delenv(name, raising=False)
    cluster.main(["environment"])
    # PATH above all: Ray carries no PATH to the workers of other nodes, which look for ninja there.
    assert capsys.readouterr().out.splitlines() == [
        f"export PYTHONPATH='{ROOT}:/else where'",
        f"export PATH={sys.prefix}/bin:/usr/bin",
        f"export TORCH_EXTENSIONS_DIR={sys.prefix}/torch_extensions",
        "export CUDA_DEVICE_ORDER=PCI_BUS_ID",
        "export VLLM_USE_FLASHINFER_SAMPLER=0",
        "export RAY_worker_register_timeout_seconds=600",
        "export DS_SKIP_CUDA_CHECK=1",
        "export LIM_NODE_GPUS=8",
    ]


def raising(error: Exception):
    def init(**_: object) -> None:
        raise error

    return init


@pytest.fixture
def port():
    """A port of this machine that something listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_address_without_a_cluster():
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match=rf"RAY_ADDRESS={address}: no Ray cluster there \(nothing listens\); unset"):
        gpus.cluster_gpus(address, 1)


def test_an_address_that_ray_cannot_use(monkeypatch, port):
    monkeypatch.setattr(gpus, "_node_runs_here", lambda: True)
    address = f"127.0.0.1:{port}"
    monkeypatch.setattr("ray.init", raising(RuntimeError("Version mismatch:\n  Ray: 1")))
    line = rf"{address}: no Ray cluster to be used there \(Version mismatch: Ray: 1\); look at the head's output"
    with pytest.raises(InputError, match=rf"^RAY_ADDRESS={line}; or unset RAY_ADDRESS"):
        gpus.cluster_gpus(address, 1)
    with pytest.raises(InputError, match=f"^{line}$"):
        cluster.wait_for_nodes(address, 1, 5)
    monkeypatch.setattr("ray.init", raising(ValueError()))
    with pytest.raises(InputError, match=r"\(ValueError\)"):
        cluster.wait_for_nodes(address, 1, 5)


def test_a_worker_waits_for_the_port_alone(monkeypatch, port, tmp_path: Path):
    """Before it has joined, ray.init would look for a Ray node of this machine, and fail."""
    monkeypatch.setattr("ray.init", raising(AssertionError("a machine that has not joined cannot connect")))
    monkeypatch.setattr(gpus, "_node_runs_here", lambda: False)
    cluster.wait_for_nodes(f"127.0.0.1:{port}", 0, 5)

    calls, python = tmp_path / "calls", tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho \"$*${{RAY_TMPDIR:+ in $RAY_TMPDIR}}\" >>'{calls}'\n")
    python.chmod(0o755)
    # What a batch system sets: too long a path for Ray's sockets, which have 107 bytes.
    variables = {**os.environ, "PYTHON": str(python), "GPUS": "2", "WAIT": "7", "TMPDIR": f"/scratch/{'job/' * 25}"}
    for name in ("NODE_IP", "RAY_TMPDIR"):
        variables.pop(name, None)
    command = ["bash", str(ROOT / "scripts" / "ray_cluster.sh"), "worker", "10.0.0.1:6379"]
    assert subprocess.run(command, env=variables, timeout=20).returncode == 0
    assert calls.read_text().splitlines() == [
        "-m train.cluster environment --gpus 2",
        f"-m train.cluster wait --address 10.0.0.1:6379 --nodes 0 --seconds 7 in /tmp/ray-{os.getuid()}",
        "-m ray.scripts.scripts start --address 10.0.0.1:6379 --block --disable-usage-stats --num-gpus 2 "
        f"in /tmp/ray-{os.getuid()}",
    ]
    assert subprocess.run(command, env=variables | {"RAY_TMPDIR": "/a"}, timeout=20).returncode == 0
    assert calls.read_text().splitlines()[-1].endswith(" in /a")


def test_a_machine_outside_the_cluster_is_told_so(monkeypatch, port):
    address = f"127.0.0.1:{port}"
    line = rf"{address}: this machine has not joined that Ray cluster; .*ray_cluster\.sh worker {address}"
    # No node of any cluster here: Ray is not asked, which would take it a minute.
    monkeypatch.setattr("ray.init", raising(AssertionError("asked")))
    monkeypatch.setattr(gpus, "_node_runs_here", lambda: False)
    with pytest.raises(InputError, match=f"^{line}$"):
        cluster.wait_for_nodes(address, 1, 0.5)
    # A node of another cluster.
    monkeypatch.setattr(gpus, "_node_runs_here", lambda: True)
    failed = ConnectionError("Failed to connect to Ray cluster")
    failed.__cause__ = RuntimeError("No node info found matching attributes: ''")
    monkeypatch.setattr("ray.init", raising(failed))
    with pytest.raises(InputError, match=f"^RAY_ADDRESS={line}; or unset RAY_ADDRESS"):
        gpus.cluster_gpus(address, 1)


@pytest.mark.parametrize(
    ("commands", "runs"),
    [
        ([None, [], ["python", "raylet"], ["/usr/bin/gcs_server"]], False),  # a process of others, a zombie, …
        ([["bash"], ["/a/ray/core/src/ray/raylet/raylet", "--node_id=1"]], True),
    ],
)
def test_a_ray_node_is_known_by_its_process(monkeypatch, commands, runs):
    processes = [SimpleNamespace(info={"cmdline": command}) for command in commands]
    monkeypatch.setattr("psutil.process_iter", lambda _: processes)
    assert gpus._node_runs_here() is runs


class FakeRay:
    """A cluster of 16 GPUs of which fewer are free, `free` at each look."""

    def __init__(self, *free: float) -> None:
        self.free = list(free)
        self.ended = False

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 64.0, "GPU": 16.0}

    def available_resources(self) -> dict[str, float]:
        free = self.free.pop(0) if len(self.free) > 1 else self.free[0]
        return {"CPU": 64.0} | ({"GPU": free} if free else {})  # Ray leaves out what is used up

    def shutdown(self) -> None:
        self.ended = True


@pytest.fixture
def busy(monkeypatch, port):
    """Make RAY_ADDRESS name a cluster with as many free GPUs as it is called with."""

    def make(*free: float) -> FakeRay:
        ray = FakeRay(*free)
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
        monkeypatch.setattr(gpus, "connect", lambda *_: ray)
        monkeypatch.setattr(gpus, "RELEASE", 0.0)
        return ray

    return make


@pytest.mark.parametrize(
    ("free", "advice"),
    [
        (4, r"or POOL=arithmetic-cpu needs none; --dry_run shows the command"),
        (8, r"or add \+colocated-8gpu"),
        (0, r"or POOL=arithmetic-cpu needs none; --dry_run shows the command"),
    ],
)
def test_gpus_that_another_run_holds_are_not_free(busy, free, advice):
    ray = busy(free)
    line = rf"the placement needs 16 GPUs and {free} of the 16 of the Ray cluster at 127\.0\.0\.1:\d+ are free; wait"
    with pytest.raises(InputError, match=f"{line} until .*{advice}"):
        gpus.check_gpus(recipe.load("math.8k"), 16)
    assert ray.ended


def test_gpus_of_a_run_that_has_just_ended_are_waited_for(busy, monkeypatch):
    ray = busy(0, 8, 16)
    monkeypatch.setattr(gpus, "RELEASE", 10.0)
    gpus.check_gpus(recipe.load("math.8k"), 16)
    assert ray.free == [16]
    assert ray.ended


def test_a_cluster_that_is_too_small_is_not_waited_for(busy, monkeypatch):
    busy(4)
    monkeypatch.setattr(gpus, "RELEASE", 1e9)
    with pytest.raises(InputError, match=r"needs 32 GPUs and the Ray cluster at \S+ has 16; POOL=arithmetic-cpu"):
        gpus.check_gpus(recipe.load("math.8k", ["qwen2.5-math-72b"]), 32)
    with pytest.raises(InputError, match=r"needs 20 GPUs and .* has 16; start its machines with more logical ones"):
        gpus.check_gpus(recipe.load("arithmetic-cpu"), 20)


@pytest.mark.parametrize(
    ("looks", "refused"),
    [
        ([{"CPU": 9.0, "GPU": 8.0}], None),
        ([{"CPU": 1.0}, {"CPU": 3.0, "GPU": 4.0}, {"CPU": 64.0, "GPU": 8.0}], None),  # another run has just ended
        ([{"CPU": 8.0, "GPU": 8.0}], "8 GPUs and 8 CPUs free, and the run needs 8 and 9: another run"),
        ([{"CPU": 64.0, "GPU": 4.0}], "4 GPUs and 64 CPUs free, and the run needs 8 and 9: another run"),
        ([{"CPU": 64.0}], "0 GPUs and 64 CPUs free, and the run needs 8 and 9: another run"),
    ],
)
def test_a_run_does_not_wait_without_end_for_what_ray_does_not_have(monkeypatch, looks, refused):
    left = list(looks)
    monkeypatch.setattr("ray.available_resources", lambda: left.pop(0) if len(left) > 1 else left[0])
    monkeypatch.setattr(gpus, "RELEASE", 0.0 if refused else 60.0)
    monkeypatch.setattr(gpus.time, "sleep", lambda _: None)
    if refused is None:
        gpus.check_room(8)
        assert len(left) == 1
        return
    with pytest.raises(InputError, match=f"Ray has {refused}"):
        gpus.check_room(8)


def test_a_run_on_gpus_tells_its_driver_how_many_it_needs():
    on_gpus = resolve(recipe.load("math.8k", ["colocated-8gpu"]))
    assert environment.read(launch.build_environment(on_gpus)).gpus == 8
    assert environment.read(launch.build_environment(resolve(recipe.load("arithmetic-cpu")))).gpus == 0


SLURM = {
    "SLURM_SUBMIT_DIR": str(ROOT),
    "SLURM_JOB_NODELIST": "two nodes",
    "SLURM_JOB_NUM_NODES": "2",
}


def tools_of_slurm(folder: Path, srun: str) -> Path:
    folder.mkdir()
    for name, body in {"scontrol": "printf 'one\\ntwo\\n'", "srun": srun}.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / name).chmod(0o755)
    return folder


def slurm_job(tmp_path: Path, addresses: str, known: str, *arguments: str, **variables: str):
    """(the script's end, the calls of srun). Each is noted with what it is given; nothing is started.

    `addresses` are the head's own, `known` those by which the other machine knows its name.
    """
    calls = tmp_path / "calls"
    answer = f"printf '%s STREAM one\\n' {known}" if known else "exit 2"
    note = (
        f"echo \"$*\" >>'{tmp_path / 'steps'}'\n"
        "node=; while [[ $1 == --* ]]; do case $1 in --nodelist=*) node=${1#*=} ;; esac; shift; done\n"
        f"if [ \"$1\" = hostname ]; then [ $node = one ] && echo '{addresses}'; exit; fi\n"
        f"if [ \"$*\" = 'getent ahostsv4 one' ]; then [ $node = two ] && {answer}; exit; fi\n"
        f"echo \"$node: $* NODE_IP=${{NODE_IP:-}} RAY_ADDRESS=$RAY_ADDRESS\" >>'{calls}'\n"
        'case $* in *"ray_cluster.sh $ENDS"*) echo "$node: no Ray" >&2; exit 1 ;; '
        "*ray_cluster.sh*) exec sleep 60 ;; esac"
    )
    python = tmp_path / "python"
    # Waits, as `train.cluster wait` does: for both nodes to have been started.
    waits = f"until [ \"$(cat '{calls}' 2>/dev/null | wc -l)\" -ge 2 ]; do :; done"
    python.write_text(f"#!/bin/sh\ncase $* in *' --nodes 2 '*) {waits} ;; esac\n")
    python.chmod(0o755)
    tools = tools_of_slurm(tmp_path / "bin", note)
    removed = ("NODE_IP", "HEAD_IP", "RAY_ADDRESS", "SLURM_RESTART_COUNT")
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    environment |= {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHON": str(python),
        "PORT": "7777",
        "ENDS": "nothing",
        **SLURM,
        **variables,
    }
    command = ["bash", str(ROOT / "scripts" / "slurm_train.sh"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    return done, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize(
    ("addresses", "known", "head_ip", "expected"),
    [
        ("10.1.2.3 10.9.9.9 fd00::2", "", None, "10.1.2.3"),
        ("fd00::2 10.1.2.3", "", None, "10.1.2.3"),
        ("127.0.0.1 127.0.1.1 169.254.7.7 192.168.1.4", "127.0.1.1", None, "192.168.1.4"),
        ("172.17.0.1 192.168.1.4", "", None, "192.168.1.4"),
        ("203.0.113.9 10.9.9.9", "10.9.9.9 10.9.9.9", None, "10.9.9.9"),  # two networks: the one that both are in
        ("203.0.113.9 10.9.9.9", "198.51.100.1", None, "203.0.113.9"),  # an address that the head does not have
        ("127.0.0.1", "10.1.1.1", "10.5.5.5", "10.5.5.5"),
        ("127.0.1.1 fe80::1", "127.0.1.1", None, None),
        ("", "", None, None),
    ],
)
def test_the_address_of_the_head_is_one_that_the_others_reach(tmp_path: Path, addresses, known, head_ip, expected):
    variables = {"HEAD_IP": head_ip} if head_ip else {}
    script = str(ROOT / "scripts" / "train_limr.sh")
    done, calls = slurm_job(tmp_path, addresses, known, script, "+x", **variables)
    if expected is None:
        assert (done.returncode, calls) == (2, [])
        assert done.stderr == (
            "error: one has no IPv4 address but the loopback; set HEAD_IP to one that the other machines reach\n"
        )
        return
    assert done.returncode == 0, done.stderr
    where = f"RAY_ADDRESS={expected}:7777"
    assert set(calls) == {
        f"one: bash scripts/ray_cluster.sh head NODE_IP={expected} {where}",
        f"one: bash {ROOT}/scripts/train_limr.sh +x NODE_IP= {where}",
        f"two: bash scripts/ray_cluster.sh worker {expected}:7777 NODE_IP= {where}",
    }


@pytest.mark.parametrize("ends", ["head", "worker"])
def test_a_job_does_not_wait_for_machines_whose_ray_has_ended(tmp_path: Path, ends):
    """Nor does it train on what else may answer at the head's address."""
    python = tmp_path / "never"
    python.write_text("#!/bin/sh\nexec sleep 60\n")  # train.cluster wait, of a cluster that is never complete
    python.chmod(0o755)
    script = str(ROOT / "scripts" / "train_limr.sh")
    done, calls = slurm_job(tmp_path, "10.1.2.3", "10.1.2.3", script, ENDS=ends, PYTHON=str(python))
    assert done.returncode == 2
    assert done.stderr.endswith(
        "no Ray\nerror: Ray ended on one of the machines before all had joined; its reason is above\n"
    )
    assert not any(script in call for call in calls)


def test_jobs_have_ports_of_their_own(tmp_path: Path):
    script = str(ROOT / "scripts" / "train_limr.sh")
    ports = []
    for job in ("123456", "123457"):
        (tmp_path / job).mkdir()
        _, calls = slurm_job(tmp_path / job, "10.1.2.3", "10.1.2.3", script, PORT="", SLURM_JOB_ID=job)
        [port] = {re.search(r"RAY_ADDRESS=10\.1\.2\.3:(\d+)$", call)[1] for call in calls}
        ports.append(int(port))
    assert ports[1] == ports[0] + 1
    assert all(20000 <= port < 32000 for port in ports)  # above Ray's workers', below those of connections


def test_a_slurm_job_asks_for_all_memory(tmp_path: Path):
    """--exclusive alone gives a site's default, and the cgroup then ends the run."""
    asked = re.findall(r"^#SBATCH (\S+)$", (ROOT / "scripts" / "slurm_train.sh").read_text(), re.M)
    assert {"--exclusive", "--mem=0", "--gpus-per-node=8"} <= set(asked)
    # So does each of its steps, and sees the job's variables though sbatch was told --export=NONE.
    slurm_job(tmp_path, "10.1.2.3", "10.1.2.3", str(ROOT / "scripts" / "train_limr.sh"))
    steps = [set(line.split()) for line in (tmp_path / "steps").read_text().splitlines()]
    assert len(steps) == 5
    assert all(step >= {"--overlap", "--export=ALL", "--cpu-bind=none", "--mem=0"} for step in steps)


@pytest.mark.parametrize(
    ("script", "restarts", "resumes"),
    [
        ("train_limr.sh", None, False),
        ("train_limr.sh", "0", False),
        ("train_limr.sh", "2", True),
        ("train.sh", "1", True),
        ("compare.sh", "1", False),  # continues by itself
        ("../eval/eval.sh", "1", False),
    ],
)
def test_a_requeued_job_resumes_its_run(tmp_path: Path, script, restarts, resumes):
    """The same command would be refused, as the run's folder is there."""
    variables = {"SLURM_RESTART_COUNT": restarts} if restarts else {}
    path = str(ROOT / "scripts" / script)
    done, calls = slurm_job(tmp_path, "10.1.2.3", "10.1.2.3", path, "limr", "run.seed=2", **variables)
    assert done.returncode == 0, done.stderr
    [started] = [line for line in calls if script in line]
    assert started.startswith(f"one: bash {path} limr run.seed=2{' run.resume=true' * resumes} NODE_IP=")
    asked = re.findall(r"^#SBATCH (\S+)$", (ROOT / "scripts" / "slurm_train.sh").read_text(), re.M)
    assert {"--requeue", "--open-mode=append"} <= set(asked)


# The worker sees no process but its own, as on a machine of its own, where this machine allows that.
SRUN = """
while [[ $1 == --* ]]; do shift; done
alone=(unshare --user --map-root-user --pid --mount-proc --fork --kill-child)
if [[ $* == *" worker "* ]] && "${alone[@]}" true; then
    "${alone[@]}" "$@" &
    trap 'kill -9 %1' TERM
    wait
    exit
fi
exec "$@"
"""


def processes_of(ray_folder: str) -> list[psutil.Process]:
    """Ray's processes that keep their files in a folder."""
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if any(ray_folder in word for word in process.info["cmdline"] or [])]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_slurm_script_makes_a_cluster_of_two_nodes(tmp_path: Path):
    """The real script, real Ray: head and worker on this machine; srun and scontrol run things here."""
    tools = tools_of_slurm(tmp_path / "bin", SRUN)
    report = tmp_path / "report.sh"
    report.write_text(
        f"set -e; {sys.executable} -c 'import os, ray; ray.init(log_to_driver=False); "
        'print("NODES", len(ray.nodes()), "GPUS", ray.cluster_resources()["GPU"], "ARG", os.environ["ARG"])\'\n'
        f"exec {sys.executable} -m train.doctor arithmetic-cpu --without data\n"
    )
    ray_folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # the path of a socket has 107 bytes at most
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        **SLURM,
        "PORT": str(free_port()),
        "GPUS": "2",
        "WAIT": "120",
        "PYTHON": sys.executable,
        "ARG": "kept",
        "HEAD_IP": "127.0.0.1",
        "NODE_IP": "127.0.0.1",
        "RAY_TMPDIR": ray_folder,
    }
    command = ["bash", str(ROOT / "scripts" / "slurm_train.sh"), str(report)]
    log = tmp_path / "log"
    try:
        # To a file: a pipe would stay open, and be waited for, as long as any node lives.
        with open(log, "wb") as output:
            code = subprocess.run(command, stdout=output, stderr=output, env=environment, timeout=200).returncode
        # The nodes end with the job. A worker alone would be there for a minute.
        end = time.monotonic() + 10
        while (left := processes_of(ray_folder)) and time.monotonic() < end:
            time.sleep(0.2)
    finally:
        for process in processes_of(ray_folder):
            process.kill()
        shutil.rmtree(ray_folder, ignore_errors=True)
    text = log.read_text()
    assert code == 0, text[-4000:]
    assert "NODES 2 GPUS 4.0 ARG kept" in text
    # The doctor asked both nodes, and neither differs from the other.
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "ok one environment the same versions" in lines and "nothing is missing" in lines
    assert left == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(environment["PORT"]))) != 0
