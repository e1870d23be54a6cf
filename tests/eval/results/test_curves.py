"""Learning curves from evaluations and a reward log; the picture is read back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from eval import eval as command
from eval.engine.engine import Finished
from eval.results import curves
from lim.logs.reward_log import write_step
from lim.utils.errors import InputError
from lim.utils.files import read_json, write_json


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


def test_the_reward_log_of_an_evaluation_elsewhere(tmp_path: Path) -> None:
    run = make_run(tmp_path, "r", {})
    out = make_run(tmp_path / "out", "of-r", {"10": 10, "20": 20}, log=False) / "eval"
    assert curves.collect(out).reward == ([], [])
    assert curves.collect(out, run).reward[0] == list(range(1, 31))
    for path in out.glob("*/results.json"):  # the results say of which run they are
        write_json(path, {**read_json(path), "run": str(run)})
    assert curves.collect(out).reward[0] == list(range(1, 31))
    for path in out.glob("*/results.json"):
        write_json(path, {**read_json(path), "run": str(tmp_path / "gone")})
    assert curves.collect(out).reward == ([], [])


def test_a_run_that_was_moved_has_its_own_log(tmp_path: Path) -> None:
    other = make_run(tmp_path, "r", {})
    moved = make_run(tmp_path, "old-r", {"10": 10})
    path = moved / "eval" / "10" / "results.json"
    write_json(path, {**read_json(path), "run": str(other)})
    for step in range(6, 31):
        (moved / f"step_{step}.parquet").unlink()
    assert curves.collect(moved / "eval").reward[0] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_every_step_draws_the_runs_own_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], elsewhere: bool
) -> None:
    """Of evaluations that are complete, `--step all` grades and draws."""
    run = make_run(tmp_path, "r", {})
    questions = tmp_path / "data" / "aime24.jsonl"
    questions.parent.mkdir()
    questions.write_text('{"id": "q1", "question": "1+1", "answer": "2"}\n', encoding="utf-8")
    for step in (10, 20):
        write_json(run / "ckpt" / f"global_step{step}_hf" / "config.json", {"step": step})
    arguments = ["--run_path", str(run), "--step", "all", "--benchmarks", "aime24", "--data_dir"]
    arguments += [str(questions.parent), *(["--output_path", str(tmp_path / "out" / "r-eval")] if elsewhere else [])]
    drawn: dict[str, curves.Curve] = {}
    monkeypatch.setattr(curves, "draw", lambda found, path: drawn.update({path: found}))
    monkeypatch.setattr(command.Engines, "generate", lambda *a: ([Finished(*one)] for one in answers(a[-1])))
    command.main(arguments)
    folder = tmp_path / "out" / "r-eval" if elsewhere else run / "eval"
    ((path, found),) = drawn.items()
    assert path == folder / "curves.png"
    assert list(found) == ["r"]
    assert found["r"].points("aime24")[:2] == ([10, 20], [1.0, 1.0])
    assert found["r"].reward[0] == list(range(1, 31))
    assert f"wrote {path}\n" in capsys.readouterr().out


def answers(wanted: dict[str, list[tuple[str, int]]]) -> list[tuple]:
    return [((name, *key), r"\boxed{2}", "stop", 5) for name, keys in wanted.items() for key in keys]


def test_every_step_of_a_run_that_knows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aime24.jsonl").write_text('{"id": "q1", "question": "1+1", "answer": "2"}\n', encoding="utf-8")
    write_json(tmp_path / "r" / "final" / "config.json", {})
    monkeypatch.setattr(command.Engines, "generate", lambda *a: ([Finished(*one)] for one in answers(a[-1])))
    arguments = ["--run_path", str(tmp_path / "r"), "--step", "all", "--benchmarks", "aime24"]
    assert not command.main([*arguments, "--data_dir", str(tmp_path)])
    assert "curves: none, because no step of r is known" in capsys.readouterr().out
    assert not (tmp_path / "r" / "eval" / "curves.png").exists()


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


def test_figures_leave_the_global_state_of_matplotlib_alone() -> None:
    code = "import sys, eval.results.curves, train.compare.figures; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=curves.ROOT)
    assert done.stdout.strip() == "False", done.stderr


def test_the_suffix_of_a_picture_is_its_format(tmp_path: Path) -> None:
    curve = {"r": curves.collect(make_run(tmp_path, "r", {"10": 10}) / "eval")}
    curves.draw(curve, tmp_path / "curves.svg")
    assert b"<svg" in (tmp_path / "curves.svg").read_bytes()
    with pytest.raises(InputError, match=r"curves\.xyz: a picture cannot be a \.xyz file; name it"):
        curves.draw(curve, tmp_path / "curves.xyz")
    assert not list(tmp_path.glob("*xyz*"))
