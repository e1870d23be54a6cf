"""Compile the operations of DeepSpeed that a run on GPUs loads: `python -m train.gpu`, by scripts/setup.sh gpu."""

from __future__ import annotations

import os
import subprocess
import sys

from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from train.gpu import OPERATIONS, architectures, available_gpus, environment, gpus


def main() -> int:
    parser = Parser(
        prog="python -m train.gpu", description="Compile the operations of DeepSpeed that a run on GPUs loads."
    )
    parser.add_argument("operations", nargs="*", metavar="operation", help=f"default: all ({', '.join(OPERATIONS)})")
    parser.add_argument("--visible", action="store_true", help="compile nothing; exit code 1 where no GPU is visible")
    parser.add_argument("--architectures", action="store_true", help="compile nothing; print FLASH_ATTN_CUDA_ARCHS")
    arguments = parser.parse_args()
    if arguments.visible:
        return int(not available_gpus())
    if arguments.architectures:
        sys.stdout.write(f"{architectures(gpus())}\n")
        return 0
    wanted = arguments.operations or list(OPERATIONS)
    for name in wanted:
        if name not in OPERATIONS:
            raise InputError(f"{name}: no such operation; known are {', '.join(OPERATIONS)}")
    if not available_gpus():
        # Compiled elsewhere, it would be compiled again there: DeepSpeed asks the GPUs for their kind.
        raise InputError("no GPU is visible here; run this on a machine that has those of the run")
    code = "from deepspeed.accelerator import get_accelerator\n" + "\n".join(
        f"get_accelerator().create_op_builder({OPERATIONS[name]!r}).load()" for name in wanted
    )
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment()}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
