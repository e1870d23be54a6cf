"""Groups of prompts by the columns of a prompt file: level, subject, source, …"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lim.prompts import PromptSet
from lim.prompts.rows import MISSING
from lim.utils.errors import InputError

MOST_GROUPS = 40  # a column with more values does not group prompts in a way that can be read
OWN_COLUMNS = ("id", "prompt", "answer")


@dataclass(frozen=True)
class Group:
    """A column, its distinct values in natural order, and each prompt's index among them (−1: none)."""

    key: str
    name: str
    values: list[str]
    index: list[int]


def groups_of(records: Sequence[Mapping[str, Any]]) -> list[Group]:
    """The columns that prompts can be grouped by: of text or numbers, with 1 to 40 values, some of them repeated."""
    groups = []
    for key in dict.fromkeys(key for record in records for key in record if key not in OWN_COLUMNS):
        column = [record.get(key) for record in records]
        given = [str(value) for value in column if isinstance(value, str | int | float)]
        if len(given) + column.count(None) == len(column) and 1 <= len(set(given)) <= min(
            MOST_GROUPS, len(given) - 1
        ):
            values, index = numbered([None if value is None else str(value) for value in column])
            groups.append(Group(key, key[:1].upper() + key[1:].replace("_", " "), values, index))
    return groups


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
            raise InputError(f"--group_by {key}: {prompts.name}: row {number}: is a {type(value).__name__}, no group")
    found = ["none" if value is None else str(value) for value in values]
    if len(distinct := set(found)) > MOST_GROUPS:
        many = f"has {len(distinct):,} values, over {MOST_GROUPS}"
        raise InputError(f"--group_by {key}: {many}; take a column of fewer")
    return found
