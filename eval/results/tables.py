"""Tables for the terminal and for Markdown; results.json, results.md and the graded samples of an evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lim.utils.files import write_json, write_text
from lim.utils.provenance import PACKAGES, commit, versions

from ..settings import EvalSettings
from . import statistics
from .score import BREAKDOWNS

SCHEMA_VERSION = 1
LOST = ("no_answer", "malformed", "truncated", "timeout")
LOST_COLUMN = "no answer / malformed / cut off / timed out %"


def points(value: float | None, stderr: float | None = None, sign: str = "") -> str:
    """`32.5 ± 4.1`, a share in per cent; a dash for None."""
    if value is None:
        return "–"
    return f"{100 * value:{sign}.1f}" + ("" if stderr is None else f" ± {100 * stderr:.1f}")


def percent(estimate: Mapping[str, Any] | None) -> str:
    """`points` of an estimate in results.json."""
    return points(estimate["value"], estimate["stderr"]) if estimate else "–"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table: the first column names the row, the others are numbers."""
    return [f"| {' | '.join(cells)} |" for cells in (columns, ["---", *["---:"] * (len(columns) - 1)], *rows)]


FIRST = 10  # columns that the first column of a table has at least


def terminal_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, wrap: bool = False, **options: Any
) -> Table:
    """The same for the terminal: the first column folds, the others keep to one line unless they may `wrap`.

    Where a line is too narrow the headings wrap first, so that names and figures stay whole.
    """
    table = Table(**options)
    rows = list(rows)
    for number, column in enumerate(columns):
        longest = max((cell_len(str(cells[number])) for cells in rows), default=0)
        if number:
            table.add_column(Text(column), justify="right", min_width=None if wrap else longest)
        else:
            table.add_column(Text(column), overflow="fold", min_width=min(longest, FIRST))
    for cells in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))
    return table


def size(facts: Mapping[str, Any]) -> str:
    """`30 × 4`, questions and samples of each; `30 × 1-4` where they differ in number."""
    least = facts["samples_a_question"]
    most = facts.get("most_samples", least)
    return f"{facts['n_questions']} × {least if most == least else f'{least}-{most}'}"


def lost(facts: Mapping[str, Any], keys: Sequence[str] = LOST) -> list[str]:
    """Per cent of the samples without a gradable answer, by reason."""
    return [points(facts["shares"][key]) for key in keys]


def tokens(facts: Mapping[str, Any]) -> str:
    return f"{facts['response_tokens']['value']:.0f}" if facts["response_tokens"] else "–"


def average(benchmarks: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any] | None:
    """The mean over the benchmarks `names`, where all of them are present."""
    if not names or not set(names) <= set(benchmarks):
        return None
    found = [statistics.Estimate(**benchmarks[name]["accuracy"]) for name in names]
    return {"benchmarks": list(names), "accuracy": statistics.average(found)._asdict()}


def write(
    folder: Path, head: Mapping[str, Any], benchmarks: Mapping[str, Mapping[str, Any]], settings: EvalSettings
) -> dict:
    """Write results.json and results.md; returns what results.json holds."""
    results = {
        "schema_version": SCHEMA_VERSION,
        **head,
        "scored_with": {"versions": versions(PACKAGES), "commit": commit()},
        "average": average(benchmarks, settings.average),
        "benchmarks": dict(benchmarks),
    }
    write_json(folder / "results.json", results)
    write_text(folder / "results.md", markdown(results))
    return results


def how(facts: Mapping[str, Any]) -> str:
    """A benchmark's sampling in words."""
    if "temperature" not in facts:
        return ""
    sampling = "greedy" if facts["temperature"] == 0 else f"T={facts['temperature']:g}, top-p {facts['top_p']:g}"
    return (
        f"{sampling}, {facts['max_new_tokens']:,} tokens, template {facts['template']['name']}, seed {facts['seed']}"
        f"{', stops at eos only' if facts.get('stop_at') == 'eos' else ''}"
    )


