r"""Unicode and Chinese writing of an answer, put into the LaTeX or the English that the rest reads.

Only signs with one meaning in an answer are put otherwise; other characters stay as they are.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from fractions import Fraction

SIGNS = str.maketrans(
    {
        "−": "-", "–": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "－": "-", "×": r"\times ", "·": r"\cdot ",
        "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "∗": "*", "÷": "/", "∕": "/", "⁄": "/", "∶": ":",
        "π": r"\pi ", "√": r"\sqrt ", "∛": r"\sqrt[3] ", "∜": r"\sqrt[4] ", "≤": r"\le ", "≥": r"\ge ",
        "⩽": r"\le ", "⩾": r"\ge ",
        "≦": r"\le ", "≧": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ", "∞": r"\infty ",
        "°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "℃": r"^\circ C ", "℉": r"^\circ F ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "∉": r"\notin ", "∖": r"\setminus ", "⊂": r"\subset ", "⊆": r"\subseteq ",
        "±": r"\pm ", "∓": r"\mp ", "∅": r"\emptyset ", "∠": r"\angle ", "△": r"\triangle ", "∥": r"\parallel ",
        "⊥": r"\perp ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "→": r"\to ", "⇒": r"\Rightarrow ",
        "⇔": r"\Leftrightarrow ",
        "∘": r"\circ ", "∴": "", "∵": "", "‘": "'", "’": "'", "′": "'", "″": "''", "“": '"', "”": '"',
        "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
        "⌈": r"\lceil ", "⌉": r"\rceil ", "∣": "|", "…": r"\dots ", "⋯": r"\dots ", "，": ",", "、": ",", "（": "(",
        "）": ")", "：": ":", "；": ";", "。": ".", "Ω": r"\Omega ", "µ": r"\mu ", "‰": r"\text{ permille}",
        "ℓ": "l", "ℏ": r"\hbar ", "ħ": r"\hbar ",
        "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2002": " ", "\u2003": " ", "\u3000": " ", "\u200a": " ",
        "\u2005": " ", "\u2008": " ", "\u200b": "", "\u2060": "", "\u2061": "", "\u2062": "", "\u2063": ",",
        "\ufeff": "", "\u200e": "", "\u200f": "",
    }
)  # fmt: skip
GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho - sigma tau upsilon phi"
)
SAME_GREEK = {"ϕ": "phi", "ϵ": "epsilon", "ϑ": "theta", "ς": "sigma", "ϱ": "rho"}
CAPITALS = {"Γ", "Δ", "Θ", "Λ", "Ξ", "Π", "Σ", "Υ", "Φ", "Ψ", "Ω"}
LOWER = {
    chr(0x3B1 + place): name for place, name in enumerate([*GREEK.split(), "chi", "psi", "omega"]) if name != "-"
}
BLACKBOARD = {"ℕ": "N", "ℤ": "Z", "ℚ": "Q", "ℝ": "R", "ℂ": "C", "𝔽": "F", "ℙ": "P"}
RAISED = {c: unicodedata.normalize("NFKC", c) for c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ"}
LOWERED = {c: unicodedata.normalize("NFKC", c) for c in "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₖₗₘₙₚₛₜ"}
CIRCLED = {chr(0x2460 + place): str(place + 1) for place in range(20)}

CJK = re.compile(r"[\u4e00-\u9fff]")
# What stands before an answer, and says only that it is one, or how many there are.
LEAD = re.compile(
    r"^[\s,.:$]*(?:(?:\\text\{\s*)?(?:最终答案|最后答案|正确答案|答案|答|故选|应选|选项|选择|选|解得|解|故|所以|因此"
    r"|则|即|综上|一共有|一共|共计|总共|共有|共|大约|约为|约)(?:应?[是为有])?[\s:,.]*\}?[\s:,.]*)+"
)
# A value after what it is of: 概率为, m的值等于; "AB为5" keeps its name.
OF = re.compile(
    r"^(?:\$?([A-Za-z]{1,3})\$?"
    r"|(?=[^\d\\]{0,20}[\u4e00-\u9fff])(?:(?![不非若当如除未无])[\u4e00-\u9fffA-Za-z$ ]){1,20}?)"
    r"(?:为|是|等于)[\s:,]*(?!.*的)(?=[-\d$\\({\[a-zA-Z])(?!\\text)"
)
COMPARED = re.compile(
    r"(?<=[A-Za-z\d)}$ ])\s*(?:(大于(?:或者?)?等于|不小于|不少于)|(小于(?:或者?)?等于|不大于|不超过)"
    r"|(不等于)|(大于)|(小于))\s*(?=[-\d$\\({a-zA-Z])"
)
COMPARISONS = (r"\ge ", r"\le ", r"\ne ", ">", "<")
CLASSIFIERS = "个|種|种|次|只|件|本|条|张|名|位|组|对|棵|辆|项|道|人次|份|套|块|颗|枚|根|支|间|所|座|类|步|回|倍"
UNITS = {
    "平方千米": "km^2", "平方公里": "km^2", "平方米": "m^2", "平方厘米": "cm^2", "平方分米": "dm^2", 
    "平方毫米": "mm^2",
    "立方米": "m^3", "立方厘米": "cm^3", "立方分米": "dm^3", "千米": "km", "公里": "km", "分米": "dm", "厘米": "cm",
    "毫米": "mm", "米": "m", "千克": "kg", "公斤": "kg", "毫克": "mg", "克": "g", "吨": "ton",
    "毫升": "ml", "升": "l", "牛顿": "N", "焦耳": "J", "千焦": "kJ", "瓦": "W", "千瓦": "kW", "伏特": "V",
    "安培": "A", "欧姆": "ohm", "帕": "Pa", "千帕": "kPa", "赫兹": "Hz", "摩尔": "mol", "公顷": "ha",
    "小时": "hours", "时": "hours", "分钟": "minutes", "秒": "seconds", "天": "days", "周": "weeks", "个月": "months",
    "月": "months", "年": "years", "岁": "years", "元": "yuan", "美元": "dollars", "人": "people",
    "平方单位": "square units", "单位": "units", "度": "degrees",
}  # fmt: skip
WHOLE = {
    "无解": "no solution", "无实数解": "no solution", "空集": r"\emptyset", "不存在": "does not exist",
    "全体实数": "all real numbers", "一切实数": "all real numbers", "任意实数": "all real numbers",
    "实数集": r"\mathbb{R}",
}  # fmt: skip
DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
MULTIPLES = {"十": 10, "百": 100, "千": 1000}
NUMERAL = re.compile(r"[零〇一二两三四五六七八九十百千]+")


def plain(text: str) -> str:
    """A text without Unicode's own mathematical signs; ASCII comes back as it is."""
    if text.isascii():
        return text
    text = re.sub(
        r"[①-⑳](?:\s*[,、和]?\s*[①-⑳])*", lambda m: ", ".join(CIRCLED[c] for c in m[0] if c in CIRCLED), text
    )
    text = re.sub(r"[—―](?=\s*[\d\\(a-zA-Z])", "-", text)
    text = re.sub(
        f"[{''.join(RAISED)}]+", lambda m: "^{" + "".join(RAISED[c] for c in m[0]).replace("−", "-") + "}", text
    )
    text = re.sub(
        f"[{''.join(LOWERED)}]+", lambda m: "_{" + "".join(LOWERED[c] for c in m[0]).replace("−", "-") + "}", text
    )
    text = re.sub("[¼-¾⅐-⅞↉]", _fraction, text).translate(SIGNS)
    return _chinese("".join(map(_character, text))) if CJK.search(text) else "".join(map(_character, text))


