r"""Evaluate models on benchmarks, with the paper's settings (arXiv 2502.11886; configs/eval/paper.yaml).

    bash eval/eval.sh --run_path data/output/limr --step final          AIME24, MATH500, AMC23
    bash eval/eval.sh --run_path data/output/limr --step all            every checkpoint, with learning curves
    bash eval/eval.sh --model Qwen/Qwen2.5-Math-7B --template plain
    bash eval/eval.sh --model data/models/arithmetic-base --run_path data/output/arithmetic \
        --benchmarks arithmetic                                          several models in one start
    python -m eval.eval --score_only data/output/limr/eval/final        grade again, without a model

Generation and scoring are two steps: samples are written to <run>/eval/<step>/<benchmark>.jsonl as they finish, an
interrupted evaluation resumes where it stopped, and the figures (results.json, results.md) come from those files.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from lim.utils.cli import Parser, between, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output
from lim.utils.paths import shown

from . import targets
from .engine.generate import Engines, add_engine_flags, generate_missing
from .grader import Grader
from .questions import check_verifiers, judged_by, read_questions
from .results import external, saved, tables
from .settings import DATA, SETTINGS, Benchmark, EvalSettings, load
from .targets import ModelRef
from .verifiers import add_verifier_flag, declared

OVERRIDES = ("n_samples", "temperature", "top_p", "max_new_tokens", "seed", "template", "stop_at")
SHOWN_IN_DETAIL = 4  # models; of more, the detail is in each results.md
# Flags that --score_only uses: with saved generations, and with third-party files.
SAVED = ("score_only", "settings", "data_dir", "benchmarks", "fallbacks", "verifier")
KEYS = ("response_key", "gold_key", "question_key", "verdict_key", "verifier_key", "metadata_key")
EXTERNAL = ("score_only", *KEYS, "fallbacks", "verifier", "output_path")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="eval.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_argument_group("what to evaluate")
    what.add_argument(
        "--run_path", nargs="+", default=[], metavar="RUN", help="a run's folder (or name in data/output)"
    )
    what.add_argument(
        "--step", default="final", help="of each run: final (default), a number, best, all, or 0: the base model"
    )
    what.add_argument("--model", nargs="+", default=[], help="a Hugging Face folder or hub id")
    what.add_argument(
        "--benchmarks",
        nargs="+",
        metavar="NAME",
        help="benchmarks, groups or patterns of the settings, or FILE.jsonl of your own questions",
    )
    how = parser.add_argument_group("settings, in place of the settings file's")
    how.add_argument("--settings", type=Path, default=SETTINGS)
    how.add_argument("--n_samples", type=whole(1, 100_000))
    how.add_argument("--temperature", type=between(0, 2), help="0 is greedy")
    how.add_argument("--top_p", type=between(0, 1, above=True))
    how.add_argument("--max_new_tokens", type=whole(1))
    how.add_argument("--seed", type=whole())
    how.add_argument("--template", help="chat (the model's own), or a text of the settings file: plain, bare")
    how.add_argument("--stop_at", choices=("end_tokens", "eos"), help="eos: as the release's evaluation does")
    how.add_argument("--fallbacks", action="store_const", const=True, help="also accept unboxed answers")
    add_verifier_flag(how.add_argument)
    add_engine_flags(parser)
    files = parser.add_argument_group("files")
    files.add_argument("--output_path", type=Path, help="folder for the results (default: <run>/eval)")
    files.add_argument("--overwrite", action="store_true", help="drop generations made with other settings")
    files.add_argument("--data_dir", type=Path, default=DATA, help="the benchmark files (default: data/benchmarks)")
    again = parser.add_argument_group("scoring alone")
    again.add_argument("--score_only", type=Path, metavar="DIR", help="grade saved generations, or third-party files")
    again.add_argument("--response_key", help="third-party files: key of the response")
    again.add_argument("--gold_key", help="third-party files: key of the gold answer")
    again.add_argument(
        "--question_key",
        help="third-party files: key of the question; row: each row is one (the default where none repeats)",
    )
    again.add_argument("--verdict_key", help="third-party files: key of their own score; lists verdicts that differ")
    again.add_argument("--verifier_key", help="third-party files: key of the verifier's name (docs/verifiers.md)")
    again.add_argument("--metadata_key", help="third-party files: key of what the verifier needs")
    parser.alias("--output", "--output_path")
    args = parser.parse_args(argv)
    if args.score_only is None and not args.run_path and not args.model:
        raise InputError("give --run_path RUN, --model MODEL or --score_only DIR")
    if args.score_only is not None and (args.run_path or args.model):
        raise InputError("--score_only grades a folder of saved generations; remove --run_path and --model")
    if args.output_path and len(args.run_path) + len(args.model) > 1:
        raise InputError("--output_path is one folder: give one --run_path or one --model with it")
    keys = [f"--{key}" for key in KEYS if getattr(args, key)]
    if keys and not (args.response_key and args.gold_key):
        raise InputError("third-party files need both --response_key and --gold_key")
    if keys and args.score_only is None:
        raise InputError(f"{', '.join(keys)}: for third-party files only; name them with --score_only")
    if args.output_path:
        check_output("--output_path", args.output_path, folder=True)
    if args.score_only is not None:
        refuse_unused(parser, args, EXTERNAL if keys else SAVED)
    return args


def refuse_unused(parser: argparse.ArgumentParser, args: argparse.Namespace, used: Sequence[str]) -> None:
    """Raise InputError for a flag that --score_only does not use."""
    given = [key for key, value in vars(args).items() if value != parser.get_default(key)]
    if unused := [f"--{key}" for key in given if key not in used]:
        where = "" if "output_path" in used else " and writes results next to them"
        raise InputError(f"--score_only grades saved generations{where}; remove {', '.join(unused)}")


def plan(args: argparse.Namespace, settings: EvalSettings) -> tuple[list[ModelRef], dict[str, Benchmark]]:
    """The models and the benchmarks asked for."""
    found = [targets.of_model(model, args.output_path) for model in args.model]
    for path in args.run_path:
        found += targets.of_run(path, args.step, args.output_path)
    folders = [ref.folder for ref in found]
    if len(set(folders)) < len(folders):
        twice = max(folders, key=folders.count)
        raise InputError(f"two models would write to {twice}; evaluate one of them separately, with --output_path")
    overrides = {key: getattr(args, key) for key in OVERRIDES} | grading(args, found)
    names = settings.choose(args.benchmarks or settings.default)
    return found, {name: settings.benchmark(name, overrides) for name in names}


def grading(args: argparse.Namespace, found: Sequence[ModelRef] = ()) -> dict[str, Any]:
    """The settings of grading that flags replace; a run's own verifiers are known from its recipe."""
    own, named = declared(args.verifier)
    for run in dict.fromkeys(ref.run for ref in found if ref.run):
        for name, spec in targets.verifiers_of(run).items():
            if own.setdefault(name, spec) != spec and f"{name}={own[name]}" not in args.verifier:
                raise InputError(f"{run}: its verifier {name} is {spec}, and another run's is {own[name]}")
    asked = {"fallbacks": args.fallbacks, "verifier": named, "verifiers": own or None}
    return {key: value for key, value in asked.items() if value is not None}


