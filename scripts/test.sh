#!/usr/bin/env bash
# Set up and run all tests that this machine can run, including the slow end-to-end runs.
#
#   bash scripts/test.sh [pytest arguments]      e.g. bash scripts/test.sh -m "not slow"
#
# If .venv holds the GPU set, the tests' packages are added to it, and tests that require the CPU set are skipped.
# Knob: VENV (where scripts/setup.sh installs; default .venv). pytest's arguments: .venv/bin/python -m pytest --help
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

venv=${VENV:-.venv}
bash scripts/setup.sh dev
# Tests that need a GPU, a browser or the shared data are skipped if that is missing (tests/conftest.py).
chosen=(-m "slow or not slow")
if [ -e "$venv/.setup-gpu-dev" ]; then
    echo "test.sh: $venv holds the GPU set: without the tests of a run on a CPU (CUDA_VISIBLE_DEVICES= VENV=.venv-cpu bash scripts/test.sh has them)"
    chosen=(-m "not slow" --ignore tests/train/cpu/test_cpu.py)
fi
exec "$venv/bin/python" -m pytest "${chosen[@]}" "$@"
