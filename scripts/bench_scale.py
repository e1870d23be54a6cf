"""Selection from a large Parquet log against DuckDB, Polars and an older commit of this project.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install duckdb==2.0.1 polars==2.1.0
    git worktree add /tmp/old 6a7e125
    python scripts/bench_scale.py --peers /tmp/peers/bin/python --old /tmp/old

The log is made up: string ids, prompts shuffled anew in each epoch, 8,192 samples per step file, with
`--response_bytes` also responses. Programs run in turns, each in its own process on a warm page cache.
Memory is the peak of the proportional set size over the process tree, looked at every 20 ms in a turn of its own.
`plain read` reads the bytes of the three columns that a selection needs. All programs choose the same prompts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.logs.reward_log import SCHEMA, write_run  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402
from lim.utils.files import write_json  # noqa: E402
from scripts.bench_measure import measure, size_of  # noqa: E402

ROWS, PROMPT_CHARACTERS, THRESHOLD = 65_536, 300, 0.6
UNITS = (("seconds", "s"), ("processor_s", "s of processors"))
SQL = """
with means as (select prompt_id, epoch, avg(reward) as r from read_parquet('{log}/step_*.parquet') group by all),
curve as (select epoch, avg(r) as m from means group by epoch)
select prompt_id from means join curve using (epoch) group by prompt_id
having 1 - sum((r - m) ** 2) / (select sum((1 - m) ** 2) from curve) >= {threshold}
"""
# Each prints a digest of the ids that it chose; {log}, {threshold} and {sql} are filled in.
DIGEST = """
import hashlib
def show(ids): print(len(ids), hashlib.sha256("\\n".join(sorted(ids)).encode()).hexdigest()[:12])
"""
DUCKDB = """
import duckdb
show([row[0] for row in duckdb.sql('''{sql}''').fetchall()])
"""
POLARS = """
import polars as pl
rows = pl.scan_parquet("{log}/step_*.parquet").select("prompt_id", "epoch", "reward")
means = rows.group_by("prompt_id", "epoch").agg(pl.col("reward").cast(pl.Float64).mean().alias("r"))
means = means.collect(engine="streaming")
curve = means.group_by("epoch").agg(pl.col("r").mean().alias("m"))
room = ((1 - curve["m"]) ** 2).sum()
scores = means.join(curve, on="epoch").group_by("prompt_id").agg(
    (1 - ((pl.col("r") - pl.col("m")) ** 2).sum() / room).alias("score"))
show(scores.filter(pl.col("score") >= {threshold})["prompt_id"].to_list())
"""
LIM = """
import sys; sys.path.insert(0, "{root}")
from lim.logs.find import find_log
from lim.logs.trajectories import read_trajectories
from lim.pipeline import score_matrix
from lim.strategies import Settings
matrix, _ = read_trajectories(find_log("{log}"))
scores_P = score_matrix(matrix, Settings().resolved())[0]
show([matrix.ids[row] for row in (scores_P >= {threshold}).nonzero()[0].tolist()])
"""
PLAIN = """
import glob, pyarrow.parquet as pq
for path in glob.glob("{log}/step_*.parquet"):
    with open(path, "rb", buffering=0) as file:
        meta = pq.read_metadata(path)
        for group in range(meta.num_row_groups):
            for at in range(meta.num_columns):
                column = meta.row_group(group).column(at)
                if column.path_in_schema in ("prompt_id", "epoch", "reward"):
                    file.seek(column.dictionary_page_offset or column.data_page_offset)
                    file.read(column.total_compressed_size)
