"""Tables at the width of a terminal, and what is shown of verdicts that differ."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval import compare, settings
from eval import eval as command
from eval.results import tables
from lim.utils.files import read_json, write_json


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["full", "limr"], ["full", "limr"]),  # short enough
        (["a-rather-long-name", "a-rather-long-name"], ["a-rather-long-name"] * 2),
        (["dsr_step85_AIME2024.json", "dsr_step85_AMC2023.json"], ["…AIME2024…", "…AMC2023…"]),
        (["demo-quick-full-s1:final", "demo-quick-limr-s1:final"], ["…full…", "…limr…"]),
        (["demo-quick-full-s1:final", "demo-quick-full-s2:final"], ["…s1…", "…s2…"]),
        (["arithmetic-run-one", "arithmetic-run-one-b"], ["…one", "…one-b"]),  # a word is not cut
        (["a-long-beginning-", "a-long-beginning-b"], ["…", "…b"]),
        (["x" * 30 + "a", "x" * 30 + "b"], ["x" * 30 + "a", "x" * 30 + "b"]),  # one word
    ],
)
def test_what_all_names_share_goes_first(names: list[str], short: list[str]) -> None:
    assert tables.short_names(names, 16) == short


def results(label: str, benchmarks: list[str]) -> dict[str, Any]:
    facts = {
        "n_questions": 500,
        "samples_a_question": 8,
        "accuracy": {"value": 0.325, "stderr": 0.041, "n": 500},
        "pass_at_k": {"8": {"value": 0.5, "stderr": 0.041, "n": 500}},
        "maj_at_n": {"value": 0.5, "stderr": 0.041, "n": 500},
        "shares": dict.fromkeys(("no_answer", "malformed", "truncated", "timeout"), 0.123),
        "response_tokens": {"value": 1234.0, "stderr": 1.0, "n": 500},
        "generated_with": {"data_sha256": "d"},
    }
    return {"label": label, "average": None, "benchmarks": dict.fromkeys(benchmarks, facts)}


def drawn(table: Any, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def first_column(text: str) -> list[str]:
    """The texts of the first column, folded ones put together."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("│"):
            first, *rest = (cell.strip() for cell in line.strip("│").split("│"))
            if any(rest):
                found.append(first)
            elif found:
                found[-1] += first
    return found


