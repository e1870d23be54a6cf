r"""An answer as text: what carries no meaning is taken away, what is written in many ways is written in one.

Nothing here decides what an answer is; it makes LaTeX, Unicode and plain writing look alike to the parser.
"""

from __future__ import annotations

import re

from .extract import extract
from .signs import plain

# A command of one of these kinds only says how its argument looks.
LOOKS = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathtt|mathbin|mathord|boldsymbol|bm|pmb|emph|underline|vec|overrightarrow"
    r"|overline(?=\{[A-Z]{2}\})|bar(?=\{[A-Z]{2}\})|ensuremath|mathop|displaylines|(?:text)?color\s*(?:\[\w+\])?\{[\w!.,# ]+\}"
    r"|f?colorbox(?:\{\w+\}){1,2}|widehat|hat|tilde|tiny|scriptsize|footnotesize|small|normalsize|[lL]arge|LARGE|[hH]uge"
    r"|bfseries|itshape|bf|it|boldmath|underbar|strut)(?![A-Za-z])"
)
TEXT = re.compile(r"\\(?:text(?:rm|bf|it|normal|sf|tt|sc)?|mbox|hbox|mathrm|rm|operatorname\*?)(?![A-Za-z])\s*")
SPACE = re.compile(
    r"(\\\\)|\s*\\!\s*|\\[,;:> ]|~|\\(?:q?quad|thinspace|enspace|enskip)(?=[A-Za-z]?(?:[^A-Za-z]|$))"
    r"|\\[hv]space\*?\{[^{}]{0,20}\}|\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|nonumber|hfill)(?![A-Za-z])"
    r"|\\phantom\s*(?:\{[^{}]{0,40}\}|\\?.)"
)
SIZE = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\s*\.?")
DEGREE = re.compile(
    r"\s*\^\s*(?:\{\s*(?:\\circ|\\degree|\\text\{\s*o\s*\})\s*\}|\\circ(?![A-Za-z])|\\degree(?![A-Za-z]))|\\degree(?![A-Za-z])"
)
ORDINAL = re.compile(r"(?<=\d)\s*\^?\s*(?:\{\s*)?\\text\{\s*(?:st|nd|rd|th)\s*\}(?:\s*\})?|(?<=\d)(?:st|nd|rd|th)\b")
PERCENT = re.compile(r"\\%|\\text\{\s*(?:\\?%|percent(?:age)?|pct\.?)\s*\}|(?<![A-Za-z\\])(?:percent(?:age)?|pct)\b")
NUMBER_SET = re.compile(
    r"\\in\s*\{?(?:\\(?:mathbb|mathbf|mathrm|Bbb|bf|bm|boldsymbol)\s*)?\{?\s*([NZRQC])\s*\}*(?![A-Za-z])((?:\s*[_^]\s*\{?[*+]\}?)?)"
)
BARE = str.maketrans({"\\": " ", ".": " "})
# Other ways to write a fraction, a binomial, a quantity (siunitx), a set.
WRITINGS = (
    (re.compile(r"\{([^{}]{1,80})\\over(?![A-Za-z])([^{}]{1,80})\}|^([^{}=,]{1,80})\\over(?![A-Za-z])([^{}=,]{1,80})$"), r"\\frac{\1\3}{\2\4}"),
    (re.compile(r"\\num\s*\{([^{}]{1,40})\}"), r"\1"),
    (re.compile(r"\\ang\s*\{([^{}]{1,40})\}"), r"\1^\\circ"),
    (re.compile(r"\\(?:SI|qty)\s*\{([^{}]{1,40})\}\s*\{([^{}]{1,40})\}"), lambda m: rf"{m[1]} \text{{ {m[2].translate(BARE)}}}"),
    (re.compile(r"(?<![\w})\]])(?:\{\})?[\^_](?:\{(\w{1,6})\}|(\w))\s*\{?C\}?_(?:\{(\w{1,6})\}|(\w))"), r"\\binom{\1\2}{\3\4}"),
    (re.compile(r"^\{([^|{}\\]{1,40})\|([^|{}]{1,80})\}$"), r"\\{\1|\2\\}"),
    (re.compile(r"^(\$?)(\d{1,3})\.(\d{3}),(\d{1,2})(\$?)$"), r"\1\2\3.\4\5"),
)
# Line breaks and wide spaces, which separate where both sides of them are relations.
BREAK = re.compile(r"\\\\(?:\[\d+\w+\])?|\\q?quad(?![a-z])|\n")
RELATION = re.compile(r"[=<>≤≥≠]|\\(?:le|ge|ne|leq|geq|neq|lt|gt|equiv|in|approx)(?![A-Za-z])")
SYSTEM = re.compile(r"\\(?:left\s*\\)?\{\s*\\begin\{(array|aligned|matrix|gathered|split)\}(?:\{[lcr| ]*\})?(.*?)\\end\{\1\}(?:\s*\\right\s*\.)?(?!\s*\\(?:right\s*\\)?\})", re.DOTALL)
ABOUT = re.compile(r"^(?:\\text\{\s*)?(?:[Aa]bout|[Aa]pprox(?:imately|\.)?|[Rr]oughly|[Aa]round|[Ee]xactly|[Oo]nly|[Jj]ust)\s*\}?(?![A-Za-z])\s*(?=[-\d\\.$(])")
CHOICE = re.compile(
    r"^(?:\\text\{)?\s*(?:[Tt]he\s+)?(?:[Cc]orrect\s+)?(?:[Aa]nswer|[Cc]hoice|[Oo]ption)(?:\s+(?:choice|option))?\s*(?:is\b)?\s*:?\s*(\(?[A-J]\)?)(?![A-Za-z'_^(])"
)

