"""The doctor's judgement: what machines have, against what a run needs, as lines of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.filesize import decimal

from lim.utils.makers import how_to_make
from train.doctor.machine import Machine
from train.gpu import Gpu
from train.recipe.memory import USABLE

DRIVER = 580  # the least for CUDA 13, which torch 2.13.0 from PyPI is built for
TORCH_CUDA = "13.0"  # of the pinned torch, where none is installed yet
DRIVER_CUDA = 13000  # the same, as the driver's library says it
CAPABILITY = (8, 0)  # the least for FlashAttention 2 and bf16
OPEN_FILES = 65536  # that Ray asks for
SHARED_MEMORY = 2**30  # Docker gives 64 MB, on which NCCL fails
USED = 2**30  # of a GPU's memory; below it a display or a monitor
# A run has about 200 threads per GPU (194 in the five processes of one, counted without CUDA), and Ray's idle workers
# on each CPU theirs. Some distributions allow a user 4,096.
THREADS = 8192
GPU_PYTHONS = ("3.11", "3.12")  # for which scripts/resolve_gpu.sh finds the GPU set

# As in docs/cluster.md; it builds against the installed torch.
FLASH_ATTN = ".venv/bin/pip install --no-deps --no-build-isolation flash-attn==2.8.3"

State = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Line:
    """One check on one machine; `node` is empty where it is about all of them."""

    check: str
    state: State
    found: str
    fix: str = ""
    node: str = ""


@dataclass(frozen=True)
class Needs:
    """What a run needs; None where it is not known. Sizes in bytes."""

    gpu: bool  # a run on GPUs
    run: bool  # a run is about to start: what it cannot do without is an error
    installed: bool = True  # this project's packages should be there
    adam_offload: bool = False
    colocated: bool = False  # models and vLLM on the same GPUs
    shared: bool = False  # several processes on a GPU
    cluster: bool = False  # of RAY_ADDRESS, which knows the GPUs that its runs hold
    gpus: int | None = None  # of all machines
    per_node: int | None = None  # GPUs that an engine takes of one machine
    engines: int | None = None
    gpu_memory: int | None = None
    host_memory: int | None = None
    disk: int | None = None


def machine_lines(machine: Machine, needs: Needs) -> Iterator[Line]:
    """What can be said of one machine."""
    required: State = "error" if needs.run else "warning"
    yield python_line(machine, needs)
    if needs.gpu:
        yield from gpu_lines(machine.gpus, machine.driver_cuda, needs)
        yield toolkit_line(machine, required)
    yield from compiler_lines(machine, needs, required)
    if needs.installed:
        yield from package_lines(machine, needs, required)
    yield from size_lines(machine, needs, required)
    for variable, folder in machine.caches.items():
        fix = f"a run writes there; set {variable} to a folder that you can write to"
        yield Line("cache", required, f"{folder} cannot be written to", fix)
    if needs.colocated and "expandable_segments:true" in machine.allocator.lower():
        fix = "weights reach vLLM by CUDA IPC, which cannot share such memory; remove it from PYTORCH_CUDA_ALLOC_CONF"
        yield Line("allocator", "error", machine.allocator, fix)
    for name, state in machine.models.items():
        yield model_line(name, state)


def python_line(machine: Machine, needs: Needs) -> Line:
    found = f"{machine.python} in {machine.prefix}"
    if needs.gpu and not machine.python.startswith(tuple(f"{version}." for version in GPU_PYTHONS)):
        fix = f"the GPU set is resolved for Python {' and '.join(GPU_PYTHONS)}; PYTHON=python3.11 names another"
        return Line("Python", "error", found, fix)
    return Line("Python", "ok", found)


def gpu_lines(gpus: Sequence[Gpu], driver_cuda: int | None, needs: Needs) -> Iterator[Line]:
    """Driver, kind, memory and use of a machine's GPUs."""
    if not gpus:
        state: State = "error" if needs.run else "warning"
        yield Line("GPUs", state, "none visible", "look at nvidia-smi, the driver and CUDA_VISIBLE_DEVICES")
        return
    kinds = {(gpu.name, gpu.memory) for gpu in gpus}
    found = ", ".join(
        f"{sum((gpu.name, gpu.memory) == kind for gpu in gpus)} × {kind[0]}"
        + (f" ({kind[1] / 2**30:.0f} GiB)" if kind[1] else "")
        for kind in sorted(kinds, key=str)
    )
    if len(kinds) > 1:
        fix = "a run waits for its slowest GPU; CUDA_VISIBLE_DEVICES chooses those of one kind"
        yield Line("GPUs", "warning", found, fix)
    else:
        yield Line("GPUs", "ok", found)
    driver = gpus[0].driver
    if (number := driver.partition(".")[0]).isdigit() and int(number) >= DRIVER:
        yield Line("driver", "ok", driver)
    elif (driver_cuda or 0) >= DRIVER_CUDA:
        yield Line("driver", "ok", f"{driver}, with CUDA's compatibility library")
    else:
        fix = f"torch 2.13.0 is built for CUDA 13: install NVIDIA's driver {DRIVER} or newer"
        yield Line("driver", "error", driver, fix)
    yield capability_line(gpus)
    yield from mode_lines(gpus, needs)
    smallest = min((gpu.memory for gpu in gpus if gpu.memory), default=None)
    if needs.gpu_memory and smallest is None:
        yield Line("GPU memory", "warning", "nvidia-smi does not say", f"the plan needs {decimal(needs.gpu_memory)}")
    elif needs.gpu_memory and smallest is not None:
        found = f"{decimal(smallest)} per GPU, {decimal(needs.gpu_memory)} planned"
        fix = f"--dry_run run.gpu_memory={smallest / 2**30:.0f} says what would fit (docs/cluster.md, Memory)"
        yield Line("GPU memory", "ok" if smallest * USABLE >= needs.gpu_memory else "error", found, fix)
    yield from use_lines(gpus, needs)


