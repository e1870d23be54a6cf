"""Answers of `nvidia-smi --query-gpu=… --format=csv`, as published; none was recorded by this project.

The man page of nvidia-smi (docs.nvidia.com/deploy/nvidia-smi) has the fields, their units and the "[N/A]" of a value
that the driver does not know.
"""

from __future__ import annotations

from pathlib import Path

# github.com/triton-inference-server/server, pull request 8070: two kinds, one too old, and a driver for CUDA 12.
TITAN_V_AND_ADA = """\
compute_cap, compute_mode, driver_version, name, index
7.0, Default, 570.86.15, NVIDIA TITAN V, 0
8.9, Default, 570.86.15, NVIDIA RTX 5880 Ada Generation, 1
"""
# github.com/Project-HAMi/website, lab "SGLang with HAMi": the memory of an H100.
H100_MEMORY = """\
index, name, memory.total [MiB]
0, NVIDIA H100 80GB HBM3, 81559 MiB
"""
# github.com/huggingface/candle, issue 733: driver 470.182.03 and older do not know the field.
UNKNOWN_FIELD = 'Field "compute_cap" is not a valid field to query.\n'
# What nvidia-smi says with exit code 0 where it finds no GPU, and with exit code 9 where no driver answers it.
NO_DEVICES = "No devices were found\n"


def answer(kind: str = "NVIDIA H100 80GB HBM3", count: int = 1, **values: str) -> str:
    """An answer put together from such parts, for the fields that train.gpu asks for."""
    row = {"driver_version": "580.105.08", "memory.total": "81559 MiB", "memory.used": "1 MiB"}
    row |= {"compute_mode": "Default", "mig.mode.current": "Disabled", "compute_cap": "9.0"}
    row |= {{"mig": "mig.mode.current"}.get(n, n.replace("memory_", "memory.")): v for n, v in values.items()}
    units = {"memory.total": "memory.total [MiB]", "memory.used": "memory.used [MiB]"}
    lines = [", ".join(["index, uuid, name", *(units.get(name, name) for name in row)])]
    lines += [", ".join([str(n), f"GPU-{n}0d7", kind, *row.values()]) for n in range(count)]
    return "\n".join(lines) + "\n"


def stand_in(folder: Path, text: str, code: int = 0, unknown: str = "") -> None:
    """Make `folder`/nvidia-smi answer `text`, or UNKNOWN_FIELD where a question names the field `unknown`."""
    (folder / "answer").write_text(text)
    body = f"cat '{folder}/answer'; exit {code}"
    if unknown:
        body = f"case $* in *{unknown}*) echo '{UNKNOWN_FIELD.strip()}'; exit 2 ;; *) {body} ;; esac"
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{body}\n")
    (folder / "nvidia-smi").chmod(0o755)
