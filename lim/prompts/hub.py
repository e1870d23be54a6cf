"""Rows of a Hugging Face data set: of its files where they can be read as they are, else as `datasets` makes them.

`datasets` parses the strings of a JSON column that mixes them with numbers ("1.50" becomes 1.5), and infers the types
of CSV; files read as they are keep what they hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lim.prompts.find import Reading, choose_split, folder_rows, joined
from lim.prompts.rows import SUFFIXES, Rows, read_file
from lim.utils.errors import InputError, one_line

AS_THEY_ARE = ("parquet", "json", "csv", "arrow")  # loaders of `datasets` whose files `read_file` reads


def read_hub(repo: str, reading: Reading, otherwise: str) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a data set of the hub; origin holds the repository, split and the resolved revision.

    HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE have their usual meaning. Raises InputError, ending with what
    to do `otherwise`, where `datasets` is not installed, the hub cannot be reached, or it has no such set or split.
    """
    try:
        import datasets
        import httpx
        import huggingface_hub
        from datasets import data_files, exceptions
    except ImportError as error:
        raise InputError(
            f"{repo}: no such file or folder, and reading a set of the Hugging Face hub needs '{error.name}', which "
            f"is not installed: run `bash scripts/setup.sh all`, or {otherwise}"
        ) from None
    hub = huggingface_hub.constants
    revision = reading.revision
    try:
        if hub.HF_HUB_OFFLINE:
            cache = Path(hub.HF_HUB_CACHE) / f"datasets--{repo.replace('/', '--')}" / "snapshots"
            if any(file.suffix in SUFFIXES for file in cache.rglob("*")):
                folder, revision = snapshot(cache, revision)
                rows, origin = folder_rows(folder, reading)
                return Rows(repo, rows.objects, rows.table, rows.lines), _origin(
                    repo, reading, origin["split"], revision
                )
        else:
            revision = huggingface_hub.HfApi().dataset_info(repo, revision=revision).sha
        builder = datasets.load_dataset_builder(repo, reading.config, revision=revision)
        config: Any = builder.config
        files = {str(name): list(paths) for name, paths in (config.data_files or {}).items()}
        split = choose_split(repo, list(files or builder.info.splits or [reading.split or "train"]), reading)
        kind = type(builder).__module__.rpartition(".")[2]
        plain = getattr(config, "field", None) is None and getattr(config, "sep", ",") == ","
        if plain and kind in AS_THEY_ARE and all(str(file).endswith(SUFFIXES) for file in files.get(split, [""])):
            paths = datasets.DownloadManager().download(files[split])
            return joined(repo, [read_file(path) for path in paths]), _origin(repo, reading, split, revision)
        found = datasets.load_dataset(repo, reading.config, split=split, revision=revision)
    except (huggingface_hub.errors.RepositoryNotFoundError, exceptions.DatasetNotFoundError):
        raise InputError(
            f"{repo}: the hub has no such data set, or it is private (set HF_TOKEN); {otherwise}"
        ) from None
    except huggingface_hub.errors.RevisionNotFoundError:
        raise InputError(f"{repo}: the hub has no revision {revision} of it; {otherwise}") from None
    except (exceptions.DataFilesNotFoundError, data_files.EmptyDatasetError) as error:
        raise InputError(f"{repo}: the hub has no data files of it that can be read: {one_line(error)}") from None
    except (OSError, httpx.HTTPError) as error:
        raise InputError(
            f"{repo}: no such file or folder, and the Hugging Face hub ({hub.ENDPOINT}) cannot be read: "
            f"{one_line(error)}; a mirror can be named in HF_ENDPOINT; {otherwise}"
        ) from None
    except (ValueError, RuntimeError, exceptions.DatasetsError) as error:
        raise InputError(f"{repo}: cannot be loaded (split '{reading.split}'): {one_line(error)}") from None
    assert isinstance(found, datasets.Dataset)
    if hub.HF_HUB_OFFLINE:  # datasets then takes the newest revision it has, whatever was asked
        kept = Path(found.cache_files[0]["filename"]).parent.name if found.cache_files else None
        if revision and kept != revision:
            raise InputError(f"{repo}: HF_HUB_OFFLINE is set and the cache holds revision {kept}, not {revision}")
        revision = kept
    return Rows(repo, table=found.data.table), _origin(repo, reading, split, revision)


def snapshot(cache: Path, revision: str | None) -> tuple[Path, str]:
    """(folder, revision) of a set in the hub's cache: the revision asked for, or the only one."""
    kept = sorted(path.name for path in cache.iterdir())
    if revision is None and len(kept) == 1:
        revision = kept[0]
    if revision not in kept:
        wanted = f"not {revision}" if revision else "say which with --revision"
        raise InputError(f"{cache}: the cache holds revision {', '.join(kept)}, {wanted}")
    return cache / revision, revision


def _origin(repo: str, reading: Reading, split: str, revision: str | None) -> dict[str, Any]:
    return {"repo": repo, "config": reading.config, "split": split, "revision": revision}
