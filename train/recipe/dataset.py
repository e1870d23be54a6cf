"""From prompt files to what OpenRLHF reads: labels checked, validation held out, rows of messages and label."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim.prompts import read_prompts
from lim.utils.errors import InputError
from lim.utils.files import atomic_path
from lim.utils.makers import how_to_make
from lim.utils.text import squash
from train.recipe.recipe import RunConfig


@dataclass(frozen=True)
class Dataset:
    """Prompts to train on and to validate with; ids of the other prompts are in `dropped` and `held_out`."""

    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    rows: int
    dropped: list[str]
    held_out: list[str]


def load(run: RunConfig, equal: Callable[[str, str], bool]) -> Dataset:
    """Read a run's prompt files. `equal(gold, answer)` is the grader's.

    Raises InputError where a file is missing (naming the command that makes it) or malformed, a label cannot be
    graded, or nothing is left to train on.
    """
    prompts = read_prompts(need(run.prompt_file))
    kept, dropped = drop_bad(run.prompt_file, prompts, equal, drop=run.bad_labels == "drop")
    validation: list[dict[str, Any]] = []
    if run.val_file:
        candidates, _ = drop_bad(run.val_file, read_prompts(need(run.val_file)), equal, drop=run.bad_labels == "drop")
        validation = choose(candidates, run.val_size)
    ids = {row["id"] for row in validation}
    texts = {squash(row["prompt"]) for row in validation}
    held_out = [row["id"] for row in kept if row["id"] in ids or squash(row["prompt"]) in texts]
    train = [row for row in kept if row["id"] not in set(held_out)]
    if not train:
        raise InputError(f"{run.prompt_file}: no prompt is left to train on ({len(held_out)} are held out)")
    return Dataset(train, validation, len(prompts), dropped, held_out)


def need(path: str) -> Path:
    """The path of a prompt file. InputError names the command that makes it."""
    file = Path(path)
    if not file.exists():
        hint = how_to_make(path, "run.prompt_file=FILE takes a JSON list of {id, prompt, answer}")
        raise InputError(f"{path}: no such file{hint}")
    return file


def drop_bad(
    path: str, rows: Sequence[dict[str, Any]], equal: Callable[[str, str], bool], *, drop: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows whose answer the grader can accept, and the ids of the others. InputError on the first unless `drop`."""
    kept, bad = [], []
    verdicts: dict[str, bool] = {}
    for number, row in enumerate(rows, 1):
        answer = row["answer"]
        if answer not in verdicts:
            verdicts[answer] = bool(answer.strip()) and equal(answer, answer)
        if verdicts[answer]:
            kept.append(row)
            continue
        if not drop:
            what = "cannot be graded (it is not equal to itself)" if answer.strip() else "is empty"
            raise InputError(
                f"{path}: row {number} (id {row['id']}): answer {answer!r} {what}; "
                "fix it, or drop such rows with run.bad_labels=drop"
            )
        bad.append(row["id"])
    return kept, bad


def choose(rows: Sequence[dict[str, Any]], count: int | None) -> list[dict[str, Any]]:
    """`count` rows in order of their id's hash: the same ones for every run, whatever its seed. None: all."""
    if count is None:
        return list(rows)
    if count > len(rows):
        raise InputError(f"run.val_size={count}: the validation file has {len(rows)} usable prompts")
    return sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).digest())[:count]


def to_row(row: dict[str, Any], system_prompt: str | None) -> dict[str, Any]:
    """A row as OpenRLHF reads it: chat messages, and the label `{"id", "answer"}` as a JSON string."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    label = json.dumps({"id": row["id"], "answer": row["answer"]}, ensure_ascii=False)
    return {"messages": [*system, {"role": "user", "content": row["prompt"]}], "label": label}


def write(path: Path, rows: Sequence[dict[str, Any]], system_prompt: str | None) -> None:
    """Write rows as JSON Lines."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(to_row(row, system_prompt), ensure_ascii=False) + "\n")
