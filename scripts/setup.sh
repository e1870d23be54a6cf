#!/usr/bin/env bash
# Make .venv and install what a stage needs. Quick when nothing changed.
#
#   bash scripts/setup.sh [select|all|dev|gpu]
#
#   select  selection, grading, scoring of saved generations: no torch, about 20 s
#   all     select + OpenRLHF, Ray, vLLM, DeepSpeed for CPU (default): about 4 GB, some minutes
#   dev     all + the tests and checks
#   gpu     select + requirements-gpu.txt, on a machine with CUDA
#
# Knobs: PYTHON (interpreter to use), VENV (where to install, default .venv)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

want=${1:-all}
venv=${VENV:-.venv}
log=$venv/setup.log

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 2; }

# The files of a set; a larger set's stamp answers for a smaller one.
files_of() {
    case $1 in
        select) echo requirements-select.txt ;;
        all) echo requirements-select.txt requirements.txt ;;
        dev) echo requirements-select.txt requirements.txt requirements-dev.txt ;;
        gpu) echo requirements-select.txt requirements-gpu.txt ;;
        *) die "unknown set '$1': use select, all, dev or gpu" ;;
    esac
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "no Python 3.11 or newer found (looked for ${PYTHON:-python3.11 python3 python3.12 python3.13}); install one or set PYTHON=/path/to/python3.11"
}

# pip says much that nobody needs: it goes to the log, and the log's end is shown when a step fails.
step() {
    local text=$1 start=$SECONDS
    shift
    say "$text"
    if ! "$@" >>"$log" 2>&1; then
        grep -v '^WARNING: Location' "$log" | tail -n 15 >&2
        if [ "$(df -Pk "$venv" | awk 'NR == 2 { print $4 }')" -lt 1048576 ]; then
            die "'$text' failed with under 1 GB of disk free; make room (the full set takes about 5 GB) and run this again"
        fi
        die "'$text' failed; the whole output is in $log"
    fi
    say "  done in $((SECONDS - start)) s"
}

# The CPU wheel of torch comes from wherever pip already looks (a local folder, a mirror); where
# that has none, from PyTorch's CPU index, asked for this one package only.
install_torch() {
    local spec
    spec=$(grep '^torch==' requirements.txt)
    "$venv/bin/python" -m pip install --no-deps "$spec" ||
        "$venv/bin/python" -m pip install --no-deps --timeout 15 --retries 1 \
            --index-url https://download.pytorch.org/whl/cpu "$spec"
}

fingerprint() {
    local files
    read -ra files <<<"$(files_of "$1")"
    { cat "${files[@]}" scripts/setup.sh; "$venv/bin/python" -VV; } | sha256sum | cut -d' ' -f1
}

files_of "$want" >/dev/null
if [ ! -x "$venv/bin/python" ]; then
    python=$(find_python)
    say "making $venv with $("$python" -V 2>&1)"
    "$python" -m venv "$venv" || die "'$python -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv"
fi
case $("$venv/bin/python" -V 2>&1) in
    *" 3.11."*) ;;
    *) [ "$want" = select ] || say "note: the pinned set was tested on Python 3.11; on $("$venv/bin/python" -V 2>&1) an install may fail (PYTHON=python3.11 picks another)" ;;
esac

case $want in
    select) answers=(select all dev gpu) ;;
    all) answers=(all dev) ;;
    *) answers=("$want") ;;
esac
for set in "${answers[@]}"; do
    stamp=$venv/.setup-$set
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$set")" ]; then
        say "$want is up to date in $venv"
        exit 0
    fi
done

case $want in
    all | dev) command -v g++ >/dev/null || die "no C++ compiler found, and DeepSpeed compiles parts of itself; on Debian and Ubuntu: apt-get install g++" ;;
esac
: >"$log"
pip_install=("$venv/bin/python" -m pip install --no-deps)
step "installing requirements-select.txt" "${pip_install[@]}" -r requirements-select.txt
case $want in
    all | dev)
        step "installing torch for CPU (about 200 MB)" install_torch
        step "installing requirements.txt (about 1 GB to download; some minutes)" env DS_BUILD_OPS=0 "${pip_install[@]}" -r requirements.txt
        step "compiling what DeepSpeed needs on a CPU (once; one to three minutes)" "$venv/bin/python" -m train.cpu
        ;;
    gpu) step "installing requirements-gpu.txt" "${pip_install[@]}" -r requirements-gpu.txt ;;
esac
[ "$want" != dev ] || step "installing requirements-dev.txt" "${pip_install[@]}" -r requirements-dev.txt
fingerprint "$want" >"$venv/.setup-$want"
say "$want is ready in $venv"