def mode_lines(gpus: Sequence[Gpu], needs: Needs) -> Iterator[Line]:
    """GPUs that their administrator keeps for one process each, or for none, or has split into parts."""
    for mode, wrong in (("Prohibited", True), ("Exclusive_Process", needs.shared)):
        if wrong and (count := sum(gpu.mode == mode for gpu in gpus)):
            fix = "have them set to Default (nvidia-smi -c DEFAULT, by root)"
            fix += ", or use a placement with GPUs for each role (docs/cluster.md)" * (mode != "Prohibited")
            why = "takes no process" if mode == "Prohibited" else "takes one process, and a run has several on each"
            yield Line("compute mode", "error", f"{mode} on {count} GPUs, which {why}", fix)
    if split := sum(gpu.mig for gpu in gpus):
        state: State = "error" if needs.run and (needs.gpus or 0) > 1 else "warning"
        found = f"{split} GPUs are split (MIG); their memory here is that of all parts"
        yield Line("MIG", state, found, "NCCL does not join parts: use GPUs that are not split, or one part")


def use_lines(gpus: Sequence[Gpu], needs: Needs) -> Iterator[Line]:
    """Memory that other programs hold. An error where the plan does not fit beside it.

    A run with a Ray of its own takes the first GPUs that it sees, whoever uses them.
    """
    busy = [gpu for gpu in gpus if (gpu.used or 0) > USED]
    if not busy:
        return

    def fits(gpu: Gpu) -> bool:
        return not needs.gpu_memory or (gpu.memory or 0) * USABLE - (gpu.used or 0) >= needs.gpu_memory

    lacking = [gpu for gpu in gpus[: needs.gpus] if gpu in busy and not fits(gpu)]
    free = [str(gpu.index) for gpu in gpus if gpu not in busy and gpu.index is not None]
    enough = needs.gpus is not None and len(free) >= needs.gpus
    found = f"{decimal(max(gpu.used or 0 for gpu in busy))} of {len(busy)} GPUs in use by other programs"
    fix = "end them, or choose other GPUs with CUDA_VISIBLE_DEVICES"
    if enough and not needs.cluster:
        fix = f"end them, or take free ones: CUDA_VISIBLE_DEVICES={','.join(free[: needs.gpus])}"
    state: State = "error" if lacking and needs.run and not needs.cluster else "warning"
    yield Line("GPU use", state, found, fix)


