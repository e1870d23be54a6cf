"""Rows of a prompt file written as they were: the same values, columns, types and order, in a suffix's format."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lim.prompts.rows import Rows
from lim.utils.errors import InputError, one_line
from lim.utils.files import HALVES, json_text

FORMATS = (".json", ".jsonl", ".parquet")
PARQUET = "give --output_path a name that ends in .parquet"


def check_suffix(flag: str, path: str | Path) -> None:
    """Raise InputError for a name whose suffix is no format that rows are written in."""
    if Path(path).suffix not in FORMATS:
        raise InputError(f"{flag} {path}: its suffix names no format; give it one of {', '.join(FORMATS)}")


def check_rows(rows: Rows, path: str | Path) -> None:
    """Raise InputError where the rows cannot be written in the format of `path` without another value."""
    if Path(path).suffix == ".parquet":
        as_table(rows, path)
    elif rows.table is not None:
        if rows.json_columns:
            raise InputError(
                f"{rows.name}: '{rows.json_columns[0]}' has values of several types, and whether one was text or a "
                f"number is not kept in it; {PARQUET}"
            )
        for number, row in enumerate(rows.records, 1):
            for key, value in row.items():
                try:
                    json.dumps(value, allow_nan=False)
                except (TypeError, ValueError) as error:
                    raise InputError(
                        f"{rows.name}: row {number}: '{key}' cannot be written to {path} as JSON "
                        f"({one_line(error)}); {PARQUET}"
                    ) from None


def write_rows(rows: Rows, taken: Sequence[bool], path: Path, suffix: str) -> None:
    """Write the rows taken to `path`. JSON lines stay as they are, and so do a table's schema and metadata."""
    if suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(as_table(rows, path).filter(pa.array(taken, pa.bool_())), path)
        return
    if suffix == ".jsonl":
        lines = rows.lines or [json.dumps(row, ensure_ascii=False) for row in rows.records]
        text = "".join(f"{line}\n" for line, kept in zip(lines, taken, strict=True) if kept)
    else:
        text = json_text([row for row, kept in zip(rows.records, taken, strict=True) if kept])
    path.write_text(text, encoding="utf-8", errors=HALVES, newline="")


def as_table(rows: Rows, path: str | Path) -> Any:
    """The rows as an Arrow table; of objects, one with all keys of any. InputError where a column mixes types."""
    if rows.table is not None:
        return rows.table
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for key in dict.fromkeys(key for row in rows.records for key in row):
        try:
            values = [row.get(key) for row in rows.records]
            columns[key] = pa.array(values)
            pq.write_table(pa.table({key: columns[key][:0]}), io.BytesIO())  # Parquet lacks some of Arrow's types
            if pa.types.is_struct(columns[key].type) and columns[key].to_pylist() != values:
                raise pa.ArrowInvalid("objects with different keys, of which each would get all")
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            raise InputError(
                f"{rows.name}: '{key}' cannot be a column of {path} ({one_line(error)}); give --output_path a name "
                "that ends in .json or .jsonl"
            ) from None
    return pa.table(columns)
