"""Time and memory of lim_selection.py on generated logs of a given size, compared with a straightforward program.

    python scripts/bench_selection.py --fraction 0.5                the paper's run at half its epochs' prompts
    python scripts/bench_selection.py --old FOLDER --peers PYTHON   and an older checkout, DuckDB and Polars in turns
    python scripts/bench_selection.py --million                     bench_scale.py with a million prompts

Paper scale is 8,523 prompts × 8 samples × 21 epochs with responses of about 2 KB. Each program runs in its
own process on a warm page cache; its memory is the peak, over samples taken every 20 ms, of the proportional
set size (PSS) summed over that process and its children, so that pages they share count once. `in memory`
is the straightforward program: json.load every file, keep all samples, dictionaries of lists. `plain read`
reads the same bytes and does nothing with them.
"""

from __future__ import annotations

import json
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
from scripts.bench_measure import alone, measure, size_of  # noqa: E402

PROMPTS, SAMPLES, EPOCHS, RESPONSE_BYTES = 8523, 8, 21, 2000
WORDS = ["let", "x", "be", "the", "number", r"\frac{1}{2}", "then", "$a^2", "+", "b^2$", "so"]
WORDS += ["we\nhave", '"17"', "é", "≤"]  # what JSON escapes, and letters of several bytes

JSON_SQL = """
with rows as (select prompt, reward, (regexp_extract(filename, 'step_(\\d+)', 1)::int - 1) // {per_epoch} as epoch
  from read_json('{log}/step_*.json', columns = {prompt: 'VARCHAR', reward: 'DOUBLE'}, filename = true)),
means as (select prompt, epoch, avg(reward) as r from rows group by all),
curve as (select epoch, avg(r) as m from means group by epoch)
select prompt from means join curve using (epoch) group by prompt
having 1 - sum((r - m) ** 2) / (select sum((1 - m) ** 2) from curve) >= 0.6
"""
JSON_DUCKDB = f"""
import duckdb
print(len(duckdb.sql(r'''{JSON_SQL}''').fetchall()))
"""
JSON_POLARS = """
import glob, re, polars as pl
schema = {"prompt": pl.String, "reward": pl.Float64}
def read(path):
    epoch = (int(re.findall(r"step_(\\d+)", path)[0]) - 1) // {per_epoch}
    return pl.read_json(path, schema=schema).with_columns(epoch=pl.lit(epoch))
rows = pl.concat([read(path) for path in glob.glob("{log}/step_*.json")])
means = rows.group_by("prompt", "epoch").agg(pl.col("reward").mean().alias("r"))
curve = means.group_by("epoch").agg(pl.col("r").mean().alias("m"))
room = ((1 - curve["m"]) ** 2).sum()
scores = means.join(curve, on="epoch").group_by("prompt").agg(
    (1 - ((pl.col("r") - pl.col("m")) ** 2).sum() / room).alias("score"))
print((scores["score"] >= 0.6).sum())
"""


