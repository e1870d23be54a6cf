"""Files of rows: Parquet, JSON lines and JSON lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError, one_line
from lim.utils.files import read_json, write_text
from lim.utils.makers import how_to_make
from lim.utils.text import kind_of


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a .parquet, .jsonl or .json file. Raises InputError naming the file and the line or row."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_table(path).to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: not a Parquet file ({one_line(error)})") from None
    if path.suffix == ".jsonl":
        return read_jsonl(path)
    rows = read_json(path)
    if not isinstance(rows, list):
        raise InputError(f"{path}: holds {kind_of(rows)}, not a list of objects")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number} is {kind_of(row)}, not an object")
    return rows


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Objects of a JSON Lines file; empty lines are skipped."""
    rows = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise InputError(f"{path}: line {number} is {kind_of(row)}, not an object")
                rows.append(row)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file{how_to_make(path)}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {number}: not JSON ({error.msg})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start}: not UTF-8") from None
    return rows


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a JSON Lines file atomically, UTF-8; halves of surrogate pairs, which UTF-8 lacks, are escaped."""
    write_text(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
