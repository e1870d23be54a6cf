r"""Whether two answers are the same, decided in-process and in bounded time; None where neither can be read.

The rules, each with its cases in tests/eval/grader/test_rules.py, are stated in docs/grading.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from . import conditions
from .numerals import SMALL
from .parse import Node, ParseError, parse
from .regions import FLIPPED, equal_regions, looks_like_region, region
from .text import SAME_WORDS, clean, squeezed, words
from .trees import function_of, is_matrix, matrix, rational, signed, units_agree, value_of, values_of, with_sign
from .value import (
    POINTS, Evaluator, Fuel, Slow, Undecided, Undefined, context, has, identical, number, same, variables
)  # fmt: skip

Prepared = tuple[str, str, Fraction | None]
LONGEST = 4_000
PLAIN = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})")
GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+")
LABELLED = re.compile(r"\(([A-J])\)\s*(?:[:.-]\s*)?(\S.*)|([A-J])(?:[.):]|\s+-+(?=\s+[^\W\d_]{2}))\s*(\S.*)", re.DOTALL)
LABEL = re.compile(r"^\\text\{\s*(\(?[A-J]\)?[.:]?)\s*\}")
ANOTHER = re.compile(r"\([A-J]\)|(?<![\w\\^_{(])[A-J][.):](?!\w)|^\W*(?:\\text\{\s*)?(?:or|and|,)\b|^[,;/]")
BASED = re.compile(r"(-?)\(?([0-9A-Z.]*\d[0-9A-Z.]*)\)?_(?:\{?(\d{1,2}|[a-z]{2,7})\}?)")
EMPTY: Node = ("set", [])
REALS: Node = ("var", "\\mathbbR")


def decide(gold: str, prediction: str, *, slow: bool = False) -> bool | None:
    """True or False, or None where it takes a worker. Never raises on a string.

    `slow`: whether integrals and infinite sums are evaluated, which may take long.
    """
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
        return _by_trees(first[0], second[0], slow)
    except RecursionError:  # a chain of thousands of operators: no answer
        return False


@lru_cache(maxsize=8192)
def _prepared(text: str) -> Prepared:
    """(cleaned, squeezed, exact value of a plain number) of an answer."""
    if PLAIN.fullmatch(text) and text[-1] != ".":
        return text, text, Fraction(text)
    cleaned = clean(text)
    short = squeezed(cleaned)
    digits = short.replace(",", "") if GROUPED.fullmatch(short) else short
    return cleaned, short, Fraction(digits) if PLAIN.fullmatch(digits) else None


def in_order(items: list[Node]) -> list[Node]:
    """The items of a system, by name where each is named by one letter: "y = 2, x = 1" is (1, 2)."""
    names = [item[1][0][1] if item[0] == "rel" and item[2] == ["="] and item[1][0][0] == "var" else "" for item in items]
    known = set(names) <= set("abcdmnpqrstuvwxyz") and len(set(names)) == len(items)
    return [item for _, item in sorted(zip(names, items, strict=True), key=lambda pair: pair[0])] if known else items


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
    """The choice "(C) 5" is (C), and it is 5; a small letter is a choice too. Two choices are none."""
    if re.fullmatch(r"\(?[A-J]\)?", first[1]) and re.fullmatch(r"\(?[a-j]\)?", second[1]):
        return first[1].strip("()") == second[1].strip("()").upper()
    parts = [_labelled(side[0]) for side in (first, second)]
    if parts[0] and parts[1]:
        return parts[0][0] == parts[1][0] and decide(parts[0][1], parts[1][1])
    for part, side, other in ((parts[0], first, second), (parts[1], second, first)):
        if part:
            if re.fullmatch(r"\(?[A-J]\)?", other[1]):
                return other[1].strip("()") == part[0]
            return decide(*((part[1], other[0]) if side is first else (other[0], part[1])))
    return None


def _labelled(text: str) -> tuple[str, str] | None:
    """(letter, what it stands for) of a choice; None where the text names another choice, too."""
    match = LABELLED.fullmatch(LABEL.sub(r"\1", text))
    if match is None or ANOTHER.search(match[2] or match[4]):
        return None
    return match[1] or match[3], match[2] or match[4]


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
    bases = {str(SMALL.get(match[3], match[3])) for match in matches if match}
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


def reads(answer: str) -> bool:
    """Whether the grader's own parser reads an answer; else it equals only what is written alike."""
    side = _prepared(answer)
    return bool(readings(side[0]) or BASED.fullmatch(side[1]) or _labelled(side[0]) or _textual(side[0]))


