"""The grader on real answers: others' test cases, every gold of the data sets, real generations."""

from __future__ import annotations

import json
from functools import partial

import pytest

from eval.grader import Grader, equal
from eval.grader.cases import read_cases, sides_of
from eval.grader.compare import decide, readings
from eval.grader.text import clean
from eval.grader.verdict import training_rule

pytestmark = pytest.mark.data

# Ours differs from the other project's verdict on these rows of its MATH500 output, and each is the same value:
# its comparison is of text. The rows are named in docs/grading.md.
DISPUTED = {"MATH500": {92, 127, 232, 266, 318, 326, 408, 420}, "AMC2023": set(), "AIME2024": set()}


def golds(folder):
    rows = json.loads((folder / "limr/math.8k.json").read_text())
    found = [("math.8k", row["answer"]) for row in rows]
    for name in ("aime24", "amc23", "math500"):
        lines = (folder / f"limr/{name}.jsonl").read_text().splitlines()
        found += [(name, str(json.loads(line)["answer"])) for line in lines]
    return found


def test_cases_of_others(shared_data):
    rows = read_cases(str(shared_data / "grader_cases.jsonl"))
    with Grader(workers=1) as grader:
        verdicts = grader.equal_pairs([sides_of(row) for row in rows])
    wrong = [row["id"] for row, verdict in zip(rows, verdicts, strict=True) if verdict != row["is_equal"]]
    assert len(rows) == 599
    assert wrong == []


def test_kinds_from_public_reports(shared_data):
    rows = [json.loads(line) for line in (shared_data / "cases/grader_kinds.jsonl").read_text().splitlines()]
    options = {"fb": {"fallbacks": True}, "train": {"rule": partial(training_rule, finished=True)}}
    wrong = []
    with Grader(workers=1) as grader:
        for row in rows:
            pair = [(row["gold"], row["answer"])]
            if row["mode"] == "eq":
                right = grader.equal_pairs(pair)[0]
            else:
                right = grader.grade(pair, **options.get(row["mode"], {}))[0].verdict == "correct"
            if right != row["equal"]:
                wrong.append(row)
    assert len(rows) == 418
    assert wrong == []


def test_every_gold_equals_itself(shared_data):
    found = golds(shared_data)
    assert len(found) == 8523 + 30 + 40 + 500
    assert [gold for gold in found if gold[1].strip() and not equal(gold[1], gold[1])] == []
    assert sum(not gold.strip() for _, gold in found) == 2


def test_every_gold_equals_itself_in_other_dress(shared_data):
    for _, gold in golds(shared_data):
        if gold.strip():
            assert equal(gold, rf"\boxed{{{gold}}}"), gold
            assert equal(gold, f"$ {gold} $"), gold


def test_golds_are_read_by_our_own_parser(shared_data):
    unread = {gold for _, gold in golds(shared_data) if gold.strip() and not readings(clean(gold))}
    assert unread <= {r"\text{A5}_{11}", r"\text{October 30}"}


def test_different_golds_stay_different(shared_data):
    """Of all pairs of MATH500's golds, those that are one answer were looked at and are listed."""
    distinct = sorted({gold for name, gold in golds(shared_data) if name == "math500"})
    pairs = [(a, b) for i, a in enumerate(distinct) for b in distinct[i + 1 :]]
    same = {(a, b) for a, b in pairs if decide(a, b)}
    assert len(pairs) == 45_150
    assert same == EQUAL_GOLDS


EQUAL_GOLDS = {
    ("(-2,1)", "-2,1"), ("-2,1", "1,-2"), (r"10,\!080", "10080"), ("120", r"120^\circ"), ("15", r"15\mbox{ cm}^2"),
    (r"180^\circ", r"\pi"), (r"2 \sqrt{5}", r"2\sqrt{5}"), ("30", r"30^\circ"), ("36", r"36^\circ"), ("36", r"\$36"),
    ("5", "x=5"), ("90", r"90^\circ"), (r"\frac14", r"\frac{1}{4}"),
}  # fmt: skip


@pytest.mark.parametrize("name", ["AIME2024", "AMC2023", "MATH500"])
def test_real_generations(shared_data, name):
    rows = json.loads((shared_data / f"outputs/dsr_correctness_step85_{name}.json").read_text())
    with Grader(workers=1) as grader:
        graded = grader.grade((str(row["ground_truth"]), row["response"]) for row in rows)
    differ = {
        index
        for index, (row, one) in enumerate(zip(rows, graded, strict=True))
        if (one.verdict == "correct") != (row["score"] == 1.0)
    }
    assert differ == DISPUTED[name]
    assert all(graded[index].verdict == "correct" for index in differ)