def capability_line(gpus: Sequence[Gpu]) -> Line:
    known = [gpu for gpu in gpus if gpu.capability]
    if not known:
        return Line("compute capability", "warning", "nvidia-smi does not say", "a run needs 8.0 (A100) or newer")
    least = min(known, key=lambda gpu: gpu.capability or CAPABILITY)
    major, minor = least.capability or CAPABILITY
    found = f"{major}.{minor}"
    if (major, minor) >= CAPABILITY:
        return Line("compute capability", "ok", found)
    fix = "FlashAttention 2 and bf16 need 8.0 (A100) or newer; CUDA_VISIBLE_DEVICES= (empty) makes a run use the CPU"
    return Line("compute capability", "error", f"{found} ({least.name})", fix)


def toolkit_line(machine: Machine, required: State) -> Line:
    """Any minor version compiles for torch (DS_SKIP_CUDA_CHECK is set); another major one does not."""
    built = machine.torch_cuda or TORCH_CUDA
    major = built.partition(".")[0]
    install = f"install the CUDA toolkit {built} (another {major}.x works) and put nvcc on PATH or set CUDA_HOME"
    if machine.toolkit is None:
        what = f"{install}; training compiles with it, evaluation does not"
        return Line("CUDA toolkit", required, "no nvcc", what)
    found = f"{machine.toolkit.version} in {machine.toolkit.folder}"
    if machine.toolkit.version.partition(".")[0] != major:
        return Line("CUDA toolkit", required, f"{found}, torch is built for {built}", install)
    if not machine.toolkit.headers:
        fix = "set CUDA_HOME to the toolkit's own folder: torch takes the one above nvcc's"
        return Line("CUDA toolkit", required, f"{found}, without include/cuda_runtime.h", fix)
    return Line("CUDA toolkit", "ok", found)


def compiler_lines(machine: Machine, needs: Needs, required: State) -> Iterator[Line]:
    """On a GPU a C compiler is needed in any case: Triton, of which vLLM has kernels, compiles a part of itself."""
    lacking = [language for language, found in machine.compilers.items() if found is None]
    if lacking:
        state = "error" if needs.gpu and "C" in lacking else required
        why = "DeepSpeed compiles its operations, and on a GPU Triton, which vLLM uses, a part of itself"
        yield Line("compiler", state, f"none for {' and '.join(lacking)}", f"apt-get install gcc g++; {why}")
    else:
        yield Line("compiler", "ok", ", ".join(filter(None, machine.compilers.values())))
    if machine.python_headers:
        yield Line("Python headers", "ok", "Python.h is there")
    else:
        fix = "apt-get install python3-dev (of this Python's version); what is compiled includes them"
        yield Line("Python headers", "error" if needs.gpu else required, "no Python.h", fix)


