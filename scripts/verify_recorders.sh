#!/usr/bin/env bash
# Do the recorders write what TRL and verl really trained on? Each is run with the trainer itself, on CPUs.
#
#   bash scripts/verify_recorders.sh [trl|verl]      both where none is named; exit code 1 at a mismatch
#
# trl:  GRPO trainings of a tiny model by TRL 1.16.0, killed and resumed, in one process and in two; the log is compared
#       with what the reward functions noted, and LIM on it with the formula.
# verl: the reward managers and dump functions of verl 0.9.1's two trainers; the rollout files, read by lim, are
#       compared with the samples they were made of.
#
# Each trainer has an environment of its own, made where it is missing: .venv-trl, .venv-verl (torch for CPUs, some
# 2 GB each). lim itself is not installed there: it requires another antlr4 than verl's hydra.
# Knobs: PYTHON (makes the environments, default python3), ENVS (their folder, default the checkout)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# Name and packages of an environment; torch first, for CPUs, or another package would bring the one for CUDA.
environment() {
    local venv=${ENVS:-.}/.venv-$1
    shift
    [ ! -e "$venv/.ready" ] || return 0
    "${PYTHON:-python3}" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install -q torch==2.13.0 ||
        "$venv/bin/python" -m pip install -q --index-url https://download.pytorch.org/whl/cpu torch==2.13.0
    "$venv/bin/python" -m pip install -q msgspec PyYAML rich scikit-learn scipy "$@" # and what selecting takes
    touch "$venv/.ready"
}

verify() {
    case $1 in
        trl) environment trl trl==1.16.0 ;;
        # With what its trainers import and it does not require.
        verl) environment verl verl==0.9.1 'TransferQueue>=0.1.10' cachetools fastapi uvicorn pyzmq ;;
        *) die "unknown trainer '$1': use trl or verl" ;;
    esac
    HF_DATASETS_DISABLE_PROGRESS_BARS=1 "${ENVS:-.}/.venv-$1/bin/python" -W ignore "scripts/verify_$1.py"
}

[ $# -le 1 ] || die "one trainer at a time, not '$*': trl or verl"
for trainer in ${1:-trl verl}; do verify "$trainer"; done
