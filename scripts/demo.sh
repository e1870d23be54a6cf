#!/usr/bin/env bash
# The complete pipeline on the embedded set: set up, make the problems and the tiny base model, train FULL with
# OpenRLHF's PPO on Ray, select with LIM, train LIMR and RAND for as many steps, evaluate, report.
#
#   bash scripts/demo.sh [--quick | --task NAME] [--dry_run] [key=value …]
#
#   --quick     without RAND, on 192 of the 512 problems, three epochs instead of six
#   --task NAME the same on another embedded set: letters (words to reverse, sort and count in)
#   --dry_run   set up, then list the stages without running them
#   key=value   overrides configs/compare/demo.yaml, e.g. 'seeds=[2]'
#
# Requires no GPU; downloads only Python packages. Results: data/output/compare-demo/ (-quick, -letters). Run it again to
# resume after an interruption.
# If there is a GPU on which all of it can work, it is used; CUDA_VISIBLE_DEVICES= (empty) hides it.
# Knobs: PYTHON (interpreter of a finished setup; default: that of VENV), VENV (where to set up; default .venv)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

comparison=configs/compare/demo.yaml
options=()
on_gpu=(arithmetic-cpu +colocated-1gpu)
task=
while [ $# -gt 0 ]; do
    argument=$1
    shift
    case $argument in
        --quick) comparison=configs/compare/demo-quick.yaml ;;
        --task | --task=*)
            case $argument in
                *=*) task=${argument#*=} ;;
                *) task=${1-} && shift $(($# > 0)) ;;
            esac
            [ "$task" = arithmetic ] || [ "$task" = letters ] || die "--task $task: there are arithmetic and letters"
            ;;
        --dry_run | --plan | [!-]*=*) options+=("$argument") ;;
        -*q* | q*) die "demo.sh has no $argument; did you mean --quick?" ;;
        *) die "demo.sh has no $argument; it takes --quick, --task, --dry_run and key=value (bash scripts/demo.sh --help)" ;;
    esac
done
if [ "$task" = letters ]; then
    [ "$comparison" = configs/compare/demo.yaml ] || die "--quick is for --task arithmetic only"
    comparison=configs/compare/demo-letters.yaml
    on_gpu=(letters-cpu +colocated-1gpu)
fi
gpu=()
packages=all
visible=${CUDA_VISIBLE_DEVICES-all}
venv=${VENV:-.venv}
if [ -n "${visible//[, ]/}" ] && [[ $(nvidia-smi -L 2>/dev/null || true) == *"GPU "* ]]; then
    if [ -z "${PYTHON:-}" ] && { [ -e "$venv/.setup-all" ] || [ -e "$venv/.setup-dev" ]; }; then
        why="$venv holds the CPU set; remove it (rm -r $venv) to use the GPU"
    else
        skipped=(--without data)
        [ -n "${PYTHON:-}" ] || { bash scripts/setup.sh select; skipped+=(--without packages); }
        why=$("${PYTHON:-$venv/bin/python}" -m train.doctor "${on_gpu[@]}" "${skipped[@]}" 2>&1) && why=
    fi
    if [ -z "$why" ]; then
        gpu=('overlays=[colocated-1gpu]')
        packages=gpu
    else
        printf 'The GPU is not used, the demo runs on the CPU:\n%s\n\n' "$why"
        export CUDA_VISIBLE_DEVICES=
    fi
fi
if [ -z "${PYTHON:-}" ]; then
    bash scripts/setup.sh "$packages"
    export PYTHON=$venv/bin/python
fi
exec bash scripts/compare.sh "$comparison" "${gpu[@]}" "${options[@]}"
