"""What it takes to look at a large log: first and later clicks, the index, memory, over the viewer's own addresses.

    python scripts/bench_view.py /tmp/large --format lim
    python scripts/bench_view.py /tmp/large --format verl --clicks 100 --json view.json

Makes the log at the paper's scale where it is not there yet (8,523 prompts, 21 epochs, 8 samples, responses of 1 to
2 kB, 1,024 prompts a step), starts `lim view` on it with an empty cache, and clicks as a browser does: the page, one
prompt's samples, one response. Then the same with the cache of the first start.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.logs.reward_log import write_run, write_step  # noqa: E402
from lim.utils.cli import Parser, whole  # noqa: E402
from lim.utils.files import write_json  # noqa: E402

QUESTION = (
    "Find the value of $\\frac{{x^2}}{{{n}}}$ when the sequence $a_1, a_2, \\dots$ ends in ${n}$ and $x > {n}$. "
)


def corpus(rng: np.random.Generator) -> str:
    """Text of made-up words and formulas that packs about as well as a model's reasoning."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 11, 4000)]
    chosen = rng.zipf(1.3, 700_000) % len(words)
    parts = [words[at] for at in chosen.tolist()]
    for at in range(0, len(parts), 40):
        a, b = rng.integers(2, 999, 2).tolist()
        parts[at] = f"$\\frac{{{a}}}{{{b}}} = x_{{{a % 9}}}$"
    return " ".join(parts)


def make(folder: Path, format: str, prompts: int, epochs: int, samples: int, batch: int) -> None:
    """Write the prompts and the log."""
    rng = np.random.default_rng(0)
    text = corpus(rng)
    ids = [f"math/train/{number:07d}" for number in rng.permutation(prompts).tolist()]
    questions = [(QUESTION.format(n=n) * 4)[:300] for n in range(prompts)]
    rows = [
        {"id": id, "prompt": text, "answer": str(n)} for n, (id, text) in enumerate(zip(ids, questions, strict=True))
    ]
    write_json(folder / "prompts.json", rows)
    log = folder / format
    log.mkdir(parents=True)
    start, gain = rng.uniform(-0.3, 1, prompts), rng.uniform(0, 0.8, prompts)
    encoder, step = msgspec.json.Encoder(), 0
    for epoch in range(1, epochs + 1):
        rate = np.clip(start + gain * epoch / epochs, 0, 1)
        order = rng.permutation(prompts)
        for at in range(0, prompts, batch):
            step += 1
            codes = np.repeat(order[at : at + batch], samples).tolist()
            right = (rng.random(len(codes)) < rate[codes]).tolist()
            wrong = rng.integers(0, 9, len(codes)).tolist()
            places = rng.integers(0, len(text) - 2100, len(codes)).tolist()
            sizes = rng.integers(1000, 2000, len(codes)).tolist()
            answers = [str(n) if good else str(n + 1 + off) for n, good, off in zip(codes, right, wrong, strict=True)]
            responses = [
                f"{text[place : place + size]} The answer is $\\boxed{{{answer}}}$."
                for place, size, answer in zip(places, sizes, answers, strict=True)
            ]
            if format == "verl":
                with open(log / f"{step}.jsonl", "wb") as file:
                    for n, good, response in zip(codes, right, responses, strict=True):
                        asked = f"system\nYou are careful.\nuser\n{questions[n]}\nassistant\n"
                        row = {"input": asked, "output": response, "gts": str(n), "score": float(good), "step": step}
                        file.write(encoder.encode(row) + b"\n")
                continue
            columns: dict[str, Any] = {
                "prompt_id": [ids[n] for n in codes],
                "epoch": [epoch] * len(codes),
                "step": [step] * len(codes),
                "sample": list(range(samples)) * (len(codes) // samples),
                "reward": [float(good) for good in right],
                "verdict": ["correct" if good else "incorrect" for good in right],
                "answer": answers,
                "response_tokens": [size // 3 for size in sizes],
                "response": responses,
            }
            write_step(log, step, columns)
    if format == "lim":
        write_run(log, {"recipe": "made up", "prompt_file": str(folder / "prompts.json")})


class Viewer:
    """A viewer in a process of its own, and what its addresses answer."""

    def __init__(self, folder: Path, format: str, cache: Path) -> None:
        command = [sys.executable, "-m", "lim", "view", str(folder / format)]
        command += ["--original_prompts_path", str(folder / "prompts.json")]
        start = time.perf_counter()
        env = {**os.environ, "LIM_CACHE": str(cache)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip() + "0/"
        self.start = time.perf_counter() - start

    def ask(self, name: str) -> tuple[float, bytes]:
        """(milliseconds, what came)."""
        start = time.perf_counter()
        with urllib.request.urlopen(self.address + name) as answer:
            found = answer.read()
        return 1000 * (time.perf_counter() - start), found

    def memory(self) -> float:
        """Megabytes of the process and its children."""
        process = psutil.Process(self.process.pid)
        return sum(one.memory_full_info().pss for one in [process, *process.children(recursive=True)]) / 1e6

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def click(viewer: Viewer, prompts: int, clicks: int) -> dict[str, float]:
    """Milliseconds of the first click and of later ones, each on a prompt that was not opened before."""
    some = np.random.default_rng(1).permutation(prompts)[: clicks + 1].tolist()
    first, _ = viewer.ask(f"samples?prompt={some[0]}")
    times, single = [], []
    for prompt in some[1:]:
        took, found = viewer.ask(f"samples?prompt={prompt}")
        times.append(took)
        count = len(json.loads(found)["samples"])
        single.append(viewer.ask(f"response?prompt={prompt}&sample={count // 2}")[0])
    high = statistics.quantiles(times, n=20)[-1]
    return {
        "first_click_ms": first,
        "samples_per_prompt": count,
        "later_click_ms_median": statistics.median(times),
        "later_click_ms_95": high,
        "later_click_ms_max": max(times),
        "response_ms_median": statistics.median(single),
    }


def main(argv: list[str] | None = None) -> int | None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where the log is, or is made")
    parser.add_argument("--format", default="lim", choices=["lim", "verl"])
    parser.add_argument("--prompts", type=whole(2), default=8523)
    parser.add_argument("--epochs", type=whole(2), default=21)
    parser.add_argument("--samples", type=whole(1), default=8)
    parser.add_argument("--batch", type=whole(1), default=1024, help="prompts a step (%(default)s)")
    parser.add_argument("--clicks", type=whole(2), default=50)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(argv)
    log = args.folder / args.format
    if not log.is_dir():
        make(args.folder, args.format, args.prompts, args.epochs, args.samples, args.batch)
    files = [path for path in log.iterdir() if path.name != "run.json"]
    found: dict[str, Any] = {"files": len(files), "log_mb": sum(path.stat().st_size for path in files) / 1e6}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "cached"):
            viewer = Viewer(args.folder, args.format, Path(cache))
            try:
                page, html = viewer.ask("")
                before = viewer.memory()
                facts = click(viewer, args.prompts, args.clicks)
                facts |= {"start_s": viewer.start, "page_ms": page, "page_mb": len(html) / 1e6}
                found[name] = facts | {"memory_mb_before": before, "memory_mb_after": viewer.memory()}
            finally:
                viewer.close()
        found["index_mb"] = sum(path.stat().st_size for path in Path(cache).iterdir()) / 1e6
    print(json.dumps(found, indent=1))
    if args.json:
        write_json(args.json, found)
    return None


if __name__ == "__main__":
    raise SystemExit(main())
