"""Benchmarks of several verifiers: figures by task, votes by each verifier's own equality, files of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import eval as command
from eval.engine.samples import Sample, Store
from eval.questions import check_verifiers, judged_by, read_questions
from eval.results.score import grade_samples, summarise
from eval.settings import load
from eval.verifiers import Verifiers
from lim.utils.errors import InputError, run_cli
from lim.utils.files import read_json, write_json

OWN = '''
def near(response, answer, metadata):
    """Any even number is right; the answer is one of them."""
    return float(response.strip().isdigit() and int(response) % 2 == 0)
'''
QUESTIONS: list[dict[str, Any]] = [
    {"id": "m", "question": "1/2?", "answer": r"\frac{1}{2}", "task": "sums"},
    {"id": "c", "question": "A or B?", "answer": "B", "verifier": "choice", "task": "options"},
    {
        "id": "n",
        "question": "pi?",
        "answer": "3.14",
        "verifier": "numeric",
        "metadata": {"tolerance": 0.01},
        "task": "sums",
    },
    {"id": "o", "question": "an even number?", "answer": "2", "verifier": "even"},
]
RESPONSES = {
    "m": [
        r"\boxed{0.5}",
        r"\boxed{2/4}",
        r"\boxed{3}",
        r"\boxed{6/2}",
    ],  # 0.5 and 2/4 are one answer, 3 and 6/2 another
    "c": [r"\boxed{(B)}", "<answer>b</answer>", r"\boxed{A}", "none"],
    "n": [r"\boxed{3.14}", r"\boxed{3.15}", r"\boxed{3.1}", r"\boxed{3.10}"],
    "o": ["2", "4", "4", "7"],  # three are right, by two answers
}


@pytest.fixture
def own(tmp_path) -> str:
    (tmp_path / "own.py").write_text(OWN)
    return f"even={tmp_path}/own.py:near"


def samples() -> list[Sample]:
    return [Sample(id, n, text, "stop", 3) for id, texts in RESPONSES.items() for n, text in enumerate(texts)]


def test_votes_and_figures_by_task_and_verifier(own):
    questions = {row["id"]: row for row in QUESTIONS}
    with Verifiers(dict([own.split("=")]), workers=1) as verifiers:
        graded = grade_samples(questions, samples(), verifiers)
    facts = summarise(graded)
    assert graded.classes == [0, 0, 1, 1, 0, 0, 1, None, 0, 0, 1, 1, 1, 2, 2, 3]
    assert [row["score"] for row in graded.rows()][4:8] == [1, 1, 0, None]
    assert facts["accuracy"]["value"] == pytest.approx((0.5 + 0.5 + 0.5 + 0.75) / 4)
    # m is a tie, c has B, n is a tie, o has 4.
    assert facts["maj_at_n"]["value"] == pytest.approx((0.5 + 1 + 0.5 + 1) / 4)
    assert {name: part["n"] for name, part in facts["by_verifier"].items()} == {"choice": 1, "even": 1, "numeric": 1}
    assert facts["by_task"]["sums"]["maj_at_n"]["value"] == 0.5
    assert facts["by_task"]["options"]["pass_at_n"]["value"] == 1


def benchmark(folder: Path, rows: list[dict[str, Any]] = QUESTIONS) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def generated(folder: Path, path: Path, **grading: Any) -> Path:
    """Generations for a file of one's own questions, as an evaluation leaves them."""
    meta = {
        "benchmark": "mine", "label": "m", "model": "m", "step": 3, "run": None, "weights": None, "dtype": "auto",
        "template": {"name": "chat", "text": None, "stop": []}, "system_prompt": None, "n_samples": 4, "seed": 0,
        "temperature": 0.4, "top_p": 0.95, "max_new_tokens": 32, "fallbacks": False, "file": str(path),
        "data_sha256": read_questions(str(path)).sha256, "versions": {}, "commit": "abc", **grading,
    }  # fmt: skip
    with Store(folder / "out", meta) as store:
        store.append(samples())
    return folder / "out"


def test_a_file_of_ones_own_keeps_its_verifiers_when_scored_again(tmp_path, own, capsys):
    path = benchmark(tmp_path)
    folder = generated(tmp_path, path, verifiers=dict([own.split("=")]))
    assert not command.main(["--score_only", str(folder)])
    facts = read_json(folder / "results.json")["benchmarks"]["mine"]
    assert facts["accuracy"]["value"] == pytest.approx(2.25 / 4)
    assert set(facts["verifiers"]) == {"choice", "even", "math", "numeric"}
    text = (folder / "results.md").read_text(encoding="utf-8")
    assert "## By task" in text and "| mine | options | 1 | 50.0 | 100.0 | 100.0 |" in text
    assert {json.loads(line)["verdict"] for line in (folder / "mine.graded.jsonl").read_text().splitlines()} == {
        "correct", "incorrect", "no_answer"
    }  # fmt: skip


