r"""Whether two large numbers agree to as many digits as their parts have: 2^{100} + 2^{-100} is not 2^{100}."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .parse import Node
from .value import DIGITS, Evaluator, Fuel, Value, context, number

LONGEST = 60_000  # digits of all parts together
EXPONENTIAL = ("exp", "sinh", "cosh", "tanh", "coth", "sech", "csch")


def large(node: Any) -> bool:
    """Whether a tree holds a number so large that a term beside it may be lost: 2^{100}, 50!, e^{90}."""
    if isinstance(node, list):
        return any(map(large, node))
    if not isinstance(node, tuple):
        return False
    if node[0] == "num":
        return max(node[1].numerator.bit_length(), node[1].denominator.bit_length()) > 64
    if node[0] == "^" and holds(node[2], 20):
        return True
    if node[0] == "fn" and node[1] in ("factorial", "binom", *EXPONENTIAL):
        return holds(node[2], 20)
    return any(map(large, node[1:]))


def holds(node: Any, least: int) -> bool:
    """Whether a tree holds a number of that size, or a power."""
    if isinstance(node, list):
        return any(holds(part, least) for part in node)
    if not isinstance(node, tuple):
        return False
    if node[0] == "num":
        return abs(node[1]) >= least
    return node[0] == "^" or any(holds(part, least) for part in node[1:])


class Sized(Evaluator):
    """An evaluator that notes how many digits its values have before or after the point, whatever it loses."""

    digits, nodes = 0, 0

    def value(self, node: Node) -> Value:
        result = super().value(node)
        if isinstance(result, int | Fraction):
            bits = max(result.numerator.bit_length(), result.denominator.bit_length())
        else:
            bits = abs(context().mag(result)) if result else 0
        if node[0] == "fn" and node[1] in EXPONENTIAL:  # 1 - tanh 50
            bits = max(bits, 3 * int(min(abs(number(super().value(node[2][0]))), LONGEST)))
        self.digits, self.nodes = max(self.digits, int(bits * 0.302)), self.nodes + 1
        return result

    def _sum(self, node: Node) -> Value:
        return self.fold(node[1], lambda a, b: a + b)


def same_closely(first: Node, second: Node, fuel: Fuel, options: dict[str, Any]) -> bool | None:
    """Whether two numbers agree to as many digits as their parts have; None where that takes too many."""
    sized = Sized(fuel, **options)
    for node in (first, second):
        sized.value(node)
    if sized.digits * sized.nodes > LONGEST:
        return None
    with context().workdps(4 * sized.digits + 2 * DIGITS):
        a, b = (number(Evaluator(fuel, **options).value(node)) for node in (first, second))
        return bool(abs(a - b) <= max(abs(a), abs(b)) * context().mpf(10) ** -(2 * sized.digits + DIGITS))
