"""Whether a prompt file is the one a run trained on, for logs that know prompts by id alone.

This project's log holds no prompt texts; `run.json` has the name and the sha256 of the prompt file, and the recipe
how it was read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from lim.logs.find import Log
from lim.logs.matching import letters, normalise
from lim.prompts.find import Reading, fingerprint
from lim.prompts.layout import PromptSet, ids_of, load
from lim.utils.errors import InputError
from lim.utils.paths import ROOT

OTHER = 0.05  # of the ids that both files have: from here on, another text is no correction
BEFORE, AFTER = r"(?<!\d)(?<!\d[.,])", r"(?![.,]?\d)"  # no other digits of a number
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


def reading_of_run(run: Mapping[str, Any]) -> Reading:
    """How a run read its prompt file, by its `run.json`."""
    recipe = run.get("recipe")
    given = recipe.get("run") if isinstance(recipe, dict) else None
    known = {field.name for field in fields(Reading)} - {"flag"}
    return Reading(**{key: value for key, value in given.items() if key in known} if isinstance(given, dict) else {})


def place_of(name: str) -> str:
    """Where a file that `run.json` names is: as it is named from here, or in the project's folder."""
    return name if Path(name).exists() or not (ROOT / name).exists() else str(ROOT / name)


def doubt_file(run: Mapping[str, Any], prompts: PromptSet, keys_P: Sequence[str | None]) -> tuple[str, bool] | None:
    """(why a prompt file may give a log's ids another meaning, whether that is more than a few corrected texts); None
    where it is the run's and read as the run did, or has the same texts.

    `run` is a log's `run.json`; `keys_P` are the log's ids of the prompts. The run's file is looked for under the
    name it has there. Files made from it (a part of its rows, another format) pass where it is found. Texts are
    compared as prompts are matched: without white space and Unicode variants, one inside the other.
    """
    name, version = run.get("prompt_file"), run.get("prompt_sha256")
    if not isinstance(name, str) or not isinstance(version, str):
        return None
    reading, own = reading_of_run(run), version in (prompts.origin.get("revision"), prompts.fingerprint)
    if own and _read_alike(prompts, reading):
        return None
    is_not, give = f"{prompts.name}: is not the prompt file that the run trained on ({name}, by its run.json)", GIVE
    if own:
        flags = [f"--{key} {value}" for key in ("config", "split", "id_key") if (value := getattr(reading, key))]
        is_not = f"{prompts.name}: its ids are of another column or part than those that the run trained on"
        give = (
            f"give {' '.join(flags)}, as its run.json has it" if flags else "leave --id_key, --split and --config out"
        )
    if version == prompts.origin.get("revision"):
        reading = replace(reading, revision=version)
    trained = _load(prompts.name if own else place_of(name), None if own else version, reading)
    if trained is None:
        return f"{is_not}, which is not here to compare their texts; {give}", True
    text_of = dict(zip(trained.ids, trained.texts, strict=True))
    named = zip(prompts.ids, prompts.texts, keys_P, strict=True)
    both = [(id, text, text_of[key]) for id, text, key in named if key is not None and key in text_of]
    others = [pair for pair in both if not _alike(*pair[1:])]
    if not others:
        return None
    id, ours, theirs = others[0]
    mean = f"{len(others):,} of {len(both):,} ids mean another prompt there ({id!r:.40} is {ours!r:.60}, there "
    return f"{is_not}: {mean}{theirs!r:.60}); {give}", len(others) > OTHER * len(both)


def _read_alike(prompts: PromptSet, reading: Reading) -> bool:
    """Whether a run's own file was read as the run did: the ids of one column, of the same part."""
    origin = prompts.origin
    try:
        id_key = ids_of(prompts.rows, reading)[1]
    except InputError:
        return False
    part = origin.get("split") in (reading.split or "train", None) and origin.get("config") == reading.config
    return part and id_key == prompts.id_key


def _load(place: str, version: str | None, reading: Reading) -> PromptSet | None:
    """A run's prompts as it read them, where the file is here as it was."""
    if version is not None and fingerprint(place) != version:
        return None
    try:
        return load(place, reading)
    except InputError:
        return None


def _alike(one: str, other: str) -> bool:
    """Whether two texts are one but for what matching leaves out, or one is inside the other and cuts no number."""
    if one == other:
        return True
    for fold in (letters, normalise):
        short, long = sorted((fold(one), fold(other)), key=len)
        before, after = BEFORE * short[:1].isdigit(), AFTER * short[-1:].isdigit()
        if short == long or (short and re.search(f"{before}{re.escape(short)}{after}", long)):
            return True
    return False
