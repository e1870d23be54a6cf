"""From prompt files to what OpenRLHF reads: labels checked, validation held out, rows of messages and label."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lim.pipeline import read_ids
from lim.prompts import PromptSet, Reading
from lim.prompts import load as load_prompts
from lim.prompts.find import fingerprint, hub_id
from lim.utils.errors import InputError
from lim.utils.files import atomic_path
from lim.utils.makers import how_to_make
from lim.utils.text import squash
from train.recipe.recipe import RunConfig


@dataclass(frozen=True)
class Dataset:
    """Prompts to train on and to validate with; ids of the other prompts are in `dropped` and `held_out`.

    A row is `{id, prompt, answer}`, and `messages` where the prompt is more than one turn of the user.
    """

    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    rows: int
    dropped: list[str]
    held_out: list[str]
    version: str | None  # the prompt file's sha256, or the revision of a set of the hub


def load(run: RunConfig, equal: Callable[[str, str], bool]) -> Dataset:
    """Read a run's prompt files. `equal(gold, answer)` is the grader's.

    Raises InputError where a file is missing (naming the command that makes it) or malformed, a label cannot be
    graded, or nothing is left to train on.
    """
    reading = Reading(run.prompt_key, run.answer_key, run.id_key, run.config, run.split, run.revision, flag="run.")
    prompts = load_prompts(need(run.prompt_file), reading)
    kept, dropped = drop_bad(
        run.prompt_file, rows_of(prompts, reading, run.system_prompt), equal, drop=run.bad_labels == "drop"
    )
    validation: list[dict[str, Any]] = []
    ids: set[str] = set()
    if run.val_file:
        same = run.val_file == run.prompt_file
        if not same:
            reading = replace(reading, config=None, revision=None)
        others = load_prompts(need(run.val_file), replace(reading, split=run.val_split))
        candidates, _ = drop_bad(
            run.val_file, rows_of(others, reading, run.system_prompt), equal, drop=run.bad_labels == "drop"
        )
        validation = choose(candidates, run.val_size)
        # Row numbers, and verl's index, say which prompt it is within one file only.
        one_file = same and prompts.origin == others.origin
        if one_file or (prompts.id_key == others.id_key and others.id_key in ("id", run.id_key or "id")):
            ids = {row["id"] for row in validation}
    texts = {squash(row["prompt"]) for row in validation}
    held_out = [row["id"] for row in kept if row["id"] in ids or squash(row["prompt"]) in texts]
    listed = listed_ids(run.drop_ids, prompts.ids) if run.drop_ids else []
    dropped += [id for id in listed if id not in set(dropped)]
    train = [row for row in kept if row["id"] not in {*held_out, *listed}]
    if not train:
        raise InputError(
            f"{run.prompt_file}: no prompt is left to train on ({len(held_out)} are held out, {len(dropped)} dropped)"
        )
    version = fingerprint(run.prompt_file) or prompts.origin.get("revision")
    return Dataset(train, validation, len(prompts.ids), dropped, held_out, version)


def listed_ids(path: str, ids: Sequence[str]) -> list[str]:
    """The ids of `run.drop_ids`, in the prompt file's order. InputError for one that it does not have."""
    listed = dict.fromkeys(read_ids(path))
    if unknown := [id for id in listed if id not in set(ids)]:
        raise InputError(
            f"{path}: lists {unknown[0]!r:.60}, which is no id of the prompt file; make the list from a run on it"
        )
    return [id for id in ids if id in listed]


def rows_of(prompts: PromptSet, reading: Reading, system_prompt: str | None) -> list[dict[str, Any]]:
    """The rows of a prompt file. InputError for one without an answer, with images, or a second system prompt."""
    rows: list[dict[str, Any]] = []
    answers = prompts.need_answers(reading)
    for id, text, answer, messages in zip(prompts.ids, prompts.texts, answers, prompts.messages, strict=True):
        rows.append({"id": id, "prompt": text, "answer": answer})
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in messages or ()]
        where = f"{prompts.name}: row {len(rows)} (id {id})"
        if any(not isinstance(turn["content"], str) for turn in turns):
            raise InputError(f"{where}: a message is not text; only prompts of text can be trained on here")
        if system_prompt and any(turn["role"] == "system" for turn in turns):
            raise InputError(
                f"{where}: has a system message beside run.system_prompt; run.system_prompt=null keeps the file's"
            )
        if [turn["role"] for turn in turns] not in ([], ["user"]):
            rows[-1]["messages"] = turns
    return rows


def need(path: str) -> str:
    """The name of a prompt file. InputError names the command that makes it, where it is no set of the hub either."""
    file = Path(path)
    if not file.exists() and hub_id(path) is None:
        hint = how_to_make(path, "run.prompt_file=FILE takes Parquet, JSON, JSON lines, CSV, or a set of the hub")
        raise InputError(f"{path}: no such file{hint}")
    return path


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
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    return {"messages": [*system, *messages], "label": label}


def write(path: Path, rows: Sequence[dict[str, Any]], system_prompt: str | None) -> None:
    """Write rows as JSON Lines."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(to_row(row, system_prompt), ensure_ascii=False) + "\n")
