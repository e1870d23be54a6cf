r"""Find the answer in a response: the last `\boxed{…}` or, where asked for, what else the text calls its answer.

Every function is linear in the length of the response, or looks at its tail only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
BRACE = re.compile(r"\\[\s\S]|[{}]")
# What a box without braces holds: digits, a command with its arguments, a sign, or a letter that begins no prose.
TOKEN = re.compile(
    r"[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+)?%?"
    r"|\\[dtc]?frac\s*(?:\d\d|(?:\{[^{}]{1,80}\}|\d)\s*(?:\{[^{}]{1,80}\}|\d))"
    r"|\\sqrt(?:\[\w{1,8}\])?\s*(?:\{[^{}]{1,80}\}|\d)|\\(?:text|math)\w{0,4}\{[^{}]{1,80}\}"
    r"|\\(?!boxed|fbox|[()\[\]]|text|math|end|right|left|q?quad)[A-Za-z]{2,12}(?![A-Za-z])"
    r"|[A-Za-z](?=\s*(?:\$|\\[)\]]|[.,;:!?](?:\s|$)|$))"
)
TAIL = 3_000  # characters of a response that the fallbacks look at

# What may stand between two boxes of one answer: "\boxed{1} and \boxed{2}", "x_1=\boxed{1}, x_2=\boxed{2}".
JOINT = re.compile(
    r"(?:[\s$.]|\\[()\[\]]|\\q?quad|\\[,;: !])*"
    r"(?:(?:[A-Za-z]+\s+)?(?:,|;|&|and\b|or\b|\\text\w*\{\s*(?:,\s*)?(?:and|or)?\s*\})|(?<=\})|$)"
    r"(?:[\s$,]|\\[()\[\]]|\\q?quad|\\[,;: !]|and\b|or\b)*"
    r"(?:[A-Za-z]\w{0,3}(?:_\{?\w{1,3}\}?)?\s*=\s*)?(?:[\s$]|\\[(\[])*"
)
# A sign in front of a box that is all of a formula, of its right side or of what is said: "$-\boxed{20}$",
# "x = -\boxed{20}", "is -\boxed{20}".
SIGN = re.compile(
    r"(?:([=$]|\\[(\[])\s{0,4}|(?::|\b(?:is|be|equals)) {0,2}(?=\S+\Z))([-−–]|\\pm(?![A-Za-z]))\s{0,4}\Z"
)
NUMERAL = re.compile(r"[\d.,]+|\\[dt]?frac\{?\w+\}?\{?\w+\}?|[A-Za-z]")
MATH = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$((?:\\.|[^\\$])+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
NUMBER = re.compile(
    r"(?<![\w.])(?<![A-Za-z]\()[-+−]?\s?[$€£]?\d+(?:,\d+)*(?:\.\d+)?(?:\s?/\s?\d+)?"
    r"(?:\s?(?:%|percent\b)|[nxyz^](?![A-Za-z])\^?\d*|!(?=\S))?|"
    r"(?<![\w.])[-+−]?\.\d+"
)
PHRASE = re.compile(
    r"(?:final\s+answer|answers?|result|solutions?|(?:correct|right|best)\s+(?:option|choice))\s*(?:\*\*)?\s*(?:is|are|=|:)+(?:\*\*)?",
    re.IGNORECASE,
)
FUNCTION_WORDS = frozenset(
    ("or", "ln", "pi", "oo", "sqrt", "sin", "cos", "tan", "log", "and", "binom", "exp", "arcsin", "arccos", "arctan")
)
QUALIFIER = re.compile(r",?\s*(?:for (?:some|all|any|every)|where|with)\s*(?:integers?\s*)?")
# After "the answer is": a choice with its value, 3 hours and 20 minutes; a formula without dollar signs.
WHOLE = re.compile(
    r"\([A-J]\)\s*[^\s$]{1,40}|\d[\d.,]{0,12} ?[a-z]{1,12}(?:,? (?:and )?\d[\d.,]{0,12} ?[a-z]{1,12}){1,3}"
)
BARE = re.compile(
    rf"(?=.*\w)(?:(?<![A-Za-z])(?:{'|'.join(sorted(FUNCTION_WORDS))})(?![A-Za-z])"
    r"|\\[A-Za-z]+|\\[^A-Za-z]|[^A-Za-z$\\]|(?<![A-Za-z])[A-Za-z](?![A-Za-z])){1,80}"
)
# What an answer is not: "not 6 but 7", "7, not 6", "7 rather than 6".
NEGATED = re.compile(r"^not\b.*?\bbut\s+(?:rather\s+)?|,?\s+(?:not|rather\s+than|instead\s+of)\b.*$", re.DOTALL)
# What changes the value beside it, so that a sentence is its own answer: "at least 18", "18 thousand".
QUALIFIED = re.compile(
    r"(?:not|never|(?:the\s+)?(?:square|cube|half|double|twice)(?:\s+root)?(?:\s+of)?|at\s+(?:least|most)|(?:no\s+)?(?:more|less|fewer|greater|larger|smaller|higher|lower)\s+than|over|under|above"
    r"|below|up\s+to|between|any(?:thing)?\s+(?:but|except)|multiples?\s+of)\s"
    r"|[$€£]?\d[\d.,/]*\s+(?:(?:hundred|thousand|million|billion|trillion|dozen|squared|cubed|factorial|divided|multiplied)\b"
    r"|(?:times|plus|minus|(?:percent\s+)?of)\s+[a-z]\b|to\s+the\s+power)",
    re.IGNORECASE,
)
COMPARED = re.compile(
    r"(?:[<>≤≥≠]=?|!=|\\(?:leq?|geq?|neq?|lt|gt)(?:slant)?|\b(?:more|less|fewer|greater|larger|smaller)\s+than)\s*\Z"
)
NOT = re.compile(r"\b(?:not|rather\s+than|instead\s+of)\s*\Z")
NOISE = re.compile(r"I hope it is correct\.?|<\|[^|>]{1,30}\|>(?:user|assistant)?|</?\w{1,10}>", re.IGNORECASE)


def boxes(text: str) -> tuple[list[tuple[int, int, str]], int]:
    r"""Every box that closes, as (start, end, content) in order of start, and how many boxes are opened.

    Braces are balanced at any depth; `\{` and `\}` do not count. `\boxed 5` and `\boxed\frac34` hold what follows;
    a `\boxed` before a word is a mention and no box.
    """
    starts = [(match.start(), match.end()) for match in BOX.finditer(text)]
    if not starts:
        return [], 0
    closing: dict[int, int] = {}
    opened: list[int] = []
    for match in BRACE.finditer(text, starts[0][0]):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            closing[opened.pop()] = match.start()
    found, count = [], 0
    for start, end in starts:
        brace = re.compile(r"\s{0,20}").match(text, end).end()  # type: ignore[union-attr]
        if text[brace : brace + 1] == "{":
            count += 1
            if brace in closing:
                found.append((start, closing[brace] + 1, text[brace + 1 : closing[brace]]))
        elif token := TOKEN.match(text, brace):
            count += 1
            found.append((start, token.end(), token[0].rstrip(",")))
        elif not text[brace:].strip(" $"):
            count += 1  # the text ends here; elsewhere the word is only mentioned
    return found, count


class Extraction(NamedTuple):
    """The answer a response gives, if any, and how many boxes it opens."""

    answer: str | None
    opened: int


def read(response: str, *, fallbacks: bool = False) -> Extraction:
    r"""Find the answer of a response.

    It is the content of the last non-empty `\boxed{…}` or `\fbox{…}`, with a sign in front of it ("$-\boxed{2}$");
    boxes separated only by a comma, "and" or "or" ("\boxed{1} and \boxed{2}") are one answer, their contents joined
    by commas. With `fallbacks` and no box, the last of: a box that never closes, what follows "answer is" or GSM8K's
    "####", the last formula or number.
    """
    closed, opened = boxes(response)
    if found := [_signed(response, box) for box in closed if box[2].strip()]:
        return Extraction(_joined(response, found), opened)
    return Extraction(_unboxed(response) if fallbacks else None, opened)


def extract(response: str, *, fallbacks: bool = False) -> str | None:
    """The answer a response gives, or None (see `read`)."""
    return read(response, fallbacks=fallbacks).answer


def _unboxed(response: str) -> str | None:
    tail = NOISE.sub(" ", response[-TAIL:])
    unclosed = list(BOX.finditer(tail))
    if unclosed and (content := _balanced(tail[unclosed[-1].end() :].lstrip(" {").split("\n")[0])):
        return content
    if not _prose(response):
        return response.strip()
    phrases = list(PHRASE.finditer(tail))
    hashes = tail.rfind("####")
    if hashes > (phrases[-1].start() if phrases else -1):
        return tail[hashes + 4 :].strip().split("\n")[0].strip() or None
    if phrases:
        after = tail[phrases[-1].end() :].strip(" \t\n:*").removesuffix("!")
        sentence = re.split(r"\.(?:\s|$)|\n\s*\n", after, maxsplit=1)[0].strip(" *\n")
        sentence = NEGATED.sub("", sentence)
        if QUALIFIED.match(sentence):
            return sentence
        if WHOLE.fullmatch(sentence) or BARE.fullmatch(sentence):
            return sentence
        if answer := _last_value(sentence) or (sentence if 0 < len(sentence.split()) <= 4 else None):
            return answer.strip(" *\"'")
    return _last_value(tail)


def _balanced(text: str) -> str:
    """What a box that never closes holds, without the closing signs that open nothing."""
    text = text.strip(" $.")
    while text.endswith("}") and text.count("}") > text.count("{"):
        text = text[:-1].rstrip(" $.")
    return text


def _prose(text: str) -> bool:
    """Whether a text is more than an answer alone: long, or with words that are no unit and no whole answer."""
    text = text.strip()
    if not 0 < len(text) <= 200 or "\n\n" in text or "####" in text:
        return True
    found = re.findall(r"[A-Za-z][a-z]+", re.sub(r"\\[A-Za-z]+|\{[^{}]*\}", " ", text))
    found = [word for word in found if word not in FUNCTION_WORDS]
    found = found if len(found) > 1 else [word for word in found if len(word) > 2]
    return bool(found) and not re.fullmatch(r"\w+(?: \w+)?|[-\d.,/\\$ ]+[A-Za-z]+(?: [A-Za-z]+)?\$?", text)


def _signed(text: str, box: tuple[int, int, str]) -> tuple[int, int, str]:
    """A box with the sign that stands in front of it, where that belongs to no difference and is no dash."""
    start, end, content = box
    match = SIGN.search(text, max(0, start - 16), start)
    if match is None or (match[1] == "$" and not _opens(text, match.end(1))):
        return box
    sign, content = "-" if match[2] in "−–" else match[2], content.strip()
    return match.start(2), end, f"{sign}{content}" if NUMERAL.fullmatch(content) else f"{sign}({content})"


def _opens(text: str, end: int) -> bool:
    """Whether the dollar sign that ends here opens a formula of its line."""
    count = text.count("$", text.rfind("\n", 0, end) + 1, end)
    return bool((count // 2 if text[end - 2 : end] == "$$" else count) % 2)


def _joined(text: str, found: list[tuple[int, int, str]]) -> str:
    parts = [found[-1][2].strip()]
    for earlier, later in zip(found[-2::-1], found[:0:-1], strict=True):
        gap = text[earlier[1] : later[0]]
        if later[0] < earlier[1] or len(gap) > 60 or not (gap.strip() == "" or JOINT.fullmatch(gap)):
            break
        if earlier[2].strip() not in parts:
            parts.insert(0, earlier[2].strip())
    return ", ".join(parts)


def _last_value(text: str) -> str | None:
    """The last formula or bare number in a text, whichever ends later; "$1$ and $2$" are taken together."""
    formulas = list(MATH.finditer(text))
    last_end = formulas[-1].end() if formulas else 0
    numbers = [
        match
        for match in NUMBER.finditer(text, last_end)
        if not NOT.search(text, max(0, match.start() - 14), match.start())
    ]
    if formulas and (not numbers or re.fullmatch(r"[\s,]*(?:and|or)?\s*", text[last_end : numbers[-1].start()])):
        parts = [_formula(formulas[-1])]
        for earlier, later in zip(formulas[-2::-1], formulas[:0:-1], strict=True):
            gap = text[earlier.end() : later.start()]
            if QUALIFIER.fullmatch(gap):
                return text[earlier.start() :].strip(" .")
            if not re.fullmatch(r"\s*(?:,|and|or|,\s*and)\s*", gap):
                break
            parts.insert(0, _formula(earlier))
        return ", ".join(parts).strip() or None
    if not numbers:
        return None
    compared = COMPARED.search(text, max(0, numbers[-1].start() - 16), numbers[-1].start())
    return f"{compared[0] + ' ' if compared else ''}{numbers[-1][0]}".strip()


def _formula(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()
