#!/usr/bin/env bash
# Create .venv and install the packages of a stage. Quick if nothing changed.
#
#   bash scripts/setup.sh [select|all|dev|gpu|gpu-dev]
#
#   select   selection, grading, scoring of saved generations: no torch, about 20 s
#   all      select + OpenRLHF, Ray, vLLM, DeepSpeed for CPU (default): about 4 GB, some minutes
#   dev      all + the tests and checks; if the GPU set is installed, gpu-dev
#   gpu      select + requirements-gpu.txt, on a machine with CUDA, and flash-attn and DeepSpeed's operations, which it
#            compiles (requires nvcc); it begins and ends with scripts/doctor.sh
#   gpu-dev  gpu, without building flash-attn, + the tests and checks
#
# A .venv holds either the CPU set (all, dev) or the GPU set (gpu, gpu-dev).
# Knobs: PYTHON (interpreter to use), VENV (where to install, default .venv), and of flash-attn's build: MAX_JOBS
# (compilers at once), FLASH_ATTN_CUDA_ARCHS (kinds of GPU, such as "80;90"; default: those of this machine)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

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
        gpu-dev) echo requirements-select.txt requirements-gpu.txt requirements-dev.txt ;;
        *) die "unknown set '$1': use select, all, dev, gpu or gpu-dev" ;;
    esac
}

# Of OpenRLHF 0.11.2 there are wheels up to Python 3.12, and nothing else.
newest=12 needed="3.11 or 3.12"
[ "$want" != select ] || newest=99 needed="3.11 or newer"

find_python() {
    local candidate candidates=(python3.11 python3.12 python3 python3.13)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $newest))" 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "no Python $needed found (looked for ${candidates[*]}); install one or set PYTHON=/path/to/python3.11"
}

# 3.11 of "Python 3.11.9".
minor_of() { "$1" -V 2>&1 | sed -nE 's/^Python ([0-9]+\.[0-9]+).*/\1/p'; }

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
        die "'$text' failed; the complete output is in $log${advice:+; $advice}"
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

# What OpenRLHF imports on every GPU, whichever attention is used. It is built against the installed torch, so it
# comes last and by itself; where an install has changed torch, the one built before fails here.
flash_attn_works() { "$venv/bin/python" -c 'import flash_attn.bert_padding, flash_attn.utils.distributed'; }

# As flash-attn names them (80, 90, …); all that it knows where no GPU is visible.
architectures() { "$venv/bin/python" -m train.gpu --architectures; }

install_flash_attn() {
    local anew=()
    # One that is there and fails was built against another torch, and so was the copy in pip's cache.
    ! "$venv/bin/python" -m pip show -q flash-attn || anew=(--force-reinstall --no-cache-dir)
    # Without ninja on PATH torch compiles one file at a time: hours.
    env PATH="$(cd "$venv" && pwd)/bin:$PATH" FLASH_ATTN_CUDA_ARCHS="${FLASH_ATTN_CUDA_ARCHS:-$(architectures)}" \
        "$venv/bin/python" -m pip install --no-deps --no-build-isolation "${anew[@]}" "$1" && flash_attn_works
}

need_flash_attn() {
    local spec advice
    ! flash_attn_works >/dev/null 2>&1 || return 0
    spec=$(grep -o -m 1 'flash-attn==[0-9.]*' requirements-gpu.txt)
    advice="all else is installed, and enough for evaluation; training needs flash-attn: with a CUDA toolkit (nvcc) \
of torch's major version on PATH or in CUDA_HOME run this again, or get it in by hand: $venv/bin/pip install --no-deps \
--no-build-isolation $spec"
    say "next, CUDA code is compiled, which may take long; tail -f $log shows how far it is"
    step "building $spec against the installed torch" install_flash_attn "$spec"
}

# What training compiles at its first step otherwise, in each process.
need_operations() {
    local built=$venv/torch_extensions
    if ! "$venv/bin/python" -m train.gpu --visible; then
        say "no GPU is visible here: the first run compiles DeepSpeed's operations (before: .venv/bin/python -m train.gpu)"
        return
    fi
    [ -e "$built/fused_adam/fused_adam.so" ] || step "compiling DeepSpeed's Adam for GPUs" "$venv/bin/python" -m train.gpu fused_adam
    [ -e "$built/cpu_adam/cpu_adam.so" ] || "$venv/bin/python" -m train.gpu cpu_adam >>"$log" 2>&1 ||
        say "DeepSpeed's Adam for the host did not compile (see $log); only ds.adam_offload=true needs it"
}

