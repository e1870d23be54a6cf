"""The ways to write one thing, as steps of search and replacement that `clean` takes in order."""

from __future__ import annotations

import re
from collections.abc import Callable

from .numerals import leading
from .unit_rewrites import MICRO, MINUTES, MIXED, OHMS, SOLAR, of_minutes, of_two_units

# A step is taken only where its first part occurs in the text.
Step = tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]]

# A command of one of these kinds only says how its argument looks.
LOOKS = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathtt|mathbin|mathord|boldsymbol|bm|pmb|emph|underline|vec|overrightarrow"
    r"|overline(?=\{[A-Z]{2}\})|bar(?=\{[A-Z]{2}\})|ensuremath|mathop|displaylines"
    r"|(?:text)?color\s*(?:\[\w+\])?\{[\w!.,# ]+\}"
    r"|colorbox\{\w+\}|fcolorbox(?:\{\w+\}){2}|widehat|hat|tilde|tiny|scriptsize|footnotesize|small|normalsize|[lL]arge|LARGE|[hH]uge"
    r"|bfseries|itshape|bf|it|boldmath|underbar|(?:math)?strut|framebox)(?![A-Za-z])"
)
SPACE = re.compile(
    r"(\\\\)|\s*\\!\s*|\\[,;:> ]|~|\\(?:q?quad|thinspace|enspace|enskip)(?=[A-Za-z]?(?:[^A-Za-z]|$))"
    r"|\\[hv]space\*?\{[^{}]{0,20}\}|\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|nonumber|hfill)(?![A-Za-z])"
    r"|\\phantom\s*(?:\{[^{}]{0,40}\}|\\?.)"
)
# 5/6 (approximately 0.833).
NEARLY = re.compile(
    r"(?<=\S)\s*(?:\\text\s*\{\s*\(|\()\s*(?:\\text\s*\{\s*)?(?:\\approx(?![a-z])|approx(?:imately|\.)?|about|roughly)\s*\}?"
    r"\s*(-?\d[\d.]*)\s*(?:\\text\s*\{\s*\)\s*\}|\))$"
)
EDGES = re.compile(
    r"^(?:\s|\\[,;:!]|~|\\(?:q?quad|displaystyle|textstyle)(?![a-z]))+"
    r"|(?:\s|(?<!\\)\\[,;:!]|~|\\q?quad|(?<![.\\])[.,](?=[^.,]*$))+$"
)
DEGREE = re.compile(
    r"\s*\^\s*(?:\{\s*(?:\\circ|\\degree|\\text\{\s*o\s*\})\s*\}|\\circ(?![A-Za-z])|\\degree(?![A-Za-z]))|\\(?:degree|textdegree)(?![A-Za-z])"
)
MINUTES_IN_WORDS = re.compile(
    r"^(?:\\text\s*\{\s*)?(\d+)\s*(?:\\text\s*\{\s*)?degrees?\s*,?\s*(?:and\s+)?\}?\s*(\d{1,2})\s*(?:\\text\s*\{\s*)?minutes?\s*\}?$"
)
SQUARE_ROOT = re.compile(r"^(?:\\text\s*\{\s*)?(?:[Tt]he\s+)?[Ss]quare root of\s*\}?\s*(\d+)\s*\}?$")
OVER = re.compile(
    r"\{([^{}]{1,80})\\over(?![A-Za-z])([^{}]{1,80})\}|^([^{}=,]{1,80})\\over(?![A-Za-z])([^{}=,]{1,80})$"
)
# 1101 (base 2), 1101_{\text{base }2}: the name of the base is the last group.
BASE = re.compile(
    r"(?<=[0-9A-Z])\)?\s*(?:_\{?\s*)?(?:\\text\s*\{\s*)?\(?\s*(?:in\s+)?base[\s-]*\}?\s*(\d{1,2}|[a-z]{3,7}|\{\d{1,2}\})"
    r"\s*\)?\s*\}*\s*\)?$"
)
ENDING = re.compile(r"(?:\\(?:checkmark|blacksquare|qed|qedsymbol)(?![A-Za-z])|[✓✔■∎✅])\s*$")
# What says only that the value after it is the answer, or of what it is the value.
IS = re.compile(
    r"^\\text\s*\{\s*(?!.*\\text\{[a-z ]+:\})(?!(?:[^{}]*\W)?(?:[Nn]ot|no|than|if|when|least|most"
    r"|[Cc]annot|[Nn]ever|[Ww]rong|[Ii]ncorrect|bound|[Gg]uess|\w+n't)\b)"
    r"[^{}\\\d<>=]{2,80}?(?:\b(?:is|are|equals|be)\b|[:=])\s*:?\s*\}\s*"
    r"|^(?:[Tt]he\s+)?(?:[Ff]inal\s+)?(?:[Aa]nswer|ANSWER)\s*(?:is\b|[:=])\s*:?\s*"
)
# The same in words all along: the area is 5, There are 12 ways, It is Tuesday.
IS_IN_WORDS = re.compile(
    r"^((?:\\text\s*\{\s*)?)(?=[A-Za-z])(?!.*\b(?:not|no|than|if|when|least|most|or|and|between|from)\b)"
    r"(?:[A-Za-z][A-Za-z' ]{0,60}?\s(?:is|are|equals)\s+(?:exactly\s+)?(?=[-\d(\[]|\\(?:frac|sqrt|pi|\$|left))"
    r"|It\s+(?:is|was|will\s+be)\s+(?:on\s+)?(?:an?\s+)?(?=[A-Za-z]+\.?\}?$))"
)
ALL = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:[Ff]or\s+)?[Aa]ll\s+(?:(?:positive|natural|real|whole)\s+)?(?:integers?|numbers?|reals|values\s+of)?"
    r"\s*\}?\s*(?=[a-z]\s*(?:[=<>]|\\(?:ge|le|gt|lt|ne|in|equiv)))"
)
# The greatest or least value of something: f(x)_{\max} =.
EXTREME = re.compile(r"^[^=,;<>]{1,40}[)\]]\s*_\s*\{?\s*(?:\\text\s*\{)?\s*\\?(max|min)\s*\}{0,2}\s*(?==)")
# The name of a line or a curve before its equation.
LINE = re.compile(r"^(?:\\ell|[lLCE]|[A-Z]{2})(?:_\{?\d\}?)?\s*:\s*(?=[^:]*[xy][^:]*=[^:]*$)")
# The name of a number that an operator gives: \Pr(A) =, \dim V =, (f \circ g)(1) =, \sum a_i =.
OPERATOR = re.compile(
    r"^((?:\\(?:Pr|dim|deg)(?![A-Za-z])|\\#|\\text\s*\{\s*(?:gcd|lcm|GCD|LCM)\s*\}(?=\s*=)|\(?[A-Za-z]\s*\\circ\s*[A-Za-z]\)?\s*\("
    r"|\|\s*[A-Z]\s*\\c[au]p(?![a-z])"
    r"|\\sum\s*[a-z]_?)[^=<>]{0,40}?)=(?=[^=]*$)"
)
# Of which numbers an inequality is: all odd n >= 3.
PARITY = re.compile(
    r"^\\text\s*\{\s*(?:[Ff]or\s+)?(?:[Aa]ll\s+)?(odd|even|prime|composite)\s*(?:integers?|numbers?)?\s*\}"
    r"\s*([a-z]\s*(?:[<>]|\\(?:ge|gt|le|lt)q?(?![a-z])).*)$"
)
PERMUTED = re.compile(
    r"\s*,?\s*\\text\s*\{\s*,?\s*(?:and|or)\s+(?:(?:all|its|their|the|any|of)\s+)*permutations"
    r"(?:\s+(?:thereof|of\s+(?:it|them|these)))?\s*\}"
)
DIVIDES = re.compile(r"^(\d{1,6})\s*(?:\||\\mid(?![a-z]))\s*([a-z])$")  # 4 | n
ROW_GAP = re.compile(r"\\\\\*?\[\s*-?[\d.]+\s*(?:pt|e[mx]|[cm]m|in|mu|px|\\[A-Za-z]+)\s*\]")
# (0,5; 2): the commas of two numbers with a semicolon between them are decimal.
TWO_WITH_COMMAS = re.compile(r"^([(\[])\s*(-?\d+(?:,\d+)?)\s*;\s*(-?\d+(?:,\d+)?)\s*([)\]])$")
# 5 R 3, "5 with a remainder of 3".
REMAINDER = re.compile(
    r"^(\d+)\s*,?\s*(?:\\text\s*\{)?\s*(?:R|(?:with\s+(?:a\s+)?)?[Rr]emainder(?:\s+(?:of|is))?|(?<=\{\s)r|(?<=\{)r)\s*\}?"
    r"\s*(\d+)\s*\}?$"
)
# What kind of thing stands in brackets after it: the point (3, 4).
_KINDS = r"(?:[Tt]he\s+)?(?:ordered\s+)?(?:[Pp]oints?|[Ii]ntervals?|[Pp]airs?|[Tt]riples?|[Vv]ector|[Cc]oordinates)"
KIND_OF = re.compile(
    rf"^(?:\\text\s*\{{\s*)?{_KINDS}\s*(?:\}}|(?<=\s))\s*(?=[(\[][^{{}}]*$|[(\[].*[^}}]$)"
    rf"|^\\text\s*\{{\s*{_KINDS}\s+([(\[][^{{}}]*[)\]])\s*\}}$"
)
EXCEPT = re.compile(
    r"^(?:\\text\s*\{)?\s*[Aa]ll\s+real(?:s|\s+numbers)?\s*(?:\}?\s*[a-z]\s*(?:\\text\s*\{)?)?\s*,?\s*"
    r"(?:except|other than)(?:\s+for)?\s*\}?\s*(?:[a-z]\s*=\s*)?([-\d\\].*)$"
)
# All real numbers greater than 3, x is at least 2.
COMPARED = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:(?:[Tt]he\s+set\s+of\s+)?(?:[Aa]ll|[Aa]ny|[Ee]very)?"
    r"\s*[Rr]eal(?:s|\s+(?:numbers?|values))?(?:\s+of)?)?"
    r"\s*\}?\s*\$?([a-z]?)\$?\s*(?:\\text\s*\{)?\s*(?:that\s+(?:is|are)\s+|(?:is|are)\s+)?"
    r"(?:(?:strictly\s+)?(greater|larger|less|smaller)\s+than(\s+or\s+equal\s+to)?"
    r"|(?<=\s)(at\s+least|at\s+most))\s*\}?\s*([-\d\\][^,;]*)$"
)
# All real numbers x such that: an inequality follows.
SUCH_THAT = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:[Tt]he\s+set\s+of\s+)?(?:[Aa]ll\s+)?[Rr]eal(?:s|\s+numbers?|\s+values\s+of)?\s*\}?\s*\$?[a-z]\$?\s*"
    r"(?:\\text\s*\{)?\s*such\s+that\s*\}?\s*(?=[a-z-]?[^A-Za-z]*(?:[<>]|\\(?:ge|le|gt|lt|ne)))"
)
YEAR = re.compile(r"^((?:\\text\s*\{\s*)?)(?:[Ii]n\s+)?(?:the\s+)?[Yy]ear\s*(\}?)\s*(?=\d{3,4}\}?$)")
TRIANGLE = re.compile(r"\\bigtriangleup(?![a-z])|\\text\s*\{\s*[Tt]riangle\s*\}(?=\s*[A-Z]{3})")
PERMUTATIONS = re.compile(
    r"(?<![\w})\]])(?:\{\})?[\^_]\{?(\d{1,3})\}?\s*P_\{?(\d{1,3})\}?|\{\}_\{?(\w{1,3})\}?\s*P_\{?(\w{1,3})\}?"
)
# All multiples of 3, n is divisible by 3.
MULTIPLES = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:[Aa]ll\s+)?(?:integers\s+|numbers\s+|n\s+is\s+(?:a\s+)?)?(?:that\s+are\s+)?"
    r"(?:[Mm]ultiples?\s+of|divisible\s+by)\s*\}?\s*(\d{1,6})\s*\}?$"
)
# The kind of a curve before its equation.
CURVE = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:[Tt]he\s+)?(?:[Ll]ine|[Pp]lane|[Cc]ircle|[Pp]arabola|[Ee]llipse|[Hh]yperbola|[Ee]quation)"
    r"\s*:?\s*(?:\}|(?<=\s))\s*(?=[^={}A-Z]*=[^=]*$)"
)
DOLLARS_AND_CENTS = re.compile(
    r"^(?:\\text\s*\{\s*)?(\d+)\s*(?:\\text\s*\{\s*)?dollars?\s*\}?\s*(?:and\s*)?\}?\s*(\d{1,2})\s*(?:\\text\s*\{\s*)?cents?\s*\}?$"
)
# 24 centimeters squared.
POWERED = re.compile(
    r"(?<![A-Za-z])((?:(?:centi|milli|kilo|deci)?met(?:er|re)s?|feet|foot|inch(?:es)?|yards?|miles?|units?|[cmkd]?m|ft|in))"
    r"\s+(?:squared|cubed)(?![A-Za-z])"
)
CHOOSE = re.compile(r"(?<![\w})\]])(?:\{\})?[\^_](?:\{(\w{1,6})\}|(\w))\s*\{?C\}?_(?:\{(\w{1,6})\}|(\w))")
# v^2_0, \sigma^2_X, C^2_5: the index goes first.
RAISED_FIRST = re.compile(
    r"(?<![A-Za-z\\])([a-zCA]|\\(?:sigma|mu|tau|omega|alpha|beta|lambda|rho|chi))\s*\^\s*(\{\d\}|\d)\s*_\s*(\{\w{1,3}\}|\w)"
)
NUMBER_SET = re.compile(
    r"\\in\s*\{?(?:\\(?:mathbb|mathbf|mathrm|Bbb|bf|bm|boldsymbol)\s*)?\{?\s*([NZRQC])\s*\}*(?![A-Za-z])"
    r"((?:\s*[_^]\s*\{?[*+]\}?)?)"
)
THOUSANDS = re.compile(
    r"(?<![\d.,])[1-9]\d{0,2}(?:\s*(?:\{,\}|\{?\\[,;: !]\}?|,\\[!,]|\\thinspace|'|\{'\})\s*\d{3}(?!\d))+"
)
# Several values, each after its name in words: center (1, 2), radius 3; Tom: 5, Ann: 7.
LABEL = re.compile(
    r"(?:^|[,;]\s*+(?:\\text\s*+\{\s*+and\s*+\}\s*+)?|\\text\s*+\{\s*+[,;]?\s*+and\s*+\}\s*+"
    r"|(?=\\text\s*+\{\s*+(?:[,;]|and\s)))"
    r"(?:\\text\s*+\{\s*+[,;]?\s*+(?:and\s++)?(?:the\s++)?([A-Za-z][A-Za-z ]{0,40}?)\s*+(?:[:=]|\b(?:is|are)\b)?"
    r"\s*+\}\s*+[:=]?|\\?(max|min)(?![A-Za-z])\s*+[:=]?)\s*+(?=[-+\d(\[\\$.a-zA-Z])(?!\\text)"
)
_NO_LABEL = (
    "and or if not no when where for with such that than at most least all any every some each except only from "
    "between to in of is are odd even prime positive negative integer integers point interval"
)
NO_LABEL = frozenset(_NO_LABEL.split())
MONEY = {"pounds": "£", "euro": "€", "yen": "¥", "textdollar": "\\$"}
SCALES = {"C": r"\deg \text{celsius}", "F": r"\deg \text{fahrenheit}"}
BARE = str.maketrans({"\\": " ", ".": " "})


