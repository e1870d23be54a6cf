"""Compare selections of training data: train on each, evaluate on a held-out test, report with error bars.

    python -m train.compare configs/compare/arithmetic.yaml [key=value …] [--jobs N] [--plan]
    bash scripts/compare.sh configs/compare/arithmetic.yaml 'seeds=[1,2,3]'

For each seed: one FULL run; from its log each selection; each trained from the same base for the same number of
optimiser steps; each evaluated. What is done is skipped, what was cut off is resumed, a run made from other
settings is put aside (`<run>.old-1`). `--jobs` runs stages side by side (on a cluster that RAY_ADDRESS names, each
training is a Ray job of its own). Results: results.json, results.md, accuracy.png, differences.png, curves.png and
selections.png in data/output/compare-<name>/, beside the selections' reports.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from lim.utils.cli import Parser, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import write_json, write_text
from train.compare import spec
from train.compare.pipeline import Pipeline, clock, command_line
from train.compare.spec import BASE, Comparison, label
from train.recipe.recipe import HINT


def main(argv: Sequence[str] | None = None) -> int | None:
    parser = Parser(prog="python -m train.compare", description=(__doc__ or "").split("\n")[0], hint=HINT)
    parser.add_argument("comparison", nargs="?", help="a comparison file: configs/compare/*.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="laid over the file")
    parser.add_argument("--jobs", type=whole(1), default=1, help="stages side by side (default: one after the other)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these selections of the file (FULL runs always)")
    parser.add_argument("--plan", "--dry_run", action="store_true", help="list stages and commands, run nothing")
    parser.add_argument("--report_only", action="store_true", help="make tables and figures of what is there")
    args = parser.parse_intermixed_args(argv)
    if args.comparison is None:
        raise InputError(f"which comparison? Give one of these files, or your own:\n{spec.listed()}")
    chosen = spec.load(args.comparison, args.overrides)
    if args.only:
        chosen = spec.only(chosen, args.only)
    console = Console()
    pipeline = Pipeline(spec.stages(chosen), chosen.folder / "stages.json", console)
    if args.plan:
        for number, stage in enumerate(pipeline.stages, 1):
            console.print(f"{number:3} {stage.title} (about {clock(pipeline.guess(stage))})", highlight=False)
            console.print(f"    $ {command_line(stage)}", soft_wrap=True, highlight=False, style="dim", markup=False)
        console.print(f"all: about {clock(sum(map(pipeline.guess, pipeline.stages)))} one after the other")
        return None
    start = time.monotonic()
    if not args.report_only:
        pipeline.run(args.jobs)
    report(chosen, console)
    console.print(f"[green]✓[/green] {len(pipeline.stages)} stages in {clock(time.monotonic() - start)}")
    return None


def report(chosen: Comparison, console: Console) -> None:
    """Tables on the terminal; results.json, results.md and figures in the comparison's folder."""
    from train.compare import figures
    from train.compare.results import collect

    results = collect(chosen)
    write_json(chosen.folder / "results.json", results)
    write_text(chosen.folder / "results.md", markdown(results))
    paths = figures.write(results, chosen.folder)
    console.rule(style="dim")
    console.print(terminal_table(results))
    console.print(spread_in_words(results), style="dim")
    shown = [chosen.folder / "results.md", *paths, *sorted((chosen.folder / "reports").glob("*/report.html"))]
    for path in shown:
        console.print(f"wrote {spec.shown(path)}", highlight=False, soft_wrap=True)


def terminal_table(results: Mapping[str, Any]) -> Table:
    """Arms down; accuracy on each benchmark, then the headline's difference to FULL and to the reference."""
    names = list(results["benchmarks"])
    common = names[0].partition("-")[0] + "-"
    common = common if all(name.startswith(common) for name in names) else ""
    headline = results["benchmarks"][results["headline"]]
    others = [other for other in headline["differences"] if other != BASE]
    sizes = sorted({f"{found['n_questions']:,}" for found in results["benchmarks"].values()})
    title = f"{results['name']}: accuracy % ± standard error on {' / '.join(sizes)} held-out questions"
    short = results["headline"].removeprefix(common)
    table = Table(
        title=title,
        title_justify="left",
        caption=f"differences: paired, on {short}",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
    )
    for header in ("", "prompts", *(name.removeprefix(common) for name in names), *(f"− {label(o)}" for o in others)):
        table.add_column(header, justify="right" if header else "left", no_wrap=True)
    for arm in headline["accuracy"]:
        accuracies = [percent(found["accuracy"][arm]) for found in results["benchmarks"].values()]
        differences = [
            percent(headline["differences"][other][arm], "+") if arm in headline["differences"][other] else ""
            for other in others
        ]
        table.add_row(label(arm), prompts_of(results, arm), *accuracies, *differences)
    return table


