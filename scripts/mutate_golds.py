"""Change one thing in a gold answer: the grader must not accept the result.

    python scripts/mutate_golds.py [GOLDS.json ...] [--count 18000] [--seed 0] [--json FILE]

GOLDS.json: a JSON list or JSON lines of rows with `answer` or `gold`. Without files generated answers are changed.
Prints, for each operator (number, sign, letter, operator, bracket, condition, unit, base, word), how many
changed answers were graded and how many were accepted: those that agree with the gold at random points, and the
others, which are printed; docs/grading.md says by which rule.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eval.grader import Grader
from eval.grader.compare import readings
from eval.grader.points import value_at
from eval.grader.text import clean
from eval.grader.value import Fuel, Undecided, same
from eval.grader.vectors import matrix
from lim.utils.cli import Parser, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import write_json
from lim.utils.rows import read_rows

POINTS = 12
SITES = 2  # changes of one kind per answer
# Stretches of LaTeX that are not content: names of commands and environments, columns, lengths.
OPAQUE = re.compile(
    r"\\(?:begin|end)\{\w+\*?\}(?:\{[lcr| ]+\})?|\\[hv]space\*?\{[^{}]*\}|\\phantom\s*(?:\{[^{}]*\}|.)"
    r"|\\(?:text\w*|mbox|mathrm|operatorname)\s*\{[^{}]*\}|\\[A-Za-z]+|\\[^A-Za-z]"
)
TEXTS = re.compile(r"\\(?:text\w*|mbox|mathrm)\s*\{([^{}]*)\}")
SWAPS = {
    "\\cup": "\\cap", "\\cap": "\\cup", "\\le": ">", "\\leq": "<", "\\ge": "<", "\\geq": ">", "<": "\\le ", ">": "<",
    "\\sin": "\\cos", "\\cos": "\\sin", "\\tan": "\\cot", "\\ln": "\\sin", "\\times": "+", "\\cdot": "+", "/": "+",
    "\\pm": "+", "\\lfloor": "\\lceil", "\\rfloor": "\\rceil", "\\min": "\\max", "\\max": "\\min",
    "\\binom": "\\frac",
    "\\frac": "\\binom", "\\dfrac": "\\binom", "\\sqrt": "\\sin ", "!": "", "^": "\\cdot ", "=": "\\ne ", ":": ",",
    "\\setminus": "\\cup", "\\gcd": "\\max", "\\sum": "\\prod", "+": "\\cdot ",
}  # fmt: skip
BRACKETS = {"(": "[", ")": "]", "[": "(", "]": ")", "\\{": "(", "\\}": ")"}
CONDITIONS = {
    "\\mathbb{Z}": "\\mathbb{N}", "\\mathbb{N}": "\\mathbb{R}", "\\mathbb{R}": "\\mathbb{Q}", "\\ne": "=",
    "\\neq": "=", "even": "odd", "odd": "even", "positive": "negative", "negative": "positive", "integer": "real",
    "integers": "reals", "real": "rational", "prime": "composite", "and": "or", "or": "and", "if": "unless",
    "\\in": "\\notin", "for all": "for no", "otherwise": "never", "\\ge": "<", "\\le": ">", "<": "\\ge ",
    ">": "\\le ",
    "at least": "at most", "at most": "at least", "more": "less", "\\pmod{": "\\pmod{1",
}  # fmt: skip
UNITS = ["cm", "m", "km", "inches", "feet", "miles", "hours", "minutes", "days", "kg", "grams", "liters", "dollars"]
UNITS += ["cents", "degrees", "square units", "square feet", "cm^2", "cubic inches", "mph", "a.m.", "p.m.", "units"]


class Mutation(NamedTuple):
    operator: str
    gold: str
    changed: str


def sites(pattern: str, text: str, *, inside_text: bool = False) -> list[tuple[int, int, str]]:
    """Where a pattern stands in an answer, outside (or inside) of its texts and never within a command."""
    hidden = [match.span() for match in OPAQUE.finditer(text)]
    if inside_text:
        shown = [match.span(1) for match in TEXTS.finditer(text)]
        return [(*m.span(), m[0]) for m in re.finditer(pattern, text) if any(a <= m.start() < b for a, b in shown)]
    return [(*m.span(), m[0]) for m in re.finditer(pattern, text) if not any(a <= m.start() < b for a, b in hidden)]


def commands(table: dict[str, str], text: str) -> Iterator[tuple[int, int, str]]:
    """Every place where a key of a table stands as a command, sign or word, with what replaces it."""
    for match in re.finditer(r"\\[A-Za-z]+\{[ZNRQ]\}|\\pmod\{|\\[A-Za-z]+|\\.|for all|at (?:le|mo)st|\w+|.", text):
        if match[0] in table:
            yield match.start(), match.end(), table[match[0]] + " " * table[match[0]][-1:].isalpha()


def number(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    for start, end, digit in sites(r"\d", text):
        lead = start == 0 or not text[start - 1].isdigit()
        choices = [d for d in "0123456789"[lead:] if d != digit]
        yield start, end, draw.choice(choices)


def sign(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    for start, end, symbol in sites(r"[-+]", text):
        yield start, end, "+" if symbol == "-" else "-"
    yield (0, 1, "") if text[0] == "-" else (0, 0, "-")


def letter(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    for start, end, name in sites(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", text):
        alphabet = "abcdkmnpqrstuvwxyz" if name.islower() else "ABCDEFGHKMNPQRSTXYZ"
        yield start, end, draw.choice([c for c in alphabet if c != name])


def operator(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    yield from commands(SWAPS, text)


def bracket(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    yield from commands(BRACKETS, text)


def condition(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    yield from commands(CONDITIONS, text)


def unit(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    for start, end, name in [(m.start(), m.end(), m[0]) for m in re.finditer(r"[A-Za-z.]+(?:\^\{?\d\}?)?", text)]:
        if name in UNITS:
            yield start, end, draw.choice([u for u in UNITS if u.split()[-1].rstrip("s")[:4] != name.rstrip("s")[:4]])
    for start, end, symbol in [(m.start(), m.end(), m[0]) for m in re.finditer(r"\\\$|\^\s*\{?\\circ\}?|\\%", text)]:
        yield start, end, "£" if symbol == "\\$" else "\\%" if "circ" in symbol else "^\\circ"


def base(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    for match in re.finditer(r"(?<=[\dg)])_\{?(\d+|\w)\}?", text):
        yield match.start(1), match.end(1), str(draw.choice([b for b in range(2, 13) if str(b) != match[1]]))


def word(text: str, draw: random.Random) -> Iterator[tuple[int, int, str]]:
    for start, end, name in sites(r"[A-Za-z]{2,}", text, inside_text=True):
        place = draw.randrange(len(name))
        other = draw.choice([c for c in "abdegiklmnoprtuvy" if c != name[place].lower()])
        yield start + place, start + place + 1, other.upper() if name[place].isupper() else other
        del end


OPERATORS: dict[str, Callable[[str, random.Random], Iterator[tuple[int, int, str]]]] = {
    "number": number, "sign": sign, "letter": letter, "operator": operator, "bracket": bracket,
    "condition": condition, "unit": unit, "base": base, "word": word,
}  # fmt: skip


# --- answers made by a seed
def expression(draw: random.Random, depth: int = 2) -> str:
    """An expression of numbers, variables and functions, at most `depth` levels deep."""
    if depth == 0:
        return draw.choice([str(draw.randrange(2, 60)), draw.choice("xyabn"), str(draw.randrange(2, 9)), r"\pi"])
    a, b = expression(draw, depth - 1), expression(draw, depth - 1)
    n = draw.randrange(2, 9)
    forms = [
        f"{a} + {b}", f"{a} - {b}", rf"\frac{{{a}}}{{{b}}}", rf"\left({a}\right)\left({b}\right)", f"({a})^{n}",
        rf"{n}\sqrt{{{a}}}", rf"\sqrt[{n}]{{{a}}}", rf"\sin({a})", rf"\log_{{{n}}}({a})", rf"\left|{a}\right|",
        rf"{n}^{{{a}}}", rf"\lfloor {a} \rfloor", rf"\binom{{{n + 3}}}{{{n - 1}}} {b}", f"{n}! + {a}", rf"\ln({a})",
        rf"{a} \cdot {b}" if "+" not in a + b and "-" not in a + b else f"{a} + {b}",
    ]  # fmt: skip
    return draw.choice(forms)


def answer(kind: str, draw: random.Random) -> str:
    """An answer on which an operator can be tried."""
    a, b, n = expression(draw, 1), expression(draw, 1), draw.randrange(2, 90)
    m, k = draw.randrange(2, 90), draw.choice("kn")
    if kind == "unit":
        forms = [rf"{n} \text{{ {draw.choice(UNITS)}}}", rf"{n}\sqrt{{{m}}}\text{{ {draw.choice(UNITS[:12])}}}"]
        forms += [rf"\${n}", rf"{n}^\circ", rf"{n}\%", rf"\frac{{{n}}}{{{m}}} \text{{ {draw.choice(UNITS[:10])}}}"]
        return draw.choice(forms)
    if kind == "base":
        digits = "".join(draw.choice("01234") for _ in range(draw.randrange(2, 6)))
        forms = [f"1{digits}_{{{n % 7 + 5}}}", f"2{digits}_{n % 5 + 5}", rf"\log_{{{n}}} {m} + {a}"]
        return draw.choice([*forms, rf"\log_{n % 8 + 2}({a})"])
    if kind == "condition":
        forms = [
            rf"{n}{k}\pi, {k} \in \mathbb{{Z}}", rf"x > {n} \text{{ and }} x \ne {n + m}", rf"x \ne {n}, {-m}",
            rf"{a} \text{{ for all }} n \ge {n}", r"n \text{ is even}", rf"n \equiv {n} \pmod{{{m}}}",
            rf"\{{x : x \in \mathbb{{R}}, x \ne {n}\}}", rf"x < {-n} \text{{ or }} x > {m}",
            rf"\begin{{cases}} {a} & x \ge {n} \\ {b} & x < {n} \end{{cases}}", rf"\text{{at least }} {n}",
            rf"{n}{k} + {m}, \text{{ where }} {k} \text{{ is a positive integer}}", rf"{n} \text{{ or more}}",
            rf"p \text{{ prime}}, p \ne {n}", rf"{n} \text{{ odd}}", rf"\mathbb{{R}} \setminus \{{{n}, {-m}\}}",
        ]  # fmt: skip
        return draw.choice(forms)
    if kind == "word":
        nouns = [
            "apples",
            "marbles",
            "students",
            "ways",
            "points",
            "games",
            "red",
            "blue",
            "ducks",
            "tickets",
            "cubes",
            "boys",
        ]
        names = [
            "Alice",
            "Tuesday",
            "ellipse",
            "parallelogram",
            "convergent",
            "infinitely",
            "Monday",
            "Spain",
            "neither",
            "increasing",
        ]
        forms = [rf"{n} \text{{ {draw.choice(nouns)}}}", rf"\text{{{draw.choice(names)}}}", rf"{a} \text{{ units}}"]
        forms += [rf"x \text{{ is {draw.choice(['even', 'odd', 'prime', 'negative'])}}}", rf"\text{{Option }} {n}"]
        forms += [rf"\text{{(B) {draw.choice(nouns)}}}", rf"\text{{{draw.choice(names)} and {draw.choice(names)}}}"]
        return draw.choice(forms)
    forms = [
        f"({a}, {b})", f"[{n}, {n + m}]", f"({-n}, {m}]", rf"\{{{n}, {-m}, {a}\}}",
        rf"(-\infty, {n}) \cup [{n + m}, \infty)",
        f"{n}, {m}, {-n}", f"y = {a} + {b}", f"x = {n}, y = {-m}", f"f(x) = {a} + {n}x", f"{n}x + {m}y = {n + m}",
        f"x \\ge {n}",
        rf"\begin{{pmatrix}} {n} & {-m} \\ {a} & {b} \end{{pmatrix}}", f"{n} : {m}", rf"{n} \pm \sqrt{{{m}}}",
        f"{n}x^2 - {m}y^2 = 1", rf"\sum_{{k=1}}^{{n}} (k + {m})", f"[{n + m}, {n}]", rf"\frac{{1}}{{{1900 + n}!}}",
    ]  # fmt: skip
    if kind == "bracket":
        return draw.choice([form for form in forms if "(" in form or "[" in form or "{" in form])
    return draw.choice([expression(draw), expression(draw, 3), *draw.sample(forms, 4)])


def mutations(golds: list[str], count: int, seed: int) -> list[Mutation]:
    """About `count` changed answers, the same number per operator; from the golds first, then from made ones."""
    quota = -(-count // len(OPERATORS))
    found: list[Mutation] = []
    for name, change in OPERATORS.items():
        draw = random.Random(f"{name} {seed}")
        pool = draw.sample(golds, len(golds))
        seen: dict[tuple[str, str], None] = {}
        while len(seen) < quota:
            gold = pool.pop() if pool else answer(name, draw)
            places = list(change(gold, draw)) if gold else []
            for start, end, new in draw.sample(places, min(SITES, len(places))):
                if (changed := gold[:start] + new + gold[end:]) != gold:
                    seen[gold, changed] = None
        found += [Mutation(name, *pair) for pair in list(seen)[:quota]]
    return found


def agree(first: str, second: str) -> bool:
    """Whether two answers are expressions, or equations, that agree at random points, negative ones too."""
    for one in readings(clean(first)):
        for other in readings(clean(second)):
            if _kinds(one) and _kinds(other) and _agree(one, other):
                return True
    return False


def _kinds(node: object) -> bool:
    if isinstance(node, list):
        return all(map(_kinds, node))
    if not isinstance(node, tuple):
        return True
    plain = node[0] in (
        "list",
        "seq",
        "rel",
        "matrix",
        "num",
        "var",
        "const",
        "+",
        "*",
        "/",
        "^",
        "fn",
        "call",
        "big",
    )
    return plain and node[:2] not in (("fn", "deg"), ("fn", "percent")) and all(map(_kinds, node[1:]))


def _agree(one: tuple, other: tuple) -> bool:
    if one[0] == other[0] and one[0] in ("list", "seq", "rel"):
        first, second = (node[3] if node[0] == "seq" else node[1] for node in (one, other))
        brackets = one[1:3] == other[1:3] if one[0] == "seq" else one[2:] == other[2:]
        return brackets and len(first) == len(second) and all(map(_agree, first, second))
    rows = matrix(one), matrix(other)
    if rows[0] and rows[1]:
        return [len(row) for row in rows[0]] == [len(row) for row in rows[1]] and all(
            _agree(*entries) for entries in zip(chain(*rows[0]), chain(*rows[1]), strict=True)
        )
    compared = 0
    for point in range(POINTS):
        try:
            values = [
                value_at(node, Fuel(100_000), 50 + point, {"negative": point % 3 == 2}) for node in (one, other)
            ]
        except Undecided:
            values = [None, None]
        if values == [None, None]:
            continue
        if None in values or not same(*values):
            return False
        compared += 1
    return compared > 0


def read_golds(paths: list[str]) -> list[str]:
    """The distinct answers of files, in order."""
    found: dict[str, None] = {}
    for path in paths:
        for row in read_rows(Path(path)):
            text = row.get("answer", row.get("gold", row.get("ground_truth"))) if isinstance(row, dict) else None
            if text is None:
                raise InputError(f"{path}: a row without 'answer' or 'gold'")
            if 0 < len(str(text).strip()) <= 200 and "\\boxed" not in str(text):
                found[str(text).strip()] = None
    return list(found)


def main(argv: list[str] | None = None) -> int:
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="GOLDS.json")
    parser.add_argument("--count", type=whole(1), default=18_000, help="changed answers in all (default 18000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--deadline", type=float, default=5.0, help="seconds per item")
    parser.add_argument("--json", metavar="FILE", help="write the accepted ones here too")
    arguments = parser.parse_args(argv)
    tried = mutations(read_golds(arguments.files), arguments.count, arguments.seed)
    with Grader(workers=1, deadline=arguments.deadline) as grader:
        verdicts = grader.equal_pairs([(one.gold, one.changed) for one in tried])
    counts = Counter(one.operator for one in tried)
    accepted: dict[str, list[Mutation]] = defaultdict(list)
    left: dict[str, list[Mutation]] = defaultdict(list)
    for one, verdict in zip(tried, verdicts, strict=True):
        if verdict:
            accepted[one.operator].append(one)
            if not agree(one.gold, one.changed):
                left[one.operator].append(one)
    print(f"{'operator':<10} {'changed':>8} {'accepted':>8} {'agree':>6} {'left':>5}")
    for name in OPERATORS:
        agreeing = len(accepted[name]) - len(left[name])
        print(f"{name:<10} {counts[name]:>8} {len(accepted[name]):>8} {agreeing:>6} {len(left[name]):>5}")
    total = sum(map(len, accepted.values())), sum(map(len, left.values()))
    print(f"{'all':<10} {len(tried):>8} {total[0]:>8} {total[0] - total[1]:>6} {total[1]:>5}")
    for name in OPERATORS:
        for one in left[name]:
            print(f"{name}: {one.gold}   accepted: {one.changed}")
    if arguments.json:
        write_json(arguments.json, {name: [list(one[1:]) for one in found] for name, found in left.items()})
    return 0


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
