"""What an evaluation still lacks is generated, and written to its files as it comes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lim.utils import provenance
from lim.utils.cli import between, whole

from .. import targets
from ..questions import Questions
from ..settings import Benchmark
from ..targets import Target
from . import prompts, samples
from .engine import EngineOptions, limit_threads, quiet
from .fleet import Fleet

LOG_EVERY = 60.0  # seconds between lines of progress where the output is no terminal


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `EngineOptions`."""
    engine = parser.add_argument_group("engine")
    engine.add_argument(
        "--engines", type=whole(1), help="engines side by side (default: one per GPU or group of GPUs)"
    )
    engine.add_argument("--tensor_parallel_size", type=whole(1), default=1, help="GPUs one engine is spread over")
    engine.add_argument("--dtype", default="auto", choices=("auto", "bfloat16", "float16", "float32"))
    engine.add_argument("--max_num_seqs", type=whole(1), default=256, help="samples generated at once")
    engine.add_argument("--gpu_memory_utilization", type=between(0, 1, above=True), default=0.9)
    engine.add_argument("--enforce_eager", action="store_true", help="start sooner, generate slower (always on CPU)")
    engine.add_argument("--trust_remote_code", action="store_true", help="run code that comes with the model")


def meta_of(target: Target, benchmark: Benchmark, questions: Questions, dtype: str) -> dict[str, Any]:
    """What made a benchmark's samples; stored beside them and with the results."""
    template = benchmark.template
    return {
        "benchmark": benchmark.name,
        **targets.describe(target),
        "weights": targets.fingerprint(target.model),
        "template": {"name": template.name, "text": template.text, "stop": list(template.stop)},
        "system_prompt": benchmark.system_prompt,
        "n_samples": benchmark.n_samples,
        "temperature": benchmark.temperature,
        "top_p": benchmark.top_p,
        "max_new_tokens": benchmark.max_new_tokens,
        "seed": benchmark.seed,
        "fallbacks": benchmark.fallbacks,
        "dtype": dtype,
        "file": benchmark.file,
        "data_sha256": questions.sha256,
        "versions": provenance.versions(provenance.PACKAGES),
        "commit": provenance.commit(),
    }


def generate_missing(
    target: Target,
    benchmarks: dict[str, Benchmark],
    questions: dict[str, Questions],
    engines: Engines,
    args: argparse.Namespace,
    console: Console,
) -> None:
    """Generate what the target's files lack; nothing is loaded where they are complete."""
    with ExitStack() as stack:
        stores = {}
        for name, benchmark in benchmarks.items():
            meta = meta_of(target, benchmark, questions[benchmark.file], args.dtype)
            stores[name] = stack.enter_context(samples.Store(target.folder, meta, overwrite=args.overwrite))
        wanted = {
            name: store.missing(questions[benchmarks[name].file].rows, benchmarks[name].n_samples)
            for name, store in stores.items()
        }
        total = sum(map(len, wanted.values()))
        if not total:
            console.print(f"{target.label}: all samples are there")
            return
        there = sum(len(store.samples) for store in stores.values())
        kept = f", going on after {there:,}" if there else ""
        console.print(f"{target.label}: {total:,} samples to generate{kept} · {targets.relative(target.folder)}")
        start, shown, tokens, done_samples = None, time.monotonic(), 0, 0
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("loading the model", total=total, speed="")
            for finished in engines.generate(target, benchmarks, questions, wanted):
                start = start or time.monotonic()
                for name in {sample.tag[0] for sample in finished}:
                    stores[name].append(
                        samples.Sample(*sample.tag[1:], sample.response, sample.finish_reason, sample.tokens)
                        for sample in finished
                        if sample.tag[0] == name
                    )
                tokens += sum(sample.tokens for sample in finished)
                done_samples += len(finished)
                speed = f"{tokens / max(time.monotonic() - start, 0.1):,.0f} tokens/s"
                progress.update(task, completed=done_samples, description="generating", speed=speed)
                if not console.is_terminal and time.monotonic() - shown > LOG_EVERY:
                    console.print(f"  {done_samples:,} of {total:,} samples, {speed}")
                    shown = time.monotonic()
        seconds = max(time.monotonic() - (start or shown), 0.1)
        console.print(f"  {total:,} samples in {seconds:.1f} s, {tokens / seconds:,.0f} tokens/s")


class Engines:
    """Loads vLLM when the first sample is wanted, and keeps what can be kept over several models."""

    def __init__(self, args: argparse.Namespace, found: Sequence[Target], stack: ExitStack) -> None:
        self.args = args
        self.models = [target.model for target in found]
        self.stack = stack
        self.fleet: Fleet | None = None

    def generate(
        self, target: Target, benchmarks: dict[str, Benchmark], questions: dict[str, Questions], wanted: Any
    ):
        keys = EngineOptions.__dataclass_fields__
        options = EngineOptions(**{key: getattr(self.args, key) for key in keys})
        quiet()
        limit_threads(self.models, options.engines or 1)
        tokenizer, context = prompts.load_tokenizer(target.model, options.trust_remote_code)
        made = []
        for name, keys in wanted.items():
            rows = questions[benchmarks[name].file].rows
            made += prompts.make(benchmarks[name], rows, keys, tokenizer, context or prompts.MANY, target.model)
        if self.fleet is None:
            self.fleet = self.stack.enter_context(Fleet(options))
        yield from self.fleet.generate(target.model, made)