SAME_WORDS = {
    **dict.fromkeys(("no solution", "no solutions", "none", "empty", "empty set", "no real solution", 
                     "no real solutions", "emptyset", "no solution exists", "there are no solutions"), "no solution"),
    **dict.fromkeys(("does not exist", "dne", "undefined", "not defined"), "undefined"),
    **dict.fromkeys(("all real numbers", "all reals", "all real", "reals", "real numbers"), "all real numbers"),
}  # fmt: skip


def clean(text: str) -> str:
    """An answer with one way of writing for one thing; at worst what came in, stripped."""
    text = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", plain(text.strip()))
    if "\\begin" not in text or not re.search(r"(?<!\\)\\[A-Za-z]", text):  # no matrix: escaped once too often
        text = re.sub(r"\\\\(?=[A-Za-z]{2}|[,;!%${}()\[\]])", r"\\", text)
    if "\\boxed" in text or "\\fbox" in text:
        text = extract(text) or re.sub(r"\\[fb]\w{0,4}ox(?:ed)?\s*\{?", "", text)
    for pattern, written in WRITINGS if re.search(r"[\\C|,]", text) else ():
        text = pattern.sub(written, text)
    if "\\begin" in text:
        text = SYSTEM.sub(r"\\begin{cases}\2\\end{cases}", text)
    else:
        text = _separated(text)
    text = re.sub(r"\\\\|\\[()\[\]]", lambda m: m[0] if m[0] == "\\\\" else " ", text)
    text = text.replace("\\$", "\0").replace("$", " ").replace("\0", "\\$")
    text = re.sub(r"(?<![\d.,])\d{1,3}(?:\s*(?:\{,\}|\{?\\[,;: !]\}?|,\\[!,]|\\thinspace)\s*\d{3}(?!\d))+", _grouped, text)
    text = re.sub(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d.,]| \d)", lambda m: m[0].replace(" ", ""), text)
    text = SIZE.sub("", SPACE.sub(lambda m: m[1] or ("" if "!" in m[0] else " "), text))
    text = re.sub(r"\\(?:[dtc]frac|[ns]icefrac|sfrac)(?![a-z])", r"\\frac", re.sub(r"\\[dt]binom(?![a-z])", r"\\binom", text))
    text = NUMBER_SET.sub(lambda m: rf"\in \mathbb{{{m[1]}}}" + re.sub(r"[{}]", "", m[2] or ""), text)
    text = TEXT.sub(r"\\text", LOOKS.sub("", text))
    text = re.sub(r"\\text([A-Za-z0-9])", r"\\text{\1}", text)
    text = re.sub(r"(?<=[)\]])\s*U\s*(?=[(\[])", r"\\cup ", re.sub(r"\\[lc]dots(?![a-z])|\.\.\.", r"\\dots ", text))
    text = re.sub(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)", r"\\times ", text)
    text = re.sub(r"(?:\\text\{\s*)?(?<![A-Za-z])(?:Rs\.?|INR)(?![A-Za-z])\s*\}?\s*(?=\d)", "₹", text)
    text = DEGREE.sub(r"\\deg ", PERCENT.sub("% ", ORDINAL.sub(" ", text)))
    text = re.sub(r"\\deg\s+(?:\\text\{\s*[CF]\s*\}|[CF]\b)", r"\\deg ", text)
    text = re.sub(r"\*\*", "^", re.sub(r"^\*\*(.{1,200}?)\*\*$", r"\1", text.strip()))
    text = text.strip(' \t\r\n"`')
    text = re.sub(r"^(?:[Tt]he\s+|=|\\approx(?![a-z])|\\implies|\\Rightarrow|\\therefore)\s*", "", text)
    while text and (text[-1] in ".,;:" or text.endswith("\\\\") or (text[-1] == "\\" and text[-2:] != "\\\\")):
        text = text[:-1].rstrip()
    text = ABOUT.sub(lambda m: "\\text{" if m[0].startswith("\\text") and "}" not in m[0] else "", text)
    if choice := CHOICE.match(text):
        text = f"({choice[1].strip('()')}) " + re.sub(r"^\s*[:.]\s*|(?<!\\)\}\s*$" if text[:5] == "\\text" else r"^\s*[:.]\s*", "", text[choice.end() :])
        text = text.strip()
    whole = re.fullmatch(r"\\text\{([^{}\\]*)\}", text)
    return whole[1].strip().rstrip(".,").strip() if whole and whole[1].strip() else text


