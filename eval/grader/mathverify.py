r"""Math-Verify, for what the grader's own parser does not read.

Only its LaTeX route is used: its plain-expression route goes through `parse_expr`, which evaluates code, and model
output must never come there. Both sides are wrapped in `\boxed{…}`, since a bare string is parsed by fragments.
"""

from __future__ import annotations

import logging
import re
from functools import cache, lru_cache
from typing import Any

LONGEST = 600
HEAVY = re.compile(r"\d{25,}|\^\s*\{?\s*-?\d{5,}|\^[^^]{0,40}\^[^^]{0,40}\^|\d{5,}\s*!|!\s*!|\{\s*\d{4,}\s*\}\s*!")


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

    for name in (
        "math_verify",
        "math_verify.parser",
        "math_verify.grader",
        "math_verify.utils",
        "latex2sympy2_extended",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return math_verify


@lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[Any, ...]:
    library = _library()
    config = (library.LatexExtractionConfig(boxed_match_priority=0),)
    wrapped = f"\\boxed{{{text}}}"
    return tuple(library.parse(wrapped, extraction_config=config, fallback_mode="no_fallback", parsing_timeout=None))


def verify(gold: str, prediction: str) -> bool:
    """Math-Verify's verdict, gold first; False where either side cannot be read. May take long: see `Grader`."""
    if not (readable(gold) and readable(prediction)):
        return False
    try:
        sides = [list(_parsed(text)) for text in (gold, prediction)]
        return all(sides) and bool(_library().verify(*sides, strict=True, timeout_seconds=None))
    except MemoryError:
        raise
    except Exception:  # its parser raises many kinds on what is not LaTeX: no answer it can read
        return False
