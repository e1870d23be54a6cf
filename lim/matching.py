"""Match a log's prompts to the prompt file: by id, by text, by text without the chat template around it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What chat templates put around a user's turn, as text with and without special tokens (verl and TRL log
# prompts decoded without them). Each has one group: the user's turn.
TEMPLATES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        # Qwen, ChatML
        r"(?:<\|im_start\|>system\n.*?<\|im_end\|>\s*)?<\|im_start\|>user\n(.*)<\|im_end\|>\s*<\|im_start\|>assistant\n?.*",
        # Llama 3
        r"(?:<\|begin_of_text\|>)?(?:<\|start_header_id\|>system<\|end_header_id\|>.*?<\|eot_id\|>)?"
        r"<\|start_header_id\|>user<\|end_header_id\|>\n*(.*)<\|eot_id\|>"
        r"<\|start_header_id\|>assistant<\|end_header_id\|>\n*.*",
        # Llama 2, Mistral
        r"(?:<s>)?\s*\[INST\]\s*(?:<<SYS>>.*?<</SYS>>)?(.*)\[/INST\]\s*",
        # Gemma
        r"(?:<bos>)?<start_of_turn>user\n(.*)<end_of_turn>\s*<start_of_turn>model\n?.*",
        # DeepSeek
        r"(?:<｜begin▁of▁sentence｜>)?.*?<｜User｜>(.*)<｜Assistant｜>.*",
        # any of the first two, decoded without special tokens
        r"(?:system\n.*?\n?)?(?<![^\n.!?])user\n+(.*?)\n?assistant\n*(?:<think>\s*)?",
    )
)


def strip_template(text: str) -> str:
    """The user's turn of a prompt wrapped in a known chat template; the text itself where there is none."""
    for template in TEMPLATES:
        match = template.fullmatch(text)
        if match:
            return match[1].strip()
    return text.strip()


def normalise(text: str) -> str:
    """Text with every run of whitespace as one space."""
    return " ".join(text.split())


@dataclass(frozen=True)
class Matching:
    rows_P: NDArray[np.int64]  # prompt → row of the log's matrix, −1 where the log does not have it
    unmatched: list[str]  # keys of the log that no prompt of the file has
    how: dict[str, int]  # rule → prompts matched by it
    wrapper: tuple[str, str] | None = None  # text found around every prompt of the log, where it had to be looked for


def match_prompts(
    ids: Sequence[str], prompts: Sequence[str], keys: Sequence[str], *, by_id: bool = False
) -> Matching:
    """Match prompts (their ids and texts) to a log's keys (ids or texts); each prompt takes the closest rule.

    The rules, in order: same id; same text; same text after whitespace and known chat templates are taken
    away; same text inside a wrapper (a template or instruction of the run's own) found by looking prompts up
    in a few of the log's texts. `by_id` stops after the first rule. Two prompts of the same text share a row.
    """
    row_of = {key: row for row, key in enumerate(keys)}
    rows_P = np.full(len(ids), -1, np.int64)
    how: Counter[str] = Counter()

    def try_rule(name: str, table: dict[str, int], texts: Sequence[str]) -> None:
        for at, text in enumerate(texts):
            row = table.get(text) if rows_P[at] < 0 else None
            if row is not None:
                rows_P[at] = row
                how[name] += 1

    try_rule("id", row_of, ids)
    wrapper = None
    if not by_id and (rows_P < 0).any():
        try_rule("text", row_of, prompts)
        plain = [normalise(prompt) for prompt in prompts]
        stripped = [strip_template(key) for key in keys]
        try_rule("text without template", _first(stripped), [prompt.strip() for prompt in prompts])
        try_rule("text without template", _first([normalise(text) for text in stripped]), plain)
        left = sorted(set(range(len(keys))) - set(rows_P.tolist()))
        if left and (rows_P < 0).any():
            wrapper = _find_wrapper([normalise(stripped[row]) for row in left[:5]], plain)
            if wrapper:
                inner = _first([_unwrap(normalise(text), *wrapper) for text in stripped])
                try_rule("text inside the run's own wrapper", inner, plain)
    used = set(rows_P.tolist())
    unmatched = [key for row, key in enumerate(keys) if row not in used]
    return Matching(rows_P, unmatched, dict(how), wrapper)


def _first(texts: Sequence[str]) -> dict[str, int]:
    table: dict[str, int] = {}
    for row, text in enumerate(texts):
        table.setdefault(text, row)
    return table


def _find_wrapper(texts: Sequence[str], prompts: Sequence[str]) -> tuple[str, str] | None:
    """(prefix, suffix) most often found around the longest prompt contained in a text."""
    found: Counter[tuple[str, str]] = Counter()
    for text in texts:
        inside = max((prompt for prompt in prompts if prompt and prompt in text), key=len, default="")
        if inside:
            prefix, _, suffix = text.partition(inside)
            found[prefix, suffix] += 1
    return found.most_common(1)[0][0] if found else None


def _unwrap(text: str, prefix: str, suffix: str) -> str:
    if text.startswith(prefix) and text.endswith(suffix) and len(text) >= len(prefix) + len(suffix):
        return text[len(prefix) : len(text) - len(suffix)]
    return text
