"""A GPU machine that lacks nothing, for the doctor's tests."""

from __future__ import annotations

import nvidia_smi

from train import gpu
from train.doctor.machine import Machine, Toolkit

GB = 10**9
GOOD = Machine(
    name="one",
    python="3.12.4",
    prefix="/p/.venv",
    root="/p",
    commit="0123456789ab",
    packages={"openrlhf": "0.11.2", "torch": "2.13.0", "flash-attn": "2.8.3"},
    torch_cuda="13.0",
    gpus=gpu.read(nvidia_smi.answer(count=8)),
    driver_cuda=13000,
    toolkit=Toolkit("13.0", "/usr/local/cuda", headers=True),
    ninja="/p/.venv/bin/ninja",
    compilers={"C": "/usr/bin/gcc", "C++": "/usr/bin/c++"},
    python_headers=True,
    cpus=96,
    memory=2000 * GB,
    shared_memory=1000 * GB,
    open_files=1048576,
    locked_memory=None,
    address_space=None,
    processes=None,
    allocator="",
    disk=3000 * GB,
    operations={"fused_adam": "built"},
    models={"Qwen/Qwen2.5-Math-7B": "here"},
)
