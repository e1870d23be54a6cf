"""From prompt files to what OpenRLHF reads: labels checked, validation held out, rows of messages and label."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval.verifiers import MATH, Verifiers, check
from lim.output import read_ids
from lim.prompts import PromptSet, Reading
from lim.prompts import load as load_prompts
from lim.prompts.find import fingerprint, hub_id
from lim.prompts.rows import MISSING
from lim.utils.errors import InputError
from lim.utils.files import atomic_path
from lim.utils.makers import how_to_make
from lim.utils.text import squash
from train.recipe.recipe import RunConfig

IMAGE = "<image>"  # openrlhf/datasets/prompts_dataset.py
ASKED = 64  # rows of a person's verifier that it is asked about before a run starts


@dataclass(frozen=True)
class Dataset:
    """Prompts to train on and to validate with; ids of the other prompts are in `dropped` and `held_out`.

    A row is `{id, prompt, answer}`, with `messages` where the prompt is more than one turn of the user, and with
    `verifier` and `metadata` where it is not `math` that scores it.
    """

    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    rows: int
    dropped: list[str]
    held_out: list[str]
    version: str | None  # the prompt file's sha256, or the revision of a set of the hub
    verifiers: dict[str, str] = field(default_factory=dict)  # name → version, of those that the rows have
    doubtful: list[str] = field(default_factory=list)  # ids whose own answer scores below 1 by a person's verifier


def load(run: RunConfig, equal: Callable[[str, str], bool]) -> Dataset:
    """Read a run's prompt files. `equal(gold, answer)` is the grader's.

    Raises InputError where a file is missing (naming the command that makes it) or malformed, a label cannot be
    graded, a verifier is not there or fails, or nothing is left to train on.
    """
    with Verifiers(run.verifiers, run.verifier, where="run.verifiers") as verifiers:
        return _load(run, equal, verifiers)


def _load(run: RunConfig, equal: Callable[[str, str], bool], verifiers: Verifiers) -> Dataset:
    reading = reading_of(run)
    prompts = load_prompts(need(run.prompt_file), reading)
    drop = run.bad_labels == "drop"
    rows = rows_of(prompts, reading, run.system_prompt, verifiers)
    kept, dropped = drop_bad(run.prompt_file, rows, equal, verifiers, drop=drop)
    validation: list[dict[str, Any]] = []
    ids: set[str] = set()
    if run.val_file:
        same = run.val_file == run.prompt_file
        if not same:
            reading = replace(reading, config=None, revision=None)
        others = load_prompts(need(run.val_file), replace(reading, split=run.val_split))
        others_rows = rows_of(others, reading, run.system_prompt, verifiers)
        candidates, _ = drop_bad(run.val_file, others_rows, equal, verifiers, drop=drop)
        validation = choose(candidates, run.val_size)
        # Row numbers, and verl's index, say which prompt it is within one file only.
        one_file = same and prompts.origin == others.origin
        if one_file or (prompts.id_key == others.id_key and others.id_key in ("id", run.id_key or "id")):
            ids = {row["id"] for row in validation}
    texts = {squash(row["prompt"]) for row in validation}
    held_out = [row["id"] for row in kept if row["id"] in ids or squash(row["prompt"]) in texts]
    listed = listed_ids(run.drop_ids, prompts.ids) if run.drop_ids else []
    dropped = list(dict.fromkeys([*dropped, *listed]))
    left_out = {*held_out, *listed}
    train = [row for row in kept if row["id"] not in left_out]
    if not train:
        raise InputError(
            f"{run.prompt_file}: no prompt is left to train on ({len(held_out)} are held out, {len(dropped)} dropped)"
        )
    version = fingerprint(run.prompt_file) or prompts.origin.get("revision")
    refuse_image_marks(run, [*train, *validation])
    used = verifiers.versions(row.get("verifier", MATH) for row in (*train, *validation))
    doubtful = doubtful_golds(run.prompt_file, train, verifiers)
    return Dataset(train, validation, len(prompts.ids), dropped, held_out, version, used, doubtful)


def reading_of(run: RunConfig) -> Reading:
    """How the run's prompt file is read."""
    return Reading(run.prompt_key, run.answer_key, run.id_key, run.config, run.split, run.revision, flag="run.")


def listed_ids(path: str, ids: Sequence[str]) -> list[str]:
    """The ids of `run.drop_ids`, in the prompt file's order. InputError for one that it does not have."""
    listed = dict.fromkeys(read_ids(path))
    if unknown := listed.keys() - set(ids):
        raise InputError(
            f"{path}: lists {min(unknown)!r:.60}, which is no id of the prompt file; make the list from a run on it"
        )
    return [id for id in ids if id in listed]


