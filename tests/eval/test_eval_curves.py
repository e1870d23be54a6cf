"""Learning curves from evaluations and a reward log; the picture is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from eval import curves
from lim.errors import InputError
from lim.files import write_json
from lim.reward_log import write_step


def figure(value: float) -> dict[str, Any]:
    return {"value": value, "stderr": 0.02, "n": 100}


def make_run(root: Path, name: str, steps: dict[str, int], shift: float = 0.0, log: bool = True) -> Path:
    run = root / name
    for folder, step in steps.items():
        results = {
            "label": f"{name}:{folder}",
            "step": step,
            "average": None,
            "benchmarks": {"a": {"accuracy": figure(0.2 + step / 100 + shift), "response_tokens": figure(10)}},
        }
        write_json(run / "eval" / folder / "results.json", results)
    for step in range(1, 31) if log else ():
        columns = {
            "prompt_id": ["p", "p"],
            "epoch": [1, 1],
            "step": [step, step],
            "sample": [0, 1],
            "reward": [-0.5, step / 30],
            "response_tokens": [9, 11],
        }
        write_step(run, step, columns)
    return run


def test_points_and_training(tmp_path: Path) -> None:
    run = make_run(tmp_path, "r", {"0": 0, "10": 10, "20": 20, "final": 30})
    curve = curves.collect(run / "eval")
    steps, values, errors = curve.points("a")
    assert steps == [0, 10, 20, 30]
    assert values == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert errors == [0.02] * 4
    assert curve.reward[0] == list(range(1, 31))
    assert curve.reward[1][-1] == pytest.approx(0.25)
    assert curve.tokens[1] == [10.0] * 30


def test_a_step_evaluated_under_two_names_is_one_point(tmp_path: Path) -> None:
    run = make_run(tmp_path, "r", {"10": 10, "best": 10, "final": 20})
    assert curves.collect(run / "eval").points("a")[0] == [10, 20]


def test_nothing_evaluated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run eval/eval\.sh --step all first"):
        curves.collect(tmp_path)


def test_the_figure_shows_every_run(tmp_path: Path) -> None:
    runs = {
        name: make_run(tmp_path, name, {"0": 0, "10": 10, "20": 20}, shift, log)
        for name, shift, log in (("full", 0.0, True), ("limr", 0.1, False))
    }
    path = tmp_path / "curves.png"
    curves.draw({name: curves.collect(run / "eval") for name, run in runs.items()}, path)
    picture = matplotlib.image.imread(path)
    assert min(picture.shape[:2]) > 300
    for colour in curves.COLOURS[:2]:
        wanted = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        assert (np.abs(picture[..., :3] - wanted).max(axis=-1) < 0.02).sum() > 100
