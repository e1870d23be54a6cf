"""What the shell scripts say and decide. Nothing is installed or trained: stand-ins note calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands in for a .venv's Python: notes its arguments, and fails where FAIL matches them.
PYTHON = """#!/bin/bash
case $1 in
    -V | -VV) echo "Python 3.11.9" ;;
    *)
        echo "$*" >>"$CALLS"
        if [[ -n $FAIL && $* =~ $FAIL ]]; then echo "no such thing" >&2; exit 1; fi
        ;;
esac
"""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A .venv with a Python that installs nothing."""
    binaries = tmp_path / "venv" / "bin"
    binaries.mkdir(parents=True)
    stand_in(binaries, "python", PYTHON)
    return tmp_path / "venv"


def stand_in(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def run(venv: Path, script: str | Path, *arguments: str, fail: str = "", cwd: Path | None = None, **environment: str):
    """A script's end, and the calls of the stand-in."""
    calls = venv.parent / "calls"
    calls.write_text("")
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "CUDA_VISIBLE_DEVICES", "CXX")}
    tools = venv.parent / "tools"
    tools.mkdir(exist_ok=True)
    stand_in(tools, "g++", "#!/bin/sh\n")
    done = subprocess.run(
        ["bash", str(ROOT / "scripts" / script), *arguments],
        env={**inherited, "PATH": f"{tools}:{os.environ['PATH']}", "VENV": str(venv), "CALLS": str(calls)}
        | {"FAIL": fail, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done, calls.read_text().splitlines()


def setup(venv: Path, what: str, *, fail: str = ""):
    return run(venv, "setup.sh", what, fail=fail)


def installed(calls: list[str]) -> list[str]:
    """What pip was asked to install, in order."""
    return [call.split()[-1] for call in calls if " pip install " in f" {call} "]


@pytest.mark.parametrize("stamp", [".setup-gpu", ".setup-gpu-dev"])
def test_the_cpu_set_is_not_laid_over_the_gpu_set(venv, stamp):
    (venv / stamp).touch()  # empty: an install that did not end
    done, calls = setup(venv, "all")
    assert done.returncode == 2
    assert re.fullmatch(
        rf"setup: error: {venv} holds the GPU set, .*\(rm -r {venv}\).*"
        r"\(VENV=\.venv-cpu bash scripts/setup\.sh all\).*PYTHON=\.venv-cpu/bin/python\n",
        done.stderr,
    )
    assert calls == []


@pytest.mark.parametrize("stamp", [".setup-all", ".setup-dev"])
@pytest.mark.parametrize("what", ["gpu", "gpu-dev"])
def test_the_gpu_set_is_not_laid_over_the_cpu_set(venv, stamp, what):
    (venv / stamp).write_text("of another time\n")
    done, calls = setup(venv, what)
    assert done.returncode == 2
    assert f"holds the CPU set, over which the GPU set cannot be laid; take it away (rm -r {venv})" in done.stderr
    assert f"VENV=.venv-gpu bash scripts/setup.sh {what})" in done.stderr
    assert done.stderr.count("\n") == 1
    assert calls == []


@pytest.mark.parametrize("what", ["gpu", "gpu-dev"])
def test_what_is_compiled_for_gpus_needs_a_path_without_spaces(venv, what):
    spaced = venv.rename(venv.parent / "my venv")
    done, calls = setup(spaced, what)
    assert done.returncode == 2 and calls == []
    assert re.fullmatch(
        rf"setup: error: {spaced}: .* a space; .*VENV=/path/\.venv bash scripts/setup\.sh {what}\).*\n", done.stderr
    )
    assert setup(spaced, "all")[0].returncode == 0


def test_an_interpreter_may_lie_under_a_path_with_a_space(venv):
    folder = venv.rename(venv.parent / "an interpreter") / "bin"
    made = 'for last; do :; done\nmkdir -p "$last/bin" && cp "$0" "$last/bin/python"\n'
    stand_in(
        folder, "python", PYTHON.replace("case $1 in", f'if [[ "$*" == "-m venv"* ]]; then\n{made}fi\ncase $1 in')
    )
    done, calls = run(venv, "setup.sh", "select", PYTHON=str(folder / "python"))
    assert done.returncode == 0, done.stderr
    assert f"-m venv {venv}" in calls


def a_python(folder: Path, version: str, name: str = "python") -> str:
    """A stand-in of another version."""
    folder.mkdir(parents=True, exist_ok=True)
    stand_in(folder, name, PYTHON.replace("3.11.9", version))
    return str(folder / name)


@pytest.mark.parametrize(
    ("what", "version", "refused"),
    [
        ("select", "3.13.1", False),
        ("all", "3.13.1", True),
        ("gpu", "3.13.1", True),
        ("gpu-dev", "3.14.0", True),
        ("gpu", "3.12.8", False),
        ("dev", "3.12.8", False),
    ],
)
def test_a_folder_whose_python_has_no_openrlhf_is_refused(venv, what, version, refused):
    """pip would say so after the first packages; the doctor of the GPU set after those of the selection."""
    a_python(venv / "bin", version)
    done, calls = setup(venv, what)
    assert (done.returncode == 2) is refused, done.stderr
    assert (installed(calls) == []) is refused
    if refused:
        assert done.stderr == (
            f"setup: error: {venv} holds Python {version[:4]}, and of OpenRLHF 0.11.2 there are packages for 3.11 or "
            f"3.12 only; remove it (rm -r {venv}) and run this again, or install elsewhere (VENV=/path/.venv) with "
            "PYTHON=python3.11\n"
        )


def test_another_interpreter_than_that_of_the_folder_is_no_silent_choice(venv, tmp_path):
    other = a_python(tmp_path / "other", "3.12.1")
    done, calls = run(venv, "setup.sh", "all", PYTHON=other)
    assert done.returncode == 2 and installed(calls) == []
    assert done.stderr.startswith(f"setup: error: {venv} holds Python 3.11, not that of PYTHON={other}; remove it")
    same = a_python(tmp_path / "same", "3.11.2")
    assert run(venv, "setup.sh", "all", PYTHON=same)[0].returncode == 0


@pytest.mark.parametrize(
    ("what", "version", "found"), [("gpu", "3.13", False), ("all", "3.13", False), ("select", "3.13", True)]
)
def test_a_new_folder_gets_a_python_that_the_set_installs_on(venv, tmp_path, what, version, found):
    """The one that is asked whether it will do answers by the condition's own numbers."""
    shutil.rmtree(venv)
    asked = f"${{2//sys.version_info\\[:2\\]/({version.replace('.', ', ')})}}"
    lines = [
        f'if [[ "$*" == "-c import sys"* ]]; then exec {sys.executable} -c "{asked}"; fi',
        'if [[ "$*" == "-m venv"* ]]; then for last; do :; done',
        '    mkdir -p "$last/bin"; cp "$0" "$last/bin/python"; fi',
        "case $1 in",
    ]
    text = PYTHON.replace("3.11.9", f"{version}.0").replace("case $1 in", "\n".join(lines))
    folder = tmp_path / "named"
    folder.mkdir()
    stand_in(folder, "python", text)
    done, _ = run(venv, "setup.sh", what, PYTHON=str(folder / "python"))
    assert (done.returncode == 0) is found, done.stderr
    if not found:
        assert done.stderr.startswith("setup: error: no Python 3.11 or 3.12 found (looked for ")
        assert not venv.exists()


def test_an_install_that_is_cut_off_says_whose_the_folder_is(venv):
    done, _ = setup(venv, "gpu", fail=r"requirements-gpu\.txt")
    assert done.returncode == 2
    assert "error: 'installing requirements-gpu.txt' failed; the complete output is in" in done.stderr
    assert setup(venv, "all")[0].returncode == 2
    # What failed before the sets part leaves the choice open.
    (venv / ".setup-gpu").unlink()
    setup(venv, "gpu", fail=r"requirements-select\.txt")
    done, calls = setup(venv, "all")
    assert done.returncode == 0, done.stderr
    assert installed(calls)[0] == "requirements-select.txt"
    assert installed(calls)[-1] == "requirements.txt"


def test_dev_adds_the_tests_to_the_set_that_is_there(venv):
    assert setup(venv, "gpu")[0].returncode == 0
    done, calls = setup(venv, "dev")
    assert done.returncode == 0, done.stderr
    assert installed(calls) == ["requirements-select.txt", "requirements-gpu.txt", "requirements-dev.txt"]
    # Both are up to date now, and stay so.
    for what in ("gpu", "dev", "gpu-dev", "select"):
        done, calls = setup(venv, what)
        assert "is up to date in" in done.stdout
        assert installed(calls) == []


def test_dev_by_itself_is_for_a_cpu(venv):
    done, calls = setup(venv, "dev")
    assert done.returncode == 0, done.stderr
    assert installed(calls)[1].startswith("torch==")
    assert installed(calls)[2:] == ["requirements.txt", "requirements-dev.txt"]
    assert (venv / ".setup-dev").read_text().strip()


def test_flash_attn_is_built_at_the_end_of_the_gpu_set(venv):
    spec = re.findall(r"flash-attn==[\d.]+", (ROOT / "requirements-gpu.txt").read_text())
    assert len(spec) == 1
    done, calls = setup(venv, "gpu")  # the stand-in imports anything
    assert spec[0] not in installed(calls)
    # It does not load: an older build is replaced, and what still does not load is an error, each time.
    for _ in range(2):
        done, calls = setup(venv, "gpu", fail="import flash_attn")
        assert done.returncode == 2
        assert installed(calls)[-1] == spec[0]
        assert f"{spec[0]} against the installed torch" in done.stdout
        error = done.stderr.splitlines()[-1]
        assert error.startswith("setup: error: 'building flash-attn")
        assert f"by hand: {venv}/bin/pip install --no-deps --no-build-isolation {spec[0]}" in error
    assert "-m pip install --no-deps --no-build-isolation --force-reinstall --no-cache-dir " + spec[0] in calls
    # It is not there at all.
    done, calls = setup(venv, "gpu", fail="import flash_attn|show -q flash-attn")
    assert f"-m pip install --no-deps --no-build-isolation {spec[0]}" in calls
    # The tests can do without it.
    assert setup(venv, "dev", fail="import flash_attn")[0].returncode == 0


def test_the_gpu_set_begins_with_the_machine_and_ends_with_the_doctor(venv):
    done, calls = setup(venv, "gpu")
    assert done.returncode == 0, done.stderr
    own = [call for call in calls if call.startswith("-m train.")]
    assert own[0] == "-m train.doctor --gpu --without packages --without data"
    assert own[1:] == [
        "-m train.gpu --visible",
        "-m train.gpu fused_adam",
        "-m train.gpu cpu_adam",
        "-m train.doctor --gpu",
    ]
    # Nothing but the small set, which the doctor itself needs, is installed before it.
    assert installed(calls[: calls.index(own[0])]) == ["requirements-select.txt"]
    # What is built stays built; the doctor looks again.
    for name in ("fused_adam", "cpu_adam"):
        (venv / "torch_extensions" / name).mkdir(parents=True)
        (venv / "torch_extensions" / name / f"{name}.so").touch()
    done, calls = setup(venv, "gpu")
    assert [call for call in calls if call.startswith("-m train.")] == [
        "-m train.gpu --visible",
        "-m train.doctor --gpu",
    ]


def test_a_machine_that_cannot_run_the_gpu_set_gets_none_of_it(venv):
    done, calls = setup(venv, "gpu", fail="train.doctor --gpu --without")
    assert done.returncode == 2
    assert installed(calls) == ["requirements-select.txt"]
    assert setup(venv, "all")[0].returncode == 0  # the folder is still anyone's


def test_operations_that_do_not_compile(venv):
    done, _ = setup(venv, "gpu", fail="train.gpu cpu_adam")
    assert done.returncode == 0
    assert "only ds.adam_offload=true needs it" in done.stdout
    done, _ = setup(venv, "gpu", fail="train.gpu fused_adam")
    assert done.returncode == 2 and "compiling DeepSpeed's Adam for GPUs" in done.stderr
    done, calls = setup(venv, "gpu", fail="train.gpu --visible")  # a login node
    assert done.returncode == 0 and "no GPU is visible here" in done.stdout
    assert "-m train.gpu fused_adam" not in calls


# Notes, where flash-attn is built, what its build is given.
BUILDER = PYTHON.replace("case $1 in", "case $* in\n    *--architectures*) echo 90 ;;").replace(
    'echo "$*" >>', 'echo "$* PATH=${PATH%%:*} ARCHS=${FLASH_ATTN_CUDA_ARCHS:-}" >>'
)


def test_flash_attn_is_built_with_ninja_and_for_the_gpus_that_are_there(venv):
    stand_in(venv / "bin", "python", BUILDER)
    for given, archs in ({}, "90"), ({"FLASH_ATTN_CUDA_ARCHS": "80;90"}, "80;90"):
        _, calls = run(venv, "setup.sh", "gpu", fail="import flash_attn", **given)
        [build] = [call for call in calls if "--no-build-isolation" in call]
        assert build.endswith(f" PATH={venv}/bin ARCHS={archs}")


def test_the_line_for_flash_attn_is_the_same_everywhere():
    line = r"pip install --no-deps --no-build-isolation (flash-attn==\S+)"
    texts = [(ROOT / name).read_text() for name in ("requirements-gpu.txt", "docs/cluster.md")]
    found = [re.findall(line, text) for text in texts]
    assert found[0] == found[1] != []


def test_the_tests_run_with_the_set_that_is_there(venv):
    done, calls = run(venv, "test.sh", "-x")
    assert done.returncode == 0, done.stderr
    assert calls[-1] == "-m pytest -m slow or not slow -x"


def test_the_tests_of_a_cpu_run_are_left_out_with_the_gpu_set(venv):
    setup(venv, "gpu")
    done, calls = run(venv, "test.sh", "-x")
    assert done.returncode == 0, done.stderr
    skipped = "tests/train/cpu/test_cpu.py"
    assert calls[-1] == f"-m pytest -m not slow --ignore {skipped} -x"
    assert (ROOT / skipped).is_file()
    assert "VENV=.venv-cpu bash scripts/test.sh has them" in done.stdout


GPU = ("gpu", "-m train.compare configs/compare/demo.yaml overlays=[colocated-1gpu]")
CPU = ("all", "-m train.compare configs/compare/demo.yaml")
H100 = "echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'"
ASKED = "-m train.doctor arithmetic-cpu +colocated-1gpu --without"


@pytest.mark.parametrize(
    ("smi", "visible", "expected"),
    [
        (H100, None, GPU),
        (H100, "0", GPU),
        (H100, "", CPU),
        (H100, " , ", CPU),
        ("echo 'No devices found.'", None, CPU),
        ("exit 9", None, CPU),
    ],
)
def test_the_demo_takes_a_gpu_that_is_not_hidden(venv, smi, visible, expected):
    (venv.parent / "tools").mkdir()
    stand_in(venv.parent / "tools", "nvidia-smi", f"#!/bin/sh\n{smi}\n")
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    done, calls = run(venv, "demo.sh", **environment)
    assert done.returncode == 0, done.stderr
    packages, command = expected
    assert (venv / f".setup-{packages}").is_file()
    assert calls[-1] == command
    assert (f"{ASKED} data --without packages" in calls) is (expected is GPU)


# Says what the doctor says of a T4, and notes what of the GPU the demo sees.
DOCTOR = PYTHON.replace(
    "case $1 in", "case $* in\n    *train.doctor*) echo 'error    compute capability  7.5 (Tesla T4)'; exit 2 ;;"
).replace('echo "$*" >>', 'echo "$* [${CUDA_VISIBLE_DEVICES-all}]" >>')


def test_the_demo_says_why_it_does_not_take_a_gpu(venv):
    (venv.parent / "tools").mkdir()
    stand_in(venv.parent / "tools", "nvidia-smi", f"#!/bin/sh\n{H100}\n")
    stand_in(venv / "bin", "python", DOCTOR)
    done, calls = run(venv, "demo.sh")
    assert done.returncode == 0, done.stderr
    assert (
        "The GPU is not used, the demo runs on the CPU:\nerror    compute capability  7.5 (Tesla T4)\n" in done.stdout
    )
    assert (venv / ".setup-all").is_file()
    # Hidden from all that follows: a run on logical GPUs refuses real ones.
    assert calls[-1] == f"{CPU[1]} []"


def test_the_demo_stays_with_the_cpu_set_that_is_installed(venv):
    (venv.parent / "tools").mkdir()
    stand_in(venv.parent / "tools", "nvidia-smi", f"#!/bin/sh\n{H100}\n")
    (venv / ".setup-all").touch()
    done, calls = run(venv, "demo.sh")
    assert f"{venv} holds the CPU set; remove it (rm -r {venv}) to use the GPU" in done.stdout
    assert calls[-1] == CPU[1]
    assert not any("train.doctor" in call for call in calls)


def test_the_demo_asks_the_environment_that_it_is_given(venv):
    (venv.parent / "tools").mkdir()
    stand_in(venv.parent / "tools", "nvidia-smi", f"#!/bin/sh\n{H100}\n")
    done, calls = run(venv, "demo.sh", PYTHON=str(venv / "bin" / "python"))
    assert done.returncode == 0, done.stderr
    assert calls == [f"{ASKED} data", GPU[1]]


# Help and wrong arguments: nothing starts.

SCRIPTS = [path.relative_to(ROOT) for path in ROOT.glob("scripts/*.sh") if path.name != "lib.sh"]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["head", "run.seed=1", "--help"]])
@pytest.mark.parametrize("script", [*SCRIPTS, Path("eval/eval.sh")], ids=str)
def test_help_is_the_scripts_own_and_starts_nothing(tmp_path, script, arguments):
    for folder in ("scripts", "eval"):
        shutil.copytree(ROOT / folder, tmp_path / "copy" / folder, ignore=shutil.ignore_patterns("*.py", "__*"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        ["bash", tmp_path / "copy" / script, *arguments],
        env={"PATH": os.environ["PATH"]},  # no Slurm job, no RAY_ADDRESS
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    of = "train.sh" if script.name.startswith("train_") else script.name
    assert re.search(rf"^  (ba|RAY_\S+ ba|sbat)\S+ (scripts|eval)/{re.escape(of)}", done.stdout, re.M), done.stdout
    assert "SBATCH" not in done.stdout and "set -" not in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_help_says_how_to_see_a_programs_flags():
    programs = {
        "scripts/compare.sh": "-m train.compare",
        "scripts/train.sh": "-m train.launch",
        "scripts/doctor.sh": "-m train.doctor",
        "scripts/lim.sh": "lim_selection.py",
        "scripts/test.sh": "-m pytest",
        "eval/eval.sh": "-m eval.eval",
    }
    for script, program in programs.items():
        done = subprocess.run(["bash", ROOT / script, "--help"], capture_output=True, text=True)
        assert f".venv/bin/python {program} --help" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quik"], r"demo.sh has no --quik; did you mean --quick\?"),
        (["seeds=[2]", "quick"], r"demo.sh has no quick; did you mean --quick\?"),
        (["--fast"], r"demo.sh has no --fast; it takes --quick, --task, --dry_run and key=value \(bash \S+ --help\)"),
        (["--jobs=2"], "demo.sh has no --jobs=2; it takes .*"),
        (["--task", "leters"], "--task leters: there are arithmetic and letters"),
        (["--task"], "--task : there are arithmetic and letters"),
        (["--quick", "--task=letters"], "--quick is for --task arithmetic only"),
    ],
)
def test_the_demo_refuses_what_it_does_not_know_before_it_sets_up(venv, arguments, said):
    done, calls = run(venv, "demo.sh", *arguments)
    assert done.returncode == 2
    assert re.fullmatch(f"error: {said}\n", done.stderr)
    assert calls == [] and done.stdout == ""


