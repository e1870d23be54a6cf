"""The verdicts on a response, and the two sets of rules that decide them before any answers are compared.

A rule takes (response, what `read` extracted from it) and gives the reason of a verdict, or None where the answer is
to be compared with the gold one.
"""

from __future__ import annotations

import re
from enum import StrEnum, auto
from typing import Self

from .extract import Extraction, boxes

MOST_BOXES = 4
GARBLED = 0.3
# Letters, digits and signs of ASCII, white space, and Unicode's block of mathematical operators (the release's set).
READABLE = re.compile(r"[\s!-~\u2200-\u22ff]+")
LONGEST = 200_000  # characters at a response's end that are searched for repetition
CHUNK, TIMES = 5, 5


class Coded(StrEnum):
    """Strings of the reward log (docs/logs.md).

    The order is a wire format: train/reward.py can hand OpenRLHF only floats, so it sends `code`, and
    train/ppo/samples.py reads it back with `decode`. Add new ones at the end.
    """

    @property
    def code(self) -> float:
        return float([*type(self)].index(self))

    @classmethod
    def decode(cls, code: float) -> Self:
        return [*cls][int(code)]


class Verdict(Coded):
    """What a response is worth."""

    CORRECT = auto()
    INCORRECT = auto()
    NO_ANSWER = auto()
    MALFORMED = auto()
    TRUNCATED = auto()
    TIMEOUT = auto()

    @classmethod
    def compared(cls, equal: bool | None) -> Verdict:
        """The verdict of a comparison; None is one that ran out of time or memory."""
        return cls.TIMEOUT if equal is None else cls.CORRECT if equal else cls.INCORRECT


class Reason(Coded):
    """Why a response has its verdict, where that is not what comparing its answer with the gold one gave."""

    CUT_OFF = auto()  # no end token
    NO_BOX = auto()
    EMPTY_BOX = auto()  # boxes, of which none that closes holds anything
    UNCLOSED_BOX = auto()  # boxes, of which none closes
    MANY_BOXES = auto()
    GARBLED = auto()
    REPEATED = auto()
    UNREAD = auto()  # an answer that no parser read to its end
    OVER_LIMIT = auto()  # of the time for an answer, or of a worker's memory

    @property
    def verdict(self) -> Verdict:
        """The verdict that follows."""
        return VERDICTS.get(self, Verdict.MALFORMED)


VERDICTS = {
    Reason.CUT_OFF: Verdict.TRUNCATED,
    Reason.NO_BOX: Verdict.NO_ANSWER,
    Reason.UNREAD: Verdict.INCORRECT,
    Reason.OVER_LIMIT: Verdict.TIMEOUT,
}


def benchmark_rule(response: str, found: Extraction) -> Reason | None:
    """Benchmarks: any answer counts, however the response looks; `malformed` has boxes, but none with content."""
    if found.answer is not None:
        return None
    if not found.opened:
        return Reason.NO_BOX
    return Reason.EMPTY_BOX if boxes(response)[0] else Reason.UNCLOSED_BOX


def training_rule(response: str, found: Extraction, *, finished: bool, lenient: bool = False) -> Reason | None:
    """Training reward: the release's format rules, too. `finished`: the response reached its end token.

    `lenient` drops the rules on how a response looks: it keeps those on one that is cut off or gives no answer.
    """
    if not finished:
        return Reason.CUT_OFF
    if found.opened and not lenient:
        if found.opened > MOST_BOXES:
            return Reason.MANY_BOXES
        if is_garbled(response):
            return Reason.GARBLED
        if is_repetitive(response):
            return Reason.REPEATED
    return benchmark_rule(response, found)


def is_garbled(text: str) -> bool:
    """Whether over 30 % of the characters are outside of the readable set."""
    return len(READABLE.sub("", text)) > GARBLED * len(text)


def is_repetitive(text: str) -> bool:
    """Whether a line holds a chunk of five characters or more five times in a row.

    It finds what the pattern `(.{5,}?)\\1{4,}` does, which backtracks for minutes on 10,000 characters. A chunk of p
    characters repeated five times agrees with itself, shifted by p, for 4p characters: one of the places 4p - 4 apart
    is the start of five agreeing characters, so about n ln n / 4 places are tested.
    """
    for line in text[-LONGEST:].split("\n"):
        for period in range(CHUNK, len(line) // TIMES + 1):
            needed = (TIMES - 1) * period
            for place in range(0, len(line) - period - CHUNK + 1, needed - CHUNK + 1):
                shifted = place + period
                if line[place : place + CHUNK] == line[shifted : shifted + CHUNK] and (
                    _agreement(line, place, period, needed) >= needed
                ):
                    return True
    return False


def _agreement(line: str, place: int, period: int, enough: int) -> int:
    """Length, up to `enough`, of the stretch around `place` that agrees with the line shifted by `period`."""
    first = place
    while first > 0 and place - first < enough and line[first - 1] == line[first - 1 + period]:
        first -= 1
    last = place
    while last + period < len(line) and last - first < enough and line[last] == line[last + period]:
        last += 1
    return last - first
