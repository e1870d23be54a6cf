"""Find a training run's log and tell whose format it is, in a local folder or on any filesystem Arrow opens."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lim.utils.cli import listed, near
from lim.utils.errors import InputError, one_line
from lim.utils.makers import how_to_make

# Format → (what it is, sub-folders looked in, file name with the step in it).
FORMATS: dict[str, tuple[str, tuple[str, ...], re.Pattern[str]]] = {
    "lim": ("this project's reward log", ("",), re.compile(r"step_(\d+)\.parquet")),
    "release": ("the released LIMR code's JSON", ("", "train"), re.compile(r"step_(\d+)\.json")),
    "verl": ("verl's rollout_data_dir", ("",), re.compile(r"(\d+)\.jsonl")),
    "trl": ("TRL's completions", ("", "completions"), re.compile(r"completions_(\d+)\.parquet")),
    "one-shot": ("One-Shot-RLVR's accuracy file", (), re.compile(r".*\.json")),
}
PACKED = re.compile(r"\.(gz|zst|bz2|xz|zip)$")
SUBFOLDERS = 50  # looked into for a log one level down


@dataclass(frozen=True)
class LogFile:
    path: str
    step: int
    size: int


@dataclass(frozen=True)
class Log:
    """A run's log files in order of step. `filesystem` is None for local paths."""

    format: str
    root: str
    files: tuple[LogFile, ...]
    filesystem: Any = None

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def find_log(path: str | os.PathLike[str], format: str = "auto") -> Log:
    """The log at `path`: a folder, one file, or a URI (`s3://`, `gs://`, `hf://`, anything fsspec knows).

    `format` is a key of `FORMATS`, or "auto" to tell it by the file names. Raises InputError where the path
    does not exist, holds no known log, or holds two.
    """
    root = str(path)
    filesystem, base = (None, root) if "://" not in root else _open_filesystem(root)
    log = _log_at(root, base, filesystem, format)
    below = "" if log else _below(root, base, filesystem, format)
    if log is None and not below and format in ("auto", "one-shot"):
        names = _names(base, filesystem, folders=False)
        lone = [name for name in names if name.endswith(".json") and name != "run.json"]
        if len(lone) == 1:
            log = _log_at(root, f"{base.rstrip('/')}/{lone[0]}", filesystem, "one-shot")
    if log is None:
        hint = below or _unusable(root, base, filesystem) or f"looked for {_looked_for(format)}"
        raise InputError(f"{root}: no training log here; {hint}")
    return log


def _log_at(root: str, base: str, filesystem: Any, format: str) -> Log | None:
    listing = _list_local(base) if filesystem is None else _list_remote(filesystem, base, root)
    if isinstance(listing, LogFile):
        return _single_file(root, listing, format, filesystem)

    found: dict[str, list[LogFile]] = {}
    for name, (_, folders, pattern) in FORMATS.items():
        for folder in folders:
            files = [
                LogFile(path, int(match[1]), size)
                for sub, file_name, path, size in listing
                if sub == folder and (match := pattern.fullmatch(file_name))
            ]
            if files:
                found.setdefault(f"{name} {folder}".strip(), []).extend(files)
    if format != "auto":
        found = {key: files for key, files in found.items() if key.split()[0] == format}
    if not found:
        return None
    if len(found) > 1:
        kinds = "; ".join(f"{len(files)} of {key.replace(' ', ' in ')}" for key, files in found.items())
        raise InputError(f"{root}: holds more than one log ({kinds}); name one by --format or point at its folder")
    key, files = next(iter(found.items()))
    files.sort(key=lambda file: (file.step, file.path))
    for one, two in itertools.pairwise(files):
        if one.step == two.step:
            raise InputError(f"{two.path}: the same step as {one.path}; keep one of them")
    return Log(key.split()[0], root, tuple(files), filesystem)


def _single_file(root: str, file: LogFile, format: str, filesystem: Any) -> Log:
    name = os.path.basename(file.path)
    if format == "auto":
        by_name = [key for key in ("lim", "release", "verl", "trl") if FORMATS[key][2].fullmatch(name)]
        if name.endswith(".json"):
            with open_bytes(file.path, filesystem) as stream:
                start = stream.read(64).lstrip()[:1]
            by_name = ["one-shot" if start == b"{" else "release"]
        elif name.endswith(".jsonl"):
            by_name = ["verl"]
        if not by_name:
            hint = _packed([name]) or f"looked for {_looked_for(format)}"
            raise InputError(f"{root}: not a log file known by its name; {hint}")
        format = by_name[0]
    match = FORMATS[format][2].fullmatch(name)
    step = int(match[1]) if match and match.groups() else 1
    return Log(format, root, (LogFile(file.path, step, file.size),), filesystem)


def _below(root: str, base: str, filesystem: Any, format: str) -> str:
    """`did you mean …?` with the logs in the folders of a folder that is none itself."""
    found = []
    for name in _names(base, filesystem, folders=True)[:SUBFOLDERS]:
        try:
            log = _log_at(f"{root.rstrip('/')}/{name}", f"{base.rstrip('/')}/{name}", filesystem, format)
        except InputError:  # two logs, or one that may not be read
            continue
        if log is not None:
            found.append(f"{log.root} ({len(log.files)} file{'s' * (len(log.files) > 1)} of {log.format})")
    return f"did you mean {listed(found[:3])}?" if found else ""


