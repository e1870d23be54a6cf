"""What one machine has: collected there, without torch, with or without a GPU."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lim.utils.errors import one_line
from lim.utils.paths import ROOT, is_hub_id
from lim.utils.provenance import PACKAGES, commit, versions
from train.gpu import Gpu, gpus

INCLUDED = ("include", "targets/x86_64-linux/include", "targets/sbsa-linux/include")  # of a toolkit, by torch
COMPILE_TAKES = 600.0  # seconds; a lock that is older was left by a compiler that was ended
LOADING_TAKES = 60.0  # the same for what is compiled
CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Question:
    """What to look for."""

    environment: Mapping[str, str]  # of the run's processes
    folder: str  # of the run
    models: tuple[str, ...] = ()  # hub ids or absolute paths
    operations: tuple[str, ...] = ()  # of DeepSpeed
    flash_attn: bool = False
    wandb: bool = False  # whether the run logs to W&B
    compiles: bool = False  # whether vLLM compiles the model (without vllm.enforce_eager)
    token: str = ""  # a file that was just made where the run's folder is or will be; none where that is not asked


@dataclass(frozen=True)
class Toolkit:
    """A CUDA toolkit."""

    version: str
    folder: str
    headers: bool  # whether they are where torch looks for them


@dataclass(frozen=True)
class Machine:
    """What was found; sizes in bytes."""

    name: str
    python: str
    prefix: str
    root: str
    commit: str | None
    packages: dict[str, str]
    torch_cuda: str | None  # the CUDA version torch was built for; None without torch, or with torch for CPU
    gpus: list[Gpu]
    driver_cuda: int | None  # 13000 for CUDA 13.0, as the driver's library says; None without one
    toolkit: Toolkit | None
    ninja: str | None
    compilers: dict[str, str | None]  # of C, which Triton takes, and of C++
    python_headers: bool  # Python.h, which what they compile includes
    cpus: int  # that Ray hands out
    memory: int
    shared_memory: int
    open_files: int
    locked_memory: int | None  # None: no limit
    address_space: int | None  # bytes that a process may reserve; None: no limit
    processes: int | None  # and threads of this user, or of the container; None: no limit
    allocator: str  # torch's settings of its GPU memory
    disk: int  # free where the run's folder is or will be, with what its checkpoints take already
    flash_attn: str | None = None  # why it does not load; None: it loads, or was not asked for
    operations: dict[str, str] = field(default_factory=dict)  # built, missing, or why it cannot be loaded
    models: dict[str, str] = field(default_factory=dict)  # here, on the hub, or why not
    offered: int | None = None  # GPUs that its node of a Ray cluster hands out
    sees_folder: bool = True  # the run's, on a cluster
    wandb: str = ""  # why the trainer could not log to W&B here
    caches: dict[str, str] = field(default_factory=dict)  # that cannot be written to, by the variable that sets each


def collect(question: Question) -> Machine:
    """Look at this machine, with the environment of the run."""
    before = dict(os.environ)
    os.environ.update(question.environment)
    try:
        return _look(question)
    finally:
        os.environ.clear()
        os.environ.update(before)


def collect_on_node(question: Question) -> Machine:
    """The same in a worker of Ray, which hides the GPUs of its node from a task that asked for none."""
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return collect(question)


def _look(question: Question) -> Machine:
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # Ray raises the soft limit to the hard one
    locked, reserved = (limit(which) for which in (resource.RLIMIT_MEMLOCK, resource.RLIMIT_AS))
    return Machine(
        name=socket.gethostname(),
        python=platform.python_version(),
        prefix=sys.prefix,
        root=str(ROOT),
        commit=commit(),
        packages=versions((*PACKAGES, "flash-attn", "setuptools")),
        torch_cuda=torch_cuda(),
        gpus=list(gpus()),
        driver_cuda=driver_cuda(),
        toolkit=toolkit(),
        ninja=shutil.which("ninja"),
        compilers={"C": compiler("CC", "gcc", "clang"), "C++": compiler("CXX", "c++")},
        python_headers=(Path(sysconfig.get_paths()["include"]) / "Python.h").is_file(),
        cpus=cpus(),
        memory=host_memory(),
        shared_memory=shutil.disk_usage("/dev/shm").total if os.path.isdir("/dev/shm") else 0,
        open_files=sys.maxsize if open_files == resource.RLIM_INFINITY else open_files,
        locked_memory=locked,
        address_space=reserved,
        processes=min(filter(None, (limit(resource.RLIMIT_NPROC, soft=True), container_limit("pids"))), default=None),
        allocator=os.environ.get("PYTORCH_ALLOC_CONF") or os.environ.get("PYTORCH_CUDA_ALLOC_CONF", ""),
        disk=free_disk(question.folder),
        flash_attn=flash_attn_fault() if question.flash_attn else None,
        operations={name: operation(name) for name in question.operations},
        models={name: model(name) for name in question.models},
        sees_folder=sees(question.token),
        wandb=wandb_fault() if question.wandb else "",
        caches={name: there for name, folder in caches(question.compiles).items() if (there := unwritable(folder))},
    )


def limit(which: int, *, soft: bool = False) -> int | None:
    """A limit of this process, the hard one by default; None where there is none, as for root's processes."""
    if which == resource.RLIMIT_NPROC and os.geteuid() == 0:
        return None
    found = resource.getrlimit(which)[0 if soft else 1]
    return None if found == resource.RLIM_INFINITY else found