def markdown(results: Mapping[str, Any]) -> str:
    """results.md: accuracies, paired differences on every benchmark, and the make-up of the selections."""
    lines = [f"# Comparison {results['name']}", "", f"Seeds {', '.join(map(str, results['seeds']))}; "]
    lines[-1] += f"runs at commit {', '.join(results['run_commits'])}. {spread_in_words(results)}"
    names = list(results["benchmarks"])
    lines += ["", table_row(["accuracy %", "prompts", "seeds", *names]), table_row(["---"] * (len(names) + 3))]
    arms = list(results["benchmarks"][results["headline"]]["accuracy"])
    for arm in arms:
        cells = [percent(results["benchmarks"][name]["accuracy"][arm]) for name in names]
        lines.append(table_row([label(arm), prompts_of(results, arm), seeds_of(results, arm), *cells]))
    for name in names:
        found = results["benchmarks"][name]
        lines += ["", f"## {name}: paired differences ({found['n_questions']:,} questions)", ""]
        heads = ["", "points", "± pooled", "± over its seeds", "± over questions", "detectable", "by seed"]
        lines += [table_row(heads), table_row(["---"] * len(heads))]
        for other, differences in found["differences"].items():
            for arm, value in differences.items():
                errors = (value[key] for key in ("stderr_pooled", "stderr_seeds", "stderr_questions", "detectable"))
                cells = [f"{label(arm)} − {label(other)}", f"{100 * value['mean']:+.1f}", *map(points, errors)]
                lines.append(table_row([*cells, " ".join(f"{100 * one:+.1f}" for one in value["by_seed"])]))
    lines += ["", "## What was trained on", ""]
    for arm, found in results["selections"].items():
        parts = [f"{label(arm)}: {prompts_of(results, arm)} prompts"]
        parts += [
            f"{key.removeprefix('by_')} "
            + ", ".join(f"{value} {100 * share:.0f} %" for value, share in found[key].items())
            for key in ("by_level", "by_source")
            if found[key]
        ]
        if found["jaccard_over_seeds"] is not None:
            parts.append(f"Jaccard over seeds {found['jaccard_over_seeds']:.2f}")
        parts += [f"Jaccard with {label(other)} {value:.2f}" for other, value in found["jaccard_with"].items()]
        lines.append("- " + "; ".join(parts))
    return "\n".join(lines) + "\n"


def spread_in_words(results: Mapping[str, Any]) -> str:
    """What ± means, and what the comparison could have seen."""
    headline = results["benchmarks"][results["headline"]]
    if len(results["seeds"]) == 1:
        return "One seed: ± is the standard error over questions; the spread of training runs is not in it."
    if headline["residual_sd"] is None:  # FULL alone
        return "± is the standard error over seeds."
    seen = [
        value["detectable"]
        for differences in headline["differences"].values()
        for value in differences.values()
        if value["detectable"] is not None
    ]
    return (
        "± of an accuracy is its standard error over seeds; ± of a difference of trained models takes the scatter of "
        f"runs from all of them ({100 * headline['residual_sd']:.1f} points a run, {headline['residual_dof']} "
        f"degrees of freedom). On {results['headline']} a true difference of {between(seen)} points would be seen "
        "with 80 % power (two-sided t test at 5 %, for one difference looked at alone)."
    )


def between(values: Sequence[float]) -> str:
    """`3.1`, or `2.4 to 3.1`, in points."""
    low, high = f"{100 * min(values):.1f}", f"{100 * max(values):.1f}"
    return low if low == high else f"{low} to {high}"


def percent(value: Mapping[str, Any], sign: str = "") -> str:
    """`36.5 ± 1.3`: pooled or over seeds where there are several, else over questions."""
    known = (value.get(key) for key in ("stderr_pooled", "stderr_seeds", "stderr_questions"))
    error = next((one for one in known if one is not None), None)
    return f"{100 * value['mean']:{sign}.1f}" + (f" ± {100 * error:.1f}" if error is not None else "")


def points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def prompts_of(results: Mapping[str, Any], arm: str) -> str:
    """How many prompts an arm trained on, a range where seeds differ."""
    if arm == BASE:
        return "–"
    sizes = sorted(results["selections"][arm]["prompts"])
    return f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,}-{sizes[-1]:,}"


def seeds_of(results: Mapping[str, Any], arm: str) -> str:
    """How many seeds an arm was trained with."""
    return "–" if arm == BASE else str(len(results["seeds_of"][arm]))


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
