"""Speed of an evaluation: this project's code, a bare vllm.LLM.generate, and transformers' generate.

    .venv/bin/python scripts/bench_eval.py --model data/models/arithmetic-base [--questions 500] [--repeats 5]

All three get the same token ids and sampling settings. This project's code writes each sample to disk as it finishes;
the goal is at least 95 % of the bare engine's speed. Runs alternate; the median and the range over the repeats are
shown. Scoring is timed on the generated samples.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eval import targets
from eval.engine import prompts
from eval.engine.engine import Engine, EngineOptions, limit_threads, quiet
from eval.engine.samples import Sample, Store
from eval.questions import read_questions
from eval.settings import DATA, load
from lim.utils.cli import Parser
from lim.utils.errors import run_cli


def timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ours(engine: Engine, made: list[prompts.Prompt], path: Path) -> list[Sample]:
    """As eval.py does it: generate, and append to the file what each step finished."""
    with tempfile.TemporaryDirectory(dir=path) as folder, Store(Path(folder), {"benchmark": "b"}) as store:
        for finished in engine.run(made):
            store.append(Sample(*done.tag[1:], done.response, done.finish_reason, done.tokens) for done in finished)
        assert len(store.samples) == len(made)
        return list(store.samples.values())


def bare(llm: Any, made: list[prompts.Prompt], seeded: bool) -> None:
    from vllm import SamplingParams

    parameters = [
        SamplingParams(
            temperature=p.temperature, top_p=p.top_p, max_tokens=p.max_tokens, seed=p.seed if seeded else None
        )
        for p in made
    ]
    outputs = llm.generate([{"prompt_token_ids": p.token_ids} for p in made], parameters, use_tqdm=False)
    assert len(outputs) == len(made)


def with_transformers(model: Any, tokenizer: Any, made: list[prompts.Prompt], batch: int) -> None:
    import torch

    for first in range(0, len(made), batch):
        part = made[first : first + batch]
        width = max(len(p.token_ids) for p in part)
        pad = tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(p.token_ids)) + p.token_ids for p in part], device=model.device)
        mask = torch.tensor([[0] * (width - len(p.token_ids)) + [1] * len(p.token_ids) for p in part])
        with torch.inference_mode():
            model.generate(
                ids,
                attention_mask=mask.to(model.device),
                do_sample=True,
                temperature=part[0].temperature,
                top_p=part[0].top_p,
                top_k=0,
                max_new_tokens=part[0].max_tokens,
                pad_token_id=pad,
            )


def show_speeds(console: Console, seconds: dict[str, list[float]], count: int) -> None:
    reference = statistics.median(seconds["bare vLLM"])
    table = Table("what", "samples/s, median", "range over the repeats", "of bare vLLM")
    for name, values in seconds.items():
        median = statistics.median(values)
        spread = f"{count / max(values):,.0f} … {count / min(values):,.0f}"
        table.add_row(name, f"{count / median:,.0f}", spread, f"{100 * reference / median:.0f} %")
    console.print(table)


def score_speed(console: Console, samples: list[Sample], rows: dict[str, dict[str, Any]]) -> None:
    from eval.grader import Grader
    from eval.results.score import score, summarise

    with Grader() as grader:
        seconds = timed(lambda: summarise(score(rows, samples, grader)))
    console.print(f"scoring: {len(samples):,} samples in {seconds:.2f} s, {len(samples) / seconds:,.0f} a second")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--benchmark", default="arithmetic-t1")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch", type=int, default=256, help="of transformers' generate, and most at once in vLLM")
    parser.add_argument("--data_dir", type=Path, default=DATA)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    console = Console()
    start = time.perf_counter()
    path = targets.of_model(args.model).model
    quiet()
    limit_threads([path])
    import torch
    import vllm  # noqa: F401
    from transformers import AutoModelForCausalLM

    imported = time.perf_counter()
    benchmark = load().benchmark(args.benchmark)
    rows = dict(list(read_questions(benchmark.file, args.data_dir).rows.items())[: args.questions])
    tokenizer, context = prompts.load_tokenizer(path, trust_remote_code=False)
    wanted = [(id, sample) for id in rows for sample in range(benchmark.n_samples)]
    made = prompts.make(benchmark, rows, wanted, tokenizer, context or prompts.MANY, path)
    length = max(len(p.token_ids) + p.max_tokens for p in made)
    before = time.perf_counter()
    engine = Engine(path, length, EngineOptions(max_num_seqs=args.batch))
    console.print(f"imports {imported - start:.1f} s, engine {time.perf_counter() - before:.1f} s")

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16, device_map=device)
    kept: list[Sample] = []
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], Any]] = {
            "ours": lambda: kept.__setitem__(slice(None), ours(engine, made, Path(folder))),
            "bare vLLM": lambda: bare(engine.llm, made, seeded=True),
            "bare vLLM, no seeds": lambda: bare(engine.llm, made, seeded=False),
            "transformers": lambda: with_transformers(model, tokenizer, made, args.batch),
        }
        for way in ways.values():
            way()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(args.repeats):
            for name, way in ways.items():
                seconds[name].append(timed(way))
    tokens = sum(sample.tokens or 0 for sample in kept)
    console.print(f"{len(made):,} samples, {tokens:,} tokens, {args.repeats} repeats after one to warm up")
    show_speeds(console, seconds, len(made))
    score_speed(console, kept, rows)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
