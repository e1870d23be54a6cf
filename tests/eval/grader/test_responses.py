"""Answers found in responses and graded: boxes, boxes that never close, text without a box."""

from __future__ import annotations

from functools import partial

import pytest

from eval.grader import Grader, equal, extract
from eval.grader.verdict import training_rule


@pytest.mark.parametrize(
    ("gold", "response", "right"),
    [
        ("8", r"Therefore $\boxed8$.", True), (r"\sqrt{5}", r"$\boxed \sqrt{5}$", True), ("-3", r"\boxed -3", True),
        (r"\frac{5}{6}", r"$$\boxed\dfrac{5}{6}$$", True), ("12",
        r"\boxed{12} (put in \boxed as the task says)", True),
        ("12", r"\boxed{12}. Remember that \boxed is a command.", True), ("B",
        r"so \boxed{(A)} or \boxed{(B)}", False),
        ("9", r"\[\boxed{\begin{aligned} y = 9 \end{aligned}}\]", True), ("as", r"12, in \boxed as told", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("training", [False, True])
def test_boxes(gold, response, right, training):
    rule = {"rule": partial(training_rule, finished=True)} if training else {}
    with Grader(workers=1) as grader:
        assert (grader.grade([(gold, response)], **rule)[0].verdict == "correct") == right


def test_what_no_parser_reads_is_counted():
    with Grader(workers=1) as grader:
        graded = grader.grade([(r"3 \oplus 4", r"\boxed{3 \oplus 5}"), ("5", r"\boxed{6}")])
    assert [one.reason for one in graded] == ["unread", None]


@pytest.mark.parametrize(
    ("gold", "response", "right"),
    [
        (r"\frac12", r"\boxed{\frac{1}{2}", True), (r"\{1,2\}", r"so \boxed{\{1,2\}", True),
        (r"\frac12", r"The answer is \frac{1}{2}.", True), ("2", r"The answer is \frac{1}{2}.", False),
        ("C", "The correct answer is (C) 12.", True), ("12", "The correct answer is (C) 12.", True),
        ("B", "The correct answer is (C) 12.", False), ("72", r"The answer is 72 \text{ clips}.", True),
    ],
)  # fmt: skip
def test_answers_without_a_closed_box(gold, response, right):
    answer = extract(response, fallbacks=True)
    assert (answer is not None and equal(gold, answer)) == right


@pytest.mark.parametrize(
    ("gold", "response", "right"),
    [
        ("18", r"So the answer is $\$18$.", True), ("18", r"She pays $\$18.00$ a day", True),
        ("81", r"So the answer is $\$18$.", False), ("13", r"It costs \$5 and \$13", True),
        ("C", "The correct option is **C**.", True), ("C", "The correct choice is (C)", True),
        ("C", "Of A, B and C the best option is: D", False), ("40", "The answer is at least 40.", False),
        ("40", "the answer is more than 40", False), ("40", "Final answer: 40 thousand", False),
        ("40000", "Final answer: 40 thousand", True), ("40", "So y < 40", False),
        ("40", "ANSWER: 40", True), ("31", "Thus 30 is the answer, not 31.", False),
        ("30", "So it is 30, not 31.", True),
        ("31", "The answer is 31 squared.", False), ("961", "The answer is 31 squared.", True),
        ("31", "The answer is the square root of 31.", False), ("31", "The answer is 31 times k.", False),
        ("31", "The answer is 31 of k.", False), ("31", "There are fewer than 31 ways.", False),
        ("31", "The answer is 31 of them.", True),
    ],
)  # fmt: skip
def test_answers_without_a_box(gold, response, right):
    with Grader(workers=1) as grader:
        assert (grader.grade([(gold, response)], fallbacks=True)[0].verdict == "correct") == right


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("The answer is 42x.", "42x"), ("so it is 42n", "42n"), ("The answer is 4 or 42.", "4 or 42"),
        ("The answers are 3 and 4.", "3 and 4"), ("The answer is sqrt(2).", "sqrt(2)"),
        ("The answer is 2 pi.", "2 pi"),
        ("The answer is 3x^2+2.", "3x^2+2"), ("The answer is 42, not 43.", "42"),
        ("The answer is not 42 but 41.", "41"),
        ("Answer: not 7", "not 7"), ("The answer is 2^10.", "2^10"), ("The answer is 5!", "5"),
        ("The answer is **42**.", "42"),
        ("The answer is 3 hours and 20 minutes.", "3 hours and 20 minutes"), ("The answer is 42 apples.", "42"),
    ],
)  # fmt: skip
def test_what_is_taken_without_a_box(response, answer):
    assert extract(response, fallbacks=True) == answer
