# Shared by the scripts, which source it before anything else: help, errors, the folder, the Python.
# shellcheck shell=bash
set -euo pipefail

# shellcheck disable=SC2034 # the scripts use it
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
header=$(sed -nE '2,/^[^#]/s/^#( |$)//p' "${BASH_SOURCE[1]}") # the script's comment: what it does, usage, knobs

# Help starts nothing: it is answered here, wherever -h or --help stands.
for argument in "$@"; do
    case $argument in
        -h | --help) printf '%s\n' "$header"; exit 0 ;;
    esac
done

die() { printf 'error: %s\n' "$*" >&2; exit 2; }

# PYTHON, by default that of .venv; $1 is the set of scripts/setup.sh that the script takes.
need_python() {
    PYTHON=${PYTHON:-.venv/bin/python}
    command -v "$PYTHON" >/dev/null || die "$PYTHON: not there; run: bash scripts/setup.sh $1"
}
