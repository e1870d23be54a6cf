r"""An answer as text: what carries no meaning is taken away, what is written in many ways is written in one.

Nothing here decides what an answer is; it makes LaTeX, Unicode and plain writing look alike to the parser.
"""

from __future__ import annotations

import re

from .extract import extract
from .rewrites import ABOUT, AFTER, BEFORE, BREAK, CHOICE, EDGES, LOOKS, RELATION, SYSTEM, Step
from .signs import plain

SAME_WORDS = {
    **dict.fromkeys(("no solution", "no solutions", "none", "empty", "empty set", "no real solution", 
                     "no real solutions", "emptyset", "no solution exists", "there are no solutions"), "no solution"),
    **dict.fromkeys(("infinite", "infinitely many", "infinitely many solutions", "infinite solutions",
                     "infinite number of solutions", "infinite many solutions",
                     "there are infinitely many solutions", "there are infinitely many"), "infinitely many"),
    **dict.fromkeys(("all integers", "all integer", "integers"), "all integers"),
    **dict.fromkeys(("does not exist", "dne", "undefined", "not defined", "limit does not exist",
                     "expression is undefined", "it is undefined", "it does not exist"), "undefined"),
    **dict.fromkeys(("all nonnegative integers", "nonnegative integers", "all non negative integers",
                     "non negative integers"), "all nonnegative integers"),
    **dict.fromkeys(("all positive integers", "positive integers", "all natural numbers", "natural numbers"),
                    "all positive integers"),
    **dict.fromkeys(("all positive real numbers", "positive real numbers", "all positive reals", "positive reals"),
                    "all positive real numbers"),
    **dict.fromkeys(("all real numbers", "all reals", "all real", "reals", "real numbers", "any real number",
                     "every real number", "set of all real numbers", "set of real numbers"),
                    "all real numbers"),
    **dict.fromkeys(("all nonzero real numbers", "nonzero real numbers", "all nonzero reals", "nonzero reals",
                     "all non zero real numbers", "all real numbers except zero", "all real numbers but zero"),
                    "all nonzero real numbers"),
    **dict.fromkeys(("all rational numbers", "rational numbers", "all rationals"), "all rational numbers"),
    **dict.fromkeys(("impossible", "not possible", "it is impossible", "it is not possible"), "impossible"),
    **dict.fromkeys(("cannot be determined", "it cannot be determined"), "cannot be determined"),
}  # fmt: skip

QUANTIFIERS = frozenset(
    ("all", "any", "every", "each", "is", "are", "be", "must", "for", "values", "of", "if", "where")
)
NO_SOLUTION = re.compile(
    r"(?:(?:there (?:is|are|exists?)|equation has|system has) )?no(?: real)? (?:solutions?|roots?)(?: exists?)?"
    r"|(?:there (?:is|are|exists?) )?no such \w+(?: \w)?(?: exists?)?|none exist"
)
PARITY, SIGNS = frozenset(("odd", "even", "prime", "primes", "composite")), frozenset(("positive", "negative"))
ROMAN = {"first": "i", "second": "ii", "third": "iii", "fourth": "iv", "1": "i", "2": "ii", "3": "iii", "4": "iv"}
NUMBERS = frozenset(("integer", "integers", "number", "numbers", "function", "functions"))
TRIANGLES = frozenset(("isosceles", "equilateral", "scalene", "right", "acute", "obtuse"))
FIGURES = frozenset(("triangle", "trapezoid", "prism", "pyramid", "cone", "cylinder"))
# Of what a single word is said: "the lines are parallel" is "parallel".
SUBJECT = re.compile(
    r"^(?:it|they|statement|(?:two )?lines|series|sequence|function|number|graph|triangle)"
    r" (?:is |are |(?=\w+verges$))(?=\w+$)"
)


def of_solution(gold: str) -> str:
    """The answer of a gold text that is a worked solution: what follows GSM8K's "####", or its last box."""
    if "####" in gold:
        return gold.rpartition("####")[2]
    return (extract(gold) or gold) if "\\boxed" in gold else gold


