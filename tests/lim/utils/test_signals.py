"""Signals are noted where acting on them would do harm, and raised where they end a command."""

from __future__ import annotations

import signal
import threading

import pytest

from lim.utils.signals import Terminated, noted, terminable


@pytest.fixture
def default():
    """SIGTERM as a fresh process has it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_signals_are_noted_and_passed_on(default):
    passed = []
    with noted(signal.SIGTERM, signal.SIGUSR1, then=passed.append) as received:
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGTERM)
    assert received == passed == [signal.SIGUSR1, signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_sigterm_raises_inside_and_is_as_before_outside(default):
    with pytest.raises(Terminated), terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_callers_own_handling_of_sigterm_is_kept(default):
    with noted(signal.SIGTERM) as received, terminable():
        signal.raise_signal(signal.SIGTERM)
    assert received == [signal.SIGTERM]


def test_other_threads_note_nothing():
    found = []

    def other():
        with noted(signal.SIGTERM) as received, terminable():
            found.append((received, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found == [([], before)]
