"""Numbers in English words: "twenty-one", "six million", "two thirds", "a dozen"."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(_UNITS.split())}
SMALL |= {word: 10 * value for value, word in enumerate(_TENS.split(), 2)} | {"fourty": 40}
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = (
    "half third quarter fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
PARTS = {word: value for value, word in enumerate(_PARTS.split(), 2)} | {"fourth": 4}
PARTS |= {f"{word[:-1]}ieth": value for word, value in SMALL.items() if value > 20}
PARTS |= {f"{word}th": value for word, value in SCALES.items()}
PARTS |= {("halves" if word == "half" else word + "s"): value for word, value in PARTS.items()}
ORDINALS = frozenset(("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"))
DOZENS = {"dozen": 12, "dozens": 12}
POWERS = {"squared": 2, "cubed": 3}


def leading(text: str) -> tuple[Fraction, str] | None:
    """(value, what follows) of a text that begins with a number in words; None where it does not."""
    words = re.findall(r"[^\W_]+|[^\w\s]", text.casefold())
    sign = 1
    if words and words[0] in ("negative", "minus"):
        sign, words = -1, words[1:]
    if (
        len(words) > 1
        and words[0] in ("a", "one")
        and (words[1] in SCALES or words[1] in DOZENS or words[1] in PARTS)
    ):
        words = ["one", *words[1:]]
    elif words and words[0] in ("half", *DOZENS) and words[1:2] not in (["a"], ["an"]):
        words = ["one", *words]
    if words[:2] in (["half", "a"], ["half", "an"]) and len(words) > 2 and (words[2] in SCALES or words[2] in DOZENS):
        return Fraction(sign * (SCALES | DOZENS)[words[2]], 2), " ".join(words[3:])
    total, part, taken, last = 0, 0, 0, 0  # last: the size of the word before, so that "two five" is no number
    while taken < len(words):
        word = words[taken]
        if taken and (
            (word == "-" and words[taken + 1 : taken + 2])
            or (word == "and" and words[taken + 1 : taken + 2] and words[taken + 1] in SMALL and last >= 100)
        ):
            taken += 1
            continue
        if word in SMALL:
            value = SMALL[word]
            if taken and not (last >= 100 or (last in range(20, 100, 10) and 0 < value < 10)):
                break
            part, last = part + value, value
        elif word == "hundred" and part and last < 100:
            part, last = part * 100, 100
        elif word in SCALES and part:
            total, part, last = total + part * SCALES[word], 0, SCALES[word]
        elif word in DOZENS and taken:
            part, last = (part or 1) * 12, 100
        else:
            break
        taken += 1
    following = words[taken] if taken < len(words) else ""
    if not taken or following in SMALL or (following in ORDINALS and last in range(20, 100, 10)):
        return None  # one thirty-second, twenty-first
    value = Fraction(total + part)
    if taken < len(words) and words[taken] in PARTS and (words[taken] not in ("second",)):
        value, taken = value / PARTS[words[taken]], taken + 1
    if words[taken : taken + 1] == ["and"] and value.denominator == 1:  # two and a half
        rest = leading(" ".join(words[taken + 1 :]))
        if rest and 0 < rest[0] < 1:
            return sign * (value + rest[0]), rest[1]
    return sign * value, " ".join(words[taken:])


def multiple(text: str) -> tuple[Fraction, int, str]:
    """(factor, power, what follows) of the words after a number: "million people" is (1000000, 1, "people"). Quarters
    may be coins."""
    words = text.split()
    factor, power = Fraction(1), 1
    while words and (word := words[0].casefold().strip("., ")) in SCALES | DOZENS:
        factor, words = factor * (SCALES | DOZENS)[word], words[1:]
    if words and factor == 1 and words[0].casefold() in PARTS.keys() - {"quarters"} and words[0].endswith("s"):
        factor, words = Fraction(1, PARTS[words[0].casefold()]), words[1:]
    if words and words[0].casefold() in POWERS:
        power, words = POWERS[words[0].casefold()], words[1:]
    return factor, power, " ".join(words)
