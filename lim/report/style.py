"""What all figures share: colours, axes, and files that are the same for the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lim.utils.errors import InputError
from lim.utils.files import atomic_path

# Told apart by colour-blind readers: the colours of Okabe and Ito, then of Tol.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#882255", "#44AA99", "#999933", "#332288", "#AA4499"),
)
BLUE, ORANGE, GREEN = COLOURS[:3]
GREY = "#b8bcc2"


def whole_ticks(axis: Any, **options: Any) -> None:
    """Ticks at whole numbers alone, of steps, epochs or samples, however few there are; `options`: MaxNLocator's."""
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, **options))


def legend_below(axis: Any) -> None:
    """A legend below the axes, where it hides nothing."""
    axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.16))


def from_zero(axis: Any) -> None:
    """A y axis from 0 to somewhat above the highest point: autoscaling leaves a share of the range above it."""
    highest = axis.dataLim.y1  # -inf where nothing is drawn
    axis.set_ylim(0, 1.05 * highest if highest > 0 else 1)


# What each kind of file would say of when and by what it was written.
UNDATED = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def new_figure(
    width: float = 6.4, height: float = 3.8, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A figure and its axes (an array where there are several), without pyplot's global state.

    `options` are those of matplotlib's `Figure.subplots`.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, **options)
    for axis in np.ravel(axes):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.xaxis.label.set_fontsize(9)
        axis.yaxis.label.set_fontsize(9)
    return figure, axes


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a picture atomically, in the format of its suffix; without a date, so that same data give same bytes."""
    kind = path.suffix.lstrip(".").lower() or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise InputError(f"{path}: a picture cannot be a .{kind} file; name it .png, .pdf or .svg")
    with atomic_path(path) as partial, rc_context({"svg.hashsalt": "lim"}):  # names within the file, else random
        figure.savefig(partial, format=kind, dpi=130, metadata=UNDATED.get(kind))
    return path
