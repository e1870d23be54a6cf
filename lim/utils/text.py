"""Text for people: whitespace, durations, kinds of values."""

from __future__ import annotations

from typing import Any

KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


def kind_of(value: Any) -> str:
    """What kind of value something read from JSON, YAML or a table is, in words: `a list`, `null`, `text`."""
    return "null" if value is None else KINDS.get(type(value), f"a {type(value).__name__}")


def squash(text: str) -> str:
    """The text with each run of whitespace as one space."""
    return " ".join(text.split())


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `1 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
