"""A data set's columns renamed: `{id, prompt or question, answer, level, subject}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lim.logs.messages import messages_of, text_of
from lim.utils.errors import InputError
from lim.utils.text import kind_of

Rows = list[dict[str, Any]]


def pick(rows: Rows, columns: dict[str, str], where: str, clean_answer: Callable[[str], str] = str.strip) -> Rows:
    """Rows with the project's keys. Raises InputError for a missing column and a question without a text."""
    picked = []
    for number, row in enumerate(rows, 1):
        new = {}
        for key, column in columns.items():
            value = dig(row, column, f"{where}: row {number}")
            if key in ("prompt", "question"):
                value = question_of(value, f"{where}: row {number}: '{column}'")
            new[key] = level_number(value) if key == "level" else as_text(value, f"{where}: row {number}: '{column}'")
        new["answer"] = clean_answer(new["answer"])
        picked.append(new)
    return picked


def question_of(value: Any, where: str) -> str:
    """A question's text: itself, or what the user says in messages. InputError, after `where`, for other values, and
    for a conversation that continues, of which one text would be a part.
    """
    turns = messages_of(value)
    if turns is None:
        if not isinstance(value, str):
            raise InputError(f"{where} is {kind_of(value)}, neither text nor messages")
        return value
    if [turn["role"] for turn in turns if turn["role"] not in ("system", "developer")] != ["user"]:
        roles = ", ".join(turn["role"] for turn in turns)
        raise InputError(f"{where} is a conversation ({roles}), and a question is one turn of a user")
    return text_of(turns)


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
