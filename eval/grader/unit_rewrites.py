"""The ways to write one unit, for the steps of `rewrites.py`."""

from __future__ import annotations

import re

# 1 hour and 20 minutes, 5 feet, 6 inches: one quantity in two units.
MIXED = re.compile(
    r"(?<![A-Za-z])(h(?:(?:ou)?rs?)?|min(?:ute)?s?|f(?:ee|oo)?t|dollars?|days?|years?|weeks?|pounds?|lbs?|yards?)"
    r"((?:[\s,}]|\\text\s*\{|and\b){1,12})(?=\d+\s*(?:\\text\s*\{\s*)?"
    r"(min|sec|s\b|in\b|inch|cents?\b|hours?\b|days?\b|months?\b|ounces?\b|oz\b|f(?:ee|oo)?t\b))"
)
# 36° 30', 12° 30' 36'': degrees with minutes and seconds.
_PRIME = r"(?:'|\^\s*\{?\s*\\prime\s*\}?)"
_SECONDS = r"(?:''|\"|\^\s*\{\s*\\prime\s*\\prime\s*\})"
MINUTES = re.compile(
    rf"(?<![\d.])(\d+)\s*\\deg\s*(\d{{1,2}})\s*{_PRIME}(?!')(?:\s*(\d{{1,2}}(?:\.\d+)?)\s*{_SECONDS})?(?!\s*[\d'])"
)
# Those of the sun.
SOLAR = re.compile(r"(?<=[\d}\s])\s*(?:\\text\s*\{\s*([MRL])\s*\}|([MRL]))\s*_\s*\{?\s*\\odot\s*\}?$")
# Micrometers and kiloohms, whose signs are letters of formulas elsewhere.
MICRO = re.compile(
    r"(?<=[\d}\s])\\mu\s*\\text\s*\{\s*([msgCFAVLHTNJW]|Pa|mol|eV)\s*\}|\\text\s*\{\s*\\mu\s*([A-Za-z]{1,3})\s*\}"
    r"|(?<=\d)\s*\\mu\s+(m|s|F|C)$"
)
OHMS = re.compile(
    r"(?<=[\d}\s])\\text\s*\{\s*([kMmG])\s*\}\s*\\Omega\s*$|(?<=\d)\s*([kM])\s*\\Omega\s*$|\\text\s*\{\s*([kMmG]?)\s*\\Omega\s*\}\s*$"
)


def of_two_units(match: re.Match[str]) -> str:
    """What stands between the two units without "and" and commas; two of one unit stay a list."""
    unit, gap, smaller = match.groups()
    if not re.search("and|,", gap) or unit[:2] == smaller[:2]:
        return match[0]
    return unit + "}" * (gap.count("}") - gap.count("{")) + " "


def of_minutes(match: re.Match[str]) -> str:
    """Degrees with minutes, and perhaps seconds, as a sum of degrees."""
    degrees, minutes, *seconds = match.groups()
    more = rf"+\frac{{{seconds[0]}}}{{3600}}" if seconds and seconds[0] else ""
    return rf"({degrees}+\frac{{{minutes}}}{{60}}{more})\deg "