def package_lines(machine: Machine, needs: Needs, required: State) -> Iterator[Line]:
    """What setup.sh installs and builds."""
    set_up = "bash scripts/setup.sh gpu" if needs.gpu else "bash scripts/setup.sh"
    torch = machine.packages.get("torch")
    if torch is None or "openrlhf" not in machine.packages:
        yield Line("packages", required, f"{'openrlhf' if torch else 'torch'} is not installed", set_up)
        return
    found = f"openrlhf {machine.packages['openrlhf']}, torch {torch}"
    if needs.gpu and machine.torch_cuda is None:
        fix = f"this environment holds the CPU set; VENV=.venv-gpu {set_up}, and PYTHON=.venv-gpu/bin/python"
        yield Line("packages", required, f"{found}, built for the CPU", fix)
    else:
        yield Line("packages", "ok", found)
    if machine.ninja:
        yield Line("ninja", "ok", machine.ninja)
    else:
        yield Line("ninja", required, "not on PATH", f"{set_up}, and start Ray with scripts/ray_cluster.sh")
    if needs.gpu and machine.flash_attn is None:
        yield Line("flash-attn", "ok", machine.packages.get("flash-attn", "loads"))
    elif needs.gpu:
        yield Line("flash-attn", required, machine.flash_attn or "", f"{set_up} builds it; or: {FLASH_ATTN}")
    compile_all = "python -m train.gpu" if needs.gpu else "python -m train.cpu"
    for name, state in machine.operations.items():
        if state == "built":
            yield Line(name, "ok", "built")
        elif state == "missing":
            yield Line(name, "warning", "not built", f"the first step compiles it; before: .venv/bin/{compile_all}")
        else:
            fix = "torch locks that folder for each process that loads the operation; "
            left = "locked" in state  # a run would wait for it without end
            fix += "delete the lock, which a compiler left that was ended" if left else "install a .venv of your own"
            yield Line(name, "error", state, fix)


def size_lines(machine: Machine, needs: Needs, required: State) -> Iterator[Line]:
    """Memory, shared memory, limits, disk."""
    found = decimal(machine.memory)
    if needs.host_memory is None:
        yield Line("host memory", "ok", found)
    else:
        enough = machine.memory >= needs.host_memory
        fix = "take more machines, ask the batch system for all memory (--mem=0), or a smaller model"
        yield Line("host memory", "ok" if enough else "error", f"{found}, {decimal(needs.host_memory)} planned", fix)
    if needs.gpu:
        small = machine.shared_memory < SHARED_MEMORY
        fix = "NCCL and Ray share memory there; start the container with --ipc=host or --shm-size=64g"
        yield Line("/dev/shm", required if small else "ok", decimal(machine.shared_memory), fix)
        few = machine.open_files < OPEN_FILES
        found = "no limit" if machine.open_files > 2**31 else f"{machine.open_files:,}"
        yield Line("open files", "warning" if few else "ok", found, f"raise the hard limit: ulimit -Hn {OPEN_FILES}")
        if machine.locked_memory is not None:
            fix = "for InfiniBand: ulimit -l unlimited (a container: --ulimit memlock=-1)"
            yield Line("locked memory", "warning", decimal(machine.locked_memory), fix)
        else:
            yield Line("locked memory", "ok", "no limit")
        if machine.address_space is not None:
            fix = "CUDA reserves far more than it uses: ulimit -v unlimited"
            yield Line("address space", required, decimal(machine.address_space), fix)
        if machine.processes is not None and machine.processes < THREADS:
            fix = "Ray, vLLM and CUDA start thousands of threads: raise ulimit -u (a container: --pids-limit)"
            yield Line("processes", "warning", f"{machine.processes:,}, threads included", fix)
    if not machine.sees_folder:
        fix = "the machines that hold the models write checkpoints there: set run.output_dir to a shared file system"
        yield Line("run folder", "error", "a file made there is not seen on this machine", fix)
    if needs.disk is None:
        yield Line("disk", "ok", f"{decimal(machine.disk)} free")
    else:
        found = f"{decimal(machine.disk)} free, up to {decimal(needs.disk)} planned"
        fix = "make room, set run.output_dir, or keep less: ckpt.save_steps, run.keep_checkpoints"
        yield Line("disk", "ok" if machine.disk >= needs.disk else "error", found, fix)


