"""Generate the samples an evaluation still needs, and write them to its files as they finish."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, fields
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lim.utils import provenance
from lim.utils.paths import shown

from .. import targets
from ..questions import Questions
from ..settings import Benchmark
from ..targets import ModelRef
from . import prompts, samples
from .engine import EngineOptions, limit_threads, quiet
from .fleet import Fleet

LOG_EVERY = 60.0  # seconds between lines of progress where the output is no terminal


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `EngineOptions`."""
    group = parser.add_argument_group("engine")
    for item in fields(EngineOptions):
        group.add_argument(f"--{item.name}", default=item.default, **item.metadata)


def meta_of(ref: ModelRef, benchmark: Benchmark, questions: Questions, dtype: str) -> dict[str, Any]:
    """What made a benchmark's samples; stored beside them and with the results."""
    settings = asdict(benchmark)
    settings["template"]["stop"] = list(benchmark.template.stop)  # as it is read back from JSON
    return {
        "benchmark": settings.pop("name"),
        **ref.facts(),
        "weights": targets.fingerprint(ref.model),
        **settings,
        "dtype": dtype,
        "data_sha256": questions.sha256,
        "versions": provenance.versions(provenance.PACKAGES),
        "commit": provenance.commit(),
    }


def generate_missing(
    ref: ModelRef,
    benchmarks: dict[str, Benchmark],
    questions: dict[str, Questions],
    engines: Engines,
    args: argparse.Namespace,
    console: Console,
) -> None:
    """Generate the samples missing from the model's files; loads nothing where they are complete."""
    with ExitStack() as stack:
        stores = {}
        for name, benchmark in benchmarks.items():
            meta = meta_of(ref, benchmark, questions[benchmark.file], args.dtype)
            stores[name] = stack.enter_context(samples.Store(ref.folder, meta, overwrite=args.overwrite))
        wanted = {
            name: store.missing(questions[benchmarks[name].file].rows, benchmarks[name].n_samples)
            for name, store in stores.items()
        }
        total = sum(map(len, wanted.values()))
        if not total:
            console.print(f"{ref.label}: all samples are already generated")
            return
        there = sum(len(store.samples) for store in stores.values())
        kept = f", resuming after {there:,}" if there else ""
        console.print(f"{ref.label}: {total:,} samples to generate{kept} · {shown(ref.folder)}")
        start, logged, tokens, done_samples = None, time.monotonic(), 0, 0
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("loading the model", total=total, speed="")
            for finished in engines.generate(ref, benchmarks, questions, wanted):
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
                if not console.is_terminal and time.monotonic() - logged > LOG_EVERY:
                    console.print(f"  {done_samples:,} of {total:,} samples, {speed}")
                    logged = time.monotonic()
        seconds = max(time.monotonic() - (start or logged), 0.1)
        console.print(f"  {total:,} samples in {seconds:.1f} s, {tokens / seconds:,.0f} tokens/s")


class Engines:
    """Loads vLLM when the first sample is wanted, and keeps what can be kept over several models."""

    def __init__(self, args: argparse.Namespace, found: Sequence[ModelRef], stack: ExitStack) -> None:
        self.args = args
        self.models = [ref.model for ref in found]
        self.stack = stack
        self.fleet: Fleet | None = None

    def generate(self, ref: ModelRef, benchmarks: dict[str, Benchmark], questions: dict[str, Questions], wanted: Any):
        options = EngineOptions(**{item.name: getattr(self.args, item.name) for item in fields(EngineOptions)})
        quiet()
        limit_threads(self.models, options.engines or 1)
        tokenizer, context = prompts.load_tokenizer(
            ref.model, options.trust_remote_code, options.tensor_parallel_size
        )
        made = []
        for name, keys in wanted.items():
            rows = questions[benchmarks[name].file].rows
            of_it = prompts.make(benchmarks[name], rows, keys, tokenizer, context or prompts.MANY, ref.model)
            prompts.tell_of_short_context(benchmarks[name], of_it, context or prompts.MANY, ref.model)
            made += of_it
        if self.fleet is None:
            self.fleet = self.stack.enter_context(Fleet(options))
        yield from self.fleet.generate(ref.model, made)