def _grouped(match: re.Match[str]) -> str:
    """Digits in groups of three without what separates the groups; `1,\,234` may be two numbers."""
    return re.sub(r"[^\d,]", "", match[0]) if r",\," in match[0] else re.sub(r"\D", "", match[0])


def _separated(text: str) -> str:
    """Relations that stand on lines of their own, or with wide spaces between them, with commas between them."""
    parts = BREAK.split(text)
    out = parts[0]
    for part, gap in zip(parts[1:], BREAK.findall(text), strict=True):
        relations = RELATION.search(out) and (found := RELATION.search(part)) and part[: found.start()].strip(" &$")
        out += (", " if relations and not out.rstrip().endswith(",") else gap if gap != "\\\\" or not relations else " ") + part
    return out


def squeezed(text: str) -> str:
    """Cleaned text without the spaces and braces that change nothing; for comparing as written."""
    text = re.sub(r"(?<=[\d}])\s+(?=\d)|(?<=\d,)\s+(?=\d{3}(?!\d))", "\x01", text)
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", text)
    return re.sub(r"([_^])\{(\w)\}", r"\1\2", re.sub(r"\s+", "", text))


def words(text: str) -> str:
    """A text answer for comparing: lower case, letters and digits, without articles and commands."""
    text = re.sub(r"\\text\b|\\[A-Za-z]+", " ", text).casefold()
    return " ".join(w for w in re.findall(r"[^\W_]+", text) if w not in ("the", "a", "an"))
