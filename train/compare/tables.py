"""The tables of a comparison, for the terminal and for results.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group

from eval.results.tables import markdown_table, points, split
from eval.results.tables import terminal_table as table
from train.compare.spec import BASE


def terminal_table(results: Mapping[str, Any], width: int) -> Group:
    """Arms down; accuracy on each benchmark, then the headline's difference to FULL and to the baseline.

    In as many tables as `width`, the terminal's in characters, takes.
    """
    label, title = results["labels"], results["titles"]
    headline = results["benchmarks"][results["headline"]]
    others = [other for other in headline["differences"] if other != BASE]
    sizes = sorted({f"{found['n_questions']:,}" for found in results["benchmarks"].values()})
    arms = list(headline["accuracy"])
    columns = [["prompts", *(prompts_of(results, arm) for arm in arms)]]
    columns += [
        [title[name], *(percent(found["accuracy"][arm]) for arm in arms)]
        for name, found in results["benchmarks"].items()
    ]
    columns += [
        [f"− {label[other]}", *(percent(headline["differences"][other].get(arm), "+") for arm in arms)]
        for other in others
    ]
    made = []
    for part in split([label[arm] for arm in arms], columns, width):
        head, *body = zip(*(columns[at] for at in part), strict=True)
        rows = [[label[arm], *cells] for arm, cells in zip(arms, body, strict=True)]
        made.append(table(["", *head], rows, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True))
    made[0].title = f"{results['name']}: accuracy % ± standard error on {' / '.join(sizes)} held-out questions"
    made[0].title_justify = "left"
    made[-1].caption = f"differences: paired, {title[results['headline']]}"
    return Group(*made)


def markdown(results: Mapping[str, Any]) -> str:
    """results.md: accuracies, paired differences on every benchmark, and the make-up of the selections."""
    lines = [f"# Comparison {results['name']}", "", f"Seeds {', '.join(map(str, results['seeds']))}; "]
    lines[-1] += f"runs at commit {', '.join(results['run_commits'])}. {spread_in_words(results)}"
    benchmarks, label = results["benchmarks"], results["labels"]
    rows = [
        [label[arm], prompts_of(results, arm), "–" if arm == BASE else str(len(results["seeds_of"][arm]))]
        + [percent(found["accuracy"][arm]) for found in benchmarks.values()]
        for arm in benchmarks[results["headline"]]["accuracy"]
    ]
    lines += ["", *markdown_table(["accuracy %", "prompts", "seeds", *benchmarks], rows)]
    heads = ["", "points", "± pooled", "± over its seeds", "± over questions", "detectable", "by seed"]
    errors = ("stderr_pooled", "stderr_seeds", "stderr_questions", "detectable")
    for name, found in benchmarks.items():
        lines += ["", f"## {name}: paired differences ({found['n_questions']:,} questions)", ""]
        rows = [
            [
                f"{label[arm]} − {label[other]}",
                points(value["mean"], sign="+"),
                *(points(value[key]) for key in errors),
            ]
            + [" ".join(points(one, sign="+") for one in value["by_seed"])]
            for other, differences in found["differences"].items()
            for arm, value in differences.items()
        ]
        lines += markdown_table(heads, rows)
    lines += cost_lines(results)
    lines += ["", "## What was trained on", ""]
    for arm, found in results["selections"].items():
        parts = [f"{label[arm]}: {prompts_of(results, arm)} prompts"]
        parts += [
            f"{key.removeprefix('by_')} "
            + ", ".join(f"{value} {100 * share:.0f} %" for value, share in found[key].items())
            for key in ("by_level", "by_source")
            if found[key]
        ]
        if found["jaccard_over_seeds"] is not None:
            parts.append(f"Jaccard over seeds {found['jaccard_over_seeds']:.2f}")
        parts += [f"Jaccard with {label[other]} {value:.2f}" for other, value in found["jaccard_with"].items()]
        lines.append("- " + "; ".join(parts))
    return "\n".join(lines) + "\n"


def cost_lines(results: Mapping[str, Any]) -> list[str]:
    """What the arms cost in samples generated, and for how many they had FULL's final accuracy less one point."""
    label, costs = results["labels"], results["costs"]
    reached = [found["until"] for found in costs.values() if found["until"]]
    rows = []
    for arm, found in costs.items():
        total = [a + b for a, b in zip(found["samples"], found["first_run"], strict=False)]
        first = between(*(f"{pick(total):,.0f}" for pick in (min, max))) if any(found["first_run"]) else ""
        own = between(*(f"{pick(found['samples']):,.0f}" for pick in (min, max)))
        rows.append([label[arm], own, first, samples_until(found["until"])])
    heads = ["", "samples generated", "with FULL's, which it selects from", "until FULL's final accuracy − 1 point"]
    lines = ["", "## Samples generated", "", *markdown_table(heads, rows)]
    if reached:
        lines += [
            "",
            f"FULL's final validation accuracy less one point is {points(reached[0]['target'])} %. In brackets: "
            "95 % interval over draws of seeds. The last column counts an arm's own samples.",
        ]
    return lines


def samples_until(value: Mapping[str, Any] | None) -> str:
    """`9,800 (8,100 to 11,300)`; – without validations."""
    if value is None:
        return "–"
    low, at, high = ("never" if (one := value[key]) is None else f"{one:,.0f}" for key in ("low", "samples", "high"))
    return f"{at} ({low} to {high})" if value["intervals"] else at


def spread_in_words(results: Mapping[str, Any]) -> str:
    """What ± means, and which differences the comparison could have detected."""
    headline = results["benchmarks"][results["headline"]]
    if len(results["seeds"]) == 1:
        return "One seed: ± is the standard error over questions and does not include the spread of training runs."
    if headline["residual_sd"] is None:  # FULL alone
        return "± is the standard error over seeds."
    found = [value["detectable"] for arms in headline["differences"].values() for value in arms.values()]
    smallest, largest = (points(pick(one for one in found if one is not None)) for pick in (min, max))
    return (
        "± of an accuracy is its standard error over seeds; ± of a difference of trained models uses the scatter of "
        f"all runs ({points(headline['residual_sd'])} points per run, {headline['residual_dof']} degrees of freedom)."
        f" On {results['headline']} a true difference of {between(smallest, largest)} points would be detected "
        "with 80 % power (two-sided t test at 5 %, for one difference looked at alone)."
    )


def between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def percent(value: Mapping[str, Any] | None, sign: str = "") -> str:
    """`36.5 ± 1.3`: pooled or over seeds where there are several, else over questions; empty without a value."""
    if value is None:
        return ""
    known = (value.get(key) for key in ("stderr_pooled", "stderr_seeds", "stderr_questions"))
    return points(value["mean"], next((one for one in known if one is not None), None), sign)


def prompts_of(results: Mapping[str, Any], arm: str) -> str:
    """How many prompts an arm trained on, a range where seeds differ."""
    if arm == BASE:
        return "–"
    return between(*(f"{pick(results['selections'][arm]['prompts']):,}" for pick in (min, max)))
