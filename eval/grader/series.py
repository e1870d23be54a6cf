"""Values of sums, products and integrals: finite ones term by term, others to 20 digits, which only a worker does."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .parse import Node

if TYPE_CHECKING:
    from .value import Evaluator

MOST_TERMS = 2_000
ACCURACY = 20  # digits of an integral or an infinite sum that must be sure


def value(evaluator: Evaluator, node: Node) -> Any:
    """Raises Undefined where an end is missing, Slow where it takes a worker, Undecided where it takes too long."""
    from .points import variables
    from .value import Slow, Undecided, Undefined, added, alike, context, number

    _, kind, name, low, high, body = node
    if low is None or high is None:
        raise Undefined("an integral without its ends")
    if any("_" in letter and name in letter.partition("_")[2] for letter in variables(body)):
        raise Undefined("terms that are not known")
    mp = context()
    ends = [_end(evaluator, end) for end in (low, high)]
    outer = evaluator.bound.get(name)

    def at(x: Any) -> Any:
        evaluator.bound[name] = x
        try:
            return evaluator.value(body)
        finally:
            del evaluator.bound[name]
            if outer is not None:
                evaluator.bound[name] = outer

    if kind == "int" or not all(isinstance(end, int) for end in ends):
        if kind != "int" and not (isinstance(ends[0], int) and mp.isinf(ends[1])):
            raise Undefined("a sum between ends that are not whole")
        if not evaluator.slow:
            raise Slow("an integral or an infinite sum")
        if kind == "int":
            evaluator.integrating = True
            with mp.workdps(2 * ACCURACY):
                result, error = mp.quad(lambda x: number(at(x)), [number(end) for end in ends], error=True)
        else:
            method = mp.nsum if kind == "sum" else mp.nprod
            result = method(lambda k: number(at(int(k))), [ends[0], mp.inf])
            error = 0
        if not mp.isfinite(result) or error > abs(result) * mp.mpf(10) ** -ACCURACY + mp.mpf(10) ** -ACCURACY:
            raise Undecided("no sure value")
        return result
    if ends[1] - ends[0] > MOST_TERMS:
        raise Undecided("too many terms")
    total: Any = 0 if kind == "sum" else 1
    for k in range(ends[0], ends[1] + 1):
        a, b = alike(total, at(k))
        total = added(a, b) if kind == "sum" else a * b
        if isinstance(total, int | Fraction) and total.numerator.bit_length() > 60_000:
            total = number(total)
    return total


def _end(evaluator: Evaluator, node: Node) -> Any:
    from .value import context

    if node == ("const", "inf"):
        return context().inf
    if node[0] == "*" and len(node[1]) == 2 and node[1][0][0] == "num" and node[1][1] == ("const", "inf"):
        return context().inf * (1 if node[1][0][1] > 0 else -1)
    return evaluator.value(node)