def main(argv: Sequence[str] | None = None) -> int | None:
    args = parse_args(argv)
    console = Console()
    settings = load(args.settings).with_files(args.benchmarks or ())
    found: list[ModelRef] = []
    with Grader() as grader, ExitStack() as stack:
        if args.score_only and args.response_key:
            return external.audit(args, grader, console)
        if args.score_only and args.score_only.is_file():
            external.need_keys(args.score_only)
        if args.score_only:
            chosen = settings.choose(args.benchmarks) if args.benchmarks else None
            results = saved.score_all(
                args.score_only, settings, args.data_dir, grader, console, chosen, grading(args), args.verifier
            )
        else:
            found, benchmarks = plan(args, settings)
            questions = {b.file: read_questions(b.file, args.data_dir) for b in benchmarks.values()}
            for name, benchmark in benchmarks.items():
                asked = questions[benchmark.file]
                verifier = judged_by(args.verifier, benchmark.verifier, benchmark.file, asked)
                benchmarks[name] = replace(benchmark, verifier=verifier)
                check_verifiers(benchmarks[name], asked)
            engines = Engines(args, found, stack)
            results = []
            for ref in found:
                try:
                    generate_missing(ref, benchmarks, questions, engines, args, console)
                except KeyboardInterrupt:
                    raise KeyboardInterrupt("samples are kept: run the same command again to resume") from None
                asked = grading(args, found)
                results.append(
                    saved.score_folder(
                        ref.folder, [*benchmarks], settings, args.data_dir, grader, console, asked, args.verifier
                    )
                )
    console.print(tables.accuracy_table(results, settings, console.width))
    if len(results) <= SHOWN_IN_DETAIL:
        console.print(tables.losses_table(results, console.width))
    if args.run_path and args.step == "all":
        from .results import curves

        for folder, run in {ref.folder.parent: ref.run for ref in found if ref.run}.items():
            if not curves.evaluations(folder):
                console.print(f"curves: none, because no step of {run.name} is known", soft_wrap=True)
                continue
            curves.draw({run.name: curves.collect(folder, run)}, folder / "curves.png")
            console.print(f"wrote {shown(folder / 'curves.png')}", soft_wrap=True, highlight=False)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
