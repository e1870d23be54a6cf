r"""An answer as text: what carries no meaning is taken away, what is written in many ways is written in one.

Nothing here decides what an answer is; it makes LaTeX, Unicode and plain writing look alike to the parser.
"""

from __future__ import annotations

import re

from .extract import extract

UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "‐": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/",
        "π": r"\pi ", "√": r"\sqrt ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ",
        "≈": r"\approx ", "∞": r"\infty ", "°": r"^\circ ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
        "±": r"\pm ", "∓": r"\mp ", "ℝ": r"\mathbb{R}", "∅": r"\emptyset ", "θ": r"\theta ", "α": r"\alpha ",
        "β": r"\beta ", "λ": r"\lambda ", "∠": r"\angle ", "△": r"\triangle ", "²": "^{2}", "³": "^{3}",
        "¼": r"\frac14 ",
        "½": r"\frac12 ", "¾": r"\frac34 ", "‘": "'", "’": "'", "′": "'", "“": '"', "”": '"', "，": ",", "（": "(",
        "）": ")", "：": ":", "；": ";", "＝": "=", "％": "%", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
        "\u200b": "",
        "\u2061": "", "…": r"\dots ", "℃": r"^\circ ",
    }
)  # fmt: skip

# A command of one of these kinds only says how its argument looks.
LOOKS = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathcal|mathtt|boldsymbol|bm|pmb|emph|underline|vec|overrightarrow|overline(?=\{[A-Z]{2}\})"
    r"|bar(?=\{[A-Z]{2}\})|ensuremath|mathop|displaylines|color\{\w+\}|widehat|hat|tilde)(?![A-Za-z])"
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
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBERS = {word: str(value) for value, word in enumerate(_NUMBERS.split())}

SAME_WORDS = {
    **dict.fromkeys(("no solution", "no solutions", "none", "empty", "empty set", "no real solution", 
                     "no real solutions", "emptyset", "no solution exists", "there are no solutions"), "no solution"),
    **dict.fromkeys(("does not exist", "dne", "undefined", "not defined"), "undefined"),
    **dict.fromkeys(("all real numbers", "all reals", "all real", "reals", "real numbers"), "all real numbers"),
}  # fmt: skip


def clean(text: str) -> str:
    """An answer with one way of writing for one thing; at worst what came in, stripped."""
    text = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", text.strip().translate(UNICODE))
    if "\\begin" not in text or not re.search(r"(?<!\\)\\[A-Za-z]", text):  # no matrix: escaped once too often
        text = re.sub(r"\\\\(?=[A-Za-z,;!%${}()\[\]])", r"\\", text)
    if "\\boxed" in text or "\\fbox" in text:
        text = extract(text) or re.sub(r"\\[fb]\w{0,4}ox(?:ed)?\s*\{?", "", text)
    text = re.sub(r"\\\\|\\[()\[\]]", lambda m: m[0] if m[0] == "\\\\" else " ", text)
    text = text.replace("\\$", "\0").replace("$", " ").replace("\0", "\\$")
    text = re.sub(r"(?<=\d)(?:\{,\}|\\,|,\\[!,])\s*(?=\d{3}(?!\d))", ",", text)
    text = re.sub(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d.,]| \d)", lambda m: m[0].replace(" ", ""), text)
    text = SIZE.sub("", SPACE.sub(lambda m: m[1] or ("" if "!" in m[0] else " "), text))
    text = re.sub(r"\\[dtc]frac(?![a-z])", r"\\frac", re.sub(r"\\[dt]binom(?![a-z])", r"\\binom", text))
    text = TEXT.sub(r"\\text", LOOKS.sub("", text))
    text = re.sub(r"\\text([A-Za-z0-9])", r"\\text{\1}", text)
    text = re.sub(r"(?<=[)\]])\s*U\s*(?=[(\[])", r"\\cup ", re.sub(r"\\[lc]dots(?![a-z])|\.\.\.", r"\\dots ", text))
    text = re.sub(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)", r"\\times ", text)
    text = DEGREE.sub(r"\\deg ", PERCENT.sub("% ", ORDINAL.sub(" ", text)))
    text = re.sub(r"\\deg\s+(?:\\text\{\s*[CF]\s*\}|[CF]\b)", r"\\deg ", text)
    text = re.sub(r"\*\*", "^", re.sub(r"^\*\*(.{1,200}?)\*\*$", r"\1", text.strip()))
    text = text.strip(' \t\r\n"`')
    text = re.sub(r"^(?:[Tt]he\s+|=|\\approx(?![a-z])|\\implies|\\Rightarrow|\\therefore)\s*", "", text)
    while text and (text[-1] in ".,;:" or text.endswith("\\\\") or (text[-1] == "\\" and text[-2:] != "\\\\")):
        text = text[:-1].rstrip()
    text = re.sub(r"^(?:\\text\{\s*)?(?:[Cc]hoice|[Oo]ption)\s+(\(?[A-H]\)?)\s*\}?$", r"\1", text)
    whole = re.fullmatch(r"\\text\{([^{}\\]*)\}", text)
    return whole[1].strip().rstrip(".,").strip() if whole and whole[1].strip() else text


def squeezed(text: str) -> str:
    """Cleaned text without the spaces and braces that change nothing; for comparing as written."""
    text = re.sub(r"(?<=[\d}])\s+(?=\d)|(?<=\d,)\s+(?=\d{3}(?!\d))", "\x01", text)
    text = re.sub(r"\\text\{([^{}]*)\}", r"\1", text)
    return re.sub(r"([_^])\{(\w)\}", r"\1\2", re.sub(r"\s+", "", text))


def words(text: str) -> str:
    """A text answer for comparing: lower case, letters and digits, without articles and commands."""
    text = re.sub(r"\\text\b|\\[A-Za-z]+", " ", text).casefold()
    return " ".join(w for w in re.findall(r"[^\W_]+", text) if w not in ("the", "a", "an"))


# Units are dropped, and compared only where both sides have one that is known here.
_ALIASES = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "m": "meter metre", "km": "kilometer kilometre",
    "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile", "mg": "milligram", "g": "gram gm",
    "kg": "kilogram", "lb": "pound", "oz": "ounce", "ton": "tonne", "s": "second sec", "min": "minute",
    "h": "hour hr", "day": "", "week": "", "month": "", "year": "yr",
    "ml": "milliliter millilitre", "l": "liter litre",
    "gal": "gallon", "dollar": "usd buck", "cent": "penny pennie ¢",
    "euro": "€", "£": "gbp", "deg": "degree", "rad": "radian",
    "mph": "", "kph": "kmh", "am": "", "pm": "", "acre": "", "j": "joule", "n": "newton", "w": "watt", "hz": "hertz",
}  # fmt: skip
UNITS = {name: unit for unit, others in _ALIASES.items() for name in (unit, *others.split())}
_SHORT = (
    "mm cm km in ft yd mi mg kg lb lbs oz sec min hr hrs ml gal mph kph day days inch inches foot feet yard yards "
    "mile miles usd sq cents deg am pm"
)
SHORT_UNITS = frozenset(_SHORT.split())


def unit_of(text: str) -> str | None:
    r"""The canonical name of the measure in a unit such as `\text{ square inches}`; None for a counting word."""
    text = re.sub(r"\\text|[{}\\]", " ", text).casefold()
    if "mod" in text:
        return re.sub(r"\s+", "", text)
    for word in re.findall(r"[^\W\d_]+|[€£¢$]", text):
        name = "dollar" if word == "$" else word
        for candidate in (name, name[:-1] if name.endswith("s") else name):
            if candidate in UNITS:
                return UNITS[candidate]
    return None