def _textual(text: str) -> bool:
    """Whether an answer is in words."""
    return bool(re.fullmatch(r"(?:[\w\s.,:;'\"!?{}-]|\\text)*", text) and re.search(r"[A-Za-z]{2}", text.replace("\\text", "")))


def _by_trees(gold: str, prediction: str, slow: bool) -> bool | None:
    if re.fullmatch(r"[^\W\d_][^\W\d_ ]+(?: [^\W\d_]+)*", gold) and gold.casefold() == prediction.casefold():
        return True
    trees = readings(gold), readings(prediction)
    if not all(trees):
        if words(gold) == words(prediction) != "" and not re.search(
            r"\\(?!text)|[-+*/^=<>()\[\]]", gold + prediction
        ):
            return True
        unread = gold if not trees[0] else prediction
        if re.fullmatch(r"(?:[\d\s.,+*/^()=?$-]|\\times|\\cdot)*", unread):
            return False  # arithmetic that breaks off: Math-Verify would read a fragment
        other = trees[0] or trees[1]
        return False if _textual(unread) or any(node[0] in ("text", "said") for node in other) else None
    comparison = _Comparison(slow)
    if any(comparison.equal(a, b) for a in trees[0] for b in trees[1]):
        return True
    return None if comparison.put_off else False