def test_generations_without_their_verifier_are_refused(tmp_path, own, capsys):
    folder = generated(tmp_path, benchmark(tmp_path))
    assert run_cli(lambda: command.main(["--score_only", str(folder)])) == 2
    assert "no verifier 'even'" in capsys.readouterr().err
    assert not command.main(["--score_only", str(folder), "--verifier", own, "math"])
    assert read_json(folder / "results.json")["benchmarks"]["mine"]["accuracy"]["value"] == pytest.approx(2.25 / 4)


def test_the_settings_take_a_file_of_questions(tmp_path):
    path = benchmark(tmp_path)
    settings = load().with_files([str(path), "paper"])
    assert settings.choose(["paper", str(path)])[-1] == "mine"
    made = settings.benchmark("mine", {"verifier": "choice", "n_samples": 4, "temperature": 1.0})
    assert (made.file, made.verifier, made.system_prompt) == (str(path), "choice", settings.defaults["system_prompt"])
    with pytest.raises(InputError, match=r"'aime24' is a name of .*; rename the file"):
        load().with_files([str(tmp_path / "aime24.jsonl")])
    with pytest.raises(InputError, match=r"no such benchmark file"):
        read_questions(str(tmp_path / "absent.jsonl"))


def test_verifiers_are_checked_before_anything_is_generated(tmp_path):
    path = benchmark(tmp_path)
    made = load().with_files([str(path)]).benchmark("mine")
    with pytest.raises(InputError, match=r"mine.jsonl: row 4: no verifier 'even'"):
        check_verifiers(made, read_questions(str(path)))


def test_a_verifier_that_is_only_declared_is_for_files_of_ones_own(tmp_path, own):
    unnamed = read_questions(str(benchmark(tmp_path, [row for row in QUESTIONS if "verifier" not in row])))
    mixed = read_questions(str(benchmark(tmp_path)))
    for flags, verifier, file, questions, found in (
        ([own], "math", "mine.jsonl", unnamed, "even"),
        ([own], "math", "mine.jsonl", mixed, "math"),
        ([own], "math", "math500", unnamed, "math"),
        ([own], "choice", "mine.jsonl", unnamed, "choice"),
        ([own, "even"], "even", "math500", unnamed, "even"),
    ):
        assert judged_by(flags, verifier, file, questions) == found


def test_third_party_files_with_a_verifier(tmp_path, capsys):
    rows = [
        {"out": "<answer>B</answer>", "gold": "B", "kind": "choice", "ok": 1},
        {"out": r"\boxed{A}", "gold": "B", "kind": "choice", "ok": 1},
        {"out": r"\boxed{10.4}", "gold": 10, "kind": "numeric", "meta": {"tolerance": 0.5}, "ok": 0},
    ]
    for row in rows:
        row.setdefault("meta", {})
    write_json(tmp_path / "theirs.json", rows)
    keys = ["--response_key", "out", "--gold_key", "gold", "--verdict_key", "ok"]
    score = ["--score_only", str(tmp_path / "theirs.json"), *keys, "--output_path", str(tmp_path / "o")]
    assert not command.main([*score, "--verifier_key", "kind", "--metadata_key", "meta"])
    assert read_json(tmp_path / "o/results.json")["theirs.json"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert not command.main([*score, "--verifier", "choice"])
    assert read_json(tmp_path / "o/results.json")["theirs.json"]["accuracy"]["value"] == pytest.approx(1 / 3)
    write_json(tmp_path / "theirs.json", [rows[0] | {"kind": "a/b.py:f"}])
    assert run_cli(lambda: command.main([*score, "--verifier_key", "kind"])) == 2
    assert "is a path" in capsys.readouterr().err
    assert run_cli(lambda: command.main([*score, "--verifier", "a/b.py:f"])) == 2
    assert "--verifier a/b.py:f: give it a name: --verifier NAME=path/to/file.py:function" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"gold": None}], "row 1: 'gold' is None, neither text nor a number"),
        ([{"gold": ["3"]}], "row 1: 'gold' is ['3'], neither text nor a number"),
        ([{"gold": True}], "row 1: 'gold' is True, neither text nor a number"),
        ([{"gold": "A"}, {"gold": "B"}], "row 2: another gold answer for the same question '1'"),
        (
            [{"gold": "A"}, {"gold": "A", "v": "exact"}],
            "row 2: another verifier, or metadata, for the same",
        ),
    ],
)
def test_a_gold_answer_that_is_none_or_another(tmp_path, capsys, rows, says):
    path = tmp_path / "made.jsonl"
    path.write_text("".join(json.dumps({"q": 1, "text": r"\\boxed{A}", "v": "choice"} | row) + "\n" for row in rows))
    keys = {"response_key": "text", "gold_key": "gold", "question_key": "q", "verifier_key": "v"}
    given = [part for key, name in keys.items() for part in (f"--{key}", name)]
    assert run_cli(lambda: command.main(["--score_only", str(path), *given])) == 2
    assert says in capsys.readouterr().err
