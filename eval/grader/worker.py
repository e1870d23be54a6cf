"""A grading worker: reads one JSON pair per line, writes `true`, `false`, `"unread"` or `null` (no verdict within
its memory).

Started by eval/grader/pool.py: python -m eval.grader.worker DEADLINE ADDRESS_SPACE. `serve` is the loop of any such
worker; that of the verifiers (eval/verifiers/worker.py) has it, too.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable
from typing import Any


def main(stand_in: Callable[[str, str], bool] | None = None) -> int:
    """Judge pairs. `stand_in` replaces `judge` in tests and benchmarks."""

    def prepare() -> Callable[[str, str], Any]:
        from .judge import judge
        from .mathverify import verify

        verify("1", "1")
        return stand_in or judge

    return serve(prepare)


def serve(prepare: Callable[[], Callable[..., Any]], *, beside: bool = False) -> int:
    """Answer questions, each a JSON list of arguments of what `prepare` returns, until the pipe closes or the parent
    is gone. `prepare` does the slow imports, before the clock of the first item starts. With `beside`, the limit of
    memory is on top of what these take.
    """
    deadline, address_space = float(sys.argv[-2]), int(sys.argv[-1])
    parent = os.getppid()
    # Nothing but answers may reach the pipe, whatever a library prints.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    function = prepare()
    if beside:
        with open("/proc/self/statm", encoding="ascii") as file:
            address_space += int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    answers.write(b"ready\n")
    buffer = b""
    while True:
        if not select.select([0], [], [], 5.0)[0]:
            if os.getppid() != parent:
                return 0
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            return 0
        buffer += chunk
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            # The default action of SIGALRM ends this process even inside C code, whether or not a parent is there.
            signal.setitimer(signal.ITIMER_REAL, deadline + 1.0)
            answers.write(json.dumps(answer(function, *json.loads(line))).encode("ascii") + b"\n")
            signal.setitimer(signal.ITIMER_REAL, 0)


def answer(function: Callable[..., Any], *question: Any) -> Any:
    """The answer to one question; any other error is returned to the caller, who raises it."""
    try:
        return function(*question)
    except MemoryError:
        return None
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    raise SystemExit(main())
