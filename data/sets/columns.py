"""A data set's columns renamed: `{id, prompt or question, answer, level, subject}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lim.utils.errors import InputError
from lim.utils.text import kind_of

Rows = list[dict[str, Any]]


def pick(rows: Rows, columns: dict[str, str], where: str, clean_answer: Callable[[str], str] = str.strip) -> Rows:
    """Rows with the project's keys. Raises InputError for a missing column and a question that is not text."""
    picked = []
    for number, row in enumerate(rows, 1):
        new = {}
        for key, column in columns.items():
            value = dig(row, column, f"{where}: row {number}")
            if key in ("prompt", "question") and not isinstance(value, str):
                hint = f"; of messages, name the text: {column}.0.content" if isinstance(value, list) else ""
                raise InputError(f"{where}: row {number}: '{column}' is {kind_of(value)}, not text{hint}")
            new[key] = level_number(value) if key == "level" else as_text(value, f"{where}: row {number}: '{column}'")
        new["answer"] = clean_answer(new["answer"])
        picked.append(new)
    return picked


def dig(row: Any, column: str, where: str) -> Any:
    """A row's value; dots lead into nested values, numbers into lists (`prompt.0.content`)."""
    value = row if column not in row else {column: row[column]}
    for part in [column] if column in row else column.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise InputError(
                f"{where} has no column '{column}' (its columns: {', '.join(map(str, row)) or 'none'}); "
                "name the right one with --prompt_key, --answer_key or --id_key"
            )
    return value


def as_text(value: Any, where: str) -> str:
    """Text of an answer or id: a list of answers is joined with commas, nothing is the empty text.

    Raises InputError, after `where`, for what has no text that a person would write.
    """
    if isinstance(value, list):
        return ", ".join(as_text(item, where) for item in value)
    if isinstance(value, dict | bool | bytes):
        raise InputError(f"{where} is {kind_of(value)}, neither text nor a number; dots reach nested values")
    return "" if value is None else str(value)


def level_number(value: Any) -> int | None:
    """3 of 3, "3" and "Level 3"."""
    digits = str(value).removeprefix("Level").strip()
    return int(digits) if digits.isdigit() else None
