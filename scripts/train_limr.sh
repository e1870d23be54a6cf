#!/usr/bin/env bash
# LIMR: PPO on the prompts that LIM selected from FULL's log. Usage and knobs: bash scripts/train.sh --help
exec bash "$(dirname "${BASH_SOURCE[0]}")/train.sh" "${RECIPE:-${POOL:+$POOL.}limr}" "$@"
