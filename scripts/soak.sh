#!/usr/bin/env bash
# Does every training succeed? Many short trainings in a row, each a new command.
#
#   bash scripts/soak.sh N [--demos M] [--out FOLDER]
#
# N trainings of one epoch on the quick demo's problems, on this machine's CPUs; every second one with all cores kept
# busy. Then M quick demos (default 0), starting from their base model. FOLDER/results.jsonl (default:
# data/output/soak) gets one line per command; the complete output of each failed one stays in FOLDER. Run the same
# command again to resume after an interruption: finished commands of this commit are skipped. The problems and the
# base model are made first if they are missing. Exit code 1 if any command failed. Knob: PYTHON (.venv/bin/python)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need_python all
exec "$PYTHON" scripts/soak.py "$@"