def cpus() -> int:
    """As Ray counts them: those of a container, where it is allowed fewer."""
    try:
        from ray._private.utils import get_num_cpus
    except ImportError:
        return os.cpu_count() or 1
    return int(get_num_cpus(override_docker_cpu_warning=True))


def sees(token: str, seconds: float = 5.0) -> bool:
    """Whether a file that another machine has just made is there; network file systems take a moment."""
    end = time.monotonic() + seconds
    while token and not os.path.exists(token):
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def wandb_fault() -> str:
    """Why W&B would end the trainer as it starts, without a key or an answer; nothing where it would not."""
    if not os.environ.get("WANDB_API_KEY"):
        return "WANDB_API_KEY is set for this command, but not for this machine's Ray"
    if os.environ.get("WANDB_MODE", "online") in ("offline", "disabled", "dryrun"):
        return ""
    address = os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai"
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=10).close()
    except urllib.error.HTTPError:  # an answer
        return ""
    except (OSError, ValueError) as error:
        return f"{address} cannot be reached ({one_line(error)})"
    return ""


def caches(compiles: bool = False) -> dict[str, str | Path]:
    """Folders that a run writes to outside its own, by the variable that sets each.

    `datasets` keeps the prompts that it has read in one, Triton the kernels that it has compiled, and vLLM the model,
    where it compiles that; then it loads FlashInfer, too, which makes a folder as it is imported.
    """
    triton = Path(os.environ.get("TRITON_HOME") or "~") / ".triton"
    vllm = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "vllm"
    flashinfer = Path(os.environ.get("FLASHINFER_WORKSPACE_BASE") or "~") / ".cache" / "flashinfer"
    compiling = {
        "VLLM_CACHE_ROOT": os.environ.get("VLLM_CACHE_ROOT") or vllm,
        "FLASHINFER_WORKSPACE_BASE": flashinfer,
    }
    return (compiling if compiles else {}) | {
        "HF_DATASETS_CACHE": os.environ.get("HF_DATASETS_CACHE") or hub_home() / "datasets",
        "TRITON_CACHE_DIR": os.environ.get("TRITON_CACHE_DIR") or triton,
    }


def unwritable(folder: str | Path) -> str:
    """The folder, or the one above that it would be made in, where that cannot be written to; else nothing."""
    path = Path(folder).expanduser()
    there = next(path for path in (path, *path.parents) if path.exists())
    return "" if os.access(there, os.W_OK) else str(there)


def compiler(variable: str, *names: str) -> str | None:
    """The compiler that a variable names, else the first that is on PATH."""
    chosen = os.environ.get(variable)
    found = map(shutil.which, [chosen.split()[0]] if chosen and chosen.split() else names)
    return next(filter(None, found), None)


def torch_cuda() -> str | None:
    """As torch's own version.py says."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    with contextlib.suppress(OSError):
        text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
        if found := re.search(r"^cuda\b[^=]*= *['\"]([\d.]+)", text, re.MULTILINE):
            return found[1]
    return None


def driver_cuda() -> int | None:
    """What libcuda runs: more than its driver by itself, where CUDA's compatibility library is in front of it."""
    version = ctypes.c_int()
    try:
        failed = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed else version.value


