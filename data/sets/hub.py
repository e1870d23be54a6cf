"""Rows of a Hugging Face data set: from the hub through `datasets`, or from local files.

The local reader needs only pyarrow, so `--from` works without the complete set of packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.sets.columns import Rows
from data.sets.fetch import OFFLINE_HELP
from lim.prompts.find import Reading, joined, split_files
from lim.prompts.hub import read_hub, snapshot
from lim.prompts.rows import read_file
from lim.utils.errors import InputError
from lim.utils.files import sha256_of


def read(
    folder: Path | None, repo: str, config: str | None, split: str | None, revision: str | None
) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a data set: from its files under `folder`, or without one from the hub."""
    if folder is None:
        rows, origin = read_hub(repo, Reading(config=config, split=split, revision=revision), OFFLINE_HELP)
        return rows.records, origin
    return from_folder(folder, repo, config, split, revision)


def from_folder(
    folder: Path, repo: str, config: str | None, split: str | None, revision: str | None
) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a data set whose files are under `folder`.

    Looked for as `<folder>/<org>/<name>`, `<folder>/<name>` and in the layout of the hub's own cache
    (`datasets--<org>--<name>/snapshots/<revision>`). Raises InputError where there is none, where the cache holds
    other revisions than the one wanted, and several where any would do.
    """
    org, _, name = repo.rpartition("/")
    for own_folder in (folder / org / name, folder / name):
        if own_folder.is_dir():
            return read_local(own_folder, config, split)
    cache = folder / f"datasets--{org}--{name}" / "snapshots"
    if not cache.is_dir():
        raise InputError(
            f"{folder}: holds no {repo} (looked for the folders {repo} and {name}, and the hub's cache layout); put "
            "its files there"
        )
    place, revision = snapshot(cache, revision)
    rows, origin = read_local(place, config, split)
    return rows, {**origin, "revision": revision}


def read_local(path: Path, config: str | None, split: str | None) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of the files of a split in a folder (default: train); origin holds each file's sha256."""
    files = split_files(path, config, split or "train")
    rows = joined(str(path), [read_file(file) for file in files])
    return rows.records, {"files": [{"path": str(file), "sha256": sha256_of(file)} for file in files]}
