"""Vectors, matrices and lines in vector form."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .parse import Node
from .points import variables
from .trees import rational, signed
from .value import Evaluator, Fuel, Undecided, Undefined

DIRECTIONS: tuple[Node, ...] = (("const", "i"), ("var", "j"), ("var", "k"))
LINE_LETTERS = frozenset(("t", "s", "r", "u", "v", "\\lambda", "\\mu", "\\alpha", "\\beta"))


def components(node: Node, size: int) -> list[Node] | None:
    """The parts of a vector written as 3i - 2j; None where a sum is no such, or of another size."""
    found: dict[Node, Node] = {}
    for term in node[1] if node[0] == "+" else [node]:
        sign, term = signed(term)
        factors = term[1] if term[0] == "*" else [term]
        directions = [factor for factor in factors if factor in DIRECTIONS]
        if len(directions) != 1 or directions[0] in found:
            return None
        rest = [factor for factor in factors if factor not in DIRECTIONS]
        found[directions[0]] = ("*", [("num", Fraction(sign)), *rest])
    if not found.keys() & set(DIRECTIONS[1:]) or found.keys() - set(DIRECTIONS[:size]):
        return None
    return [found.get(direction, ("num", Fraction(0))) for direction in DIRECTIONS[:size]]


def is_matrix(node: Node) -> bool:
    """Whether a tree is made with matrices, and is no determinant."""
    if node[0] in ("*", "+"):
        return any(map(is_matrix, node[1]))
    return node[0] == "matrix" or (node[0] == "/" and is_matrix(node[1]))


def matrix(node: Node) -> list[list[Node]] | None:
    """The entries of a matrix expression (matrices, sums, multiples), or None."""
    if node[0] == "matrix":
        rows = node[1]
        return rows if rows and len({len(row) for row in rows}) == 1 else None
    if node[0] == "/":
        rows = matrix(node[1])
        return rows and [[("/", entry, node[2]) for entry in row] for row in rows]
    if node[0] == "*" and sum(map(is_matrix, node[1])) == 1:
        scalars = [factor for factor in node[1] if not is_matrix(factor)]
        rows = matrix(next(factor for factor in node[1] if is_matrix(factor)))
        return rows and [[("*", [*scalars, entry]) for entry in row] for row in rows]
    if node[0] == "+":
        terms = [matrix(term) for term in node[1]]
        if any(not term or [len(row) for row in term] != [len(row) for row in terms[0] or []] for term in terms):
            return None
        pairs = [zip(*rows, strict=True) for rows in zip(*(term or [] for term in terms), strict=True)]
        return [[("+", list(entries)) for entries in row] for row in pairs]
    return None


def vector(node: Node) -> list[Node] | None:
    """The entries of sums and multiples of rows, columns and points; None for other trees."""
    if node[0] == "seq":
        return node[3] if node[1:3] == ("(", ")") else None
    if node[0] == "*":
        found = [(factor, entries) for factor in node[1] if (entries := vector(factor))]
        if len(found) != 1:
            return None
        rest = [factor for factor in node[1] if factor is not found[0][0]]
        return [("*", [*rest, entry]) for entry in found[0][1]]
    if node[0] == "+":
        terms = [vector(term) for term in node[1]]
        if not all(terms) or len({len(term or []) for term in terms}) != 1:
            return None
        return [("+", list(entries)) for entries in zip(*(term or [] for term in terms), strict=True)]
    rows = matrix(node) if node[0] == "matrix" else None
    return [entry for row in rows for entry in row] if rows and 1 in (len(rows), len(rows[0])) else None


def line(node: Node) -> tuple[list[Any], list[Any]] | None:
    """(a point, the direction) of a line written as a vector and t times a vector, all of rational numbers."""
    names = variables(node)
    if node[0] != "+" or len(node[1]) != 2 or len(names) != 1 or not names <= LINE_LETTERS:
        return None
    entries = vector(node)
    (name,) = names
    if not entries:
        return None
    try:
        at = [[Evaluator(Fuel(), bound={name: t}).value(entry) for entry in entries] for t in (0, 1, 5)]
    except (Undefined, Undecided):
        return None
    if not all(rational(*point) for point in at):
        return None
    steps = [second - first for first, second in zip(at[0], at[1], strict=True)]
    straight = all(last - first == 5 * step for first, last, step in zip(at[0], at[2], steps, strict=True))
    return (at[0], steps) if any(steps) and straight else None


def one_line(a: Node, b: Node) -> bool:
    """Whether two lines in vector form are the same points."""
    first, second = line(a), line(b)
    if not first or not second or len(first[0]) != len(second[0]):
        return False
    between = [y - x for x, y in zip(first[0], second[0], strict=True)]
    places = range(len(between))
    return all(
        first[1][i] * other[j] == first[1][j] * other[i]
        for other in (second[1], between)
        for i in places
        for j in places
    )
