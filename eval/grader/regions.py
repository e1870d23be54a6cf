"""Sets of real numbers: intervals, unions, inequalities in one variable, as sorted pieces with exact ends."""

from __future__ import annotations

from fractions import Fraction
from functools import cmp_to_key
from typing import NamedTuple

from .parse import Node
from .points import has, variables
from .trees import with_sign
from .value import Evaluator, Fuel, Undefined, Value, context, number, same

FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}
INFINITY = float("inf")


class Piece(NamedTuple):
    """An interval; ends at infinity are floats and open."""

    low: Value
    low_closed: bool
    high: Value
    high_closed: bool


EVERYTHING = [Piece(-INFINITY, False, INFINITY, False)]

_POSITIVE = [Piece(0, False, INFINITY, False)], ("^+", "_+", "_>0")
_NOT_NEGATIVE = [Piece(0, True, INFINITY, False)], ("_\\ge0", "_>=0", "_\\geq0", "_\\geqslant0")
_NEGATIVE = [Piece(-INFINITY, False, 0, False)], ("^-", "_-", "_<0")
HALVES = {"\\mathbbR": EVERYTHING} | {
    "\\mathbbR" + mark: piece for piece, marks in (_POSITIVE, _NOT_NEGATIVE, _NEGATIVE) for mark in marks
}


def _order(first: Value, second: Value) -> int:
    if isinstance(first, float) or isinstance(second, float):
        if first == second:
            return 0
        return -1 if first == -INFINITY or second == INFINITY else 1
    return 0 if same(first, second) else -1 if number(first) < number(second) else 1


def _end(node: Node, fuel: Fuel) -> Value:
    """The value of an interval's end. Raises Undefined where it is not a real number or infinity."""
    if has(node, "inf"):
        sign = 1
        while node[0] == "*" and node[1][0][0] == "num":
            sign, node = (sign if node[1][0][1] > 0 else -sign), node[1][1]
        if node != ("const", "inf"):
            raise Undefined("arithmetic with infinity")
        return sign * INFINITY
    if variables(node):
        raise Undefined("an end that is not a number")
    value = Evaluator(fuel).value(node)
    if isinstance(value, context().mpc):
        raise Undefined("an end that is not real")
    return value


def merged(pieces: list[Piece]) -> list[Piece]:
    """The same set as pieces that neither overlap nor touch, in order; empty ones dropped."""
    pieces = [p for p in pieces if (o := _order(p.low, p.high)) < 0 or (o == 0 and p.low_closed and p.high_closed)]
    pieces.sort(key=cmp_to_key(lambda a, b: _order(a.low, b.low) or b.low_closed - a.low_closed))
    out: list[Piece] = []
    for piece in pieces:
        if out:
            last = out[-1]
            gap = _order(last.high, piece.low)
            if gap > 0 or (gap == 0 and (last.high_closed or piece.low_closed)):
                longer = _order(last.high, piece.high) or last.high_closed - piece.high_closed
                if longer < 0:
                    out[-1] = Piece(last.low, last.low_closed, piece.high, piece.high_closed)
                continue
        out.append(piece)
    return out


def complement(pieces: list[Piece]) -> list[Piece]:
    """The real numbers outside of merged pieces."""
    out, low, closed = [], -INFINITY, False
    for piece in pieces:
        out.append(Piece(low, closed, piece.low, not piece.low_closed))
        low, closed = piece.high, not piece.high_closed
    out.append(Piece(low, closed, INFINITY, False))
    return merged([Piece(*piece) for piece in out if not (piece.low == INFINITY or piece.high == -INFINITY)])


def intersection(first: list[Piece], second: list[Piece]) -> list[Piece]:
    """The numbers in both."""
    return complement(merged(complement(first) + complement(second)))


def equal_regions(first: list[Piece], second: list[Piece]) -> bool:
    """Whether merged pieces are the same set."""
    return len(first) == len(second) and all(
        _order(a.low, b.low) == 0
        and _order(a.high, b.high) == 0
        and (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)
        for a, b in zip(first, second, strict=True)
    )


def looks_like_region(node: Node) -> bool:
    """Whether a tree can only be meant as a set of numbers: a union, an inequality, a bracket, an infinite end."""
    if node[0] == "list" and excluded(node):
        return True
    if node[0] == "list":
        return all(map(looks_like_region, node[1]))
    if node[0] == "seq":
        return len(node[3]) == 2 and (node[1] == "[" or node[2] == "]" or has(node[3], "inf"))
    return (
        node[0] in ("op", "that")
        or (node[0] == "var" and node[1] in HALVES)
        or (node[0] == "rel" and any(operator in ("<", ">", "<=", ">=", "!=", "in", "notin") for operator in node[2]))
    )


def excluded(node: Node) -> list[tuple[Node, tuple[Node, str, Node]]]:
    """The points that "x != 1, 2" takes away, as relations; empty where a list is no such."""
    first, rest = node[1][0], node[1][1:]
    if (
        first[0] != "rel"
        or first[2] != ["!="]
        or not rest
        or any(item[0] not in ("num", "*", "/", "+", "fn", "pm") for item in rest)
    ):
        return []
    name = first[1][0]
    return [(point, (name, "!=", point)) for point in (first[1][1], *rest)]


