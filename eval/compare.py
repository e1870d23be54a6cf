r"""Compare evaluated models: a table, with differences paired by question and their standard errors.

    python -m eval.compare data/output/full data/output/limr:final data/output/rand
    python -m eval.compare base full limr rand --baseline full --markdown table.md --curves curves.png

A RUN is a run's folder (or its name in data/output), with `:STEP` where several steps were evaluated, or any folder
that holds a results.json, which `--score_only FILES --output_path DIR` gives to third-party generations. Differences
are to the first RUN, or to `--baseline`; ± is the standard error over questions, so it covers which questions were
asked and how samples fell, not another training seed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output, read_json, write_json, write_text

from . import targets
from .engine.samples import FORMER
from .results import external, statistics, tables
from .results.graded import question_means
from .results.statistics import Paired


@dataclass(frozen=True)
class Evaluated:
    """The results of one model: `means[benchmark]` is question id → share of its samples that are correct."""

    label: str
    folder: Path
    results: Mapping[str, Any]
    means: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Row:
    """One model on one benchmark: accuracy (a figure of results.json) and the difference to the baseline."""

    label: str
    benchmark: str
    accuracy: Mapping[str, Any] | None
    difference: Paired | None


def results_folder(run: str) -> Path:
    """Folder of the results.json that RUN or RUN:STEP stands for."""
    path, _, step = run.rpartition(":") if ":" in run and not Path(run).exists() else (run, "", "")
    folder = targets.find(path)
    if (folder / "results.json").is_file() and not step:
        return folder
    root = folder / "eval" if (folder / "eval").is_dir() else folder
    done = sorted(p.parent.name for p in root.glob("*/results.json"))
    if step:
        if step not in done:
            raise InputError(f"{folder}: step '{step}' was not evaluated; there are {', '.join(done) or 'none'}")
        return root / step
    if not done:
        raise InputError(f"{folder}: nothing was evaluated here (no results.json); run eval/eval.sh first")
    if len(done) > 1 and "final" not in done:
        raise InputError(
            f"{folder}: several steps were evaluated; say which: {run}:{done[0]} (there are {', '.join(done)})"
        )
    return root / ("final" if "final" in done else done[0])


def load(run: str, label: str | None = None) -> Evaluated:
    """Read an evaluation. Raises InputError where it is missing or incomplete."""
    folder = results_folder(run)
    results = read_json(folder / "results.json")
    results = external.as_results(folder, results) or results
    if not isinstance(results, dict) or "benchmarks" not in results or "label" not in results:
        raise InputError(f"{folder / 'results.json'}: not the results of an evaluation with eval/eval.sh")
    means = {name: question_means(folder / f"{name}.graded.jsonl") for name in results["benchmarks"]}
    return Evaluated(label or results["label"], folder, results, means)


def difference(baseline: Evaluated, other: Evaluated, benchmark: str) -> Paired | None:
    """other − baseline, paired by question; None for the baseline itself and where one lacks the benchmark.

    Raises InputError where they did not answer the same questions.
    """
    a, b = baseline.means.get(benchmark), other.means.get(benchmark)
    if a is None or b is None or other is baseline:
        return None
    if checksum(baseline, benchmark) != checksum(other, benchmark) or a.keys() != b.keys():
        lacking = [
            f"; {one.folder} lacks {len(missing)} of them ({min(missing)})"
            for one, missing in ((baseline, b.keys() - a.keys()), (other, a.keys() - b.keys()))
            if missing
        ]
        raise InputError(
            f"{benchmark}: {baseline.folder} and {other.folder} were evaluated on different questions or gold answers"
            f"{''.join(lacking)}; evaluate one of them again, on the questions of the other"
        )
    return statistics.paired([a[id] for id in a], [b[id] for id in a])


def checksum(run: Evaluated, benchmark: str) -> str | None:
    return run.results["benchmarks"][benchmark]["generated_with"]["data_sha256"]


def unlike(runs: Sequence[Evaluated], benchmark: str) -> list[str]:
    """Settings in which runs differ on a benchmark: a difference is then not due to the models alone."""
    made = [run.results["benchmarks"][benchmark]["generated_with"] for run in runs if benchmark in run.means]
    made = [{**FORMER, **facts} for facts in made]
    keys = (
        *("template", "system_prompt", "temperature", "top_p", "max_new_tokens", "n_samples", "fallbacks", "dtype"),
        "stop_at",
    )
    return [key for key in keys if len({json.dumps(facts.get(key), sort_keys=True) for facts in made}) > 1]


def compare(runs: Sequence[Evaluated], baseline: Evaluated) -> list[Row]:
    """Rows by benchmark, then model; `average` last where every run has one."""
    rows = [
        Row(run.label, name, run.results["benchmarks"].get(name, {}).get("accuracy"), difference(baseline, run, name))
        for name in dict.fromkeys(name for run in runs for name in run.means)
        for run in runs
    ]
    if all(run.results["average"] for run in runs):
        for run in runs:
            parts = [difference(baseline, run, name) for name in run.results["average"]["benchmarks"]]
            known = [part for part in parts if part is not None]
            mean = statistics.average_paired(known) if len(known) == len(parts) else None
            rows.append(Row(run.label, "average", run.results["average"]["accuracy"], mean))
    return rows


def cells(row: Row, bold: Callable[[str], Any], label: str = "") -> list[Any]:
    """A line of a table; `bold` marks a clear difference, `label` replaces the model's own."""
    found = [label or row.label, tables.percent(row.accuracy)]
    if not (d := row.difference):
        return [*found, "", "", ""]
    text = tables.points(d.value, d.stderr, "+")
    wins = f"{d.better} / {d.worse}"
    return [*found, bold(text) if d.clear else text, wins, tables.points(statistics.detectable(d.stderr, d.dof))]


