#!/usr/bin/env bash
# LIM in one run: FULL, which chooses its prompts by LIM on the way. Usage and knobs: bash scripts/train.sh --help
exec bash "$(dirname "${BASH_SOURCE[0]}")/train.sh" "${RECIPE:-${POOL:+$POOL.}lim}" "$@"
