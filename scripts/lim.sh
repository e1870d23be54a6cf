#!/usr/bin/env bash
# Select prompts with LIM (score ≥ 0.6): a FULL run's reward log → data/prompts/limr.json.
#
#   bash scripts/lim.sh [flags of lim_selection.py]
#
# runs lim_selection.py with these flags, each set by a knob:
#
#   LOG              --train_samples_path     the run's log (./data/output/math.8k)
#   PROMPTS          --original_prompts_path  the prompts of that run (./data/prompts/math8k.json)
#   OUT              --output_path            the selected prompts (./data/prompts/limr.json)
#   STEPS_PER_EPOCH  --steps_per_epoch        only for logs without epochs
#   MAX_EPOCHS       --max_epochs             the first epochs only; default: all
#   THRESHOLD        --similarity_threshold   the strategy's default; LIM: 0.6
#
# ./ is the project's folder; other paths are looked for, and written, from where you are.
# Flags given here override these: bash scripts/lim.sh --max_epochs 10 --top_k 500
# Knob: PYTHON (.venv/bin/python). All flags: .venv/bin/python lim_selection.py --help
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

at=. # the project's folder, from here
[ . -ef "$root" ] || at=$root
PYTHON=${PYTHON:-$at/.venv/bin/python}
need_python select
[ -n "${PROMPTS:-}" ] || [ -e "$at/data/prompts/math8k.json" ] || [[ " $*" == *" --original"[_-]* ]] ||
    die "$at/data/prompts/math8k.json: no such file; make it with: $PYTHON -m data.prepare math8k"
exec "$PYTHON" "$at/lim_selection.py" \
    --train_samples_path "${LOG:-$at/data/output/math.8k}" \
    --original_prompts_path "${PROMPTS:-$at/data/prompts/math8k.json}" \
    --output_path "${OUT:-$at/data/prompts/limr.json}" \
    ${STEPS_PER_EPOCH:+--steps_per_epoch "$STEPS_PER_EPOCH"} \
    ${MAX_EPOCHS:+--max_epochs "$MAX_EPOCHS"} \
    ${THRESHOLD:+--similarity_threshold "$THRESHOLD"} \
    "$@"
