"""open-instruct's rollouts."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from typing import Any

from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.rows import decode_rows, group
from lim.logs.step import StepRewards
from lim.logs.stretches import attempts_of
from lim.utils.errors import InputError


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """`<run>_rollouts_<shard>.jsonl`: rows `{step, prompt_tokens, reward, …}`.

    Prompts are token ids alone, so they are decoded with the trained model's tokenizer, `options.tokenizer`.
    """
    if not options.tokenizer:
        raise InputError(
            f"{file.path}: holds prompts as token ids; give the trained model's tokenizer: --tokenizer FOLDER"
        )
    rows = decode_rows(
        file, filesystem, {"step": int, "prompt_tokens": list[int], "reward": float | bool | None}, lines=True
    )
    tokenizer = load_tokenizer(options.tokenizer)
    texts: dict[tuple[int, ...], str] = {}
    steps: dict[tuple[int, int], list[tuple[str, Any]]] = {}  # (stretch of the file, step)
    for stretch, row in zip(
        attempts_of([row.f0 for row in rows], [tuple(row.f1) for row in rows]), rows, strict=True
    ):
        tokens = tuple(row.f1)
        if tokens not in texts:
            texts[tokens] = tokenizer.decode(row.f1, skip_special_tokens=False)
        steps.setdefault((stretch, row.f0), []).append((texts[tokens], row.f2))
    found = []
    for (stretch, step), pairs in steps.items():
        prompts, rewards = zip(*pairs, strict=True)
        size = 0 if found else file.size
        one = group(file, prompts, rewards, step=step, bytes_read=size, keep_samples=options.keep_samples)
        found.append(replace(one, attempt=stretch))
    return found or [group(file, [], [])]


@lru_cache(maxsize=1)
def load_tokenizer(path: str) -> Any:
    """A tokenizer from its folder or tokenizer.json. InputError where there is none."""
    from tokenizers import Tokenizer

    file = os.path.join(path, "tokenizer.json") if os.path.isdir(path) else path
    try:
        return Tokenizer.from_file(file)
    except Exception as error:  # tokenizers raises nothing narrower
        raise InputError(f"--tokenizer {path}: {file} is not a tokenizer ({error})") from None