def test_the_demo_passes_known_arguments_on(venv):
    done, calls = run(venv, "demo.sh", "seeds=[2]", "--quick", "--dry_run", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    assert calls[-1] == "-m train.compare configs/compare/demo-quick.yaml seeds=[2] --dry_run"


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("setup.sh", ["selct"], "setup: error: unknown set 'selct': use select, all, dev, gpu or gpu-dev"),
        ("setup.sh", ["all", "dev"], "setup: error: one set at a time, not .all dev.: select, all, .*"),
        ("slurm_train.sh", [], r"error: give a training: sbatch scripts/slurm_train.sh scripts/train_\*.sh .*"),
        ("ray_cluster.sh", ["wait", "2"], r"error: RAY_ADDRESS is not set; set it to .*: RAY_ADDRESS=HEAD_IP:6379"),
        ("slurm_train.sh", ["limr"], "error: limr: no such script; give a training: .*"),
        (
            "slurm_train.sh",
            ["scripts/train_limr.sh"],
            "error: this is no Slurm job; submit it: sbatch scripts/slurm_train.sh scripts/train_limr.sh",
        ),
    ],
)
def test_wrong_arguments_are_one_line(venv, script, arguments, said):
    done, calls = run(venv, script, *arguments, PYTHON=str(venv / "bin" / "python"), RAY_ADDRESS="")
    assert done.returncode == 2
    assert re.fullmatch(f"{said}\n", done.stderr)
    assert calls == []