def clean(text: str) -> str:
    """An answer with one way of writing for one thing; at worst what came in, stripped."""
    text = _undressed(plain(text))
    latex = "\\" in text
    if latex:
        if "\\\\" in text and ("\\begin" not in text or not re.search(r"(?<!\\)\\[A-Za-z]", text)):
            text = re.sub(r"\\\\(?=[A-Za-z]{2}|[,;!%${}()\[\]])", r"\\", text)  # escaped once too often
        if "\\boxed" in text or "\\fbox" in text:
            text = _undressed(extract(text) or "") or re.sub(r"\\[fb]\w{0,4}ox(?:ed)?\s*\{?", "", text)
        text = SYSTEM.sub(r"\\begin{cases}\2\\end{cases}", text) if "\\begin" in text else text
    if (latex or "\n" in text) and "\\begin" not in text:
        text = _separated(text)
    text = _after(text, BEFORE)
    if "$" in text:
        text = text.replace("\\$", "\0").replace("$", " ").replace("\0", "\\$")
    if text.startswith("\\text{") and (whole := re.fullmatch(r"\\text\{([^{}\\]*\w[^{}\\]*)\}", text.strip())):
        text = whole[1].strip()
    text = _within(_after(text, AFTER).strip(' \t\r\n"`'))
    text = re.sub(
        r"^(?:[Tt]he\s+|\\text\{\s*[Tt]he\s*\}|=|\\(?:approx|equiv)(?![a-z])|\\implies|\\Rightarrow|\\therefore)\s*",
        "",
        text,
    )
    while text and (text[-1] in ".,;:" or text.endswith("\\\\") or (text[-1] == "\\" and text[-2:] != "\\\\")):
        text = text[:-1].rstrip()
    text = ABOUT.sub(lambda m: "\\text{" if m[0].startswith("\\text") and "}" not in m[0] else "", text)
    if choice := CHOICE.match(text):
        rest = text[choice.end() :].removesuffix("}") if text.startswith("\\text") else text[choice.end() :]
        text = f"({choice[1].strip('()')}) {rest.lstrip(' .:')}".strip()
    whole = re.fullmatch(r"\\text\{([^{}\\]*)\}", text) if text.startswith("\\text") else None
    return whole[1].strip().rstrip(".,").strip() if whole and whole[1].strip() else text


def _undressed(text: str) -> str:
    """An answer without the spaces, dollar signs, braces, fonts and full stop around all of it."""
    text = text.strip()
    while text[:1] in ("\\", "{", "$", "~") or text[-1:] in (".", ",", "\\", "}", "$", "~", "d", " "):
        bare = EDGES.sub("", text)
        if bare[:1] == bare[-1:] == "$" and bare.count("$") == 2:
            bare = bare[1:-1]
        elif bare[:1] == "\\" and (font := LOOKS.match(bare)) and _within(bare[font.end() :]) != bare[font.end() :]:
            bare = bare[font.end() :]
        bare = _within(bare.strip())
        if bare == text:
            break
        text = bare
    return text


def _within(text: str) -> str:
    """What stands in braces that hold all of the text, as after a font: {1011_2}."""
    while text[:1] == "{" and text[-1:] == "}" and "\\choose" not in text and "|" not in text:
        depth = 0
        for place, sign in enumerate(text):
            escaped = text[place - 1 : place] == "\\"
            depth += ((sign == "{") - (sign == "}")) * (not escaped)
            if depth == 0:
                break
        if place < len(text) - 1:
            break
        text = text[1:-1].strip()
    return text


def _after(text: str, steps: tuple[Step, ...]) -> str:
    """The text after the steps whose first part occurs in it."""
    for guard, pattern, written in steps:
        if guard in text:
            text = pattern.sub(written, text)
    return text


