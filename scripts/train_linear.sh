#!/usr/bin/env bash
# LINEAR: PPO on prompts whose reward improves steadily. Usage and knobs: bash scripts/train.sh --help
exec bash "$(dirname "${BASH_SOURCE[0]}")/train.sh" "${RECIPE:-${POOL:+$POOL.}linear}" "$@"