def _from_the_first(match: re.Match[str]) -> str:
    """The three points of an angle, from either side."""
    first, last = sorted((match[1], match[3]))
    return f" {first}{match[2]}{last}"


def _grouped(match: re.Match[str]) -> str:
    r"""Digits in groups of three without what separates the groups; `1,\,234` may be two numbers."""
    return re.sub(r"[^\d,]", "", match[0]) if r",\," in match[0] else re.sub(r"\D", "", match[0])


def _compared(match: re.Match[str]) -> str:
    """An inequality in words."""
    word, value = (match[2] or match[4]).split()[-1], match[5]
    sign = {"least": r"\ge", "most": r"\le", "greater": ">", "larger": ">"}.get(word, "<")
    sign = {"<": r"\le", ">": r"\ge"}[sign] if match[3] else sign
    return f"{match[1] or 'x'} {sign} {value[:-1] if value.count('}') > value.count('{') else value}"


def _closed(match: re.Match[str]) -> str:
    """What is left of a text whose last word goes."""
    return "" if "\\text" in match[0] else match[1]


def _percent_in_words(match: re.Match[str]) -> str:
    """A percentage whose number is in words; other words as they are."""
    found = leading(match[1])
    return f"{found[0]}% " if found and not found[1] else match[0]


def _pieces(match: re.Match[str]) -> str:
    """A text with formulas in it as texts and formulas."""
    parts = re.sub(r"^\\\w+\s*\{|\}$", "", match[0]).split("$")
    return "".join(part if place % 2 else rf"\text{{{part}}}" for place, part in enumerate(parts) if part.strip())


