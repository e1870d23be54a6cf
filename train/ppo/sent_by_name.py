"""The tokenizer in OpenRLHF's calls to its engines, loaded once in each of their processes.

OpenRLHF hands it over with every prompt. Ray would pickle it in the trainer and rebuild it in the engine's
process, where one of 151,000 words takes half a second, and no response is read meanwhile: minutes for a step of
1,024 prompts.
"""

from __future__ import annotations

from functools import cache
from typing import Any


class SentByName:
    """Stands in for the tokenizer as an argument; whoever receives it gets the tokenizer itself."""

    def __init__(self, model: str, *, fast: bool) -> None:
        self.named = (model, fast)

    def __reduce__(self) -> tuple[Any, ...]:
        return tokenizer_of, self.named


@cache
def tokenizer_of(model: str, fast: bool) -> Any:
    """The tokenizer as OpenRLHF's trainer loads it; the same one for every call of a process."""
    from openrlhf.utils.utils import get_tokenizer

    return get_tokenizer(model, None, "left", use_fast=fast)
