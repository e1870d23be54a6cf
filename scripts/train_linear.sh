#!/usr/bin/env bash
# LINEAR: PPO on prompts whose reward improves steadily.
#
#   bash scripts/train_linear.sh [+overlay …] [key=value …] [--dry_run]
#
#   bash scripts/train_linear.sh --dry_run             the plan and the exact command; needs no data, no GPU
#   bash scripts/train_linear.sh +qwen2.5-math-1.5b    another model with its placement (configs/train/model)
#   bash scripts/train_linear.sh +colocated-8gpu       another placement (configs/train/placement)
#   bash scripts/train_linear.sh run.seed=2 run.name=linear-s2
#   POOL=arithmetic-cpu bash scripts/train_linear.sh   the embedded set, no GPU
#
# Knobs: POOL (a family of recipes: configs/train/$POOL.linear.yaml), RECIPE (any recipe: a file, or a name
# under configs/train), PYTHON (default .venv/bin/python).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

POOL=${POOL:-}
RECIPE=${RECIPE:-${POOL:+$POOL.}linear}
PYTHON=${PYTHON:-.venv/bin/python}
command -v "$PYTHON" >/dev/null || { echo "error: $PYTHON: not there; run: bash scripts/setup.sh" >&2; exit 2; }
exec "$PYTHON" -m train.launch "$RECIPE" "$@"
