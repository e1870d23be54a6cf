"""Prompts, answers and ids of a prompt file, whichever trainer it was made for.

| layout | prompt | answer | id |
|---|---|---|---|
| this project's | prompt | answer | id |
| verl | prompt (messages) | reward_model.ground_truth | extra_info.index |
| TRL | prompt (messages or text) | solution or answer | – |
| OpenRLHF | input, messages or context_messages | label or answer | – |
| GSM8K, MATH | question or problem | answer or solution | – |
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from lim.logs.messages import LISTED, Messages, messages_of, prompt_text, text_of
from lim.prompts.find import Reading, find, fingerprint
from lim.prompts.rows import MISSING, Rows, dig
from lim.utils.errors import InputError
from lim.utils.text import kind_of

# The first that a file has counts.
PROMPT_KEYS = ("prompt", "question", "problem", "input", "messages", "context_messages")
ANSWER_KEYS = ("reward_model.ground_truth", "answer", "solution", "ground_truth", "label")
ID_KEY, VERL_ID_KEY = "id", "extra_info.index"


@dataclass(frozen=True)
class PromptSet:
    """The prompts of a file, in its order, with the rows they come from."""

    rows: Rows
    ids: list[str]
    texts: list[str]  # what the user says
    answers: list[str | None]
    messages: list[Messages | None]  # of prompts that are messages
    id_key: str | None  # None: ids are row numbers, from 0
    answer_key: str | None
    repeated_ids: str = ""  # which rows share an id, where that is why row numbers are taken
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.rows.name

    @property
    def own_keys(self) -> tuple[str | None, str | None]:
        """The columns of ids and answers."""
        return self.id_key, self.answer_key

    def in_words(self) -> str:
        """How many prompts, of which split, and what their ids are where no column `id` says it."""
        ids = self.id_key or "row numbers from 0"
        said = [f"split {self.origin.get('split')}"] * ("split" in self.origin) + [f"ids: {ids}"] * (ids != ID_KEY)
        return f"{len(self.ids):,}" + (f" ({'; '.join(said)})" if said else "")

    def take(self, at: Sequence[int]) -> PromptSet:
        """The prompts of some rows, by number, as a file of these alone would have them."""
        rows, pick = self.rows, lambda values: None if values is None else [values[row] for row in at]
        kept = Rows(rows.name, pick(rows.objects), None if rows.table is None else rows.table.take(list(at)))
        kept.lines = pick(rows.lines)
        lists = {name: pick(getattr(self, name)) for name in ("ids", "texts", "answers", "messages")}
        return replace(self, rows=kept, **lists)

    @cached_property
    def fingerprint(self) -> str | None:
        """The sha256 of the file or folder as it is now; None for a set of the hub."""
        return fingerprint(self.name)

    @cached_property
    def full(self) -> list[list[str]]:
        """The prompts with their system message and all turns, in ChatML and as that is decoded; none where they
        have nothing but one turn of the user.
        """
        roles = (turn["role"] for turns in self.messages if turns is not None for turn in turns[:-1])
        if next(roles, None) is None:
            return []
        named = zip(self.texts, self.messages, strict=True)
        rendered = [text if turns is None else prompt_text(turns) or text for text, turns in named]
        return [rendered, [re.sub(r"<\|im_(?:start|end)\|>", "", text) for text in rendered]]

    def rest(self, at: int) -> str:
        """What a row holds beside its id: equal for rows that are copies."""
        row = dict(self.rows.record(at))
        if self.id_key is not None and dig(row, self.id_key) is not MISSING:
            top, *below = [self.id_key] if self.id_key in row else self.id_key.split(".")
            row[top] = {k: v for k, v in row[top].items() if k != below[0]} if below else None
        return json.dumps(row, sort_keys=True, default=repr)

    def need_answers(self, reading: Reading) -> list[str]:
        """The answers. InputError at the first prompt without one."""
        if self.answer_key is None:
            columns = ", ".join(self.rows.record(0))
            raise InputError(f"{self.name}: has no answers; name the column by {reading.flag}answer_key ({columns})")
        for number, value in enumerate(self.rows.column(self.answer_key), 1):
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                none = value is MISSING or value is None
                what = "is not there" if none else f"is {kind_of(value)}, not text or a number"
                raise InputError(f"{self.name}: row {number}: '{self.answer_key}', the answer, {what}")
        return [answer for answer in self.answers if answer is not None]


def load(path: str | Path, reading: Reading | None = None) -> PromptSet:
    """Read a prompt file: its name is a file's, a folder's, or a set of the hub (`lim.prompts.find`).

    Raises InputError for what cannot be read, a prompt that is neither text nor messages, and ids that repeat.
    """
    reading = reading or Reading()
    rows, origin = find(path, reading)
    return replace(prompts_of(rows, reading), origin=origin)


def prompts_of(rows: Rows, reading: Reading | None = None) -> PromptSet:
    """The prompts of rows; InputError as for `load`."""
    reading = reading or Reading()
    if not len(rows):
        raise InputError(f"{rows.name}: holds no prompts")
    prompt_key = _key(rows, reading, "prompt", PROMPT_KEYS)
    if prompt_key is None:
        raise InputError(
            f"{rows.name}: none of its columns is a prompt by its name ({', '.join(PROMPT_KEYS)}); name the column "
            f"by {reading.flag}prompt_key (its columns: {', '.join(rows.record(0)) or 'none'})"
        )
    values = rows.column(prompt_key)
    texts: list[str] = []
    messages: list[Messages | None] = []
    if _all_text(values) and not any(map(LISTED.match, values)):
        texts, values = values, []
        messages += [None] * len(texts)
    for number, value in enumerate(values, 1):
        turns = None if isinstance(value, str) and not LISTED.match(value) else messages_of(value)
        if turns is None and not isinstance(value, str):
            what = "is not there" if value is MISSING else f"is {kind_of(value)}, neither text nor messages"
            columns = ", ".join(rows.record(number - 1)) or "none"
            raise InputError(
                f"{rows.name}: row {number}: '{prompt_key}' {what} (its columns: {columns}); if another column holds "
                f"the prompt, name it by {reading.flag}prompt_key"
            )
        texts.append(value if turns is None else text_of(turns))
        messages.append(turns)
    answer_key = _key(rows, reading, "answer", ANSWER_KEYS)
    answers: list[Any] = [None] * len(rows) if answer_key is None else rows.column(answer_key)
    if not _all_text(answers):
        answers = [value if isinstance(value, str) else _answer(value) for value in answers]
    ids, id_key, repeated = ids_of(rows, reading)
    return PromptSet(rows, ids, texts, answers, messages, id_key, answer_key, repeated)


def _key(rows: Rows, reading: Reading, what: str, known: Sequence[str]) -> str | None:
    """The column of a kind: the one given, or the first known one. InputError where the one given is not there."""
    given = getattr(reading, f"{what}_key")
    first = rows.record(0)
    if given is None:
        return next((key for key in known if dig(first, key) is not MISSING), None)
    if all(value is MISSING for value in rows.column(given)):
        columns = ", ".join(first) or "none"
        raise InputError(f"{reading.flag}{what}_key {given}: {rows.name} has no such column (its columns: {columns})")
    return given


def _all_text(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {str}


def _answer(value: Any) -> str | None:
    """An answer that is no text, as JSON; None where there is none. (Text stays as it is: "1.50".)"""
    if value is MISSING or value is None:
        return None
    return json.dumps(value, ensure_ascii=False, default=str)


def ids_of(rows: Rows, reading: Reading) -> tuple[list[str], str | None, str]:
    """(ids, their column or None, why row numbers are taken where verl's index repeats)."""
    key = _key(rows, reading, "id", (ID_KEY,))
    if key is None:
        verl = rows.column(VERL_ID_KEY)
        ids, problem = _unique(verl)
        if not problem:
            return ids, VERL_ID_KEY, ""
        return [str(at) for at in range(len(rows))], None, "" if verl[0] is MISSING else f"{VERL_ID_KEY}: {problem}"
    ids, problem = _unique(rows.column(key))
    if problem:
        raise InputError(f"{rows.name}: '{key}': {problem}; fix it, or name another column by {reading.flag}id_key")
    return ids, key, ""


def _unique(values: Sequence[Any]) -> tuple[list[str], str]:
    """(ids as text, what is wrong with them)."""
    if _all_text(values) and len(set(values)) == len(values):
        return list(values), ""
    seen: dict[str, int] = {}
    for number, value in enumerate(values, 1):
        if isinstance(value, float | Decimal) and value == value // 1:  # as a table makes of whole numbers
            value = int(value)
        if not isinstance(value, str) and type(value) is not int:
            what = (
                "has none" if value is MISSING or value is None else f"has {value!r:.40}, neither text nor a number"
            )
            return [], f"row {number} {what}"
        if str(value) in seen:
            return [], f"rows {seen[str(value)]} and {number} have the same id {str(value)!r:.80}; ids must be unique"
        seen[str(value)] = number
    return list(seen), ""
