#!/usr/bin/env bash
# Choose the prompts worth learning from: a FULL run's reward log → data/prompts/limr.json (LIM, score ≥ 0.6).
#
#   bash scripts/lim.sh [flags of lim_selection.py]
#
# Knobs: LOG (the run's log), PROMPTS (what it trained on), OUT, STEPS_PER_EPOCH (only for logs that do not know
# their epochs), MAX_EPOCHS, THRESHOLD (default: the strategy's own, for LIM 0.6), PYTHON (.venv/bin/python).
# Flags given here come last and win: bash scripts/lim.sh --max_epochs 10 --top_k 500
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PYTHON=${PYTHON:-.venv/bin/python}
command -v "$PYTHON" >/dev/null || { echo "error: $PYTHON: not there; run: bash scripts/setup.sh select" >&2; exit 2; }
exec "$PYTHON" lim_selection.py \
    --train_samples_path "${LOG:-./data/output/math.8k}" \
    --original_prompts_path "${PROMPTS:-./data/prompts/math8k.json}" \
    --output_path "${OUT:-./data/prompts/limr.json}" \
    --steps_per_epoch "${STEPS_PER_EPOCH:-8}" \
    --max_epochs "${MAX_EPOCHS:-21}" \
    ${THRESHOLD:+--similarity_threshold "$THRESHOLD"} \
    "$@"