doctor() { env -u RAY_ADDRESS "$venv/bin/python" -m train.doctor --gpu "$@" || exit 2; }

finish_gpu() {
    need_flash_attn
    need_operations
    doctor
}

# Whether any of some sets is installed in $venv, wholly or in part.
holds() {
    local set
    for set in "$@"; do
        [ ! -e "$venv/.setup-$set" ] || return 0
    done
    return 1
}

# Two sets that pip would lay over each other, as it takes torch for CPU and for CUDA for the same.
refuse_beside() {
    local wanted=$1 other=$2
    shift 2
    ! holds "$@" || die "$venv holds the $other set, over which the $wanted set cannot be laid; take it away \
(rm -r $venv) and run this again, or install beside it (VENV=.venv-${wanted,,} bash scripts/setup.sh $want) and give \
the other scripts PYTHON=.venv-${wanted,,}/bin/python"
}

fingerprint() {
    local files
    read -ra files <<<"$(files_of "$1")"
    { cat "${files[@]}" scripts/setup.sh; "$venv/bin/python" -VV; } | sha256sum | cut -d' ' -f1
}

[ $# -le 1 ] || die "one set at a time, not '$*': select, all, dev, gpu or gpu-dev"
files_of "$want" >/dev/null
if [ "$want" = dev ] && holds gpu gpu-dev; then
    say "$venv holds the GPU set: adding the tests and checks to it"
    want=gpu-dev
fi
case $want in
    all | dev) refuse_beside CPU GPU gpu gpu-dev ;;
    gpu | gpu-dev)
        refuse_beside GPU CPU all dev
        # torch hands its own folder to the linker as it is.
        [[ $(realpath -m "$venv") != *[[:space:]]* ]] || die "$(realpath -m "$venv"): what is compiled for GPUs does not link \
where a path has a space; move the checkout, or install elsewhere (VENV=/path/.venv bash scripts/setup.sh $want) and give the \
other scripts PYTHON=/path/.venv/bin/python"
        ;;
esac
if [ ! -x "$venv/bin/python" ]; then
    python=$(find_python)
    say "making $venv with $("$python" -V 2>&1)"
    "$python" -m venv "$venv" || die "'$python -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv"
    echo '*' >"$venv/.gitignore"
fi
here=$(minor_of "$venv/bin/python")
again="remove it (rm -r $venv) and run this again, or install elsewhere (VENV=/path/.venv)"
if [ -n "${PYTHON:-}" ] && [ "$(minor_of "$PYTHON")" != "$here" ]; then
    die "$venv holds Python $here, not that of PYTHON=$PYTHON; $again"
fi
case $want:$here in
    select:* | *:3.11 | gpu*:3.12) ;;
    *:3.12) say "note: the CPU set was tested on Python 3.11" ;;
    *) die "$venv holds Python $here, and of OpenRLHF 0.11.2 there are packages for $needed only; $again with PYTHON=python3.11" ;;
esac

case $want in
    select) answers=(select all dev gpu gpu-dev) ;;
    all) answers=(all dev) ;;
    gpu) answers=(gpu gpu-dev) ;;
    *) answers=("$want") ;;
esac
for set in "${answers[@]}"; do
    stamp=$venv/.setup-$set
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$set")" ]; then
        [ "$want" != gpu ] || finish_gpu
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
if [ "$want" = gpu ]; then
    # Before the hour that the rest may take: a driver or a GPU that it could not run on.
    doctor --without packages --without data
fi
[ "$want" = select ] || : >"$venv/.setup-$want" # from here on this set's, finished or not
case $want in
    all | dev)
        step "installing torch for CPU (about 200 MB)" install_torch
        step "installing requirements.txt (about 1 GB to download; some minutes)" env DS_BUILD_OPS=0 "${pip_install[@]}" -r requirements.txt
        step "compiling what DeepSpeed needs on a CPU (once; one to three minutes)" "$venv/bin/python" -m train.cpu
        ;;
    gpu | gpu-dev) step "installing requirements-gpu.txt" "${pip_install[@]}" -r requirements-gpu.txt ;;
esac
case $want in
    dev | gpu-dev) step "installing requirements-dev.txt" "${pip_install[@]}" -r requirements-dev.txt ;;
esac
fingerprint "$want" >"$venv/.setup-$want"
[ "$want" != gpu ] || finish_gpu
say "$want is ready in $venv"
