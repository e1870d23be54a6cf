"""Comparison of evaluated models, on results written by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from eval import compare
from lim.utils.errors import InputError
from lim.utils.files import read_json, write_json

MADE = {
    "data_sha256": "d" * 64,
    "temperature": 1.0,
    "top_p": 1.0,
    "max_new_tokens": 32,
    "seed": 0,
    "template": {"name": "chat", "text": None, "stop": []},
    "n_samples": 2,
}


def write_run(root: Path, name: str, verdicts: dict[str, list[bool]], step: str = "final", **made: Any) -> Path:
    """A run's folder with the results of a step; those of `final` and `model` do not know theirs."""
    folder = root / name / "eval" / step
    rows = [
        {"id": id, "sample": i, "verdict": "correct" if right else "incorrect", "answer": "1"}
        for id, values in verdicts.items()
        for i, right in enumerate(values)
    ]
    folder.mkdir(parents=True)
    (folder / "b.graded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    share = sum(row["verdict"] == "correct" for row in rows) / len(rows)
    facts = {
        "n_questions": len(verdicts),
        "samples_a_question": 2,
        "accuracy": {"value": share, "stderr": 0.1, "n": len(verdicts)},
        "generated_with": {**MADE, **made},
    }
    number = int(step) if step.isdecimal() else None
    results = {"label": name, "step": number, "average": None, "benchmarks": {"b": facts}}
    write_json(folder / "results.json", results)
    return root / name


A = {"q1": [False, False], "q2": [True, False], "q3": [False, True], "q4": [True, True]}
B = {"q1": [True, False], "q2": [True, True], "q3": [False, True], "q4": [True, True]}


def test_difference_by_hand(tmp_path: Path) -> None:
    runs = [compare.load(str(write_run(tmp_path, name, v))) for name, v in (("a", A), ("b", B))]
    rows = compare.compare(runs, runs[0])
    assert [row.label for row in rows] == ["a", "b"]
    assert rows[0].difference is None
    found = rows[1].difference
    assert found is not None
    # Differences 0.5, 0.5, 0, 0: mean 0.25, squared deviations 4 × 0.0625.
    assert found.value == pytest.approx(0.25)
    assert found.stderr == pytest.approx(math.sqrt(0.25 / 3) / 2)
    assert (found.better, found.worse) == (2, 0)
    assert compare.cells(rows[1], str) == ["b", "75.0 ± 10.0", "+25.0 ± 14.4", "2 / 0", "60.1"]


def test_the_order_of_samples_in_the_files_does_not_matter(tmp_path: Path) -> None:
    runs = [
        compare.load(str(write_run(tmp_path, name, v))) for name, v in (("a", A), ("b", dict(reversed(B.items()))))
    ]
    assert compare.compare(runs, runs[0])[1].difference == compare.difference(runs[0], runs[1], "b")
    assert compare.difference(runs[0], runs[1], "b").value == pytest.approx(0.25)


def test_command_writes_markdown_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(write_run(tmp_path, name, v)) for name, v in (("a", A), ("b", B))]
    out = [tmp_path / "table.md", tmp_path / "table.json"]
    assert not compare.main([*paths, "--baseline", "b", "--markdown", str(out[0]), "--json", str(out[1])])
    assert "| a | 50.0 ± 10.0 | -25.0 ± 14.4 | 0 / 2 | 60.1 |" in out[0].read_text(encoding="utf-8")
    found = read_json(out[1])
    assert found["baseline"] == "b"
    assert found["rows"][0]["difference"]["value"] == pytest.approx(-0.25)
    assert "difference to b" in capsys.readouterr().out
    # A RUN as it was given is as good as its label, and the old name of the flag still works.
    assert not compare.main([*paths, "--reference", paths[1]])
    assert "difference to b" in capsys.readouterr().out


def test_curves_are_of_the_models_with_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from eval.results import curves

    drawn: list[str] = []
    draw = curves.draw
    monkeypatch.setattr(curves, "draw", lambda found, path: (drawn.extend(found), draw(found, path)))
    base = write_run(tmp_path, "base", A, step="model")
    run = write_run(tmp_path, "run", B, step="10")
    path = tmp_path / "curves.png"
    assert not compare.main([str(base), str(run), "--curves", str(path)])
    assert drawn == ["run"]
    assert path.stat().st_size > 10_000
    assert f"{path} (without base: no step is known)" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"--curves: no model here was evaluated at a step; run eval/eval\.sh"):
        compare.main([str(base), "--curves", str(path)])


def test_different_settings_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_run(tmp_path, "a", A)
    b = write_run(tmp_path, "b", B, temperature=0.4)
    compare.main([str(a), str(b)])
    assert "differ in temperature" in capsys.readouterr().out


def test_runs_without_a_common_benchmark_are_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = write_run(tmp_path, "a", A), write_run(tmp_path, "b", B)
    results = read_json(b / "eval/final/results.json")
    results["benchmarks"] = {"other": results["benchmarks"]["b"]}
    write_json(b / "eval/final/results.json", results)
    (b / "eval/final/b.graded.jsonl").rename(b / "eval/final/other.graded.jsonl")
    compare.main([str(a), str(b), "--json", str(tmp_path / "t.json"), "--markdown", str(tmp_path / "t.md")])
    out = capsys.readouterr().out
    assert "have no benchmark in common, so there is no difference" in out
    assert all(f"wrote {tmp_path / name}\n" in out for name in ("t.json", "t.md"))


def test_different_questions_are_refused(tmp_path: Path) -> None:
    a = write_run(tmp_path, "a", A)
    b = write_run(tmp_path, "b", B, data_sha256="e" * 64)
    with pytest.raises(InputError, match="different questions"):
        compare.main([str(a), str(b)])


def test_steps_are_chosen_and_listed(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", A, step="10")
    write_run(tmp_path / "other", "a", B, step="20")
    assert compare.load(str(run)).folder.name == "10"
    (tmp_path / "other" / "a" / "eval" / "20").rename(run / "eval" / "20")
    with pytest.raises(InputError, match=r"several steps were evaluated; say which: .*:10 \(there are 10, 20\)"):
        compare.load(str(run))
    assert compare.load(f"{run}:20").folder.name == "20"
    assert compare.load(str(run / "eval" / "10")).folder.name == "10"
    with pytest.raises(InputError, match="step '30' was not evaluated; there are 10, 20"):
        compare.load(f"{run}:30")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "a"], "two runs are called 'a'"),
        (["a", "b", "--labels", "x"], "1 label for 2 runs"),
        (["a", "b", "--baseline", "c"], "no such run here; there are a, b"),
        (["a", "nowhere"], "no such run"),
        (["a", "b", "--markdown", "/dev/null/table.md"], "--markdown /dev/null/table.md: "),
    ],
)
def test_mistakes_are_reported(tmp_path: Path, arguments: list[str], message: str) -> None:
    for name, verdicts in (("a", A), ("b", B)):
        write_run(tmp_path, name, verdicts)
    paths = [str(tmp_path / a) if (tmp_path / a).is_dir() else a for a in arguments]
    with pytest.raises(InputError, match=message):
        compare.main(paths)


def test_a_run_that_was_not_evaluated(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="nothing was evaluated here"):
        compare.load(str(tmp_path / "run"))
