#!/usr/bin/env bash
# Set up and run the tests: all that this machine can run, the slow end-to-end runs included.
#
#   bash scripts/test.sh [pytest arguments]      e.g. bash scripts/test.sh -m "not slow"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh dev
# Tests that need a GPU, a browser or the shared data are left out where that is missing (tests/conftest.py).
exec .venv/bin/python -m pytest -m "slow or not slow" "$@"