LABELS = {
    "shared at both ends": [f"a-comparison-of-many-words-{arm}-s1:final" for arm in ("full", "limr", "rand")],
    "one word": [f"{'x' * 40}{arm}" for arm in "abc"],
    "like markup": [f"[bold]a-rather-long-name-of-a-run[{arm}]" for arm in "abc"],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_names_stay_apart_at_80_columns(labels: list[str]) -> None:
    several = [results(label, ["aime24", "math500", "amc23"]) for label in labels]
    short = tables.short_names(labels, 16)
    table = drawn(tables.accuracy_table(several, settings.load(), 80))
    losses = drawn(tables.losses_table(several, 80))
    assert max(map(len, [*table.splitlines(), *losses.splitlines()])) <= 80
    assert first_column(table)[:3] == short
    names = ("aime24", "math500", "amc23")
    assert [line.replace(" ", "") for line in first_column(losses)] == [
        f"{label}{n}" for label in short for n in names
    ]


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_many_benchmarks_keep_their_names_and_the_average(width: int) -> None:
    names = ["aime24", "math500", "amc23", "arithmetic-t1", "arithmetic-t0.4", "arithmetic-greedy"]
    made = results("limr:final", names) | {"average": {"accuracy": {"value": 0.567, "stderr": 0.09, "n": 3}}}
    text = drawn(tables.accuracy_table([made], settings.load(), width), width)
    assert max(map(len, text.splitlines())) <= width
    for name in names:
        assert text.count(f" {name} ") == 1
    assert text.count(" average ") == 1 and text.count("56.7 ± 9.0") == 1 and text.count("32.5 ± 4.1") == 6
    assert text.count("paper: LIMR") == 1 + (width < 80)  # its benchmarks stand together where there is room
    assert text.count("standard errors are by question") == 1


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_compared_runs_stay_apart_at_80_columns(labels: list[str], tmp_path: Path) -> None:
    runs = []
    for number, label in enumerate(labels):
        folder = tmp_path / str(number)
        write_json(folder / "results.json", results(label, ["math500"]))
        rows = [{"id": f"q{i}", "verdict": "correct" if i % (number + 2) else "incorrect"} for i in range(20)]
        (folder / "math500.graded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        runs.append(compare.load(str(folder)))
    console = Console(width=80)
    with console.capture() as capture:
        compare.print_tables(console, compare.compare(runs, runs[0]), runs, runs[0])
    text = capture.get()
    assert max(map(len, text.splitlines())) <= 80
    assert first_column(text) == tables.short_names(labels, 16)
    assert text.count("±") >= 5 + 1  # three accuracies, two differences, and the note: none is cut
    note = " ".join(text.split())
    assert "Bold: a difference of more than two standard errors." in note
    assert "Detectable: the smallest true difference that this comparison would show with 80 % power." in note
    markdown = compare.markdown(compare.compare(runs, runs[0]), runs, runs[0])
    assert all(f"| {label} |" in markdown for label in labels)  # complete
    assert "**Bold**: a difference of more than two standard errors." in markdown


def generations(folder: Path, name: str, rights: list[bool], said: list[bool], response: str = "") -> None:
    rows = [
        {"q": f"q{i}", "out": f"{response} so \\boxed{{{i if right else i + 1}}}", "gold": str(i), "ok": ok}
        for i, (right, ok) in enumerate(zip(rights, said, strict=True))
    ]
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


KEYS = ["--response_key", "out", "--gold_key", "gold", "--verdict_key", "ok"]


def test_a_difference_shows_where_it_is_and_the_end_of_the_response(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    generations(tmp_path / "in", "a.jsonl", [True, True], [True, False], "first\n[bold] " + "words " * 100)
    generations(tmp_path / "in", "b.jsonl", [False], [True])
    command.main(["--score_only", str(tmp_path / "in"), *KEYS])
    shown = capsys.readouterr().out
    assert "a.jsonl row 2: graded correct, reported incorrect\n" in shown
    assert "b.jsonl row 1: graded incorrect, reported correct\n" in shown
    assert re.search(r"response ….*words so \\boxed\{1\}", " ".join(shown.split()))
    assert "first" not in shown
    assert "2 differ; --output_path DIR writes them all" in shown
    out = tmp_path / "out"
    command.main(["--score_only", str(tmp_path / "in"), *KEYS, "--output_path", str(out)])
    assert f"2 differ; complete in {out}/*.differences.jsonl" in capsys.readouterr().out
    (row,) = [json.loads(line) for line in (out / "a.differences.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (row["file"], row["row"], row["reported"]) == ("a.jsonl", 2, "incorrect")
    assert row["response"] == "first\n[bold] " + "words " * 100 + r" so \boxed{1}"


def test_numbered_files_are_the_steps_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for step in range(1, 41):
        generations(tmp_path / "in", f"{step}.jsonl", [i < step // 10 for i in range(4)], [True, False, False, False])
    out = tmp_path / "out"
    command.main(["--score_only", str(tmp_path / "in"), *KEYS, "--output_path", str(out)])
    shown = first_column(capsys.readouterr().out)
    assert (shown[0], shown[-1], len(shown)) == ("1", "40", 12)
    assert sorted(map(int, shown)) == [int(step) for step in shown]
    assert sorted(path.name for path in out.iterdir()) == [
        "accuracy.png", "results.json", "steps.differences.jsonl", "steps.graded.jsonl"
    ]  # fmt: skip
    found = read_json(out / "results.json")
    assert list(found) == [f"{step}.jsonl" for step in range(1, 41)]
    assert (found["25.jsonl"]["accuracy"]["value"], found["25.jsonl"]["reported"]) == (0.5, 0.25)
    rows = [json.loads(line) for line in (out / "steps.differences.jsonl").read_text().splitlines()]
    # The first is right from step 10 and always said to be: 9 differ; the others are said to be wrong: 21 + 11 + 1.
    assert [sum(row["row"] == number for row in rows) for number in (1, 2, 3, 4)] == [9, 21, 11, 1]
    assert (out / "accuracy.png").stat().st_size > 5_000


def test_one_numbered_file_is_a_file(tmp_path: Path) -> None:
    generations(tmp_path / "in", "7.jsonl", [True], [True])
    command.main(["--score_only", str(tmp_path / "in"), *KEYS, "--output_path", str(tmp_path / "out")])
    assert (tmp_path / "out" / "7.graded.jsonl").is_file()
