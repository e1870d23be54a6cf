"""Where a prompt file is: a file, a folder that `datasets` saved or that holds data files, a set of the hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim.prompts.rows import SUFFIXES, Rows, read_file
from lim.utils.errors import InputError
from lim.utils.files import read_json, sha256_of


@dataclass(frozen=True)
class Reading:
    """How a prompt file is read: its columns where the layout does not say, and the part of a set of several."""

    prompt_key: str | None = None
    answer_key: str | None = None
    id_key: str | None = None
    config: str | None = None
    split: str | None = None
    revision: str | None = None
    flag: str = "--"  # what stands before these names where a user gives them


def add_prompt_flags(add: Callable[..., Any]) -> None:
    """The flags of `Reading`; `add` is a parser's or a group's `add_argument`."""
    add("--prompt_key", help="prompt file: column of the prompt, text or messages (default: by its layout)")
    add("--answer_key", help="… of the answer, which may be missing; dots reach nested values")
    add("--id_key", help="… of the id (default: id, else extra_info.index, else the row's number from 0)")
    add("--split", help="… its split, where it has several (default: train)")
    add("--config", help="… its configuration, of a set of the hub")
    add("--revision", help="… its revision, of a set of the hub (default: the newest)")


def reading_of(flags: Any) -> Reading:
    """The `Reading` of parsed flags."""
    return Reading(flags.prompt_key, flags.answer_key, flags.id_key, flags.config, flags.split, flags.revision)


def find(name: str | Path, reading: Reading) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a prompt file by its name. `origin` has the split, and of a set of the hub its revision.

    Raises InputError where nothing of the name is there or it cannot be read, and for a split that is not there.
    """
    path = Path(name)
    if path.is_dir():
        return folder_rows(path, reading)
    if (repo := hub_id(name)) is not None:
        from lim.prompts.hub import read_hub

        return read_hub(repo, reading, "give a file that you have")
    rows = read_file(path)
    if reading.split or reading.config or reading.revision:
        given = next(key for key in ("split", "config", "revision") if getattr(reading, key))
        raise InputError(f"{reading.flag}{given}: {name} is one file; it has no {given}s")
    return rows, {}


def hub_id(name: str | Path) -> str | None:
    """`owner/name` of a set of the Hugging Face hub; None for what can only be a local path."""
    text = re.sub("^(hf:/+|https:/+huggingface.co/)datasets/", "", str(name))
    given = text != str(name)
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*/?", text) or (not given and Path(name).exists()):
        return None
    return text.rstrip("/") if given or not text.endswith((*SUFFIXES, "/")) else None


def fingerprint(name: str | Path) -> str | None:
    """The sha256 of a prompt file, or of all the files of a folder; None where there is no such path."""
    path = Path(name)
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path)}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def folder_rows(path: Path, reading: Reading) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of a split: of a folder that `datasets` saved, or of one that holds data files."""
    if (path / "dataset_dict.json").is_file():  # DatasetDict.save_to_disk
        split = choose_split(str(path), read_json(path / "dataset_dict.json")["splits"], reading)
        rows, _ = folder_rows(path / split, Reading())
        return rows, {"split": split}
    if (path / "state.json").is_file():  # Dataset.save_to_disk
        split = read_json(path / "state.json").get("_split")
        if reading.split and reading.split != split:
            raise InputError(f"{path}: is the split {split!r}; {reading.flag}split asks for {reading.split!r}")
        files = [path / file["filename"] for file in read_json(path / "state.json")["_data_files"]]
        return joined(str(path), [read_file(file) for file in files]), {"split": split} if split else {}
    split = reading.split or "train"
    files = split_files(path, reading.config, split, reading.flag)
    part = {"split": split} | ({"config": reading.config} if reading.config else {})
    return joined(str(path), [read_file(file) for file in files]), part


def choose_split(name: str, splits: Sequence[str], reading: Reading) -> str:
    """The split that is asked for, the only one, or the one called train. InputError names those there are."""
    listed = ", ".join(splits)
    if reading.split is not None and reading.split not in splits:
        raise InputError(f"{name}: has no split {reading.split!r} (its splits: {listed})")
    if reading.split is None and len(splits) > 1 and "train" not in splits:
        raise InputError(f"{name}: has the splits {listed}; say which with {reading.flag}split")
    return reading.split or (splits[0] if len(splits) == 1 else "train")


def split_files(folder: Path, config: str | None, split: str, flag: str = "--") -> list[Path]:
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
            f"{base}: no data file of the split '{split}' (data files there: {listed}); "
            f"name the file itself, or another split with {flag}split"
        )
    suffix = chosen[0].suffix  # the same split in two formats is the same rows twice
    return [path for path in chosen if path.suffix == suffix]


def joined(name: str, parts: Sequence[Rows]) -> Rows:
    """The rows of several files of one set. InputError where they have other columns or types."""
    if len(parts) == 1:
        return Rows(name, parts[0].objects, parts[0].table, parts[0].lines)
    if all(part.table is not None for part in parts):
        import pyarrow as pa

        try:
            return Rows(name, table=pa.concat_tables([part.table for part in parts]))
        except pa.ArrowInvalid:
            raise InputError(f"{name}: its files have other columns or types; name one of them") from None
    lines = [line for part in parts for line in part.lines or ()]
    objects = [row for part in parts for row in part.records]
    return Rows(name, objects, lines=lines if len(lines) == len(objects) else None)
