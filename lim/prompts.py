"""The prompt file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lim.utils.errors import InputError
from lim.utils.files import read_json


def read_prompts(path: str | Path, *, need_answer: bool = True) -> list[dict[str, Any]]:
    """Read a prompt file: a JSON list of `{id, prompt, answer, …}`, further keys kept as they are.

    `id` becomes a string. Raises InputError on the first row that lacks a key, has the wrong type or
    repeats an id.
    """
    rows = read_json(path, finite=True)
    for row, id in zip(rows, prompt_ids(path, rows, need_answer=need_answer), strict=True):
        row["id"] = id
    return rows


def prompt_ids(path: str | Path, rows: Any, *, need_answer: bool = True) -> list[str]:
    """Check the parsed prompt file `path` as `read_prompts` does and return its ids as strings, rows untouched."""
    if not isinstance(rows, list):
        raise InputError(f"{path}: holds a JSON {type(rows).__name__}, not a list of {{id, prompt, answer}}")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number} is a {type(row).__name__}, not an object")
        for key in ("id", "prompt", "answer") if need_answer else ("id", "prompt"):
            if key not in row:
                raise InputError(f"{path}: row {number} has no '{key}' (its keys: {', '.join(row) or 'none'})")
            if not isinstance(row[key], str) and not (key == "id" and type(row[key]) is int):
                raise InputError(f"{path}: row {number}: '{key}' is a {type(row[key]).__name__}, not a string")
        id = str(row["id"])
        if id in seen:
            raise InputError(f"{path}: rows {seen[id]} and {number} have the same id {id!r}; ids must be unique")
        seen[id] = number
    return list(seen)