def toolkit() -> Toolkit | None:
    """The CUDA toolkit that torch would compile with: CUDA_HOME, CUDA_PATH, nvcc on PATH, /usr/local/cuda."""
    nvcc = shutil.which("nvcc")
    folder = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    folder = folder or (str(Path(nvcc).parent.parent) if nvcc else "/usr/local/cuda")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = [f"{folder}/bin/nvcc", "--version"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        if release := re.search(r"release (\d+\.\d+)", said):
            headers = any((Path(folder) / name / "cuda_runtime.h").is_file() for name in INCLUDED)
            return Toolkit(release[1], folder, headers)
    return None


def host_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """Bytes of memory, or fewer where a container or a batch job is allowed fewer."""
    return min(filter(None, (psutil.virtual_memory().total, container_limit("memory", cgroups, own))))


def container_limit(what: str, cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int | None:
    """The least that the container or batch job, or one around it, is allowed of `memory` or `pids`."""
    limits: list[int] = []
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", what):
                continue
            top = cgroups / controllers
            folder = top / path.lstrip("/")
            for level in [folder, *folder.parents]:
                for name in (f"{what}.max", f"{what}.limit_in_bytes"):
                    with contextlib.suppress(OSError, ValueError):  # "max" is no number, and no limit
                        limits.append(int((level / name).read_text(encoding="utf-8")))
                if level == top:
                    break
    return min(limits, default=None)


def free_disk(folder: str) -> int:
    """Bytes free where `folder` is, or would be made; a run that is resumed replaces its own checkpoints."""
    path = Path(folder)
    own = [file for part in ("ckpt", "final") for file in (path / part).rglob("*") if file.is_file()]
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free + sum(file.stat().st_size for file in own)


def flash_attn_fault() -> str | None:
    """Why flash-attn does not load, by loading what OpenRLHF does; None where it loads."""
    if importlib.util.find_spec("flash_attn") is None:
        return "not installed"
    command = [sys.executable, "-c", "import flash_attn.bert_padding, flash_attn.utils.distributed"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        return one_line(error)
    return None if done.returncode == 0 else one_line(done.stderr.strip().rpartition("\n")[2] or done.returncode)


def operation(name: str) -> str:
    """Whether an operation of DeepSpeed is built, and can be loaded: torch locks its folder to do so."""
    folder = Path(os.environ["TORCH_EXTENSIONS_DIR"]) / name
    if there := unwritable(folder):
        return f"{there} cannot be written to"
    built, lock, waits = (folder / f"{name}.so").is_file(), folder / "lock", time.monotonic() + LOADING_TAKES + 5
    takes = LOADING_TAKES if built else COMPILE_TAKES
    with contextlib.suppress(OSError):  # no lock
        # A run that was ended while it loaded the operation has left a young one: wait to see whose it is.
        while (age := time.time() - lock.stat().st_mtime) <= takes and built and time.monotonic() < waits:
            time.sleep(0.5)
        if age > takes:
            return f"locked by {lock}"
    return "built" if built else "missing"


def model(name: str) -> str:
    """`here`, `on the hub`, or why the model cannot be loaded."""
    if not is_hub_id(name):
        if not (Path(name) / "config.json").is_file():
            return "not here (no config.json)"
        return "here" if has_weights(Path(name)) else "not complete (weights are missing)"
    if in_cache(name):
        return "here"
    # As huggingface_hub reads them.
    offline = next((key for key in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(key)), "")
    if os.environ.get(offline, "").upper() in ("1", "ON", "YES", "TRUE"):
        return f"not in the cache, and {offline} is set"
    address = f"{os.environ.get('HF_ENDPOINT') or 'https://huggingface.co'}/{name}/resolve/main/config.json"
    headers = {"Authorization": f"Bearer {token}"} if (token := hub_token()) else {}
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD", headers=headers), timeout=10).close()
    except urllib.error.HTTPError as error:
        reasons = {
            401: "the hub asks for a login (HF_TOKEN, or .venv/bin/hf auth login), or has no such model",
            403: "the hub does not let you have it; ask for access on the model's page",
            404: "the hub has no such model",
        }
        return reasons.get(error.code, f"the hub answers {error.code}")
    except (OSError, ValueError) as error:
        return f"not in the cache, and the hub cannot be reached ({one_line(error)})"
    return "on the hub"


def in_cache(name: str) -> bool:
    """Whether the hub's cache on this machine has the model, its weights included."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    cache = Path(named).expanduser() if named else hub_home() / "hub"
    folder = cache / f"models--{name.replace('/', '--')}"
    if any(folder.glob("blobs/*.incomplete")):
        return False
    snapshots = (path.parent for path in folder.glob("snapshots/*/config.json"))
    return any(has_weights(snapshot) for snapshot in snapshots)


def hub_home() -> Path:
    """Where the hub's libraries keep their files."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser()


def hub_token() -> str:
    """The token of the hub as its libraries find it: a variable, or the file of `hf auth login`."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := os.environ.get(name, "").strip():
            return token
    with contextlib.suppress(OSError):
        return Path(os.environ.get("HF_TOKEN_PATH") or hub_home() / "token").expanduser().read_text().strip()
    return ""


def has_weights(folder: Path) -> bool:
    """Whether a model folder has all files that its index names, or has weights, where it has no index."""
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError):
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        return all((folder / name).is_file() for name in set(index["weight_map"].values()))
    return any(next(folder.glob(f"*.{kind}"), None) for kind in ("safetensors", "bin"))
