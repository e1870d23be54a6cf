#!/usr/bin/env bash
# Compare selections of training data over seeds: train on each, evaluate, report with error bars.
#
#   bash scripts/compare.sh FILE [key=value …] [--only NAME …] [--jobs N] [--dry_run]
#
#   bash scripts/compare.sh                                         list the files: configs/compare/*.yaml
#   bash scripts/compare.sh configs/compare/arithmetic.yaml --dry_run  the stages, their commands and durations
#
# Run the same command again to resume after an interruption. Knob: PYTHON (default .venv/bin/python)
# All flags: .venv/bin/python -m train.compare --help
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_python all
exec "$PYTHON" -m train.compare "$@"
