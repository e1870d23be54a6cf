"""Parts and variants of answer trees: names, signs, units, matrix entries."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from math import gcd
from typing import Any

from . import units
from .parse import DENIED, Node
from .points import has, identical, variables
from .value import Evaluator, Fuel, Undecided, Undefined, number, same

VALUES = ("num", "+", "*", "/", "^", "fn")


def measure(node: Node) -> str:
    """The unit of an answer, degrees and percent among them; "" where there is none."""
    if node[0] == "unit":
        return f"{measure(node[1])} {node[2]}".strip()
    while node[0] in ("*", "+"):  # the sign after 2√3 or 1 + √3 stands beside the last number
        node = node[1][-1]
    return node[1] if node[0] == "fn" and node[1] in ("deg", "percent") else ""


def without_units(node: Node) -> Node:
    while node[0] == "unit":
        node = node[1]
    return node


def lettered(node: Node, other: Node) -> Node:
    """2h as two hours, 12m^2 as square meters, where the other side has that unit, and 5 nm as nanometers where it
    has another one; else as it is."""
    symbols = node[1][1:] if node[0] == "*" and other[0] == "unit" and len(node[1]) in (3, 4) else []
    if symbols and all(part[0] == "var" and len(part[1]) == 1 for part in symbols) and not variables(node[1][0]):
        name = "".join(part[1] for part in symbols)
        measures, others = units.parts(name)
        return ("unit", node[1][0], name) if measures and not others else node
    last = node[1][1] if node[0] == "*" and len(node[1]) == 2 else node
    letter, power = (last[1], last[2]) if last[0] == "^" and last[2][0] == "num" else (last, None)
    if other[0] != "unit" or last is node or letter[0] != "var" or len(letter[1]) != 1:
        return node
    name = f"{letter[1]}^{power[1]}" if power else letter[1]
    alike = not variables(node[1][0]) and units.parts(name)[0] == units.parts(other[2])[0]
    return ("unit", node[1][0], name) if alike and units.parts(name)[0] else node


def units_agree(a: Node, b: Node) -> bool:
    """Whether two answers, where both have a unit, can have the same."""
    first, second = measure(a), measure(b)
    return not first or not second or units.agree(first, second)


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
        turn: Node = ("num", Fraction(sign * node[3]))
        right = with_sign(node[2], sign)
        if right[0] == "seq":
            right = (*right[:3], [("*", [turn, part]) for part in right[3]])
        else:
            right = ("*", [turn, right])
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
        return kind != "text" or not DENIED.search(node[1])
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
    if kind == "matrix":
        return all(is_name(entry) for row in node[1] for entry in row)
    if kind == "op":
        return all(map(is_name, node[2:]))  # A \cap B
    return kind in ("ratio", "list", "set") and bool(node[1]) and all(map(is_name, node[1]))


def corner(name: Node) -> Node:
    r"""The corner of an angle named by it alone, \angle A; any other name as it is."""
    angle = name[0] == "*" and len(name[1]) == 2 and name[1][0] in (("var", "\\angle"), ("var", "\\measuredangle"))
    return name[1][1] if angle and name[1][1][0] == "var" and len(name[1][1][1]) == 1 else name


def is_curve(node: Node) -> bool:
    """Whether a tree is a product such as xy, which an equation like xy = 1 does not define."""
    return node[0] == "*" and all(factor[0] == "var" and factor[1] in ("x", "y", "z") for factor in node[1])


def is_asked(node: Node) -> bool:
    """Whether a tree can be what a task asks for: m + n, 10a + b, f(0) + f(1), PA^2 + PB^2, AB^2, |z|^2, sin^2 A.

    With x, y or z in it a sum may be an equation, and x^2 = 5 is one.
    """
    parts = []
    for term in node[1] if node[0] == "+" else [node]:
        if term[0] == "*" and term[1][0][0] == "num" and len(term[1]) == 2:
            term = term[1][1]
        parts.append(term[1] if term[0] == "^" and term[2][0] == "num" else term)
    measured = all((part[0] == "var" and len(part[1]) > 1 and part[1].isupper()) or part[0] == "fn" for part in parts)
    named = all(
        (part[0] == "fn" and all(map(is_name, part[2])))
        or (part[0] == "/" and part[1][0] == "num" and is_name(part[2]))
        or is_name(part)
        for part in parts
    )
    if is_curve(node):
        return True
    if node[0] == "fn" and node[1] in ("abs", "root"):
        return node[2][0][0] == "+" and is_asked(node[2][0])  # |a - b|, \sqrt{a + b}
    if node[0] == "^":
        return measured and named
    return node[0] == "+" and named and len({*map(str, parts)}) > 1 and not variables(node) & {"x", "y", "z"}


def function_of(node: Node) -> tuple[str, list[str]] | None:
    """The name and the arguments of f(x), P(x, y), a_n or f^{-1}(x), where the arguments are distinct letters."""
    if node[0] == "var" and re.fullmatch("[A-Za-z]_[nkmij]", node[1]):
        return node[1][:2], [node[1][2]]  # a_n
    if node[0] == "*" and node[1][0][0] == "^" and is_name(node) and node[1][1][0] == "var":
        name, arguments = f"{node[1][0][1][1]}^{node[1][0][2]}", node[1][1:]
    elif node[0] == "call" and node[1] != "'":
        name, arguments = node[1], node[2]
    elif node[0] == "*" and len(node[1]) == 2 and node[1][0][0] == "var" and node[1][1][0] in ("var", "seq"):
        name, other = node[1][0][1], node[1][1]
        if other[0] == "seq" and other[1:3] != ("(", ")"):
            return None
        arguments = other[3] if other[0] == "seq" else [other]
    else:
        return None
    letters = [a[1] for a in arguments if a[0] == "var" and len(a[1]) == 1 and a[1].islower()]
    return (name, letters) if len(letters) == len(arguments) == len(set(letters)) else None


def is_product(relation: Node, value: Node) -> bool:
    """Whether what looks like a function is none: the product ab of ab = 1, the v_x of v_x = 3."""
    name, letters = function_of(relation[1][0]) or ("", [])
    return (name.endswith("_") or name in tuple("abcdekmnrstxyz")) and not set(letters) & variables(value)


def value_of(node: Node) -> Node | None:
    """What `name = value` or `name = working = value` gives its name; None where the relation is an equation.

    Steps between the name and the value count only so far: the first and the last must agree where both are numbers.
    """
    sides, operators = node[1], node[2]
    if not set(operators) <= {"=", "~", ":"}:
        return None
    function = sides[0][0] == "fn" and all(map(is_name, sides[0][2])) and not variables(sides[1:])  # tan A = 3/4
    if sides[0][:2] == ("fn", "abs") and sides[0][2][0] in (("var", "x"), ("var", "y")):
        return None  # |x| = 5 is an equation
    if is_curve(sides[0]) or (not is_name(sides[0]) and not function):
        constant = operators == ["="] and is_name(sides[1]) and not variables(sides[0])
        return sides[0] if constant else None  # 5 = x
    exact = operators.index("~") if "~" in operators else len(operators)
    if exact > 1 and not _alike(sides[1], sides[exact]):
        return None
    if (
        0 < exact < len(operators)
        and {signed(side)[1][0] for side in (sides[exact], sides[-1])} == {"num"}
        and not _near(sides[exact:])
    ):
        return None  # x = 4, about 5
    return sides[exact] if exact > 0 else sides[1]


def values_of(node: Node, gold: bool) -> list[Node]:
    """The values that a relation can stand for where the other side is a value."""
    sides, operators = node[1], node[2]
    if operators == ["in"] and is_name(sides[0]):
        return [sides[1]]
    value = value_of(node)
    if value is None and not gold and operators == ["="] * len(operators) and is_asked(sides[0]):
        value = sides[-1] if not variables(sides[1:]) and _alike(sides[1], sides[-1]) else None
    if value is not None:
        return [value, *(sides[-1:] if gold and "~" in operators else [])]
    if not gold and set(operators) == {"="} and sides[0][0] in VALUES[1:]:
        try:  # x^2 - 1 = (x - 1)(x + 1)
            if variables(node) and all(identical(sides[0], side, Fuel(), degrees=False) for side in sides[1:]):
                return sides[:1]
        except Undefined:
            return []
    if set(operators) <= {"=", "~"} and not variables(node) and sides[0][0] != "text":
        exact = operators.index("~") if "~" in operators else len(operators)
        if all(_alike(sides[exact], side) for side in sides[:exact]) and _near(sides[exact:]):
            return [sides[exact], *(sides[-1:] if gold and "~" in operators else [])]
    return []


def _alike(a: Node, b: Node) -> bool:
    """Whether two sides have one value, a percentage also as a fraction; True where one holds a variable."""
    a, b = without_units(a), without_units(b)
    if variables(a) or variables(b):
        return True
    modes: list[dict[str, Any]] = [{}, {"percent": True}, *([{"degrees": True}] if has([a, b], "deg") else [])]
    for mode in modes:
        try:
            if same(Evaluator(Fuel(), **mode).value(a), Evaluator(Fuel(), **mode).value(b)):
                return True
        except Undefined:
            return a[0] not in VALUES or b[0] not in VALUES
        except Undecided:
            return True
    return False


def _near(sides: list[Node]) -> bool:
    """Whether values written with an approximate sign between them are near: within one of the last digit given."""
    return all(
        variables([a, b]) or any(_close(a, b, **mode) for mode in ({}, {"percent": True}, {"degrees": True}))
        for a, b in pairwise(sides)
    )


def _close(a: Node, b: Node, **mode: Any) -> bool:
    """Whether two values are near, as percentages of 1 and angles in radians in some modes."""
    kinds = [units.parts(measure(side))[0].keys() - {"percent", "deg"} for side in (a, b)]
    one, other = without_units(a), without_units(b)
    if all(kinds) and kinds[0] != kinds[1]:
        return True  # 1 mi, about 1.6 km: not looked at
    try:
        exact = [Evaluator(Fuel(), **mode).value(side) for side in (one, other)]
        if all(isinstance(value, int) for value in exact) and len(one) == len(other) == 2:
            return exact[0] == exact[1]  # 5 is not about 6
        values = [number(value) for value in exact]
        digits = [
            len(side[2].partition(".")[2]) if side[0] == "num" and len(side) == 3 else 0 for side in (one, other)
        ]
        last = digits[1] or digits[0]
        step = number(1) / 10**last / (1 if last > 1 else 2)  # more digits are often cut off
        return abs(values[0] - values[1]) <= max(step, (abs(values[0]) / 100) if other[0] != "num" else 0)
    except Undefined:
        return a[0] not in (*VALUES, "unit", "seq", "list", "matrix", "set", "op") or a == b
    except (Undecided, TypeError):
        return True


def column_of_choices(node: Node, other: Node) -> Node:
    """A column of two in round brackets as a binomial where the other side is a value; else as it is."""
    if not has(node, "matrix") or has(other, "matrix", "seq", "list", "set") or other[0] not in (*VALUES, "var"):
        return node
    if "j" in variables(other) and "j" not in variables(node):  # 3i - 2j
        return node
    if node[0] == "matrix" and other[:2] == ("fn", "binom"):
        return ("fn", "binom", [row[0] for row in node[1]]) if node[1] == [[k] for k in other[2]] else node
    return changed(node, lambda x: ("fn", "binom", [x[1][0][0], x[1][1][0]]) if _is_choice(x) else x)


def _is_choice(node: Node) -> bool:
    """Whether a column can be a binomial: n over k, where k is a letter, or a number from 2 to n."""
    if node[0] != "matrix" or [len(row) for row in node[1]] != [1, 1]:
        return False
    n, k = (row[0] for row in node[1])
    if n[0] != "num" and not variables(n):
        return False  # 1/2 over 3
    return k[0] in ("num", "var", "+") and (k[0] != "num" or (k[1] >= 2 and (n[0] != "num" or k[1] <= n[1])))


def counted(node: Node, other: Node) -> Node:
    """C(10, 3) and P(5, 2) as numbers of choices where the other side is a value, no point; else as they are."""
    if node[0] != "*" or len(node[1]) != 2 or node[1][0] not in (("var", "C"), ("var", "P")):
        return node
    point = node[1][1]
    if point[:3] != ("seq", "(", ")") or len(point[3]) != 2 or other[0] not in VALUES or has(other, "seq"):
        return node
    n, k = (part[1] if part[0] == "num" else Fraction(-1) for part in point[3])
    letters = variables(point[3]) and variables(point[3]) <= variables(other)
    if not letters and (not 0 <= k <= n or n.denominator != 1 or k.denominator != 1):
        return node
    choices: Node = ("fn", "binom", point[3])
    return choices if node[1][0][1] == "C" else ("*", [choices, ("fn", "factorial", point[3][1:])])


def denominators(node: Node) -> list[Node]:
    """What the terms of an equation of two sides are divided by, where that holds a variable; each once."""
    found: list[Node] = []
    for side in node[1]:
        for term in side[1] if side[0] == "+" else [side]:
            for factor in term[1] if term[0] == "*" else [term]:
                if factor[0] == "/" and variables(factor[2]) and factor[2] not in found:
                    found.append(factor[2])
    return found


def is_share(node: Node) -> bool:
    """Whether a tree is a fraction in digits below 1."""
    return node[0] == "/" and node[1][0] == node[2][0] == "num" and node[1][1] < node[2][1]


def decimal_logs(node: Node, other: Node) -> Node:
    """Logarithms without a base as those to base 10, where the other side writes that base."""
    ten = ("num", Fraction(10))
    if not has(node, "log") or not (has(other, "lg") or _any(other, lambda x: x[1] == "log" and x[2][1:] == [ten])):
        return node
    return changed(node, lambda x: ("fn", "lg", x[2]) if x[:2] == ("fn", "log") and len(x[2]) == 1 else x)


def spelled(node: Node, other: Node) -> Node:
    """GM as G times M where the other side has both letters, and no GM."""
    letters = variables(other)
    return changed(
        node,
        lambda x: (
            ("*", [("var", letter) for letter in x[1]])
            if x[0] == "var" and len(x[1]) > 1 and x[1].isupper() and x[1] not in letters and set(x[1]) <= letters
            else x
        ),
    )


def _any(node: Any, test: Callable[[Node], bool]) -> bool:
    if isinstance(node, tuple) and node[0] == "fn" and test(node):
        return True
    return isinstance(node, list | tuple) and any(_any(part, test) for part in node)


def changed(node: Any, change: Callable[[Node], Node]) -> Any:
    """A tree with other nodes in places."""
    if isinstance(node, list):
        return [changed(part, change) for part in node]
    if not isinstance(node, tuple):
        return node
    return change(tuple(changed(part, change) if isinstance(part, list | tuple) else part for part in node))


def in_radians(node: Node) -> Node:
    """A tree with its degrees in radians."""
    turn: Node = ("/", ("const", "pi"), ("num", Fraction(180)))
    return changed(node, lambda x: ("*", [x[2][0], turn]) if x[:2] == ("fn", "deg") else x)


def is_clock(node: Node) -> bool:
    """Whether a ratio of two can be a time of day."""
    values = [part[1] if part[0] == "num" else -1 for part in node[1]]
    return len(values) == 2 and 0 <= values[0] <= 24 and (values[1] == 0 or 10 <= values[1] < 60)


def time_apart(node: Node, other: Node) -> bool:
    """Whether one side is a time of day, as a ratio that could be reduced is (12:30), and the other one is none."""
    node, other = (side[1] if side[0] == "unit" else side for side in (node, other))
    if node[0] != "ratio" or not is_clock(node) or gcd(*(int(part[1]) for part in node[1])) == 1:
        return False
    return other[0] not in ("ratio", "rel", "list") or (other[0] == "ratio" and not is_clock(other))


def points_apart(a: Node, b: Node) -> bool:
    """Whether two points have different names: A(1, 2), B(1, 2)."""
    names = [
        node[1][0][1]
        if node[0] == "*" and len(node[1]) == 2 and (node[1][0][0], node[1][1][0]) == ("var", "seq")
        else ""
        for node in (a, b)
    ]
    return "" not in names and names[0] != names[1]


def ranged(node: Node) -> Node:
    """A relation for the values of a function, 0 <= f(x) <= 4, as one for a letter of its own."""
    name = node[0] == "rel" and has(node, "call") and next((side for side in node[1] if side[0] == "call"), None)
    return changed(node, lambda x: ("var", f"{name[1]}()") if x == name else x) if name else node
