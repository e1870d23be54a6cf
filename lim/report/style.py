"""What all figures share: colours, axes, and PNG files that are the same for the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lim.utils.files import atomic_path

BLUE, ORANGE, GREY, GREEN = "#2f6db3", "#d9772b", "#b8bcc2", "#3a8f5c"


def new_figure(width: float = 6.4, height: float = 3.8, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure and its axes (an array where there are several), without pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    for axis in np.ravel(axes):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a PNG atomically, without a date or version in it."""
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=110, metadata={"Software": None})
    return path
