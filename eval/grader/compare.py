r"""Whether two answers are the same, decided in-process and in bounded time; None where neither can be read.

The rules, each with its cases in tests/eval/grader/tables/, are stated in docs/grading.md.
"""

from __future__ import annotations

import calendar
import re
from fractions import Fraction
from functools import lru_cache

from . import by_text
from .by_tree import Comparison
from .ellipses import written_out
from .numbered import by_number
from .parse import Node, ParseError, parse
from .text import loose, nouns_apart, of_solution, prose, same_words, words

LONGEST = 4_000
OUTWARD = re.compile(r"(^|\\(?:cup|in)\s*)([\[(\]])([^\[\]]+)([\[)\]])(?=\s*(?:\\cup|$))")
MONTHS = [name.casefold() for name in calendar.month_name[1:]]
MONTH = re.compile(
    r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b",
    re.IGNORECASE,
)
YES_NO = re.compile(
    r"(yes|no)(?:[,.;:]\s+((?:(?!\b(?:but|except|unless|only|if|when|yes|provided)\b)[A-Za-z' ,])+)"
    r"|[,.;:]?\s+((?:since|because)\s(?:(?!\b(?:but|except|unless|only|if|when|yes|no|provided)\b).)+))?\.?",
    re.IGNORECASE,
)
PROSE = re.compile(r"(?=.*[A-Za-z]{3})[A-Za-z][A-Za-z' ,.-]*")
# A word, which may be written in capitals, no product of letters such as mg and nRT.
WORD = re.compile(
    r"(?i:no|up)|[^\W\d_]+(?: [^\W\d_]+)+"
    r"|(?=.*[aeiouyAEIOUY\u0080-\uffff])(?:[A-Z]?[^\W\d_A-Z]{2,}|[A-Z]{3,})(?: [^\W\d_]+)*"
)
# (100,200), [1,250], \{5,125\}: two numbers in brackets of their own, not one in groups.
PAIR = re.compile(
    r"(?:^|\\(?:cup|cap|in|setminus)(?![A-Za-z])|[=,;]|\\text\{[^{}]*\})\s*(?:\[|\(|\\\{)\s*-?\d{1,3},\d{3}\s*(?:\]|\)|\\\})"
)
# The formula of a molecule, CO_2.
FORMULA = re.compile(r"(?=.*_)(?:[A-Z][a-z]?(?:_(?:\d|\{\d+\}))?){2,}")
FLAT = re.compile(r"(?=.*\d)(?:[A-Z][a-z]?\d*){2,}")
LOGIC = re.compile(r"\\(?:l(?:and|or)|vee|wedge)(?![A-Za-z])")
# The sign between two vectors; between numbers both are one product.
_VECTOR = r"\\(?:vec|mathbf|overrightarrow|boldsymbol|bm)(?![a-z])\s*\{?\s*[A-Za-z]{1,2}\s*\}?(?:_\{?\w\}?)?\s*"
OF_VECTORS = re.compile(rf"{_VECTOR}\\(times|cdot)(?![a-z])\s*(?={_VECTOR})")
LOGIC_NAMES = {"\\wedge": "\\land", "\\vee": "\\lor"}
EMPTY: Node = ("set", [])
REALS: Node = ("var", "\\mathbbR")


def decide(gold: str, prediction: str, *, slow: bool = False) -> bool | None:
    """True or False, or None where it takes a worker. Never raises on a string.

    `slow`: whether integrals and infinite sums are evaluated, which may take long.
    """
    gold = of_solution(gold)
    if max(len(gold), len(prediction)) > LONGEST:
        return bool(gold.strip()) and gold.strip() == prediction.strip()
    first, second = by_text.side(gold), by_text.side(prediction)
    if not first[0] or not second[0]:
        return False
    if first[1] == second[1]:
        return True
    signs = [{LOGIC_NAMES.get(sign, sign) for sign in LOGIC.findall(side.text)} for side in (first, second)]
    if signs[0] and signs[1] and signs[0] != signs[1]:
        return False  # p and q, p or q
    if "\\times" in gold or "\\times" in prediction:
        products = [set(OF_VECTORS.findall(side)) for side in (gold, prediction)]
        if products[0] and products[1] and products[0] != products[1]:
            return False  # a × b, a · b
    if first.value is not None and second.value is not None:
        return first.value == second.value or by_text.rounds_to(first.text, first.value, second.value)
    for verdict in (
        by_text.decimal_commas(first, second, decide),
        by_text.set_twice(first, second, decide),
        by_text.thousands(first, second),
        by_text.labels(first, second, decide),
        by_text.bases(first, second),
        by_text.clocks(first, second),
        by_text.floors(first, second, decide),
        by_number(first[0], second[0], decide),
    ):
        if verdict is not None:
            return verdict
    try:
        return _by_trees(first[0], second[0], slow)
    except RecursionError:  # a chain of thousands of operators: no answer
        return False


