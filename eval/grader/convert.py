"""One quantity in different units: 2 m and 200 cm, 90 minutes and 1 hour 30 minutes."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from . import units
from .parse import Node
from .points import identical
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
    {"l": "1", "ml": "1/1000"},
    {"dollar": "1", "cent": "1/100"},
)  # fmt: skip
FACTORS = {name: (next(iter(row)), Fraction(factor)) for row in _ROWS for name, factor in row.items()}


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
            factor *= FACTORS[name][1] ** power
            base = FACTORS[name][0]
            factor, base, power = (factor / 1000**power, "m", 3 * power) if base == "l" else (factor, base, power)
            powers[base] += power
        if dimension not in (None, powers):
            return None
        dimension = powers
        terms.append(("*", [without_units(part), ("num", factor)]))
    return (("+", terms), dimension) if dimension else None


def one_quantity(a: Node, b: Node, fuel: Fuel) -> bool:
    """Whether two values, each with a unit of its own, are one quantity."""
    first, second = _total(a), _total(b)
    if first is None or second is None or first[1] != second[1]:
        return False
    try:
        return identical(first[0], second[0], fuel)
    except Undefined:
        return False
