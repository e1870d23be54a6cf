r"""The words after a value: which are a unit, which say something of the value, and which units agree.

A unit is dropped where only one side has one. Where both have one they must agree: the same measures with the same
powers, and of the counting words one side's must be among the other's. Units are converted in `convert.py`.
"""

from __future__ import annotations

import re
from collections import Counter

_ALIASES = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "dm": "decimeter decimetre", "m": "meter metre",
    "km": "kilometer kilometre", "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile",
    "mg": "milligram", "g": "gram gm", "kg": "kilogram", "lb": "pound", "oz": "ounce", "ton": "tonne",
    "s": "second sec", "ms": "millisecond", "min": "minute", "h": "hour hr", "day": "", "week": "", "month": "",
    "year": "yr",
    "ml": "milliliter millilitre", "l": "liter litre", "gal": "gallon", "dollar": "usd buck $",
    "cent": "penny pennie ¢", "euro": "€ eur", "gbp": "£", "rupee": "₹ rs inr", "yuan": "¥ rmb cny yen",
    "deg": "degree", "rad": "radian", "mph": "", "kph": "kmh kmph", "am": "", "pm": "", "acre": "", "j": "joule",
    "n": "newton", "w": "watt", "hz": "hertz", "v": "volt", "ohm": "omega", "k": "kelvin", "pa": "pascal",
    "unit": "", "c": "coulomb", "amp": "ampere", "t": "tesla", "percent": "% pct percentage", "permille": "",
    "angstrom": "å", "f": "farad", "henry": "henries", "ev": "electronvolt", "mol": "mole", "molar": "",
    "cal": "calorie", "wb": "weber", "parsec": "", "bar": "", "wh": "", "atm": "atmosphere", "torr": "mmhg",
    "erg": "", "dyn": "dyne", "hectare": "ha", "ly": "lightyear", "au": "", "db": "decibel", "cc": "",
}  # fmt: skip
MEASURES = {name: unit for unit, others in _ALIASES.items() for name in (unit, *others.split())}
PREFIXES = {"f": "femto", "p": "pico", "n": "nano", "u": "micro", "m": "milli", "k": "kilo", "M": "mega", "G": "giga",
            "T": "tera"}  # fmt: skip
# Symbols whose capitals count, since mA is not MA, and the prefixes that they take.
_SYMBOLS = {
    "m": "fpnuM", "g": "pnuM", "s": "fpnum", "J": "numkMGT", "N": "numkMG", "W": "pnumkMGT", "Hz": "mkMGT",
    "V": "numkMG", "A": "pnumk", "Pa": "mkMG", "C": "pnumk", "F": "pnum", "T": "num", "H": "num", "eV": "mkMGT",
    "mol": "numk", "M": "pnum", "L": "nu", "l": "nu", "cal": "k", "Wb": "mu", "ohm": "mkMG", "pc": "kMG", "bar": "m",
    "Wh": "kMGT",
}  # fmt: skip
_OF_SYMBOL = {"A": "amp", "H": "henry", "M": "molar", "pc": "parsec"}
# What the symbols stand for: (prefix, unit).
PREFIXED: dict[str, tuple[str, str]] = {}
SYMBOLS = {**_OF_SYMBOL, "t": "ton"}
for _symbol, _allowed in _SYMBOLS.items():
    _unit = _OF_SYMBOL.get(_symbol, _symbol.casefold())
    for _prefix in _allowed:
        _known = MEASURES.get(f"{_prefix}{_unit}", "pm")
        _name = f"{PREFIXES[_prefix]} {_unit}" if _known == "pm" else _known
        PREFIXED[_name] = _prefix, _unit
        _others = [other for other, known in MEASURES.items() if known == _unit and len(other) > 2]
        MEASURES |= {f"{PREFIXES[_prefix]}{other}": _name for other in _others}
        SYMBOLS |= {f"{PREFIXES[_prefix]}{_symbol}": _name}
        if f"{_prefix}{_symbol}" not in MEASURES:
            SYMBOLS[f"{_prefix}{_symbol}"] = _name
