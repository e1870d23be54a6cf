#!/usr/bin/env bash
# The whole pipeline on the embedded default, from nothing: set up, make the problems and the tiny base model, train
# FULL with OpenRLHF's PPO on Ray, choose with LIM, train LIMR and RAND for as many steps, evaluate, report.
#
#   bash scripts/demo.sh [--quick] [--plan] [key=value …]
#
#   --quick     FULL, LIM, LIMR and evaluation only, on 192 of the 512 problems, three epochs of six
#   --plan      set up, then list the stages without running them
#   key=value   laid over configs/compare/demo.yaml, e.g. 'seeds=[2]'
#
# No GPU, no downloads but the packages. Run it again to resume after an interruption: what is done is skipped.
# A GPU is used where there is one; CUDA_VISIBLE_DEVICES= (empty) hides it.
# Knobs: PYTHON (interpreter of a finished set-up; default: that of VENV), VENV (set up here; default .venv)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

comparison=configs/compare/demo.yaml
options=()
for argument in "$@"; do
    case $argument in
        --quick) comparison=configs/compare/demo-quick.yaml ;;
        --plan | [!-]*=*) options+=("$argument") ;;
        -*q* | q*) die "demo.sh has no $argument; did you mean --quick?" ;;
        *) die "demo.sh has no $argument; it takes --quick, --plan and key=value (bash scripts/demo.sh --help)" ;;
    esac
done
gpu=()
packages=all
visible=${CUDA_VISIBLE_DEVICES-all}
if [ -n "${visible//[, ]/}" ] && [[ $(nvidia-smi -L 2>/dev/null || true) == *"GPU "* ]]; then
    gpu=('overlays=[colocated-1gpu]')
    packages=gpu
fi
if [ -z "${PYTHON:-}" ]; then
    bash scripts/setup.sh "$packages"
    export PYTHON=${VENV:-.venv}/bin/python
fi
exec bash scripts/compare.sh "$comparison" "${gpu[@]}" "${options[@]}"
