"""Files of answers on the command line: what is read, what is said of the verdicts, what is refused."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval.grader.__main__ import main
from lim.utils.errors import run_cli


def graded(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = run_cli(lambda: main([*arguments, "--workers", "1"]))
    done = capsys.readouterr()
    assert (code, done.err) == (0, "")
    return done.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    try:
        code: Any = run_cli(lambda: main([*arguments]))
    except SystemExit as stopped:
        code = stopped.code
    done = capsys.readouterr()
    assert (code, done.out, done.err.count("\n")) == (2, "", 1)
    return done.err


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


PLAIN = [
    {"gold": "3/4", "prediction": "0.75"},
    {"gold": "12", "prediction": "13"},
    {"gold": r"x \oplus_\beta \left(", "prediction": "7"},
    {"gold": "9", "prediction": ""},
    {"gold": None, "prediction": "2"},
]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "150")


def test_answers_without_verdicts_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = graded(capsys, write(tmp_path / "a.jsonl", PLAIN))
    assert "5 cases: 1 equal, 4 not\n" in out
    assert "not compared: " in out
    for why in ("1 × no answer", "1 × no reference answer", "1 × not read: reference answer"):
        assert why in out
    assert "to see how one was read: python -m eval.grader GOLD ANSWER" in out
    assert "agree" not in out


@pytest.mark.parametrize(("yes", "no"), [(True, False), (1, 0), (1.0, 0.0), ("True", "false")])
def test_verdicts_of_the_file_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], yes: Any, no: Any
) -> None:
    rows = [row | {"is_equal": verdict} for row, verdict in zip(PLAIN[:3], (yes, no, yes), strict=True)]
    out = graded(capsys, write(tmp_path / "a.jsonl", [*rows, PLAIN[3]]))
    assert "4 cases: 1 equal, 3 not; the file's verdict is the same for 2 of 3 that have one" in out
    assert out.count("false negative") == 2  # a column, and the one case


LINES = '{"gold": "1/2", "prediction": "0.5"}\n{"gold": "5", "prediction": "6"}'


def parquet() -> bytes:
    found = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([json.loads(line) for line in LINES.splitlines()]), found)
    return found.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", f"[{LINES.replace(chr(10), ',')}]".encode()),
        ("a.json", f"\ufeff{LINES}".encode()),
        ("a.csv", b'gold,prediction\n1/2,0.5\n"5","6"\n'),
        ("a.parquet", parquet()),
        ("a.jsonl.gz", gzip.compress(LINES.encode())),
    ],
)
def test_forms_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert "2 cases: 1 equal, 1 not" in graded(capsys, str(tmp_path / name))


def test_other_names_and_the_boxes_of_responses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"task": {"answer": "8"}, "response": r"So \boxed{8}.", "score": 1.0},
        {"task": {"answer": "8"}, "response": r"First 8, then \boxed{9}.", "score": 1.0},
        {"task": {"answer": 8}, "response": "8", "score": 1.0},
    ]
    path = write(tmp_path / "a.jsonl", rows)
    flags = ("--gold_key", "task.answer", "--response_key", "response", "--verdict_key", "score")
    out = graded(capsys, path, *flags)
    assert "3 cases: 2 equal, 1 not; the file's verdict is the same for 2 of 3\n" in out


def test_every_verdict_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = [{"gold": str(number), "prediction": str(number + number % 2)} for number in range(120)]
    path, found = write(tmp_path / "a.jsonl", many), tmp_path / "verdicts.jsonl"
    out = graded(capsys, path, "--output_path", str(found))
    assert "20 more are not shown: --output_path FILE writes the verdict on every case" in out
    rows = [json.loads(line) for line in found.read_text().splitlines()]
    assert [row["equal"] for row in rows] == [number % 2 == 0 for number in range(120)]
    assert [row["row"] for row in rows] == list(range(1, 121))
    assert "is the file of cases; name another" in refused(capsys, path, "--output_path", path)
    assert "--output_path" in refused(capsys, path, "--output_path", str(tmp_path)), "a folder, told before grading"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '{"gold": "1", "response": "2"}',
            "row 1: needs 'prediction', the answer (its keys: gold, response; perhaps ",
        ),
        (
            '{"ground_truth": "1"}',
            "row 1: needs 'gold', the reference answer (its keys: ground_truth; perhaps --gold_key",
        ),
        ('{"a": "1"}', "(its keys: a; name it by --gold_key)"),
        ('{"gold": ["1"], "prediction": "2"}', "row 1: 'gold' is ['1'], not a text"),
        (
            '{"gold": "1", "prediction": "2", "is_equal": "maybe"}',
            "row 1: 'is_equal' is 'maybe', neither true nor false",
        ),
        ("# A title", "line 1: not JSON (Expecting value)"),
        ('{"gold": "1", "prediction": "2"}\n{"gold"', "line 2: not JSON"),
        ("7\n", "line 1 is a number, not an object"),
        ("\n", "holds no cases"),
    ],
)
def test_files_that_cannot_be_graded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(text, encoding="utf-8")
    assert says in refused(capsys, str(path))


def test_flags_of_files_are_not_for_one_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "1", "2", "--verdict_key", "x") == "error: --verdict_key: is for a FILE of cases\n"
