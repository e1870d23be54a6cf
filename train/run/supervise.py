"""Run a training command: its progress on the terminal, its output in a file, nothing of it left behind.

`run` starts the command in a session of its own, shows <run>/progress.jsonl as lines, writes everything else to
<run>/train.log, and on exit, error, Ctrl-C and SIGTERM ends every process the command caused (Ray, vLLM and
DeepSpeed start theirs in several generations) within 20 seconds. A failed run ends with its first real error, and
keeps Ray's own logs in <run>/ray_logs.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from lim.utils.signals import noted
from lim.utils.text import duration
from train.run import environment, errors, progress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Seconds for the driver to stop after a signal, for the rest to follow it, and for SIGTERM before SIGKILL.
DRIVER_STOPS, OTHERS_FOLLOW, TERM_WORKS = 5.0, 3.0, 4.0
FULL = 16 * 2**20  # bytes free, and less: a disk that is full
LOG_NAME, RAY_LOGS, REWARD_ERROR_NAME = "train.log", "ray_logs", "reward_error.txt"


def run(
    command: Sequence[str],
    env: Mapping[str, str],
    run_dir: Path,
    result: Path | None = None,
    console: Console | None = None,
) -> int:
    """Run `command` with `env` added to the environment. Returns 0, 1 on an error, 130 or 143 on a signal.

    `result` is what the command makes: one that exits with 0 and did not make it has failed.
    """
    console = console or Console(highlight=False, soft_wrap=True)
    run_dir.mkdir(parents=True, exist_ok=True)
    log, events = run_dir / LOG_NAME, Events(run_dir)
    reward_error = run_dir / REWARD_ERROR_NAME
    reward_error.unlink(missing_ok=True)
    shutil.rmtree(run_dir / RAY_LOGS, ignore_errors=True)
    log_start = log.stat().st_size if log.exists() else 0
    ray_folder = ray_folder_of_this_process()
    others = {process.pid for process in psutil.Process().children()}
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    # Orphans of the run become this process's children, so that none is out of reach.
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        with noted(signal.SIGINT, signal.SIGTERM) as received, open(log, "ab") as output:
            driver = subprocess.Popen(
                list(command),
                env={
                    **os.environ,
                    **env,
                    **environment.write(ray_tmp=ray_folder, reward_error_file=reward_error),
                    **temporary(ray_folder, {**os.environ, **env}),
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Should we be killed, the driver goes too, and Ray's processes end with their driver.
                preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
            )
            watch(driver, events, console, received)
            code = stop(driver, others, received)
        for event in events.new():
            show(console, event)
        failed = code != 0 or (result is not None and not result.exists())
        if failed and not received:
            keep_ray_logs(Path(ray_folder), run_dir / RAY_LOGS)
    finally:
        shutil.rmtree(ray_folder, ignore_errors=True)
    if received:
        console.print(f"stopped; resume with run.resume=true (output: {log})", markup=False)
        return 128 + received[0]
    if not failed:
        return 0
    reason = errors.first_real(events.error, log, log_start, code)
    if code == 0:
        reason = f"the training ended without {'its final model' if events.steps else 'a step'} ({reason})"
    where = log
    if reward_error.exists():
        where = reward_error
        reason = f"the reward function failed: {reward_error.read_text(encoding='utf-8').strip().splitlines()[-1]}"
    # On a full disk the run could hardly write down why it ended.
    if shutil.disk_usage(run_dir).free < FULL:
        reason = f"{run_dir}: its disk is full; make room and resume with run.resume=true ({reason})"
    console.print(f"error: {reason}", markup=False)
    console.print(f"complete output: {where}", markup=False)
    if (run_dir / RAY_LOGS).is_dir():
        console.print(f"Ray's logs: {run_dir / RAY_LOGS}", markup=False)
    return 1


def keep_ray_logs(folder: Path, kept: Path) -> None:
    """Copy the logs of Ray's session in `folder` to `kept`; what cannot be read or written is skipped."""
    for logs in sorted(folder.glob("session_*/logs")):
        if not logs.parent.is_symlink():
            with contextlib.suppress(OSError):  # shutil.Error too: it is one
                shutil.copytree(logs, kept, dirs_exist_ok=True)


