"""What a worker says of two answers that the grader's own rules do not decide at once."""

from __future__ import annotations

from . import mathverify
from .compare import decide
from .text import of_solution

UNREAD = "unread"


def judge(gold: str, prediction: str) -> bool | str:
    """Whether two answers are the same; UNREAD where a side is read to its end by neither parser. May take long."""
    verdict = decide(gold, prediction, slow=True)
    if verdict is None:
        verdict = mathverify.verify(of_solution(gold), prediction)
    return UNREAD if verdict is None else verdict
