"""Starting, watching and ending a run, with small Python programs in the place of the trainer."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from rich.console import Console

from train.run import progress, supervise

ROOT = Path(__file__).resolve().parents[3]
# A grandchild in a session of its own whose parent is gone, deaf to SIGTERM: what Ray's and vLLM's processes can be.
DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(os.environ["LIM_RUN_DIR"] + "/daemon.pid", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists(os.environ["LIM_RUN_DIR"] + "/daemon.pid"):
    time.sleep(0.01)
"""
EVENTS = """
import os
from pathlib import Path
from train.run import progress
run = Path(os.environ["LIM_RUN_DIR"])
"""


def run(tmp_path: Path, code: str, result: Path | None = None) -> tuple[int, str]:
    """Exit code and terminal output of a supervised program."""
    text = io.StringIO()
    env = {"LIM_RUN_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    console = Console(file=text, width=200, soft_wrap=True)
    return supervise.run([sys.executable, "-c", code], env, tmp_path, result, console), text.getvalue()


@pytest.mark.parametrize(
    ("variables", "there"),
    [
        ({}, ["VLLM_RPC_BASE_PATH"]),
        ({"LIM_CPU": "1"}, ["VLLM_RPC_BASE_PATH", "TMPDIR"]),
        ({"LIM_CPU": "1", "RAY_ADDRESS": "10.0.0.1:6379"}, []),
    ],
)
def test_what_a_run_leaves_behind_goes_with_it(tmp_path, monkeypatch, variables, there):
    for name in ("TMPDIR", "VLLM_RPC_BASE_PATH", "RAY_ADDRESS", "LIM_CPU"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    names = ("LIM_RAY_TMP", "VLLM_RPC_BASE_PATH", "TMPDIR")
    run(tmp_path, f"import os; print(*(os.environ.get(name, '-') for name in {names}))")
    folder, *found = (tmp_path / supervise.LOG_NAME).read_text().split()
    assert found == [folder if name in there else "-" for name in names[1:]]
    assert not Path(folder).exists()


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_for(done, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(done())


def test_progress_is_shown_and_the_rest_goes_to_the_log(tmp_path):
    code = (
        EVENTS + 'print("noise"); progress.emit(run, "stage", text="starting Ray"); print(os.environ["LIM_RAY_TMP"])'
    )
    status, shown = run(tmp_path, code)
    assert (status, shown) == (0, "starting Ray\n")
    noise, folder = (tmp_path / "train.log").read_text().splitlines()
    assert noise == "noise"
    assert folder.startswith("/tmp/") and len(folder) < 30 and not Path(folder).exists()


def test_what_an_earlier_try_told_is_not_shown_again(tmp_path):
    code = EVENTS + 'progress.emit(run, "stage", text="once")'
    assert run(tmp_path, code) == run(tmp_path, code) == (0, "once\n")


def test_a_failed_run_ends_with_its_error(tmp_path):
    code = (
        EVENTS + 'progress.emit(run, "error", text="prompts.jsonl: row 3 is bad"); raise ValueError("a later stack")'
    )
    status, shown = run(tmp_path, code)
    assert status == 1
    assert shown.splitlines() == ["error: prompts.jsonl: row 3 is bad", f"complete output: {tmp_path / 'train.log'}"]


RAY = """
logs = Path(os.environ["LIM_RAY_TMP"]) / "session_1" / "logs"
logs.mkdir(parents=True)
(logs.parent.parent / "session_latest").symlink_to("session_1")
(logs / "worker-1.err").write_text("why it ended")
"""


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("", "a step"),
        (
            'progress.emit(run, "step", step=1, steps=1, epoch=1, epochs=1, reward=0, seconds=1, '
            "response_tokens=1, seconds_left=0); ",
            "its final model",
        ),
    ],
)
def test_a_run_that_ends_early_with_exit_code_0_has_failed_and_keeps_its_output(tmp_path, code, missing):
    status, shown = run(tmp_path, EVENTS + RAY + 'print("all that was said"); ' + code, tmp_path / "final")
    assert status == 1
    assert f"error: the training ended without {missing} (" in shown
    assert shown.splitlines()[-2:] == [
        f"complete output: {tmp_path / 'train.log'}",
        f"Ray's logs: {tmp_path / 'ray_logs'}",
    ]
    assert (tmp_path / "train.log").read_text() == "all that was said\n"
    assert (tmp_path / "ray_logs" / "worker-1.err").read_text() == "why it ended"


def test_a_run_that_makes_its_result_keeps_no_ray_logs(tmp_path):
    code = EVENTS + RAY + '(run / "final").mkdir()'
    assert run(tmp_path, code, tmp_path / "final") == (0, "")
    assert not (tmp_path / "ray_logs").exists()


def test_a_failed_reward_function_comes_first(tmp_path):
    code = EVENTS + (
        'progress.emit(run, "error", text="a symptom"); '
        'open(os.environ["LIM_REWARD_ERROR_FILE"], "w").write("Traceback\\nValueError: no gold\\n"); '
        "raise SystemExit(3)"
    )
    status, shown = run(tmp_path, code)
    assert status == 1
    assert shown.splitlines()[0] == "error: the reward function failed: ValueError: no gold"


def test_a_run_that_is_killed_says_so(tmp_path):
    status, shown = run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert status == 1
    assert "killed by signal 9" in shown


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)"])
def test_no_process_is_left_behind(tmp_path, monkeypatch, end):
    monkeypatch.setattr(supervise, "OTHERS_FOLLOW", 0.5)
    monkeypatch.setattr(supervise, "TERM_WORKS", 0.5)
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    started = time.monotonic()
    try:
        status, _ = run(tmp_path, DAEMON + end)
        assert status == (1 if end else 0)
        assert is_gone(int((tmp_path / "daemon.pid").read_text()))
        assert time.monotonic() - started < 20
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def supervisor(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    """A supervised program, started in a process of its own and running."""
    command = [sys.executable, "-c", code]
    program = (
        "from pathlib import Path; from train.run import progress, supervise; "
        f"raise SystemExit(supervise.run({command!r}, {{}}, Path({str(tmp_path)!r})))"
    )
    env = {**os.environ, "LIM_RUN_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, text=True)
    assert wait_for(lambda: (tmp_path / "driver.pid").exists())
    return process


LONG = DAEMON + 'open(os.environ["LIM_RUN_DIR"] + "/driver.pid", "w").write(str(os.getpid())); time.sleep(600)'


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_everything(tmp_path, number, code):
    process = supervisor(tmp_path, LONG)
    started = time.monotonic()
    process.send_signal(number)
    shown, _ = process.communicate(timeout=30)
    assert process.returncode == code
    assert "run.resume=true" in shown
    assert time.monotonic() - started < 20
    assert all(is_gone(int((tmp_path / name).read_text())) for name in ("driver.pid", "daemon.pid"))


def test_the_driver_does_not_outlive_its_supervisor(tmp_path):
    process = supervisor(tmp_path, LONG)
    daemon = int((tmp_path / "daemon.pid").read_text())
    try:
        process.kill()
        process.communicate(timeout=10)
        assert wait_for(lambda: is_gone(int((tmp_path / "driver.pid").read_text())), 5)
        folders = list(Path("/tmp").glob(f"limr-{process.pid}-*"))
        assert len(folders) == 1
        assert run(tmp_path, "pass")[0] == 0
        assert not folders[0].exists()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(daemon, signal.SIGKILL)


def test_a_full_disk_is_named_whatever_the_run_could_say(tmp_path, monkeypatch):
    monkeypatch.setattr(supervise.shutil, "disk_usage", lambda _path: SimpleNamespace(free=4096))
    code, text = run(tmp_path, "raise RuntimeError('file write failed')")
    assert code == 1
    assert (
        f"error: {tmp_path}: its disk is full; make room and resume with run.resume=true (RuntimeError: file" in text
    )


def test_an_event_that_does_not_fit_leaves_whole_lines(tmp_path):
    progress.emit(tmp_path, "stage", text="one")
    before = (tmp_path / progress.NAME).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(OSError, match=r"No space left on device: .*progress\.jsonl"):
            progress.emit(tmp_path, "stage", text="two")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / progress.NAME).read_bytes() == before
