r"""Whether two answers are the same, decided in-process and in bounded time; None where neither can be read.

The rules, each with its cases in tests/eval/grader/test_rules.py, are stated in docs/grading.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from .parse import Node, ParseError, parse
from .regions import FLIPPED, equal_regions, intersection, looks_like_region, region
from .text import NUMBERS, SAME_WORDS, clean, squeezed, words
from .trees import head, matrix, measure, rational, signed, unqualified, value_of, values_of, with_sign
from .value import POINTS, Evaluator, Fuel, Undecided, Undefined, context, has, identical, number, same, variables

Prepared = tuple[str, str, Fraction | None]
LONGEST = 4_000
PLAIN = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})")
GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+")
LABELLED = re.compile(r"\(([A-H])\)\s*(?:[:.]\s*)?(\S.*)|([A-H])[.):]\s*(\S.*)", re.DOTALL)
LABEL = re.compile(r"^\\text\{\s*(\(?[A-H]\)?[.:]?)\s*\}")
BASED = re.compile(r"(-?)\(?([0-9A-Z.]*\d[0-9A-Z.]*)\)?_(?:\{?(\d{1,2}|[a-z]{2,7})\}?)")
EMPTY: Node = ("set", [])
REALS: Node = ("var", "\\mathbbR")


def decide(gold: str, prediction: str) -> bool | None:
    """True or False, or None where it takes Math-Verify. Never raises on a string."""
    if max(len(gold), len(prediction)) > LONGEST:
        return bool(gold.strip()) and gold.strip() == prediction.strip()
    first, second = _prepared(gold), _prepared(prediction)
    if not first[0] or not second[0]:
        return False
    if first[1] == second[1]:
        return True
    if first[2] is not None and second[2] is not None:
        return first[2] == second[2] or rounds_to(first[0], first[2], second[2])
    for rule in (_decimal_commas, _labels, _bases):
        verdict = rule(first, second)
        if verdict is not None:
            return verdict
    try:
        return _by_trees(first[0], second[0])
    except RecursionError:  # a chain of thousands of operators: no answer
        return False


@lru_cache(maxsize=8192)
def _prepared(text: str) -> Prepared:
    """(cleaned, squeezed, exact value of a plain number) of an answer."""
    cleaned = clean(text)
    short = squeezed(cleaned)
    digits = short.replace(",", "") if GROUPED.fullmatch(short) else short
    return cleaned, short, Fraction(digits) if PLAIN.fullmatch(digits) else None


def rounds_to(gold: str, value: Fraction, prediction: object) -> bool:
    """Whether a gold of two or more decimals, three or more digits, is what a more precise value rounds to."""
    match = re.search(r"\.(\d*)$", gold.replace(" ", ""))
    decimals = len(match[1]) if match else 0
    if decimals < 2 or len(re.sub(r"\D", "", gold).lstrip("0")) < 3 or value.denominator == 1:
        return False
    scale = 10**decimals
    if isinstance(prediction, int | Fraction):
        exact = Fraction(prediction)
        if (exact * scale).denominator == 1:
            return exact == value
        return abs(exact - value) * scale * 2 <= 1
    try:
        return bool(abs(number(prediction) - number(value)) * scale * 2 <= 1)
    except (TypeError, ValueError):
        return False


def _decimal_commas(first: Prepared, second: Prepared) -> bool | None:
    """ "1000,99" is 1000.99 where the other side is a decimal with a point."""
    for one, other in ((first, second), (second, first)):
        if other[2] is not None and "." in other[1] and COMMA_DECIMAL.fullmatch(one[1]) and one[2] is None:
            return Fraction(one[1].replace(",", ".")) == other[2]
    return None


def _labels(first: Prepared, second: Prepared) -> bool | None:
    """The choice "(C) 5" is (C), and it is 5."""
    found = [LABELLED.fullmatch(LABEL.sub(r"\1", side[0])) for side in (first, second)]
    parts = [match and (match[1] or match[3], match[2] or match[4]) for match in found]
    if parts[0] and parts[1]:
        return parts[0][0] == parts[1][0]
    for part, side, other in ((parts[0], first, second), (parts[1], second, first)):
        if part:
            if re.fullmatch(r"\(?[A-H]\)?", other[1]):
                return other[1].strip("()") == part[0]
            return decide(*((part[1], other[0]) if side is first else (other[0], part[1])))
    return None


def _bases(first: Prepared, second: Prepared) -> bool | None:
    """Digits in a base: the same digits in the same base, which the prediction may leave out."""
    matches = [BASED.fullmatch(side[1]) for side in (first, second)]
    if not any(matches):
        return None
    digits = []
    for match, side in zip(matches, (first, second), strict=True):
        if match is None and not re.fullmatch(r"-?[0-9A-Z.]+", side[1]):
            return False
        body = (match[1] + match[2] if match else side[1]).lstrip("-")
        digits.append(((match[1] if match else side[1][:1]) == "-", body.lstrip("0")))
    bases = {NUMBERS.get(match[3], match[3]) for match in matches if match}
    if matches[0] is None and bases != {"10"}:
        return False
    return digits[0] == digits[1] and len(bases) == 1


@lru_cache(maxsize=8192)
def readings(text: str) -> tuple[Node, ...]:
    """The trees a cleaned answer can be read as: "1,234" is a number, and two."""
    text = re.sub(r"^\](.+)([\[\]])$", lambda m: "(" + m[1] + ("]" if m[2] == "]" else ")"), text, flags=re.DOTALL)
    known = SAME_WORDS.get(words(text))
    if known:
        return ({"no solution": EMPTY, "all real numbers": REALS}.get(known, ("text", known)),)
    found: list[Node] = []
    for thousands in (True, False) if re.search(r"\d,\d{3}", text) else (True,):
        try:
            found.append(parse(text, thousands))
        except (ParseError, RecursionError):
            continue
    return tuple(found)


def _by_trees(gold: str, prediction: str) -> bool | None:
    if re.fullmatch(r"[^\W\d_][^\W\d_ ]+(?: [^\W\d_]+)*", gold) and gold.casefold() == prediction.casefold():
        return True
    trees = readings(gold), readings(prediction)
    if not all(trees):
        if words(gold) == words(prediction) != "" and not re.search(
            r"\\(?!text)|[-+*/^=<>()\[\]]", gold + prediction
        ):
            return True
        unread = gold if not trees[0] else prediction
        textual = re.fullmatch(r"[\w\s.,:;'\"!?-]*", unread) and re.search(r"[A-Za-z]{2}", unread)
        if re.fullmatch(r"(?:[\d\s.,+*/^()=?$-]|\\times|\\cdot)*", unread):
            return False  # arithmetic that breaks off: Math-Verify would read a fragment
        other = trees[0] or trees[1]
        return False if textual or any(node[0] == "text" for node in other) else None
    comparison = _Comparison()
    return any(comparison.equal(a, b) for a in trees[0] for b in trees[1])


class _Comparison:
    """Compares two trees, gold first, with a budget of work; what is beyond it counts as different."""

    def __init__(self) -> None:
        self.fuel = Fuel()

    def equal(self, a: Node, b: Node) -> bool:
        try:
            return self.same(a, b)
        except Undecided:
            return a == b

    def same(self, a: Node, b: Node, depth: int = 0) -> bool:
        self.fuel.burn()
        if depth > 12:
            return False
        if a == b:
            return True
        units = measure(a), measure(b)
        if None not in units and units[0] != units[1]:
            return False
        (a, percent_a), (b, percent_b) = self.bare(unqualified(a)), self.bare(unqualified(b))
        if has(a, "pm") or has(b, "pm"):
            return self.with_signs(a, b, depth)
        if looks_like_region(a) or looks_like_region(b):
            verdict = self.regions(a, b)
            if verdict is not None:
                return verdict
        if a[0] == "rel" or b[0] == "rel":
            return self.relations(a, b, depth)
        if "list" in (a[0], b[0]) or "set" in (a[0], b[0]) or "seq" in (a[0], b[0]) or "op" in (a[0], b[0]):
            return self.collections(a, b, depth)
        if a[0] == "text" or b[0] == "text":
            return a[0] == b[0] and words(a[1]) == words(b[1]) != ""
        if has(a, "matrix") or has(b, "matrix"):
            return self.matrices(a, b, depth)
        if a[0] == "ratio" and b[0] == "ratio":
            return self.ratios(a, b)
        if a[0] == "based" or b[0] == "based":
            return False
        return self.expressions(a, b, percent_a != percent_b)

    @staticmethod
    def bare(node: Node) -> tuple[Node, bool]:
        """A tree without its unit, and whether it is a percentage."""
        percent = has(node, "percent") or (node[0] == "unit" and "%" in node[2])
        while node[0] == "unit":
            node = node[1]
        if node[0] == "*" and len(node[1]) == 2 and (node[1][0][0], node[1][1][0]) == ("var", "seq"):
            node = node[1][1]  # the point P(1,2)
        return node, percent

    def expressions(self, a: Node, b: Node, percent: bool) -> bool:
        if ("const", "inf") in (a, b) or has(a, "inf") or has(b, "inf"):
            return signed(a) == signed(b)
        modes = [{}] + [{"percent": True}] * percent
        if has(a, "deg") != has(b, "deg") and (has(a, "pi") or has(b, "pi")):
            modes.append({"degrees": True})
        for mode in modes:
            try:
                if identical(a, b, self.fuel, **mode):
                    return True
            except Undefined:
                return False
        sign, gold = signed(a)
        if gold[0] == "num" and len(gold) == 3 and not variables(b):
            try:
                return rounds_to(gold[2], sign * gold[1], Evaluator(self.fuel).value(b))
            except Undefined:
                return False
        return False

    # --- ± stands for two answers
    def with_signs(self, a: Node, b: Node, depth: int) -> bool:
        lists = []
        for node in (a, b):
            if node[0] == "rel":
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
        kinds = a[0], b[0]
        if kinds == ("seq", "seq"):
            return a[1:3] == b[1:3] and self.ordered(a[3], b[3], depth)
        if "seq" in kinds:
            seq, other = (a, b) if a[0] == "seq" else (b, a)
            if other[0] == "list" and seq[1:3] == ("(", ")"):
                return (
                    self.ordered(seq[3], other[1], depth) if a[0] == "seq" else self.ordered(other[1], seq[3], depth)
                )
            if has(other, "matrix") and seq[1:3] == ("(", ")"):
                rows = matrix(other)
                return (
                    bool(rows)
                    and 1 in (len(rows), len(rows[0]))
                    and self.ordered(seq[3], [x for row in rows for x in row], depth)
                )
            if other[0] != "set" or len(other[1]) != 1:
                return False
            return self.same(*((a, other[1][0]) if other is b else (other[1][0], b)), depth + 1)
        items = [node[1] if node[0] in ("list", "set") else [node] for node in (a, b)]
        return self.matched(items[0], items[1], depth, distinct="set" in kinds or len(items[0]) != len(items[1]))

    def ordered(self, first: list[Node], second: list[Node], depth: int) -> bool:
        return len(first) == len(second) and all(
            self.same(x, y, depth + 1) for x, y in zip(first, second, strict=True)
        )

    def regions(self, a: Node, b: Node) -> bool | None:
        """Whether both are one set of real numbers; None where one is no such set."""
        try:
            pieces = region(a, self.fuel), region(b, self.fuel)
            if equal_regions(*pieces):
                return True
            for node, other in ((a, pieces[1]), (b, pieces[0])):  # "x > 2 and x < 5"
                if node[0] == "list" and len(node[1]) == 2:
                    both = intersection(region(node[1][0], self.fuel), region(node[1][1], self.fuel))
                    if both and equal_regions(both, other):
                        return True
            return False
        except Undefined:
            return None

    # --- equations and inequalities
    def relations(self, a: Node, b: Node, depth: int) -> bool:
        if a[0] == "rel" and b[0] == "rel":
            value_a, value_b = value_of(a), value_of(b)
            if value_a is not None and value_b is not None:
                names = head(a[1][0]), head(b[1][0])
                if names[0] == names[1] or self.quietly(lambda: self.same(a[1][0], b[1][0], depth + 1)):
                    return self.same(value_a, value_b, depth + 1)
                if variables(value_a) and variables(value_b) and self.same(value_a, value_b, depth + 1):
                    return True
            if self.proportional(a, b):
                return True
            if a[2] == b[2]:
                return self.ordered(a[1], b[1], depth)
            turned = [FLIPPED.get(operator, operator) for operator in reversed(b[2])]
            return a[2] == turned and self.ordered(a[1], b[1][::-1], depth)
        relation, other = (a, b) if a[0] == "rel" else (b, a)
        if other[0] == "list" and relation[2][-1:] == ["="]:
            return False
        return any(
            self.same(*((value, other) if relation is a else (other, value)), depth + 1)
            for value in values_of(relation, gold=relation is a)
        )

    @staticmethod
    def quietly(test: Callable[[], bool]) -> bool:
        try:
            return test()
        except Undefined:
            return False

    def proportional(self, a: Node, b: Node) -> bool:
        """Whether two relations of two sides differ by a factor: 2x + 4y = 3 and y = 3/4 - x/2."""
        if len(a[2]) != 1 or len(b[2]) != 1 or a[2][0] not in FLIPPED or b[2][0] not in FLIPPED:
            return False
        factor = None
        for point in range(POINTS + 1):
            evaluator = Evaluator(self.fuel, point, negative=point == POINTS)
            try:
                minus: Node = ("num", Fraction(-1))
                values = [evaluator.value(("+", [r[1][0], ("*", [minus, r[1][1]])])) for r in (a, b)]
                if values[0] == 0 or values[1] == 0:
                    return False
                ratio = (
                    Fraction(values[0]) / values[1] if rational(*values) else number(values[0]) / number(values[1])
                )
            except (Undefined, TypeError):
                return False
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
        try:
            return all(
                identical(("*", [a[1][0], y]), ("*", [b[1][0], x]), self.fuel)
                for x, y in zip(a[1][1:], b[1][1:], strict=True)
            )
        except Undefined:
            return False
