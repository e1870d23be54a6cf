r"""Math-Verify, for what the grader's own parser does not read, where it reads both answers to their ends.

Math-Verify takes from a text what it can parse and drops the rest, so that two answers with one fragment in common
are equal. Here its LaTeX grammar is given the complete answer: where it does not take every sign, there is no
verdict. Its plain-expression route goes through `parse_expr`, which evaluates code, and is never used.
"""

from __future__ import annotations

import logging
import re
from functools import cache, lru_cache
from typing import Any

from .text import clean

LONGEST = 600
HEAVY = re.compile(r"\d{25,}|\^\s*\{?\s*-?\d{5,}|\^[^^]{0,40}\^[^^]{0,40}\^|\d{5,}\s*!|!\s*!|\{\s*\d{4,}\s*\}\s*!")
# Words, and what Math-Verify's conversion drops or folds without saying so.
DROPPED = re.compile(
    r"\\(?:text|approx|deg|circ|overline|bar|dot|mod|pmod|bmod|in|notin)(?![A-Za-z])|[%$:;']|(?<!\\)[A-Za-z]{4,}"
)


def readable(text: str) -> bool:
    """Whether a text is of a size that Math-Verify may be given: short, shallow, without towers of powers."""
    depth = deepest = 0
    for character in text[: LONGEST + 1]:
        depth += (character in "{([") - (character in "})]")
        deepest = max(deepest, depth)
    return 0 < len(text) <= LONGEST and deepest <= 20 and not HEAVY.search(text) and text.isprintable()


@cache
def _library() -> Any:
    import math_verify
    from latex2sympy2_extended import latex2sympy2

    for name in (
        "math_verify",
        "math_verify.parser",
        "math_verify.grader",
        "math_verify.utils",
        "latex2sympy2_extended",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return math_verify, latex2sympy2


@lru_cache(maxsize=512)
def _parsed(text: str) -> Any:
    """The expression of a cleaned answer, letters with their case; None where a part of it would be dropped."""
    _, latex2sympy = _library()
    config = latex2sympy.ConversionConfig(lowercase_symbols=False)
    converter = latex2sympy._Latex2Sympy(is_real=None, config=config)
    parser = converter.create_parser(text)
    parser.math()
    stream = parser.getTokenStream()
    taken = "".join(token.text for token in stream.tokens if token.type != -1 and token.channel == 0)
    if stream.LA(1) != -1 or re.sub(r"\s+", "", taken) != re.sub(r"\s+", "", text):
        return None
    return converter.parse(text)


def verify(gold: str, prediction: str) -> bool | None:
    """Math-Verify's verdict, gold first; None where a side is not read to its end. May take long: see `Grader`."""
    sides = [clean(text) for text in (gold, prediction)]
    if not all(readable(text) and not DROPPED.search(text) for text in sides):
        return None
    try:
        parsed = [_parsed(text) for text in sides]
        if any(side is None for side in parsed):
            return None
        library, _ = _library()
        options = {"float_rounding": 20, "numeric_precision": 30, "strict": True, "timeout_seconds": None}
        return bool(library.verify(*([side] for side in parsed), **options))
    except MemoryError:
        raise
    except Exception:  # its parser raises many kinds on what is not LaTeX: no answer it can read
        return None
