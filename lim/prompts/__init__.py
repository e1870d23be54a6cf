"""Prompt files: read as trainers have them, and rows of them written back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lim.prompts.find import Reading, add_prompt_flags, reading_of
from lim.prompts.layout import PromptSet, load, prompts_of

__all__ = ["PromptSet", "Reading", "add_prompt_flags", "load", "prompts_of", "read_prompts", "reading_of"]


def read_prompts(path: str | Path, reading: Reading | None = None) -> list[dict[str, Any]]:
    """The rows of a prompt file with an answer for each, as `{id, prompt, answer, …}`; further keys as they are.

    `prompt` is text; of a prompt that is messages it is what the user says. InputError as for `load`, and for a
    prompt without an answer.
    """
    prompts = load(path, reading)
    answers = prompts.need_answers(reading or Reading())
    named = zip(prompts.rows.records, prompts.ids, prompts.texts, answers, strict=True)
    return [{**row, "id": id, "prompt": text, "answer": answer} for row, id, text, answer in named]
