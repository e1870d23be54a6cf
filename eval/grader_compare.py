"""Whether two answers are the same, decided in-process and in bounded time; None where it takes Math-Verify."""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 20_000


def plain(text: str) -> str:
    """An answer without the marks that carry no meaning."""
    text = re.sub(r"\\(?:left|right|displaystyle|,|;|!|:| )|[$\s]", "", text.strip())
    text = re.sub(r"\\(?:text|mathrm|textbf|mbox)\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\\[dtc]frac", r"\\frac", text).rstrip(".")


def number(text: str) -> Fraction | None:
    """A plain number's exact value."""
    text = text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text) else text
    if re.fullmatch(r"[+-]?(\d{1,500}(\.\d{0,500})?|\.\d{1,500})", text):
        return Fraction(text)
    return None


def decide(gold: str, prediction: str) -> bool | None:
    """True or False where that is certain, else None."""
    if not gold.strip() or not prediction.strip() or max(len(gold), len(prediction)) > LONGEST:
        return False
    first, second = plain(gold), plain(prediction)
    if first == second:
        return True
    numbers = number(first), number(second)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return None
