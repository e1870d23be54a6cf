"""Rows of a prompt file, untouched: the objects of JSON, JSON lines and CSV, or the table of Parquet and Arrow."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lim.logs.files import read_bytes
from lim.utils.errors import InputError, one_line
from lim.utils.files import REMOTE
from lim.utils.makers import how_to_make
from lim.utils.text import kind_of

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".arrow", ".feather", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
SEPARATORS = ",;\t|"  # of cells
MISSING = object()  # where a row has no such column


@dataclass
class Rows:
    """The rows of a prompt file. One of `objects` and `table` is there."""

    name: str  # for messages
    objects: list[dict[str, Any]] | None = None
    table: pa.Table | None = None
    lines: list[str] | None = None  # of JSON lines: each row as it is in the file

    def __len__(self) -> int:
        return self.table.num_rows if self.objects is None else len(self.objects)  # pyright: ignore

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """All rows as objects."""
        return self.table.to_pylist() if self.objects is None else self.objects  # pyright: ignore

    def record(self, at: int) -> dict[str, Any]:
        """One row as an object."""
        return self.table.slice(at, 1).to_pylist()[0] if self.objects is None else self.objects[at]  # pyright: ignore

    @cached_property
    def json_columns(self) -> list[str]:
        """A table's columns that hold JSON as text, as `datasets` keeps values of several types."""
        fields = [] if self.table is None else list(self.table.schema)
        return [field.name for field in fields if "arrow.json" in str(field.type)]

    def column(self, name: str) -> list[Any]:
        """A column's values, `MISSING` in rows that lack it; dots reach nested values (`extra_info.index`)."""
        if self.objects is not None:
            try:
                return list(map(itemgetter(name), self.objects))
            except KeyError:
                return [row[name] if name in row else dig(row, name) for row in self.objects]
        assert self.table is not None
        names = self.table.column_names
        top = name if name in names else name.partition(".")[0]
        if top not in names:
            return [MISSING] * len(self)
        if names.count(top) > 1:
            raise InputError(f"{self.name}: has {names.count(top)} columns '{top}'; rename one")
        values = self.table.column(top).to_pylist()
        if top in self.json_columns:
            kind = self.table.schema.field(top).type
            values = [_parsed(value, kind) for value in values]
        return values if top == name else [dig({top: value}, name) for value in values]


def dig(row: Any, column: str) -> Any:
    """A row's value, or `MISSING`; dots lead into nested values, numbers into lists: `prompt.0.content`."""
    if column in row:
        return row[column]
    value = row
    for part in column.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and re.fullmatch(r"-?\d+", part) and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def _parsed(value: Any, kind: Any, *, item: bool = False) -> Any:
    """A value without the JSON around its strings. A string that is JSON itself has none ("1.50"): it stays text."""
    import pyarrow as pa

    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _parsed(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_parsed(part, kind.value_type, item=True) for part in value]
    if isinstance(value, str) and "arrow.json" in str(kind) and value.startswith(('"', "{") if item else '"'):
        return json.loads(value)
    return value


def unpacked(name: str) -> str:
    """A file's name without the suffix of its compression."""
    return name.removesuffix(".gz").removesuffix(".zst")


def read_file(path: str | Path, *, finite: bool = True) -> Rows:
    """The rows of a Parquet, Arrow, JSON, JSON lines or CSV file, packed (.gz, .zst) or not;
    other names are read by what they hold.

    Raises InputError naming the line or row that is malformed. NaN and infinity are no JSON: refused if `finite`.
    """
    name = str(path)
    plain = unpacked(name)
    suffix = Path(plain).suffix
    with _readable(path):
        os.stat(path)
        if plain == name and suffix in (".parquet", ".arrow", ".feather"):
            return Rows(name, table=table_of(name, str(path), parquet=suffix == ".parquet"))
        data = Path(path).read_bytes() if plain == name else read_bytes(name, None)
    if data.startswith(b"PAR1"):
        import pyarrow as pa

        return Rows(name, table=table_of(name, pa.BufferReader(data), parquet=True))
    if suffix not in (".csv", ".tsv"):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Rows(name, msgspec.json.decode(data, type=list[dict]))  # quick, but says little of what is wrong
    text = _text(name, data)
    return Rows(name, csv_rows(name, text)) if suffix in (".csv", ".tsv") else _json(name, text, suffix, finite)


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file, without white space around them; empty ones are skipped."""
    with _readable(path):
        data = Path(path).read_bytes()
    return [line for line in map(str.strip, _text(str(path), data).split("\n")) if line]


@contextlib.contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Raise InputError where a file is not there or cannot be read."""
    try:
        yield
    except FileNotFoundError:
        remote = "; only local files are read here" if REMOTE.match(str(path)) else how_to_make(path)
        raise InputError(f"{path}: no such file{remote}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: byte {error.start}: not UTF-8") from None


