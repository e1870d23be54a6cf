"""Two thousand answers with one thing changed: none is accepted but by a rule that docs/grading.md states."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from eval.grader import Grader

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "mutate_golds.py"


@pytest.fixture(scope="module")
def mutate_golds():
    spec = importlib.util.spec_from_file_location("mutate_golds", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_changed_answer_is_not_accepted(mutate_golds):
    tried = mutate_golds.mutations([], 2_000, seed=1)
    assert {one.operator for one in tried} == set(mutate_golds.OPERATORS) and len(tried) >= 2_000
    with Grader(workers=1) as grader:
        verdicts = grader.equal_pairs([(one.gold, one.changed) for one in tried])
    accepted = [one for one, verdict in zip(tried, verdicts, strict=True) if verdict]
    assert [one for one in accepted if not mutate_golds.agree(one.gold, one.changed)] == []


def test_mutations_are_the_same_for_a_seed_and_change_one_thing(mutate_golds):
    golds = [r"12\text{ cm}^2", r"x \in (-3, 4]", "4210_5", r"\text{Tuesday}"]
    tried = mutate_golds.mutations(golds, 90, seed=3)
    assert tried == mutate_golds.mutations(golds, 90, seed=3) != mutate_golds.mutations(golds, 90, seed=4)
    changed = {one.changed for one in tried if one.gold == "4210_5" and one.operator == "base"}
    assert changed and all(re.fullmatch(r"4210_\d+", text) for text in changed)


def test_values_that_agree_at_random_points_are_told_from_others(mutate_golds):
    assert mutate_golds.agree("x + 0", "x - 0") and mutate_golds.agree("(1, -0)", "(1, 0)")
    assert not mutate_golds.agree("|x|", "x") and not mutate_golds.agree(r"5\text{ cm}", r"5\text{ m}")