NOTE = (
    "± is the standard error over questions; differences are paired by question, and each model is one training run. "
    "{bold}: a difference of more than two standard errors. Better / worse on: the number of questions. "
    "Detectable: the smallest true difference that this comparison would show with 80 % power."
)


def head(baseline: str) -> tuple[str, ...]:
    return "model", "accuracy %", f"difference to {baseline}", "better /\nworse on", "detectable"


def markdown(rows: Sequence[Row], runs: Sequence[Evaluated], baseline: Evaluated) -> str:
    """A block for a README: a table per benchmark, differences beyond two standard errors in bold."""
    lines = []
    columns = [column.replace("\n", " ") for column in head(baseline.label)]
    for name in dict.fromkeys(row.benchmark for row in rows):
        body = [cells(row, "**{}**".format) for row in rows if row.benchmark == name]
        lines += [f"**{name}**{sizes(runs, name)}", "", *tables.markdown_table(columns, body), ""]
    return "\n".join([*lines, NOTE.format(bold="**Bold**")]) + "\n"


def sizes(runs: Sequence[Evaluated], name: str) -> str:
    facts = [run.results["benchmarks"][name] for run in runs if name in run.means]
    if not facts:
        return ""
    samples = " or ".join(dict.fromkeys(tables.size(fact).partition(" × ")[2] for fact in facts))
    made = tables.how(facts[0]["generated_with"])
    return f" ({facts[0]['n_questions']} questions × {samples}{'; ' * bool(made)}{made})"


def print_tables(console: Console, rows: Sequence[Row], runs: Sequence[Evaluated], baseline: Evaluated) -> None:
    labels = [run.label for run in runs]
    short = dict(zip(labels, tables.short_names(labels, console.width // 5), strict=True))
    for name in dict.fromkeys(row.benchmark for row in rows):
        body = [cells(row, partial(Text, style="bold"), short[row.label]) for row in rows if row.benchmark == name]
        title = Text(f"{name}{sizes(runs, name)}")
        table = tables.terminal_table(head(short[baseline.label]), body, title=title, title_justify="left")
        table.columns[2].no_wrap, table.columns[2].overflow, table.columns[2].min_width = False, "fold", 11
        console.print(table)
        if keys := unlike(runs, name):
            console.print(f"[yellow]note:[/yellow] {name}: the runs differ in {', '.join(keys)}, too")
    for run in runs:
        if not run.means.keys() & baseline.means.keys():
            line = f"note: {run.label} and {baseline.label} have no benchmark in common, so there is no difference"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(NOTE.format(bold="[bold]Bold[/bold]"), highlight=False)


def draw_curves(runs: Sequence[Evaluated], path: Path, console: Console) -> None:
    """Draw the runs evaluated at steps, and name the others. Raises InputError where there is none."""
    from .results import curves

    drawn = {run.label: curves.collect(run.folder.parent) for run in runs if curves.evaluations(run.folder.parent)}
    if not drawn:
        raise InputError("--curves: no model here was evaluated at a step; run eval/eval.sh --step all first")
    curves.draw(drawn, path)
    without = [run.label for run in runs if run.label not in drawn]
    note = f" (without {', '.join(without)}: no step is known)" if without else ""
    console.print(f"wrote {path}{note}", soft_wrap=True, markup=False, highlight=False)


def to_json(rows: Sequence[Row], baseline: Evaluated) -> dict[str, Any]:
    """The comparison as data; shares, not per cent."""
    found = [asdict(row) | {"difference": row.difference and row.difference._asdict()} for row in rows]
    return {"baseline": baseline.label, "rows": found}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m eval.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="RUN or RUN:STEP; the first is the baseline")
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="names to show, one per RUN")
    parser.add_argument("--baseline", metavar="RUN", help="differences are to this one (default: the first)")
    parser.alias("--reference", "--baseline")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--curves", type=Path, metavar="FILE.png", help="draw accuracy over steps of the runs")
    args = parser.parse_args(argv)
    if args.labels and len(args.labels) != len(args.runs):
        raise InputError(f"--labels: {count(args.labels, 'label')} for {count(args.runs, 'run')}")
    for name in ("markdown", "json", "curves"):
        if getattr(args, name):
            check_output(f"--{name}", getattr(args, name))
    return args


def count(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


def main(argv: Sequence[str] | None = None) -> int | None:
    args = parse_args(argv)
    console = Console()
    runs = [load(run, label) for run, label in zip(args.runs, args.labels or [None] * len(args.runs), strict=True)]
    labels = [run.label for run in runs]
    if len(set(labels)) < len(labels):
        raise InputError(f"two runs are called {max(labels, key=labels.count)!r}; name them with --labels")
    named = {**dict(zip(args.runs, runs, strict=True)), **dict(zip(labels, runs, strict=True))}
    baseline = named.get(args.baseline) if args.baseline else runs[0]
    if baseline is None:
        raise InputError(f"--baseline {args.baseline}: no such run here; there are {', '.join(labels)}")
    rows = compare(runs, baseline)
    print_tables(console, rows, runs, baseline)
    if args.markdown:
        write_text(args.markdown, markdown(rows, runs, baseline))
    if args.json:
        write_json(args.json, to_json(rows, baseline))
    for path in filter(None, (args.markdown, args.json)):
        console.print(f"wrote {path}", soft_wrap=True, markup=False, highlight=False)
    if args.curves:
        draw_curves(runs, args.curves, console)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
