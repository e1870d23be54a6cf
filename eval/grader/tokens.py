r"""The signs of an answer: LaTeX or plain writing cut into numbers, names, commands and texts."""

from __future__ import annotations

import re

from .units import MEASURES
from .units import SHORT as SHORT_UNITS

Token = tuple[str, str, bool]  # kind (num, text, sym), value, whether a space stands before

TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<thousands>(?<![\d,.])[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?![\d]|,\d))"
    r"|(?P<number>(?:\d+\.\d+[eE][+-]?\d{1,3}|\d+[eE]\d{1,3}|\d+[eE][+-]\d{1,3}(?![A-Za-z\\^]))(?![\d.])|\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<text>\\text\s*\{)"
    r"|(?P<command>\\[A-Za-z]+|\\.)|(?P<cjk>[\u4e00-\u9fff]+)|(?P<word>[^\W\d_\u4e00-\u9fff]+)|(?P<two><=|>=|!=|\|\||==|->)|(?P<one>[^\s])",
    re.DOTALL,
)
_FUNCTIONS = (
    "sin cos tan cot sec csc arcsin arccos arctan arccot cis sinh cosh tanh sech csch coth arcsinh arccosh arctanh "
    "log ln lg exp gcd lcm max min det floor ceil"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
WORD_COMMANDS = {
    **{name: "\\" + name for name in (*FUNCTIONS, "sqrt", "pi", "theta", "alpha", "beta", "infty", "binom")},
    "infinity": "\\infty", "Infinity": "\\infty",
    "inf": "\\infty", "oo": "\\infty", "and": "\\and", "or": "\\or", "asin": "\\arcsin",
    "acos": "\\arccos", "atan": "\\arctan", "union": "\\cup", "mod": "\\mod", "tg": "\\tan",
    **{name: f"\\arc{name[-4:]}" for name in ("arsinh", "arcosh", "artanh", "asinh", "acosh", "atanh")},
    "sen": "\\sin", "arcsen": "\\arcsin", "cosec": "\\csc",
    "ctg": "\\cot", "arctg": "\\arctan", "arcctg": "\\arccot", "cbrt": "\\cbrt", "abs": "\\abs",
}  # fmt: skip
INVERSE = {name: "arc" + name for name in ("sin", "cos", "tan", "cot", "sinh", "cosh", "tanh")}
RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=",
    "\\le": "<=", "\\leq": "<=", "\\leqslant": "<=", "\\leqq": "<=", "\\geqq": ">=",
    "\\ge": ">=", "\\geq": ">=", "\\geqslant": ">=", "\\lt": "<", "\\gt": ">", "\\ne": "!=", "\\neq": "!=", 
    "\\in": "in", "\\notin": "notin", "\\subset": "sub", "\\subseteq": "sub", "\\approx": "~", "\\equiv": "mod",
    "\\cong": "~",
    "\\simeq": "~", "\\doteq": "~", "\\colon": ":", "\\coloneqq": "=", "\\sim": "sim", "\\propto": "prop",
    "\\parallel": "par", "\\perp": "perp",
}  # fmt: skip
SET_OPERATORS = {
    "\\cup": "cup",
    "\\cap": "cap",
    "\\bigcup": "cup",
    "\\bigcap": "cap",
    "\\setminus": "setminus",
    "\\backslash": "setminus",
    "\\smallsetminus": "setminus",
}
_NAMES = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega hbar angle triangle "
    "measuredangle odot square star complement sum prod int lim partial nabla aleph dots ldots cdots"
)
NAMES = frozenset("\\" + name for name in _NAMES.split())
MATRICES = frozenset(("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "vmatrix", "Vmatrix"))
SYSTEMS = frozenset(("cases", "dcases", "rcases", "aligned", "align", "gathered", "gather", "split", "eqnarray"))
# Other names of signs.
BARS = {
    "\\tg": "\\tan",
    "\\ctg": "\\cot",
    "\\arctg": "\\arctan",
    "\\cosec": "\\csc",
    "\\varphi": "\\phi",
    "\\varepsilon": "\\epsilon",
    "\\vartheta": "\\theta",
    "\\varrho": "\\rho",
    "\\varsigma": "\\sigma",
    "\\hslash": "\\hbar",
    "\\ell": "l",
    **dict.fromkeys(("\\lor", "\\vee"), "\\or"),
    **dict.fromkeys(("\\land", "\\wedge", "\\&"), "\\and"),
    "\\forall": "\\where",
    "\\lvert": "|",
    "\\rvert": "|",
    "\\vert": "|",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\lbrack": "[",
    "\\rbrack": "]",
}
CLOSERS = frozenset((")", "]", "}", "\\}", "\\rangle", "\\rfloor", "\\rceil", "\\end", "&", "\\\\"))
SEPARATORS = frozenset((",", ";", "\\and", "\\or"))
WHERE, IF = "\\where", "\\if"  # before a condition: one that names what a letter is, one that restricts

# What cannot begin a factor that stands beside another without a sign between them.
NO_FACTOR = frozenset(
    (
        "", "<text>", "%", "\\deg", "\\$", "€", "£", "¢", "₹", "¥", "+", "-", "\\pm", "\\mp", "^", "_",
        "'", "!", ".", "?",
        '"', "*", "\\cdot", "\\times", "\\ast", "/", "\\div", "\\d", WHERE, IF,
        "\\pmod", "\\bmod", "\\mod", "\\mid", "\\choose", ":", *CLOSERS, *SEPARATORS, *RELATIONS, *SET_OPERATORS,
    )
)  # fmt: skip
LEAD = re.compile(
    r"\s*,?\s*(?:and\s+)?(?:(where|with|for|such that|as)|(if|when|given|provided))\b(.*)",
    re.DOTALL,
)
LETTER_UNITS = frozenset("msghLJNWKlVCATFH")
PRODUCTS = frozenset(("eV", "hA", "dB", "aU", "cC", "wB", "wH"))  # units where a number stands before
WORDS = frozenset(("An", "At", "In", "It", "On", "No", "Hz"))
SURE_UNITS = frozenset(("cm", "km", "mm", "kg", "ft", "mph", "lbs"))
COUNTED = frozenset(("AM", "PM", "men", "USD", "EUR", "GBP", "INR", "CNY", "RMB"))  # words after a number
CURRENCIES = ("\\$", "€", "£", "$", "₹", "¥")


class ParseError(Exception):
    """The text is not of the grammar."""


def tokens(text: str, thousands: bool) -> list[Token]:
    """(kind, value, whether a space stands before) of each token; in order."""
    out: list[Token] = []
    space, place = False, 0
    while place < len(text):
        match = TOKEN.match(text, place)
        assert match is not None
        kind, value, place = match.lastgroup, match[0], match.end()
        if kind == "space":
            space = True
            continue
        if kind == "thousands":
            if not thousands:
                match = re.compile(r"\d+").match(text, match.start())
                assert match is not None
                value, place = match[0], match.end()
            out.append(("num", value.replace(",", ""), space))
        elif kind == "number":
            out.append(("num", value, space))
        elif kind == "text":
            end = text.find("}", place)
            if end < 0 or "{" in text[place:end]:
                raise ParseError("a text without end")
            below = text[end + 1 : end + 2] == "_" and re.fullmatch("[A-Z]", text[place:end])  # 3\mathrm{C}_5^2
            out.extend(
                [("sym", text[place:end], space)] if below else _text(text[place:end], space, out, text[end + 1 :])
            )
            place = end + 1
        elif kind == "word":
            for _ in range(_arguments(out)):  # \frac Lg
                if len(value) > 1 and value.isascii():
                    out.append(("sym", value[0], space))
                    value, space = value[1:], False
            if (
                re.fullmatch(r"[A-Z][a-z]", value)
                and (text[place : place + 1] in ("^", "_") or value[1] in "xyznt")
                and value not in WORDS
            ):
                out.extend([("sym", value[0], space), ("sym", value[1], False)])  # Ce^x, Ax
            elif value == "in" and space and out and re.match(r"\s*\^\s*\{?[23]", text[place:]):
                out.append(("text", value, space))  # 5 in^2
            else:
                out.extend(_word(value, space, out))
        elif kind == "cjk":
            out.append(("text", value, space))
        else:
            out.append(("sym", BARS.get(value, value), space))
        space = False
    out = _separated(out)
    if len(out) > 1 and out[-1] == ("sym", "\\Omega", True) and out[-2][0] == "num":
        out[-1] = ("text", "ohm", True)
    return out


def _arguments(before: list[Token]) -> int:
    """How many arguments of a fraction without braces come next."""
    last = [value for _, value, _ in before[-2:]]
    if last[-1:] == ["\\frac"]:
        return 2
    return int(last[:1] == ["\\frac"] and last[1] != "{" and not last[1][1:].isdigit())


def _separated(stream: list[Token]) -> list[Token]:
    """A second equation after a space, as in "a = 1 b = 2", with a comma before it."""
    equations = [place for place, token in enumerate(stream) if token[:2] == ("sym", "=")]
    for place in equations[:0:-1]:
        start = place - 1
        if start > 1 and stream[start - 1][1] == "_":  # a_2
            start -= 2
        elif (
            stream[start][1] == "}"
            and (open_ := next((i for i in range(start, 0, -1) if stream[i][1] == "{"), 0)) > 1
        ):
            start = open_ - 2 if stream[open_ - 1][1] == "_" else place
        if start <= 0 or start >= place:
            continue
        (kind, value, space), before = stream[start], stream[start - 1]
        name = kind == "sym" and value.isalpha() and space
        if (
            name
            and (before[0] == "num" or before[1].isalpha() or before[1] in (")", "}", "]"))
            and "=" in [token[1] for token in stream[:start]]
        ):
            stream = [*stream[:start], ("sym", ",", False), *stream[start:]]
    return stream


def _text(content: str, space: bool, before: list[Token], after: str) -> list[Token]:
    bare = content.strip()
    if re.fullmatch(r"[,;]?\s*(?:and|or|,)?\s*,?", bare):
        return [("sym", "\\or" if "or" in bare else "\\and", space)] if bare else []
    if before and (joined := re.fullmatch(r"(.*\w)\s*,?\s+(and|or)", bare)) and before[-1][0] == "num":  # 2 cats and
        return [("text", joined[1], space), ("sym", "\\" + joined[2], True)]
    below = len(before) > 2 and before[-1][1] == "{" and "\\frac" in (before[-2][1], before[-min(len(before), 5)][1])
    power = len(before) > 3 and before[-3][1] == "^" and before[-4][0] == "text"  # m^2/s
    below = below or (
        len(before) > 1 and before[-1][1] in ("\\cdot", "/", "*", "-") and (before[-2][0] == "text" or power)
    )
    letter = bare in LETTER_UNITS or (bare == "M" and (space or content[0] == " "))  # 5M may be five million
    if letter and before and (before[-1][0] in ("num", "text") or before[-1][1] in (")", "}") or below):
        return [("text", bare, space)]
    if re.fullmatch(r"[A-Za-z]", bare) or re.fullmatch(r"-?\d+(?:\.\d+)?", bare):
        return [("sym" if bare.isalpha() else "num", bare, space)] if bare[0] != "-" else [("text", bare, space)]
    if before and (lead := LEAD.fullmatch(bare)):
        return [("sym", WHERE if lead[1] else IF, space), *_condition(lead[3])]
    if bare == "to" and before and (before[-1][0] == "num" or before[-1][1] == "}"):  # a ratio
        return [("sym", ":", space)]
    last = bool(before) and before[-1][1] in (")", "}") and not re.match(r"\s*[\\({A-Za-z\d_^]", after)
    counted = last or (bool(before) and (before[-1][0] == "num" or before[-1][1] == "/"))
    if bare in WORD_COMMANDS and not (counted and bare in SHORT_UNITS):
        return [("sym", WORD_COMMANDS[bare], space)]
    return [("text", content, space)]


def _condition(text: str) -> list[Token]:
    """The tokens of a condition in words: letters are names, longer words are texts."""
    out: list[Token] = []
    for match in re.finditer(r"[^\W\d_]+|\d+|<=|>=|!=|[^\s\w]", text):
        kind = "num" if match[0].isdigit() else "text" if len(match[0]) > 1 and match[0].isalpha() else "sym"
        out.append(("sym", "\\and", True) if match[0] in ("and", ",") else (kind, match[0], True))
    return out


def _word(word: str, space: bool, before: list[Token]) -> list[Token]:
    """A run of letters: a function, a unit, a name such as AB, a text, or a product of variables."""
    if word in ("min", "sec") and space and before and before[-1][0] == "num":
        return [("text", word, space)]
    if word in WORD_COMMANDS:
        return [("sym", WORD_COMMANDS[word], space)]
    if word == "per" and space and before and before[-1][0] in ("num", "text"):
        return [("text", word, space)]
    of_unit = len(before) > 1 and before[-1][1] == "/" and before[-2][0] == "text"
    if of_unit and (word in LETTER_UNITS or word in SHORT_UNITS):  # km/h
        return [("text", word, space)]
    if word == "a" and before and before[-1][:2] == ("text", "is"):  # c is a constant
        return [("text", word, space)]
    if len(word) == 1:
        return [("sym", word, space)]
    if word == "to" and space and before and before[-1][0] == "num":
        return [("sym", ":", space)]
    if word.islower() and word not in ("if", "for") and space and before and before[-1][0] == "text":
        return [("text", word, space)]
    if before and word in ("where", "with", "for", "if", "when") and space:
        return [("sym", IF if word in ("if", "when") else WHERE, space)]
    if any(token[1] in (WHERE, IF) for token in before) and word.islower() and word in ("is", "an", "all", "any"):
        return [("text", word, space)]
    if before and before[-1][1] in ("_", "^") and word.isascii():  # F_nF_m
        return [("sym", word[0], space), *_word(word[1:], False, [])]
    if glued := re.fullmatch(r"(and|or)([A-Z])", word):
        return [("sym", WORD_COMMANDS[glued[1]], space), ("sym", glued[2], False)]
    if before and space and word in SURE_UNITS:
        return [("text", word, space)]
    if (
        before
        and before[-1][0] == "num"
        and (word in SHORT_UNITS or word in COUNTED or (len(word) > 3 and not word.isupper()))
    ):
        return [("text", word, space)]
    if word.isupper():
        return [("sym", word, space)]
    for name in ("sqrt", "sin", "cos", "tan", "log", "ln", "pi"):  # "xsin", "2pi" is two tokens already
        if word.endswith(name) and len(word) <= len(name) + 2 and word[: -len(name)].islower():
            return [("sym", letter, False) for letter in word[: -len(name)]] + [("sym", "\\" + name, False)]
    if len(word) <= 3 and word.isascii() and (word.islower() or _physical(word, space, before)):
        return [("sym", letter, space and index == 0) for index, letter in enumerate(word)]
    return [("text", word, space)]


def _physical(word: str, space: bool, before: list[Token]) -> bool:
    """Whether small and capital letters are a product: kT, nRT, GMm; but 5 mL, 5kW."""
    counted = bool(before) and before[-1][0] == "num"
    if (word.lower() in MEASURES and (counted or word not in PRODUCTS)) or (
        counted and (space or re.fullmatch("[mk][AJNVW]", word))
    ):
        return False
    return (word[0].islower() and word[1:].isupper()) or (
        bool(before) and re.fullmatch("[A-Z]{2}[a-z]", word) is not None
    )