def markdown(results: Mapping[str, Any]) -> str:
    """results.md: the settings, the figures, by level and by subject."""
    step = f", step {results['step']}" if results.get("step") is not None else ""
    lines = [f"# {results['label']}", "", f"Model `{results['model']}`{step}", ""]
    rows = []
    for name, facts in results["benchmarks"].items():
        k, passed = list(facts["pass_at_k"].items())[-1]
        figures = [percent(facts["accuracy"]), f"{percent(passed)} (k={k})", percent(facts["maj_at_n"])]
        rows.append([name, size(facts), *figures, " / ".join(lost(facts)), tokens(facts)])
    if results["average"]:
        rows.append(["average", "", percent(results["average"]["accuracy"]), "", "", "", ""])
    columns = ("benchmark", "questions × samples", "accuracy %", "pass@k %", "maj@n %", LOST_COLUMN, "tokens")
    lines += [*markdown_table(columns, rows), "", "± is the standard error, by question.", ""]
    for name, facts in results["benchmarks"].items():
        if made := facts.get("generated_with"):
            data = f"data sha256 {made['data_sha256'][:12]}; made at commit {made['commit']}"
            lines.append(f"- {name}: {how(made)}; {data}")
    for key in BREAKDOWNS:
        rows = [
            [name, group, str(value["n"]), percent(value), percent(value["pass_at_n"]), percent(value["maj_at_n"])]
            for name, facts in results["benchmarks"].items()
            for group, value in facts.get(f"by_{key}", {}).items()
        ]
        if rows:
            columns = ("benchmark", key, "questions", "accuracy %", "pass@n %", "maj@n %")
            lines += ["", f"## By {key}", "", *markdown_table(columns, rows)]
    return "\n".join(lines) + "\n"


def short_names(names: Sequence[str], width: int) -> list[str]:
    """The names; where one is longer than `width`, without the first and last words that all share.

    Words end at any sign that is no letter or digit. Different names stay different.
    """
    if max(map(len, names)) <= width or len(set(names)) == 1:
        return list(names)
    heads = [re.split(r"(?<=[\W_])", name) for name in names]
    start = shared(heads)
    tails = [re.split(r"(?=[\W_])", "".join(words[start:]))[::-1] for words in heads]
    end = shared(tails)
    return ["…" * bool(start) + "".join(words[end:][::-1]) + "…" * bool(end) for words in tails]


def shared(lists: Sequence[Sequence[str]]) -> int:
    """With how many equal words all lists begin."""
    return sum(1 for _ in takewhile(lambda words: len(set(words)) == 1, zip(*lists, strict=False)))


def accuracy_table(all_results: Sequence[Mapping[str, Any]], settings: EvalSettings, width: int) -> Group:
    """Models down, benchmarks across, in as many tables as `width` (the terminal's, in characters) takes.

    The average stands in the first; the paper's figures below where they are of the same benchmarks.
    """
    names = list(dict.fromkeys(name for results in all_results for name in results["benchmarks"]))
    shown = labels(all_results, width)
    columns = []
    for name in names:
        sizes = sorted({size(r["benchmarks"][name]) for r in all_results if name in r["benchmarks"]})
        head = f"{name}\n{' or '.join(sizes)}"
        columns.append((name, head, [percent(accuracy_of(r["benchmarks"].get(name))) for r in all_results]))
    if any(results["average"] for results in all_results):
        columns.insert(0, ("average", "average", [percent(accuracy_of(r["average"])) for r in all_results]))
    parts = split(
        [*shown, *map(paper, settings.published)], [(*head.split("\n"), *cells) for _, head, cells in columns], width
    )
    made = []
    for part in parts:
        # The average is placed first and shown last.
        across = sorted((columns[at] for at in part), key=lambda column: column[0] == "average")
        rows = [[label, *(cells[at] for *_, cells in across)] for at, label in enumerate(shown)]
        table = terminal_table(["accuracy % ± standard error", *(head for _, head, _ in across)], rows, wrap=True)
        printed = [line for line in settings.published if set(line) & {name for name, *_ in across} & set(names)]
        if printed:
            table.add_section()
        for line in printed:
            figures = (f"{line[name]:.1f}" if name in line else "–" for name, *_ in across)
            table.add_row(paper(line), *figures, style="dim")
        made.append(table)
    made[-1].caption = "standard errors are by question"
    return Group(*made)


def accuracy_of(facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return facts and facts["accuracy"]


def paper(line: Mapping[str, Any]) -> str:
    return f"paper: {line['name']}"


def split(first: Sequence[str], columns: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Which columns stand side by side in a line of `width`, beside `first`: in order, and one at least.

    A column is given by its texts. rich would cut off what is too wide.
    """
    room = width - 4 - max(FIRST, min(width // 3, max(map(cell_len, first))))
    parts: list[list[int]] = []
    left = 0
    for at, texts in enumerate(columns):
        needed = 3 + max(map(cell_len, texts))  # with a border and what stands beside it
        if not parts or needed > left:
            parts.append([])
            left = room
        parts[-1].append(at)
        left -= needed
    return parts


def losses_table(all_results: Sequence[Mapping[str, Any]], width: int) -> Table:
    """Where samples were lost, and how long they are."""
    rows = [
        [f"{label} {name}", *lost(facts), tokens(facts)]
        for label, results in zip(labels(all_results, width), all_results, strict=True)
        for name, facts in results["benchmarks"].items()
    ]
    columns = ("% of samples", "no answer", "malformed", "cut off", "timed out", "tokens")
    return terminal_table(columns, rows, padding=(0, 0))


def labels(all_results: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    return short_names([results["label"] for results in all_results], width // 5)
