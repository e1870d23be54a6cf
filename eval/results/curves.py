"""Learning curves: accuracy, response length and training reward over steps (the paper's Figures 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from matplotlib.axes import Axes

from lim.logs.reward_log import step_files
from lim.report.style import COLOURS, new_figure, save_figure, whole_ticks
from lim.utils.errors import InputError
from lim.utils.files import read_json
from lim.utils.paths import ROOT

MARKS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass
class Curve:
    """What is known of one run over its steps: `evaluations` are (step, results.json), in order of step."""

    evaluations: list[tuple[int, Mapping[str, Any]]]
    reward: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))
    tokens: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))

    def benchmarks(self) -> list[str]:
        return list(dict.fromkeys(name for _, results in self.evaluations for name in results["benchmarks"]))

    def points(self, name: str, key: str = "accuracy") -> tuple[list[int], list[float], list[float]]:
        """Steps, values and standard errors of a benchmark's figure, or of the average."""
        found = []
        for step, results in self.evaluations:
            facts = results["average"] if name == "average" else results["benchmarks"].get(name)
            if facts and facts.get(key):
                found.append((step, facts[key]["value"], facts[key]["stderr"] or math.nan))
        steps, values, errors = map(list, zip(*found, strict=True)) if found else ([], [], [])
        return steps, values, errors


def evaluations(eval_folder: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """(step, results.json) of the evaluations under a folder whose step is known: one per step, in order."""
    found: dict[int, Mapping[str, Any]] = {}
    for path in sorted(eval_folder.glob("*/results.json")):
        results = read_json(path)
        step = results.get("step")
        # `final` and `best` are steps that may have been evaluated under their number, too.
        if step is not None and (step not in found or path.parent.name.isdigit()):
            found[step] = results
    return sorted(found.items(), key=lambda item: item[0])


def collect(eval_folder: Path, run: Path | None = None) -> Curve:
    """The evaluations under `<run>/eval` (or another --output_path), and the reward log of `run`.

    Without `run` it is the folder that holds `eval_folder`, or where it has no reward log, the run that the results
    name. Raises InputError where nothing was evaluated at a step.
    """
    found = evaluations(eval_folder)
    if not found:
        raise InputError(f"{eval_folder}: no evaluation with a step here; run eval/eval.sh --step all first")
    return Curve(found, *training(run or logged_run(eval_folder, found)))


def logged_run(eval_folder: Path, found: Sequence[tuple[int, Mapping[str, Any]]]) -> Path:
    """The folder whose reward log belongs to evaluations."""
    holds = eval_folder.resolve().parent
    if step_files(holds):  # first: a run that was moved keeps its old path in its results
        return holds
    named = next((results["run"] for _, results in found if results.get("run")), None)
    return ROOT / named if named and (ROOT / named).is_dir() else holds


def training(run: Path) -> tuple[tuple[list[int], list[float]], tuple[list[int], list[float]]]:
    """Mean reward and response length of each training step, from the reward log; empty where there is none."""
    rewards: tuple[list[int], list[float]] = ([], [])
    tokens: tuple[list[int], list[float]] = ([], [])
    for step, path in step_files(run):
        table = pq.read_table(
            path, columns=[n for n in ("reward", "response_tokens") if n in pq.read_schema(path).names]
        )
        for series, name in ((rewards, "reward"), (tokens, "response_tokens")):
            values = table[name].drop_null().to_numpy() if name in table.column_names else np.array([])
            if len(values):
                series[0].append(step)
                series[1].append(float(values.mean()))
    return rewards, tokens


def draw(curves: Mapping[str, Curve], path: Path) -> None:
    """One figure of several runs: average (or the only benchmark), length, training reward; then each benchmark."""
    benchmarks = list(dict.fromkeys(name for curve in curves.values() for name in curve.benchmarks()))
    with_average = all(curve.points("average")[0] for curve in curves.values())
    panels: list[tuple[str, str]] = [("average", "accuracy")] if with_average else []
    panels += [(name, "accuracy") for name in benchmarks]
    if any(curve.tokens[0] or curve.reward[0] for curve in curves.values()):
        panels += [("training", "response_tokens"), ("training", "reward")]
    columns = min(3, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure, axes = new_figure(4.2 * columns, 3.3 * lines, lines, columns, squeeze=False)
    for ax, (name, key) in zip(axes.flat, panels, strict=False):
        panel(ax, curves, name, key)
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)
    save_figure(figure, path)


def panel(ax: Axes, curves: Mapping[str, Curve], name: str, key: str) -> None:
    for number, (label, curve) in enumerate(curves.items()):
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "label": label}
        if name == "training":
            steps, values = curve.reward if key == "reward" else curve.tokens
            ax.plot(steps, values, linewidth=1.2, **style)
            continue
        steps, values, errors = curve.points(name, key)
        mean, half = 100 * np.array(values), 100 * np.nan_to_num(np.array(errors, dtype=float))
        ax.plot(steps, mean, marker=MARKS[number % len(MARKS)], markersize=4, linewidth=1.4, **style)
        ax.fill_between(steps, mean - half, mean + half, color=style["color"], alpha=0.15, linewidth=0)
    titles = {"reward": "training reward", "response_tokens": "response length in training"}
    units = {"reward": "mean reward", "response_tokens": "tokens", "accuracy": "accuracy %"}
    ax.set_title(titles.get(key, name), fontsize=10)
    ax.set_xlabel("step", fontsize=9)
    ax.set_ylabel(units[key], fontsize=9)
    whole_ticks(ax, nbins=6, steps=[1, 2, 5, 10])
    ax.grid(alpha=0.25, linewidth=0.6)
    if not ax.lines or not any(len(np.atleast_1d(line.get_xdata())) for line in ax.lines):
        ax.text(0.5, 0.5, "not logged", transform=ax.transAxes, ha="center", va="center", color="0.5")