def region(node: Node, fuel: Fuel) -> list[Piece]:
    """The set of real numbers a tree stands for. Raises Undefined where it is none."""
    kind = node[0]
    if kind == "var" and node[1] in HALVES:
        return HALVES[node[1]]
    if kind == "seq" and len(node[3]) == 2:
        low, high = _end(node[3][0], fuel), _end(node[3][1], fuel)
        closed = node[1] == "[", node[2] == "]"
        order = _order(low, high)
        if (closed[0] and isinstance(low, float)) or (closed[1] and isinstance(high, float)):
            raise Undefined("infinity in an interval")
        if order > 0 or (order == 0 and closed != (True, True)):
            raise Undefined("no interval: its ends are the wrong way round")
        return merged([Piece(low, closed[0], high, closed[1])])
    if kind == "set":
        items = [with_sign(item, sign) for item in node[1] for sign in (1, -1)[: 1 + has(item, "pm")]]
        return merged([Piece(end := _end(item, fuel), True, end, True) for item in items])
    if kind == "op":
        other: Node = ("set", [node[3]]) if node[3][0] in ("num", "*", "/", "+") else node[3]
        first, second = region(node[2], fuel), region(other, fuel)
        if node[1] == "cup":
            return merged(first + second)
        return intersection(first, second if node[1] == "cap" else complement(second))
    if kind == "list" and node[1] and excluded(node):
        return complement(merged([p for _, point in excluded(node) for p in complement(_half_line(*point, fuel))]))
    if kind == "list" and node[1]:
        joint = "".join(node[2:])
        pieces = [region(item, fuel) for item in node[1]]
        both = EVERYTHING
        for part in pieces:
            both = intersection(both, part)
        relations = all(item[0] == "rel" for item in node[1])
        members = any(item[0] == "rel" and item[2][0] in ("in", "notin") for item in node[1])
        if (joint == "and" and relations) or (not joint and relations and (both or members)):
            return both
        return merged([piece for part in pieces for piece in part])
    if kind == "that" and variables(node[1]) - {"\\mathbbR"} != variables(node[2]) - {"\\mathbbR"}:
        raise Undefined("a condition on another letter")
    if kind == "that" and node[1][0] == "var":
        return region(node[2], fuel)
    if kind == "that" and node[1][0] == "rel" and node[1][2] == ["in"]:  # {x in R | x > 2}
        return intersection(region(node[1], fuel), region(node[2], fuel))
    if kind == "rel":
        sides, operators = node[1], node[2]
        if sides[0][0] != "var" and operators[0] in ("in", "notin"):
            raise Undefined("not a letter in a set")
        if operators == ["in"]:
            return region(sides[1], fuel)
        if operators == ["notin"]:
            return complement(region(sides[1], fuel))
        result = EVERYTHING
        if len(sides) == 2 and sides[1][0] == "list" and operators == ["!="]:  # x != 1, 2
            for part in sides[1][1]:
                result = intersection(result, _half_line(sides[0], "!=", part, fuel))
            return result
        for left, operator, right in zip(sides, operators, sides[1:], strict=False):
            result = intersection(result, _half_line(left, operator, right, fuel))
        return result
    raise Undefined("not a set of numbers")


def _half_line(left: Node, operator: str, right: Node, fuel: Fuel) -> list[Piece]:
    """Where a relation that is linear in its only variable holds."""
    names = variables(left) | variables(right)
    if left[0] != "fn" and right[0] == "fn" and operator in FLIPPED:
        left, operator, right = right, FLIPPED[operator], left
    if left[:2] == ("fn", "abs") and not variables(right) and operator in ("<", "<=", ">", ">="):
        above = _half_line(left[2][0], operator, right, fuel)
        below = _half_line(left[2][0], FLIPPED[operator], ("*", [("num", Fraction(-1)), right]), fuel)
        return intersection(above, below) if operator[0] == "<" else merged(above + below)
    if operator == "!=" and has(right, "pm"):
        return intersection(*(_half_line(left, operator, with_sign(right, sign), fuel) for sign in (1, -1)))
    if operator not in FLIPPED or len(names) != 1:
        raise Undefined("not an inequality in one variable")
    if has(left, "inf") or has(right, "inf"):
        below, above = (right, left) if operator[0] == ">" else (left, right)
        if (below[0] == "var" and above == ("const", "inf")) or (
            above[0] == "var" and _end(below, fuel) == -INFINITY
        ):
            return EVERYTHING  # -\infty < x
        raise Undefined("arithmetic with infinity")
    (name,) = names
    at = {}
    for x in (0, 1, -7, Fraction(101, 3)):
        evaluator = Evaluator(fuel, bound={name: x})
        difference = evaluator.value(left), evaluator.value(right)
        at[x] = (
            number(difference[0]) - number(difference[1])
            if not _exact(*difference)
            else difference[0] - difference[1]
        )
    if any(isinstance(value, context().mpc) for value in at.values()):
        raise Undefined("not real")
    slope = at[1] - at[0]
    linear = all(same(at[x], at[0] + slope * (x if _exact(at[0], slope) else number(x))) for x in at)
    if not linear or slope == 0:
        raise Undefined("not linear")
    root = Fraction(-at[0]) / slope if _exact(at[0], slope) else -number(at[0]) / slope
    if slope < 0:
        operator = FLIPPED[operator]
    if operator in ("=", "!="):
        point = [Piece(root, True, root, True)]
        return point if operator == "=" else complement(point)
    if operator[0] == "<":
        return [Piece(-INFINITY, False, root, operator == "<=")]
    return [Piece(root, operator == ">=", INFINITY, False)]


def _exact(*values: Value) -> bool:
    return all(isinstance(value, int | Fraction) for value in values)
