"""Whether two trees are the same answer, gold first: the rules by kind of answer."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from . import by_text, conditions, units
from .convert import in_letters, one_quantity
from .lists import (
    by_letter,
    common_modulus,
    joined_otherwise,
    one_name,
    orders,
    residues_among,
    spread,
    systems,
    unindexed,
    united,
)
from .parse import Node
from .points import has, identical, variables
from .regions import HALVES, equal_regions, looks_like_region, region
from .relations import Relations
from .text import words
from .trees import (
    column_of_choices,
    counted,
    decimal_logs,
    in_radians,
    is_clock,
    is_share,
    lettered,
    measure,
    points_apart,
    ranged,
    signed,
    spelled,
    time_apart,
    units_agree,
    value_of,
    with_sign,
    without_units,
)
from .value import Evaluator, Fuel, Slow, Undecided, Undefined
from .vectors import components, is_matrix, matrix, one_line, vector

QUANTITIES = ("num", "+", "*", "/", "^", "fn", "unit")
ANGLES = ("pi", "arcsin", "arccos", "arctan", "arccot")


class Comparison(Relations):
    """Compares two trees, gold first, with a budget of work; what is beyond it counts as different."""

    def __init__(self, slow: bool) -> None:
        self.fuel, self.slow, self.put_off = Fuel(2_000_000 if slow else 20_000), slow, False

    def equal(self, a: Node, b: Node) -> bool:
        try:
            first, second = conditions.settle(a), conditions.settle(b)
            if first.domains or first.others or second.domains or second.others:
                return conditions.agree(first, second, lambda x, y: self.quietly(lambda: self.same(x, y)))
            if self.same(first.core, second.core):
                return True
            for change in conditions.constants(first.core, second.core):
                if self.same(first.core, conditions.substitute(second.core, change)):
                    return True
            ours, theirs = conditions.family(first.core), conditions.family(second.core)
            return bool(ours and theirs) and self.same(first.core, conditions.substitute(second.core, {theirs: ours}))
        except Slow:
            self.put_off = True
            return a == b
        except Undecided:
            return a == b

    def same(self, a: Node, b: Node, depth: int = 0) -> bool:
        self.fuel.burn()
        if depth > 12:
            return False
        if a == b:
            return True
        if "given" in (a[0], b[0]):
            return depth > 0 and self.equal(a, b)
        if "said" in (a[0], b[0]):
            return (
                a[0] == b[0] and conditions.said(a[2]) == conditions.said(b[2]) and self.same(a[1], b[1], depth + 1)
            )
        if "compound" in (a[0], b[0]):
            return (a[0] == b[0] and self.ordered(a[1], b[1], depth)) or one_quantity(a, b, self.fuel)
        a, b = column_of_choices(lettered(counted(a, b), b), b), lettered(counted(b, a), a)
        a, b = in_letters(a, b), in_letters(b, a)
        a, b = self.metric(a, b) if b[0] == "unit" else a, self.metric(b, a)
        if points_apart(a, b) or time_apart(a, b):
            return False
        if not units_agree(a, b):
            return self.angles(a, b) or one_quantity(a, b, self.fuel)
        clock = all(units.parts(measure(node))[0].keys() & {"am", "pm"} for node in (a, b))
        if (a[0], b[0]) in (("rel", "unit"), ("unit", "rel")):  # x = 12 cm is not 12 m
            return self.relations(a, b, depth)
        (a, percent_a), (b, percent_b) = self.bare(a), self.bare(b)
        if a == b or (a[0] == b[0] == "var" and conditions.one_set(a[1], b[1])):
            return True
        if clock and {a[0], b[0]} == {"num", "text"}:  # 7 pm is 7:00 pm
            hour, time = (a, b) if a[0] == "num" else (b, a)
            return time[1] == f"{hour[1]}:00"
        if a[0] == "that" and b[0] == "that" and a[1] != b[1] and a[1][0] == b[1][0] == "var":
            b = conditions.substitute(b, {b[1][1]: a[1][1]}) if a[1][1] not in variables(b) else b
        if looks_like_region(a) or looks_like_region(b):
            verdict = self.regions(a, b)
            if verdict is not None:
                return verdict
        a, b = united(a), united(b)
        if a[0] == b[0] == "op" and a[1] == b[1] != "setminus" and self.parts(a[2:], b[3:1:-1], depth):
            return True
        if has(a, "pm") or has(b, "pm"):
            return self.with_signs(a, b, depth)
        if "that" in (a[0], b[0]) or "op" in (a[0], b[0]):
            return a[0] == b[0] and len(a) == len(b) and self.parts(a[1:], b[1:], depth)
        if a[0] == "rel" or b[0] == "rel":
            first, second = spread(a, b), spread(b, a)
            return self.relations(a, b, depth) if (first, second) == (a, b) else self.same(first, second, depth + 1)
        if a[0] == b[0] == "+" and one_line(a, b):
            return True
        a, b = self.as_vectors(a, b)
        if "list" in (a[0], b[0]) or "set" in (a[0], b[0]) or "seq" in (a[0], b[0]):
            return self.collections(a, b, depth)
        if a[0] == "text" or b[0] == "text":
            return a[0] == b[0] and words(a[1]) == words(b[1]) != ""
        if "cases" in (a[0], b[0]):
            return a[0] == b[0] and self.pieces(a[1], b[1], depth)
        if "mod" in (a[0], b[0]):
            return self.residues(a, b, depth)
        if is_matrix(a) or is_matrix(b):
            return self.matrices(a, b, depth)
        if a[0] == "ratio" and b[0] == "ratio":
            return self.ratios(a, b)
        if a[0] == "based" or b[0] == "based":
            return False
        if a[0] == b[0] == "big" and a[1] == b[1] and self.alike(a, b, depth):
            return True
        return self.expressions(a, b, percent_a != percent_b)

    def angles(self, a: Node, b: Node) -> bool:
        """Whether an angle in degrees is one in radians."""
        sides = [units.parts(measure(node))[0] for node in (a, b)]
        if {*map(str, sides)} != {str(Counter([unit])) for unit in ("deg", "rad")}:
            return False
        first, second = (
            node if node[0] != "unit" else ("fn", "deg", [node[1]]) if side["deg"] else node[1]
            for node, side in zip((a, b), sides, strict=True)
        )
        try:
            return identical(first, second, self.fuel, degrees=True)
        except Undefined:
            return False

    def metric(self, node: Node, other: Node) -> Node:
        """10 m/s^2 as a quantity, its unit in letters, where the other side has no letters; else as it is."""
        if (
            node[0] not in ("*", "/")
            or variables(node) != {"m", "s"}
            or variables(other)
            or other[0] not in QUANTITIES
        ):
            return node
        one, meter, second = ("num", Fraction(1)), ("var", "m"), ("var", "s")
        value = conditions.replace(conditions.replace(node, "m", one), "s", one)
        for power in (1, 2):
            unit: Node = ("/", ("*", [value, meter]), ("^", second, ("num", Fraction(power))))
            if self.quietly(lambda unit=unit: identical(node, unit, self.fuel)):
                return ("unit", value, f"m/s^{power}")
        return node

    @staticmethod
    def as_vectors(a: Node, b: Node) -> tuple[Node, Node]:
        """3i - 2j as a tuple where the other side is a tuple, a row or a column."""
        sides = []
        for node, other in ((a, b), (b, a)):
            rows = other[1] if other[0] == "matrix" else []
            size = len(other[3]) if other[0] == "seq" else max(len(rows), *map(len, rows)) if rows else 0
            parts = components(node, size) if size in (2, 3) and node[0] in ("+", "*") else None
            if size and node[0] in ("+", "*") and has(node, "seq"):
                parts = vector(node)  # (1, 2) + t(3, 4), 2(1, 2)
            sides.append(("seq", "(", ")", parts) if parts else node)
        return sides[0], sides[1]

    def alike(self, a: Node, b: Node, depth: int) -> bool:
        """Whether two sums have the same ends and terms, whatever their letter is called."""
        if a[2] != b[2] and any(a[2] == letter or a[2] in letter.partition("_")[2] for letter in variables(b[5])):
            return False
        below = {letter: letter.partition("_") for letter in variables(b[5])}
        change = {
            letter: f"{name}_{index.replace(b[2], a[2])}" for letter, (name, mark, index) in below.items() if mark
        }
        b = conditions.substitute(b, {**change, b[2]: a[2]})
        return self.parts(a[3:], b[3:], depth) if None not in (*a[3:5], *b[3:5]) else a == b

    def parts(self, first: tuple, second: tuple, depth: int) -> bool:
        """Whether two operations on sets have the same parts."""
        return all(
            self.same(x, y, depth + 1) if isinstance(x, tuple) and isinstance(y, tuple) else x == y
            for x, y in zip(first, second, strict=True)
        )

    def pieces(self, first: list, second: list, depth: int) -> bool:
        """Whether two functions by pieces have the same values under the same conditions, in any order."""
        left = list(second)
        for value, condition in first:
            for index, (other, its) in enumerate(left):
                if self.condition(condition, its, depth) and self.same(value, other, depth + 1):
                    del left[index]
                    break
            else:
                return False
        return not left

    def condition(self, a: Node | None, b: Node | None, depth: int) -> bool:
        texts = [words(node[1]) if node is not None and node[0] == "text" else None for node in (a, b)]
        if all(node is None or text in ("otherwise", "else") for node, text in zip((a, b), texts, strict=True)):
            return True
        return a is not None and b is not None and self.quietly(lambda: self.same(a, b, depth + 1))

    @staticmethod
    def bare(node: Node) -> tuple[Node, bool]:
        """A tree without its unit, and whether it is a percentage."""
        percent = has(node, "percent") or (node[0] == "unit" and "%" in node[2])
        node = without_units(node)
        if node[0] == "*" and len(node[1]) == 2 and node[1][1][0] == "seq" and str(node[1][0][1])[:1].isupper():
            node = node[1][1]  # the point P(1,2)
        return node, percent

    def expressions(self, a: Node, b: Node, percent: bool) -> bool:
        a, b = decimal_logs(a, b), decimal_logs(b, a)
        if (has(a, "inf") or has(b, "inf")) and not has(a, "big") and not has(b, "big"):
            return signed(a) == signed(b)
        modes: list[dict[str, bool]] = [{}] + [{"percent": True}] * percent
        if percent and has(b, "percent") and is_share(a):
            modes = modes[1:]  # 0.5% is not 1/2
        if has(a, "deg") != has(b, "deg") and (has(a, *ANGLES) or has(b, *ANGLES)):
            modes.append({"degrees": True})
        for mode in modes:
            try:
                if identical(a, b, self.fuel, slow=self.slow, **mode):
                    return True
            except Undefined:
                return False
        letters = spelled(a, b), spelled(b, a)
        if letters != (a, b):
            return self.expressions(*letters, percent)
        sign, gold = signed(a)
        share = gold[:2] == ("fn", "percent")
        gold = gold[2][0] if share else gold
        if gold[0] == "num" and len(gold) == 3 and not variables(b):
            try:
                value = Evaluator(self.fuel).value(b)
                options = [
                    value,
                    *([Evaluator(self.fuel).value(("*", [("num", Fraction(100)), b]))] if share and percent else []),
                ]
                return any(by_text.rounds_to(gold[2], sign * gold[1], option) for option in options)
            except Undefined:
                return False
        return False

    # --- ± stands for two answers
    def with_signs(self, a: Node, b: Node, depth: int) -> bool:
        lists = []
        for node in (a, b):
            if node[0] == "rel" and (a[0], b[0]) != ("rel", "rel"):
                node = value_of(node) or node
            items = node[1] if node[0] in ("list", "set") else [node]
            expanded = []
            for item in items:
                signs = (1, -1) if has(item, "pm") else (1,)
                expanded.extend(with_sign(item, sign) for sign in signs)
            lists.append(("set" if node[0] == "set" else "list", expanded))
        return self.matched(lists[0][1], lists[1][1], depth)

    def matched(self, first: list[Node], second: list[Node], depth: int, distinct: bool = False) -> bool:
        """Whether two collections hold the same items in any order; as sets, where `distinct`."""
        if distinct:
            return all(any(self.same(x, y, depth + 1) for y in second) for x in first) and all(
                any(self.same(x, y, depth + 1) for x in first) for y in second
            )
        left = list(second)
        for item in first:
            for index, other in enumerate(left):
                if self.same(item, other, depth + 1):
                    del left[index]
                    break
            else:
                return False
        return not left

    def collections(self, a: Node, b: Node, depth: int) -> bool:
        a, b = (common_modulus(systems(unindexed(x, y))) if x[0] == "list" else x for x, y in ((a, b), (b, a)))
        kinds = a[0], b[0]
        if kinds == ("seq", "seq"):
            return a[1:3] == b[1:3] and self.ordered(a[3], b[3], depth)
        if "seq" in kinds:
            seq, other = (a, b) if a[0] == "seq" else (b, a)
            if other[0] == "list" and seq[1:3] == ("(", ")"):
                if other[2:] == ("or",) or one_name(other[1]):
                    return False  # x = 1 or y = 2; x = 1, x = 2
                items = by_letter(other[1]) or other[1]
                return self.ordered(seq[3], items, depth) if a[0] == "seq" else self.ordered(items, seq[3], depth)
            if is_matrix(other) and seq[1:3] == ("(", ")"):
                rows = matrix(other)
                return (
                    bool(rows)
                    and 1 in (len(rows), len(rows[0]))
                    and self.ordered(seq[3], [x for row in rows for x in row], depth)
                )
            if other[0] != "set" or len(other[1]) != 1:
                return False
            return self.same(*((a, other[1][0]) if other is b else (other[1][0], b)), depth + 1)
        if kinds == ("list", "list") and joined_otherwise(a, b):
            return False  # x = 1 and y = 2, x = 1 or y = 2
        if kinds in (("list", "list"), ("list", "set")) and (found := orders(a[1], b)) and not has(b, "rel"):
            # a = 3, b = 4 is 3, 4
            return b[0] == "list" and any(self.ordered(items, b[1], depth) for items in found)
        nested = [{x[0] == "set" for x in side[1]} for side in (a, b) if side[0] in ("set", "list")]
        if len(nested) == 2 and nested[0] != nested[1] and (kinds == ("set", "set") or {True} in nested):
            return False  # {1} is not {{1}}; {1}, {2} is not {1, 2}
        if kinds in (("set", "list"), ("list", "set"), ("list", "list"), ("set", "set")):
            if any(residues_among(x[1]) and not has(y[1], "rel") for x, y in ((a, b), (b, a))):
                return False  # p = 2 or p = 1 (mod 4) is not 2, 1
            return self.matched(a[1], b[1], depth, distinct="set" in kinds or len(a[1]) != len(b[1]))
        collection, single = (a, b) if a[0] in ("set", "list") else (b, a)
        if collection[2:] == ("or",):  # 1/2 or 0.5
            return all(self.same(*((item, b) if collection is a else (a, item)), depth + 1) for item in collection[1])
        letters = "".join(sorted(item[1] if item[0] == "var" else " " for item in collection[1]))
        if (
            single[0] == "var"
            and len(single[1]) > 1
            and letters.isupper()
            and letters == single[1]
            and max(letters) < "I"
        ):
            return True  # the choices AC
        if collection[0] != "set" or len(collection[1]) != 1 or variables(collection):
            return False  # {5} is 5, but {x} may be a fractional part
        return self.same(*((collection[1][0], single) if collection is a else (single, collection[1][0])), depth + 1)

    def ordered(self, first: list[Node], second: list[Node], depth: int) -> bool:
        return len(first) == len(second) and all(
            self.same(x, y, depth + 1) for x, y in zip(first, second, strict=True)
        )

    def regions(self, a: Node, b: Node) -> bool | None:
        """Whether both are one set of real numbers; None where one is no such set. Letters must agree."""
        a, b = ranged(a), ranged(b)
        if has(a, "deg") != has(b, "deg") and has([a, b], "pi"):
            a, b = in_radians(a), in_radians(b)
        names = variables(a) - HALVES.keys(), variables(b) - HALVES.keys()
        if len(names[0]) > 1 or len(names[1]) > 1:
            return None
        if a[0] != "that" and b[0] != "that" and names[0] and names[1] and names[0] != names[1]:
            return None if "rel" not in (a[0], b[0]) else False
        a, b = (
            ("set", x[1]) if x[0] == "list" and y[0] == "that" and not has(x, "rel") else x
            for x, y in ((a, b), (b, a))
        )
        try:
            return equal_regions(region(a, self.fuel), region(b, self.fuel))
        except Undefined:
            return None

    # --- matrices and ratios
    def matrices(self, a: Node, b: Node, depth: int) -> bool:
        first, second = matrix(a), matrix(b)
        if first is None or second is None:
            return False
        return len(first) == len(second) and all(
            self.ordered(x, y, depth) for x, y in zip(first, second, strict=True)
        )

    def ratios(self, a: Node, b: Node) -> bool:
        if len(a[1]) != len(b[1]):
            return False
        if is_clock(a) and is_clock(b):  # 3:30 is not 1:10
            return a == b
        try:
            return all(
                identical(("*", [a[1][0], y]), ("*", [b[1][0], x]), self.fuel)
                for x, y in zip(a[1][1:], b[1][1:], strict=True)
            )
        except Undefined:
            return False
