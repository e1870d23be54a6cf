"""The value of an expression tree at a point: exact where it is rational, else to 50 digits; bounded in work.

Two expressions are one where they agree at points drawn at random (Schwartz 1980, Zippel 1979): no rewriting, so
no form of writing is a special case, and no expression can make it run long. Variables stand for positive numbers;
of functions with steps or corners negative and whole ones are tried, too. A letter at an end of a sum is whole.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import mpmath

from . import series
from .parse import Node

DIGITS = 50
BITS = 60_000  # of an exact number; larger ones are kept to DIGITS
HUGE = 400  # binary exponent above which a function's argument is not reduced any more
FAR = {4: Fraction(1, 100), 6: 3_000, 8: 3_000, 10: Fraction(1, 100)}  # points on both sides of a corner
MULTIPLE = 360_360  # of all numbers up to 15
TINY = 1e-30  # below it a value may be what rounding left of 0
Value = Any  # int, Fraction, or a number of the thread's mpmath context

_local = threading.local()


class Undefined(Exception):
    """No value at this point: a division by zero, a logarithm of zero, no expression at all."""


class Undecided(Exception):
    """A value too large to be had, or the work allowed is spent."""


class Slow(Undecided):
    """An infinite sum or an integral, which is for a worker with a deadline."""


class Fuel:
    """Work left for one comparison, in evaluated nodes."""

    def __init__(self, left: int = 20_000) -> None:
        self.left = left

    def burn(self, amount: int = 1) -> None:
        """Spend; raises Undecided where none is left."""
        self.left -= amount
        if self.left < 0:
            raise Undecided("the comparison takes too much work")


def context() -> Any:
    """This thread's own mpmath context: the module's one changes its precision globally."""
    if not hasattr(_local, "mp"):
        _local.mp = mpmath.MPContext()
        _local.mp.dps = DIGITS + 10
    return _local.mp


@lru_cache(maxsize=1024)
def at_point(name: str, point: int, whole: bool = False) -> Fraction | int:
    """The value that stands for a variable at a point."""
    draw = random.Random(f"{name} at {point}")
    if whole:
        return draw.randrange(50, 2_000) if point == 6 else draw.randrange(1, 13) * (MULTIPLE if point == 8 else 1)
    return Fraction(draw.randrange(101, 997), draw.randrange(101, 499)) * FAR.get(point, 1)


def number(value: Value) -> Any:
    """A value as a number of this thread's context."""
    mp = context()
    if isinstance(value, Fraction):
        return mp.mpf(value.numerator) / value.denominator
    return mp.mpf(value) if isinstance(value, int) else value


def same(first: Value, second: Value) -> bool:
    """Exactly equal where both are rational, else equal to 25 digits."""
    if isinstance(first, int | Fraction) and isinstance(second, int | Fraction):
        return first == second
    a, b = number(first), number(second)
    return abs(a - b) <= max(abs(a), abs(b)) * context().mpf(10) ** -25


