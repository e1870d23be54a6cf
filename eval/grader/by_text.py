"""What is decided from the text of two answers alone: plain numbers, rounding, decimal commas, choices, bases."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from .numerals import SMALL
from .text import clean, squeezed
from .value import number

PLAIN = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
COMMA_DECIMAL = re.compile(r"([+-]?\d+),(\d+)(\s*(?:\\text|[A-Za-z%€£°])(?:(?!\band\b|\bor\b)[^\d,;])*)?")
LABELLED = re.compile(
    r"\(([A-J])\)\s*(?:[:.-]\s*)?(\S.*)|([A-J])(?:[.):]|\s+-+(?=\s+(?:[^\W\d_]{4}|[^\W\d_]+\s+[^\W\d_]{2})))\s*(\S.*)",
    re.DOTALL,
)
SET_TWICE = re.compile(
    r"([^:{}]*(?:[<>]|\\(?:le|ge|lt|gt)(?:q|qslant|qq)?(?![a-z]))[^:{}]*):\s*([(\[].*[)\]])", re.DOTALL
)
SHORTENED = re.compile(r"(?:\\?\$(?=\d)|(?=\d\d|\d\.))(\d{1,12}(?:\.\d{1,12})?)([kKM])")
LABEL = re.compile(r"^(?:\\text)?\{\s*(\(?[A-J]\)?[.:]?)\s*\}")
ANOTHER = re.compile(
    r"\([A-J]\)|(?<![\w\\^_{(])[A-J][.):](?!\w)|^\W*(?:\\text\{\s*)?(?:or|and|if|unless|of|is|,)\b|^[,;/+*^=_<>]"
    r"|^\\(?:cup|cap|cdot|times|to|in|pm|div)(?![a-z])"
)
BASED = re.compile(
    r"(-?)\(?([0-9A-Z.]*\d[0-9A-Z.]*|[A-F]{2,}(?=\)?_\{?1[2-6]\}?$))\)?_(?:\{?(-?\d{1,2}|[a-z]{2,7})\}?)"
)


class Side(NamedTuple):
    """An answer: cleaned, without spaces, and its value where it is a plain number."""

    text: str
    short: str
    value: Fraction | None


@lru_cache(maxsize=8192)
def side(text: str) -> Side:
    """An answer made ready for comparing."""
    if PLAIN.fullmatch(text) and text[-1] != ".":
        return Side(text, text, Fraction(text))
    cleaned = clean(text)
    short = squeezed(cleaned)
    digits = short.replace(",", "") if GROUPED.fullmatch(short) else short
    return Side(cleaned, short, Fraction(digits) if PLAIN.fullmatch(digits) else None)


def rounds_to(gold: str, value: Fraction, prediction: object) -> bool:
    """Whether a gold of two or more decimals, three or more digits, is what a more precise value rounds to."""
    match = re.search(r"\.(\d*)$", gold.replace(" ", ""))
    decimals = len(match[1]) if match else 0
    if decimals < 2 or len(re.sub(r"\D", "", gold).lstrip("0")) < 3 or value.denominator == 1:
        return False
    scale = 10**decimals
    if isinstance(prediction, int | Fraction):
        exact = Fraction(prediction)
        if (exact * scale).denominator == 1:
            return exact == value
        half = Fraction(1, 2 * scale)
        return abs(exact - value) < half or abs(value) - abs(exact) == half  # a half is rounded away from 0
    try:
        return bool(abs(number(prediction) - number(value)) * scale * 2 <= 1)
    except (TypeError, ValueError):
        return False


def decimal_commas(first: Side, second: Side, decide: Callable[[str, str], bool | None]) -> bool | None:
    """ "3,14" is 3.14 where the other side has a decimal point; a gold answer "2,3", one digit after the comma, is
    a list, and so is "2, 3"."""
    for one, other in ((first, second), (second, first)):
        match = COMMA_DECIMAL.fullmatch(one.text) if one.value is None and re.search(r"\d\.\d", other.text) else None
        if match and match[3] and GROUPED.fullmatch(f"{match[1]},{match[2]}"):
            continue  # 2,400 kg
        if match and (match[3] or one is second or len(match[2]) > 1):
            written = f"{match[1]}.{match[2]}{match[3] or ''}"
            return decide(*((written, other.text) if one is first else (other.text, written)))
    return None


def set_twice(first: Side, second: Side, decide: Callable[[str, str], bool | None]) -> bool | None:
    """x > 2: (2, \\infty), one set written in two ways, which must agree."""
    for one, other in ((first, second), (second, first)):
        twice = SET_TWICE.fullmatch(one.text) if ":" in one.text else None
        if twice:
            return decide(twice[1], twice[2]) and decide(
                *((twice[1], other.text) if one is first else (other.text, twice[1]))
            )
    return None


def thousands(first: Side, second: Side) -> bool | None:
    """70k, 2.5M and $2k for a number in digits; None where they are not that number. 2k is twice k."""
    short = SHORTENED.fullmatch(second.short) if second.short[-1:] in ("k", "K", "M") else None
    if short and first.value == Fraction(short[1]) * (1_000_000 if short[2] == "M" else 1_000):
        return True
    return None


def labels(first: Side, second: Side, decide: Callable[[str, str], bool | None]) -> bool | None:
    """The choice "(C) 5" is (C), and it is 5; a small letter is a choice too. Two choices are none."""
    if re.fullmatch(r"\(?[A-J]\)?", first[1]) and re.fullmatch(r"\(?[a-j]\)?", second[1]):
        return first[1].strip("()") == second[1].strip("()").upper()
    parts = [labelled(side[0]) for side in (first, second)]
    for part, side, other in ((parts[0], first, second), (parts[1], second, first)):
        if (
            part is None
            and LABELLED.fullmatch(LABEL.sub(r"\1", side[0]))
            and re.fullmatch(r"\([A-J]\)|[A-J]", other[1])
        ):
            return False  # (B) unless n = 2, (B) or (C)
    if parts[0] and parts[1]:
        return parts[0][0] == parts[1][0] and decide(parts[0][1], parts[1][1])
    for part, side, other in ((parts[0], first, second), (parts[1], second, first)):
        if part:
            if re.fullmatch(r"\(?[A-J]\)?", other[1]):
                return other[1].strip("()") == part[0]
            return decide(*((part[1], other[0]) if side is first else (other[0], part[1])))
    return None


def labelled(text: str) -> tuple[str, str] | None:
    """(letter, what it stands for) of a choice; None where the text names another choice, too."""
    match = LABELLED.fullmatch(LABEL.sub(r"\1", text))
    if match is None or ANOTHER.search(match[2] or match[4]):
        return None
    return match[1] or match[3], match[2] or match[4]


def bases(first: Side, second: Side) -> bool | None:
    """Digits in a base: the same digits in the same base, which the prediction may leave out."""
    matches = [BASED.fullmatch(side[1]) for side in (first, second)]
    for match, other in ((matches[0], 1), (matches[1], 0)):  # 2a_{16}: small letters for digits
        if match and re.search("[A-F]", match[2]) and not matches[other]:
            small = (first, second)[other][1]
            matches[other] = BASED.fullmatch(re.sub("[a-f]", lambda m: m[0].upper(), small)) if "_" in small else None
    if not any(matches):
        return None
    digits = []
    for match, side in zip(matches, (first, second), strict=True):
        if match is None and not re.fullmatch(r"-?[0-9A-Z.]+", side[1]):
            return False
        body = (match[1] + match[2] if match else side[1]).lstrip("-")
        digits.append(((match[1] if match else side[1][:1]) == "-", body.lstrip("0")))
    bases = {str(SMALL.get(match[3], match[3])) for match in matches if match}
    if matches[0] is None and bases != {"10"}:
        return False
    return digits[0] == digits[1] and len(bases) == 1


def clocks(first: Side, second: Side) -> bool | None:
    """14:30 and 2:30 p.m.; None where not exactly one side is a time after noon by 24 hours."""
    for one, other in ((first, second), (second, first)) if ":" in first.short + second.short else ():
        late = re.fullmatch(r"(1[3-9]|2[0-3]):([0-5]\d)", one.short)
        told = re.fullmatch(r"0?(\d{1,2})(?::([0-5]\d))?([ap]m)", other.short.casefold()) if late else None
        if late and told:
            return (int(told[1]) + 12, told[2] or "00", told[3]) == (int(late[1]), late[2], "pm")
    return None


def floors(first: Side, second: Side, decide: Callable[[str, str], bool | None]) -> bool | None:
    r"""[n/2] is \lfloor n/2 \rfloor where the other side writes that sign and this one none."""
    for one, other in ((first, second), (second, first)):
        if (
            "\\lfloor" in other.text
            and re.search(r"\[[^,]*\]", one.text)
            and not re.search(r"\\lfloor|[,;]", one.text)
        ):
            written = one.text.replace("[", r"\lfloor ").replace("]", r"\rfloor ")
            return decide(*((written, other.text) if one is first else (other.text, written)))
    return None
