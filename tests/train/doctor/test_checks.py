"""The doctor's judgement of machines that are made up here."""

from __future__ import annotations

from dataclasses import replace

import nvidia_smi
import pytest
from machines import GB, GOOD

from train import gpu
from train.doctor.checks import Needs, cluster_lines, machine_lines
from train.doctor.machine import Machine, Toolkit

RUN = Needs(
    gpu=True,
    run=True,
    colocated=True,
    shared=True,
    gpus=8,
    per_node=1,
    gpu_memory=75 * GB,
    host_memory=400 * GB,
    disk=600 * GB,
)


def bad(machine: Machine, needs: Needs = RUN) -> dict[str, tuple[str, str, str]]:
    """check → (state, found, fix) of the lines that are not ok."""
    lines = [*machine_lines(machine, needs), *cluster_lines([machine], needs)]
    return {line.check: (line.state, line.found, line.fix) for line in lines if line.state != "ok"}


def with_gpus(**values: str) -> Machine:
    kind = values.pop("kind", "NVIDIA H100 80GB HBM3")
    return replace(GOOD, driver_cuda=12040, gpus=gpu.read(nvidia_smi.answer(kind, count=8, **values)))


def test_nothing_is_said_against_a_good_machine():
    assert bad(GOOD) == {}
    checks = [line.check for line in machine_lines(GOOD, RUN)]
    assert checks == [
        *(
            "Python",
            "GPUs",
            "driver",
            "compute capability",
            "GPU memory",
            "CUDA toolkit",
            "compiler",
            "Python headers",
        ),
        *(
            "packages",
            "ninja",
            "flash-attn",
            "fused_adam",
            "host memory",
            "/dev/shm",
            "open files",
            "locked memory",
            "disk",
        ),
        "model",
    ]


