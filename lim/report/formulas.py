"""Prompts split into text and formulas, and the formulas converted to MathML (math-core), for the report page.

Browsers draw MathML themselves, so the page needs neither a renderer nor fonts of its own. A formula that
does not convert stays in the text as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from math_core import LatexError, LatexToMathML

# Between two single `$`: either something that has a mark of LaTeX in it, or neither space within the
# dollars nor a digit after them (so that "costs $5 and $10" stays text), or one word and spaces.
FORMULA = re.compile(
    r"""
    (?P<figure>\[asy\].*?\[/asy\])
    | \$\$(?P<dollars>.+?)\$\$
    | \\\[(?P<brackets>.+?)\\\]
    | \\\((?P<parens>.+?)\\\)
    | (?P<environment>\\begin\{(?P<name>(?:align|equation|gather|multline|alignat|array|cases|[pbvV]matrix)\*?)\}
        .+?\\end\{(?P=name)\})
    | (?<!\\)\$(?P<inline>
          (?=[^$]*[\\^_=<>{}])(?:\\.|[^$\\])+?(?=\$)
        | (?!\s)(?:\\.|[^$\\])+?(?<!\s)(?=\$(?!\d))
        | [ ]?[^\s$\\]+[ ]?(?=\$(?!\d))
      )\$
    """,
    re.VERBOSE | re.DOTALL,
)
# math-core 0.9.0 recurses, and very deep formulas were seen to end its process; none of this length is so deep. The
# longest formula of MATH has 475 characters; one that holds definitions could be short and yet deep.
LONGEST = 2000
DEFINITION = re.compile(r"\\(?:(?:re)?newcommand|providecommand|[egx]?def|let)(?![a-zA-Z])")
MACROS = {
    "dotsb": r"\cdots",
    "dotsm": r"\cdots",
    "dotsi": r"\cdots",
    "dotsc": r"\ldots",
    "dotso": r"\ldots",
    "mbox": r"\text{#1}",
    "allowbreak": r"",
    "overarc": r"\overset{\frown}{#1}",
}


class Formulas:
    """Distinct formulas of many prompts, in order of first use.

    `table` holds `(source, kind, MathML)`: the source with its delimiters; kind is "inline", "display" or
    "figure" (Asymptote source, with an empty MathML). `failed` counts the formulas that stay text.
    """

    def __init__(self) -> None:
        self.table: list[tuple[str, str, str]] = []
        self.failed = 0
        self._number: dict[str, int | None] = {}
        self._convert = LatexToMathML(macros=MACROS, fancy_error=False, allow_unreliable_rendering=True)

    def split(self, prompt: str) -> list[str | int]:
        """The prompt as a list of strings and of indices in `table`; joined with the sources it is the prompt."""
        parts: list[str | int] = []
        text = ""
        end = 0
        for match in FORMULA.finditer(prompt):
            text += prompt[end : match.start()]
            end = match.end()
            number = self._find(match, match[0])
            if number is None:
                text += match[0]
                continue
            if text:
                parts.append(text)
            parts.append(number)
            text = ""
        text += prompt[end:]
        return [*parts, text] if text else parts

    def answer(self, answer: str) -> str | int:
        """The index in `table` of an answer that is LaTeX, bare or in dollars; other answers unchanged."""
        if "\\" not in answer:
            return answer
        match = FORMULA.fullmatch(answer if "$" in answer else f"${answer}$")
        number = None if match is None else self._find(match, answer)
        return answer if number is None else number

    def _find(self, match: re.Match[str], source: str) -> int | None:
        """The index of a formula in `table`, where it stands as `source`."""
        if source not in self._number:
            entry = self._entry(match)
            self._number[source] = None if entry is None else len(self.table)
            if entry is not None:
                self.table.append((source, *entry))
        number = self._number[source]
        self.failed += number is None
        return number

    def _entry(self, match: re.Match[str]) -> tuple[str, str] | None:
        if match["figure"] is not None:
            return "figure", ""
        inline = match["inline"] or match["parens"]
        kind = "inline" if inline else "display"
        latex = inline or match["dollars"] or match["brackets"] or match["environment"]
        if len(latex) > LONGEST or DEFINITION.search(latex):
            return None
        try:
            mathml = self._convert.convert_with_local_state(latex, displaystyle=kind == "display")
        except (LatexError, UnicodeEncodeError):  # the latter: half of a surrogate pair
            return None
        return kind, mathml


def split_prompts(prompts: Iterable[str]) -> tuple[list[list[str | int]], Formulas]:
    """Every prompt split (see `Formulas.split`), and the formulas they point to."""
    formulas = Formulas()
    return [formulas.split(prompt) for prompt in prompts], formulas
