#!/usr/bin/env bash
# Evaluate models on benchmarks: AIME24, MATH500 and AMC23 with the paper's settings by default.
#
#   bash eval/eval.sh --run_path RUN [--step N|final|best|all] [--benchmarks NAME …]
#   bash eval/eval.sh --model FOLDER_OR_HUB_ID
#
# Works from any folder. Knob: PYTHON (default: the project's .venv, else python3)
# All flags: .venv/bin/python -m eval.eval --help
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

python=${PYTHON:-$root/.venv/bin/python}
command -v "$python" >/dev/null || python=python3
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
# From within eval/, python would otherwise take eval/eval.py for the package, here and in worker processes.
export PYTHONSAFEPATH=1
exec "$python" -m eval.eval "$@"