@pytest.mark.parametrize(
    ("arguments", "environment", "started"),
    [
        ([], {}, False),
        (["--top_k", "5"], {}, False),
        (["--original_prompts_path", "p.json"], {}, True),
        (["--original-prompts-path=p.json"], {}, True),
        ([], {"PROMPTS": "p.json"}, True),
    ],
)
def test_lim_without_prompts_says_how_to_make_them(tmp_path, venv, arguments, environment, started):
    shutil.copytree(ROOT / "scripts", tmp_path / "copy" / "scripts")
    python = str(venv / "bin" / "python")
    done, calls = run(venv, tmp_path / "copy" / "scripts" / "lim.sh", *arguments, PYTHON=python, **environment)
    if started:
        assert done.returncode == 0, done.stderr
        assert len(calls) == 1 and calls[0].startswith(f"{tmp_path}/copy/lim_selection.py")
        return
    assert done.returncode == 2 and calls == []
    missing = tmp_path / "copy" / "data" / "prompts" / "math8k.json"
    assert done.stderr == f"error: {missing}: no such file; make it with: {python} -m data.prepare math8k\n"


def test_lim_reads_and_writes_where_the_caller_is(tmp_path, venv):
    flags = {"PYTHON": str(venv / "bin" / "python"), "PROMPTS": "p.json"}
    _, (there,) = run(venv, "lim.sh", "--output_path", "chosen.json", cwd=tmp_path, **flags)
    assert f"--output_path {ROOT}/data/prompts/limr.json --output_path chosen.json" in there
    assert f"--train_samples_path {ROOT}/data/output/math.8k --original_prompts_path p.json" in there
    _, (at_home,) = run(venv, "lim.sh", cwd=ROOT, **flags)
    assert at_home.startswith("./lim_selection.py --train_samples_path ./data/output/math.8k --orig")


