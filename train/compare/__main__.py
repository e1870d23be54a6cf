"""Compare selections of training data: train on each, evaluate on a held-out test, report with error bars.

    python -m train.compare configs/compare/arithmetic.yaml [key=value …] [--jobs N] [--dry_run]
    bash scripts/compare.sh configs/compare/arithmetic.yaml 'seeds=[1,2,3]'

For each seed: one FULL run; from its log each selection; each trained from the same base for the same number of
optimiser steps; each evaluated. What is done is skipped, what was cut off is resumed, a run made from other
settings is put aside (`<run>.old-1`). With `keep=FOLDER` the figures of each evaluated run are kept there, and a run
whose figures are there is not trained again. `--jobs` runs stages side by side; on GPUs that needs a Ray that
RAY_ADDRESS names, of which each training takes free ones. Results: results.json, results.md, accuracy.png,
differences.png, curves.png and selections.png in data/output/compare-<name>/, beside the selections' reports.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from lim.utils.cli import Parser, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import write_json, write_text
from lim.utils.paths import shown
from lim.utils.text import duration
from train.compare import plan, runs, spec
from train.compare.check import check, need_prompts
from train.compare.pipeline import Pipeline, command_line
from train.compare.spec import FULL, Comparison
from train.recipe.recipe import HINT


def main(argv: Sequence[str] | None = None) -> int | None:
    parser = Parser(prog="python -m train.compare", description=(__doc__ or "").split("\n")[0], hint=HINT)
    parser.add_argument("comparison", nargs="?", help="a comparison: file, or name under configs/compare")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="settings in place of the file's, such as 'seeds=[1,2]' or keep=FOLDER",
    )
    parser.add_argument("--jobs", type=whole(1), default=1, help="how many stages to run at a time (default: 1)")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="only these selections of the file; FULL always runs"
    )
    parser.add_argument("--dry_run", action="store_true", help="list stages and commands, run nothing")
    parser.alias("--plan", "--dry_run")
    parser.add_argument(
        "--report_only", action="store_true", help="run nothing; make tables and figures of the runs that are there"
    )
    args = parser.parse_intermixed_args(argv)
    if args.comparison is None:
        raise InputError(f"which comparison? Give one of these files, or your own:\n{spec.listed()}")
    chosen = spec.load(args.comparison, args.overrides)
    if args.only:
        chosen = spec.only(chosen, args.only)
    if not args.report_only:
        check(args.comparison, chosen, args.jobs)
    console = Console()
    kept = runs.kept(chosen)
    pipeline = Pipeline(
        plan.stages(chosen, kept), chosen.folder / "stages.json", console, after=partial(runs.after, chosen)
    )
    if kept:
        console.print(f"{len(kept)} of {len(runs.every(chosen))} runs: figures are kept in {chosen.keep}")
    if args.dry_run:
        for number, stage in enumerate(pipeline.stages, 1):
            console.print(f"{number:3} {stage.title} (about {duration(pipeline.guess(stage))})", highlight=False)
            console.print(f"    $ {command_line(stage)}", soft_wrap=True, highlight=False, style="dim", markup=False)
        console.print(f"all: about {duration(sum(map(pipeline.guess, pipeline.stages)))} one after the other")
        return None
    start = time.monotonic()
    if not args.report_only:
        need_prompts(chosen)
        runs.check(chosen)
        pipeline.run(args.jobs)
    write_results(chosen, console)
    console.print(f"[green]✓[/green] {len(pipeline.stages)} stages in {duration(time.monotonic() - start)}")
    return None


def write_results(chosen: Comparison, console: Console) -> None:
    """Tables on the terminal; results.json, results.md and figures in the comparison's folder."""
    from train.compare import figures, results, tables

    found = results.collect(chosen)
    write_json(chosen.folder / "results.json", found)
    write_text(chosen.folder / "results.md", tables.markdown(found))
    paths = figures.write(found, chosen.folder)
    console.rule(style="dim")
    console.print(tables.terminal_table(found, console.width))
    console.print(tables.spread_in_words(found), style="dim")
    written = [chosen.folder / "results.md", *paths, *sorted((chosen.folder / "reports").glob("*/report.html"))]
    for path in written:
        console.print(f"wrote {shown(path)}", highlight=False, soft_wrap=True)
    run = shown(chosen.run_dir(FULL, chosen.seeds[0]))
    console.print(
        f"the responses, and suspected wrong labels: {shown(sys.executable)} -m lim.view {run}",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
