"""Parts and variants of answer trees: names, signs, units, matrix entries."""

from __future__ import annotations

from fractions import Fraction

from .parse import Node
from .text import unit_of
from .value import has, variables


def measure(node: Node) -> str | None:
    """The known measure that an answer is in; degrees and percent are ones."""
    if node[0] == "unit":
        return unit_of(node[2]) or ("percent" if "%" in node[2] else None)
    _, node = signed(node)
    return node[1] if node[0] == "fn" and node[1] in ("deg", "percent") else None


def unqualified(node: Node) -> Node:
    r"""A list without "k \in \mathbb{Z}" at its end."""
    if node[0] != "list":
        return node
    kept = [x for x in node[1] if not (x[0] == "rel" and x[2] == ["in"] and str(x[1][1][1]).startswith("\\mathbb"))]
    return node if not kept or len(kept) == len(node[1]) else kept[0] if len(kept) == 1 else ("list", kept)


def rational(*values: object) -> bool:
    return all(isinstance(value, int | Fraction) for value in values)


def signed(node: Node) -> tuple[int, Node]:
    sign = 1
    while node[0] == "*" and len(node[1]) == 2 and node[1][0] == ("num", Fraction(-1)):
        sign, node = -sign, node[1][1]
    return sign, node


def with_sign(node: Node, sign: int) -> Node:
    """A tree in which every ± has become a sum."""
    if not has(node, "pm"):
        return node
    if node[0] == "pm":
        right: Node = ("*", [("num", Fraction(sign * node[3])), with_sign(node[2], sign)])
        return right if node[1] is None else ("+", [with_sign(node[1], sign), right])
    return tuple(
        [with_sign(x, sign) if isinstance(x, tuple) else x for x in part] if isinstance(part, list)
        else with_sign(part, sign) if isinstance(part, tuple) else part
        for part in node
    )  # fmt: skip


def is_name(node: Node) -> bool:
    r"""Whether a tree is what an equation can define: x, x_1, f(x), AB, \angle ABC, |AB|, AB/CD, (p, q), A : B."""
    kind = node[0]
    if kind in ("var", "call", "text"):
        return True
    if kind == "*":
        first, rest = node[1][0], node[1][1:]
        if first[0] == "^" and first[1][0] == "var" and first[1][1] in ("f", "g", "h") and len(rest) == 1:
            return rest[0][0] in ("var", "num")  # the inverse function f^{-1}(x)
        function = (
            len(rest) == 1 and first[0] == "var" and len(first[1]) == 1 and rest[0][0] in ("num", "seq", "list")
        )
        return function or all(map(is_name, node[1]))
    if kind == "/":
        return is_name(node[1]) and is_name(node[2])
    if kind == "fn":
        return node[1] in ("abs", "deg", "min", "max") and all(map(is_name, node[2]))
    if kind == "seq":
        return all(map(is_name, node[3]))
    return kind in ("ratio", "list", "set") and bool(node[1]) and all(map(is_name, node[1]))


def head(node: Node) -> Node:
    """A name for comparing: the function of f(x), whatever its argument is called."""
    if node[0] == "call":
        return ("var", node[1])
    if node[0] == "*" and len(node[1]) == 2 and node[1][0][0] == "var":
        return node[1][0]
    return node


def value_of(node: Node) -> Node | None:
    """What `name = value` or `name = working = value` gives its name; None where the relation is an equation."""
    sides, operators = node[1], node[2]
    if not set(operators) <= {"=", "~", ":"}:
        return None
    if not is_name(sides[0]):
        constant = operators == ["="] and is_name(sides[1]) and not variables(sides[0])
        return sides[0] if constant else None  # 5 = x
    exact = operators.index("~") if "~" in operators else len(operators)
    return sides[exact] if exact > 0 else sides[1]


def values_of(node: Node, gold: bool) -> list[Node]:
    """The values that a relation can stand for where the other side is a value."""
    sides, operators = node[1], node[2]
    if operators == ["in"] and is_name(sides[0]):
        return [sides[1]]
    value = value_of(node)
    if value is not None:
        return [value, *(sides[-1:] if gold and "~" in operators else [])]
    if set(operators) <= {"=", "~"} and not variables(node):
        exact = operators.index("~") if "~" in operators else len(operators)
        return [sides[exact], *(sides[-1:] if gold and "~" in operators else [])]
    return []


def matrix(node: Node) -> list[list[Node]] | None:
    """The entries of a matrix expression (matrices, sums, multiples), or None."""
    if node[0] == "matrix":
        rows = node[1]
        return rows if rows and len({len(row) for row in rows}) == 1 else None
    if node[0] == "/":
        rows = matrix(node[1])
        return rows and [[("/", entry, node[2]) for entry in row] for row in rows]
    if node[0] == "*" and sum(has(factor, "matrix") for factor in node[1]) == 1:
        scalars = [factor for factor in node[1] if not has(factor, "matrix")]
        rows = matrix(next(factor for factor in node[1] if has(factor, "matrix")))
        return rows and [[("*", [*scalars, entry]) for entry in row] for row in rows]
    if node[0] == "+":
        terms = [matrix(term) for term in node[1]]
        if any(not term or [len(row) for row in term] != [len(row) for row in terms[0] or []] for term in terms):
            return None
        pairs = [zip(*rows, strict=True) for rows in zip(*(term or [] for term in terms), strict=True)]
        return [[("+", list(entries)) for entries in row] for row in pairs]
    return None