def table_of(name: str, source: Any, *, parquet: bool) -> pa.Table:
    """The table of a Parquet or an Arrow file: its path, or its bytes. InputError where it is none."""
    import pyarrow as pa

    try:
        if not parquet:
            with pa.memory_map(source) if isinstance(source, str) else pa.BufferReader(source) as file:
                return _arrow(file)
        import pyarrow.parquet as pq

        with pq.ParquetFile(source) as file:  # not read_table, which takes folders of the path for columns
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{name}: not {'a Parquet' if parquet else 'an Arrow'} file ({one_line(error)})") from None


def _arrow(file: Any) -> pa.Table:
    """The table of an Arrow stream, which `datasets` saves, or of an Arrow file."""
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(file).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.open_file(file).read_all()


def csv_reader(text: str) -> csv.DictReader[str]:
    """A reader of CSV; cells are split by the one of `SEPARATORS` that gives the header the most."""
    csv.field_size_limit(1 << 30)
    if said := re.match(r"sep=(.)\r?\n", text):  # for spreadsheets
        return csv.DictReader(io.StringIO(text[said.end() :], newline=""), delimiter=said[1])

    def cells(separator: str) -> int:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), []))

    return csv.DictReader(io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=cells))


def csv_rows(name: str, text: str) -> list[dict[str, Any]]:
    """The rows of CSV. InputError for a column that is there twice, and for a line of more or fewer cells."""
    rows = []
    try:
        reader = csv_reader(text)
    except csv.Error as error:
        raise InputError(f"{name}: line 1: not CSV ({error})") from None
    try:
        columns = list(reader.fieldnames or [])
        if twice := next((column for column in columns if columns.count(column) > 1), None):
            raise InputError(f"{name}: has {columns.count(twice)} columns '{twice}'; rename one")
        for row in reader:
            if None in row or None in row.values():
                which = "more" if None in row else "fewer"
                raise InputError(f"{name}: line {reader.line_num} has {which} cells than the {len(columns)} columns")
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"{name}: line {reader.line_num}: not CSV ({error})") from None
    return rows


def _json(name: str, text: str, suffix: str, finite: bool) -> Rows:
    def constant(text: str) -> float:
        if finite:
            raise InputError(f"{name}: holds {text}, which is not JSON; write null instead")
        return float(text)

    try:
        if suffix not in (".jsonl", ".ndjson") or re.match(r"\s*\[", text):
            try:
                rows = json.loads(text, parse_constant=constant)
            except json.JSONDecodeError as error:
                # Several objects, one after the other, are JSON lines under a name that does not say so.
                if not error.msg.startswith("Extra data") or not text.lstrip().startswith("{"):
                    where = f"line {error.lineno}, column {error.colno}"
                    raise InputError(f"{name}: {where}: not JSON ({error.msg})") from None
            else:
                if not isinstance(rows, list):
                    keys = f" (its keys: {', '.join(rows)})" if isinstance(rows, dict) else ""
                    raise InputError(f"{name}: holds {kind_of(rows)}, not a list of rows{keys:.200}")
                return Rows(name, _objects(name, "row", list(enumerate(rows, 1))))
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        parsed = []
        for number, line in lines:
            try:
                parsed.append((number, json.loads(line, parse_constant=constant)))
            except json.JSONDecodeError as error:
                raise InputError(f"{name}: line {number}: not JSON ({error.msg})") from None
    except RecursionError:
        raise InputError(f"{name}: too deeply nested") from None
    return Rows(name, _objects(name, "line", parsed), lines=[line for _, line in lines])


def _objects(name: str, what: str, rows: list[tuple[int, Any]]) -> list[dict[str, Any]]:
    for number, row in rows:
        if not isinstance(row, dict):
            raise InputError(f"{name}: {what} {number} is {kind_of(row)}, not an object")
    return [row for _, row in rows]
