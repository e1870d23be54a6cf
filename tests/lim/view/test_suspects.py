"""Suspected wrong labels: found by hand-made answers, in runs of three formats, and what is no suspect."""

from __future__ import annotations

from pathlib import Path

import pytest
import viewed

from eval.grader import Grader
from eval.view import grading
from lim.view.run import RunView
from lim.view.suspects import Given, find_suspects, wilson


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))


def same(pairs):
    """Numbers of equal value."""
    return [one == two or (one.isdigit() and two.isdigit() and int(one) == int(two)) for one, two in pairs]


def given(*epochs: str, right: str = "R") -> list[Given]:
    """Epochs as answers with spaces between; "R" is right, "-" none."""
    return [
        Given(k, None if word == "-" else word, word == right)
        for k, words in enumerate(epochs, 1)
        for word in words.split()
    ]


def found(label="9", **prompts):
    samples = dict(enumerate(prompts.values()))
    names = list(prompts)
    return [names[suspect.prompt] for suspect in find_suspects(samples, dict.fromkeys(samples, label), same)]


def test_the_surest_comes_first_and_others_are_not_listed():
    names = found(
        sure=given("7 7 7 7", "7 7 7 7"),
        less=given("1 2 3 4", "7 7 7 5"),
        scattered=given("1 2 3 4", "5 6 7 8"),
        solved=given("R 7 7 7", "R R 7 7"),
        unanswered=given("- - - -", "- - - -"),
        few=given("7 7", "7"),
        once=given("7 7 7 7", "1 2 3 4"),
    )
    assert names == ["sure", "less"]


def test_spellings_of_one_answer_count_together_and_those_of_the_label_do_not():
    suspect = find_suspects({0: given("7 07 007 7", "07 007 07 1")}, {0: "9"}, same)[0]
    assert (suspect.answer, suspect.agreeing, suspect.samples) == ("07", 7, 8)
    assert suspect.shares == {1: 1.0, 2: 0.75}
    assert suspect.score == pytest.approx(wilson(3, 4)[1])
    # The label's own value, graded as wrong for how the response looks, is no other answer.
    assert find_suspects({0: given("9 09 9 09", "9 9 9 9")}, {0: "9"}, same) == []


def test_the_reason_is_in_words():
    suspect = find_suspects({0: given("7 7 7 1", "7 7 7 7", "R 7 7 7")}, {0: "9"}, same)[0]
    assert suspect.reason == (
        "Right once in 12 samples; 10 of them (83%) say 7, while the label is 9. At least half of the samples say so "
        "in 3 of 3 epochs, and 88% in the later half."
    )


def test_intervals_are_wilsons():
    assert wilson(5, 10) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 10)[1] == 0 and wilson(10, 10)[1] == pytest.approx(0.7225, abs=1e-4)  # 1 / (1 + z²/n)
    assert all(value != value for value in wilson(0, 0))


@pytest.mark.parametrize("writer", [viewed.write_own, viewed.write_verl, viewed.write_trl])
def test_wrong_labels_of_a_run_are_found(tmp_path: Path, writer):
    log = writer(tmp_path)
    with Grader(1) as grader:
        view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"), grading=grading(grader))
        rows = view.suspects()
    assert sorted(row.prompt for row in rows) == sorted(viewed.WRONG)
    assert {row.answer for row in rows} == {str(viewed.truth(prompt)) for prompt in viewed.WRONG}
    assert {row.label for row in rows} == {str(viewed.label(prompt)) for prompt in viewed.WRONG}
    assert all(row.right == 0 and row.samples == viewed.EPOCHS * viewed.SAMPLES for row in rows)