@pytest.mark.parametrize(
    ("machine", "check", "state", "said"),
    [
        (replace(GOOD, python="3.13.1"), "Python", "error", "3.11 and 3.12"),
        (replace(GOOD, gpus=[]), "GPUs", "error", "CUDA_VISIBLE_DEVICES"),
        (with_gpus(driver_version="570.86.15"), "driver", "error", "580 or newer"),
        (with_gpus(driver_version="550.90.07"), "driver", "error", "580 or newer"),
        (with_gpus(kind="Tesla T4", compute_cap="7.5"), "compute capability", "error", "8.0 (A100) or newer"),
        (with_gpus(compute_cap="[N/A]"), "compute capability", "warning", "8.0"),
        (with_gpus(memory_total="40960 MiB"), "GPU memory", "error", "docs/cluster.md, Memory"),
        (with_gpus(memory_total="[N/A]"), "GPU memory", "warning", "75.0 GB"),
        (with_gpus(memory_used="3000 MiB"), "GPU use", "warning", "other GPUs"),
        (with_gpus(memory_used="60000 MiB"), "GPU use", "error", "other GPUs"),
        (with_gpus(compute_mode="Exclusive_Process"), "compute mode", "error", "GPUs for each role"),
        (with_gpus(compute_mode="Prohibited"), "compute mode", "error", "nvidia-smi -c DEFAULT"),
        (with_gpus(mig="Enabled"), "MIG", "error", "GPUs that are not split"),
        (replace(GOOD, toolkit=None), "CUDA toolkit", "error", "install the CUDA toolkit 13.0 (another 13.x works)"),
        (replace(GOOD, toolkit=Toolkit("12.8", "/c", headers=True)), "CUDA toolkit", "error", "toolkit 13.0"),
        (replace(GOOD, toolkit=Toolkit("13.0", "/c", headers=False)), "CUDA toolkit", "error", "set CUDA_HOME"),
        (replace(GOOD, compilers={"C": "/usr/bin/gcc", "C++": None}), "compiler", "error", "g++"),
        (replace(GOOD, compilers={"C": None, "C++": "/usr/bin/g++"}), "compiler", "error", "gcc"),
        (replace(GOOD, python_headers=False), "Python headers", "error", "python3-dev"),
        (replace(GOOD, packages={}), "packages", "error", "setup.sh gpu"),
        (replace(GOOD, packages={"torch": "2.13.0"}), "packages", "error", "setup.sh gpu"),
        (replace(GOOD, torch_cuda=None), "packages", "error", "holds the CPU set"),
        (replace(GOOD, ninja=None), "ninja", "error", "scripts/ray_cluster.sh"),
        (replace(GOOD, flash_attn="undefined symbol"), "flash-attn", "error", "flash-attn==2.8.3"),
        (replace(GOOD, operations={"fused_adam": "missing"}), "fused_adam", "warning", "python -m train.gpu"),
        (replace(GOOD, operations={"fused_adam": "locked by /x/lock"}), "fused_adam", "error", "delete the lock"),
        (replace(GOOD, operations={"fused_adam": "/x cannot be written to"}), "fused_adam", "error", "of your own"),
        (replace(GOOD, memory=300 * GB), "host memory", "error", "--mem=0"),
        (replace(GOOD, shared_memory=64 * 2**20), "/dev/shm", "error", "--ipc=host"),
        (replace(GOOD, open_files=4096), "open files", "warning", "ulimit -Hn 65536"),
        (replace(GOOD, locked_memory=8 * 2**20), "locked memory", "warning", "ulimit -l unlimited"),
        (replace(GOOD, address_space=64 * GB), "address space", "error", "ulimit -v unlimited"),
        (replace(GOOD, processes=4096), "processes", "warning", "ulimit -u"),
        (replace(GOOD, allocator="expandable_segments:True"), "allocator", "error", "PYTORCH_CUDA_ALLOC_CONF"),
        (replace(GOOD, disk=100 * GB), "disk", "error", "run.keep_checkpoints"),
        (replace(GOOD, models={"a/b": "the hub has no such model"}), "model", "error", "check the name"),
        (replace(GOOD, models={"a/b": "on the hub"}), "model", "warning", "HF_HUB_OFFLINE=1"),
        (replace(GOOD, models={"/m/arithmetic-base": "not here"}), "model", "error", "python -m train.pretrain"),
        (replace(GOOD, gpus=GOOD.gpus[:4]), "placement", "error", "another placement"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(machine, check, state, said):
    found = bad(machine)
    assert found.keys() - {"placement"} == {check} - {"placement"}
    assert found[check][0] == state
    assert said in found[check][2]


def test_any_minor_version_of_the_toolkit_will_do():
    assert bad(replace(GOOD, toolkit=Toolkit("13.2", "/usr/local/cuda", headers=True))) == {}
    # Where torch is not installed yet, the pinned one's version counts.
    assert bad(replace(GOOD, torch_cuda=None), replace(RUN, installed=False)) == {}
    old = replace(GOOD, torch_cuda=None, toolkit=Toolkit("12.8", "/c", headers=True))
    assert "torch is built for 13.0" in bad(old, replace(RUN, installed=False))["CUDA toolkit"][1]


def test_a_driver_with_the_compatibility_library():
    old = replace(with_gpus(driver_version="550.90.07"), driver_cuda=13000)
    assert bad(old) == {}
    assert bad(replace(old, driver_cuda=None)).keys() == {"driver"}


def test_without_a_run_what_only_training_needs_is_a_warning():
    """Evaluation needs a C compiler and no other; a driver that is too old stops both."""
    cxx = {"C": "/usr/bin/gcc", "C++": None}
    old = with_gpus(driver_version="550.90.07")
    bare = replace(old, toolkit=None, compilers=cxx, flash_attn="no")
    evaluation = Needs(gpu=True, run=False)
    states = {check: state for check, (state, *_) in bad(bare, evaluation).items()}
    assert states == {"driver": "error", "CUDA toolkit": "warning", "compiler": "warning", "flash-attn": "warning"}
    none = replace(GOOD, compilers={"C": None, "C++": None}, python_headers=False)
    assert {check: state for check, (state, *_) in bad(none, evaluation).items()} == {
        "compiler": "error",
        "Python headers": "error",
    }


def test_gpus_of_two_kinds_are_said():
    mixed = replace(
        GOOD,
        gpus=[
            *GOOD.gpus[:4],
            *gpu.read(nvidia_smi.answer("NVIDIA A100-SXM4-80GB", 4, memory_total="81920 MiB", compute_cap="8.0")),
        ],
    )
    assert bad(mixed) == {
        "GPUs": (
            "warning",
            "4 × NVIDIA A100-SXM4-80GB (80 GiB), 4 × NVIDIA H100 80GB HBM3 (80 GiB)",
            "a run waits for its slowest GPU; CUDA_VISIBLE_DEVICES chooses those of one kind",
        )
    }


def test_gpus_for_one_process_each_serve_roles_with_gpus_of_their_own():
    alone = replace(RUN, colocated=False, shared=False)
    assert bad(with_gpus(compute_mode="Exclusive_Process"), alone).keys() - {"driver"} == set()
    assert "takes no process" in bad(with_gpus(compute_mode="Prohibited"), alone)["compute mode"][1]


def test_one_part_of_a_split_gpu_may_do():
    assert bad(with_gpus(mig="Enabled"), replace(RUN, gpus=1, per_node=1))["MIG"][0] == "warning"


def in_use(*used: int) -> Machine:
    """A machine whose GPUs have so many GB in use."""
    return replace(GOOD, gpus=[replace(gpu, used=gb * GB) for gpu, gb in zip(GOOD.gpus, used, strict=True)])


@pytest.mark.parametrize(
    ("used", "changes", "state", "fix"),
    [
        # A Ray of the run's own would take the first GPUs.
        ((40, 40, 0, 0, 0, 0, 0, 0), {"gpus": 1}, "error", "CUDA_VISIBLE_DEVICES=2"),
        ((40, 40, 0, 0, 0, 0, 0, 0), {"gpus": 4}, "error", "CUDA_VISIBLE_DEVICES=2,3,4,5"),
        ((0, 0, 0, 0, 0, 0, 40, 40), {"gpus": 4}, "warning", "CUDA_VISIBLE_DEVICES=0,1,2,3"),
        ((0, 0, 0, 0, 0, 0, 40, 40), {"gpus": 8}, "error", "end them, or choose other GPUs"),
        ((2, 2, 2, 2, 2, 2, 2, 2), {"gpus": 8}, "warning", "end them, or choose other GPUs"),  # it fits beside them
        ((40, 40, 0, 0, 0, 0, 0, 0), {"gpus": 1, "cluster": True}, "warning", "end them, or choose other GPUs"),
        ((40, 40, 0, 0, 0, 0, 0, 0), {"gpus": 1, "gpu_memory": None}, "warning", "CUDA_VISIBLE_DEVICES=2"),
        ((40, 40, 0, 0, 0, 0, 0, 0), {"gpus": None, "run": False}, "warning", "end them, or choose other GPUs"),
    ],
)
def test_gpus_that_others_use(used, changes, state, fix):
    found = bad(in_use(*used), replace(RUN, **changes))["GPU use"]
    assert found[0] == state
    assert found[1] == f"{max(used)}.0 GB of {sum(gb > 1 for gb in used)} GPUs in use by other programs"
    assert found[2].endswith(fix) or found[2].startswith(fix)


def test_an_engine_that_would_span_machines_is_said():
    machines = [replace(GOOD, gpus=GOOD.gpus[:count], name=name) for name, count in (("a", 6), ("b", 6), ("c", 4))]
    needs = replace(RUN, gpus=16, per_node=4, engines=4)
    [line] = [line for line in cluster_lines(machines, needs) if line.state != "ok"]
    assert (line.check, line.state) == ("placement", "warning")
    assert line.found == "16 on 3 machines, 16 needed; of the engines, 4 GPUs each, one would span machines"
    assert [line for line in cluster_lines(machines, replace(needs, engines=3)) if line.state != "ok"] == []


def test_a_cpu_run_needs_no_gpu():
    laptop = replace(GOOD, gpus=[], toolkit=None, torch_cuda=None, flash_attn="not installed", shared_memory=0)
    needs = Needs(gpu=False, run=True, gpus=4, disk=GB)
    assert bad(laptop, needs) == {}
    assert bad(replace(laptop, compilers={"C": "gcc", "C++": None}), needs).keys() == {"compiler"}
    unbuilt = replace(laptop, operations={"fused_adam": "missing"})
    assert "python -m train.cpu" in bad(unbuilt, needs)["fused_adam"][2]


def test_an_engine_needs_the_gpus_of_one_machine():
    machines = [replace(GOOD, gpus=GOOD.gpus[:4], name=name) for name in ("a", "b", "c", "d")]
    needs = replace(RUN, gpus=16, per_node=8)
    [line] = [line for line in cluster_lines(machines, needs) if line.state != "ok"]
    assert (line.check, line.found) == ("placement", "16 on 4 machines, 16 needed; an engine takes 8 of one machine")


@pytest.mark.parametrize(
    ("other", "check", "found"),
    [
        ({"commit": "aaaaaaaaaaaa"}, "one commit", "aaaaaaaaaaaa (unlike one)"),
        ({"commit": None}, "one commit", "not known (unlike one)"),
        ({"root": "/home/me/p"}, "one folder", "/home/me/p (unlike one)"),
        ({"prefix": "/p/.venv-2"}, "one folder", "/p/.venv-2 (unlike one)"),
        ({"python": "3.11.9"}, "one environment", "Python 3.11.9 (unlike one)"),
        ({"packages": {**GOOD.packages, "torch": "2.14.0"}}, "one environment", "torch 2.14.0 (unlike one)"),
        (
            {"packages": {"torch": "2.13.0"}},
            "one environment",
            "without flash-attn 2.8.3, openrlhf 0.11.2 (unlike one)",
        ),
    ],
)
def test_machines_that_differ(other, check, found):
    machines = [GOOD, replace(GOOD, name="two"), replace(GOOD, name="three", **other)]
    lines = [line for line in cluster_lines(machines, RUN) if line.state != "ok"]
    assert [(line.check, line.state, line.found, line.node) for line in lines] == [(check, "error", found, "three")]
    assert lines[0].fix