def rows_of(
    prompts: PromptSet, reading: Reading, system_prompt: str | None, verifiers: Verifiers
) -> list[dict[str, Any]]:
    """The rows of a prompt file. InputError for one without an answer, with images, a second system prompt, or a
    verifier that is not there.
    """
    rows: list[dict[str, Any]] = []
    answers = prompts.need_answers(reading)
    carried = zip(*(map(present, prompts.rows.column(key)) for key in ("verifier", "metadata")), strict=True)
    for id, text, answer, messages, (verifier, metadata) in zip(
        prompts.ids, prompts.texts, answers, prompts.messages, carried, strict=True
    ):
        rows.append({"id": id, "prompt": text, "answer": answer})
        turns = [{"role": turn["role"], "content": turn.get("content")} for turn in messages or ()]
        where = f"{prompts.name}: row {len(rows)} (id {id})"
        name, metadata = verifiers.of({"verifier": verifier, "metadata": metadata}, where)
        if name != MATH:
            rows[-1] |= {"verifier": name, "metadata": metadata}
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


def refuse_image_marks(run: RunConfig, rows: Sequence[dict[str, Any]]) -> None:
    """Raise InputError for a prompt with the mark that OpenRLHF makes the place of a picture of.

    Its message is then a list of parts, at which some chat templates fail, and of which others write nothing.
    """
    if IMAGE in (run.system_prompt or ""):
        raise InputError(f"run.system_prompt: has {IMAGE}, which OpenRLHF reads as a picture's place; remove it")
    for row in rows:
        messages = row.get("messages") or [{"content": row["prompt"]}]
        if any(IMAGE in message["content"] for message in messages):
            raise InputError(
                f"{run.prompt_file}: id {row['id']}: its prompt has {IMAGE}, which OpenRLHF reads as a picture's "
                "place, and only text can be trained on here; remove the mark, or leave the prompt out (run.drop_ids)"
            )


def present(value: Any) -> Any:
    """A value of a row; None where there is none."""
    return None if value is MISSING else value


def drop_bad(
    path: str,
    rows: Sequence[dict[str, Any]],
    equal: Callable[[str, str], bool],
    verifiers: Verifiers,
    *,
    drop: bool,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows whose answer their verifier accepts, and the ids of the others. InputError on the first unless `drop`.

    A person's verifier may need no answer: its rows are kept.
    """
    kept, bad = [], []
    verdicts: dict[str, bool] = {}
    others = [row for row in rows if "verifier" in row and not verifiers.known[row["verifier"]].reads_response]
    scored = {row["id"]: score for row, score in zip(others, check.gold_scores(verifiers, others, path), strict=True)}
    for number, row in enumerate(rows, 1):
        answer, name = row["answer"], row.get("verifier", MATH)
        if name == MATH and answer not in verdicts:
            verdicts[answer] = bool(answer.strip()) and equal(answer, answer)
        if verdicts[answer] if name == MATH else scored.get(row["id"], 1) == 1:
            kept.append(row)
            continue
        if not drop:
            what = "cannot be graded (it is not equal to itself)" if name == MATH else f"scores below 1 by {name}"
            what = what if answer.strip() else "is empty"
            raise InputError(
                f"{path}: row {number} (id {row['id']}): answer {answer!r} {what}; "
                "fix it, or drop such rows with run.bad_labels=drop"
            )
        bad.append(row["id"])
    return kept, bad


def doubtful_golds(path: str, rows: Sequence[dict[str, Any]], verifiers: Verifiers) -> list[str]:
    """Ids, of the first rows of each person's verifier, whose own answer it scores below 1.

    It is asked here so that one that fails ends the run before it starts. `data.audit` asks it about every row.
    """
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if verifiers.known[name := row.get("verifier", MATH)].reads_response:
            by_name.setdefault(name, []).append(row)
    asked = [row for found in by_name.values() for row in found[:ASKED]]
    scores = check.gold_scores(verifiers, asked, path)
    return [row["id"] for row, score in zip(asked, scores, strict=True) if row["answer"].strip() and score != 1]


def choose(rows: Sequence[dict[str, Any]], count: int | None) -> list[dict[str, Any]]:
    """`count` rows in order of their id's hash: the same ones for every run, whatever its seed. None: all."""
    if count is None:
        return list(rows)
    if count > len(rows):
        raise InputError(f"run.val_size={count}: the validation file has {len(rows)} usable prompts")
    return sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).digest())[:count]


def to_row(row: dict[str, Any], system_prompt: str | None) -> dict[str, Any]:
    """A row as OpenRLHF reads it: chat messages, and as a JSON string the label: `{"id", "answer"}` and what another
    verifier than `math` needs.
    """
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    keys = [key for key in ("id", "answer", "verifier", "metadata") if key in row]
    label = json.dumps({key: row[key] for key in keys}, ensure_ascii=False)
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    return {"messages": [*system, *messages], "label": label}


def write(path: Path, rows: Sequence[dict[str, Any]], system_prompt: str | None) -> None:
    """Write rows as JSON Lines."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(to_row(row, system_prompt), ensure_ascii=False) + "\n")
