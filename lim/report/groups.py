"""Groups of prompts by the columns of a prompt file: level, subject, source, …"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
