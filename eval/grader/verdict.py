"""The verdicts on a response, and the two sets of rules that decide them before any answers are compared.

A rule takes (response, what `read` extracted from it) and gives a verdict, or None where the answer is to be compared
with the gold one.
"""

from __future__ import annotations

import re
from enum import StrEnum, auto

from .extract import Extraction

MOST_BOXES = 4
GARBLED = 0.3
# Letters, digits and signs of ASCII, white space, and Unicode's block of mathematical operators (the release's set).
READABLE = re.compile(r"[\s!-~\u2200-\u22ff]+")
LONGEST = 200_000  # characters at a response's end that are searched for repetition
CHUNK, TIMES = 5, 5


class Verdict(StrEnum):
    """The strings are those of the reward log (docs/logs.md).

    The order is a wire format: train/reward.py can hand OpenRLHF only floats, so it sends `code`, and
    train/ppo/samples.py reads it back with `decode`. Add new verdicts at the end.
    """

    CORRECT = auto()
    INCORRECT = auto()
    NO_ANSWER = auto()
    MALFORMED = auto()
    TRUNCATED = auto()
    TIMEOUT = auto()

    @property
    def code(self) -> float:
        return float([*Verdict].index(self))

    @classmethod
    def decode(cls, code: float) -> Verdict:
        return [*cls][int(code)]

    @classmethod
    def compared(cls, equal: bool | None) -> Verdict:
        """The verdict of a comparison; None is one that ran out of time or memory."""
        return cls.TIMEOUT if equal is None else cls.CORRECT if equal else cls.INCORRECT


def benchmark_rule(response: str, found: Extraction) -> Verdict | None:
    """Benchmarks: any answer counts, however the response looks; `malformed` has boxes, but none with content."""
    if found.answer is not None:
        return None
    return Verdict.MALFORMED if found.opened else Verdict.NO_ANSWER


def training_rule(response: str, found: Extraction, *, finished: bool) -> Verdict | None:
    """Training reward: the release's format rules, too. `finished`: the response reached its end token."""
    if not finished:
        return Verdict.TRUNCATED
    if found.opened > MOST_BOXES or (found.opened and (is_garbled(response) or is_repetitive(response))):
        return Verdict.MALFORMED
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