_NAMES = frozenset((*MEASURES.values(), *SYMBOLS.values()))
TWO_WORDS = re.compile(
    r"\b(?:(light)[- ]+(?=years?\b)|(electron)[- ]+(?=volts?\b)|newton[- ]+(?=met(?:er|re)s?\b)"
    r"|astronomical units?\b)",
    re.IGNORECASE,
)
_SHORT = (
    "mm cm dm km in ft yd mi mg kg lb lbs oz sec min hr hrs ml gal mph kph day days inch inches foot feet yard yards "
    "mile miles usd sq cents deg am pm"
)
SHORT = frozenset(_SHORT.split())
_FILLERS = "the a an of in total all altogether per cent each different distinct possible exactly"
FILLERS = frozenset(_FILLERS.split())
# Words that change what stands before them: a value with one of them is not the value.
_CHANGING = (
    "or and not no if when unless except where with such that more less fewer greater smaller larger than "
    "least most plus minus divided multiplied over by squared cubed factorial modulo above below under up "
    "upto to from between approximately about is are isn aren was be has have hundred thousand million "
    "billion trillion dozen score half twice double choose negative bc bce never fails versus onward onwards "
    "upward upwards among past"
)
CHANGING = frozenset(_CHANGING.split())
# The same in Chinese: 36 or more, less than, multiples of 36.
CHANGING_CHINESE = re.compile(
    r"以[上下内外前后]|不(?!同)|至[少多]|超过|[大小多少]于|^的|余|多(?![边面])|之[内外]|次方|^[百千万亿](?![瓦焦帕卡赫伏])"
)
_AMOUNTS = "one two three four five six seven eight nine ten twelve twenty hundred half third quarter what which"
AMOUNTS = frozenset(_AMOUNTS.split())
BETWEEN = frozenset(("times", "point", "root"))  # changing, unless it is the last word: "3 times"
# A property where it is the last word; "5 odd numbers" counts numbers.
_PROPERTIES = (
    "even odd prime composite positive negative real rational irrational integer integers constant arbitrary "
    "nonzero only base mod divisible coprime distinct infinite finite natural whole nonnegative nonpositive "
    "perfect free doubled tripled quadrupled halved reversed inverted increased decreased reduced rounded "
    "subtracted excluded missing wrong incorrect invalid false rejected discarded extraneous impossible undefined "
    "unknown unclear"
)
PROPERTIES = frozenset(_PROPERTIES.split())


SPEEDS = {"mph": "mi", "kph": "km", "kmh": "km", "kmph": "km"}


def words(text: str) -> list[str]:
    """Words, signs and powers of a unit such as `cm^2`, lower case."""
    return [word.casefold() for word in _written(text)]


def _written(text: str) -> list[str]:
    """The same as written."""
    text = re.sub(r"\\(?:text|left|right|cdot)(?![a-z])|[{}\\()]", " ", text)
    text = re.sub(r"(?i)\b([ap])\.\s?m\b\.?", lambda m: m[1].casefold() + "m", text)
    text = re.sub(r"\bNm\b", "N m", text)
    text = re.sub(r"\bms(?=\s*\^\s*-)", "m s", text)
    text = TWO_WORDS.sub(lambda m: m[1] or m[2] or ("N " if m[0][0] in "Nn" else "AU"), text)
    return re.findall(r"[^\W\d_]+|\d+|[€£¢$₹¥%/^-]", text)


def is_unit(text: str, *, variable: bool = False) -> bool:
    """Whether words after a value are its unit. `variable`: the value holds a variable, so that only a measure
    or a plural is one: "n + 2 regions", but not "n prime"."""
    found = [word for word in words(text) if word.isalpha() or word in MEASURES]
    if (
        not found
        or (found[-1] in PROPERTIES and (variable or found[-1] != "integers"))
        or CHANGING & set(found[_harmless(found) :])
        or BETWEEN & set(found[:-1])
        or (len(found) == 2 and found[0] in ("st", "nd", "rd", "th") and found[1] in ("root", "power"))
        or (found[0] == "of" and (len(found[-1]) == 1 or AMOUNTS & set(found)))  # half of n, six of ten
        or re.search(r"[a-z]{4,}\s+\d+$", text)
        or any(map(CHANGING_CHINESE.search, found))
    ):
        return False
    return not variable or _measure(found[-1]) in _NAMES or (found[-1].endswith("s") or found[-1] == "people")


def _harmless(found: list[str]) -> bool:
    """Whether the first word changes nothing: 5 more apples, 5 such numbers."""
    return found[0] in ("more", "fewer") or (found[0] == "such" and "that" not in found)


def _measure(word: str) -> str:
    if word in SYMBOLS:
        return SYMBOLS[word]
    word = word.casefold()
    for name in (word, word[:-1] if word.endswith("s") and len(word) > 2 else word):
        if name in MEASURES:
            return MEASURES[name]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith("ss") else word


def parts(text: str) -> tuple[Counter[str], frozenset[str]]:
    """(powers of the measures, counting words) of a unit."""
    measures: Counter[str] = Counter()
    others = set()
    power, direction, last = 1, 1, ""
    written = _written(text)
    tokens = [word.casefold() for word in written]
    for place, word in enumerate(tokens):
        if word in ("square", "sq", "cubic", "cu"):
            power = 2 if word[0] == "s" else 3
        elif word in ("/", "per") and word != tokens[-1]:
            direction = -1
        elif word == "^" or (word == "-" and tokens[place - 1] == "^"):
            continue
        elif word.isdigit():
            if last and place and tokens[place - 1] in ("^", "-"):
                measures[last] += (int(word[:3]) - 1) * direction if tokens[place - 1] == "^" else -int(word[:3]) - 1
        elif word in SPEEDS:
            measures.update({SPEEDS[word]: 1, "h": -1})
        elif (name := _measure(written[place])) in _NAMES:
            measures[name] += power * direction
            power, last = 1, name
        elif word not in FILLERS:
            others.add(name)
    return Counter({name: count for name, count in measures.items() if count}), frozenset(others)


def agree(first: str, second: str) -> bool:
    """Whether the units of two values, where each has one, can be the same."""
    (measures_a, others_a), (measures_b, others_b) = parts(first), parts(second)
    if (measures_a or measures_b) and measures_a != measures_b:
        return False
    return others_a <= others_b or others_b <= others_a
