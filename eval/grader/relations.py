"""Whether two relations are the same: definitions, equations up to a factor, statements."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from . import conditions
from .parse import Node
from .points import CORNERS, POINTS, both_signs, has, negatives, variables
from .regions import FLIPPED
from .trees import corner, denominators, function_of, is_product, rational, value_of, values_of
from .value import FAR, Evaluator, Fuel, Undecided, Undefined, context, number, same

# What an operator is, read from the right; A in B is not B in A.
TURNED = FLIPPED | {operator: operator for operator in ("par", "perp", "sim", "~")}


def leading(chain: Node) -> set[str]:
    """The names of one kind that a chain says to be equal: x, y, z in x = y = z = 1; AB, BC."""
    names = [side[1] for side in chain[1] if side[0] == "var"]
    return {name for name in names if len(name) == len(names[0])}


def is_given(divisor: Node) -> bool:
    """Whether a divisor of a curve's equation is made of given lengths, as a and b in x/a + y/b = 1."""
    if divisor[0] in ("*", "^"):
        return all(map(is_given, divisor[1] if divisor[0] == "*" else divisor[1:2]))
    return (divisor[0] == "num" and divisor[1] != 0) or (divisor[0] == "var" and divisor[1] not in ("x", "y", "z"))


class Relations:
    """The rules for relations; the others are in `by_tree.py`."""

    fuel: Fuel

    def same(self, a: Node, b: Node, depth: int = 0) -> bool:
        """Whether two trees are the same answer."""
        raise NotImplementedError

    def matched(self, first: list[Node], second: list[Node], depth: int) -> bool:
        """Whether two collections hold the same items in any order."""
        raise NotImplementedError

    def ordered(self, first: list[Node], second: list[Node], depth: int) -> bool:
        """Whether two sequences are the same, item by item."""
        raise NotImplementedError

    def relations(self, a: Node, b: Node, depth: int) -> bool:
        if a[0] == "rel" and b[0] == "rel":
            value_a, value_b = value_of(a), value_of(b)
            chains = [self.equals(relation) for relation in (a, b)]
            if all(chains) and len(chains[0]) == len(chains[1]) > 2 and self.matched(a[1], b[1], depth):
                return True  # a = b = c
            if chains[0] and chains[1] and len(a[1]) > 2 and leading(a) != leading(b):
                return False  # x = y = z = 1, x = y = 1
            if value_a is not None and value_b is not None:
                return self.definitions(a, b, value_a, value_b, depth)
            if a[2] == ["="] and not variables([a, b]) and not has([a, b], "call"):  # statements on numbers
                return a[2] == b[2] and all(x == y for x, y in zip(a[1], b[1], strict=True))
            for residue, other in ((a, b), (b, a)):
                if residue[2] == ["mod"] and other[2] == ["="] and len(other[1]) == len(residue[1]) == 2:
                    return residue[1][0] == other[1][0] and self.progression(residue[1][1], other[1][1])
            if self.proportional(a, b) or self.cleared(a, b) or self.cleared(b, a) or self.chained(a, b):
                return True
            if a[2] == b[2] and self.ordered(a[1], b[1], depth):
                return True
            turned = [TURNED.get(operator) for operator in reversed(b[2])]
            return a[2] == turned and self.ordered(a[1], b[1][::-1], depth)
        relation, other = (a, b) if a[0] == "rel" else (b, a)
        if relation[2] == ["mod"] and len(relation[1]) == 2:  # the residue that is asked for, or 3k + 1
            if not variables(relation) & variables(other) and self.progression(relation[1][1], other):
                return True
            return self.same(*((relation[1][1], b) if relation is a else (a, relation[1][1])), depth + 1)
        if relation[2] == ["in"] and relation[1][1][0] == "seq" and other[0] == "list":
            return False  # the interval (2, 5) is not 2 and 5
        return any(
            self.same(*((value, other) if relation is a else (other, value)), depth + 1)
            for value in values_of(relation, gold=relation is a)
        )

    @staticmethod
    def equals(relation: Node) -> list[Node]:
        """The sides of a relation of equality signs; none of another."""
        return relation[1] if set(relation[2]) == {"="} else []

    def progression(self, residue: Node, value: Node) -> bool:
        """Whether 4k + 1 runs through the numbers that are 1 modulo 4."""
        (name,) = names if len(names := variables(value)) == 1 else ("",)
        if residue[0] != "mod" or name not in conditions.PARAMETERS:
            return False
        try:
            start, first, later = (Evaluator(self.fuel, bound={name: k}).value(value) for k in (0, 1, 7))
            rest, modulus = (Evaluator(self.fuel).value(part) for part in residue[1:])
        except Undefined:
            return False
        numbers = (start, first, later, rest, modulus)
        step = first - start if all(isinstance(x, int) for x in numbers) and not variables(residue) else 0
        return bool(step) and later - start == 7 * step and abs(step) == abs(modulus) and (start - rest) % step == 0

    def residues(self, a: Node, b: Node, depth: int) -> bool:
        """7 (mod 5) is 2 (mod 5); the modulus may be missing on one side, and then the residue is as written."""
        if a[0] != b[0]:
            return self.same(a[1] if a[0] == "mod" else a, b[1] if b[0] == "mod" else b, depth + 1)
        if not self.same(a[2], b[2], depth + 1):
            return False
        try:
            values = [Evaluator(self.fuel).value(part) for part in (a[1], b[1], a[2])]
        except Undefined:
            return self.same(a[1], b[1], depth + 1)
        if not variables([a, b]) and all(isinstance(value, int) for value in values) and values[2]:
            return (values[0] - values[1]) % values[2] == 0
        return self.same(a[1], b[1], depth + 1)

    def definitions(self, a: Node, b: Node, value_a: Node, value_b: Node, depth: int) -> bool:
        """Whether two names with their values are the same; arguments may be called otherwise, if bound."""
        function_a, function_b = function_of(a[1][0]), function_of(b[1][0])
        if function_a and function_b:
            (name_a, letters_a), (name_b, letters_b) = function_a, function_b
            polynomials = {name_a.casefold(), name_b.casefold()} in ({"p"}, {"q"})  # P(x), p(x)
            if (name_a != name_b and not polynomials) or len(letters_a) != len(letters_b) or is_product(a, value_a):
                return self.proportional(a, b)  # ab = cd
            change = dict(zip(letters_b, letters_a, strict=True))
            free = variables(value_b) - set(letters_b)
            return not free & set(letters_a) and self.same(value_a, conditions.substitute(value_b, change), depth + 1)
        for function, other in ((function_a, b), (function_b, a)):  # y = 2x defines the function f(x) = 2x
            named = function and other[1][0] == ("var", function[0])
            constant = named and not variables([value_a, value_b])  # f = 0
            in_time = (
                named and function and function[1] == ["t"] and "t" in variables(value_a) & variables(value_b)
            )  # x(t), x
            if constant or in_time or (function and other[1][0] == ("var", "y") and len(function[1]) == 1):
                return self.same(value_a, value_b, depth + 1)
        name, other = (
            corner(r[1][0] if value is not r[1][0] else r[1][1]) for r, value in ((a, value_a), (b, value_b))
        )
        if name == other or self.quietly(lambda: self.named_alike(name, other, depth)):
            return self.same(value_a, value_b, depth + 1)
        return self.proportional(a, b)

    def named_alike(self, a: Node, b: Node, depth: int) -> bool:
        return variables(a) == variables(b) and a[0] == b[0] and self.same(a, b, depth + 1)

    @staticmethod
    def quietly(test: Callable[[], bool]) -> bool:
        try:
            return test()
        except Undefined:
            return False

    def chained(self, a: Node, b: Node) -> bool:
        """Whether two chains of equations, such as those of a line in space, are equal link by link."""
        if len(a[1]) != len(b[1]) or len(a[1]) < 3 or set(a[2] + b[2]) != {"="}:
            return False
        links = ([("rel", list(pair), ["="]) for pair in pairwise(chain[1])] for chain in (a, b))
        return all(self.proportional(x, y) for x, y in zip(*links, strict=True))

    def cleared(self, a: Node, b: Node) -> bool:
        """Whether b is a times its denominators, none of which is 0 where b holds: y = 1/x and xy = 1."""
        below = denominators(a) if a[2] == b[2] == ["="] else []
        if not below or denominators(b):
            return False
        difference: Node = ("+", [a[1][0], ("*", [("num", Fraction(-1)), a[1][1]])])
        if not self.proportional(("rel", [("*", [difference, *below]), ("num", Fraction(0))], ["="]), b):
            return False
        solved = value_of(a) is not None or value_of(b) is not None
        return all((not solved and is_given(divisor)) or self.nowhere(b, divisor) for divisor in below)

    def nowhere(self, equation: Node, divisor: Node) -> bool:
        """Whether an equation holds nowhere that a divisor, linear in its one variable, is 0."""
        if len(variables(divisor)) != 1:
            return False
        (name,) = variables(divisor)
        try:
            at = [Evaluator(self.fuel, bound={name: x}).value(divisor) for x in (0, 1, 5)]
            if not rational(*at) or at[1] == at[0] or at[2] - at[0] != 5 * (at[1] - at[0]):
                return False
            root = Fraction(-at[0]) / (at[1] - at[0])
            values = []
            for point in range(POINTS):
                evaluator = Evaluator(self.fuel, point, bound={name: root})
                left, right = (evaluator.value(side) for side in equation[1])
                values.append(number(left) - number(right))
        except Undefined:
            return False
        return values[0] != 0 and all(same(value, values[0]) for value in values)

    def proportional(self, a: Node, b: Node) -> bool:
        """Whether two relations of two sides differ by a factor: 2x + 4y = 3 and y = 3/4 - x/2."""
        if len(a[2]) != 1 or len(b[2]) != 1 or a[2][0] not in FLIPPED or b[2][0] not in FLIPPED:
            return False
        factor = None
        letters, corners = variables([a, b]), has([a, b], *CORNERS)
        for point, negative in enumerate(both_signs(letters) if corners else [False] * POINTS + [True]):
            below = negatives(sorted(letters), point) if negative and corners else negative
            evaluator = Evaluator(self.fuel, point, negative=below)
            try:
                minus: Node = ("num", Fraction(-1))
                values = [evaluator.value(("+", [r[1][0], ("*", [minus, r[1][1]])])) for r in (a, b)]
                if corners and values[0] == values[1] == 0:
                    continue
                if values[0] == 0 or values[1] == 0:
                    return False
                ratio = (
                    Fraction(values[0]) / values[1] if rational(*values) else number(values[0]) / number(values[1])
                )
            except (Undefined, TypeError):
                return False
            except Undecided:
                if point in FAR and corners and self.fuel.left >= 0:
                    continue  # too large a number
                raise
            if factor is not None and not same(ratio, factor):
                return False
            factor = ratio
        if factor is None or not variables(a[1]):
            return False
        operator = b[2][0]
        if operator in ("=", "!="):
            return a[2][0] == operator
        if isinstance(factor, context().mpc):
            return False
        return a[2][0] == (FLIPPED[operator] if factor < 0 else operator)
