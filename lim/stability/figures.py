"""Figures of the stability sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lim.report.style import BLUE, GREEN, GREY, ORANGE, from_zero, new_figure, save_figure, whole_ticks
from lim.stability.sweeps import Bootstrap, Reference


def write_figures(
    result: dict[str, Any], reference: Reference, replicates: Bootstrap | None, folder: Path
) -> list[Path]:
    """Write one PNG per sweep; `result` is what stability.json holds. Returns the paths."""
    figures = {"thresholds": thresholds(result), "first_epochs": agreement(result, "first_epochs", "epochs")}
    if "fewer_samples" in result:
        figures["fewer_samples"] = agreement(result, "fewer_samples", "samples")
    if replicates is not None:
        figures["bootstrap"] = bootstrap_figure(reference, replicates)
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def thresholds(result: dict[str, Any]) -> Figure:
    """Chosen count against the threshold."""
    figure, axis = new_figure()
    rows = result["thresholds"]
    axis.plot([row["threshold"] for row in rows], [row["chosen"] for row in rows], color=BLUE, marker=".")
    threshold = result["settings"]["similarity_threshold"]
    if threshold is not None:
        axis.axvline(threshold, color=ORANGE, label=f"threshold {threshold:g}: {result['chosen']:,} chosen")
        axis.legend(frameon=False, fontsize=8)
    axis.set(xlabel="threshold", ylabel=f"chosen of {result['prompts']:,}")
    from_zero(axis)
    return figure


def agreement(result: dict[str, Any], sweep: str, of: str) -> Figure:
    """Left: Jaccard of a smaller log's choice with the complete log's. Right: how many the same threshold keeps.

    `of` is what the sweep has fewer of: "epochs" or "samples".
    """
    x_label = {"epochs": "first k epochs", "samples": "samples per prompt and epoch"}[of]
    by_threshold = "jaccard_by_threshold" in result[sweep][-1]
    figure, axes = new_figure(9.2 if by_threshold else 5.6, 3.6, 1, 2 if by_threshold else 1)
    left, *right = np.ravel(axes)

    def line(axis: Any, key: str, color: str, label: str) -> None:
        rows = [row for row in result[sweep] if key in row]
        spread = [row.get(f"{key}_sd") or 0.0 for row in rows]
        bars = {"marker": ".", "capsize": 2} if any(spread) else {}
        axis.errorbar([row[of] for row in rows], [row[key] for row in rows], spread, color=color, label=label, **bars)

    line(left, "jaccard_by_rank", BLUE, "same number, by rank")
    if by_threshold:
        line(left, "jaccard_by_threshold", ORANGE, "same threshold")
        line(right[0], "chosen_by_threshold", ORANGE, "chosen" + " (± sd over draws)" * (of == "samples"))
        right[0].axhline(result["chosen"], color=GREY, linestyle="--", label=f"from all {of}")
        right[0].set(xlabel=x_label, ylabel="chosen by the same threshold")
        from_zero(right[0])
        right[0].legend(frameon=False, fontsize=8)
    if of == "epochs":
        line(left, "jaccard_of_uncertainty", GREEN, "p(1 − p) in its place, by rank")
    left.axhline(result["jaccard_by_chance"], color=GREY, linestyle="--", label="by chance")
    left.set(xlabel=x_label, ylabel=f"Jaccard with the choice from all {of}", ylim=(0, 1.02))
    left.legend(frameon=False, fontsize=8, loc="lower right")
    for axis in (left, *right):
        whole_ticks(axis)
    return figure


def bootstrap_figure(reference: Reference, replicates: Bootstrap) -> Figure:
    """Left: the score's standard error. Right: the probability of being chosen, against the score."""
    figure, (left, right) = new_figure(9.2, 3.6, 1, 2)
    scores_P = reference.scores_P
    low = np.nanquantile(scores_P, 0.01)
    left.plot(scores_P, replicates.standard_error_P, ".", markersize=3, color=BLUE, alpha=0.5)
    left.set(ylabel="standard error of the score")
    from_zero(left)
    right.plot(scores_P, replicates.by_rank_P, ".", markersize=3, color=BLUE, alpha=0.5, label="by rank")
    if replicates.by_threshold_P is not None:
        right.plot(
            scores_P, replicates.by_threshold_P, ".", markersize=3, color=ORANGE, alpha=0.5, label="by threshold"
        )
        right.axvline(reference.settings.similarity_threshold, color=GREY, linewidth=1)
    right.set(ylabel="probability of being chosen")
    right.legend(frameon=False, fontsize=8, markerscale=3)
    for axis in (left, right):
        axis.set(xlabel="score", xlim=(low, np.nanmax(scores_P) + 0.02))
    return figure