@lru_cache(maxsize=8192)
def readings(text: str) -> tuple[Node, ...]:
    """The trees a cleaned answer can be read as: "1,234" is a number, and two."""
    if text[:1] + text[-1:] in ("][", "]]", "[[", "])", "([") or re.search(r"\\in\s*[\[\]]", text):  # ]1, 2[
        text = OUTWARD.sub(
            lambda m: m[1] + ("(" if m[2] == "]" else m[2]) + m[3] + (")" if m[4] == "[" else m[4]), text
        )
    known = None if text.startswith("-") else same_words(text)
    if known:
        sets = {
            "no solution": EMPTY,
            "all real numbers": REALS,
            "all rational numbers": ("var", "\\mathbbQ"),
            "infinitely many": ("const", "inf"),
            "all integers": ("var", "\\mathbbZ"),
            "all positive integers": ("var", "\\mathbbN"),
            "all nonnegative integers": ("var", "\\mathbbZ_\\ge0"),
            "all positive real numbers": ("var", "\\mathbbR^+"),
            "all nonzero real numbers": ("op", "setminus", REALS, ("set", [("num", Fraction(0))])),
        }
        return (sets.get(known, ("text", known)),)
    found: list[Node] = []
    grouped = (True, False) if re.search(r"\d,\d{3}", text) and not re.search(r",0\d\d", text) else (True,)
    if len(grouped) > 1 and PAIR.search(text):
        grouped = (False,)
    for thousands in grouped:
        try:
            found.append(parse(text, thousands))
        except (ParseError, RecursionError):
            continue
    return tuple(found)


def reads(answer: str) -> bool:
    """Whether the grader's own parser reads an answer; else it equals only what is written alike."""
    text, short, _ = by_text.side(of_solution(answer))
    return bool(readings(text) or by_text.BASED.fullmatch(short) or by_text.labelled(text) or _textual(text))


def _date(text: str) -> list[str]:
    """The words and numbers of a date, in no order, with the whole names of months."""
    found = [word for word in words(text).split() if word != "of"]
    return sorted(
        next((month for month in MONTHS if len(word) > 2 and month.startswith(word)), word) for word in found
    )


def _textual(text: str) -> bool:
    """Whether an answer is in words."""
    return bool(
        re.fullmatch(r"(?:[\w\s.,:;'\"!?{}-]|\\text)*", text)
        and re.search(r"[A-Za-z]{2}", text.replace("\\text", ""))
    )


def _by_trees(gold: str, prediction: str, slow: bool) -> bool | None:
    if WORD.fullmatch(gold) and gold.casefold() == prediction.casefold():
        return True
    plain = [re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", side).strip() for side in (gold, prediction)]
    if all(PROSE.fullmatch(x) and (" " in x or WORD.fullmatch(x)) for x in plain):
        if nouns_apart(*plain):
            return False
        if prose(plain[0]) == prose(plain[1]):
            return True
    heads = [YES_NO.fullmatch(side) for side in plain]
    if heads[0] and heads[1] and "" in (heads[0][2] or heads[0][3] or "", heads[1][2] or heads[1][3] or ""):
        # "Yes", "Yes, it is possible"
        return heads[0][1].casefold() == heads[1][1].casefold()
    if len(MONTH.findall(gold)) == 1 and _date(gold) == _date(prediction):
        return True  # 12 June is June 12
    if FORMULA.fullmatch(gold) and FLAT.fullmatch(prediction):
        return re.sub(r"[_{}]", "", gold) == prediction  # CO2 is CO_2
    trees = readings(gold), readings(prediction)
    if not all(trees):
        if (
            words(gold) == words(prediction)
            and re.search(r"[^\W\d]", words(gold))
            and not re.search(r"\\(?!text)|[-+*/^=<>()\[\]]", gold + prediction)
        ):
            return True
        if "^" in gold:
            written = loose(gold), loose(prediction)
            if written[0] == written[1]:
                return True
            if all("^(" in side for side in written):
                return False  # Al^{3+}, Al^{2+}
        unread = gold if not trees[0] else prediction
        if re.fullmatch(r"(?:[\d\s.,+*/^()=?$-]|\\times|\\cdot)*", unread):
            return False  # arithmetic that breaks off: Math-Verify would read a fragment
        other = trees[0] or trees[1]
        return False if _textual(unread) or any(node[0] in ("text", "said") for node in other) else None
    comparison = Comparison(slow)
    if "\\dots" in gold or "\\dots" in prediction:
        trees = tuple([written_out(tree, comparison.fuel) for tree in side] for side in trees)
    if any(comparison.equal(a, b) for a in trees[0] for b in trees[1]):
        return True
    return None if comparison.put_off else False