print("-")
"""


def make_log(folder: Path, prompts: int, samples: int, epochs: int, response_bytes: int) -> None:
    """Write the log and its prompt file."""
    rng = np.random.default_rng(0)
    ids = np.array([f"math/train/{number:07d}" for number in rng.permutation(prompts)])
    filler = 'Find the value of $\\frac{{x^2}}{{{n}}}$ when the sequence "a_n" ends. '
    texts = [(filler.format(n=n) * (PROMPT_CHARACTERS // 60 + 1))[:PROMPT_CHARACTERS] for n in range(prompts)]
    write_json(
        folder / "prompts.json",
        [{"id": str(id), "prompt": text, "answer": "1"} for id, text in zip(ids, texts, strict=True)],
    )
    log = folder / "log"
    log.mkdir()
    write_run(log, {"recipe": "made up"})
    letters = rng.integers(97, 123, 1 << 22, np.uint8).tobytes().decode()
    start, gain = rng.uniform(-0.3, 1, prompts), rng.uniform(0, 0.8, prompts)
    step, per_step = 0, ROWS // samples
    for epoch in range(1, epochs + 1):
        rate = np.clip(start + gain * epoch / epochs, 0, 1)
        order = rng.permutation(prompts)
        for at in range(0, prompts, per_step):
            step += 1
            distinct = order[at : at + per_step]
            rows = len(distinct) * samples
            right = rng.random(rows) < np.repeat(rate[distinct], samples)
            reward = np.where(right, 1.0, np.where(rng.random(rows) < 0.2, -1.0, -0.5))
            codes = np.repeat(np.arange(len(distinct), dtype=np.int32), samples)
            columns: dict[str, Any] = {
                "prompt_id": pa.DictionaryArray.from_arrays(codes, pa.array(ids[distinct].tolist())).cast(
                    pa.string()
                ),
                "epoch": np.full(rows, epoch, np.int32),
                "step": np.full(rows, step, np.int32),
                "sample": np.tile(np.arange(samples, dtype=np.int16), len(distinct)),
                "reward": reward.astype(np.float32),
                "verdict": pa.DictionaryArray.from_arrays(right.astype(np.int8), ["incorrect", "correct"]),
                "response_tokens": rng.integers(100, 1000, rows, np.int32),
            }
            if response_bytes:
                starts = rng.integers(0, len(letters) - 2 * response_bytes, rows).tolist()
                lengths = rng.integers(response_bytes // 2, 3 * response_bytes // 2, rows).tolist()
                columns["response"] = [letters[a : a + n] for a, n in zip(starts, lengths, strict=True)]
            schema = pa.schema([field for field in SCHEMA if field.name in columns])
            pq.write_table(pa.table(columns, schema=schema), log / f"step_{step}.parquet", compression="zstd")


def programs(folder: Path, peers: str | None, old: str | None) -> dict[str, Callable[[bool], dict[str, Any]]]:
    """Name → what runs it once, for its memory or for its time."""
    log = str(folder / "log")

    def source(python: str, text: str) -> Callable[[bool], dict[str, Any]]:
        sql = SQL.format(log=log, threshold=THRESHOLD)
        code = DIGEST + text.format(log=log, threshold=THRESHOLD, sql=sql, root=ROOT)
        return lambda memory: measure([python, "-c", code], memory=memory)

    def command(root: str) -> Callable[[bool], dict[str, Any]]:
        output = folder / "chosen.json"
        paths = ["--train_samples_path", log, "--original_prompts_path", str(folder / "prompts.json")]
        words = [sys.executable, f"{root}/lim_selection.py", *paths, "--output_path", str(output)]

        def run(memory: bool) -> dict[str, Any]:
            result = measure([*words, "--similarity_threshold", str(THRESHOLD)], memory=memory, cwd=root)
            shown = source(sys.executable, f"import json; show([r['id'] for r in json.load(open({str(output)!r}))])")
            return result | {"output": shown(False)["output"]}

        return run

    found = {"plain read": source(sys.executable, PLAIN)}
    if peers:
        found |= {"DuckDB query": source(peers, DUCKDB), "Polars query": source(peers, POLARS)}
    found |= {"lim, reading and scoring": source(sys.executable, LIM), "lim_selection.py": command(str(ROOT))}
    if old:
        found["lim_selection.py, older"] = command(old)
    return found


def main(argv: list[str] | None = None) -> None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--prompts", type=int, default=250_000)
    parser.add_argument("--samples", type=int, default=8, help="per prompt and epoch")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--response_bytes", type=int, default=0, help="mean size of a response; 0 logs none")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python that has duckdb and polars")
    parser.add_argument("--old", metavar="FOLDER", help="a checkout of an older commit")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", help="where the log is made (default: a temporary folder); it is removed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        make_log(folder, args.prompts, args.samples, args.epochs, args.response_bytes)
        size = size_of(folder / "log")
        print(f"{args.prompts * args.samples * args.epochs:,} rows, {size / 1e6:,.0f} MB", flush=True)
        ways = programs(folder, args.peers, args.old)
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        peaks: dict[str, int] = {}
        for turn in range(args.repeats + 1):
            for way, run in ways.items():
                result = run(not turn)
                if turn:
                    runs[way].append(result)
                else:  # the first turn warms the page cache, and is for memory
                    peaks[way] = result["peak_mb"]
                print(f"  {way}: {', '.join(f'{result[key]} {unit}' for key, unit in UNITS)}", flush=True)
    chosen = {run["output"][0] for way in runs if way != "plain read" for run in runs[way]}
    table = {
        way: {
            "median_s": statistics.median(run["seconds"] for run in found),
            "seconds": sorted(run["seconds"] for run in found),
            "processor_s": statistics.median(run["processor_s"] for run in found),
            "peak_mb": peaks[way],
        }
        for way, found in runs.items()
    }
    for way, row in table.items():
        print(
            f"{way:28} median {row['median_s']:6.2f} s ({row['processor_s']:.2f} s of processors), "
            f"peak {row['peak_mb']:,} MB"
        )
    print(f"chosen: {chosen}")
    if len(chosen) > 1:
        raise SystemExit("the programs chose different prompts")
    if args.json:
        write_json(
            args.json,
            {"bytes": size, "chosen": chosen.pop(), "load_1_min": round(os.getloadavg()[0], 1), "programs": table},
        )


if __name__ == "__main__":
    main()
