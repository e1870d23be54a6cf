"""A prompt as logs and data sets hold it: text, a list of messages, or such a list written as text."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

Messages = list[dict[str, Any]]
LISTED = re.compile(r"\s*\[\s*\{")  # text that may be a list of messages
SAID = {"content", "tool_calls", "function_call"}  # keys of a turn
MEDIA = ("image", "video", "audio")
BETWEEN_OBJECTS = re.compile(r"\}\s*\n\s*\{")  # numpy writes no comma there


def messages_of(value: Any) -> Messages | None:
    """The messages of a prompt; None for text. Tables have them as JSON, or as Python or numpy writes them."""
    if isinstance(value, str):
        value = _listed(value)
    return value if is_conversation(value) else None


def _listed(text: str) -> Any:
    text = text.strip()
    if not (LISTED.match(text) and text.endswith("]")):
        return None
    commas = BETWEEN_OBJECTS.sub("},{", text)
    for parse, form in ((json.loads, text), (ast.literal_eval, text), (ast.literal_eval, commas)):
        try:
            return parse(form)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def text_of(messages: Messages) -> str:
    """What the user says, turn by turn; all that is said where there is no user."""
    turns = [turn for turn in messages if turn["role"] == "user"] or messages
    return "\n".join(content_text(turn.get("content")) for turn in turns)


def prompt_text(value: Any) -> str | None:
    """A prompt as text: itself; a conversation as ChatML, which matching takes apart; None for anything else.

    What some logs keep behind the user's last turn, the answer with its calls of tools, is no part of it.
    """
    if isinstance(value, str):
        return value
    if not is_conversation(value):
        return None
    asked = max((at for at, turn in enumerate(value, 1) if turn["role"] == "user"), default=len(value))
    turns = "".join(
        f"<|im_start|>{turn['role']}\n{content_text(turn.get('content'))}<|im_end|>\n" for turn in value[:asked]
    )
    return turns + "<|im_start|>assistant\n"


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of turns. One that calls tools may have no content."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and "role" in turn and (turn.keys() & SAID) for turn in value)
    )


def content_text(content: Any) -> str:
    """A turn's text; of a list of parts their texts, `<image>` and the like standing for the others."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else _part(part) for part in content)
    return str(content)


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    kind = str(part.get("type", "part"))
    if part.get("text") or "text" in kind:
        return str(part.get("text") or "")
    return f"<{next((medium for medium in MEDIA if medium in kind), kind)}>"  # `image_url`, `input_audio`
