"""Samples that a log holds again: a step that repeats the one before, a buffer that begins with what it had."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from lim.logs.rows import digest


def checksum(value: Any) -> int:
    """A number that stands for a response."""
    return zlib.crc32(str(value).encode("utf-8", "surrogatepass"))


def fingerprint(prompts: Sequence[str], outputs: Sequence[int], rewards_R: NDArray[Any]) -> bytes | None:
    """A digest of a step's samples, unless a later step that is equal may well be a sampling of its own."""
    return digest(str((prompts, outputs, rewards_R.tolist()))) if _tell_apart(outputs) else None


def _tell_apart(outputs: Sequence[int]) -> bool:
    """Whether outputs tell samples apart: not where most have another's, as where all answer A, B, C or D."""
    return 2 * len(set(outputs)) > len(outputs)


def overlap(old: Sequence[tuple[str, int]], new: Sequence[tuple[str, int]]) -> int:
    """How many samples are those that the record before ended with: all, or the most that are of several prompts. A
    sample is its prompt and the checksum of its response.
    """
    if not _tell_apart([output for _, output in new]):
        return 0
    for start in range(max(0, len(old) - len(new)), len(old)):
        if old[start] == new[0] and old[start:] == new[: len(old) - start]:
            again = len(old) - start
            return again if again == len(new) or len({prompt for prompt, _ in old[start:]}) > 1 else 0
    return 0