def _character(c: str) -> str:
    if c.isascii():
        return c
    if c in BLACKBOARD:
        return rf"\mathbb{{{BLACKBOARD[c]}}}"
    wide = unicodedata.normalize("NFKC", c) if "\uff01" <= c <= "\uff5e" or "\U0001d400" <= c <= "\U0001d7ff" else c
    if wide in LOWER or wide in SAME_GREEK:
        return f"\\{LOWER.get(wide) or SAME_GREEK[wide]} "
    if wide in CAPITALS:
        return "\\" + unicodedata.name(wide).split()[-1].capitalize() + " "
    return wide


def _fraction(match: re.Match[str]) -> str:
    above, below = unicodedata.normalize("NFKC", match[0]).split("⁄")
    return rf"\frac{{{above}}}{{{below}}}"


def _chinese(text: str) -> str:
    """Connectives, numerals and units of Chinese as English ones; other words stay."""
    text = LEAD.sub("", text)
    text = re.sub(r"\\text\{([^{}]*)\}", lambda m: m[1] if CJK.search(m[1]) else m[0], text)
    bare = re.sub("^原?(?:方程|不等式)组?(?=无|的解集?[为是])(?:的解集?[为是])?", "", text.strip(" $.,"))
    if bare in WHOLE:
        return WHOLE[bare]
    text = COMPARED.sub(lambda m: COMPARISONS[(m.lastindex or 1) - 1], text)
    text = re.sub(r"(?<=[\d})])\s*比\s*(?=[\d\\({])", ":", text)
    text = OF.sub(_named, text)
    text = re.sub(r"^最([大小])值\s*=", lambda m: r"\max=" if m[1] == "大" else r"\min=", text)
    text = re.sub(r"(?<=充分|必要|充要)条件$", "", text)
    text = re.sub(r"或者?", r" \\text{ or } ", text)
    text = re.sub(r"(?:并且|且)", r" \\text{ and } ", text)
    text = re.sub(r"(?<=[^\u4e00-\u9fff])(?:以及|和|与|及)(?=[^\u4e00-\u9fff])", ", ", text)
    text = re.sub(r"^负(?=[\d\\(])", "-", text)
    text = re.sub(r"(?<=^[A-J])\s*选?项$", "", text)
    text = re.sub(r"(\d+(?:\.\d+)?|[一二三四五六七八九]{1,2})折$", _discount, text)
    text = re.sub(r"(\d+)\s*(?:小时|时)\s*(\d+)\s*分钟?$", r"\1\\text{ hours }\2\\text{ minutes}", text)
    text = re.sub(r"^(?:(\d{4})年)?(\d{1,2})月(\d{1,2})[日号]$", _date, text)
    text = re.sub(r"百分之([\d.]+|[零一二两三四五六七八九十百]+)", lambda m: _numeral(m[1]) + r"\%", text)
    parts = r"(\d+|[零一二两三四五六七八九十百]+)分之(\d+|[零一二两三四五六七八九十百]+)"
    text = re.sub(parts, lambda m: rf"\frac{{{_numeral(m[2])}}}{{{_numeral(m[1])}}}", text)
    names = "|".join(sorted(UNITS, key=len, reverse=True))
    numeral = rf"^\s*([零〇一二两三四五六七八九十百千]+)(?=\s*(?:{names}|{CLASSIFIERS}|[万亿])?\s*$)"
    text = re.sub(numeral, lambda m: _numeral(m[1]), text)
    text = re.sub(r"(?<=\d)\s*([万亿])", lambda m: rf"\times 10^{{{4 if m[1] == '万' else 8}}} ", text)
    text = re.sub(rf"(?<=[\d}}\s)])\s*({names})(?:/({names}))?(?![\u4e00-\u9fff])", _unit, text)
    return re.sub(rf"(?<=[\d}}\s)])\s*(?:{CLASSIFIERS})(?![\u4e00-\u9fff])", " ", text)