def _labelled(match: re.Match[str]) -> str:
    """An answer of several values, each after its name in words, with a colon after each name."""
    before, *found = LABEL.split(match[0])
    names = [
        re.sub("(m(?:ax|in))imum(?: value)?", r"\1", (a or b).casefold())
        for a, b in zip(found[::3], found[1::3], strict=True)
    ]
    said = {word for name in names for word in name.split()}
    if before or len(names) < 2 or len(set(names)) < len(names) or said & NO_LABEL:
        return match[0]
    return ", ".join(rf"\text{{{name}:}} {value.strip()}" for name, value in zip(names, found[2::3], strict=True))


BEFORE: tuple[Step, ...] = (
    ("\\\\[", ROW_GAP, r"\\\\ "),
    (".", re.compile(r"\b([ap])\.\s?m\b\.?"), r"\1m"),
    ("rac", re.compile(r"(?<![\\A-Za-z])\x0c?(?:[dt]?frac|rac)(?=\s*\{[^{}]*\}\s*\{)"), r"\\frac"),
    ("\\root", re.compile(r"\\root\s*\{?(\w+)\}?\s*\\of(?![A-Za-z])"), r"\\sqrt[\1]"),
    ("+/-", re.compile(r"\+/-"), r"\\pm "),
    ("\\cr", re.compile(r"\\cr(?![A-Za-z])"), r"\\\\"),
    ("\\not", re.compile(r"\\not\s*="), r"\\ne "),
    ("\\Bbb", re.compile(r"\\Bbb(?![A-Za-z])"), r"\\mathbb"),
    ("\\cent", re.compile(r"\\cent(?![A-Za-z])"), "¢"),
    ("//", re.compile(r"(?<=[A-Za-z\d}])\s*//\s*(?=[A-Za-z])"), r" \\parallel "),
    ("_", RAISED_FIRST, r"\1_\3^\2"),
    ("\\prime", re.compile(r"(?<=[A-Za-z])\s*\^\s*\{?\s*((?:\\prime\s*)+)\}?"), lambda m: "'" * m[1].count("p")),
    ("'", re.compile(r"\^\s*\{\s*('+)\s*\}"), r"\1"),
    ("angle", re.compile(r"(?<![A-Za-z\\])m\s*(?=\\(?:measured)?angle)|measured(?=angle)"), ""),
    ("\\angle", re.compile(r"(?<=\\angle)\s*\{?\s*([A-Z])([A-Z])([A-Z])\s*\}?(?![A-Za-z'_])"), _from_the_first),
    ("riangle", TRIANGLE, r"\\triangle "),
    ("P", re.compile(r"\\(?:Pr(?![a-z])|(?:mathbb|mathrm|operatorname|text)\s*\{?\s*P\s*\}?)(?=\s*[(\[])"), "P"),
    ("E", re.compile(r"\\(?:mathbb|mathrm|operatorname|text)\s*\{?\s*E\s*\}?(?=\s*[(\[]\s*[A-Z])"), "E"),
    ("const", re.compile(r"(?<=[+-])(\s*)\\text\s*\{\s*const(?:ant)?\.?\s*\}$"), r"\1C"),
    (":", re.compile(r"(?:\\(?:text|mathrm|mbox)\s*)?\{\s*:\s*\}"), ":"),
    ("modulo", re.compile(r"(?<![A-Za-z])modulo(?=\s*\}?\s*[\d{$])"), "mod"),
    ("mod", re.compile(r"\\(?:text|mathrm|mbox)\s*\{\s*\(\s*mod(?:\s+|\s*\}\s*)(\d+)\s*\)(?:\s*\})?"), r"\\pmod{\1}"),
    *((part, re.compile(rf"(?<=\d)\s*{part}$"), r"\\text{ angstrom}") for part in ("\u00c5", "\u212b")),
    ("squared", re.compile(r"(?<![A-Za-z])per\s+(second|minute|hour|sec)\s+squared(?![a-z])"), r"per square \1"),
    ("\\AA", re.compile(r"\\AA(?![A-Za-z])"), r"\\text{ angstrom}"),
    ("US", re.compile(r"(?<![A-Za-z])US\s*(?=\\?\$\s*\d)"), ""),
    ("ots", re.compile(r"(\\(?:overline|bar)\s*\{\d+\})\s*\\l?dots(?![a-z])"), r"\1"),
    ("arrow", re.compile(r"\\(?:long)?rightarrow(?![a-z])"), r"\\to "),
    ("per cent", re.compile(r"(?<![A-Za-z])per cent(?![A-Za-z])"), "percent"),
    ("P", PERMUTATIONS, r"P(\1\3,\2\4)"),
    ("C", re.compile(r"^(\d{1,3})\s?C\s?(\d{1,3})$"), r"\\binom{\1}{\2}"),
    (".", re.compile(r"^[-+]?\d{1,3}(?:\.\d{3}){2,}$"), lambda m: m[0].replace(".", "")),
    ("$", re.compile(r"\\(?:text(?:rm|bf|it|normal)?|mbox)\s*\{[^{}$]*(?:(?<!\\)\$[^$]*\$[^{}$]*)+\}"), _pieces),
    ("\\", re.compile(r"\\(?:mathrm|text|textbf)\s*(?=\{\s*-?\d*\s*\\(?:[dt]?frac|sqrt|pi)(?![A-Za-z]))"), ""),
    (
        "^", re.compile(r"\\(?:mathrm|text|rm)\s*\{(?:[^{}]|\^\s*\{\s*(?:-?\d|\d*[+-])\s*\})*\}"),
        lambda m: re.sub(r"\^\s*\{\s*(-?\d|\d*[+-])\s*\}", r"^\1", m[0]),
    ),
    ("\\over", OVER, r"\\frac{\1\3}{\2\4}"),
    ("\\", re.compile(r"\\(pounds|euro|yen|textdollar)(?![A-Za-z])"), lambda m: MONEY[m[1]]),
    ("\\num", re.compile(r"\\num\s*\{([^{}]{1,40})\}"), r"\1"),
    ("\\ang{", re.compile(r"\\ang\s*\{([^{}]{1,40})\}"), r"\1^\\circ"),
    (
        "\\", re.compile(r"\\(?:SI|qty)\s*\{([^{}]{1,40})\}\s*\{([^{}]{1,40})\}"),
        lambda m: rf"{m[1]} \text{{ {m[2].translate(BARE)}}}",
    ),
    ("C", CHOOSE, r"\\binom{\1\2}{\3\4}"),
    ("|", re.compile(r"^\{([^|{}\\]{1,40})\|([^|{}]{1,80})\}$"), r"\\{\1|\2\\}"),
    (",", re.compile(r"^(\$?)(\d{1,3})\.(\d{3}),(\d{1,2})(\$?)$"), r"\1\2\3.\4\5"),
    ("\\", re.compile(r"\\\\|\\[()\[\]]"), lambda m: m[0] if m[0] == "\\\\" else " "),
)  # fmt: skip
AFTER: tuple[Step, ...] = (
    ("", THOUSANDS, _grouped),
    (" ", re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?: \d{3})+(?![\d.,]| \d)"), lambda m: m[0].replace(" ", "")),
    ("\\", SPACE, lambda m: m[1] or ("" if "!" in m[0] else " ")),
    ("~", re.compile("~"), " "),
    ("\\", re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\s*\.?"), ""),
    ("frac", re.compile(r"\\(?:[dtc]frac|[ns]icefrac|sfrac)(?![a-z])"), r"\\frac"),
    ("binom", re.compile(r"\\[dt]binom(?![a-z])"), r"\\binom"),
    ("\\in", NUMBER_SET, lambda m: rf"\in \mathbb{{{m[1]}}}" + re.sub(r"[{}]", "", m[2] or "")),
    ("\\", LOOKS, ""),
    (
        "\\", re.compile(r"\\(?:text(?:rm|bf|it|normal|sf|tt|sc)?|[mh]box|mathrm|rm|operatorname\*?)(?![A-Za-z])\s*"),
        r"\\text",
    ),
    ("\\text", re.compile(r"\\text([A-Za-z0-9])"), r"\\text{\1}"),
    ("dots", re.compile(r"\\[lc]dots(?![a-z])"), r"\\dots "),
    ("...", re.compile(r"\.\.\."), r"\\dots "),
    ("U", re.compile(r"(?<=[)\]])\s*U\s*(?=[(\[])"), r"\\cup "),
    ("^", re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)"), r"\\times "),
    ("USD", re.compile(r"(?:\\text\s*\{\s*)?(?<![A-Za-z])USD\s*\}?\s*(?=\d)"), r"\\$"),
    ("m", EXTREME, r"\\\1"),
    ("2", re.compile(r"(?<=\d)\s*(cm|mm|km|dm|ft|in)2(?!\d)"), r"\\text{\1}^2"),
    ("3", re.compile(r"(?<=\d)\s*(cm|mm|km|dm|ft|in)3(?!\d)"), r"\\text{\1}^3"),
    ("", re.compile(r"^(?:\\?max|\\?min|\\text\s*\{\s*[A-Za-z]).*[,;{].*$", re.DOTALL), _labelled),
    (".", re.compile(r"(?<![A-Za-z])(sq|cu)\."), r"\1"),
    ("R", re.compile(r"(?:\\text\{\s*)?(?<![A-Za-z])(?:Rs\.?|INR)(?![A-Za-z])\s*\}?\s*(?=\d)"), "₹"),
    ("ase", BASE, r"_{\1}"),
    ("}", re.compile(r"^(-?)\{\s*([0-9A-Z.]+)\s*\}(?=\s*_)"), r"\1\2"),
    ("_", re.compile(r"(?<=[0-9A-Z)])\s*_\s*\{?\s*\(\s*(\d{1,2})\s*\)\s*\}?$"), r"_{\1}"),
    ("", MIXED, of_two_units),
    ("cent", DOLLARS_AND_CENTS, lambda m: rf"\$ {m[1]}.{int(m[2]):02}"),
    ("an hour", re.compile(r"(?<![A-Za-z])(?<!half )an hour(?![a-z])"), "per hour"),
    ("squared", POWERED, r"square \1"),
    ("cubed", POWERED, r"cubic \1"),
    ("than", COMPARED, _compared),
    ("least", COMPARED, _compared),
    ("most", COMPARED, _compared),
    ("such that", SUCH_THAT, ""),
    ("ultiple", MULTIPLES, r"\1k, k \\in \\mathbb{Z}"),
    ("divisible", MULTIPLES, r"\1k, k \\in \\mathbb{Z}"),
    ("ll ", re.compile(r"^((?:\\text\s*\{\s*)?)[Aa]ll\s+(?=powers of|perfect |primes?\b)"), r"\1"),
    *((kind, CURVE, "") for kind in ("ine ", "lane ", "ircle ", "llipse ", "bola ", "quation ")),
    ("a ", re.compile(r"^(?:\\text\s*\{\s*)?a\s+\}?\s*(?=\d)(?!\d+\s*\^)"), ""),
    ("an ", re.compile(r"^(?:\\text\s*\{\s*)?an\s+\}?\s*(?=\d)"), ""),
    ("ear", YEAR, lambda m: "" if m[2] else m[1]),
    ("ll", ALL, ""),
    ("any int", re.compile(r",\s*(\\text\s*\{)?\s*any\s+integer\s*\}?\s*(?=[a-z]$)"), r" \\text{ for any integer } "),
    ("or", re.compile(r"\\text\s*\{\s*\(\s*or\s+([^(){}]+)\)\s*\}|\(\s*or\s+([^(){}]+)\)"), r" \\text{ or } \1\2"),
    ("/", re.compile(r"\^\s*\{?\s*(\d+)\s*\}?\s*/\s*_\s*\{?\s*(\d+)\s*\}?"), r"\\frac{\1}{\2}"),
    ("", re.compile(r"^(?:\\text\s*\{\s*)?(?:[Nn]egative|[Mm]inus)\s*(?:\}|(?<=\s))\s*(?=[\d\\])"), "-"),
    ("infinity", re.compile(r"^(?:\\text\s*\{\s*)?(?:[Nn]egative|[Mm]inus)\s+infinity\s*\}?$"), r"-\\infty "),
    ("of", re.compile(r"^(\d+)\s*(?:\\text\s*\{)?\s*out\s+of\s*\}?\s*(\d+)$"), r"\\frac{\1}{\2}"),
    ("choose", re.compile(r"^(\d{1,4})\s*(?:\\text\s*\{)?\s*choose\s*\}?\s*(\d{1,4})$"), r"\\binom{\1}{\2}"),
    (" in ", re.compile(r"^(\d+)\s*(?:\\text\s*\{)?\s*in\s*\}?\s*(\d+)$"), r"\\frac{\1}{\2}"),
    (
        "th", re.compile(r"^(\\text\s*\{\s*)?(?:[Ee]ither|[Bb]oth)\s*(\})?\s*(?=[-\d\\$(])"),
        lambda m: "" if m[2] else m[1] or "",
    ),
    ("=", OPERATOR, lambda m: rf"\text{{{re.sub('[^A-Za-z0-9]+', ' ', m[1])}}} ="),
    ("text", PARITY, r"\2 \\text{ \1}"),
    ("nly", re.compile(r"^\\text\s*\{\s*[Oo]nly\s*\}\s*(?=[a-z]\s*=)"), ""),
    ("permutations", PERMUTED, r" \\text{ and permutations}"),
    ("text", re.compile(r"\\text\s*\{\s*(-?\d[\d.]*)\s*,?\s*(and|or)\s*\}"), r"\1 \\text{ \2 }"),
    ("\\mapsto", re.compile(r"^([a-z])\s*:\s*([a-z])\s*\\mapsto(?![a-z])"), r"\1(\2)="),
    ("\\odot", SOLAR, r"\\text{ solar\1\2}"),
    ("\\mu", MICRO, lambda m: rf" \text{{ micro{m[1] or m[2] or m[3]}}}"),
    ("\\Omega", OHMS, lambda m: rf" \text{{ {m[1] or m[2] or m[3] or ''}ohm}}"),
    (";", TWO_WITH_COMMAS, lambda m: m[1] + m[2].replace(",", ".") + ", " + m[3].replace(",", ".") + m[4]),
    *((part, REMAINDER, r"(\1, \2)") for part in ("R", "emainder", "{r", "{ r")),
    ("", KIND_OF, lambda m: m[1] or ""),
    (")", NEARLY, r" \\approx \1"),
    ("only", re.compile(r"(?<=\w)\s*(?:\\text\s*\{)?\s*\bonly\s*(\}?)$"), _closed),
    ("text", re.compile(r"\\text\s*\{\s*[.,;!]?\s*\}$"), ""),
    (":", LINE, ""),
    ("math", re.compile(r"\\([ij])math(?![A-Za-z])"), r"\1"),
    ("", ENDING, ""),
    ("", IS, ""),
    (" ", IS_IN_WORDS, r"\1"),
    *((part, DIVIDES, r"\2 \\equiv 0 \\pmod{\1}") for part in ("|", "\\mid")),
    ("/", re.compile(r"(?<![A-Za-z\\])d([a-z])\s*/\s*d([a-z])(?![A-Za-z])"), r"\\frac{d\1}{d\2}"),
    ("except", EXCEPT, lambda m: rf"\mathbb{{R}} - \{{{m[1][:-1] if m[1].count('}') > m[1].count('{') else m[1]}\}}"),
    (")", re.compile(r"^(?:\([A-J1-9]\)\s*){2,}$"), lambda m: ", ".join(re.findall("[A-J1-9]", m[0]))),
    (")", re.compile(r"^([A-J])\)$"), r"(\1)"),
    ("text", re.compile(r"\\text\s*\{\s*(\\\$|[€£])\s*(-?[\d.,]*)\s*\}"), r"\1\2"),
    (
        "",
        re.compile(r"(?<=\d)\s*\^?\s*(?:\{\s*)?\\text\{\s*(?:st|nd|rd|th)\s*\}(?:\s*\})?|(?<=\d)(?:st|nd|rd|th)\b(?!\s*\}?\s*(?:roots?|powers?)\b)"
            r"|(?<=\d)\s*\^\s*\{\s*(?:st|nd|rd|th)\s*\}"),
        " ",
    ),
    ("\\%", re.compile(r"\\%|\\text\{\s*\\?%\s*\}"), "% "),
    ("p", re.compile(r"\\text\{\s*(?:percent(?:age)?|pct\.?)\s*\}|(?<![A-Za-z\\])(?:percent(?:age)?|pct)\b"), "% "),
    ("\\", DEGREE, r"\\deg "),
    ("^", re.compile(r"(?<=\d)\s*\^\s*(?:\{\s*o\s*\}|o(?![A-Za-z]))"), r"\\deg "),
    ("egree", MINUTES_IN_WORDS, of_minutes),
    ("egree", re.compile(r"(?<=[\d}\s])\s*\\text\{\s*degrees?\s*\}(?!\s*[\\A-Za-z])|(?<=\d)\s*degrees?$"), r"\\deg "),
    ("\\deg", MINUTES, of_minutes),
    ("%", re.compile(r"^([A-Za-z][A-Za-z -]*?)\s*%\s*$"), _percent_in_words),
    ("root of", SQUARE_ROOT, r"\\sqrt{\1}"),
    ("h", re.compile(r"^(\d+)\s*h(?:rs?)?\s*(?:and\s*)?(\d{1,2})\s*m(?:ins?)?$"), r"\1\\text{ h }\2\\text{ min}"),
    (".", re.compile(r"(?<![\d)}\]])\.\s*\\(?=(?:overline|bar|dot)(?![a-z]))"), r"0.\\"),
    ("%", re.compile(r"(?<=[\d}])\s*\(\s*([\d.]+\s*%)\s*\)\s*$"), r" = \1"),
    ("{", re.compile(r"^\{\s*([a-z])\s*(?:\||\\mid(?![a-z]))(.*)\}$"), r"\\{\1 | \2\\}"),
    ("\\deg", re.compile(r"\\deg\s+(?:\\text\{\s*([CF])\s*\}|([CF])\b)"), lambda m: SCALES[m[1] or m[2]]),
    ("**", re.compile(r"^\s*\*\*(.{1,200}?)\*\*\s*$"), r"\1"),
    ("**", re.compile(r"\*\*"), "^"),
    ("*", re.compile(r"^\s*\*([^*]{1,200})\*\s*$"), r"\1"),
    ("\\equiv", re.compile(r"\\equiv(?![A-Za-z])(?!.*mod)"), "="),
    ("{,}", re.compile(r"(?<![\d.,}])(\d+)\{,\}(?!\d{3}(?!\d))(\d+)(?![\d{,])"), r"\1.\2"),
    ("{,}", re.compile(r"\{,\}"), ","),
)  # fmt: skip

# Line breaks and wide spaces, which separate where both sides of them are relations.
BREAK = re.compile(r"\\\\(?:\[\d+\w+\])?|\\q?quad(?![a-z])|\n")
RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|leq|geq|neq|lt|gt|equiv|in|approx)(?![A-Za-z])")
SYSTEM = re.compile(
    r"\\(?:left\s*\\)?\{\s*\\begin\{(array|aligned|matrix|gathered|split)\}(?:\{[lcr| ]*\})?(.*?)"
    r"\\end\{\1\}(?:\s*\\right\s*\.)?(?!\s*\\(?:right\s*\\)?\})",
    re.DOTALL,
)
ABOUT = re.compile(
    r"^(?:\\text\{\s*)?(?:[Aa]bout|[Aa]pprox(?:imately|\.)?|[Rr]oughly|[Aa]round|[Ee]xactly|[Oo]nly|[Jj]ust)\s*\}?(?![A-Za-z])\s*(?=[-\d\\.$(])"
)
CHOICE = re.compile(
    r"^(?:\\text\{)?\s*(?:[Tt]he\s+)?(?:[Cc]orrect\s+)?(?:[Aa]nswer|[Cc]hoice|[Oo]ption)(?:\s+(?:choice|option))?\s*(?:is\b)?\s*:?\s*(\(?[A-J]\)?)(?![A-Za-z'_^(])"
)
