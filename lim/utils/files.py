"""Files written completely or not at all, JSON, checksums, locks."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from lim.utils.errors import InputError, unwritable
from lim.utils.makers import how_to_make

REMOTE = re.compile(r"\w{2,}:/")  # of an address, of which a Path keeps one slash
HALVES = "backslashreplace"  # of `open`: halves of surrogate pairs, which UTF-8 lacks, are escaped as in JSON


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; renamed to `path` on success, removed on failure.

    Missing folders are made. The name ends in `.partial`, which this project's readers ignore.
    InputError names `path` where the disk is full or may not be written to.
    """
    path = Path(path)
    partial: Path | None = None
    try:
        _check_plain(path, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        partial = Path(name)
        os.close(handle)
        yield partial
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        os.replace(partial, path)
    except OSError as error:
        # Any other name is of a file that the writer was reading.
        name = None if error.filename is None else Path(os.fsdecode(error.filename))
        own = name is None or name.suffix == ".partial" or name in (path, *path.parents)
        if not own or (name is None and unwritable(error) is None):
            raise
        raise _cannot_write(error, path) from None
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


OF_FILES = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".yaml", ".html", ".parquet", ".arrow", ".png", ".svg")


def check_output(flag: str, path: str | Path, *, folder: bool = False) -> None:
    """Raise InputError, naming the flag, where the file (or folder) `path` cannot be written. Nothing is left there.

    For before the work. Folders that are missing are fine: `atomic_path` makes them. `x.json` is no folder's name.
    """
    name, path = f"{flag} {path}", Path(path)
    if REMOTE.match(str(path)):
        raise InputError(f"{name}: is an address; results are written to local folders")
    try:
        if folder and path.exists() and not path.is_dir():
            raise InputError(f"{name}: is not a folder; name another place")
        if folder and not path.exists() and path.suffix.lower() in OF_FILES:
            raise InputError(f"{name}: is a folder here, and this is a file's name; name a folder")
        if not folder:
            _check_plain(path, name)
        existing = path if folder else path.parent
        while not existing.exists():
            existing = existing.parent
        with tempfile.NamedTemporaryFile(dir=existing, prefix=f".{path.name}.", suffix=".partial"):
            pass
    except OSError as error:
        raise _cannot_write(error, name) from None


def _check_plain(path: Path, name: object) -> None:
    """A rename would put a file in the place of a device."""
    if path.exists() and not path.is_file():
        raise InputError(f"{name}: is {'a folder' if path.is_dir() else 'a device or pipe'}; name a file")


def _cannot_write(error: OSError, name: object) -> InputError:
    return unwritable(error, name) or InputError(f"{name}: cannot be written ({error.strerror}); name another place")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically; halves of surrogate pairs, which UTF-8 lacks, as escapes."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", errors=HALVES)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically: UTF-8, two spaces of indent, a final newline; NaN is refused."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """What `write_json` writes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:  # with an indent Python's encoder is its slow one; msgspec indents what the fast one wrote
        return msgspec.json.format(text, indent=2) + "\n"
    except UnicodeError:  # halves of surrogate pairs
        return json.dumps(value, indent=2) + "\n"


def json_line(value: Any) -> str:
    """A value as JSON in one line."""
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    except UnicodeError:  # halves of surrogate pairs
        return json.dumps(value, ensure_ascii=False, allow_nan=False)


def json_list(values: Iterable[Any]) -> Iterator[bytes]:
    """Values as a JSON list in UTF-8, one per line, in pieces of some thousand."""
    remaining, before, encoder = iter(values), b"[\n", msgspec.json.Encoder()
    while piece := list(itertools.islice(remaining, 4096)):
        try:
            lines = encoder.encode_lines(piece)[:-1]
        except UnicodeError:  # halves of surrogate pairs
            texts = (json.dumps(value, ensure_ascii=False, allow_nan=False) for value in piece)
            lines = "\n".join(texts).encode("utf-8", HALVES)
        yield before
        yield lines.replace(b"\n", b",\n")
        before = b",\n"
    yield b"\n]\n" if before == b",\n" else b"[\n]\n"


def read_json(path: str | Path, *, finite: bool = False) -> Any:
    """Parse a JSON file. InputError names the file and, where the text is malformed, the line and column.

    `finite` refuses NaN and Infinity, which Python's json writes and other readers do not know.
    """

    def refuse(constant: str) -> Any:
        raise InputError(f"{path}: holds {constant}, which is not JSON; write null instead")

    try:
        data = Path(path).read_bytes()
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Python's own says where, and reads what is not quite JSON: NaN, halves of surrogate pairs.
            return json.loads(data.decode("utf-8"), parse_constant=refuse if finite else None)
    except FileNotFoundError:
        remote = "; only local files are read here" if REMOTE.match(str(path)) else how_to_make(path)
        raise InputError(f"{path}: no such file{remote}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a JSON file") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start}: not UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def sha256_of(path: str | Path) -> str:
    """Hex sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# What a file system without locks answers; one process at a time is then up to the user.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def lock(file: IO[Any], message: str) -> None:
    """Lock an open file against other processes until it is closed, at the latest when this process ends.

    Raises InputError with `message` where another one has it. On a file system without locks nothing is locked.
    """
    import fcntl  # absent on Windows, where the rest of this module is not

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(message) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


@contextmanager
def locked(path: str | Path, message: str) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made where it is missing and stays; InputError as for `lock`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        lock(file, message)
        yield
