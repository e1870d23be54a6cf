"""Rows of a Hugging Face data set: from the hub through `datasets`, or from local files.

The local reader needs only pyarrow, so `--from` works without the complete set of packages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from data.sets.columns import Rows
from data.sets.fetch import OFFLINE_HELP
from lim.utils.errors import InputError, one_line
from lim.utils.files import sha256_of
from lim.utils.rows import read_rows

SUFFIXES = (".parquet", ".jsonl", ".json")


def read(
    folder: Path | None, repo: str, config: str | None, split: str, revision: str | None
) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a data set: from its files under `folder`, or without one from the hub."""
    if folder is None:
        return from_hub(repo, config, split, revision)
    return from_folder(folder, repo, config, split, revision)


def from_hub(repo: str, config: str | None, split: str, revision: str | None) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a data set of the hub; origin holds the repository, split and the resolved revision.

    HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE have their usual meaning. Raises InputError where `datasets`
    is not installed, the hub cannot be reached, or it has no such data set, configuration or split.
    """
    try:
        import datasets
        import httpx
        import huggingface_hub
        from datasets import data_files, exceptions
    except ImportError as error:
        raise InputError(
            f"{repo}: reading from the Hugging Face hub needs '{error.name}', which is not installed: run "
            "`bash scripts/setup.sh all`, or give files you already have with --from DIR"
        ) from None
    try:
        if not huggingface_hub.constants.HF_HUB_OFFLINE:
            revision = huggingface_hub.HfApi().dataset_info(repo, revision=revision).sha
        table = datasets.load_dataset(repo, config, split=split, revision=revision)
    except (huggingface_hub.errors.RepositoryNotFoundError, exceptions.DatasetNotFoundError):
        raise InputError(
            f"{repo}: the hub has no such data set, or it is private (set HF_TOKEN); {OFFLINE_HELP}"
        ) from None
    except huggingface_hub.errors.RevisionNotFoundError:
        raise InputError(f"{repo}: the hub has no revision {revision} of it; {OFFLINE_HELP}") from None
    except (exceptions.DataFilesNotFoundError, data_files.EmptyDatasetError) as error:
        raise InputError(f"{repo}: the hub has no data files of it that can be read: {one_line(error)}") from None
    except (OSError, httpx.HTTPError) as error:
        raise InputError(
            f"{repo}: the Hugging Face hub ({huggingface_hub.constants.ENDPOINT}) cannot be read: "
            f"{one_line(error)}; a mirror can be named in HF_ENDPOINT; {OFFLINE_HELP}"
        ) from None
    except (ValueError, RuntimeError, exceptions.DatasetsError) as error:
        raise InputError(f"{repo}: cannot be loaded (split '{split}'): {one_line(error)}") from None
    assert isinstance(table, datasets.Dataset)
    if huggingface_hub.constants.HF_HUB_OFFLINE:  # datasets then takes the newest revision it has, whatever was asked
        kept = Path(table.cache_files[0]["filename"]).parent.name if table.cache_files else None
        if revision and kept != revision:
            raise InputError(f"{repo}: HF_HUB_OFFLINE is set and the cache holds revision {kept}, not {revision}")
        revision = kept
    return table.to_list(), {"repo": repo, "config": config, "split": split, "revision": revision}


def from_folder(
    folder: Path, repo: str, config: str | None, split: str, revision: str | None
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
    kept = sorted(path.name for path in cache.iterdir()) if cache.is_dir() else []
    if not kept:
        raise InputError(
            f"{folder}: holds no {repo} (looked for the folders {repo} and {name}, and the hub's cache layout); put "
            "its files there"
        )
    if revision is None and len(kept) == 1:
        revision = kept[0]
    if revision not in kept:
        wanted = f"not {revision}" if revision else "say which with --revision"
        raise InputError(f"{cache}: holds the revisions {', '.join(kept)}, {wanted}")
    rows, origin = read_local(cache / revision, config, split)
    return rows, {**origin, "revision": revision}


def read_local(path: Path, config: str | None, split: str) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of one data file, or of the files of a split in a folder; origin holds each file's sha256."""
    files = [path] if path.is_file() else split_files(path, config, split)
    rows = [row for file in files for row in read_rows(file)]
    return rows, {"files": [{"path": str(file), "sha256": sha256_of(file)} for file in files]}


def split_files(folder: Path, config: str | None, split: str) -> list[Path]:
    """The data files of a split: those with the split's name as a word in their path, or the only one."""
    base = folder / config if config and (folder / config).is_dir() else folder
    found = sorted(path for path in base.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    word = re.compile(rf"(?<![a-z0-9]){re.escape(split)}(?![a-z0-9])", re.IGNORECASE)
    chosen = [path for path in found if word.search(path.relative_to(base).as_posix())]
    if not chosen and len(found) == 1:
        chosen = found
    if not chosen:
        listed = ", ".join(path.relative_to(base).as_posix() for path in found[:6]) or "none"
        raise InputError(
            f"{base}: no {' or '.join(SUFFIXES)} file of the split '{split}' (data files there: {listed}); "
            "name another split with --split or point --from at the right folder"
        )
    suffix = chosen[0].suffix  # the same split in two formats is the same rows twice
    return [path for path in chosen if path.suffix == suffix]
