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
    wrappers: tuple[tuple[str, str], ...] = ()  # texts found around the log's prompts, where they had to be sought


def match_prompts(
    ids: Sequence[str], prompts: Sequence[str], keys: Sequence[str], *, by_id: bool = False
) -> Matching:
    """Match prompts (their ids and texts) to a log's keys (ids or texts); each prompt takes the closest rule.

    The rules, in order: same id; same text; same text after whitespace and known chat templates are taken
    away; same text inside a wrapper (a template or instruction of the run's own), of which a log may have
    several. `by_id` stops after the first rule. Two prompts of the same text share a row.
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
    wrappers: list[tuple[str, str]] = []
    if not by_id and (rows_P < 0).any():
        try_rule("text", row_of, prompts)
        plain = [normalise(prompt) for prompt in prompts]
        stripped = [strip_template(key) for key in keys]
        try_rule("text without template", _first(stripped), [prompt.strip() for prompt in prompts])
        try_rule("text without template", _first([normalise(text) for text in stripped]), plain)
        inner = [normalise(text) for text in stripped]
        while True:  # each turn takes the commonest wrapper among what is left, until one matches nothing
            open_P = np.flatnonzero(rows_P < 0)
            left = sorted(set(range(len(keys))) - set(rows_P.tolist()))
            wrapper = _find_wrapper([inner[row] for row in left], [plain[at] for at in open_P.tolist()])
            if wrapper is None:
                break
            table = _first([_unwrap(inner[row], *wrapper) for row in left])
            try_rule("text inside the run's own wrapper", {text: left[at] for text, at in table.items()}, plain)
            if int((rows_P < 0).sum()) == len(open_P):
                break
            wrappers.append(wrapper)
    used = set(rows_P.tolist())
    unmatched = [key for row, key in enumerate(keys) if row not in used]
    return Matching(rows_P, unmatched, dict(how), tuple(wrappers))


def _first(texts: Sequence[str]) -> dict[str, int]:
    table: dict[str, int] = {}
    for row, text in enumerate(texts):
        table.setdefault(text, row)
    return table


def _find_wrapper(texts: Sequence[str], prompts: Sequence[str]) -> tuple[str, str] | None:
    """(prefix, suffix) most often found around prompts, looking at up to 50 of the texts and 50 of the prompts.

    From both sides, since either may be a small part of the other. One seen only once among many is taken for a
    prompt that is in another's text by chance.
    """
    some_texts, some_prompts = _spread(texts, len(prompts)), _spread(prompts, len(texts))
    found: set[tuple[str, str]] = set()  # (text, prompt): a pair found from both sides is one
    for text in some_texts:
        inside = max((prompt for prompt in prompts if prompt and prompt in text), key=len, default="")
        if inside:
            found.add((text, inside))
    for prompt in some_prompts:
        around = min((text for text in texts if prompt and prompt in text), key=len, default="")
        if around:
            found.add((around, prompt))
    around_them = Counter((text.partition(prompt)[0], text.partition(prompt)[2]) for text, prompt in sorted(found))
    wrapper, count = around_them.most_common(1)[0] if found else (("", ""), 0)
    return wrapper if count >= (2 if min(len(texts), len(prompts)) > 20 else 1) else None


def _spread(items: Sequence[str], others: int) -> Sequence[str]:
    """Up to 50 of the items (fewer where there are many others to compare them with), spread over the whole."""
    count = max(5, min(50, 5_000_000 // max(1, others)))
    return items if len(items) <= count else [items[at * len(items) // count] for at in range(count)]


def _unwrap(text: str, prefix: str, suffix: str) -> str:
    if text.startswith(prefix) and text.endswith(suffix) and len(text) >= len(prefix) + len(suffix):
        return text[len(prefix) : len(text) - len(suffix)]
    return text
