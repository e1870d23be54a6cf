"""Read chosen columns of a Parquet file, local or remote, with errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lim.utils.errors import InputError

_lacking: dict[str, set[str]] = {}  # folder → columns that a file in it lacked; its other files will mostly, too


def open_file(path: str, filesystem: Any, read_dictionary: Sequence[str] = ()) -> pq.ParquetFile:
    """A Parquet file, open; InputError where it is none, or not complete.

    `read_dictionary`: columns to read dictionary-encoded; one may come spelled out where a file beside it lacks it.
    """
    folder = os.path.dirname(path)
    encoded = [name for name in read_dictionary if name not in _lacking.get(folder, ())]
    try:
        return pq.ParquetFile(path, filesystem=filesystem, read_dictionary=encoded)
    except KeyError:  # a column to be read as a dictionary is not there
        with open_file(path, filesystem) as file:
            there = set(file.schema_arrow.names)
        _lacking.setdefault(folder, set()).update(set(encoded) - there)
        return open_file(path, filesystem, [name for name in encoded if name in there])
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, filesystem, error, "not a complete Parquet file") from None


def _unreadable(path: str, filesystem: Any, error: Exception, damage: str) -> InputError:
    """The line for a file that cannot be read: only a file whose content is wrong is called damaged."""
    if isinstance(error, OSError) and error.errno:
        return InputError(f"{path}: cannot be read: {os.strerror(error.errno)}")
    reason = " ".join(str(error).split())[:120]
    if isinstance(error, OSError) and filesystem is not None:
        return InputError(f"{path}: cannot be read: {reason}; try again, or pass --skip_bad_files if it is damaged")
    return InputError(f"{path}: {damage} ({reason}); remove it, or pass --skip_bad_files")


def column_names(path: str, filesystem: Any = None) -> dict[str, str]:
    """Column → "int", "float", or Arrow's name of its type."""
    with open_file(path, filesystem) as file:
        schema = file.schema_arrow
    kinds = {True: "int"}
    return {
        field.name: kinds.get(pa.types.is_integer(field.type))
        or ("float" if pa.types.is_floating(field.type) or pa.types.is_decimal(field.type) else str(field.type))
        for field in schema
    }


def numbers(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """A numeric column without nulls as an array; Arrow's own `to_numpy` would import pandas where that is there."""
    return np.from_dlpack(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)


def read_columns(
    path: str, filesystem: Any, columns: list[str], *, optional: tuple[str, ...] = (), encoded: tuple[str, ...] = ()
) -> tuple[pa.Table, int]:
    """(table of `columns` and those of `optional` that exist, bytes of these columns in the file).

    Columns in `encoded` come back dictionary-encoded without being spelled out first.
    """
    with open_file(path, filesystem, encoded) as file:
        names = file.schema_arrow.names
        missing = [name for name in columns if name not in names]
        if missing:
            raise InputError(f"{path}: has no column '{missing[0]}' (its columns: {', '.join(names)})")
        wanted = [*columns, *(name for name in optional if name in names)]
        try:
            # One thread: files are read side by side, and Arrow's own pool would only add memory.
            table = file.read(columns=wanted, use_threads=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, filesystem, error, "damaged") from None
        meta = file.metadata
        read = sum(
            meta.row_group(group).column(column).total_compressed_size
            for group in range(meta.num_row_groups)
            for column in range(meta.num_columns)
            if meta.row_group(group).column(column).path_in_schema.split(".")[0] in wanted
        )
    return table, read


def check_names(path: str, names: Sequence[str]) -> None:
    """Raise InputError where two columns have one name."""
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{path}: has {names.count(twice)} columns '{twice}'; rename one")


def read_rows(path: str, filesystem: Any) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file as dictionaries, a row group at a time."""
    with open_file(path, filesystem) as file:
        check_names(path, file.schema_arrow.names)
        try:
            for batch in file.iter_batches(use_threads=False):
                yield from batch.to_pylist(maps_as_pydicts="lossy")
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, filesystem, error, "damaged") from None
