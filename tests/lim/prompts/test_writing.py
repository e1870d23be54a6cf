"""The chosen rows come back as they were: format by suffix, values, schema, metadata and order untouched."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lim.prompts.rows import Rows, read_file
from lim.prompts.write import check_rows, check_suffix, write_rows
from lim.utils.errors import InputError

TAKEN = [False, True, True]


def through(rows: Rows, path) -> Rows:
    check_rows(rows, path)
    write_rows(rows, TAKEN, path, path.suffix)
    return read_file(path)


def test_a_table_keeps_its_schema_and_metadata(tmp_path):
    metadata = {"huggingface": '{"info": {"features": {}}}', "pandas": '{"index_columns": []}'}
    fields = [
        pa.field("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])), nullable=False),
        pa.field("kind", pa.dictionary(pa.int32(), pa.string())),
        pa.field("image", pa.binary(), metadata={"a": "b"}),
        pa.field("level", pa.int8()),
        pa.field("at", pa.timestamp("us", "UTC")),
        pa.field("__index_level_0__", pa.int64()),
    ]
    turns = [[{"role": "user", "content": str(n)}] for n in range(3)]
    columns = [turns, ["x", "y", "x"], [b"\xff", None, b""], [1, None, 3], [0, 1, 2], [7, 5, 6]]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    table = pa.table(arrays, pa.schema(fields, metadata))
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=1)
    rows = read_file(tmp_path / "in.parquet")
    found = through(rows, tmp_path / "out.parquet").table
    given = pq.read_table(tmp_path / "in.parquet")
    assert found.schema.equals(given.schema, check_metadata=True)
    assert found.schema.metadata[b"pandas"] == metadata["pandas"].encode()
    assert found.equals(given.take([1, 2]))


def test_json_lines_stay_as_they_are(tmp_path):
    lines = ['{"id": 1, "x": 1.50}', '{"x":[1,  2], "id" : 2}', '{"id": 3, "half": "\\ud800", "é": "\u2028"}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    through(read_file(tmp_path / "in.jsonl"), tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == f"{lines[1]}\n{lines[2]}\n"


ROWS = [
    {"id": str(n), "answer": f"{n}.50", "level": n, "turns": [{"role": "user", "content": "é"}]} for n in range(3)
]


@pytest.mark.parametrize("given", [".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("wanted", [".json", ".jsonl", ".parquet"])
def test_formats_into_each_other(tmp_path, given, wanted):
    path = tmp_path / f"in{given}"
    if given == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_text("\n".join(map(json.dumps, ROWS)) if given == ".jsonl" else json.dumps(ROWS))
    assert through(read_file(path), tmp_path / f"out{wanted}").records == ROWS[1:]


def test_keys_that_some_rows_lack_are_columns_all_the_same(tmp_path):
    rows = Rows("p.json", [{"a": 1}, {"a": 2, "b": "x"}, {"c": None}])
    found = through(rows, tmp_path / "out.parquet").table
    assert found.to_pylist() == [{"a": 2, "b": "x", "c": None}, {"a": None, "b": None, "c": None}]


@pytest.mark.parametrize(
    ("rows", "name", "says"),
    [
        ([{"answer": "1.50"}, {"answer": 2}], "o.parquet", r"'answer' cannot be a column of .*o\.parquet .*\.json"),
        ([{"answer": {}}], "o.parquet", "'answer' cannot be a column"),
        ([{"answer": "\ud800"}], "o.parquet", "'answer' cannot be a column"),
        ([{"answer": 2**70}], "o.parquet", "'answer' cannot be a column"),
        (pa.table({"image": [b"x"]}), "o.json", r"row 1: 'image' cannot be written to .*o\.json.*\.parquet"),
        (pa.table({"level": [1.0, float("nan")]}), "o.jsonl", "row 2: 'level' cannot be written"),
        (pa.table({"answer": pa.array(["1.50"], pa.json_())}), "o.jsonl", "'answer' has values of several types"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, rows, name, says):
    given = Rows("in", rows) if isinstance(rows, list) else Rows("in", table=rows)
    with pytest.raises(InputError, match=says):
        check_rows(given, tmp_path / name)


@pytest.mark.parametrize("name", ["o.csv", "o.arrow", "o", "o.json.gz", "o.JSON"])
def test_other_suffixes_are_refused_with_those_there_are(name):
    with pytest.raises(InputError, match=rf"--output_path {name}: .*\.json, \.jsonl, \.parquet"):
        check_suffix("--output_path", name)
