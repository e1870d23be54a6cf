#!/usr/bin/env bash
# Does every training end well? Many short ones in a row, each a fresh command.
#
#   bash scripts/soak.sh N [--demos M] [--out FOLDER]
#
# N trainings of one epoch of the quick demo's problems on this machine's CPUs, every second one with all cores kept
# busy; then M quick demos (default 0) from their base model on. A line per command goes to FOLDER/results.jsonl
# (default: data/output/soak); the complete output of each that failed stays in FOLDER. Run the same command again to
# continue after an interruption: what this commit has done is not repeated. The problems and the base model are made
# first where they are missing. Exit code 1 if any command failed. Knob: PYTHON (.venv/bin/python)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_python all
exec "$PYTHON" scripts/soak.py "$@"
