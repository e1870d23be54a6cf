#!/usr/bin/env bash
# DuckDB over a folder of one JSON Lines file a step (verl's layout) rounds the rewards of later steps to whole numbers.
#
# Expected: a reward of 0.4 after steps of 0 and 1 is read as 0.4, or the query fails, as it does for a string.
# Instead: types come from the first 32 files (or 20,480 rows). Where those hold 0 and 1 only, the column is BIGINT, and
#     from file 33 on -0.5 is read as 0 and 0.6 as 1; a field that starts later (acc) is missing. The order is that of
#     names as text, so steps 7 to 9 of 59 are late ones: 10.jsonl comes before 2.jsonl.
#     Parquet files: the first one decides, with the same rounding. Nothing is raised or printed.
# Seen in: duckdb 2.0.1, read_json_auto and read_parquet. Right: union_by_name = true.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import json
from pathlib import Path

import duckdb

print("duckdb", duckdb.__version__)
Path("rollouts").mkdir()
for step in range(100, 140):  # 40 steps of 4 samples; a length penalty starts with the 37th
    scores = [0, 1, 1, 0] if step < 136 else [-0.5, 0.6, 0.4, 1]
    rows = [{"input": "q", "output": "x", "score": score, "step": step} for score in scores]
    if step >= 136:
        rows = [row | {"acc": row["score"] == 1} for row in rows]
    Path(f"rollouts/{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def late(query):
    rows = duckdb.sql(query).fetchall()
    print(query, "→", rows)
    return rows


query = "SELECT typeof(score), score FROM {} WHERE step = 139"
read = late(query.format("'rollouts/*.jsonl'"))
assert read == [("BIGINT", 0), ("BIGINT", 1), ("BIGINT", 0), ("BIGINT", 1)], read
assert duckdb.sql("SELECT * FROM 'rollouts/*.jsonl'").columns == ["input", "output", "score", "step"]

Path("early").mkdir()
for step in range(1, 60):
    score = 0.6 if step in (7, 8, 9) else 0
    Path(f"early/{step}.jsonl").write_text(json.dumps({"score": score, "step": step}) + "\n")
read = late("SELECT typeof(score), score FROM 'early/*.jsonl' WHERE step = 8")
assert read == [("BIGINT", 1)], read

right = late(query.format("read_json('rollouts/*.jsonl', union_by_name = true)"))
assert right == [("DOUBLE", -0.5), ("DOUBLE", 0.6), ("DOUBLE", 0.4), ("DOUBLE", 1.0)], right

duckdb.sql("COPY (SELECT 1 AS step, unnest([0, 1]) AS score) TO '1.parquet'")
duckdb.sql("COPY (SELECT 2 AS step, unnest([-0.5, 0.6]::DOUBLE[]) AS score) TO '2.parquet'")
read = late("SELECT typeof(score), score FROM '*.parquet' WHERE step = 2")
assert [score for _, score in read] == [0, 1], read

Path("rollouts/139.jsonl").write_text('{"input": "q", "output": "x", "score": "none", "step": 139}\n')
try:
    duckdb.sql("SELECT sum(score) FROM 'rollouts/*.jsonl'").fetchall()
except duckdb.Error as error:
    print("a string instead:", str(error).splitlines()[0])
else:
    raise AssertionError("a string in a column of numbers no longer raises")
PY
