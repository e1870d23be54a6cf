"""Figures: there where there is data for them, the same bytes for the same selection."""

from __future__ import annotations

import io

import numpy as np
import pytest
from logs import write_log, write_prompts
from PIL import Image

from lim.pipeline import select
from lim.report.figures import chosen_share, score_histogram, trajectories_by_score, write_report
from lim.report.groups import groups_of
from lim.report.style import from_zero, new_figure, whole_ticks
from lim.strategies import Settings

IDS = [f"p{n}" for n in range(24)]


@pytest.fixture
def selection(tmp_path):
    rng = np.random.default_rng(0)
    rates = np.clip(rng.uniform(0, 1, (24, 1)) + np.linspace(0, 0.4, 5), 0, 1)
    rewards = {id: (rng.random((5, 4)) < rates[row][:, None]).astype(float).tolist() for row, id in enumerate(IDS)}
    log = write_log(tmp_path / "log", rewards)
    levels = [f"Level {1 + at % 12}" for at in range(24)]
    prompts = write_prompts(tmp_path / "p.json", IDS, level=levels, source=["one"] * 24)
    return select(prompts, log_path=log, settings=Settings(top_k=8))


def test_svg_and_pdf_are_repeatable_too(selection, tmp_path):
    paths = write_report(selection, tmp_path / "report", ("svg", "pdf"))
    assert {path.suffix for path in paths} == {".svg", ".pdf"} and len(paths) == 8
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_report(selection, tmp_path / "report", ("svg", "pdf"))] == first
    assert first[0].lstrip().startswith(b"<?xml") and first[1].startswith(b"%PDF")


def test_figures_are_written_and_repeatable(selection, tmp_path):
    paths = write_report(selection, tmp_path / "report")
    # All prompts are of one source: no figure of that.
    names = ["scores", "trajectories", "trajectories_by_score", "chosen_by_level"]
    assert [path.stem for path in paths] == names
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_report(selection, tmp_path / "report")] == first
    for data in first:
        with Image.open(io.BytesIO(data)) as image:
            assert image.width > 500
            assert len(image.convert("L").getcolors(256) or ()) > 2


def test_levels_are_in_natural_order(selection):
    figure = chosen_share(selection, groups_of(selection.records)[0])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"Level {n}" for n in range(1, 13)]


def test_the_histogram_holds_every_prompt_and_splits_at_the_threshold(tmp_path, selection):
    prompts = tmp_path / "p.json"
    chosen = select(prompts, log_path=tmp_path / "log", settings=Settings(similarity_threshold=0.5))
    figure = score_histogram(chosen)
    assert figure is not None
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == 24
    below = sum(bar.get_height() for bar in figure.axes[0].patches if bar.get_x() + bar.get_width() <= 0.5 + 1e-9)
    assert below == (~chosen.chosen_P).sum()
    figure.canvas.draw()
    (axis,) = figure.axes
    legend = axis.get_legend()
    assert legend is not None and not legend.get_window_extent().overlaps(axis.get_window_extent())


@pytest.mark.parametrize("steps", [[2], [1, 2], [1, 2, 3]])
def test_a_few_steps_have_ticks_at_whole_numbers_alone(steps):
    figure, axis = new_figure()
    axis.plot(steps, steps)
    whole_ticks(axis)
    from_zero(axis)
    figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in axis.get_xticks())
    assert axis.get_ylim() == (0, pytest.approx(1.05 * steps[-1]))


def test_trajectories_go_from_high_to_low_scores(selection):
    figure = trajectories_by_score(selection)
    assert figure is not None
    scores = [float(axis.get_title(loc="left").split(":")[1].split()[0]) for axis in figure.axes]
    assert scores == sorted(scores, reverse=True)


def test_without_a_log_there_are_no_trajectories(tmp_path):
    prompts = write_prompts(tmp_path / "p.json", IDS, subject=["algebra", "geometry"] * 12)
    drawn = select(prompts, settings=Settings(strategy="random", num_prompts=6))
    assert [path.stem for path in write_report(drawn, tmp_path)] == ["chosen_by_subject"]
