"""A pipeline of commands: each runs once for the same inputs, and an interrupted one goes on where it stopped.

A stage is a command line that a person could type. Its fingerprint covers the command and the content of its
inputs; the state file remembers which fingerprint was started and which was finished, so a second run skips
what is done, resumes what was cut off, and clears away what was made from other inputs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from lim.errors import InputError
from lim.files import read_json, sha256_of, write_json


@dataclass(frozen=True)
class Stage:
    """One command of a pipeline.

    A part of `command` may be a function, called when the stage's turn has come (for what an earlier stage decides).
    `inputs` are files or folders whose content decides whether the stage must run again; `outputs` must be
    there afterwards; `clears` are removed before the stage starts on other inputs than last time; `seconds`
    is a first guess of its duration, replaced by what was measured.
    """

    name: str
    title: str
    command: Sequence[str | Path | Callable[[], str]]
    outputs: Sequence[Path]
    inputs: Sequence[Path] = ()
    clears: Sequence[Path] = ()
    env: dict[str, str] = field(default_factory=dict)
    seconds: float = 10.0

    def arguments(self) -> list[str]:
        """The command line, its parts worked out."""
        return [part() if callable(part) else str(part) for part in self.command]


def content_hash(paths: Sequence[Path]) -> str:
    """Hex sha256 over names and content of files (folders: all files below, hidden ones left out).

    A path's last part may hold wildcards (`step_*.parquet`). InputError names a path that is not there.
    """
    digest = hashlib.sha256()
    for path in [found for given in paths for found in sorted(given.parent.glob(given.name)) or [given]]:
        if not path.exists():
            raise InputError(f"{path}: missing, and a stage needs it; was it deleted while the pipeline ran?")
        files = [path] if path.is_file() else sorted(p for p in path.rglob("[!.]*") if p.is_file())
        for file in files:
            digest.update(f"{file.relative_to(path.parent)}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def clock(seconds: float) -> str:
    """Seconds as people read them: `45 s`, `3 min 20 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Pipeline:
    """Runs stages in order and remembers them in `state_path`.

    Raises InputError, naming the stage and its command, when a stage fails; KeyboardInterrupt once the stage
    that was running has ended by itself.
    """

    def __init__(self, stages: Sequence[Stage], state_path: Path, console: Console) -> None:
        self.stages = list(stages)
        self.state_path = state_path
        self.console = console
        self.state: dict[str, dict] = read_json(state_path) if state_path.exists() else {}

    def fingerprint(self, stage: Stage) -> str:
        text = json.dumps([stage.arguments(), sorted(stage.env.items()), content_hash(stage.inputs)])
        return hashlib.sha256(text.encode()).hexdigest()

    def is_done(self, stage: Stage, fingerprint: str) -> bool:
        known = self.state.get(stage.name, {})
        return known.get("finished") == fingerprint and all(path.exists() for path in stage.outputs)

    def run(self) -> None:
        """Run what is not done. Each stage writes to this terminal itself."""
        for number, stage in enumerate(self.stages, 1):
            fingerprint = self.fingerprint(stage)
            head = f"[bold]\\[{number}/{len(self.stages)}] {stage.title}[/bold]"
            if self.is_done(stage, fingerprint):
                self.console.print(f"{head} [dim]· done before ({clock(self.guess(stage))}), skipped[/dim]")
                continue
            left = sum(self.guess(later) for later in self.stages[number - 1 :])
            self.console.rule(style="dim")
            self.console.print(f"{head} · about {clock(self.guess(stage))}, all: about {clock(left)} left")
            self.console.print(f"[dim]$ {command_line(stage)}[/dim]", soft_wrap=True, highlight=False)
            if self.state.get(stage.name, {}).get("started") != fingerprint:
                for path in stage.clears:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            self.remember(stage, started=fingerprint, finished=None)
            start = time.monotonic()
            code = run_in_foreground(stage)
            if code != 0:
                raise InputError(
                    f"stage {number} of {len(self.stages)} ({stage.name}) failed with exit code {code}; its own "
                    "message is above. What is finished is kept: run the same command again to go on"
                )
            missing = [str(path) for path in stage.outputs if not path.exists()]
            if missing:
                raise InputError(f"stage {stage.name} ended well but did not write {', '.join(missing)}")
            seconds = time.monotonic() - start
            self.remember(stage, finished=fingerprint, seconds=round(seconds, 1))
            self.console.print(f"[green]✓[/green] {stage.title}: {clock(seconds)}")

    def guess(self, stage: Stage) -> float:
        return self.state.get(stage.name, {}).get("seconds") or stage.seconds

    def remember(self, stage: Stage, **facts: object) -> None:
        self.state[stage.name] = {**self.state.get(stage.name, {}), **facts}
        write_json(self.state_path, self.state)


def command_line(stage: Stage) -> str:
    """The command as a person would type it."""
    return shlex.join([*(f"{key}={value}" for key, value in stage.env.items()), *stage.arguments()])


def run_in_foreground(stage: Stage) -> int:
    """Run a stage's command on this terminal. Ctrl-C and SIGTERM reach it, and it is waited for.

    A stage that was told to stop has time to end its own processes; only then the interrupt is raised here.
    """
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        if number == signal.SIGTERM or not os.isatty(0):
            process.send_signal(number)

    process = subprocess.Popen(stage.arguments(), env={**os.environ, **stage.env})
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt
    return code
