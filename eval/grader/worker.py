"""A grading worker: reads one JSON pair per line, writes `true`, `false`, `"unread"` or `null` (no verdict within
its memory).

Started by eval/grader/pool.py: python -m eval.grader.worker DEADLINE ADDRESS_SPACE
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Callable


def main(stand_in: Callable[[str, str], bool] | None = None) -> int:
    """Answer until the pipe closes or the parent is gone. `stand_in` replaces `judge` in tests and benchmarks."""
    deadline, address_space = float(sys.argv[-2]), int(sys.argv[-1])
    parent = os.getppid()
    # Nothing but answers may reach the pipe, whatever a library prints.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    from .judge import judge
    from .mathverify import verify

    verify("1", "1")  # the slow imports, before the clock of the first item starts
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
            answers.write(json.dumps(answer(stand_in or judge, *json.loads(line))).encode("ascii") + b"\n")
            signal.setitimer(signal.ITIMER_REAL, 0)


def answer(judge, gold: str, prediction: str) -> bool | str | dict[str, str] | None:
    """The verdict on one pair; any other error is returned to the caller, who raises it."""
    try:
        return judge(gold, prediction)
    except MemoryError:
        return None
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    raise SystemExit(main())
