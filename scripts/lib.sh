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

# The scripts leave the caller's folder for the project's: of arguments, paths that only the caller's folder has become
# absolute (own.yaml, run.prompt_file=sets/own.jsonl, +mine/overlay.yaml).
from_here() {
    local name='' path=$1
    case $1 in
        +*) name=+ path=${1#+} ;;
        *=*) name=${1%%=*}= path=${1#*=} ;;
    esac
    if [[ $path == *[./]* && $path != /* && -e $path && ! -e $root/$path ]]; then path=$PWD/$path; fi
    printf '%s\n' "$name$path"
}
if [ "$#" -gt 0 ] && ! [ "$PWD" -ef "$root" ]; then
    mapfile -t given < <(for argument in "$@"; do from_here "$argument"; done)
    set -- "${given[@]}"
fi

die() { printf 'error: %s\n' "$*" >&2; exit 2; }

# PYTHON, by default that of .venv; $1 is the set of scripts/setup.sh that the script takes.
need_python() {
    PYTHON=${PYTHON:-.venv/bin/python}
    command -v "$PYTHON" >/dev/null || die "$PYTHON: not there; run: bash scripts/setup.sh $1"
}
