"""Small, strict comparisons: an option, a text, a number. Each takes (answer, gold, metadata) and scores 0 or 1."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

OPTION = re.compile(r"\(?([A-Za-z])[).]?")
SEPARATOR = re.compile(r"\s*(?:,|;|&|\band\b)\s*")
# Digits in groups of three, or without groups; a decimal part; an exponent of up to three digits; or a fraction.
NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?", re.ASCII)
FRACTION = re.compile(r"([-+]?\d+)\s*/\s*(\d+)", re.ASCII)
LONGEST = 1_000  # characters of a number
TOLERANCES = ("tolerance", "relative_tolerance")
Metadata = Mapping[str, Any]


def options(text: str) -> frozenset[str] | None:
    """The options that a text names, each one letter: `B`, `(b)`, `B.`, or several: `A, C`, `A and C`, `AC`."""
    text = text.strip()
    parts = list(text) if re.fullmatch("[A-Z]{2,}", text) else SEPARATOR.split(text)
    found = [OPTION.fullmatch(part.strip()) for part in parts]
    letters = [match[1].upper() for match in found if match]
    return frozenset(letters) if len(letters) == len(parts) == len(set(letters)) else None


def choice(answer: str, gold: str, metadata: Metadata) -> float:
    """1 where exactly the gold options are named, in any order."""
    wanted = options(gold)
    return float(wanted is not None and options(answer) == wanted)


def exact(answer: str, gold: str, metadata: Metadata) -> float:
    """1 for the same text; only white space at the ends of lines and of the text does not count."""
    return float(bool(text_of(gold)) and text_of(answer) == text_of(gold))


def text_of(text: str) -> str:
    """A text as `exact` compares it."""
    return "\n".join(line.rstrip() for line in unicodedata.normalize("NFC", text).strip().splitlines())


def number(text: str) -> Fraction | None:
    """A number, exactly: `1,234.5`, `-3e-4`, `3/4`; None for anything else."""
    text = text.strip().replace("−", "-")
    if len(text) > LONGEST:
        return None
    if fraction := FRACTION.fullmatch(text):
        return Fraction(int(fraction[1]), int(fraction[2])) if int(fraction[2]) else None
    if not NUMBER.fullmatch(text) or not re.search(r"\d", text.lower().partition("e")[0]):
        return None
    return Fraction(text.replace(",", ""))


def within(gold: Fraction, metadata: Metadata) -> Fraction:
    """How far from the gold number an answer may be, by the record's `tolerance` and `relative_tolerance`."""
    absolute, relative = (Fraction(str(metadata.get(key) or 0)) for key in TOLERANCES)
    return max(absolute, relative * abs(gold))


def numeric(answer: str, gold: str, metadata: Metadata) -> float:
    """1 for the same number, or one within the record's tolerance."""
    wanted, given = number(gold), number(answer)
    if wanted is None or given is None:
        return 0.0
    return float(abs(given - wanted) <= within(wanted, metadata))


def numeric_problem(metadata: Metadata) -> str | None:
    """What is wrong with a record's tolerances."""
    for key in TOLERANCES:
        value = metadata.get(key)
        if value is None:  # as in a table, where other rows have it
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
            return f"metadata.{key} is {value!r:.40}, not a number from 0 up"
    return None
