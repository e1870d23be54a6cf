"""What an entry point's user sees of bad input, a full disk, Ctrl-C and SIGTERM: one line and an exit code."""

from __future__ import annotations

import ast
import errno
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from lim.utils import errors
from lim.utils.errors import InputError, run_cli, set_up
from lim.utils.files import atomic_path, write_json, write_text
from lim.utils.signals import Terminated

ROOT = Path(__file__).resolve().parents[3]


def raising(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("a.json: row 3 has no 'id'"), 2, "error: a.json: row 3 has no 'id'"),
        (
            OSError(errno.ENOSPC, "full", "a.png"),
            2,
            "error: a.png: cannot be used (No space left on device); make room",
        ),
        (
            OSError(errno.EDQUOT, "full"),
            2,
            "error: a file: cannot be written (Disk quota exceeded); make room within",
        ),
        (
            PermissionError(errno.EACCES, "", "a.yaml"),
            2,
            "error: a.yaml: cannot be used (Permission denied); look at who",
        ),
        (RuntimeError("I/O error: No space left on device"), 2, "error: the disk is full (I/O error: No space left"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("run it again"), 130, "interrupted; run it again\n"),
        (Terminated(), 143, "terminated\n"),
    ],
)
def test_each_end_is_one_line_and_a_code(error, code, line, capsys):
    assert run_cli(raising(error)) == code
    said = capsys.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == 1


def test_an_error_of_the_programs_own_keeps_its_traceback():
    with pytest.raises(ConnectionResetError):
        run_cli(raising(ConnectionResetError(errno.ECONNRESET, "reset")))


@contextmanager
def small_files():
    """Files may not grow above 1,000 bytes, as on a full disk. No fixture: pytest writes its own output, too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_does_not_fit_is_named_and_the_old_one_stays(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, "old")
    with small_files(), pytest.raises(InputError, match=r"a\.json: cannot be written \(File too large\); raise"):
        write_json(path, "new" * 1000)
    assert path.read_text() == '"old"\n'
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("file/a.json", "a file is where a folder is needed"),
        ("file/deeper/a.json", "a file is where a folder is needed"),
        ("folder", "a folder"),
    ],
)
def test_a_path_that_cannot_be_is_named(tmp_path, path, says):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=f"{path}: (cannot be written|is) .*{says}"):
        write_text(tmp_path / path, "text")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_an_error_of_a_file_being_read_is_not_the_written_ones(tmp_path):
    with pytest.raises(PermissionError), atomic_path(tmp_path / "a.json"):
        raise PermissionError(errno.EACCES, "no", str(tmp_path / "in.json"))


def test_sigterm_removes_what_is_half_written(tmp_path):
    code = f"""
import signal, sys
from lim.utils.errors import run_cli
from lim.utils.files import atomic_path
def main():
    with atomic_path({str(tmp_path / "a.json")!r}):
        print("ready", flush=True)
        signal.pause()
sys.exit(run_cli(main))
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.terminate()
    assert (process.communicate(timeout=60)[1], process.returncode) == ("terminated\n", 143)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("module", "imports"),
    [("train.launch", "rich"), ("eval.eval", "rich"), ("data.audit", "rich")] + [("lim.stability", "numpy")],
)
def test_ctrl_c_while_importing_is_one_line(tmp_path, module, imports):
    (tmp_path / f"{imports}.py").write_text("raise KeyboardInterrupt")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "interrupted\n"
    assert done.returncode == -signal.SIGINT


@pytest.mark.parametrize("command", [["-m", "eval.eval"], ["-m", "train.compare"], ["lim_selection.py"]])
def test_a_python_without_the_packages_says_how_to_set_up(command):
    done = subprocess.run(
        [sys.executable, "-S", *command, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    said = r"error: \w+ is not installed for \S+; (use \S+, or )?run: bash scripts/setup\.sh .*\n"
    assert re.fullmatch(said, done.stderr)
    assert done.returncode == 2


def test_where_the_checkout_has_a_python_a_missing_package_names_it(tmp_path, monkeypatch):
    assert set_up(tmp_path).startswith("run: bash scripts/setup.sh ")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert set_up(tmp_path).startswith(f"use {python}, or run: bash scripts/setup.sh ")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))  # this one lacks the package itself
    assert set_up(tmp_path).startswith("run: bash scripts/setup.sh ")


def test_a_module_of_ours_that_is_missing_is_an_error_of_the_programs_own():
    with pytest.raises(ModuleNotFoundError):
        run_cli(raising(ModuleNotFoundError("gone", name="lim.gone")))


def test_what_is_imported_before_the_look_at_python_can_be_read_by_older_ones():
    code = "import sys, lim.utils.errors; print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('lim')))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for path in map(Path, run.stdout.split()):
        text = path.read_text(encoding="utf-8")
        ast.parse(text, feature_version=(3, 8))
        assert "def " not in text or "from __future__ import annotations" in text, path


def test_an_old_python_is_named(monkeypatch, capsys):
    monkeypatch.setattr(errors, "OLDEST", (4, 0))
    with pytest.raises(SystemExit, match="2"):
        errors.being_run()
    assert capsys.readouterr().err.startswith(f"error: {sys.executable} is Python 3.")


@pytest.mark.parametrize("script", ["lim.sh", "train_limr.sh", "compare.sh", "demo.sh", "ray_cluster.sh head"])
def test_a_script_without_its_python_says_how_to_set_up(script):
    name, *arguments = script.split()
    done = subprocess.run(
        ["bash", ROOT / "scripts" / name, *arguments],
        env={**os.environ, "PYTHON": "/nowhere/python"},
        capture_output=True,
        text=True,
    )
    assert re.fullmatch(r"error: /nowhere/python: not there; run: bash scripts/setup\.sh.*\n", done.stderr)
    assert done.returncode == 2
