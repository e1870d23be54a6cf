#!/usr/bin/env bash
# Check what a run needs against what is here: driver, GPUs, CUDA toolkit, compiler, flash-attn, DeepSpeed's operations,
# memory, limits, disk, model, data; with RAY_ADDRESS on every node of that cluster. One table; exit code 2 on an error.
#
#   bash scripts/doctor.sh                                  this machine and its environment
#   bash scripts/doctor.sh math.8k                          against a recipe
#   bash scripts/doctor.sh limr +qwen2.5-math-1.5b --json   with overlays and key=value, as scripts/train.sh takes them
#   RAY_ADDRESS=HEAD_IP:6379 bash scripts/doctor.sh math.8k +qwen2.5-math-72b
#
# --without packages --without data checks the machine alone. Needs neither a GPU nor torch (bash scripts/setup.sh select is
# enough). Knob: PYTHON (.venv/bin/python)
# All flags: .venv/bin/python -m train.doctor --help
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_python select
exec "$PYTHON" -m train.doctor "$@"
