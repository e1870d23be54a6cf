"""Time and memory of lim_selection.py on generated logs of a given size, compared with a straightforward program.

    python scripts/bench_selection.py --fraction 0.5                the paper's run at half its epochs' prompts
    python scripts/bench_selection.py --million                     bench_scale.py with a million prompts

Paper scale is 8,523 prompts × 8 samples × 21 epochs with responses of about 2 KB. Each program runs in its
own process on a warm page cache; its memory is the peak, over samples taken every 20 ms, of the proportional
set size (PSS) summed over that process and its children, so that pages they share count once. `in memory`
is the straightforward program: json.load every file, keep all samples, dictionaries of lists. `plain read`
reads the same bytes and does nothing with them.
"""

from __future__ import annotations

import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.logs.reward_log import SCHEMA, write_run  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402
from lim.utils.files import write_json  # noqa: E402

PROMPTS, SAMPLES, EPOCHS, RESPONSE_BYTES = 8523, 8, 21, 2000
WORDS = [
    "let",
    "x",
    "be",
    "the",
    "number",
    "\\frac{1}{2}",
    "then",
    "$a^2",
    "+",
    "b^2$",
    "so",
    "we\nhave",
    '"17"',
    "é",
    "≤",
]


def make_logs(folder: Path, prompts: int, samples: int, epochs: int, per_step: int, formats: tuple[str, ...]) -> None:
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
                responses = [_response(rng, pieces) for _ in chosen]
                rows = [
                    {"prompt": texts[p], "response": r, "reward": float(w), "response_length": len(r) // 3}
                    for p, r, w in zip(chosen, responses, reward, strict=True)
                ]
                (folder / "json" / f"step_{step}.json").write_text(json.dumps(rows, ensure_ascii=False))
            if "parquet" in formats:
                _write_parquet(folder / "parquet", step, epoch, ids, chosen, samples, reward, right, responses)


def _response(rng: np.random.Generator, pieces: list[str]) -> str:
    text = " ".join(pieces[n] for n in rng.integers(0, len(pieces), 10))
    return text[: max(200, int(rng.normal(RESPONSE_BYTES, 400)))]


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


def measure(command: list[str], *, memory: bool = True) -> dict[str, Any]:
    """Run a command: seconds, processor seconds, peak PSS of its process tree in MB, its last line.

    Looking at a large process's memory every 20 ms slows it down: without `memory` only time is taken.
    """
    started, before = time.monotonic(), _processor_seconds()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while memory and not done.wait(0.02):
            total = 0
            try:
                for one in (root, *root.children(recursive=True)):
                    total += one.memory_full_info().pss
            except psutil.Error:
                pass
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.monotonic() - started
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 2),
        "processor_s": round(_processor_seconds() - before, 2),
        "peak_mb": round(peak / 1e6),
        "output": output.strip().splitlines()[-1:],
    }


def _processor_seconds() -> float:
    """Of all children so far; other work on the machine hardly changes it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def select(log: Path, prompts: Path, output: Path, *more: str) -> dict[str, Any]:
    script = str(ROOT / "lim_selection.py")
    paths = ["--train_samples_path", str(log), "--original_prompts_path", str(prompts), "--output_path", str(output)]
    result = measure([sys.executable, script, *paths, *more])
    result["chosen"] = len(json.loads(output.read_text()))
    return result


def alone(function: Callable[..., None], *arguments: str) -> dict[str, Any]:
    """Measure one of the functions above in a Python that has imported nothing else."""
    source = f"import json, sys\nfrom pathlib import Path\n{inspect.getsource(function)}"
    source = "from __future__ import annotations\n" + source + f"{function.__name__}(*sys.argv[1:])"
    return measure([sys.executable, "-c", source, *arguments])


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def run_paper_scale(folder: Path, fraction: float, repeats: int) -> dict[str, Any]:
    prompts, per_step = round(PROMPTS * fraction), max(1, round(1024 * fraction))
    steps = -(-prompts // per_step)
    print(f"making {prompts} prompts × {SAMPLES} samples × {EPOCHS} epochs …", flush=True)
    make_logs(folder, prompts, SAMPLES, EPOCHS, per_step, ("json", "parquet"))
    more = ["--steps_per_epoch", str(steps), "--max_epochs", str(EPOCHS)]
    plain_read(str(folder / "json"))
    plain_read(str(folder / "parquet"))
    ways = {
        "json, plain read": lambda: alone(plain_read, str(folder / "json")),
        "json, lim_selection": lambda: select(folder / "json", folder / "prompts.json", folder / "a.json", *more),
        "json, one process": lambda: select(
            folder / "json", folder / "prompts.json", folder / "a.json", *more, "--workers", "1"
        ),
        "parquet, plain read": lambda: alone(plain_read, str(folder / "parquet")),
        "parquet, lim_selection": lambda: select(folder / "parquet", folder / "prompts.json", folder / "b.json"),
        "json, in memory": lambda: alone(
            in_memory, str(folder / "json"), str(folder / "prompts.json"), str(EPOCHS), str(steps)
        ),
    }
    result: dict[str, Any] = {
        "samples": prompts * SAMPLES * EPOCHS,
        "json_bytes": size_of(folder / "json"),
        "parquet_bytes": size_of(folder / "parquet"),
    }
    print(f"{result['json_bytes'] / 1e6:,.0f} MB of JSON, {result['parquet_bytes'] / 1e6:,.0f} MB of Parquet")
    for name, way in ways.items():
        runs = [way() for _ in range(1 if name == "json, in memory" else repeats)]
        result[name] = {"seconds": sorted(run["seconds"] for run in runs), "peak_mb": max(r["peak_mb"] for r in runs)}
        print(f"{name:24} {result[name]['seconds']} s, peak {result[name]['peak_mb']:,} MB", flush=True)
        if name == "json, in memory":
            assert int(runs[0]["output"][0]) == len(json.loads((folder / "a.json").read_text())), "choices differ"
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes(), "JSON and Parquet differ"
    return result


def main() -> None:
    if "--million" in sys.argv:
        from scripts import bench_scale

        return bench_scale.main(["--prompts", "1000000", *(word for word in sys.argv[1:] if word != "--million")])
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--fraction", type=float, default=0.5, help="of the paper's prompts and batch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="run bench_scale.py with a million prompts instead")
    parser.add_argument("--folder", help="where the logs are made (default: a temporary folder); they are removed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        run = run_paper_scale(Path(folder), args.fraction, args.repeats)
    run["load_1_min"] = round(os.getloadavg()[0], 1)
    if args.json:
        write_json(args.json, run)


if __name__ == "__main__":
    main()
