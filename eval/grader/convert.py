"""One quantity in different units: 2 m and 200 cm, 90 minutes and 1 hour 30 minutes."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from . import units
from .parse import Node
from .points import identical, variables
from .tokens import LETTER_UNITS
from .trees import measure, without_units
from .value import Fuel, Undefined

# Each unit in the first one of its row, exactly.
_ROWS = (
    {"m": "1", "mm": "1/1000", "cm": "1/100", "dm": "1/10", "km": "1000", "in": "0.0254", "ft": "0.3048",
     "yd": "0.9144", "mi": "1609.344"},
    {"s": "1", "ms": "1/1000", "min": "60", "h": "3600", "day": "86400", "week": "604800"},
    {"month": "1", "year": "12"},
    {"g": "1", "mg": "1/1000", "kg": "1000"},
    {"oz": "1", "lb": "16"},
    {"dollar": "1", "cent": "1/100"},
    *({name: "1"} for name in ("amp", "mol", "ev", "cal", "parsec")),
)  # fmt: skip
# The others in first units: a factor and their powers.
_DERIVED = {
    "l": "1/1000 m 3", "ml": "1/1000000 m 3", "cc": "1/1000000 m 3", "hectare": "10000 m 2",
    "angstrom": "1/10000000000 m 1", "hz": "1 s -1", "molar": "1000 mol 1 m -3", "c": "1 amp 1 s 1",
    "n": "1000 g 1 m 1 s -2", "j": "1000 g 1 m 2 s -2", "w": "1000 g 1 m 2 s -3", "pa": "1000 g 1 m -1 s -2",
    "v": "1000 g 1 m 2 s -3 amp -1", "ohm": "1000 g 1 m 2 s -3 amp -2", "f": "1/1000 g -1 m -2 s 4 amp 2",
    "wb": "1000 g 1 m 2 s -2 amp -1", "t": "1000 g 1 s -2 amp -1", "henry": "1000 g 1 m 2 s -2 amp -2",
    "wh": "3600000 g 1 m 2 s -2", "atm": "101325000 g 1 m -1 s -2", "bar": "100000000 g 1 m -1 s -2",
    "erg": "1/10000 g 1 m 2 s -2", "dyn": "1/100 g 1 m 1 s -2",
}  # fmt: skip
FACTORS = {name: (Fraction(factor), {next(iter(row)): 1}) for row in _ROWS for name, factor in row.items()}
for _name, _written in _DERIVED.items():
    _factor, *_powers = _written.split()
    FACTORS[_name] = Fraction(_factor), dict(zip(_powers[::2], map(int, _powers[1::2]), strict=True))
for _name, (_prefix, _unit) in units.PREFIXED.items():
    _power = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12}[_prefix]
    FACTORS.setdefault(_name, (FACTORS[_unit][0] * Fraction(10) ** _power, FACTORS[_unit][1]))


def _total(node: Node) -> tuple[Node, Counter[str]] | None:
    """(value, powers of the first units) of a quantity, perhaps of several units; None where a unit has no row."""
    terms: list[Node] = []
    dimension: Counter[str] | None = None
    for part in node[1] if node[0] == "compound" else [node]:
        measures, others = units.parts(measure(part))
        if not measures or others or not measures.keys() <= FACTORS.keys():
            return None
        factor, powers = Fraction(1), Counter()
        for name, power in measures.items():
            factor *= FACTORS[name][0] ** power
            for base, of_base in FACTORS[name][1].items():
                powers[base] += of_base * power
        powers = Counter({base: power for base, power in powers.items() if power})
        if dimension not in (None, powers):
            return None
        dimension = powers
        terms.append(("*", [without_units(part), ("num", factor)]))
    return (("+", terms), dimension) if dimension else None


def in_letters(node: Node, other: Node) -> Node:
    """5000 m, whose unit is a letter, as a quantity where the other side is one of that kind, 5 km; else as it is."""
    last = node[1][1] if node[0] == "*" and len(node[1]) == 2 and other[0] in ("unit", "compound") else None
    letter, power = (last[1], last[2]) if last and last[0] == "^" and last[2][0] == "num" else (last, None)
    if not letter or letter[0] != "var" or letter[1] not in LETTER_UNITS or variables(node[1][0]):
        return node
    quantity = ("unit", node[1][0], f"{letter[1]}^{power[1]}" if power else letter[1])
    first, second = _total(quantity), _total(other)
    return quantity if first and second and first[1] == second[1] else node


def one_quantity(a: Node, b: Node, fuel: Fuel) -> bool:
    """Whether two values, each with a unit of its own, are one quantity."""
    first, second = _total(a), _total(b)
    if first is None or second is None or first[1] != second[1]:
        return False
    try:
        return identical(first[0], second[0], fuel)
    except Undefined:
        return False
