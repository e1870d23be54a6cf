"""What the readers of third-party logs share: each turns one file's rows into `StepRewards`. Formats: docs/logs.md.

JSON is decoded with typed structs, so that only the prompt and the reward are kept of rows whose bulk is the
response: memory is one file's bytes, not the parsed tree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.logs.find import LogFile
from lim.logs.step import StepRewards, group_rewards
from lim.utils.errors import InputError


def group(
    file: LogFile,
    prompts: Sequence[str],
    rewards: Sequence[float] | NDArray[np.float64],
    bytes_read: int,
    keep_samples: bool,
    fingerprint: bytes | None = None,
) -> StepRewards:
    if not len(prompts):
        raise InputError(f"{file.path}: holds no rows; remove the file, or pass --skip_bad_files")
    codes: dict[str, int] = {}
    codes_R = np.fromiter((codes.setdefault(prompt, len(codes)) for prompt in prompts), np.int64, len(prompts))
    return group_rewards(
        file.step,
        list(codes),
        codes_R,
        np.asarray(rewards, np.float64),
        bytes_read=bytes_read,
        fingerprint=fingerprint,
        keep_samples=keep_samples,
    )


def digest(*texts: str) -> bytes:
    import hashlib

    found = hashlib.blake2b(digest_size=16)
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass"))
    return found.digest()


def tidy(error: Exception) -> str:
    return " ".join(str(error).split())


def list_items(data: bytes) -> Iterator[Any]:
    """Items of a JSON list one by one; json.JSONDecodeError at the first that is not whole."""
    text = data.decode("utf-8", "replace")
    decoder, at = json.JSONDecoder(), len(text) - len(text.lstrip())
    if text[at : at + 1] != "[":
        raise json.JSONDecodeError("not a list", text, at)
    at += 1
    blank: Callable[[int], int] = lambda at: next(  # noqa: E731
        (i for i in range(at, len(text)) if not text[i].isspace()), len(text)
    )
    at = blank(at)
    while text[at : at + 1] != "]":
        item, at = decoder.raw_decode(text, at)
        yield item
        at = blank(at)
        if text[at : at + 1] == ",":
            at = blank(at + 1)
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("cut short", text, at)


def first_bad_row(
    path: str, rows: Iterator[Any], prompt: str, reward: str, error: Exception, *, bools: bool = False
) -> InputError:
    """Say which row made the fast decoder refuse the file, and why; read slowly, since only once."""
    mend = "mend or remove the file, or pass --skip_bad_files"
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                return InputError(f"{path}: row {number} is a {type(row).__name__}, not an object; {mend}")
            for key, kinds in ((prompt, str), (reward, (int, float))):
                if key not in row:
                    return InputError(f"{path}: row {number} has no '{key}' (its keys: {', '.join(row)}); {mend}")
                value = row[key]
                if not isinstance(value, kinds) or (isinstance(value, bool) and not (bools and key == reward)):
                    return InputError(f"{path}: row {number}: '{key}' is {value!r:.60}, not a {_kind(kinds)}; {mend}")
                if isinstance(value, float) and not math.isfinite(value):
                    return InputError(f"{path}: row {number}: {key} is {value}; {mend}")
    except json.JSONDecodeError as broken:
        what = "cut short" if broken.pos >= len(broken.doc.rstrip()) or "Unterminated" in broken.msg else broken.msg
        return InputError(f"{path}: row {number + 1}: not whole JSON ({what}); {mend}")
    return InputError(f"{path}: not readable ({tidy(error)}); {mend}")


def _kind(kinds: Any) -> str:
    return "string" if kinds is str else "number"
