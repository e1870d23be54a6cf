"""GPUs: what nvidia-smi says of this machine's, and the environment that OpenRLHF, vLLM and DeepSpeed need there.

Importing this module loads no torch. `python -m train.gpu` compiles the operations of DeepSpeed that a run on GPUs
loads (scripts/setup.sh gpu does so; each process of a run would wait for it).
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from train.run.environment import shared

# DeepSpeed's operations that a run on GPUs loads: folder under TORCH_EXTENSIONS_DIR → builder. The first is Adam on
# the GPU, the second Adam on the host (ds.adam_offload=true).
OPERATIONS = {"fused_adam": "FusedAdamBuilder", "cpu_adam": "CPUAdamBuilder"}
FIELDS = (
    *("index", "uuid", "name", "driver_version", "memory.total", "memory.used", "compute_mode", "mig.mode.current"),
    "compute_cap",
)
FLASH_ATTN_ARCHITECTURES = "80;90;100;120"  # the default of flash-attn 2.8.3's setup.py
ADAM_THREADS = 8  # per rank; with 8 ranks per node, 64 of the host's cores


@dataclass(frozen=True)
class Gpu:
    """One GPU, as nvidia-smi lists it; None for what it does not say."""

    name: str
    driver: str
    uuid: str = ""
    capability: tuple[int, int] | None = None
    memory: int | None = None  # bytes
    used: int | None = None  # bytes
    index: int | None = None  # as CUDA_VISIBLE_DEVICES counts, in the order of PCI buses
    mode: str = ""  # Default, Exclusive_Process, Prohibited
    mig: bool = False  # split into parts


@cache
def gpus() -> tuple[Gpu, ...]:
    """The CUDA devices that this machine offers; CUDA_VISIBLE_DEVICES narrows and orders them."""
    listed = _ask(FIELDS)
    # A driver of before 2021 does not know compute_cap, and refuses the question.
    return tuple(visible(read(listed or _ask(FIELDS[:-1])), os.environ.get("CUDA_VISIBLE_DEVICES")))


def _ask(fields: tuple[str, ...]) -> str:
    """nvidia-smi's answer; nothing where it fails, as it does where there is no GPU."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    try:
        question = [command, f"--query-gpu={','.join(fields)}", "--format=csv"]
        done = subprocess.run(question, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def read(listed: str) -> list[Gpu]:
    """The GPUs in an answer of `nvidia-smi --query-gpu=… --format=csv`, which has a line of names on top."""
    found = []
    for row in csv.DictReader(listed.splitlines(), skipinitialspace=True):
        # "memory.total [MiB]" and "81559 MiB"; "[N/A]" where the driver does not know.
        values = {str(key).split(" [")[0].strip(): (value or "").strip() for key, value in row.items()}
        if not values.get("driver_version"):
            continue  # "No devices were found" and other prose
        major, _, minor = values.get("compute_cap", "").partition(".")
        found.append(
            Gpu(
                name=values.get("name", ""),
                driver=values["driver_version"],
                uuid=values.get("uuid", ""),
                capability=(int(major), int(minor)) if major.isdigit() and minor.isdigit() else None,
                memory=_bytes(values.get("memory.total", "")),
                used=_bytes(values.get("memory.used", "")),
                index=int(values["index"]) if values.get("index", "").isdigit() else None,
                mode=values.get("compute_mode", ""),
                mig=values.get("mig.mode.current") == "Enabled",
            )
        )
    return found


def _bytes(text: str) -> int | None:
    number = text.removesuffix(" MiB")
    return int(number) * 2**20 if number.isdigit() else None


def visible(found: list[Gpu], chosen: str | None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES names, by index or by the beginning of the UUID, up to an unknown one."""
    if chosen is None:
        return found
    kept = []
    for name in filter(None, map(str.strip, chosen.split(","))):
        if name.isdigit():
            matching = found[int(name) : int(name) + 1]
        else:  # a part of a GPU (MIG-…) is listed with its GPU, which cannot be known from its name
            matching = found[:1] if name.startswith("MIG-") else [gpu for gpu in found if gpu.uuid.startswith(name)]
        if not matching:
            break
        kept += matching[:1]
    return kept


def available_gpus() -> int:
    """Number of CUDA devices that this machine offers."""
    return len(gpus())


def architectures(found: Iterable[Gpu]) -> str:
    """What flash-attn is to be compiled for, as its FLASH_ATTN_CUDA_ARCHS wants it; all it knows for no GPU."""
    known = FLASH_ATTN_ARCHITECTURES.split(";")
    wanted = {f"{gpu.capability[0]}0" for gpu in found if gpu.capability}
    return ";".join(name for name in known if name in wanted or not wanted <= set(known) or not wanted)


def environment(*, adam_offload: bool = False) -> dict[str, str]:
    """Variables to add to a run's environment on a machine with GPUs; a choice that the user has made is kept."""
    chosen = {
        # As nvidia-smi counts GPUs. CUDA by itself has the fastest first, where there are several kinds.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        # FlashInfer compiles its sampler when vLLM starts, and training samples without top_p and top_k.
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
        # Ray starts a worker per CPU at once, and gives up on those that take over a minute to import it, as they may
        # from a network file system.
        "RAY_worker_register_timeout_seconds": "600",
        # DeepSpeed takes the toolkit of torch's minor version alone; any of the major one compiles. The doctor
        # refuses another major one.
        "DS_SKIP_CUDA_CHECK": "1",
    }
    if adam_offload:
        # Ray gives an actor with one CPU one thread, and Adam on the host is bound by its threads.
        chosen["OMP_NUM_THREADS"] = str(ADAM_THREADS)
    return shared() | {name: os.environ.get(name) or value for name, value in chosen.items()}