def make_logs(
    folder: Path,
    prompts: int,
    samples: int,
    epochs: int,
    per_step: int,
    formats: tuple[str, ...],
    response_bytes: int = RESPONSE_BYTES,
) -> None:
    """Write the same made-up run as the release's JSON and as our Parquet, and its prompt file."""
    rng = np.random.default_rng(0)
    width = len(str(prompts))
    texts = [f"Question {n:0{width}}: " + " ".join(rng.choice(WORDS, 30)) for n in range(prompts)]
    ids = [f"prompt-{n:0{width}}" for n in range(prompts)]
    write_json(
        folder / "prompts.json",
        [{"id": i, "prompt": t, "answer": "1"} for i, t in zip(ids, texts, strict=True)],
    )
    pieces = [" ".join(rng.choice(WORDS, 60)) for _ in range(200)]
    start = rng.uniform(-0.3, 1, prompts)
    gain = rng.uniform(0, 0.8, prompts)
    for name in formats:
        (folder / name).mkdir()
    if "parquet" in formats:
        write_run(folder / "parquet", {"recipe": "made up"})
    step = 0
    for epoch in range(1, epochs + 1):
        rate = np.clip(start + gain * epoch / epochs, 0, 1)
        order = rng.permutation(prompts)
        for at in range(0, prompts, per_step):
            step += 1
            chosen = np.repeat(order[at : at + per_step], samples)
            right = rng.random(len(chosen)) < rate[chosen]
            reward = np.where(right, 1.0, np.where(rng.random(len(chosen)) < 0.2, -1.0, -0.5))
            responses = None
            if "json" in formats:
                responses = [_response(rng, pieces, response_bytes) for _ in chosen]
                rows = [
                    {"prompt": texts[p], "response": r, "reward": float(w), "response_length": len(r) // 3}
                    for p, r, w in zip(chosen, responses, reward, strict=True)
                ]
                (folder / "json" / f"step_{step}.json").write_text(json.dumps(rows, ensure_ascii=False))
            if "parquet" in formats:
                _write_parquet(folder / "parquet", step, epoch, ids, chosen, samples, reward, right, responses)


def _response(rng: np.random.Generator, pieces: list[str], mean: int) -> str:
    text = " ".join(pieces[n] for n in rng.integers(0, len(pieces), mean // 100))
    return text[: max(200, int(rng.normal(mean, mean / 5)))]


def _write_parquet(
    folder: Path,
    step: int,
    epoch: int,
    ids: list[str],
    chosen: Any,
    samples: int,
    reward: Any,
    right: Any,
    texts: Any,
) -> None:
    """One step file as lim.reward_log writes it, from arrays (its writer takes lists: too slow for 10⁸)."""
    rows = len(chosen)
    distinct = chosen[::samples]
    codes = np.repeat(np.arange(len(distinct), dtype=np.int32), samples)
    prompt_id = pa.DictionaryArray.from_arrays(codes, pa.array([ids[n] for n in distinct])).cast(pa.string())
    verdict = pa.DictionaryArray.from_arrays(right.astype(np.int8), pa.array(["incorrect", "correct"]))
    columns: dict[str, Any] = {
        "prompt_id": prompt_id,
        "epoch": np.full(rows, epoch, np.int32),
        "step": np.full(rows, step, np.int32),
        "sample": np.tile(np.arange(samples, dtype=np.int16), len(distinct)),
        "reward": reward.astype(np.float32),
        "verdict": verdict,
        "response_tokens": np.full(rows, 600, np.int32),
    }
    if texts is not None:
        columns["response"] = pa.array(texts, pa.string())
    schema = pa.schema([field for field in SCHEMA if field.name in columns])
    pq.write_table(pa.table(columns, schema=schema), folder / f"step_{step}.parquet", compression="zstd")


def in_memory(folder: str, prompts_path: str, epochs: str, steps_per_epoch: str) -> None:
    """The straightforward program, with the selection's result as its last line."""
    every: list[list[dict[str, Any]]] = []
    for epoch in range(int(epochs)):
        samples = []
        for step in range(epoch * int(steps_per_epoch), (epoch + 1) * int(steps_per_epoch)):
            with open(f"{folder}/step_{step + 1}.json", encoding="utf-8") as file:
                samples.extend(json.load(file))
        every.append(samples)
    rewards: dict[str, list[list[float]]] = {}
    for epoch, samples in enumerate(every):
        for sample in samples:
            by_epoch = rewards.setdefault(sample["prompt"], [[] for _ in every])
            by_epoch[epoch].append(sample["reward"])
    curves = {prompt: [sum(r) / len(r) for r in by_epoch] for prompt, by_epoch in rewards.items() if all(by_epoch)}
    average = [sum(curve[k] for curve in curves.values()) / len(curves) for k in range(len(every))]
    room = sum((1 - a) ** 2 for a in average)
    scores = {
        prompt: 1 - sum((r - a) ** 2 for r, a in zip(curve, average, strict=True)) / room
        for prompt, curve in curves.items()
    }
    with open(prompts_path, encoding="utf-8") as file:
        print(sum(scores.get(record["prompt"], -9) >= 0.6 for record in json.load(file)))


def plain_read(folder: str) -> None:
    """Read every byte, a file at a time."""
    for path in sorted(Path(folder).iterdir()):
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def select(
    log: Path, prompts: Path, output: Path, *more: str, root: Path = ROOT, memory: bool = True
) -> dict[str, Any]:
    script = str(root / "lim_selection.py")
    paths = ["--train_samples_path", str(log), "--original_prompts_path", str(prompts), "--output_path", str(output)]
    result = measure([sys.executable, script, *paths, *more], memory=memory, cwd=root)
    result["chosen"] = len(json.loads(output.read_text()))
    return result


def peers_on_json(folder: Path, python: str, per_epoch: int) -> dict[str, Callable[[bool], dict[str, Any]]]:
    """DuckDB's and Polars' JSON readers on the same files, with the same choice by prompt text."""

    def way(code: str) -> Callable[[bool], dict[str, Any]]:
        text = code.replace("{log}", str(folder / "json")).replace("{per_epoch}", str(per_epoch))
        return lambda memory: measure([python, "-c", text], memory=memory)

    return {"json, DuckDB": way(JSON_DUCKDB), "json, Polars": way(JSON_POLARS)}


def run_paper_scale(folder: Path, args: Any) -> dict[str, Any]:
    prompts, per_step = round(PROMPTS * args.fraction), max(1, round(1024 * args.fraction))
    steps = -(-prompts // per_step)
    print(f"making {prompts} prompts × {SAMPLES} samples × {EPOCHS} epochs …", flush=True)
    make_logs(folder, prompts, SAMPLES, EPOCHS, per_step, ("json", "parquet"), args.response_bytes)
    more = ["--steps_per_epoch", str(steps), "--max_epochs", str(EPOCHS)]

    def lim(log: str, output: str, *more: str, root: Path = ROOT) -> Callable[[bool], dict[str, Any]]:
        return lambda memory: select(
            folder / log, folder / "prompts.json", folder / output, *more, root=root, memory=memory
        )

    def program(function: Callable[..., None], *arguments: str) -> Callable[[bool], dict[str, Any]]:
        return lambda memory: alone(function, *arguments, memory=memory)

    ways = {
        "json, plain read": program(plain_read, str(folder / "json")),
        "json, lim_selection": lim("json", "a.json", *more),
        "json, one process": lim("json", "a.json", *more, "--workers", "1"),
        "parquet, plain read": program(plain_read, str(folder / "parquet")),
        "parquet, lim_selection": lim("parquet", "b.json"),
    }
    if args.old:
        ways["json, older"] = lim("json", "c.json", *more, root=Path(args.old))
        ways["parquet, older"] = lim("parquet", "d.json", root=Path(args.old))
    if args.peers:
        ways |= peers_on_json(folder, args.peers, steps)
    result: dict[str, Any] = {
        "samples": prompts * SAMPLES * EPOCHS,
        "json_bytes": size_of(folder / "json"),
        "parquet_bytes": size_of(folder / "parquet"),
    }
    print(f"{result['json_bytes'] / 1e6:,.0f} MB of JSON, {result['parquet_bytes'] / 1e6:,.0f} MB of Parquet")
    peaks = {name: way(True)["peak_mb"] for name, way in ways.items()}
    runs = [{name: way(False) for name, way in ways.items()} for _ in range(args.repeats)]
    for name in ways:
        figures = {key: statistics.median(run[name][key] for run in runs) for key in ("seconds", "processor_s")}
        result[name] = figures | {"peak_mb": peaks[name], "each": [run[name]["seconds"] for run in runs]}
        wall, busy = figures.values()
        print(f"{name:24} {wall:6.2f} s, {busy:6.2f} s of processors, peak {peaks[name]:,} MB", flush=True)
    simple = alone(in_memory, str(folder / "json"), str(folder / "prompts.json"), str(EPOCHS), str(steps))
    result["json, in memory"] = {key: simple[key] for key in ("seconds", "processor_s", "peak_mb")}
    print(f"{'json, in memory, once':24} {simple['seconds']:6.2f} s, peak {simple['peak_mb']:,} MB")
    for form in ("json", "parquet") if args.old else ():
        ratios = [run[f"{form}, older"]["seconds"] / run[f"{form}, lim_selection"]["seconds"] for run in runs]
        result[f"{form}, speed over the older"] = round(statistics.median(ratios), 2)
        print(
            f"{form}: {statistics.median(ratios):.2f} times the older's speed ({min(ratios):.2f}-{max(ratios):.2f})"
        )
    chosen = json.loads((folder / "a.json").read_text())
    counts = [
        int(run["output"][0]) for run in (simple, *(runs[0][n] for n in ways if n.endswith(("DuckDB", "Polars"))))
    ]
    assert set(counts) == {len(chosen)}, f"choices differ: {counts}, {len(chosen)}"
    files = ["b.json", *(["c.json", "d.json"] if args.old else [])]
    assert all((folder / name).read_bytes() == (folder / "a.json").read_bytes() for name in files), "choices differ"
    return result


def main() -> None:
    if "--million" in sys.argv:
        from scripts import bench_scale

        return bench_scale.main(["--prompts", "1000000", *(word for word in sys.argv[1:] if word != "--million")])
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--fraction", type=float, default=0.5, help="of the paper's prompts and batch")
    parser.add_argument("--response_bytes", type=int, default=RESPONSE_BYTES, help="mean size of a response")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python that has duckdb and polars")
    parser.add_argument("--old", metavar="FOLDER", help="a checkout of an older commit")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="run bench_scale.py with a million prompts instead")
    parser.add_argument("--folder", help="where the logs are made (default: a temporary folder); they are removed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        run = run_paper_scale(Path(folder), args)
    run["load_1_min"] = round(os.getloadavg()[0], 1)
    if args.json:
        write_json(args.json, run)


if __name__ == "__main__":
    main()