def _unusable(root: str, base: str, filesystem: Any) -> str:
    """What to do about files that look like a log's and cannot be taken as they are."""
    names = _names(base, filesystem, folders=False)
    lines = [name for name in names if name.endswith(".jsonl") and name != "progress.jsonl"]
    if lines and not _packed(names):
        return f"give the file itself, {root.rstrip('/')}/{lines[0]}, or name a file per step: 1.jsonl, 2.jsonl, …"
    return _packed(names)


def _packed(names: Sequence[str]) -> str:
    """The hint about compressed files of a log."""
    packed = [name for name in names if (stem := PACKED.sub("", name)) != name and _is_step(stem)]
    return f"unpack its files first ({len(packed)} like {packed[0]})" if packed else ""


def _is_step(name: str) -> bool:
    return any(pattern.fullmatch(name) for _, _, pattern in FORMATS.values()) or name.endswith(".jsonl")


def _names(base: str, filesystem: Any, *, folders: bool) -> list[str]:
    """Names in a folder, sorted: of its folders, or of its files."""
    if filesystem is None:
        with os.scandir(base) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() == folders)
    from pyarrow import fs

    kind = fs.FileType.Directory if folders else fs.FileType.File
    infos = filesystem.get_file_info(fs.FileSelector(base.rstrip("/")))
    return sorted(info.base_name for info in infos if info.type == kind)


def _looked_for(format: str) -> str:
    shown = {"lim": "step_<n>.parquet", "release": "step_<n>.json or train/step_<n>.json", "verl": "<n>.jsonl"}
    shown |= {
        "trl": "completions_<n>.parquet or completions/…",
        "one-shot": "a .json file named itself, or alone in the folder",
    }
    names = FORMATS if format == "auto" else (format,)
    return ", ".join(f"{shown[name]} ({FORMATS[name][0]})" for name in names)


Listing = list[tuple[str, str, str, int]]  # sub-folder, file name, path, bytes


def _list_local(base: str) -> Listing | LogFile:
    if os.path.isfile(base):
        return LogFile(base, 0, os.path.getsize(base))
    if not os.path.isdir(base):
        folder, name = os.path.split(base.rstrip("/"))
        beside = near(name, os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []
        hint = "; give a run's log folder as --train_samples_path"
        if beside:
            hint = f"; did you mean {listed([os.path.join(folder, found) for found in beside])}?"
        raise InputError(f"{base}: no such file or folder{how_to_make(base) or hint}")
    listing: Listing = []
    for sub in ("", "train", "completions"):
        folder = os.path.join(base, sub) if sub else base
        if os.path.isdir(folder):
            try:
                with os.scandir(folder) as entries:
                    listing += [(sub, e.name, e.path, e.stat().st_size) for e in entries if e.is_file()]
            except OSError as error:
                raise InputError(f"{folder}: cannot be listed: {error.strerror or error}") from None
    return listing


def _open_filesystem(uri: str) -> tuple[Any, str]:
    """(filesystem, path inside it) of a URI: Arrow's own filesystems first, fsspec's for the rest."""
    import pyarrow as pa
    from pyarrow import fs

    if uri.startswith(("gs://", "gcs://")) and "retry_limit_seconds" not in uri:
        uri += f"{'&' if '?' in uri else '?'}retry_limit_seconds=60"  # Arrow's own is a quarter of an hour
    try:
        return fs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as arrow_error:
        try:
            import fsspec

            filesystem, base = fsspec.core.url_to_fs(uri)
        except (ImportError, ValueError) as error:
            raise InputError(
                f"{uri}: no filesystem opens this address ({one_line(arrow_error)}; {one_line(error)})"
            ) from None
        except Exception as error:  # each of fsspec's filesystems has its own
            raise InputError(f"{uri}: cannot be reached: {one_line(error)}") from None
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), base
    except OSError as error:
        raise InputError(f"{uri}: cannot be reached: {one_line(error)}") from None


def _list_remote(filesystem: Any, base: str, root: str) -> Listing | LogFile:
    from pyarrow import fs

    base = base.rstrip("/")
    try:
        info = filesystem.get_file_info(base)
        if info.type == fs.FileType.File:
            return LogFile(base, 0, info.size or 0)
        if info.type == fs.FileType.NotFound:
            raise InputError(f"{root}: no such file or folder")
        listing: Listing = []
        for sub in ("", "train", "completions"):
            folder = f"{base}/{sub}" if sub else base
            selector = fs.FileSelector(folder, allow_not_found=True)
            for entry in filesystem.get_file_info(selector):
                if entry.type == fs.FileType.File:
                    listing.append((sub, entry.base_name, entry.path, entry.size or 0))
    except InputError:
        raise
    except Exception as error:  # each of fsspec's filesystems has its own
        raise InputError(f"{root}: cannot be listed: {one_line(error)}") from None
    return listing


def open_bytes(path: str, filesystem: Any) -> Any:
    """A readable binary stream of a log file."""
    return open(path, "rb") if filesystem is None else filesystem.open_input_file(path)


def read_bytes(path: str, filesystem: Any) -> bytes:
    """A log file's bytes. Raises InputError where it cannot be read."""
    try:
        with open_bytes(path, filesystem) as stream:
            return stream.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
