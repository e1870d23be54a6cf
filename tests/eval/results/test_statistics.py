"""Metrics against cases worked out by hand."""

from __future__ import annotations

import itertools
import math

import pytest

from eval.results import statistics


@pytest.mark.parametrize(
    ("n", "correct", "k", "expected"),
    [
        (4, 0, 1, 0.0),
        (4, 4, 3, 1.0),
        (4, 1, 1, 0.25),
        (4, 1, 2, 0.5),  # 1 - C(3,2)/C(4,2) = 1 - 3/6
        (4, 2, 2, 5 / 6),  # 1 - C(2,2)/C(4,2)
        (4, 2, 3, 1.0),  # only two wrong ones: three cannot all be wrong
        (10, 3, 5, 1 - 21 / 252),
    ],
)
def test_pass_at_k(n: int, correct: int, k: int, expected: float) -> None:
    assert statistics.pass_at_k(n, correct, k) == pytest.approx(expected)


def test_pass_at_k_is_the_mean_over_all_draws() -> None:
    verdicts = [True, True, False, False, False, False, True]
    for k in range(1, 8):
        draws = [any(draw) for draw in itertools.combinations(verdicts, k)]
        assert statistics.pass_at_k(7, 3, k) == pytest.approx(sum(draws) / len(draws))


@pytest.mark.parametrize(("n", "correct", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1)])
def test_pass_at_k_is_refused_where_it_is_not_defined(n: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match="not defined"):
        statistics.pass_at_k(n, correct, k)


def test_the_error_is_clustered_by_question() -> None:
    # Question means 1, 0, 0.5, 0.5: mean 0.5, sd sqrt(0.5/3), error sd/2. Eight samples taken one by one would give
    # sqrt(0.25·8/7)/sqrt(8) = 0.189, or less with more copies; here it does not matter how many samples there are.
    value, stderr, n = statistics.estimate([1.0, 0.0, 0.5, 0.5])
    assert (value, n) == (0.5, 4)
    assert stderr == pytest.approx(math.sqrt(0.5 / 3) / 2)


def test_one_question_has_no_error_and_none_has_no_mean() -> None:
    assert statistics.estimate([1.0]).stderr is None
    with pytest.raises(ValueError, match="no question"):
        statistics.estimate([])


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8]), (0, [])])
def test_ks_reported(n: int, expected: list[int]) -> None:
    assert statistics.powers_of_two(n) == expected


@pytest.mark.parametrize(
    ("classes", "correct", "expected"),
    [
        ([0, 0, 1], [True, True, False], 1.0),
        ([1, 1, 0], [False, False, True], 0.0),
        ([0, 1], [True, False], 0.5),  # a tie of two
        ([1, 0, 2], [False, True, False], 1 / 3),  # a tie of three
        ([1, 1, 0, 0, 2], [False, False, True, True, False], 0.5),
        ([None, None, 0], [False, False, True], 1.0),  # no answer does not vote
        ([None, None], [False, False], 0.0),
        ([], [], 0.0),
    ],
)
def test_majority_vote(classes: list[int | None], correct: list[bool], expected: float) -> None:
    assert statistics.majority(classes, correct) == pytest.approx(expected)


def test_paired_difference() -> None:
    # Differences 0.5, 0, -0.25, 0.75: mean 0.25, squared deviations 0.0625 + 0.0625 + 0.25 + 0.25 = 0.625.
    found = statistics.paired([0.0, 1.0, 0.5, 0.25], [0.5, 1.0, 0.25, 1.0])
    assert found.value == pytest.approx(0.25)
    assert found.stderr == pytest.approx(math.sqrt(0.625 / 3) / 2)
    assert (found.n, found.better, found.worse) == (4, 2, 1)
    # t_0.975 and t_0.8 of 3 degrees of freedom
    assert statistics.detectable(found.stderr, found.dof) == pytest.approx((3.1824 + 0.9785) * found.stderr, rel=1e-4)
    assert statistics.detectable(None, 0) is None


def test_pairing_removes_what_is_common_to_both() -> None:
    a = [0.0, 0.25, 0.5, 0.75]
    b = [value + 0.25 for value in a]
    assert statistics.paired(a, b).stderr == pytest.approx(0.0)
    assert statistics.estimate(a).stderr > 0.1


def test_unequal_questions_are_not_paired() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        statistics.paired([0.0], [0.0, 1.0])


def test_average_over_benchmarks() -> None:
    parts = [statistics.Estimate(0.2, 0.03, 30), statistics.Estimate(0.6, 0.04, 500)]
    value, stderr, n = statistics.average(parts)
    assert (value, n) == (pytest.approx(0.4), 530)
    assert stderr == pytest.approx(0.025)