class _Comparison:
    """Compares two trees, gold first, with a budget of work; what is beyond it counts as different."""

    def __init__(self, slow: bool) -> None:
        self.fuel, self.slow, self.put_off = Fuel(2_000_000 if slow else 20_000), slow, False

    def equal(self, a: Node, b: Node) -> bool:
        try:
            first, second = conditions.settle(a), conditions.settle(b)
            if first.domains or first.others or second.domains or second.others:
                return conditions.agree(first, second, lambda x, y: self.quietly(lambda: self.same(x, y)))
            return self.same(a, b)
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
            return a[0] == b[0] and conditions.said(a[2]) == conditions.said(b[2]) and self.same(a[1], b[1], depth + 1)
        if "compound" in (a[0], b[0]):
            return a[0] == b[0] and self.ordered(a[1], b[1], depth)
        if not units_agree(a, b):
            return False
        (a, percent_a), (b, percent_b) = self.bare(a), self.bare(b)
        if a == b:
            return True
        if has(a, "pm") or has(b, "pm"):
            return self.with_signs(a, b, depth)
        if a[0] == "that" and b[0] == "that" and a[1] != b[1] and a[1][0] == b[1][0] == "var":
            b = conditions.substitute(b, {b[1][1]: a[1][1]}) if a[1][1] not in variables(b) else b
        if looks_like_region(a) or looks_like_region(b):
            verdict = self.regions(a, b)
            if verdict is not None:
                return verdict
        if a[0] == b[0] == "op" and a[1] == b[1] != "setminus" and self.parts(a[2:], b[3:1:-1], depth):
            return True
        if "that" in (a[0], b[0]) or "op" in (a[0], b[0]):
            return a[0] == b[0] and len(a) == len(b) and self.parts(a[1:], b[1:], depth)
        if a[0] == "rel" or b[0] == "rel":
            return self.relations(a, b, depth)
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
        return self.expressions(a, b, percent_a != percent_b)

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
        if (has(a, "inf") or has(b, "inf")) and not has(a, "big") and not has(b, "big"):
            return signed(a) == signed(b)
        modes: list[dict[str, bool]] = [{}] + [{"percent": True}] * percent
        if has(a, "deg") != has(b, "deg") and (has(a, "pi") or has(b, "pi")):
            modes.append({"degrees": True})
        for mode in modes:
            try:
                if identical(a, b, self.fuel, slow=self.slow, **mode):
                    return True
            except Undefined:
                return False
        sign, gold = signed(a)
        share = gold[:2] == ("fn", "percent")
        gold = gold[2][0] if share else gold
        if gold[0] == "num" and len(gold) == 3 and not variables(b):
            try:
                value = Evaluator(self.fuel).value(b)
                options = [value, *([Evaluator(self.fuel).value(("*", [("num", Fraction(100)), b]))] if share and percent else [])]
                return any(rounds_to(gold[2], sign * gold[1], option) for option in options)
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
                items = in_order(other[1])
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
        if kinds in (("set", "list"), ("list", "set"), ("list", "list"), ("set", "set")):
            return self.matched(a[1], b[1], depth, distinct="set" in kinds or len(a[1]) != len(b[1]))
        collection, single = (a, b) if a[0] in ("set", "list") else (b, a)
        if collection[2:] == ("or",):  # 1/2 or 0.5
            return all(self.same(*((item, b) if collection is a else (a, item)), depth + 1) for item in collection[1])
        letters = "".join(sorted(item[1] if item[0] == "var" else " " for item in collection[1]))
        if single[0] == "var" and len(single[1]) > 1 and letters.isupper() and letters == single[1] and max(letters) < "I":
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
        names = variables(a) - {"\\mathbbR"}, variables(b) - {"\\mathbbR"}
        if a[0] != "that" and b[0] != "that" and names[0] and names[1] and names[0] != names[1]:
            return None if "rel" not in (a[0], b[0]) else False
        try:
            return equal_regions(region(a, self.fuel), region(b, self.fuel))
        except Undefined:
            return None

    # --- equations and inequalities
    def relations(self, a: Node, b: Node, depth: int) -> bool:
        if a[0] == "rel" and b[0] == "rel":
            value_a, value_b = value_of(a), value_of(b)
            if value_a is not None and value_b is not None:
                return self.definitions(a, b, value_a, value_b, depth)
            if a[2] == ["="] and not variables([a, b]) and not has([a, b], "call"):  # statements on numbers
                return a[2] == b[2] and all(x == y for x, y in zip(a[1], b[1], strict=True))
            if self.proportional(a, b):
                return True
            if a[2] == b[2]:
                return self.ordered(a[1], b[1], depth)
            turned = [FLIPPED.get(operator, operator) for operator in reversed(b[2])]
            return a[2] == turned and self.ordered(a[1], b[1][::-1], depth)
        relation, other = (a, b) if a[0] == "rel" else (b, a)
        return any(
            self.same(*((value, other) if relation is a else (other, value)), depth + 1)
            for value in values_of(relation, gold=relation is a)
        )

    def definitions(self, a: Node, b: Node, value_a: Node, value_b: Node, depth: int) -> bool:
        """Whether two names with their values are the same; arguments may be called otherwise, if bound."""
        functions = function_of(a[1][0]), function_of(b[1][0])
        if functions[0] and functions[1]:
            (name_a, letters_a), (name_b, letters_b) = functions
            if name_a != name_b or len(letters_a) != len(letters_b):
                return False
            change = dict(zip(letters_b, letters_a, strict=True))
            free = variables(value_b) - set(letters_b)
            return not free & set(letters_a) and self.same(value_a, conditions.substitute(value_b, change), depth + 1)
        for function, other in ((functions[0], b), (functions[1], a)):  # y = 2x defines the function f(x) = 2x
            if function and other[1][0] == ("var", "y") and len(function[1]) == 1:
                return self.same(value_a, value_b, depth + 1)
        names = [r[1][0] if value is not r[1][0] else r[1][1] for r, value in ((a, value_a), (b, value_b))]
        if names[0] == names[1] or self.quietly(lambda: self.named_alike(*names, depth)):
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
