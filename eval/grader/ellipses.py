r"""Sums and products with an ellipsis, 1 + 2 + \cdots + n, as such over a letter; lists with one in full."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any

from . import conditions
from .parse import Node
from .points import COUNTS, identical, variables
from .trees import changed
from .value import Evaluator, Fuel, Undecided, Undefined

DOTS: Node = ("var", "\\dots")
MOST = 60  # items of a list that are written out
TERM = "\\term"  # the letter that counts the terms


def written_out(node: Node, fuel: Fuel) -> Node:
    """A tree whose ellipses are read, where their terms follow a rule that the last or the first of them shows."""
    return changed(node, lambda x: _listed(_read(x, fuel), fuel)) if DOTS[1] in variables(node) else node


def _listed(node: Node, fuel: Fuel) -> Node:
    """A list or set with dots between numbers in even steps and its last item, 1, 3, ..., 99, with all its items
    where those are few, and else with two before the dots; any other as it is."""
    place = len(node[1]) - 2 if node[0] in ("list", "set") else 0
    if place < 2 or node[1][place] != DOTS or node[1].count(DOTS) != 1:
        return node
    numbers = [_number(item, fuel) for item in node[1][:place]]
    if None in numbers:
        return node
    step = numbers[1] - numbers[0]
    if not step or any(later - earlier != step for earlier, later in pairwise(numbers)):
        return node
    last = _number(node[1][-1], fuel)
    if last is not None:
        count = Fraction(last - numbers[0]) / step + 1
        if count.denominator != 1 or count <= place:
            return node
        if count <= MOST:
            return (node[0], [("num", Fraction(numbers[0] + i * step)) for i in range(int(count))], *node[2:])
    return (node[0], [*node[1][:2], *node[1][place:]], *node[2:])


def _number(node: Node, fuel: Fuel) -> Any:
    """The value of an item where that is a rational number; else None."""
    try:
        value = None if variables(node) else Evaluator(fuel).value(node)
    except (Undefined, Undecided):
        return None
    return value if isinstance(value, int | Fraction) else None


def _read(node: Node, fuel: Fuel) -> Node:
    if node[0] not in ("+", "*") or node[1].count(DOTS) != 1:
        return node
    place = node[1].index(DOTS)
    if (value := _numeric(node[0], node[1][:place], node[1][place + 1 :])) is not None:
        return ("num", value)
    for kept, low, high in _ends(node[0], node[1][:place], node[1][place + 1 :]):
        if not low or not high or len(low) + len(high) < 3:
            continue
        for name in sorted(variables(high[-1]) & COUNTS):
            for start in range(4):
                if _follows(high[-1], name, start, low, high, fuel):
                    kind, body = (
                        "sum" if node[0] == "+" else "prod",
                        conditions.replace(high[-1], name, ("var", TERM)),
                    )
                    terms: Node = ("big", kind, TERM, ("num", Fraction(start)), ("var", name), body)
                    return ("*", [*kept, terms]) if kept else terms
    return node


def _numeric(kind: str, before: list[Node], after: list[Node]) -> Fraction | None:
    """The sum, or the product, of whole numbers in even steps, 1 + 2 + ... + 100; None where they are no such. Two
    before the dots tell only a step of 1 or 2: 1 + 4 + ... + 100 may be squares."""
    shown = [item[1] for item in (*before, *after) if item[0] == "num" and item[1].denominator == 1]
    if len(shown) < len(before) + len(after) or len(before) < 2 or not after:
        return None
    first, step, last = shown[0], shown[1] - shown[0], shown[-1]
    if not step or (len(before) == 2 and abs(step) not in (1, 2)):
        return None
    if any(later - earlier != step for earlier, later in pairwise(shown[: len(before)])) or any(
        later - earlier != step for earlier, later in pairwise(shown[len(before) :])
    ):
        return None
    count = (last - first) / step + 1
    if count.denominator != 1 or count <= len(before):
        return None
    if kind == "+":
        return count * (first + last) / 2
    return Fraction(prod(int(first + i * step) for i in range(int(count)))) if count <= 4 * MOST else None


def _ends(kind: str, before: list[Node], after: list[Node]) -> Iterator[tuple[list[Node], list[Node], list[Node]]]:
    """What stands before the terms, and those at the low and at the high end, as they may be meant: 2n after a
    product's dots is one factor, and 2^n before its terms none of them."""
    yield [], before, after
    yield [], after[::-1], before[::-1]
    if kind == "*":
        yield [], before, [("*", after)]
        for high in (after, [("*", after)]):
            yield before[:1], before[1:], high


def _follows(term: Node, name: str, start: int, low: list[Node], high: list[Node], fuel: Fuel) -> bool:
    """Whether the terms at both ends are those of a rule, counted from `start` up to the letter."""
    letter: Node = ("var", name)
    places: list[tuple[Node, Node]] = [(("num", Fraction(start + i)), x) for i, x in enumerate(low)]
    places += [(("+", [letter, ("num", Fraction(-i))]), x) for i, x in enumerate(high[::-1]) if i]
    try:
        return all(identical(conditions.replace(term, name, at), x, fuel) for at, x in places)
    except Undefined:
        return False