def _separated(text: str) -> str:
    """Relations that stand on lines of their own, or with wide spaces between them, with commas between them."""
    gaps = BREAK.findall(text)
    if not gaps:
        return text
    out, *parts = BREAK.split(text)
    for part, gap in zip(parts, gaps, strict=True):
        found = RELATION.search(part) if RELATION.search(out) else None
        if found and part[: found.start()].strip(" &$"):
            gap = " " if out.rstrip().endswith(",") else ", "
        elif found and gap.startswith("\\\\"):
            gap = " "
        out += gap + part
    return out


def squeezed(text: str) -> str:
    """Cleaned text without the spaces and braces that change nothing; for comparing as written."""
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"(?<=[\d}])\s+(?=\d)|(?<=\d,)\s+(?=\d{3}(?!\d))", "\x01", text)
    return re.sub(r"([_^])\{(\w)\}", r"\1\2", re.sub(r"\s+", "", text))


def loose(text: str) -> str:
    """Text that no parser reads, without the spaces, braces and fonts that change nothing: [Ar]4s^2 3d^{10}."""
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\^\s*(?:\{\s*(\d*[+-])\s*\}|(\d?[+-])(?![\d{\\a-z]))", r"^(\1\2)", text)  # Fe^{3+}
    text = re.sub(r"\^\s*(?:\{\s*(\d+)\s*\}|(\d))\s*", r"^{\1\2}", text)
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text)


def nouns_apart(first: str, second: str) -> bool:
    """Whether one side names numbers and the other functions, which `prose` leaves out: odd number, odd function."""
    kinds = [frozenset(word[:6] for word in words(side).split() if word in NUMBERS) for side in (first, second)]
    return all(kinds) and "functi" in kinds[0] ^ kinds[1]


def prose(text: str) -> str:
    """An answer in words alone for comparing: without articles; "all even n" is "n is even"."""
    said = re.sub(r"(?<=right|acute) angled(?= triangle$)", "", words(text))
    said = re.sub(r"(?<=\w) (?:(?:always|will|can) )?(?:wins?|has winning strategy)$", "", said)
    found = SUBJECT.sub("", re.sub(r"^(?:on (?=\w+day$)|player (?=\w$)|all (?=\w+ \w+$))", "", said)).split()
    if found[-1:] == ["triangle"] and len(found) > 1 and set(found[:-1]) <= TRIANGLES:
        found.pop()  # an isosceles triangle
    if len(found) > 1 and set(found) <= TRIANGLES:
        return " ".join(sorted(found))
    if found and found[-1] in FIGURES and not {"and", "or", "not", "of"} & set(found):
        return " ".join(sorted(found))  # an isosceles right triangle
    if found[:1] == ["neither"] and set(found) <= {"neither", "nor"} | PARITY | NUMBERS:
        return "neither"
    if "quadrant" in found and len(found) == 2:
        found = ["quadrant", *(ROMAN.get(word, word) for word in found if word != "quadrant")]
    kept = [{"primes": "prime"}.get(word, word) for word in found if word not in QUANTIFIERS]
    if set(kept) & PARITY and set(kept) <= PARITY | SIGNS | NUMBERS | set("nkm"):
        return " ".join(sorted(set(kept) - NUMBERS - set("nkm")))
    return " ".join(found)


def same_words(text: str) -> str | None:
    """What a text answer says, in the words of SAME_WORDS; None where it is no such."""
    said = re.sub(r"^set of (?:all )?(?=\w+ ?(?:integers|numbers)|integers)", "all ", words(text))
    said = re.sub(r"^(all (?:positive |natural |real |rational )?(?:integers|numbers|real)) [a-z]$", r"\1", said)
    return SAME_WORDS.get(said) or ("no solution" if "no" in said and NO_SOLUTION.fullmatch(said) else None)


def words(text: str) -> str:
    """A text answer for comparing: lower case, letters and digits, without articles and commands."""
    text = re.sub(r"\\text\b|\\[A-Za-z]+", " ", text).casefold()
    return " ".join(w for w in re.findall(r"[^\W_]+", text) if w not in ("the", "a", "an"))
