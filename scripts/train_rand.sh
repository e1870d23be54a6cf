#!/usr/bin/env bash
# RAND: PPO on as many prompts as LIMR, drawn at random. Usage and knobs: bash scripts/train.sh --help
exec bash "$(dirname "${BASH_SOURCE[0]}")/train.sh" "${RECIPE:-${POOL:+$POOL.}rand}" "$@"
