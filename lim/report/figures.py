"""Figures of a selection as PNG: scores, trajectories, trajectories against the average, share chosen by group."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lim.report.groups import Group, groups_of
from lim.report.style import BLUE, GREY, ORANGE, new_figure, save_figure
from lim.selection import Selection

SHOWN_TRAJECTORIES = 20
QUANTILES = (0.98, 0.75, 0.25, 0.02)


def write_report(selection: Selection, folder: str | Path) -> list[Path]:
    """Write the figures the selection has data for; same selection, same bytes. Returns their paths."""
    figures = {
        "scores": score_histogram(selection),
        "trajectories": sample_trajectories(selection),
        "trajectories_by_score": trajectories_by_score(selection),
    }
    for group in groups_of(selection.records):
        if len(group.values) > 1:
            figures["chosen_by_" + re.sub(r"[^\w-]", "_", group.key)] = chosen_share(selection, group)
    return [save_figure(figure, Path(folder) / f"{name}.png") for name, figure in figures.items() if figure]


def score_histogram(selection: Selection) -> Figure | None:
    """Histogram of the scores, chosen and not, with the threshold. The lowest percent is in the first bin."""
    scored_P = ~np.isnan(selection.scores_P)
    if not scored_P.any():
        return None
    figure, axis = new_figure()
    threshold = selection.settings.similarity_threshold
    scores = selection.scores_P[scored_P]
    low, high = np.quantile(scores, 0.01), scores.max()
    width = (high - low) / 50 or 1.0
    anchor = low if threshold is None else threshold  # an edge on the threshold keeps the colours apart
    first = np.floor((low - anchor) / width)
    edges = anchor + width * np.arange(first, np.floor((high - anchor) / width) + 2)
    clipped_P = np.clip(selection.scores_P, low, high)
    groups = (("chosen", BLUE, selection.chosen_P & scored_P), ("not chosen", GREY, ~selection.chosen_P & scored_P))
    axis.hist(
        [clipped_P[mask_P] for _, _, mask_P in groups],
        edges.tolist(),
        stacked=True,
        color=[color for _, color, _ in groups],
        label=[f"{name}: {int(mask_P.sum()):,}" for name, _, mask_P in groups],
    )
    if threshold is not None:
        axis.axvline(threshold, color=ORANGE, linewidth=1.5, label=f"threshold {threshold:g}")
    axis.set_xlabel(selection.settings.row.label, fontsize=9)
    axis.set_ylabel("prompts", fontsize=9)
    below = int((scores < low).sum())
    missing = int((~scored_P).sum())
    title = f"{len(scores):,} prompts scored" + (f", {missing:,} without a score" if missing else "")
    axis.set_title(title + (f"; {below} below {low:.2f} in the first bin" if below else ""), fontsize=9, loc="left")
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def sample_trajectories(selection: Selection) -> Figure | None:
    """Reward trajectories of prompts spread evenly over the file (the paper's Figure 2a), with the average."""
    if selection.matrix is None:
        return None
    matrix = selection.matrix
    seen = np.flatnonzero((matrix.counts_P_K > 0).any(axis=1))
    rows = seen[np.unique(np.linspace(0, len(seen) - 1, SHOWN_TRAJECTORIES).astype(int))]
    figure, axis = new_figure()
    epochs_K = np.arange(1, matrix.epochs + 1)
    for row in rows:
        color = BLUE if selection.chosen_P[row] else GREY
        axis.plot(epochs_K, matrix.rewards_P_K[row], color=color, linewidth=0.9, alpha=0.75, marker=".", markersize=3)
    _average(axis, selection)
    axis.plot([], [], color=BLUE, label="chosen")
    axis.plot([], [], color=GREY, label="not chosen")
    axis.set_title(f"{len(rows)} prompts spread over the file", fontsize=9, loc="left")
    _epoch_axis(axis, matrix.epochs, selection.settings.metric)
    axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def trajectories_by_score(selection: Selection) -> Figure | None:
    """Four trajectories at high to low score quantiles against the average curve (the paper's Figure 2b)."""
    matrix = selection.matrix
    usable = np.flatnonzero(~np.isnan(selection.scores_P))
    if matrix is None or not len(usable):
        return None
    order = usable[np.argsort(selection.scores_P[usable], kind="stable")]
    rows = [int(order[round(share * (len(order) - 1))]) for share in QUANTILES]
    figure, axes = new_figure(9.6, 2.7, 1, len(rows))
    epochs_K = np.arange(1, matrix.epochs + 1)
    for axis, row, share in zip(np.ravel(axes), rows, QUANTILES, strict=True):
        color = BLUE if selection.chosen_P[row] else GREY
        axis.plot(epochs_K, matrix.rewards_P_K[row], color=color, linewidth=1.2, marker=".", markersize=4)
        _average(axis, selection)
        label = "chosen" if selection.chosen_P[row] else "not chosen"
        axis.set_title(f"{share:.0%} quantile: {selection.scores_P[row]:.2f}\n{label}", fontsize=8.5, loc="left")
        _epoch_axis(axis, matrix.epochs, selection.settings.metric)
    axes = np.ravel(axes)
    low = min(axis.get_ylim()[0] for axis in axes)
    high = max(axis.get_ylim()[1] for axis in axes)
    for at, axis in enumerate(axes):
        axis.set_ylim(low, high)
        if at:
            axis.set_ylabel("")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def chosen_share(selection: Selection, group: Group) -> Figure:
    """Share chosen of each of a group's values, with counts."""
    groups_P, size = np.array(group.index), len(group.values)
    total_G = np.bincount(groups_P[groups_P >= 0], minlength=size)
    chosen_G = np.bincount(groups_P[selection.chosen_P & (groups_P >= 0)], minlength=size)
    share_G = chosen_G / total_G
    figure, axis = new_figure(6.4, 0.9 + 0.34 * size)
    heights_G = np.arange(size)[::-1]
    axis.barh(heights_G, share_G, color=BLUE, height=0.7)
    for height, share, chosen, total in zip(heights_G, share_G, chosen_G, total_G, strict=True):
        axis.text(share, height, f" {chosen:,} of {total:,}", va="center", fontsize=8)
    axis.axvline(selection.chosen_P.mean(), color=ORANGE, linewidth=1.2, label="all prompts")
    axis.set_yticks(heights_G, group.values, fontsize=8)
    axis.set_xlim(0, max(share_G.max(), selection.chosen_P.mean()) * 1.25 + 1e-6)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.set_title(f"share chosen by {group.key}", fontsize=9, loc="left")
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def _average(axis: Axes, selection: Selection) -> None:
    if selection.average_K is not None:
        epochs_K = np.arange(1, len(selection.average_K) + 1)
        axis.plot(epochs_K, selection.average_K, color=ORANGE, linewidth=2, label="average")


def _epoch_axis(axis: Axes, epochs: int, metric: str) -> None:
    axis.set_xlabel("epoch", fontsize=9)
    axis.set_ylabel("mean reward" if metric == "reward" else "pass rate", fontsize=9)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlim(0.5, epochs + 0.5)
