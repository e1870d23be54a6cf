"""Evaluations to look at: every sample with its verdict, disagreements first, nothing written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from eval.engine.samples import Sample, Store
from eval.grader import Grader
from eval.questions import read_questions
from eval.results.browse import EvalSource, Folder, Outputs, evaluations
from lim.utils.errors import InputError

QUESTIONS = [
    {"id": "q1", "question": "What is $1+1$?", "answer": "2"},
    {"id": "q2", "question": "Half of 1?", "answer": r"\frac{1}{2}"},
]
RESPONSES = {"q1": [r"\boxed{2}", r"so \boxed{3}"], "q2": [r"\boxed{0.5}", "no idea"]}


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=1) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's eval folder with one step and two benchmarks, the questions in `data`."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    for name in ("sums-greedy", "sums-t1"):
        meta = {"benchmark": name, "file": "sums", "data_sha256": read_questions("sums", data).sha256, "n_samples": 2}
        with Store(tmp_path / "eval" / "final", meta | {"fallbacks": False}) as store:
            store.append(
                Sample(id, n, text, "stop", 9) for id, texts in RESPONSES.items() for n, text in enumerate(texts)
            )
    return tmp_path / "eval"


def test_samples_by_benchmark_and_question(folder: Path, grader: Grader):
    assert evaluations(folder) == evaluations(folder / "final") == [folder / "final"]
    before = sorted(folder.rglob("*"))
    source = EvalSource(Folder(evaluations(folder), folder.parent / "data"), grader)
    assert source.groups.names == ["sums-greedy", "sums-t1"]
    listed = source.answer("questions", {"group": "1"})
    assert [(row["id"], row["right"], row["samples"], row["gold"]) for row in listed] == [
        ("q1", 1, 2, "2"), ("q2", 1, 2, r"\frac{1}{2}")
    ]  # fmt: skip
    samples = source.answer("samples", {"group": "1", "prompt": "1"})
    assert [(row["verdict"], row["reason"], row["answer"]) for row in samples["samples"]] == [
        ("correct", None, "0.5"), ("no_answer", "no_box", None)
    ]  # fmt: skip
    assert samples["question"]["parts"] == ["Half of 1?"]
    assert source.answer("search", {"group": "0", "prompt": "0", "text": "SO"}) == [1]
    assert sorted(folder.rglob("*")) == before
    json.dumps([listed, samples])


def test_verdicts_that_were_written_are_taken_where_they_are_newer(folder: Path, grader: Grader):
    rows = [
        {"id": id, "sample": n, "verdict": "timeout", "answer": "x", "reason": "over_limit"}
        for id in RESPONSES
        for n in range(2)
    ]
    graded = folder / "final" / "sums-t1.graded.jsonl"
    graded.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def verdicts() -> set[str]:
        source = EvalSource(Folder(evaluations(folder), folder.parent / "data"), grader)
        return {row["verdict"] for row in source.answer("samples", {"group": "1", "prompt": "0"})["samples"]}

    assert verdicts() == {"timeout"}
    os.utime(graded, (1, 1))
    assert verdicts() == {"correct", "incorrect"}


def test_changed_questions_are_refused(folder: Path, grader: Grader):
    with open(folder.parent / "data" / "sums.jsonl", "a") as file:
        file.write(json.dumps({"id": "q3", "question": "?", "answer": "1"}) + "\n")
    source = EvalSource(Folder(evaluations(folder), folder.parent / "data"), grader)
    with pytest.raises(InputError, match=r"sums\.jsonl: has changed since .* was generated"):
        source.answer("questions", {"group": "0"})


def test_other_verdicts_and_the_disagreements_first(tmp_path: Path, grader: Grader):
    rows = [{"r": rf"\boxed{{{n}}}", "g": str(n % 2), "v": n < 3} for n in range(4)]
    (tmp_path / "theirs.json").write_text(json.dumps(rows))
    source = EvalSource(Outputs(tmp_path, "r", "g", None, "v"), grader)
    listed = source.answer("questions", {"group": "0"})
    assert [(row["text"], row["differ"]) for row in listed] == [
        ("row 3", 1),
        ("row 1", 0),
        ("row 2", 0),
        ("row 4", 0),
    ]
    sample = source.answer("samples", {"group": "0", "prompt": "2"})["samples"][0]
    assert (sample["verdict"], sample["reported"], sample["differs"]) == ("incorrect", "correct", True)


def test_what_is_no_evaluation(tmp_path: Path):
    (tmp_path / "step_1.parquet").write_bytes(b"")
    assert evaluations(tmp_path) == evaluations(tmp_path / "nosuch") == []


@pytest.mark.data
def test_real_generations(shared_data: Path, grader: Grader):
    path = shared_data / "outputs" / "dsr_correctness_step85_AIME2024.json"
    source = EvalSource(Outputs(path, "response", "ground_truth", None, "score"), grader)
    listed = source.answer("questions", {"group": "0"})
    assert len(listed) == 30
    assert listed == sorted(listed, key=lambda row: -row["differ"])
