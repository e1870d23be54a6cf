#!/usr/bin/env bash
# Compare selections of training data over seeds: train on each, evaluate, report with error bars.
#
#   bash scripts/compare.sh FILE [key=value …] [--only NAME …] [--jobs N] [--dry_run] [--report_only]
#
#   bash scripts/compare.sh                                         list the files: configs/compare/*.yaml
#   bash scripts/compare.sh configs/compare/arithmetic.yaml --dry_run  the stages, their commands and durations
#
# Results: data/output/compare-<name>/results.md and figures. Run the same command again to resume after an interruption.
# keep=FOLDER keeps each run's figures in FOLDER (docs/results.md). Knob: PYTHON (default .venv/bin/python)
# All flags: .venv/bin/python -m train.compare --help
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_python all
exec "$PYTHON" -m train.compare "$@"