def test_paths_of_the_callers_folder_are_found_from_the_projects(tmp_path, venv):
    here = tmp_path / "a folder"
    (here / "sets").mkdir(parents=True)
    for name in ("own.yaml", "sets/own set.jsonl", "limr", "README.md"):
        (here / name).write_text("")
    given = ["own.yaml", "+own.yaml", "run.prompt_file=sets/own set.jsonl", "limr", "README.md", "gone.yaml", "--x=1"]
    _, (call,) = run(venv, "train.sh", *given, cwd=here, PYTHON=str(venv / "bin" / "python"))
    found = f"{here}/own.yaml +{here}/own.yaml run.prompt_file={here}/sets/own set.jsonl"
    assert call == f"-m train.launch {found} limr README.md gone.yaml --x=1"  # README.md is the project's, too
    _, (call,) = run(venv, "train.sh", *given, cwd=ROOT, PYTHON=str(venv / "bin" / "python"))
    assert call == f"-m train.launch {' '.join(given)}"


def test_a_slurm_job_finds_the_repository_from_its_copy_of_the_script(tmp_path, venv):
    shutil.copy(ROOT / "scripts" / "slurm_train.sh", tmp_path / "slurm_script")
    done, _ = run(venv, tmp_path / "slurm_script", "scripts/train_limr.sh", SLURM_SUBMIT_DIR=str(ROOT))
    assert done.returncode == 2 and "this is no Slurm job" in done.stderr  # past the check of the file
