"""Look at a run in the browser: the responses behind a trajectory, suspected wrong labels, a training as it goes.

    lim view data/output/math.8k                          a run of this project: it knows its prompt file
    lim view rollouts/ --original_prompts_path train.parquet      verl's or TRL's log
    lim view RUN OTHER_RUN                                two runs, or two scores files, side by side
    lim view data/output/math.8k/eval/final               an evaluation: its samples, wrong ones first
    lim view outputs.json --response_key response --gold_key ground_truth --verdict_key score

Prints one address, on this machine alone and with a token that only who sees this terminal has; Ctrl-C ends it.
Nothing is written but an index of where samples lie, in ~/.cache/limr. docs/viewing.md says more.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import msgspec

from lim.prompts import PromptSet, add_prompt_flags, load, reading_of
from lim.report.pair import Choice
from lim.strategies import STRATEGIES, Settings, add_log_flags, add_score_flags
from lim.utils.cli import Parser, progress_bar, whole
from lim.utils.errors import InputError, run_cli
from lim.view.run import RunView
from lim.view.server import App, Source, serve
from lim.view.sources import PairSource, RunSource

from .results.browse import EvalSource, Folder, Outputs, evaluations
from .settings import DATA
from .targets import OUTPUT
from .verifiers import Verifiers
from .verifiers.grading import grading


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m lim.view", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="RUN",
        help="a run (its folder, or its name in data/output), a log, a scores file, an evaluation; two are compared",
    )
    add("--port", type=whole(0, 65535), default=0, help="of the address (default: a free one)")
    add = parser.add_argument_group("runs").add_argument
    add("--original_prompts_path", metavar="PROMPTS", help="the prompts trained on (default: what run.json names)")
    add_prompt_flags(add)
    add_log_flags(add)
    names = [row.name for row in STRATEGIES.values() if row.needs != "prompts"]
    add("--strategy", default="lim", choices=names, help="what scores the prompts (default: lim; docs/method.md)")
    add_score_flags(add)
    add("--pass_rates", type=float, nargs=2, metavar=("LOW", "HIGH"), help="difficulty: range kept (default 0.2 0.8)")
    add = parser.add_argument_group("evaluations").add_argument
    add("--data_dir", type=Path, default=DATA, help="folder of the benchmarks' questions (default: data/benchmarks)")
    add = parser.add_argument_group("third-party generations").add_argument
    add("--response_key", help="key of the response; dots reach nested objects and lists")
    add("--gold_key", help="… of the reference answer")
    add("--question_key", help="… of the question, which several samples may share")
    add("--verdict_key", help="… of the file's own verdict; where it differs from this grader's, it comes first")
    args = parser.parse_args(argv)
    args.paths = list(map(of_name, args.paths))
    return args


def of_name(path: str) -> str:
    """A path, or the name of a run in data/output."""
    run = OUTPUT / path
    return str(run) if re.fullmatch(r"[\w.+-]+", path) and run.is_dir() and not Path(path).exists() else path


def is_scores(path: str) -> bool:
    return Path(path).is_file() and (".scores." in Path(path).name or path.endswith(".scores"))


def has_verdicts(path: str) -> bool:
    """Whether a folder is what `--score_only` wrote."""
    return (Path(path) / "results.json").is_file() and any(Path(path).glob("*.graded.jsonl"))


def sources_of(args: argparse.Namespace, verifiers: Verifiers) -> list[Source]:
    """What is shown, the first as the start. InputError for paths that cannot be shown, or not together."""
    if len(args.paths) > 2:
        raise InputError(f"lim view takes one run, or two side by side, not {len(args.paths)}")
    if args.response_key or args.gold_key:
        if not (args.response_key and args.gold_key):
            raise InputError("third-party generations need both --response_key and --gold_key")
        if len(args.paths) > 1:
            raise InputError("third-party generations are shown one file or folder at a time")
        keys = args.response_key, args.gold_key, args.question_key, args.verdict_key
        return [EvalSource(Outputs(Path(args.paths[0]), *keys), verifiers.grader)]
    if args.question_key or args.verdict_key:
        raise InputError("--question_key and --verdict_key go with --response_key and --gold_key")
    if len(args.paths) == 1:
        if is_scores(args.paths[0]):
            raise InputError(f"{args.paths[0]}: scores have no responses; give the run's log, or two scores files")
        if folders := evaluations(Path(args.paths[0])):
            return [EvalSource(Folder(folders, args.data_dir), verifiers.grader)]
        if has_verdicts(args.paths[0]):
            raise InputError(
                f"{args.paths[0]}: holds the verdicts that --score_only wrote, without responses; give the file or "
                "folder that was graded, with --response_key and --gold_key"
            )
        return [RunSource(run_view(args, args.paths[0], verifiers), args.paths[0])]
    if evaluated := [path for path in args.paths if evaluations(Path(path)) or has_verdicts(path)]:
        raise InputError(f"{evaluated[0]}: is an evaluation, of which one is shown at a time; lim compare pairs two")
    sides: list[Choice | RunView] = [
        Choice.read(path) if is_scores(path) else run_view(args, path, verifiers) for path in args.paths
    ]
    views = [side for side in sides if isinstance(side, RunView)]
    prompts = views[0].prompts if views else prompts_of(args)
    runs = [RunSource(view, view.path, links=[("Both side by side", "../0/")]) for view in views]
    links = ["../1/", "../2/"] if len(views) == 2 else []
    return [PairSource(sides[0], sides[1], prompts, links), *runs]


def prompts_of(args: argparse.Namespace) -> PromptSet | None:
    path = args.original_prompts_path
    return load(path, reading_of(args)) if path else None


def run_view(args: argparse.Namespace, path: str, verifiers: Verifiers) -> RunView:
    fields = {name: value for name, value in vars(args).items() if name in Settings.__dataclass_fields__}
    settings: Any = msgspec.convert(fields, Settings)
    with progress_bar() as progress:
        return RunView(
            path,
            prompts_path=args.original_prompts_path,
            reading=reading_of(args),
            settings=settings.resolved(),
            grading=grading(verifiers),
            workers=args.workers,
            progress=progress,
        )


def main(argv: list[str] | None = None) -> int | None:
    args = parse_args(argv)
    with Verifiers() as verifiers:
        serve(App(sources_of(args, verifiers)), args.port)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
