#!/usr/bin/env bash
# Have a resolver check that the GPU set can be installed: for each Python, the pins of requirements-gpu.txt must be a
# solution of the packages' own requirements, complete and without a conflict. Installs none of them.
#
#   bash scripts/resolve_gpu.sh [VERSION …]        default: 3.11 3.12
#
# Needs the network (PyPI) and some minutes; flash-attn is taken as given: its metadata needs torch to be built.
# Knobs: UV (the resolver; default: uv on PATH, else one that is installed for this)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

# Names as PyPI compares them.
names() { sed -nE 's/^([A-Za-z0-9._-]+)(\[[^]]*\])?==.*/\1/p' "$1" | tr 'A-Z_.' 'a-z--' | sort -u; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -z "${UV:-}" ]; then
    UV=uv
    if ! command -v uv >/dev/null; then
        python3 -m venv "$scratch/venv"
        "$scratch/venv/bin/pip" install --quiet uv
        UV=$scratch/venv/bin/uv
    fi
fi
# What setup.sh installs: the set, and what is imported beside it.
printf '%s\n' 'openrlhf[vllm]==0.11.2' wandb >"$scratch/wanted.in"
grep -v '^-r\|^#' requirements-select.txt requirements-gpu.txt --no-filename >"$scratch/pins.txt"
printf '%s\n' 'flash-attn ; sys_platform == "none"' >"$scratch/overrides.txt"

failed=0
[ $# -gt 0 ] || set -- 3.11 3.12
for python in "$@"; do
    if ! "$UV" pip compile --quiet --no-header --no-annotate --python-version "$python" \
        --python-platform x86_64-manylinux_2_28 --constraint "$scratch/pins.txt" --override "$scratch/overrides.txt" \
        "$scratch/wanted.in" --output-file "$scratch/$python.txt"; then
        echo "Python $python: no solution with the pins"
        failed=1
        continue
    fi
    # Without a pin, setup.sh (pip install --no-deps) would not install it.
    missing=$(comm -23 <(names "$scratch/$python.txt") <(names "$scratch/pins.txt"))
    if [ -n "$missing" ]; then
        echo "Python $python: not pinned: ${missing//$'\n'/, }"
        failed=1
    else
        echo "Python $python: the pins are a solution of $(names "$scratch/$python.txt" | wc -l) packages"
    fi
done
exit "$failed"
