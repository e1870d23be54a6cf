"""Choose the training prompts worth learning from, by Learning Impact Measurement (LIM, arXiv 2502.11886).

A prompt is kept when its reward trajectory over a training run follows the run's average curve:

    s_i = 1 − Σ_k (r_i^k − r_avg^k)² / Σ_k (1 − r_avg^k)²,   chosen where s_i ≥ 0.6

    python lim_selection.py --train_samples_path ./data/output/math.8k \
        --original_prompts_path ./data/prompts/math8k.json --output_path ./data/prompts/limr.json \
        --similarity_threshold 0.6

reads a run's log (this project's, or another trainer's: docs/logs.md) and writes the chosen records to
limr.json, every prompt's score to limr.scores.json and a summary for programs to limr.summary.json.
docs/method.md has the other strategies and what every setting means.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Worker processes import this file again: what only this process needs is imported where it is used.
from lim.utils.errors import InputError, run_cli

if TYPE_CHECKING:
    from lim.selection import Selection


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    from lim.output import SCORES_FORMATS
    from lim.prompts import add_prompt_flags
    from lim.strategies import STRATEGIES, add_log_flags, add_score_flags
    from lim.utils.cli import Parser, kinds

    description, _, _ = (__doc__ or "").partition("\n\n")
    parser = Parser(description=description, epilog="docs/method.md and docs/logs.md say more.")
    add = parser.add_argument_group("input").add_argument
    add("--train_samples_path", help="a run's log: folder, file, or URI such as s3://bucket/run")
    add("--scores_path", help="start from a scores file ({id or prompt, score}) instead of a log")
    add(
        "--original_prompts_path",
        required=True,
        metavar="PROMPTS",
        help="the prompts the run trained on: Parquet, JSON, JSON lines, CSV, a folder that datasets saved, a hub id",
    )
    add_prompt_flags(add)
    add_log_flags(add)
    add("--max_samples", type=int, help="samples per prompt and epoch to use, the first ones (default: all)")

    add = parser.add_argument_group("choice").add_argument
    add(
        "--strategy", default="lim", choices=STRATEGIES, help="what scores the prompts (default: lim; docs/method.md)"
    )
    add_score_flags(add)
    add("--num_prompts", type=int, help="random: number of prompts to draw")
    add("--seed", type=int, default=42, help="random: seed of the draw (default 42)")
    rates = "mean pass rates, 0 to 1: difficulty keeps this range (default 0.2 0.8), random draws from it"
    add("--pass_rates", type=float, nargs=2, metavar=("LOW", "HIGH"), help=rates)

    add("--group_by", metavar="KEY", help="lim: score each group of prompts, by this column, against its own average")
    add("--ids_path", metavar="FILE", help="keep the prompts of these ids: what the report page saves")

    add = parser.add_argument_group("output").add_argument
    add(
        "--output_path",
        required=True,
        help="the chosen rows, .json, .jsonl or .parquet; scores and summary beside it",
    )
    add("--scores_format", default="json", choices=SCORES_FORMATS, help="of the scores file (default: json)")
    add("--report", metavar="DIR", help="also write figures and an interactive page (report.html) to DIR")
    add(
        "--stability",
        metavar="DIR",
        help="with --report: show on the page what lim stability wrote to DIR",
    )
    add("--figures", type=kinds, default=("png",), metavar="KINDS", help="png, svg, pdf, or several: svg,pdf")
    add("--allow_empty", action="store_true", help="write the files even when nothing is chosen")
    parser.alias("--num_samples", "--num_prompts")
    return parser.parse_args(argv)


def show(selection: Selection, seconds: float) -> None:
    """The terminal table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{selection.settings.strategy} selection", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in [*selection.facts(), ("seconds", f"{seconds:.1f}")]:
        table.add_row(name, escape(value))
    console = Console(highlight=False)
    console.print(table)
    for note in selection.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)


def main(argv: list[str] | None = None) -> int | None:
    start = time.monotonic()
    args = parse_args(argv)
    import msgspec
    import numpy as np

    from lim.output import check_apart, former_scores, output_paths, quantiles, write_selection
    from lim.pipeline import select
    from lim.prompts import load, reading_of
    from lim.prompts.write import check_rows, check_suffix
    from lim.strategies import Settings
    from lim.utils.cli import progress_bar
    from lim.utils.files import check_output

    check_output("--output_path", args.output_path)
    check_suffix("--output_path", args.output_path)
    outputs = output_paths(args.output_path, args.scores_format).values()
    for path in outputs:
        check_output("--output_path", path)
    if args.report:
        check_output("--report", args.report, folder=True)
        if any(Path(args.report).resolve().is_relative_to(path.resolve()) for path in outputs):
            raise InputError(f"--report {args.report}: is the place of a file of --output_path; name another folder")
    if args.stability and not args.report:
        raise InputError("--stability is for the page: give --report, too")
    from lim.report.chances import chances_of, read_chances

    bootstrap = read_chances(args.stability) if args.stability else None
    check_apart(outputs, [args.original_prompts_path, args.scores_path, args.train_samples_path, args.ids_path])
    prompts = load(args.original_prompts_path, reading_of(args))
    check_rows(prompts.rows, args.output_path)
    with progress_bar() as progress:
        selection = select(
            prompts,
            log_path=args.train_samples_path,
            scores_path=args.scores_path,
            settings=msgspec.convert(vars(args), Settings),
            workers=args.workers,
            progress=progress,
        )
    show(selection, time.monotonic() - start)
    if not selection.chosen_P.any() and not args.allow_empty:
        scored = selection.scores_P[~np.isnan(selection.scores_P)]
        cuts = ", ".join(f"{share} {value:.3f}" for share, value in quantiles(scored).items()) or "none"
        raise InputError(
            f"nothing chosen ({selection.settings.rule()}) and nothing written; score quantiles: {cuts}. "
            "Lower the threshold, or pass --allow_empty"
        )
    chances = chances_of(selection, args.stability, *bootstrap) if bootstrap else None
    paths = write_selection(selection, args.output_path, args.scores_format)
    for path in paths.values():
        sys.stdout.write(f"wrote {path}\n")
    for path in former_scores(args.output_path, args.scores_format):
        sys.stdout.write(f"note: {path} was there before; it is not of this selection\n")
    if args.report:
        from lim.report.figures import write_report
        from lim.report.page import write_page

        figures = write_report(selection, args.report, args.figures)
        for path in [*figures, write_page(selection, f"{args.report}/report.html", chances)]:
            sys.stdout.write(f"wrote {path}\n")
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
