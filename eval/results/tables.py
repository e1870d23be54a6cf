"""results.json, results.md, the graded samples, and the tables on the terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from lim.utils.files import write_json, write_text
from lim.utils.provenance import PACKAGES, commit, versions

from ..settings import Settings
from . import metrics
from .score import Scored, figure, from_figure

SCHEMA_VERSION = 1
LOST_COLUMN = "no answer / malformed / cut off / timed out %"


def percent(value: Mapping[str, Any] | None) -> str:
    """`32.5 ± 4.1`, in per cent."""
    if value is None:
        return "–"
    text = f"{100 * value['value']:.1f}"
    return text if value["stderr"] is None else f"{text} ± {100 * value['stderr']:.1f}"


def average(benchmarks: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any] | None:
    """The mean over the benchmarks `names`, where all of them are there."""
    if not names or not set(names) <= set(benchmarks):
        return None
    found = [from_figure(benchmarks[name]["accuracy"]) for name in names]
    return {"benchmarks": list(names), "accuracy": figure(metrics.average(found))}


def write(
    folder: Path, head: Mapping[str, Any], benchmarks: Mapping[str, Mapping[str, Any]], settings: Settings
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


def write_graded(folder: Path, name: str, scored: Scored) -> None:
    lines = (json.dumps(line) + "\n" for line in scored.rows())
    write_text(folder / f"{name}.graded.jsonl", "".join(lines))


def how(facts: Mapping[str, Any]) -> str:
    """A benchmark's sampling in words."""
    if "temperature" not in facts:
        return ""
    sampling = "greedy" if facts["temperature"] == 0 else f"T={facts['temperature']:g}, top-p {facts['top_p']:g}"
    return (
        f"{sampling}, {facts['max_new_tokens']:,} tokens, template {facts['template']['name']}, seed {facts['seed']}"
    )


def row(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def markdown(results: Mapping[str, Any]) -> str:
    """results.md: the settings, the figures, by level and by subject."""
    lines = [f"# {results['label']}", "", f"Model `{results['model']}`" + step_text(results), ""]
    columns = ("benchmark", "questions × samples", "accuracy %", "pass@k %", "maj@n %", LOST_COLUMN, "tokens")
    lines += [row(columns), row(["---"] * len(columns))]
    for name, facts in results["benchmarks"].items():
        last = list(facts["pass_at_k"])[-1]
        passed = f"{percent(facts['pass_at_k'][last])} (k={last})"
        lost = " / ".join(
            f"{100 * facts['shares'][k]:.1f}" for k in ("no_answer", "malformed", "truncated", "timeout")
        )
        size = f"{facts['n_questions']} × {facts['samples_a_question']}"
        tokens = f"{facts['response_tokens']['value']:.0f}" if facts["response_tokens"] else "–"
        lines.append(row((name, size, percent(facts["accuracy"]), passed, percent(facts["maj_at_n"]), lost, tokens)))
    if results["average"]:
        lines.append(row(("average", "", percent(results["average"]["accuracy"]), "", "", "", "")))
    lines += ["", "± is the standard error, by question.", ""]
    for name, facts in results["benchmarks"].items():
        made = facts.get("generated_with", {})
        if made:
            lines += [
                f"- {name}: {how(made)}; data sha256 {made['data_sha256'][:12]}; made at commit {made['commit']}"
            ]
    for key in ("level", "subject"):
        parts = {name: facts[f"by_{key}"] for name, facts in results["benchmarks"].items() if f"by_{key}" in facts}
        if parts:
            lines += ["", f"## By {key}", "", f"| benchmark | {key} | questions | accuracy % |", "|---|---|---|---|"]
            lines += [
                f"| {name} | {group} | {value['n']} | {percent(value)} |"
                for name, groups in parts.items()
                for group, value in groups.items()
            ]
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


def step_text(results: Mapping[str, Any]) -> str:
    return f", step {results['step']}" if results.get("step") is not None else ""


def terminal_table(all_results: Sequence[Mapping[str, Any]], settings: Settings, width: int) -> Table:
    """Models down, benchmarks across; the paper's figures below where they are of the same benchmarks.

    `width` is the terminal's, in characters.
    """
    names = list(dict.fromkeys(name for results in all_results for name in results["benchmarks"]))
    with_average = any(results["average"] for results in all_results)
    table = Table(caption="standard errors are by question")
    table.add_column("accuracy % ± standard error", overflow="fold")
    labels = short_names([results["label"] for results in all_results], width // 5)
    for name in [*names, *(["average"] if with_average else [])]:
        sizes = {
            f"{r['benchmarks'][name]['n_questions']} × {r['benchmarks'][name]['samples_a_question']}"
            for r in all_results
            if name in r["benchmarks"]
        }
        table.add_column(f"{name}\n{' or '.join(sorted(sizes))}", justify="right")
    for label, results in zip(labels, all_results, strict=True):
        cells = [percent(results["benchmarks"].get(name, {}).get("accuracy")) for name in names]
        mean = results["average"]
        table.add_row(escape(label), *cells, *([percent(mean and mean["accuracy"])] if with_average else []))
    printed = [line for line in settings.published if set(line) & set(names)]
    if printed:
        table.add_section()
    for line in printed:
        cells = [
            f"{line[name]:.1f}" if name in line else "–" for name in [*names, *(["average"] if with_average else [])]
        ]
        table.add_row(f"[dim]paper: {line['name']}[/dim]", *(f"[dim]{cell}[/dim]" for cell in cells))
    return table


def losses_table(all_results: Sequence[Mapping[str, Any]], width: int) -> Table:
    """Where samples were lost, and how long they are."""
    table = Table(padding=(0, 0))
    table.add_column("% of samples", overflow="fold")
    labels = short_names([results["label"] for results in all_results], width // 5)
    for column in ("no answer", "malformed", "cut off", "timed out", "tokens"):
        table.add_column(column, justify="right", no_wrap=True)
    for label, results in zip(labels, all_results, strict=True):
        for name, facts in results["benchmarks"].items():
            lost = [f"{100 * facts['shares'][key]:.1f}" for key in ("no_answer", "malformed", "truncated", "timeout")]
            length = facts["response_tokens"]
            tokens = "–" if length is None or math.isnan(length["value"]) else f"{length['value']:.0f}"
            table.add_row(escape(f"{label} {name}"), *lost, tokens)
    return table