def model_line(name: str, state: str) -> Line:
    if state == "here":
        return Line("model", "ok", name)
    if state == "on the hub":
        fix = f"every process would download it; once before: .venv/bin/hf download {name}, then HF_HUB_OFFLINE=1"
        return Line("model", "warning", f"{name}: on the hub, not on this machine", fix)
    fix = how_to_make(name, "check the name, or copy the model to every machine").removeprefix("; ")
    return Line("model", "error", f"{name}: {state}", fix)


def cluster_lines(machines: Sequence[Machine], needs: Needs) -> Iterator[Line]:
    """What is about all machines together."""
    if needs.gpu and needs.gpus is not None:
        have = [len(machine.gpus) if machine.offered is None else machine.offered for machine in machines]
        found = f"{sum(have)} on {len(have)} machine{'s' * (len(have) > 1)}, {needs.gpus} needed"
        if sum(have) < needs.gpus:
            yield Line("placement", "error", found, "another placement (docs/cluster.md), or more machines")
        elif needs.per_node and max(have) < needs.per_node:
            found += f"; an engine takes {needs.per_node} of one machine"
            yield Line("placement", "error", found, "lower vllm.tensor_parallel_size")
        elif needs.per_node and sum(count // needs.per_node for count in have) < (needs.engines or 0):
            found += f"; of the engines, {needs.per_node} GPUs each, one would span machines"
            fix = (
                "it generates at the speed of the network: take machines whose GPUs vllm.tensor_parallel_size divides"
            )
            yield Line("placement", "warning", found, fix)
        else:
            yield Line("placement", "ok", found)
        yield from reserved_lines(machines, have, needs.gpus)
    if machines and (fault := machines[0].wandb):
        fix = (
            "set WANDB_API_KEY before scripts/ray_cluster.sh, WANDB_MODE=offline without a network; or unset the key"
        )
        yield Line("W&B", "error", fault, fix, machines[0].name)
    if len(machines) < 2:
        return
    first = machines[0]
    for check, of, fix in (
        ("one commit", lambda m: m.commit or "not known", "check out the same commit on all machines"),
        ("one folder", lambda m: f"{m.root}, {m.prefix}", "keep the repository and its .venv at one path everywhere"),
        ("one environment", lambda m: f"Python {m.python}, {packages(m)}", "install the same set on all machines"),
    ):
        others = [machine for machine in machines if of(machine) != of(first)]
        for machine in others:
            yield Line(
                check, "error", f"{difference(of(machine), of(first))} (unlike {first.name})", fix, machine.name
            )
        if not others:
            yield Line(check, "ok", of(first) if len(of(first)) < 60 else "the same versions")


def reserved_lines(machines: Sequence[Machine], have: Sequence[int], wanted: int) -> Iterator[Line]:
    """Whether Ray's books are right: GPUs that exist, and CPUs for what OpenRLHF reserves, one per GPU.

    The trainer takes one more on the first machine, once all are placed; Ray would wait for it without end.
    """
    for machine, handed_out in zip(machines, have, strict=True):
        if handed_out > len(machine.gpus):
            found = f"Ray hands out {handed_out}, and {len(machine.gpus)} are there"
            fix = "models would be placed on GPUs that do not exist; start its Ray again (scripts/ray_cluster.sh)"
            yield Line("Ray's GPUs", "error", found, fix, machine.name)
        needed = min(handed_out, wanted) + (machine is machines[0])
        if machine.cpus < needed:
            fix = "one for each GPU and for the trainer: ask the batch system or container for more"
            yield Line("CPUs", "error", f"{machine.cpus}, {needed} needed", fix, machine.name)


def packages(machine: Machine) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(machine.packages.items()) if name != "python")


def difference(one: str, other: str) -> str:
    """The parts of a list, as text, that are not in the other; the parts that are missing, where none is."""
    ours, theirs = one.split(", "), other.split(", ")
    return ", ".join(part for part in ours if part not in theirs) or (
        "without " + ", ".join(part for part in theirs if part not in ours)
    )
