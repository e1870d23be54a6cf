"""Contrasts of arms from kept figures, against numbers by hand and simulated experiments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from eval.results.statistics import blocks
from lim.utils.errors import run_cli
from scripts.contrast import contrast, main, verdict

# Points by seed. Of arm + seed + scatter, limr − band is +3 in every seed but one.
POINTS: dict[str, list[float]] = {"limr": [60, 65, 70], "band": [57, 62, 70], "rand": [55, 61, 66]}


def write(folder: Path, points: dict[str, list[float]], **changed: object) -> Path:
    folder.mkdir()
    base = {"inputs": {}, "questions": {"t1": "q"}, "correct": {"t1": [0.5]}}
    (folder / "base.json").write_text(json.dumps({"arm": "base", "seed": None, **base}))
    for arm, values in points.items():
        for seed, value in enumerate(values, 11):
            run = {
                "arm": arm,
                "seed": seed,
                "inputs": {"prompts.json": "sha256 a", "run.epochs": "8" if arm == "limr" else "43"},
                "questions": {"t1": "q"},
                "correct": {"t1": [value / 100 - 0.1, value / 100 + 0.1]},
            }
            (folder / f"{arm}-s{seed}.json").write_text(
                json.dumps(run | (changed if (arm, seed) == ("rand", 12) else {}))
            )
    return folder


def run(folder: Path, *more: str) -> int | None:
    names = ["--primary", "limr:band", "--arms", "limr", "band", "rand", "--benchmark", "t1"]
    return run_cli(lambda: main([str(folder), *names, *more]))


def test_intervals_by_hand(tmp_path, capsys):
    assert not run(write(tmp_path / "kept", POINTS), "--also", "limr:rand", "--output_path", str(tmp_path / "out"))
    found = json.loads((tmp_path / "out" / "contrast.json").read_text())
    values = np.array(list(POINTS.values()), float)
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    sd = np.sqrt((rest**2).sum() / 4)
    first, second = found["contrasts"]
    assert found["dof"] == 4 and found["sd"] == pytest.approx(sd) and found["seeds"] == [11, 12, 13]
    assert first["difference"] == pytest.approx(2) and first["by_seed"] == pytest.approx({"11": 3, "12": 3, "13": 0})
    assert first["stderr"] == pytest.approx(sd * np.sqrt(2 / 3))
    half = t.ppf(0.95, 4) * first["stderr"]
    assert first["interval"] == pytest.approx([2 - half, 2 + half]) and first["verdict"] == "better"
    assert second["interval"][1] - second["difference"] == pytest.approx(t.ppf(0.975, 4) * second["stderr"])
    assert second["verdict"] is None
    assert (tmp_path / "out" / "contrast.png").stat().st_size > 5000
    assert "limr against band, margin 2: better" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((-1.5, 1.9), "no better and no worse"),
        ((0.2, 1.9), "a difference too small to matter"),
        ((-1.9, -0.2), "a difference too small to matter"),
        ((0.2, 2.5), "better"),
        ((-2.5, -0.2), "worse"),
        ((-0.5, 2.5), "undecided"),
        ((-2.5, 1.0), "undecided"),
        ((-2.5, 2.5), "undecided"),
    ],
)
def test_what_an_interval_says(interval, said):
    assert verdict(interval, 2.0) == said


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for _ in range(1000):
        level = rng.normal(60, 5, 4)  # of the seed, which cancels out
        found = {arm: dict(enumerate(level + rng.normal(0, 1.5, 4))) for arm in POINTS}
        low, high = contrast(found, blocks(found), ("limr", "band"), 0.9).interval
        covered += low < 0 < high
    assert 870 <= covered <= 930


def test_an_arm_with_fewer_seeds_is_compared_over_those(tmp_path):
    folder = write(tmp_path / "kept", {**POINTS, "linear": [58, 60]})
    assert not run(folder, "--also", "linear:limr", "--output_path", str(tmp_path / "out"))
    found = json.loads((tmp_path / "out" / "contrast.json").read_text())
    assert found["dof"] == 4 and found["contrasts"][1]["by_seed"] == pytest.approx({"11": -2, "12": -5})
    assert found["contrasts"][1]["stderr"] == pytest.approx(found["sd"])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--primary", "limr"], "error: limr: a contrast is two arms, as in limr:band"),
        (["--primary", "limr:limr"], "error: limr:limr: a contrast is two arms"),
        (["--also", "limr:lin"], "error: lin: has no run here (there are band, limr, rand)"),
        (["--seeds", "11"], "error: one seed (11) says nothing"),
        (["--benchmark", "t2"], "error: band, seed 11: has no t2 (its benchmarks: t1)"),
    ],
)
def test_questions_that_cannot_be_answered(tmp_path, capsys, more, says):
    assert run(write(tmp_path / "kept", POINTS), *more) == 2
    assert capsys.readouterr().err.startswith(says)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"inputs": {"prompts.json": "sha256 b", "run.epochs": "43"}},
            "rand, seed 12: had prompts.json sha256 b, band,",
        ),
        (
            {"inputs": {"prompts.json": "sha256 a", "run.epochs": "4"}},
            "rand, seed 12: had run.epochs 4, rand, seed 11 43",
        ),
        ({"questions": {"t1": "r"}}, "rand, seed 12: was evaluated on other questions of t1 than band, seed 11"),
    ],
)
def test_runs_of_another_experiment_are_refused(tmp_path, capsys, changed, says):
    assert run(write(tmp_path / "kept", POINTS, **changed)) == 2
    assert says in capsys.readouterr().err


def test_a_missing_run_is_named_and_nothing_is_written(tmp_path, capsys):
    folder = write(tmp_path / "kept", POINTS)
    (folder / "band-s13.json").unlink()
    assert run(folder, "--output_path", str(tmp_path / "out")) == 2
    assert "runs are missing: band 13; train them" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert not run(folder, "--seeds", "11", "12")


def test_runs_shows_no_accuracy(tmp_path, capsys):
    assert not run(write(tmp_path / "kept", POINTS), "--runs")
    assert capsys.readouterr().out == "band: 11, 12, 13\nlimr: 11, 12, 13\nrand: 11, 12, 13\n"


def test_a_folder_of_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "a.json").write_text("[1]")
    assert run(tmp_path) == 2 and "a.json: is not what a comparison keeps" in capsys.readouterr().err
    assert run(tmp_path / "gone") == 2 and "gone: is not there" in capsys.readouterr().err
