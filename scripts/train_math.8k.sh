#!/usr/bin/env bash
# FULL: PPO on all prompts. LIM selects from its log. Usage and knobs: bash scripts/train.sh --help
exec bash "$(dirname "${BASH_SOURCE[0]}")/train.sh" "${RECIPE:-${POOL:-math.8k}}" "$@"
