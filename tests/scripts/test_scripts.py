"""What the shell scripts decide: which packages go where, CPU or GPU. Nothing is installed: stand-ins note calls."""

from __future__ import annotations

import os
import re
import subprocess
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


def run(venv: Path, script: str, *arguments: str, fail: str = "", **environment: str):
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


def test_an_install_that_is_cut_off_says_whose_the_folder_is(venv):
    done, _ = setup(venv, "gpu", fail=r"requirements-gpu\.txt")
    assert done.returncode == 2
    assert "error: 'installing requirements-gpu.txt' failed; the whole output is in" in done.stderr
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
    left_out = ["tests/train/test_cpu.py", "tests/train/test_fork_server.py"]
    assert calls[-1] == f"-m pytest -m not slow --ignore {' --ignore '.join(left_out)} -x"
    assert all((ROOT / path).is_file() for path in left_out)
    assert "VENV=.venv-cpu bash scripts/test.sh has them" in done.stdout


GPU = ("gpu", "-m train.compare configs/compare/demo.yaml overlays=[colocated-1gpu]")
CPU = ("all", "-m train.compare configs/compare/demo.yaml")


@pytest.mark.parametrize(
    ("smi", "visible", "expected"),
    [
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", None, GPU),
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", "0", GPU),
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", "", CPU),
        ("echo 'GPU 0: NVIDIA H100 (UUID: GPU-1)'", " , ", CPU),
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
