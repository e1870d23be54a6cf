"""A pipeline of commands: each runs once for the same inputs, and an interrupted one resumes where it stopped.

A stage is a command line that a person could type. Its fingerprint covers the command and the content of its
inputs; the state file remembers which fingerprint was started and which was finished, so a second run skips
what is done, resumes what was cut off, and clears away what was made from other inputs (a trained run it puts aside).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from lim.utils.errors import InputError
from lim.utils.files import locked, read_json, sha256_of, write_json
from lim.utils.signals import noted
from lim.utils.text import duration

RESUME = "what is finished is kept: run the same command again to resume"


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
    """Hex sha256 over names and content of files (folders: all files below, without hidden ones).

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


class Pipeline:
    """Runs stages in order and remembers them in `state_path`.

    Raises InputError, naming the stage and its command, when a stage fails; KeyboardInterrupt once the stage
    that was running has ended by itself.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        state_path: Path,
        console: Console,
        after: Callable[[Stage], None] = lambda _: None,  # called with each stage that has ended, now or before
    ) -> None:
        self.stages = list(stages)
        self.state_path = state_path
        self.console = console
        self.after = after
        self.lock = threading.Lock()
        self.processes: list[subprocess.Popen] = []
        self.state: dict[str, dict] = read_json(state_path) if state_path.exists() else {}

    def fingerprint(self, stage: Stage) -> str:
        text = json.dumps([stage.arguments(), sorted(stage.env.items()), content_hash(stage.inputs)])
        return hashlib.sha256(text.encode()).hexdigest()

    def is_done(self, stage: Stage, fingerprint: str) -> bool:
        known = self.state.get(stage.name, {})
        return known.get("finished") == fingerprint and all(path.exists() for path in stage.outputs)

    def run(self, jobs: int = 1) -> None:
        """Run what is not done: one stage after the other on this terminal, or up to `jobs` side by side.

        Side by side, a stage waits for those that make its inputs, and writes to logs/<stage>.log beside the state.
        InputError where another process runs the same pipeline.
        """
        message = f"{self.state_path}: another process is writing it; wait for it, or end it"
        with locked(self.state_path.with_name(f".{self.state_path.name}.lock"), message):
            if self.state_path.exists():  # another process may have ended since it was read
                self.state = read_json(self.state_path)
            self.run_side_by_side(jobs) if jobs > 1 else self.run_in_order()

    def run_in_order(self) -> None:
        """Run the stages one after the other on this terminal."""
        for number, stage in enumerate(self.stages, 1):
            fingerprint = self.fingerprint(stage)
            head = f"[bold]\\[{number}/{len(self.stages)}] {stage.title}[/bold]"
            if self.is_done(stage, fingerprint):
                self.console.print(f"{head} [dim]· done before ({duration(self.guess(stage))}), skipped[/dim]")
                self.after(stage)
                continue
            left = sum(self.guess(later) for later in self.stages[number - 1 :])
            self.console.rule(style="dim")
            self.console.print(f"{head} · about {duration(self.guess(stage))}, all: about {duration(left)} left")
            self.console.print(f"[dim]$ {command_line(stage)}[/dim]", soft_wrap=True, highlight=False)
            seconds = self.run_stage(stage, fingerprint, None)
            self.console.print(f"[green]✓[/green] {stage.title}: {duration(seconds)}")
            self.after(stage)

    def run_side_by_side(self, jobs: int) -> None:
        """Start every stage whose inputs are made, up to `jobs` at once; the first failure starts no more."""
        waiting, ended = list(self.stages), set[str]()
        running: dict[Future[float], Stage] = {}
        failure: BaseException | None = None
        with ThreadPoolExecutor(jobs) as pool, self._signals_passed_on() as received:
            while running or (waiting and failure is None):
                for stage in [s for s in waiting if self.needs(s) <= ended] if failure is None else []:
                    fingerprint = self.fingerprint(stage)
                    if self.is_done(stage, fingerprint):
                        self.console.print(f"{stage.title} [dim]· done before, skipped[/dim]")
                        self.after(stage)
                        ended.add(stage.name)
                    elif len(running) < jobs:
                        log = self.state_path.parent / "logs" / f"{stage.name}.log"
                        self.console.print(
                            f"{stage.title} · about {duration(self.guess(stage))} · {log}", soft_wrap=True
                        )
                        running[pool.submit(self.run_stage, stage, fingerprint, log)] = stage
                    else:
                        continue
                    waiting.remove(stage)
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    stage = running.pop(future)
                    try:
                        self.console.print(f"[green]✓[/green] {stage.title}: {duration(future.result())}")
                        self.after(stage)
                        ended.add(stage.name)
                    except InputError as error:
                        failure = failure or error
                if received:
                    failure = KeyboardInterrupt(RESUME)
        if failure is not None:
            raise failure

    def needs(self, stage: Stage) -> set[str]:
        """Names of the earlier stages that make this one's inputs."""
        before = self.stages[: self.stages.index(stage)]
        made = {one.name: [*one.outputs, *one.clears] for one in before}
        return {name for name, paths in made.items() for path in paths for item in stage.inputs if _touch(path, item)}

    def run_stage(self, stage: Stage, fingerprint: str, log: Path | None) -> float:
        """Run one stage, remember how it went, and return its seconds."""
        if self.state.get(stage.name, {}).get("started") != fingerprint:
            for path in stage.clears:
                self.clear(path)
        self.remember(stage, started=fingerprint, finished=None)
        start = time.monotonic()
        code = self.run_here(stage) if log is None else self.run_logged(stage, log)
        if code != 0:
            where = "its own message is above" if log is None else f"its output is in {log}"
            raise InputError(
                f"stage {self.stages.index(stage) + 1} of {len(self.stages)} ({stage.name}) failed with exit code "
                f"{code}; {where}. {RESUME[0].upper()}{RESUME[1:]}"
            )
        missing = [str(path) for path in stage.outputs if not path.exists()]
        if missing:
            raise InputError(f"stage {stage.name} succeeded but did not write {', '.join(missing)}")
        seconds = time.monotonic() - start
        self.remember(stage, finished=fingerprint, seconds=round(seconds, 1))
        return seconds

    def clear(self, path: Path) -> None:
        """Remove what was made from other inputs; a run that has logged steps cost too much and is put aside."""
        if path.is_dir() and any(path.glob("step_*.parquet")):
            aside = next(
                place for n in itertools.count(1) if not (place := path.with_name(f"{path.name}.old-{n}")).exists()
            )
            path.rename(aside)
            self.console.print(f"{path.name} was made from other inputs or settings: kept as {aside}", soft_wrap=True)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def run_here(self, stage: Stage) -> int:
        """Run a stage on this terminal. One that is told to stop has time to end its own processes."""
        with self._signals_passed_on() as received:
            code = self.start(stage).wait()
        if received:
            raise KeyboardInterrupt(RESUME)
        return code

    def run_logged(self, stage: Stage, log: Path) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as file:
            return self.start(stage, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT).wait()

    def start(self, stage: Stage, **options: Any) -> subprocess.Popen:
        process = subprocess.Popen(stage.arguments(), env={**os.environ, **stage.env}, **options)
        self.processes.append(process)
        return process

    def guess(self, stage: Stage) -> float:
        return self.state.get(stage.name, {}).get("seconds") or stage.seconds

    def remember(self, stage: Stage, **facts: object) -> None:
        with self.lock:
            self.state[stage.name] = {**self.state.get(stage.name, {}), **facts}
            write_json(self.state_path, self.state)

    def _signals_passed_on(self) -> AbstractContextManager[list[int]]:
        """Pass SIGINT and SIGTERM on to the stages that run, and note them; the caller waits for the end."""

        def send(number: int) -> None:
            if number == signal.SIGTERM or not os.isatty(0):  # a terminal's Ctrl-C reaches them by itself
                for process in self.processes:
                    if process.poll() is None:
                        process.send_signal(number)

        return noted(signal.SIGINT, signal.SIGTERM, then=send)


def _touch(a: Path, b: Path) -> bool:
    """Whether one path is, or lies in, the other."""
    return a == b or a in b.parents or b in a.parents


def command_line(stage: Stage) -> str:
    """The command as a person would type it."""
    return shlex.join([*(f"{key}={value}" for key, value in stage.env.items()), *stage.arguments()])
