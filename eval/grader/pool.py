"""Worker processes with a hard deadline per item: a worker that overruns is killed and replaced.

The workers are started as programs of their own (not forked and not through multiprocessing): the caller may be a
thread of a Ray actor that holds CUDA, where a fork is unsafe and where spawning would import that actor's main
module again. A worker ends when its caller's end of the pipe closes, when its parent is gone, and through the
kernel's alarm when an item overruns, so none outlives its caller.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[__name__.count(".")]  # the folder that holds the top package
WORKER = ("-m", f"{__package__}.worker")  # the program, by Python's arguments; tests and benchmarks have stand-ins
START = 120.0  # seconds a worker may take to import; only a broken installation needs longer
ADDRESS_SPACE = 3 * 2**30  # bytes; an item that needs more gets no verdict


class Worker:
    """One process that answers one question at a time."""

    def __init__(self, deadline: float, program: Sequence[str]) -> None:
        self.buffer = b""
        command = [sys.executable, "-P", *program, str(deadline), str(ADDRESS_SPACE)]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        if self._line(START) != b"ready":
            self.kill()
            raise RuntimeError(
                f"a grading worker did not start: {' '.join(command)} (exit {self.process.returncode})"
            )

    def ask(self, question: Any, deadline: float) -> Any:
        """The worker's answer; None where it overran or died, and then the worker is gone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question).encode("ascii") + b"\n")
            self.process.stdin.flush()
            line = self._line(deadline)
        except BrokenPipeError:
            line = None
        if line is None:
            self.kill()
            return None
        return json.loads(line)

    def _line(self, seconds: float) -> bytes | None:
        assert self.process.stdout is not None
        handle = self.process.stdout.fileno()
        poll = select.poll()  # select() fails on descriptors above 1023
        poll.register(handle, select.POLLIN | select.POLLHUP)
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                return None
            chunk = os.read(handle, 65536)
            if not chunk:
                return None
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def kill(self) -> None:
        """End the process and wait for it."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process.wait()


def _kill_all(workers: set[Worker], owner: int) -> None:
    if os.getpid() == owner:
        for worker in list(workers):
            worker.kill()


class Pool:
    """Up to `size` workers, started when first needed; safe to use from any thread, and after a fork.

    `program` is what they run, by Python's arguments (default: the grader's own worker).
    """

    def __init__(self, size: int, deadline: float, program: Sequence[str] | None = None) -> None:
        if size < 1 or not deadline > 0:
            raise ValueError(f"a pool needs at least one worker and a deadline above 0, not {size} and {deadline}")
        self.size, self.deadline, self.program = size, deadline, program
        self.lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self.owner = os.getpid()
        self.workers: set[Worker] = set()
        self.idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(self.size):
            self.idle.put(None)
        self.threads = ThreadPoolExecutor(self.size, thread_name_prefix="grader")
        self.finalizer = weakref.finalize(self, _kill_all, self.workers, self.owner)

    def ask_all(self, questions: Sequence[Any]) -> list[Any]:
        """Answers in order; None where one overran its deadline or its worker died. Raises what a worker raised."""
        with self.lock:
            if os.getpid() != self.owner:
                self._reset()
            threads = self.threads
        answers = list(threads.map(self._ask, questions))
        for answer in answers:
            if isinstance(answer, dict):
                raise RuntimeError(f"grading failed: {answer['error']}")
        return answers

    def _ask(self, question: Any) -> Any:
        worker = self.idle.get()
        try:
            if worker is None:
                worker = Worker(self.deadline, self.program or WORKER)
                self.workers.add(worker)
            answer = worker.ask(question, self.deadline)
            if worker.process.returncode is not None:
                self.workers.discard(worker)
                worker = None
            return answer
        finally:
            self.idle.put(worker)

    def close(self) -> None:
        """Let items in progress end, then end the workers. Closing twice is harmless."""
        if os.getpid() == self.owner:
            self.threads.shutdown(wait=True)
        self.finalizer()
        self.workers.clear()
