"""Figures of a selection: scores, trajectories, trajectories against the average, share chosen by group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lim.choose import Floats, Mask
from lim.report.groups import Group, groups_of
from lim.report.style import BLUE, GREEN, GREY, ORANGE, legend_below, new_figure, save_figure, whole_ticks
from lim.selection import Selection

SHOWN_TRAJECTORIES = 20
QUANTILES = (0.98, 0.75, 0.25, 0.02)


def write_report(selection: Selection, folder: str | Path, kinds: Sequence[str] = ("png",)) -> list[Path]:
    """Write the figures the selection has data for, in each kind; same selection, same bytes. Returns their paths."""
    figures = {
        "scores": score_histogram(selection),
        "trajectories": sample_trajectories(selection),
        "trajectories_by_score": trajectories_by_score(selection),
        "averages_by_group": averages_by_group(selection),
    }
    for group in groups_of(selection.records, *selection.prompts.own_keys):
        if len(group.values) > 1:
            figures["chosen_by_" + re.sub(r"[^\w-]", "_", group.key)] = chosen_share(selection, group)
    return [
        save_figure(figure, Path(folder) / f"{name}.{kind}")
        for name, figure in figures.items()
        if figure
        for kind in kinds
    ]


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
    axis.set(xlabel=selection.settings.row.label, ylabel="prompts")
    below = int((scores < low).sum())
    missing = int((~scored_P).sum())
    title = f"{len(scores):,} prompts scored" + (f", {missing:,} without a score" if missing else "")
    axis.set_title(title + (f"; {below} below {low:.2f} in the first bin" if below else ""), fontsize=9, loc="left")
    legend_below(axis)
    return figure


def sample_trajectories(selection: Selection) -> Figure | None:
    """Reward trajectories of prompts spread evenly over the file (the paper's Figure 2a), with the average."""
    if selection.matrix is None:
        return None
    seen = np.flatnonzero((selection.matrix.counts_P_K > 0).any(axis=1))
    rows = seen[np.unique(np.linspace(0, len(seen) - 1, SHOWN_TRAJECTORIES).astype(int))]
    figure, axis = new_figure()
    _trajectories(axis, selection, rows, linewidth=0.9, alpha=0.75, markersize=3)
    axis.plot([], [], color=BLUE, label="chosen")
    axis.plot([], [], color=GREY, label="not chosen")
    axis.set_title(f"{len(rows)} prompts spread over the file", fontsize=9, loc="left")
    legend_below(axis)
    return figure


def trajectories_by_score(selection: Selection) -> Figure | None:
    """Four trajectories at high to low score quantiles against the average curve (the paper's Figure 2b)."""
    usable = np.flatnonzero(~np.isnan(selection.scores_P))
    if selection.matrix is None or not len(usable):
        return None
    order = usable[np.argsort(selection.scores_P[usable], kind="stable")]
    rows = [int(order[round(share * (len(order) - 1))]) for share in QUANTILES]
    figure, axes = new_figure(9.6, 2.7, 1, len(rows), sharey=True)
    for axis, row, share in zip(axes, rows, QUANTILES, strict=True):
        _trajectories(axis, selection, [row], linewidth=1.2, markersize=4)
        label = "chosen" if selection.chosen_P[row] else "not chosen"
        axis.set_title(f"{share:.0%} quantile: {selection.scores_P[row]:.2f}\n{label}", fontsize=8.5, loc="left")
        axis.label_outer()
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def averages_by_group(selection: Selection) -> Figure | None:
    """The average curve of each group that LIM compared with, beside that of all prompts."""
    if not selection.averages_K or selection.average_K is None:
        return None
    figure, axis = new_figure()
    epochs_K = np.arange(1, len(selection.average_K) + 1)
    for name, curve_K in selection.averages_K.items():
        axis.plot(epochs_K, curve_K, marker=".", linewidth=1.2, label=name)
    axis.plot(epochs_K, selection.average_K, color=ORANGE, linewidth=2, label="all prompts")
    _label_epochs(axis, selection)
    legend_below(axis)
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


def scores_against(one_P: Floats, two_P: Floats, chosen_one_P: Mask, chosen_two_P: Mask) -> Figure:
    """The scores of one selection against another's, by who chose the prompt."""
    figure, axis = new_figure(6.4, 4.8)
    sides = (
        ("neither", GREY, ~chosen_one_P & ~chosen_two_P),
        ("both", BLUE, chosen_one_P & chosen_two_P),
        ("the first alone", ORANGE, chosen_one_P & ~chosen_two_P),
        ("the second alone", GREEN, ~chosen_one_P & chosen_two_P),
    )
    for name, color, mask_P in sides:
        label = f"chosen by {name}: {int(mask_P.sum()):,}"
        axis.scatter(one_P[mask_P], two_P[mask_P], s=7, color=color, alpha=0.7, linewidths=0, label=label)
    axis.axline((0, 0), slope=1, color="#888888", linewidth=0.8, linestyle=":")
    axis.set(xlabel="score in the first", ylabel="score in the second")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _trajectories(axis: Axes, selection: Selection, rows: Sequence[int] | np.ndarray, **style: Any) -> None:
    """Trajectories of some prompts, and the average curve."""
    assert selection.matrix is not None
    epochs_K = np.arange(1, selection.matrix.epochs + 1)
    for row in rows:
        color = BLUE if selection.chosen_P[row] else GREY
        axis.plot(epochs_K, selection.matrix.rewards_P_K[row], color=color, marker=".", **style)
    if selection.average_K is not None:
        curve_K, name = selection.average_K, "average"
        if len(rows) == 1 and selection.group_of is not None:
            curve_K = selection.averages_K.get(selection.group_of[int(rows[0])], curve_K)
            name = "average of its group"
        axis.plot(epochs_K, curve_K, color=ORANGE, linewidth=2, label=name)
    _label_epochs(axis, selection)


def _label_epochs(axis: Axes, selection: Selection) -> None:
    assert selection.matrix is not None
    values = "mean reward" if selection.settings.metric == "reward" else "pass rate"
    axis.set(xlabel="epoch", ylabel=values, xlim=(0.5, selection.matrix.epochs + 0.5))
    whole_ticks(axis)
