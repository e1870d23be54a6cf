"""Whether a prompt file is the one a run trained on, for logs that know prompts by id alone.

This project's log holds no prompt texts; `run.json` has the name and the sha256 of the prompt file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lim.logs.find import Log
from lim.logs.matching import letters
from lim.prompts.find import Reading, fingerprint
from lim.prompts.layout import PromptSet, load
from lim.utils.errors import InputError

OTHER = 0.05  # of the ids that both files have: from here on, another text is no correction
GIVE = "the log knows prompts by id alone, so give the file that the run trained on"


def run_of(log: Log) -> dict[str, Any]:
    """The `run.json` beside a log's files, local or remote; empty where there is none that can be read."""
    path = f"{log.files[0].path.rpartition('/')[0] or '.'}/run.json"
    try:
        if log.filesystem is None:
            found = json.loads(Path(path).read_bytes())
        else:
            with log.filesystem.open_input_file(path) as file:
                found = json.loads(file.read())
    except Exception as error:  # each of fsspec's filesystems has its own
        if log.filesystem is None and not isinstance(error, OSError | ValueError):
            raise
        return {}
    return found if isinstance(found, dict) else {}


def doubt_file(run: Mapping[str, Any], prompts: PromptSet) -> str | None:
    """Why a prompt file may give a log's ids another meaning; None where it is the run's, or has the same texts.

    `run` is a log's `run.json`. Its file is looked for under the name it has there. Files made from it (a part of its
    rows, another format) pass where it is found. Texts are compared as prompts are matched: without white space and
    Unicode variants, one inside the other.
    """
    name, version = run.get("prompt_file"), run.get("prompt_sha256")
    if not isinstance(name, str) or not isinstance(version, str):
        return None
    if version in (prompts.origin.get("revision"), prompts.fingerprint):
        return None
    is_not = f"{prompts.name}: is not the prompt file that the run trained on ({name}, by its run.json)"
    trained = _load(name, version, run)
    if trained is None:
        return f"{is_not}, which is not here to compare their texts; {GIVE}"
    text_of = dict(zip(trained.ids, trained.texts, strict=True))
    both = [(id, text) for id, text in zip(prompts.ids, prompts.texts, strict=True) if id in text_of]
    others = [id for id, text in both if not _alike(text, text_of[id])]
    if len(others) <= OTHER * len(both):
        return None
    ours = dict(both)[others[0]]
    return (
        f"{is_not}: {len(others):,} of {len(both):,} ids mean another prompt there ({others[0]!r:.40} is "
        f"{ours!r:.60}, there {text_of[others[0]]!r:.60}); {GIVE}"
    )


def _load(name: str, version: str, run: Mapping[str, Any]) -> PromptSet | None:
    """The file that a run trained on, where it is here as it was."""
    if fingerprint(name) != version:
        return None
    recipe = run.get("recipe")
    given = recipe.get("run") if isinstance(recipe, dict) else None
    known = {field.name for field in fields(Reading)} - {"flag"}
    reading = {key: value for key, value in given.items() if key in known} if isinstance(given, dict) else {}
    try:
        return load(name, Reading(**reading))
    except InputError:
        return None


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    one, other = letters(one), letters(other)
    return one in other or other in one
