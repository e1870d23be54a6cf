"""Pictures of a comparison: accuracies and differences with their spread, learning curves, what was selected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps

from eval.results.statistics import t_quantile
from lim.report.style import COLOURS, new_figure, save_figure, whole_ticks
from train.compare.spec import BASE

LONG = 16  # letters of a name and its number of prompts that fit below a bar


def write(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write accuracy.png, differences.png, curves.png and selections.png; returns their paths."""
    figures = {"accuracy": accuracy_figure, "curves": curves_figure}
    if all(len(run["validation"]) > 1 for found in results["curves"].values() for run in found):
        figures["samples"] = samples_figure
    if any(len(found[key]) > 1 for found in results["selections"].values() for key in ("by_level", "by_source")):
        figures["selections"] = selections_figure
    if len(results["benchmarks"][results["headline"]]["differences"]) > 1:
        figures["differences"] = differences_figure
    return [save_figure(draw(results), folder / f"{name}.png") for name, draw in figures.items()]


def colour(results: Mapping[str, Any], arm: str) -> Any:
    return "0.5" if arm == BASE else COLOURS[list(results["curves"]).index(arm) % len(COLOURS)]


def accuracy_figure(results: Mapping[str, Any]) -> Any:
    """A panel per benchmark: each run a dot, the mean a bar, the standard error over seeds (one seed: questions)."""
    names = list(results["benchmarks"])
    arms = len(results["benchmarks"][names[0]]["accuracy"])
    width = max(3.6, 0.9 + 0.34 * arms) * len(names)
    figure, axes = new_figure(width, 3.8, 1, len(names), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        found = results["benchmarks"][name]["accuracy"]
        for place, (arm, value) in enumerate(found.items()):
            error = value["stderr_seeds"] if value["stderr_seeds"] is not None else value["stderr_questions"]
            axis.bar(place, 100 * value["mean"], color=colour(results, arm), alpha=0.55, width=0.7)
            axis.errorbar(place, 100 * value["mean"], 100 * (error or 0), color="black", capsize=3, lw=1)
            if len(value["by_seed"]) > 1:
                spread = place + np.linspace(-0.18, 0.18, len(value["by_seed"]))
                axis.plot(
                    spread, 100 * np.array(value["by_seed"]), "o", color=colour(results, arm), ms=4, mec="white"
                )
        axis.set_xticks(range(len(found)), [results["labels"][arm] for arm in found], rotation=45, ha="right")
        questions = results["benchmarks"][name]["n_questions"]
        axis.set_title(f"{results['titles'][name]} ({questions:,} questions)", fontsize=10)
        axis.grid(axis="y", alpha=0.25)
    axes[0][0].set_ylabel("accuracy (%)")
    return figure


def differences_figure(results: Mapping[str, Any]) -> Any:
    """A panel per benchmark: each arm's difference to the baseline, 95 % interval, and each seed a dot.

    The interval is that of the pooled scatter; with one seed, two standard errors over questions.
    """
    names = list(results["benchmarks"])
    other = list(results["benchmarks"][names[0]]["differences"])[-1]
    arms = list(results["benchmarks"][names[0]]["differences"][other])
    size = (1.2 + 2.9 * len(names), 0.9 + 0.32 * len(arms))
    figure, axes = new_figure(*size, 1, len(names), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        found = results["benchmarks"][name]
        for place, arm in enumerate(arms):
            value = found["differences"][other][arm]
            if value["stderr_pooled"] is not None:
                half = t_quantile(0.975, found["residual_dof"]) * value["stderr_pooled"]
            else:
                half = 2 * value["stderr_questions"]
            tint = colour(results, arm)
            axis.errorbar(100 * value["mean"], place, xerr=100 * half, fmt="o", color=tint, ms=6, capsize=3, lw=1.5)
            axis.plot(100 * np.array(value["by_seed"]), [place + 0.22] * len(value["by_seed"]), ".", color=tint, ms=4)
        axis.axvline(0, color="0.3", lw=0.8)
        axis.set_yticks(range(len(arms)), [results["labels"][arm] for arm in arms])
        axis.set_title(results["titles"][name], fontsize=10)
        axis.set_xlabel(f"accuracy difference to\n{results['labels'][other]} (points)")
        axis.grid(axis="x", alpha=0.25)
    axes[0][0].set_ylim(len(arms) - 0.4, -0.5)
    return figure


def curves_figure(results: Mapping[str, Any]) -> Any:
    """Training reward on each arm's own prompts, and validation accuracy on problems held out from all.

    A panel is drawn where some run has two points or more.
    """
    runs = [run for found in results["curves"].values() for run in found]
    parts = [
        part
        for part in (
            ("steps", "reward", "mean training reward, own prompts", 1),
            ("validation_steps", "validation", "validation accuracy (%)", 100),
        )
        if part[1] == "reward" or any(len(run[part[1]]) > 1 for run in runs)
    ]
    figure, axes = new_figure(5 * len(parts), 3.8, 1, len(parts), squeeze=False)
    for axis, (x, y, title, scale) in zip(axes[0], parts, strict=True):
        for arm, found in results["curves"].items():
            points: dict[float, list[float]] = {}
            for run in found:
                for step, value in zip(run[x], run[y], strict=True):
                    points.setdefault(step, []).append(scale * value)
            steps = sorted(points)
            low, mean, high = ([pick(points[step]) for step in steps] for pick in (min, np.mean, max))
            tint = colour(results, arm)
            axis.plot(steps, mean, color=tint, label=results["labels"][arm], marker="." if scale == 100 else None)
            if len(found) > 1:
                axis.fill_between(steps, low, high, color=tint, alpha=0.15, lw=0)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("optimiser step")
        whole_ticks(axis)
        axis.grid(axis="y", alpha=0.25)
    axes[0][0].legend(frameon=False, fontsize=8)
    if len(results["seeds"]) > 1:
        figure.supxlabel(f"Lines: means over {len(results['seeds'])} seeds; bands: their range.", fontsize=8)
    return figure


def samples_figure(results: Mapping[str, Any]) -> Any:
    """Validation accuracy over samples generated: mean over seeds, and their range as a band.

    Of an arm that selects from FULL's log a dashed line shows the same with FULL's samples before its own.
    """
    figure, axis = new_figure(6.4, 4.2)
    for arm, found in results["curves"].items():
        points = min(len(run["validation"]) for run in found)
        samples = np.mean([run["validation_samples"][:points] for run in found], axis=0)
        accuracy = 100 * np.array([run["validation"][:points] for run in found])
        tint = colour(results, arm)
        axis.plot(samples, accuracy.mean(axis=0), color=tint, marker=".", label=results["labels"][arm])
        if len(found) > 1:
            axis.fill_between(samples, accuracy.min(axis=0), accuracy.max(axis=0), color=tint, alpha=0.12, lw=0)
        if any(results["costs"][arm]["first_run"]):
            after = samples + np.mean(results["costs"][arm]["first_run"])
            name = f"{results['labels'][arm]}, with the run it selects from"
            axis.plot(after, accuracy.mean(axis=0), color=tint, ls="--", lw=1, label=name)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlabel("samples generated for training")
    axis.set_ylabel("validation accuracy (%)")
    axis.set_xlim(left=0)
    axis.grid(axis="y", alpha=0.25)
    axis.legend(frameon=False, fontsize=8)
    return figure


def selections_figure(results: Mapping[str, Any]) -> Any:
    """Make-up of what each arm trained on, by level and by source."""
    values_of = {
        key: sorted({value for found in results["selections"].values() for value in found[key]})
        for key in ("by_level", "by_source")
    }
    keys = [key for key, values in values_of.items() if len(values) > 1]
    arms = list(results["selections"])
    width = max(5, 2 + 0.55 * len(arms)) * len(keys)
    figure, axes = new_figure(width, 3.8, 1, len(keys), squeeze=False)
    for axis, key in zip(axes[0], keys, strict=True):
        values = values_of[key]
        bottom = np.zeros(len(arms))
        for place, value in enumerate(values):
            share = np.array([100 * results["selections"][arm][key].get(value, 0.0) for arm in arms])
            tint = colormaps["viridis"](place / max(1, len(values) - 1))
            axis.bar(
                range(len(arms)),
                share,
                bottom=bottom,
                color=tint,
                label=f"level {value}" if key == "by_level" else value,
                width=0.7,
            )
            bottom += share
        sizes = [f"{results['labels'][arm]}\n{np.mean(results['selections'][arm]['prompts']):.0f}" for arm in arms]
        turn = {"rotation": 45, "ha": "right"} if len(arms) > 6 or max(map(len, sizes)) > LONG else {}
        axis.set_xticks(range(len(arms)), sizes, fontsize=8, **turn)
        axis.set_ylabel("share of prompts (%)")
        axis.set_title(f"what was trained on, {key.replace('_', ' ')}", fontsize=10)
        axis.legend(frameon=False, fontsize=8, bbox_to_anchor=(1.0, 1.0), loc="upper left")
        axis.grid(axis="y", alpha=0.25)
    return figure
