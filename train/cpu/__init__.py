"""The CPU default: what OpenRLHF, vLLM and DeepSpeed need on a machine without a GPU.

`environment()` is the environment of such a run, `flags()` the OpenRLHF flags it cannot do without. The
environment puts train/cpu/site on PYTHONPATH, and the sitecustomize there applies train/cpu/patches.py in every
process of the run (driver, Ray workers, vLLM's own subprocesses). A run on GPUs sets none of this and imports
no patch.

Importing this module loads no torch. `python -m train.cpu` compiles the operations of DeepSpeed that such a run loads
(scripts/setup.sh does so; a run would do it itself, and look as if it hung).
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

from lim.utils.errors import InputError
from train.run.environment import shared, write

SITE = Path(__file__).resolve().parent / "site"

# What train/cpu/patches.py replaces, by distribution: file in the package → names (Class.method is a method).
SYMBOLS = {
    "torch": {"cuda/__init__.py": ("current_device", "set_device", "synchronize", "current_stream")},
    "openrlhf": {
        "models/ring_attn_utils.py": ("unpad_and_slice_tensor", "gather_and_pad_tensor"),
        "utils/distributed_util.py": ("stateless_init_process_group",),
        "trainer/ray/vllm_worker_wrap.py": ("WorkerWrap.update_weight",),
    },
    "deepspeed": {"comm/torch.py": ("TorchBackend.all_gather_into_tensor",)},
    "transformers": {"utils/import_utils.py": ("is_sklearn_available",)},
    "vllm": {
        "distributed/utils.py": ("stateless_init_torch_distributed_process_group",),
        "model_executor/layers/utils.py": ("dispatch_cpu_unquantized_gemm",),
        "engine/arg_utils.py": ("AsyncEngineArgs.add_cli_args",),
    },
}
LOADING_TAKES = 60.0  # seconds; loading what is compiled takes less
# DeepSpeed's operations that a CPU run loads: folder under TORCH_EXTENSIONS_DIR → builder.
OPERATIONS = {"fused_adam": "FusedAdamBuilder", "deepspeed_shm_comm": "ShareMemCommBuilder"}


def environment(gpus: int = 4) -> dict[str, str]:
    """Variables to add to a run's environment on a machine without a GPU.

    `gpus` is the number of logical GPUs Ray hands out, so that the same placement code runs. An OMP_NUM_THREADS
    that is set is kept. Raises InputError when the installed OpenRLHF, vLLM or torch lacks a symbol
    that train/cpu/patches.py answers, so that an upgrade tells at the start.
    """
    check_symbols()
    cores = len(os.sched_getaffinity(0))
    return {
        **write(cpu=True),
        **shared(SITE),
        "DS_ACCELERATOR": "cpu",
        # Actor and critic train side by side, and OpenMP's threads spin while they wait for each other: with two
        # threads a process, a busy core makes a step up to ten times longer (docs/LOG.md, 2026-11-23).
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // 2)),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        # vLLM's engine process runs the model itself: without this it starts a worker process, 10 s later.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        # vLLM and OpenRLHF compile small functions in the first step: up to 17 s that no run here gains back.
        "TORCHDYNAMO_DISABLE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Ray's workers run at nice 15, and the run would stand still beside any other work. Each imports for seconds
        # before it reports to Ray (patches.import_early), on busy cores for longer than the 60 s that Ray waits.
        "RAY_worker_niceness": "0",
        "RAY_worker_register_timeout_seconds": "600",
        "RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": gpus + 2, "GPU": gpus}),
        **logical_names(gpus),
    }


def logical_names(gpus: int) -> dict[str, str]:
    """CUDA_VISIBLE_DEVICES with a name for each logical GPU, where the variable is set, as to hide real ones.

    Ray refuses to hand out more GPUs than the variable names. CUDA knows none of these: what was hidden stays so.
    """
    if "CUDA_VISIBLE_DEVICES" not in os.environ:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(f"logical-{number}" for number in range(gpus))}


def flags() -> dict[str, str | bool]:
    """OpenRLHF flags (without the dashes) that every CPU run needs; True is a switch."""
    return {
        "vllm.sync_backend": "gloo",
        "vllm.enforce_eager": True,
        "ds.attn_implementation": "eager",
    }


def release_locks(folder: Path) -> list[Path]:
    """Delete locks under TORCH_EXTENSIONS_DIR (`folder`) that ended processes have left; returns them.

    torch locks an operation while it compiles or loads it, and waits for another's lock without end. A lock counts as
    left when it is a minute old and no process works in its folder, where the compiler runs.
    """
    import psutil

    locks = [folder / name / "lock" for name in OPERATIONS]
    old = [lock for lock in locks if lock.exists() and time.time() - lock.stat().st_mtime > LOADING_TAKES]
    at_work = {process.info["cwd"] for process in psutil.process_iter(["cwd"])} if old else set()
    left = [lock for lock in old if str(lock.parent.resolve()) not in at_work]
    for lock in left:
        lock.unlink(missing_ok=True)
    return left


def check_symbols() -> None:
    """Raise InputError for the first symbol of `SYMBOLS` that the installed packages do not define."""
    for package, files in SYMBOLS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise InputError(f"{package} is not installed in {sys.prefix}; run: bash scripts/setup.sh")
        folder = Path(spec.origin).parent
        for file, names in files.items():
            defined = _definitions(folder / file)
            for name in names:
                if name not in defined:
                    version = _version(package)
                    raise InputError(
                        f"{folder / file}: {package} {version} has no '{name}', which train/cpu/patches.py replaces "
                        "where there is no GPU; install the pinned version (bash scripts/setup.sh) or fix the patch"
                    )


def _version(package: str) -> str:
    names = importlib.metadata.packages_distributions().get(package, [])
    return importlib.metadata.version(names[0]) if names else "(unknown version)"


def _definitions(path: Path) -> set[str]:
    """Names of the functions and methods that a source file defines; empty where there is no such file."""
    if not path.is_file():
        return set()
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names.update(f"{node.name}.{item.name}" for item in node.body if isinstance(item, ast.FunctionDef))
    return names
