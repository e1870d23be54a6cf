"""Groups of prompts by the columns of a prompt file: level, subject, source, …"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lim.prompts import PromptSet
from lim.prompts.rows import MISSING
from lim.utils.errors import InputError
from lim.utils.text import kind_of

MOST_GROUPS = 40  # a column with more values does not group prompts in a way that can be read
OWN_COLUMNS = ("id", "prompt", "answer")


@dataclass(frozen=True)
class Group:
    """A column, its distinct values in natural order, and each prompt's index among them (−1: none)."""

    key: str
    name: str
    values: list[str]
    index: list[int]


def groups_of(records: Sequence[Mapping[str, Any]], *others: str | None) -> list[Group]:
    """The columns that prompts can be grouped by: of text or numbers, with 1 to 40 values, some of them repeated.

    Of a column that holds objects those of 2 to 40 values, by their own name where no column has it. `others` are
    columns that are no groups (id, answer), besides the usual ones.
    """
    groups: dict[str, Group] = {}
    for key, column, inside in _columns(records):
        given = [str(value) for value in column if isinstance(value, str | int | float)]
        plain, distinct = len(given) + column.count(None) == len(column), len(set(given))
        useful = plain and inside + 1 <= distinct <= min(MOST_GROUPS, len(given) - 1)
        if not useful or key in (*OWN_COLUMNS, *others):
            continue
        short = key.rpartition(".")[2] if inside else key
        key = key if short in groups or short in OWN_COLUMNS else short
        values, index = numbered([None if value is None else str(value) for value in column])
        groups[key] = Group(key, short[:1].upper() + short[1:].replace("_", " "), values, index)
    return list(groups.values())


def _columns(records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any], bool]]:
    """(name as `--group_by` takes it, values, whether it is inside objects) of each column, those inside last."""
    inside = []
    for key in dict.fromkeys(key for record in records for key in record):
        column = [record.get(key) for record in records]
        objects = [value if isinstance(value, dict) else {} for value in column]
        inside += [
            (f"{key}.{name}", [value.get(name) for value in objects], True)
            for name in dict.fromkeys(name for value in objects for name in value)
        ]
        yield key, column, False
    yield from inside


def numbered(values: Sequence[str | None]) -> tuple[list[str], list[int]]:
    """(distinct values in natural order, each row's index among them or −1): `Level 9` is before `Level 10`."""
    given = {value for value in values if value is not None}
    distinct = sorted(given, key=lambda value: re.sub(r"\d+", lambda digits: digits[0].zfill(20), value))
    places = {value: place for place, value in enumerate(distinct)}
    return distinct, [-1 if value is None else places[value] for value in values]


def read_groups(prompts: PromptSet, key: str) -> list[str]:
    """The group of each prompt: its value in a column; prompts without one are the group `none`.

    Raises InputError where no row has the column, or its values are too many, or no text, number or truth value.
    """
    values = [None if value is MISSING else value for value in prompts.rows.column(key)]
    if all(value is None for value in values):
        columns = ", ".join(prompts.rows.record(0))
        raise InputError(f"--group_by {key}: {prompts.name} has no such column (its columns: {columns})")
    for number, value in enumerate(values, 1):
        if value is not None and not isinstance(value, str | int | float):
            raise InputError(f"--group_by {key}: {prompts.name}: row {number}: is {kind_of(value)}, no group")
    whole = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    found = ["none" if value is None else str(value) for value in whole]  # 1 and 1.0 are one
    if len(distinct := set(found)) > MOST_GROUPS:
        many = f"has {len(distinct):,} values, over {MOST_GROUPS}"
        raise InputError(f"--group_by {key}: {many}; take a column of fewer")
    return found
