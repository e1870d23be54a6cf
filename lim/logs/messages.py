"""A prompt as a trainer's data set holds it: text, a list of messages, or such a list written as text."""

from __future__ import annotations

import ast
import json
from typing import Any

from lim.logs.rows import content_text, is_conversation

Messages = list[dict[str, Any]]


def messages_of(value: Any) -> Messages | None:
    """The messages of a prompt; None for text. A CSV file has them as JSON, or as Python writes them."""
    found: Any = value
    if isinstance(value, str):
        text = value.strip()
        if not (text.startswith("[{") and text.endswith("}]")):
            return None
        for parse in (json.loads, ast.literal_eval):
            try:
                found = parse(text)
                break
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    return found if is_conversation(found) else None


def text_of(messages: Messages) -> str:
    """What the user says, turn by turn; all that is said where there is no user."""
    turns = [turn for turn in messages if turn["role"] == "user"] or messages
    return "\n".join(content_text(turn["content"]) for turn in turns)