def _named(match: re.Match[str]) -> str:
    """The name before a value where it is a letter, or that of a greatest or least value."""
    if match[1]:
        return f"{match[1]}="
    extreme = re.search("最[大小](?=值)", match[0])
    return "" if extreme is None else r"\max=" if extreme[0] == "最大" else r"\min="


def _discount(match: re.Match[str]) -> str:
    """What is paid of a price: 八折 is 0.8, 85折 is 0.85."""
    digits = match[1] if match[1][0].isdigit() else "".join(str(DIGITS[c]) for c in match[1])
    return str(Fraction(digits) / (100 if re.fullmatch(r"\d\d", digits) else 10))


def _date(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    name = ["", *calendar.month_name[1:]][int(month) if int(month) < 13 else 0]
    return f"{name} {day}, {year}" if year and name else f"{name} {day}" if name else match[0]


def _unit(match: re.Match[str]) -> str:
    below = f"/{UNITS[match[2]]}" if match[2] else ""
    return rf" \text{{ {UNITS[match[1]]}{below} }}"


def _numeral(text: str) -> str:
    """Digits of a numeral below ten thousand, such as 一百二十."""
    if not NUMERAL.fullmatch(text):
        return text
    if not set(text) & set(MULTIPLES):
        return "".join(str(DIGITS[c]) for c in text)
    total, digit = 0, None
    for c in text:
        if c in MULTIPLES:
            total, digit = total + (1 if digit is None else digit) * MULTIPLES[c], None
        else:
            digit = DIGITS[c]
    return str(total + (digit or 0))
