"""A log's files, in a local folder or on any filesystem Arrow or fsspec opens: listing and reading them."""

from __future__ import annotations

import os
import re
import urllib.parse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lim.utils.cli import listed, near
from lim.utils.errors import InputError, one_line
from lim.utils.makers import how_to_make

DEEPEST = 5  # folders below the one given that are looked into


@dataclass(frozen=True)
class LogFile:
    path: str
    step: int
    size: int
    before: str | None = None  # the path of the file before it, where a format's files may overlap


@dataclass(frozen=True)
class Entry:
    """A file below the folder given."""

    name: str  # path below that folder, with /
    path: str
    size: int


def open_filesystem(uri: str) -> tuple[Any, str]:
    """(filesystem, path inside it) of a URI: Arrow's own filesystems first, then fsspec's; (None, path) of a path."""
    if "://" not in uri:
        return None, uri
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
            why = f"{one_line(arrow_error)}; {one_line(error)}"
            raise InputError(f"{uri}: no filesystem opens this address ({why})") from None
        except Exception as error:  # each of fsspec's filesystems has its own
            raise InputError(f"{uri}: cannot be reached: {one_line(error)}") from None
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), base
    except OSError as error:
        raise InputError(f"{uri}: cannot be reached: {one_line(error)}") from None


def list_files(base: str, filesystem: Any, root: str, *, depth: int) -> list[Entry] | Entry:
    """Files in a folder and `depth` folders deep below it, by name; the file itself where `base` is one.

    `root` is what the user gave, for messages. Raises InputError where there is nothing, or it cannot be listed.
    """
    if filesystem is None:
        if os.path.isfile(base):
            return Entry(os.path.basename(base), base, os.path.getsize(base))
        if not os.path.isdir(base):
            folder, name = os.path.split(base.rstrip("/"))
            beside = near(name, os.listdir(folder or ".")) if os.path.isdir(folder or ".") else []
            hint = "; give the folder of a run's log"
            if beside:
                hint = f"; did you mean {listed([os.path.join(folder, found) for found in beside])}?"
            raise InputError(f"{base}: no such file or folder{how_to_make(base) or hint}")
        return sorted(_walk_local(base, "", depth), key=lambda entry: entry.name)
    from pyarrow import fs

    base = base.rstrip("/")
    try:
        info = filesystem.get_file_info(base)
        if info.type == fs.FileType.File:
            return Entry(os.path.basename(base), base, info.size or 0)
        if info.type == fs.FileType.NotFound:
            raise InputError(f"{root}: no such file or folder")
        return sorted(_walk_remote(filesystem, base, "", depth), key=lambda entry: entry.name)
    except InputError:
        raise
    except Exception as error:  # each of fsspec's filesystems has its own
        raise InputError(f"{root}: cannot be listed: {one_line(error)}") from None


def _walk_local(folder: str, below: str, depth: int) -> Iterator[Entry]:
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file():
                    yield Entry(below + entry.name, entry.path, entry.stat().st_size)
                elif depth and not entry.name.startswith(".") and entry.is_dir():
                    folders.append(entry)
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error.strerror or error}") from None
    for entry in folders:
        yield from _walk_local(entry.path, f"{below}{entry.name}/", depth - 1)


def _walk_remote(filesystem: Any, folder: str, below: str, depth: int) -> Iterator[Entry]:
    from pyarrow import fs

    for entry in filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
        if entry.type == fs.FileType.File:
            yield Entry(below + entry.base_name, entry.path, entry.size or 0)
        elif depth and entry.type == fs.FileType.Directory and not entry.base_name.startswith("."):
            yield from _walk_remote(filesystem, entry.path, f"{below}{entry.base_name}/", depth - 1)


@lru_cache
def of_folder(path: str, column: str) -> str | None:
    """A column's value where a table was cut by it into folders (`step=3/part-0.parquet`); None where it was not."""
    found = re.findall(rf"(?:^|/){re.escape(column)}=([^/]*)/", path)
    return urllib.parse.unquote(found[-1]) if found else None


def read_bytes(path: str, filesystem: Any, size: int | None = None) -> bytes:
    """A file's bytes, or its first `size`, unpacked where its name ends in .gz or .zst, without a byte order mark.

    Raises InputError where it cannot be read.
    """
    try:
        with open(path, "rb") if filesystem is None else filesystem.open_input_file(path) as stream:
            if path.endswith(".gz"):
                import gzip

                data = gzip.GzipFile(fileobj=stream).read(-1 if size is None else size)
            elif path.endswith(".zst"):
                import pyarrow as pa

                data = pa.CompressedInputStream(stream, "zstd").read(size)
            else:
                data = stream.read() if size is None else stream.read(size)
            if data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
                kind = "gz" if data.startswith(b"\x1f") else "zst"
                raise InputError(f"{path}: is packed; name it {os.path.basename(path)}.{kind}")
            if data.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(f"{path}: is UTF-16, not UTF-8; save it as UTF-8 (iconv -f utf-16 -t utf-8)")
            return data.removeprefix(b"\xef\xbb\xbf")
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path}: cut short or damaged ({error}); remove it, or pass --skip_bad_files") from None
    except OSError as error:
        if error.errno is None and path.endswith((".gz", ".zst")):
            why = " ".join(str(error).split())[:120]
            fix = "rename it if it is not packed, remove it, or pass --skip_bad_files"
            raise InputError(f"{path}: cannot be unpacked ({why}); {fix}") from None
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except InputError:
        raise
    except Exception as error:  # each of fsspec's filesystems has its own
        if filesystem is None:
            raise
        raise InputError(f"{path}: cannot be read: {one_line(error)}") from None


def read_span(path: str, filesystem: Any, start: int, size: int) -> bytes:
    """`size` bytes of a file from `start`, as they are. InputError where it cannot be read."""
    try:
        with open(path, "rb") if filesystem is None else filesystem.open_input_file(path) as stream:
            stream.seek(start)
            return stream.read(size)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
