r"""Answers in parts that are numbered as the task numbers them: "(i) 3, (ii) 4", "(a) 5 (b) 7", "(1) 2; (2) 3"."""

from __future__ import annotations

import re
from collections.abc import Callable

_TEXT = r"(?:\\text\s*\{\s*)?"
PART = re.compile(
    rf"(?:^|(?<=[\s,;.}}])|(?=\\text\s*\{{\s*\()){_TEXT}(?:and\s+)?(?:[Pp]art\s*)?\(?(?<![A-Za-z\d\\])([a-f]|i{{1,3}}|i?v|[1-6])\)"
    r"\s*[:.]?\s*\}?\s*[:.]?\s*"
)
KINDS = ("abcdef", ("i", "ii", "iii", "iv", "v"), "123456")
# What a part cannot begin or end with: "(1) + (2)x" is arithmetic.
ARITHMETIC = re.compile(r"[+*/^=<>)\]_]|\\(?:cdot|times|frac|pm)\s*$|.*[-+*/^=<>(_]\s*$", re.DOTALL)


def numbered(text: str) -> list[str] | None:
    """The parts of a cleaned answer, in order; None where it is not numbered."""
    if ")" not in text or not text.startswith(("(", "\\text", "Part", "part", "a)", "i)", "1)")):
        return None
    found = [
        match
        for match in PART.finditer(text)
        if text.count("(", 0, match.start()) <= text.count(")", 0, match.start())
    ]
    labels = [match[1] for match in found]
    if len(labels) < 2 or found[0].start() or not any(labels == list(kind[: len(labels)]) for kind in KINDS):
        return None
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts = [
        text[match.end() : end].strip(" ,;.\n").removesuffix("\\\\") for match, end in zip(found, ends, strict=True)
    ]
    return parts if all(re.search(r"\w", part) and not ARITHMETIC.match(part) for part in parts) else None


def unnumbered(text: str) -> list[str]:
    """The values that a text lists, separated by commas or semicolons outside of brackets."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ",;" and not depth:
            parts.append(text[start:place])
            start = place + 1
    return [part.strip() for part in (*parts, text[start:])]


def by_number(gold: str, prediction: str, decide: Callable[[str, str], bool | None]) -> bool | None:
    """Part by part, where at least one side is numbered; the other one then lists its values in this order."""
    sides = numbered(gold), numbered(prediction)
    if sides == (None, None):
        return None
    first, second = (side or unnumbered(text) for side, text in zip(sides, (gold, prediction), strict=True))
    if len(first) != len(second):
        return False
    verdicts = [decide(x, y) for x, y in zip(first, second, strict=True)]
    return None if None in verdicts and False not in verdicts else all(verdicts)
