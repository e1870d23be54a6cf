#!/usr/bin/env bash
# Train a recipe: PPO with OpenRLHF on Ray; every sample's reward is logged.
#
#   bash scripts/train.sh RECIPE [+overlay …] [key=value …] [--dry_run]
#
#   bash scripts/train.sh math.8k --dry_run                the plan and the exact command; needs no data, no GPU
#   bash scripts/train.sh limr +qwen2.5-math-1.5b          another model with its placement (configs/train/model)
#   bash scripts/train.sh limr +colocated-8gpu             another placement (configs/train/placement)
#   bash scripts/train.sh limr run.seed=2 run.name=limr-s2
#   bash scripts/train.sh arithmetic-cpu.limr              the embedded set, no GPU
#
# RECIPE is a name under configs/train, or a file of yours, which may extend those (extends: math.8k.yaml). Paths in a
# recipe are from the project's folder. Those of the paper's comparison have a script each, with the same arguments:
#
#   bash scripts/train_math.8k.sh    FULL: all prompts; LIM selects from its log
#   bash scripts/train_limr.sh       LIMR: the prompts that LIM selected from FULL's log (scripts/lim.sh)
#   bash scripts/train_rand.sh       RAND: as many prompts as LIMR, drawn at random
#   bash scripts/train_lim.sh        LIM in one run: FULL, which chooses its prompts after epoch 3 (run.select)
#   bash scripts/train_linear.sh     LINEAR: prompts whose reward improves steadily
#
# Knobs of those five: POOL (a family of recipes: POOL=arithmetic-cpu trains configs/train/arithmetic-cpu.limr.yaml
# instead of configs/train/limr.yaml), RECIPE (any recipe instead of the script's). Knob: PYTHON (.venv/bin/python)
# All flags: .venv/bin/python -m train.launch --help
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_python all
exec "$PYTHON" -m train.launch "$@"
