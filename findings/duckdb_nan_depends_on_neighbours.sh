#!/usr/bin/env bash
# A score of NaN passes "score > 0.6" in Polars and DuckDB; in a Parquet file DuckDB lets it pass or not by the scores
# in the rows beside it.
#
# Expected: NaN > 0.6 is false, as in Python, NumPy, pandas and pyarrow: what could not be scored is not chosen.
# Instead: both order NaN above all numbers, so it passes every lower bound, and the best k by score begin with it.
#     Polars does so always, DuckDB for a table in memory; of a Parquet file it first skips the row groups whose
#     largest score, NaN left out, is below the bound, and their NaNs with them. So SELECT score > 0.6 says true of a
#     row that WHERE score > 0.6 leaves out, and which NaNs are chosen depends on the layout of the file. In a pandas
#     frame DuckDB takes NaN for NULL. Nothing is raised.
# Seen in: duckdb 2.0.1 (filters over Parquet), polars 2.1.0; files by pyarrow 26.0.1. Right: ask isfinite(score), or
#     is_finite() in Polars, as well.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

print(*(f"{name} {version(name)}" for name in ("duckdb", "polars", "pyarrow", "pandas")))
nan = float("nan")
# b and d could not be scored
table = scores = pa.table({"id": ["a", "b", "c", "d"], "score": [0.9, nan, 0.3, nan]})
frame = table.to_pandas()
pq.write_table(table, "pairs.parquet", row_group_size=2)  # a with b, c with d
pq.write_table(table, "whole.parquet")
print(frame.to_string(index=False))


def duck(query):
    return [row[0] for row in duckdb.sql(query).fetchall()]


pairs, bound = "pairs.parquet", [("score", ">", 0.6)]
polars = {"polars": pl.from_arrow(table).lazy(), "polars, Parquet in row groups of 2": pl.scan_parquet(pairs)}
chosen = {
    "pandas": frame[frame.score > 0.6].id.tolist(),
    "pandas, Parquet in row groups of 2": pd.read_parquet(pairs, filters=bound).id.tolist(),
    "pyarrow, Parquet in row groups of 2": pq.read_table(pairs, filters=bound)["id"].to_pylist(),
    **{how: rows.filter(pl.col("score") > 0.6).collect()["id"].to_list() for how, rows in polars.items()},
    "duckdb, Arrow table": duck("SELECT id FROM scores WHERE score > 0.6"),
    "duckdb, Parquet in one row group": duck("SELECT id FROM 'whole.parquet' WHERE score > 0.6"),
    "duckdb, Parquet in row groups of 2": duck("SELECT id FROM 'pairs.parquet' WHERE score > 0.6"),
    "duckdb, pandas frame": duck("SELECT id FROM frame WHERE score > 0.6"),
}
for how, ids in chosen.items():
    print(f"score > 0.6  {how:36} {' '.join(ids)}")
assert list(map("".join, chosen.values())) == ["a", "a", "a", "abd", "abd", "abd", "abd", "ab", "a"], chosen

said = duckdb.sql("SELECT id, score > 0.6 FROM 'pairs.parquet'").fetchall()
print("duckdb, SELECT id, score > 0.6:", said)
assert said == [("a", True), ("b", True), ("c", False), ("d", True)], said

best = {
    "pandas": frame.nlargest(1, "score").id.tolist(),
    "polars": pl.from_arrow(table).top_k(1, by="score")["id"].to_list(),
    "duckdb": duck("SELECT id FROM 'whole.parquet' ORDER BY score DESC LIMIT 1"),
}
print("best by score:", best)
assert best["pandas"] == ["a"] and best["polars"][0] in "bd" and best["duckdb"][0] in "bd", best

assert duck("SELECT id FROM 'whole.parquet' WHERE isfinite(score) AND score > 0.6") == ["a"]
finite = pl.col("score").is_finite() & (pl.col("score") > 0.6)
assert pl.scan_parquet(pairs).filter(finite).collect()["id"].to_list() == ["a"]
PY
