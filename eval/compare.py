r"""Compare evaluated models: a table, with differences paired by question and their standard errors.

    python -m eval.compare data/output/full data/output/limr:final data/output/rand
    python -m eval.compare base full limr rand --reference full --markdown table.md --curves curves.png

A RUN is a run's folder (or its name in data/output), with `:STEP` where several steps were evaluated, or any folder
that holds a results.json. Differences are to the first RUN, or to `--reference`; ± is the standard error over
questions, so it covers which questions were asked and how samples fell, not another training seed.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from lim.utils.files import read_json, write_json, write_text

from . import targets
from .results import metrics, tables
from .results.graded import question_means
from .results.metrics import Paired


@dataclass(frozen=True)
class Evaluated:
    """The results of one model: `means[benchmark]` is question id → share of its samples that are correct."""

    label: str
    folder: Path
    results: Mapping[str, Any]
    means: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Row:
    """One model on one benchmark: accuracy (a figure of results.json) and the difference to the reference."""

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
    """Read an evaluation. Raises InputError where it is missing or not whole."""
    folder = results_folder(run)
    results = read_json(folder / "results.json")
    if not isinstance(results, dict) or "benchmarks" not in results or "label" not in results:
        raise InputError(f"{folder / 'results.json'}: not the results of an evaluation of ours")
    means = {name: question_means(folder / f"{name}.graded.jsonl") for name in results["benchmarks"]}
    return Evaluated(label or results["label"], folder, results, means)


def difference(reference: Evaluated, other: Evaluated, benchmark: str) -> Paired | None:
    """other − reference, paired by question; None where one lacks the benchmark.

    Raises InputError where they did not answer the same questions.
    """
    a, b = reference.means.get(benchmark), other.means.get(benchmark)
    if a is None or b is None:
        return None
    if checksum(reference, benchmark) != checksum(other, benchmark) or a.keys() != b.keys():
        raise InputError(
            f"{benchmark}: {reference.folder} and {other.folder} were evaluated on different questions; "
            "evaluate one of them again with --overwrite"
        )
    return metrics.paired([a[id] for id in a], [b[id] for id in a])


def checksum(run: Evaluated, benchmark: str) -> str | None:
    return run.results["benchmarks"][benchmark]["generated_with"]["data_sha256"]


def unlike(runs: Sequence[Evaluated], benchmark: str) -> list[str]:
    """Settings in which runs differ on a benchmark; a difference then is not of the models alone."""
    made = [run.results["benchmarks"][benchmark]["generated_with"] for run in runs if benchmark in run.means]
    keys = ("template", "system_prompt", "temperature", "top_p", "max_new_tokens", "n_samples", "fallbacks", "dtype")
    return [key for key in keys if len({json.dumps(facts.get(key), sort_keys=True) for facts in made}) > 1]


def compare(runs: Sequence[Evaluated], reference: Evaluated) -> list[Row]:
    """Rows by benchmark, then model; `average` last where every run has one."""
    names = list(dict.fromkeys(name for run in runs for name in run.means))
    rows = []
    for name in names:
        for run in runs:
            accuracy = run.results["benchmarks"].get(name, {}).get("accuracy")
            rows.append(
                Row(run.label, name, accuracy, None if run is reference else difference(reference, run, name))
            )
    if all(run.results["average"] for run in runs):
        for run in runs:
            parts = run.results["average"]["benchmarks"]
            mean = (
                None if run is reference else average_difference([difference(reference, run, name) for name in parts])
            )
            rows.append(Row(run.label, "average", run.results["average"]["accuracy"], mean))
    return rows


def average_difference(parts: Sequence[Paired | None]) -> Paired | None:
    """Mean difference over benchmarks with different questions."""
    found = [part for part in parts if part is not None]
    if len(found) != len(parts):
        return None
    value, stderr, n = metrics.average([metrics.Estimate(p.value, p.stderr, p.n) for p in found])
    return Paired(value, stderr, n, sum(p.b_better for p in found), sum(p.a_better for p in found))


def signed(paired: Paired | None) -> str:
    """`+1.7 ± 1.2`, in points."""
    if paired is None:
        return ""
    error = "" if math.isnan(paired.stderr) else f" ± {100 * paired.stderr:.1f}"
    return f"{100 * paired.value:+.1f}{error}"


def cells(row: Row, *, bold: str = "") -> list[str]:
    d = row.difference
    wins = f"{d.b_better} / {d.a_better}" if d else ""
    shown = "" if d is None or math.isnan(d.stderr) else f"{100 * d.detectable:.1f}"
    clear = d is not None and abs(d.value) > 2 * d.stderr
    text = signed(d)
    return [row.label, tables.percent(row.accuracy), f"{bold}{text}{bold}" if clear and bold else text, wins, shown]


NOTE = (
    "± is the standard error over questions; differences are paired by question, and each model is one training run. "
    "{bold}: a difference of more than two standard errors. Better / worse on: the number of questions. "
    "Detectable: the smallest true difference that this comparison would show with 80 % power."
)
HEAD = ("model", "accuracy %", "difference, points", "better / worse on", "detectable")


def markdown(rows: Sequence[Row], runs: Sequence[Evaluated], reference: Evaluated) -> str:
    """A block for a README: a table a benchmark, differences beyond two standard errors in bold."""
    lines = []
    for name in dict.fromkeys(row.benchmark for row in rows):
        lines += [f"**{name}**{sizes(runs, name)}", ""]
        head = ("model", "accuracy %", f"difference to {reference.label}", *HEAD[3:])
        lines += [tables.row(head), tables.row(["---", *["---:"] * (len(head) - 1)])]
        lines += [tables.row(cells(row, bold="**")) for row in rows if row.benchmark == name]
        lines.append("")
    lines.append(NOTE.format(bold="**Bold**"))
    return "\n".join(lines) + "\n"


def sizes(runs: Sequence[Evaluated], name: str) -> str:
    facts = [run.results["benchmarks"][name] for run in runs if name in run.means]
    if not facts:
        return ""
    samples = " or ".join(str(n) for n in sorted({fact["samples_a_question"] for fact in facts}))
    return f" ({facts[0]['n_questions']} questions × {samples}; {tables.how(facts[0]['generated_with'])})"


def show(console: Console, rows: Sequence[Row], runs: Sequence[Evaluated], reference: Evaluated) -> None:
    labels = [run.label for run in runs]
    short = dict(zip(labels, tables.short_names(labels, console.width // 5), strict=True))
    for name in dict.fromkeys(row.benchmark for row in rows):
        table = Table(title=escape(f"{name}{sizes(runs, name)}"), title_justify="left")
        table.add_column(HEAD[0], overflow="fold")
        table.add_column(HEAD[1], justify="right", no_wrap=True)
        table.add_column(
            escape(f"difference to {short[reference.label]}"), justify="right", overflow="fold", min_width=11
        )
        for column in ("better /\nworse on", HEAD[4]):
            table.add_column(column, justify="right", no_wrap=True)
        for row in (row for row in rows if row.benchmark == name):
            style = "bold" if row.difference and abs(row.difference.value) > 2 * row.difference.stderr else None
            table.add_row(*map(escape, [short[row.label], *cells(row)[1:]]), style=style)
        console.print(table)
        if any(name in run.means for run in runs) and (keys := unlike(runs, name)):
            console.print(f"[yellow]note:[/yellow] {name}: the runs differ in {', '.join(keys)}, too")
    console.print(NOTE.format(bold="[bold]Bold[/bold]"), highlight=False)


def draw_curves(runs: Sequence[Evaluated], path: Path, console: Console) -> None:
    """Draw those that were evaluated at steps, and name the others. Raises InputError where none was."""
    from .results import curves

    drawn = {run.label: curves.collect(run.folder.parent) for run in runs if curves.evaluations(run.folder.parent)}
    if not drawn:
        raise InputError("--curves: no model here was evaluated at a step; run eval/eval.sh --step all first")
    curves.draw(drawn, path)
    without = [run.label for run in runs if run.label not in drawn]
    note = f" (without {', '.join(without)}: no step is known)" if without else ""
    console.print(f"curves: {path}{note}", soft_wrap=True, markup=False)


def to_json(rows: Sequence[Row], reference: Evaluated) -> dict[str, Any]:
    """The comparison as data; shares, not per cent."""
    found: list[dict[str, Any]] = []
    for row in rows:
        d = row.difference
        stderr = None if d is None or math.isnan(d.stderr) else d.stderr
        paired = d and {"value": d.value, "stderr": stderr, "n": d.n, "better": d.b_better, "worse": d.a_better}
        found.append({"label": row.label, "benchmark": row.benchmark, "accuracy": row.accuracy, "difference": paired})
    return {"reference": reference.label, "rows": found}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m eval.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="names to show, one a RUN")
    parser.add_argument("--reference", metavar="RUN", help="differences are to this one (default: the first)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--curves", type=Path, metavar="FILE.png", help="draw accuracy over steps of the runs")
    args = parser.parse_args(argv)
    if args.labels and len(args.labels) != len(args.runs):
        raise InputError(f"--labels: {count(args.labels, 'label')} for {count(args.runs, 'run')}")
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
    reference = named.get(args.reference) if args.reference else runs[0]
    if reference is None:
        raise InputError(f"--reference {args.reference}: no such run here; there are {', '.join(labels)}")
    rows = compare(runs, reference)
    show(console, rows, runs, reference)
    if args.markdown:
        write_text(args.markdown, markdown(rows, runs, reference))
    if args.json:
        write_json(args.json, to_json(rows, reference))
    if args.curves:
        draw_curves(runs, args.curves, console)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
