"""Compile the operations of DeepSpeed that a run on a CPU loads: `python -m train.cpu`; scripts/setup.sh does so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lim.utils.cli import Parser
from lim.utils.errors import run_cli
from train.cpu import OPERATIONS, environment, release_locks


def compile_operations() -> int:
    """Compile `OPERATIONS`, or check that they are; returns the compiler's exit code."""
    code = "from deepspeed.accelerator import get_accelerator\n" + "\n".join(
        f"builder = get_accelerator().create_op_builder({builder!r})\nbuilder.is_compatible() and builder.load()"
        for builder in OPERATIONS.values()
    )
    variables = environment()
    release_locks(Path(variables["TORCH_EXTENSIONS_DIR"]))
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, **variables}, check=False).returncode


def main() -> int:
    Parser(
        prog="python -m train.cpu", description="Compile the operations of DeepSpeed that a run on a CPU loads."
    ).parse_args()
    return compile_operations()


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
