"""Whether two expressions agree at points drawn at random (Schwartz 1980, Zippel 1979)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .digits import large, same_closely
from .parse import Node
from .value import DIGITS, FAR, TINY, TRIGONOMETRIC, Evaluator, Fuel, Undecided, Undefined, Value, context, same

POINTS = 3
CORNERS = ("floor", "ceil", "abs", "max", "min", "gcd", "lcm")
COUNTS = frozenset("nkmij")  # letters that stand for whole numbers in a function with steps


def has(node: Any, *wanted: str) -> bool:
    """Whether a tree holds a node of one of these kinds, or a function or constant of one of these names."""
    if isinstance(node, list):
        return any(has(part, *wanted) for part in node)
    if not isinstance(node, tuple):
        return False
    if node[0] in wanted or (node[0] in ("fn", "const") and node[1] in wanted):
        return True
    return any(has(part, *wanted) for part in node[1:])


def variables(node: Any) -> frozenset[str]:
    """Names of the variables of a tree."""
    if isinstance(node, list):
        return frozenset().union(*map(variables, node))
    if not isinstance(node, tuple):
        return frozenset()
    return frozenset((node[1],)) if node[0] == "var" else frozenset().union(*map(variables, node[1:]))


def whole_names(node: Any) -> frozenset[str]:
    """Variables that stand for whole numbers: at the ends of sums, in gcd and lcm, counts in functions with steps."""
    if isinstance(node, list):
        return frozenset().union(*map(whole_names, node))
    if not isinstance(node, tuple):
        return frozenset()
    found = frozenset().union(*map(whole_names, node[1:]))
    if node[0] == "big" and node[1] != "int":
        return found | variables(node[3]) | variables(node[4])
    if node[0] == "fn" and node[1] in ("gcd", "lcm", "factorial2"):
        return found | variables(node[2])
    return found | (variables(node[2]) & COUNTS) if node[0] == "fn" and node[1] in ("floor", "ceil") else found


def exponents(node: Any) -> frozenset[str]:
    """Letters in exponents of negative numbers, such as the n of (-1)^n."""
    if isinstance(node, list):
        return frozenset().union(*map(exponents, node))
    if not isinstance(node, tuple):
        return frozenset()
    if node[0] == "^" and not variables(node[1]) and node[1][0] == "*":
        return variables(node[2])
    return frozenset().union(*map(exponents, node[1:]))


def rooted(node: Any) -> bool:
    """Whether a tree holds an even root of what may be a square of a difference: \\sqrt{(x - 1)^2}."""
    if isinstance(node, list):
        return any(map(rooted, node))
    if not isinstance(node, tuple):
        return False
    if node[0] == "fn" and node[1] == "root":
        degree, inside = node[2][1], node[2][0]
    elif node[0] == "^" and node[2][0] == "/":
        degree, inside = node[2][2], node[1]
    elif node[0] == "^" and node[2][0] == "num" and node[2][1].denominator > 1:
        degree, inside = ("num", node[2][1].denominator), node[1]
    else:
        return any(map(rooted, node[1:]))
    even = degree[0] != "num" or degree[1] % 2 == 0
    square = has(inside, "^") and has(inside, "+") and not has(inside, *TRIGONOMETRIC) and bool(variables(inside))
    return (even and square) or rooted(inside)


def identical(first: Node, second: Node, fuel: Fuel, **modes: Any) -> bool:
    """Whether two expressions agree wherever both are defined; Undefined is raised where that is nowhere."""
    free = variables(first) | variables(second)
    sums = has(first, "big") or has(second, "big")
    whole = [frozenset(), whole_names([first, second]) if free else frozenset()]
    signs = [False] * (POINTS if free or has(first, "call") or has(second, "call") else 1)
    above = exponents([first, second]) if free else frozenset()
    if free and (whole[1] or above or has(first, *CORNERS) or has(second, *CORNERS)):
        signs = both_signs(free)
        sure = whole[1] | (above & COUNTS)  # (-1)^n has a value for whole n alone
        whole = [sure, sure if sums else free]
    real = len(signs) == POINTS and not has([first, second], "i") and (rooted(first) or rooted(second))
    if real:
        signs = [False] * (4 * POINTS)
    compared, unreal = 0, []
    for point, negative in enumerate(signs):
        if sums and point in FAR:
            continue  # a sum of too many terms
        below = negative and not whole_names([first, second]) and negatives(sorted(free), point)
        options = {"negative": below, "whole": whole[point % 2], **modes}
        try:
            values = [value_at(node, fuel, point, options) for node in (first, second)]
        except Undecided:
            if fuel.left >= 0 and free and point in FAR:
                continue  # too large a number
            if fuel.left < 0 or free or (closely := same_closely(first, second, fuel, options)) is None:
                raise
            return closely
        if point in FAR and None in values:
            continue  # too small a divisor
        if real and all(isinstance(value, context().mpc) for value in values):
            unreal.append(same(*values))  # counts where no point has real roots
            continue
        if values == [None, None] or (
            isinstance(below, frozenset) and any(isinstance(value, context().mpc) for value in values)
        ):
            continue
        if None in values or not same(*values):
            return False
        if not free and not all(isinstance(value, int | Fraction) for value in values) and large([first, second]):
            return same_closely(first, second, fuel, options) is not False
        compared += 1
    if not compared and not unreal:
        raise Undefined("nowhere defined")
    return compared > 0 or all(unreal)


def both_signs(free: frozenset[str]) -> list[bool]:
    """Whether letters are negative, point by point, for functions with corners; `negatives` says which."""
    return [False, False, True, True] * (POINTS * min(2, len(free)))


def negatives(names: list[str], point: int) -> bool | frozenset[str]:
    """Which variables are negative at a point: all at the third of each four, of several some at the fourth."""
    if len(names) < 2 or point % 4 == 2:
        return True
    turn = point // 4  # the halves of the names by place, then by the next bit of it, so that any two are once apart
    return frozenset(name for place, name in enumerate(names) if (place >> turn) & 1)


def value_at(node: Node, fuel: Fuel, point: int, options: dict[str, Any]) -> Value:
    """The value at a point, None where there is none; what rounding left of 0 is 0."""
    try:
        value = Evaluator(fuel, point, **options).value(node)
        if isinstance(value, int | Fraction) or abs(value) > TINY:
            return value
        with context().workdps(3 * DIGITS):
            again = Evaluator(fuel, point, **options).value(node)
            return 0 if abs(again) * context().mpf(10) ** DIGITS < abs(value) else again
    except Undefined:
        return None
