"""Scores against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lim.scores import average_curve, lim_scores, linear_scores, uncertainty_scores, variance_scores
from lim.utils.errors import InputError

NAN = np.nan
# Three prompts, two epochs. Average (0.25, 0.5); room (0.75² + 0.5²) = 0.8125.
REWARDS = np.array([[0.0, 0.5], [0.75, 0.0], [0.0, 1.0]])


def test_average_curve_is_the_mean_over_prompts_seen():
    assert average_curve(REWARDS).tolist() == [0.25, 0.5]
    assert average_curve(np.array([[1.0, NAN], [0.0, 0.5]])).tolist() == [0.5, 0.5]


def test_average_curve_of_an_epoch_nobody_was_seen_in():
    with pytest.raises(InputError, match="epoch 2"):
        average_curve(np.array([[1.0, NAN], [0.0, NAN]]))


def test_lim_by_hand():
    scores = lim_scores(REWARDS, average_curve(REWARDS))
    expected = [
        1 - (0.25**2 + 0.0**2) / 0.8125,  # follows the average: 0.923
        1 - (0.5**2 + 0.5**2) / 0.8125,  # falls while the average rises: 0.385
        1 - (0.25**2 + 0.5**2) / 0.8125,
    ]
    assert scores == pytest.approx(expected, abs=1e-15)


def test_lim_on_gaps_uses_the_epochs_seen():
    scores = lim_scores(np.array([[NAN, 0.5], [0.0, 1.0]]), np.array([0.25, 0.5]))
    assert scores == pytest.approx([1.0, 1 - (0.0625 + 0.25) / 0.8125])


def test_lim_of_a_prompt_always_at_the_ceiling_is_zero():
    # Σ(1 − avg)² / Σ(1 − avg)² = 1, whatever the curve.
    assert lim_scores(np.array([[1.0, 1.0, 1.0]]), np.array([0.1, 0.5, 0.7])).tolist() == [0.0]


def test_lim_of_the_published_reward_scale_goes_below_minus_one():
    # Never right, badly formatted (−1) against an average near 1: 1 − 2²·K / 0.1²·K.
    assert lim_scores(np.array([[-1.0, -1.0]]), np.array([0.9, 0.9])) == pytest.approx([1 - (1.9 / 0.1) ** 2])


def test_lim_with_nothing_left_to_learn_is_an_error():
    with pytest.raises(InputError, match="nothing left to learn"):
        lim_scores(np.ones((2, 3)), np.ones(3))


def test_lim_of_a_prompt_seen_only_where_all_are_perfect_has_no_score():
    scores = lim_scores(np.array([[1.0, NAN], [1.0, 0.0]]), np.array([1.0, 0.0]))
    assert np.isnan(scores[0])
    assert scores[1] == 1.0


matrices = hnp.arrays(np.float64, (5, 4), elements=st.integers(-8, 7).map(lambda n: n / 8))


@given(matrices, st.floats(0.1, 50), st.floats(-20, 20))
@settings(max_examples=60, deadline=None)
def test_lim_does_not_change_under_an_affine_map_that_moves_the_ceiling_along(rewards, a, b):
    scores = lim_scores(rewards, average_curve(rewards))
    mapped = a * rewards + b
    assert lim_scores(mapped, average_curve(mapped), max_reward=a + b) == pytest.approx(scores, rel=1e-6, abs=1e-6)


def test_rewards_of_one_and_minus_half_score_as_zero_and_one():
    # 1.5·r − 0.5 maps {0, 1} to {−0.5, 1} and leaves 1 in place.
    rates = np.array([[0.0, 0.25, 0.5], [1.0, 0.5, 0.25], [0.125, 0.5, 1.0]])
    rewards = 1.5 * rates - 0.5
    assert lim_scores(rewards, average_curve(rewards)) == pytest.approx(lim_scores(rates, average_curve(rates)))


@pytest.mark.parametrize(
    ("trajectory", "expected"),
    [
        ([0.0, 0.5, 1.0], 1.0),  # a straight rise
        ([1.0, 0.5, 0.0], 0.0),  # a straight fall
        ([0.5, 0.5, 0.5], 0.0),  # constant
        ([0.0, 1.0, 1.0], 0.75),  # slope 1/2: SS_line 0.5 of SS 2/3
        ([0.0, NAN, 1.0], 1.0),  # two points lie on a line
        ([0.5, NAN, NAN], 0.0),
    ],
)
def test_linear_by_hand(trajectory, expected):
    assert linear_scores(np.array([trajectory])) == pytest.approx([expected])


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_scores_do_not_depend_on_the_size_of_the_rewards(size):
    rewards_P_K = np.array([[0.0, 0.25, 0.5], [0.5, 0.5, 1.0], [0.25, 0.0, 0.0]])
    lim = lim_scores(rewards_P_K, average_curve(rewards_P_K))
    assert lim_scores(size * rewards_P_K, size * average_curve(rewards_P_K), size) == pytest.approx(lim)
    assert linear_scores(size * rewards_P_K) == pytest.approx(linear_scores(rewards_P_K))


def test_linear_without_any_epoch_is_nan():
    assert np.isnan(linear_scores(np.array([[NAN, NAN]]))).all()


def test_variance_and_uncertainty_by_hand():
    rates = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0], [0.0, NAN]])
    assert variance_scores(rates).tolist() == [0.5, 0.0, 0.0, 0.0]
    assert uncertainty_scores(rates).tolist() == [0.25, 0.25, 0.0, 0.0]
    assert np.isnan(variance_scores(np.array([[NAN, NAN]]))).all()