def ray_folder_of_this_process() -> str:
    """A new folder with a short path for Ray's sockets and logs; those of killed supervisors are removed."""
    for path in Path("/tmp").glob("limr-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"limr-{os.getpid()}-", dir="/tmp")


def temporary(folder: str, env: Mapping[str, str]) -> dict[str, str]:
    """Variables that put what vLLM leaves behind, sockets and files, into a folder that goes with the run.

    A cluster's other machines lack it. On GPUs only the sockets: compiled code is to outlive the run.
    """
    if env.get("RAY_ADDRESS"):
        return {}
    return {"VLLM_RPC_BASE_PATH": folder} | ({"TMPDIR": folder} if environment.read(env).cpu else {})


class Events:
    """What is new in a run's progress.jsonl."""

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / progress.NAME
        self.offset = self.path.stat().st_size if self.path.exists() else 0
        self.error: str | None = None
        self.steps = 0

    def new(self) -> Iterator[dict[str, Any]]:
        """Events since the last call; the first error among them is kept."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                event = json.loads(line)
                if event["event"] == "error" and self.error is None:
                    self.error = event["text"]
                self.steps += event["event"] == "step"
                yield event


def show(console: Console, event: dict[str, Any]) -> None:
    line = progress.line_of(event)
    if line is not None:
        console.print(line, markup=False)


def watch(driver: subprocess.Popen[bytes], events: Events, console: Console, received: list[int]) -> None:
    """Show progress until the driver ends or a signal comes."""
    started, stage = time.monotonic(), "starting"
    with contextlib.ExitStack() as stack:
        status = stack.enter_context(console.status(stage)) if console.is_terminal else None
        while driver.poll() is None and not received:
            for event in events.new():
                show(console, event)
                stage = event["text"] if event["event"] == "stage" else "training"
            if status is not None:
                status.update(f"{stage} ({duration(time.monotonic() - started)})")
            with contextlib.suppress(subprocess.TimeoutExpired):
                driver.wait(timeout=0.2)


def stop(driver: subprocess.Popen[bytes], others: set[int], received: list[int]) -> int:
    """End the driver and all that it started; `others` are children that were here before. Returns its exit code.

    A second signal cuts the waiting short.
    """
    if driver.poll() is None:
        driver.terminate()
        wait_until(lambda: driver.poll() is not None, DRIVER_STOPS, received)
    if wait_until(lambda: not left(driver, others), OTHERS_FOLLOW if driver.poll() is not None else 0, received):
        return driver.wait()
    for number, seconds in ((signal.SIGTERM, TERM_WORKS), (signal.SIGKILL, 2.0)):
        for process in left(driver, others):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        if wait_until(lambda: not left(driver, others), seconds, received):
            break
    return driver.wait()


def left(driver: subprocess.Popen[bytes], others: set[int]) -> list[psutil.Process]:
    """Processes of the run that still live; dead ones among the adopted children are reaped."""
    alive = []
    driver.poll()
    for child in psutil.Process().children():
        if child.pid in others:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.pid != driver.pid and child.status() == psutil.STATUS_ZOMBIE:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)
                continue
            family = [child, *child.children(recursive=True)]
            alive += [process for process in family if process.status() != psutil.STATUS_ZOMBIE]
    return alive


def wait_until(done: Any, seconds: float, received: list[int]) -> bool:
    """Whether `done()` came true within the time; a further signal ends the wait."""
    heard, end = len(received), time.monotonic() + seconds
    while not done():
        if time.monotonic() >= end or len(received) > max(heard, 1):
            return False
        time.sleep(0.1)
    return True