class Evaluator:
    """Evaluates trees at one point, or with some variables bound.

    `percent`: whether the sign divides by 100; `degrees`: whether the sign converts outside of a trigonometric
    function too; `negative`: the variables that stand for negative numbers, or whether all do; `whole`: those that
    stand for whole ones; `slow`: whether integrals and infinite sums are evaluated.
    """

    def __init__(
        self,
        fuel: Fuel,
        point: int = 0,
        *,
        percent: bool = False,
        degrees: bool = False,
        negative: bool | frozenset[str] = False,
        bound: dict[str, Value] | None = None,
        whole: frozenset[str] = frozenset(),
        slow: bool = False,
    ) -> None:
        self.fuel, self.point, self.percent, self.degrees = fuel, point, percent, degrees
        self.negative, self.bound, self.whole, self.slow = negative, dict(bound or {}), whole, slow
        self.angle, self.integrating = 0, False

    def value(self, node: Node) -> Value:
        """Raises Undefined or Undecided."""
        self.fuel.burn()
        try:
            result = getattr(self, "_" + KINDS[node[0]])(node)
        except KeyError:
            raise Undefined(f"a {node[0]} has no value") from None
        except (ZeroDivisionError, ValueError, OverflowError, TypeError, NotImplementedError) as error:
            raise Undefined(str(error)) from None
        if isinstance(result, Fraction):
            if result.denominator == 1:
                return int(result)
            if result.numerator.bit_length() + result.denominator.bit_length() > BITS:
                return number(result)
        elif isinstance(result, int):
            return result if result.bit_length() <= BITS else number(result)
        elif not context().isfinite(result):
            raise Undefined("not finite")
        return result

    def _number(self, node: Node) -> Value:
        return node[1]

    def _variable(self, node: Node) -> Value:
        if node[1] in self.bound:
            return self.bound[node[1]]
        value = at_point(node[1], self.point, node[1] in self.whole)
        negative = self.negative if isinstance(self.negative, bool) else node[1] in self.negative
        return -value if negative else value

    def _constant(self, node: Node) -> Value:
        mp = context()
        if node[1] == "inf":
            raise Undefined("infinity")
        return {"pi": mp.pi, "e": mp.e}[node[1]] * 1 if node[1] != "i" else mp.mpc(0, 1)

    def _sum(self, node: Node) -> Value:
        return self.fold(node[1], added)

    def _product(self, node: Node) -> Value:
        return self.fold(node[1], lambda a, b: a * b)

    def fold(self, nodes: Iterable[Node], operation: Any) -> Value:
        values = [self.value(node) for node in nodes]
        result = values[0]
        for value in values[1:]:
            result = operation(*alike(result, value))
            if isinstance(result, int | Fraction) and result.numerator.bit_length() > BITS:
                result = number(result)
        return result

    def _quotient(self, node: Node) -> Value:
        top, bottom = self.value(node[1]), self.value(node[2])
        if bottom == 0 or (not isinstance(bottom, int | Fraction) and abs(bottom) < context().mpf(10) ** -45):
            raise Undefined("division by zero")
        if isinstance(top, int | Fraction) and isinstance(bottom, int | Fraction):
            return Fraction(top) / bottom
        return number(top) / number(bottom)

    def _power(self, node: Node) -> Value:
        if node[1] == ("const", "e"):
            return self.function("exp", [self.value(node[2])])
        return self.power(self.value(node[1]), self.value(node[2]))

    def power(self, base: Value, exponent: Value) -> Value:
        """A power; a negative number's root of odd degree is the real one."""
        mp = context()
        if isinstance(exponent, int) and isinstance(base, int | Fraction):
            if base == 0 and exponent <= 0:
                raise Undefined("0 to a power that is not positive")
            bits = max(base.numerator.bit_length(), base.denominator.bit_length() if exponent else 1)
            if abs(base) == 1 or bits * abs(exponent) <= BITS:
                return Fraction(base) ** exponent if abs(base) != 1 else (base if exponent % 2 else 1)
        if isinstance(base, int | Fraction) and isinstance(exponent, Fraction):
            root = exact_root(base, exponent.denominator)
            if root is not None:
                return self.power(root, exponent.numerator)
        a, b = number(base), number(exponent)
        if isinstance(exponent, Fraction) and exponent.denominator % 2 and not isinstance(a, mp.mpc) and a < 0:
            value = self.power(-a, exponent)
            return -value if exponent.numerator % 2 else value
        if a == 0:
            if mp.re(b) <= 0:
                raise Undefined("0 to a power that is not positive")
            return 0
        self.reduced(b, limit=62)
        return a**b

    def reduced(self, *values: Any, limit: int = HUGE) -> None:
        for value in values:
            if value != 0 and context().mag(value) > limit:
                raise Undecided("a number too large for a function's argument")

    def _call(self, node: Node) -> Value:
        """An unknown function: some fixed function of its arguments that no identity relates to others."""
        mp = context()
        total = number(at_point("call of " + node[1], 0))
        for index, argument in enumerate(node[2]):
            value = number(self.value(argument))
            self.reduced(value)
            total = total + mp.sin(value * number(at_point(f"{node[1]} {index}", 0)))
        return total

    def _unit(self, node: Node) -> Value:
        return self.value(node[1])

    def _ratio(self, node: Node) -> Value:
        if len(node[1]) != 2:
            raise Undefined("a ratio of three")
        return self._quotient(("/", *node[1]))

    def _big(self, node: Node) -> Value:
        """A sum, a product or an integral from one end to the other."""
        return series.value(self, node)

    def _function(self, node: Node) -> Value:
        name, arguments = node[1], node[2]
        if name == "det":
            return self.determinant(arguments[0][1])
        if name == "deg":
            value = self.value(arguments[0])
            return number(value) * context().pi / 180 if self.angle or self.degrees else value
        if name == "percent":
            value = self.value(arguments[0])
            return self.fold([("num", Fraction(1, 100)), arguments[0]], lambda a, b: a * b) if self.percent else value
        self.angle += name in TRIGONOMETRIC
        try:
            return self.function(name, [self.value(argument) for argument in arguments])
        finally:
            self.angle -= name in TRIGONOMETRIC

    def function(self, name: str, values: list[Value]) -> Value:
        """A named function of evaluated arguments."""
        mp = context()
        first = values[0]
        rational = isinstance(first, int | Fraction)
        if name == "root":
            degree = values[1]
            return self.power(first, Fraction(1) / degree if isinstance(degree, int) else 1 / number(degree))
        if name == "abs":
            return abs(first)
        if name in ("floor", "ceil"):
            if rational:
                return first.__floor__() if name == "floor" else first.__ceil__()
            self.reduced(first)
            return int(mp.floor(first) if name == "floor" else mp.ceil(first))
        if name in ("gcd", "lcm", "max", "min"):
            if name in ("max", "min"):
                if len(values) == 1:
                    raise Undefined("the greatest or least value of an expression")
                return max(values, key=number) if name == "max" else min(values, key=number)
            return math.gcd(*values) if name == "gcd" else math.lcm(*values)
        if name in ("factorial", "factorial2"):
            if isinstance(first, int) and first < 0:
                raise Undefined("the factorial of a negative number")
            if isinstance(first, int) and first <= 5_000:
                self.fuel.burn(first // 10)
                return math.factorial(first) if name == "factorial" else math.prod(range(first, 0, -2))
            self.reduced(number(first), limit=40)
            return mp.factorial(number(first)) if name == "factorial" else mp.fac2(number(first))
        if name == "binom":
            return self.binomial(first, values[1])
        x = number(first)
        if name == "exp" and self.integrating and mp.re(x) < 0 and mp.mag(x) > 62:
            return mp.mpf(0)  # at the far end of an integral
        if name not in ("log", "ln", "lg"):
            self.reduced(x, limit=62 if name in ("exp", "sinh", "cosh", "tanh", "sech", "csch", "coth") else HUGE)
        else:
            if x == 0:
                raise Undefined("the logarithm of 0")
            base = number(values[1]) if len(values) > 1 else mp.mpf(10) if name == "lg" else None
            return mp.log(x) if base is None else mp.log(x) / mp.log(base)
        if name == "cis":
            return mp.expj(x)
        return getattr(mp, name.replace("arc", "a"))(x)

    def determinant(self, rows: list[list[Node]]) -> Value:
        """By the first row; of at most five rows."""
        if len({len(rows), *map(len, rows)}) != 1 or len(rows) > 5:
            raise Undefined("not a square")
        if len(rows) == 1:
            return self.value(rows[0][0])
        total: Value = 0
        for column, entry in enumerate(rows[0]):
            minor = self.determinant([row[:column] + row[column + 1 :] for row in rows[1:]])
            term = self.product_of(self.value(entry), minor)
            total = added(*alike(total, self.product_of(-1 if column % 2 else 1, term)))
        return total

    @staticmethod
    def product_of(first: Value, second: Value) -> Value:
        first, second = alike(first, second)
        return first * second

    def binomial(self, n: Value, k: Value) -> Value:
        if isinstance(n, int) and isinstance(k, int) and 0 <= n <= 20_000:
            self.fuel.burn(min(k, n - k) // 10 if 0 < k < n else 1)
            return math.comb(n, k) if k >= 0 else 0
        self.reduced(number(n), number(k), limit=30)
        return context().binomial(number(n), number(k))


def alike(first: Value, second: Value) -> tuple[Value, Value]:
    """Two values that can be added or multiplied: a fraction with an inexact number is inexact."""
    if isinstance(first, Fraction) and not isinstance(second, int | Fraction):
        return number(first), second
    if isinstance(second, Fraction) and not isinstance(first, int | Fraction):
        return first, number(second)
    return first, second


def added(a: Value, b: Value) -> Value:
    """A sum. Raises Undecided where an inexact term is so large that the other one is lost."""
    total = a + b
    for term, other in ((a, b), (b, a)):
        if total == other and term != 0 and (isinstance(term, int | Fraction) or abs(term) > TINY):
            raise Undecided("a number too large for the digits that are kept")
    return total


TRIGONOMETRIC = frozenset(("sin", "cos", "tan", "cot", "sec", "csc", "cis"))
KINDS = {
    "num": "number", "var": "variable", "const": "constant", "+": "sum", "*": "product", "/": "quotient",
    "^": "power", "fn": "function", "call": "call", "unit": "unit", "ratio": "ratio", "big": "big", "mod": "unit",
}  # fmt: skip


def exact_root(base: int | Fraction, degree: int) -> Fraction | None:
    """The rational root of a rational number, where there is one."""
    if base < 0:
        root = exact_root(-base, degree) if degree % 2 else None
        return None if root is None else -root
    parts = []
    for part in (base.numerator, base.denominator):
        if part.bit_length() > 2_000 or degree > 200:
            return None
        guess = _integer_root(part, degree)
        if guess**degree != part:
            return None
        parts.append(guess)
    return Fraction(*parts)


def _integer_root(value: int, degree: int) -> int:
    if value < 2:
        return value
    high = 1 << -(-value.bit_length() // degree)
    low = high >> 1
    while low < high:  # the largest integer whose power does not exceed the value
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low
