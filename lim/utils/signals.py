"""Signals that are noted or raised instead of ending the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Terminated(BaseException):
    """SIGTERM arrived; raised so that open files are closed and half-written ones removed."""


@contextmanager
def noted(*numbers: int, then: Callable[[int], None] | None = None) -> Iterator[list[int]]:
    """Note signals in the list that is yielded, and call `then`, instead of acting on them; afterwards as before.

    Only in the main thread; elsewhere nothing is noted.
    """
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        if then:
            then(number)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


@contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM in this process's main thread; forks of it end as they would have."""
    here = os.getpid()

    def stop(number: int) -> None:
        if os.getpid() != here:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        raise Terminated

    own = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # else a caller has arranged for it
    with noted(*[signal.SIGTERM] * own, then=stop):
        yield
