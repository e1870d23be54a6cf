#!/usr/bin/env bash
# Compare selections of training data over seeds: train on each, evaluate, report with error bars.
#
#   bash scripts/compare.sh [configs/compare/FILE.yaml] [key=value …] [--only NAME …] [--jobs N] [--plan]
#
# Run the same command again to go on after an interruption. Knob: PYTHON (default .venv/bin/python)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=${PYTHON:-.venv/bin/python}
command -v "$PYTHON" >/dev/null || { echo "error: $PYTHON: not there; run: bash scripts/setup.sh" >&2; exit 2; }
[[ ${1:-} == *.yaml ]] || set -- configs/compare/arithmetic.yaml "$@"
exec "$PYTHON" -m train.compare "$@"
