"""Over how many GPUs a model's attention heads can be split: vLLM and DeepSpeed find out minutes after the start."""

from __future__ import annotations

from lim.utils.cli import listed
from lim.utils.errors import InputError


def splits(size: int, heads: int, key_value_heads: int | None) -> bool:
    """Whether `size` GPUs get equal parts: of the heads, and of the key-value heads or of their copies."""
    kept = key_value_heads or heads
    return heads % size == 0 and max(kept, size) % min(kept, size) == 0


def check_heads(flag: str, size: int, model: str, heads: int | None, key_value_heads: int | None) -> None:
    """Raise InputError, naming `flag`, where `size` GPUs cannot share the model; nothing where it is not known."""
    if not heads or splits(size, heads, key_value_heads):
        return
    fitting = [str(n) for n in range(1, heads + 1) if n <= max(8, size) and splits(n, heads, key_value_heads)]
    of = f"{heads} attention heads" + (f" ({key_value_heads} key-value heads)" if key_value_heads else "")
    raise InputError(f"{flag}: {model} has {of}, which {size} GPUs cannot share; {listed(fitting)} can")
