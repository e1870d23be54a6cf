"""Missing epochs under both rules."""

from __future__ import annotations

import numpy as np
import pytest

from lim.missing import treat_missing

NAN = np.nan

CASES = [
    # trajectory, after backfill (None: unscored)
    ([0.25, 0.5, 0.75], [0.25, 0.5, 0.75]),
    ([0.25, NAN, 0.75], [0.25, 0.75, 0.75]),  # a gap inside takes the next epoch
    ([NAN, 0.5, 0.75], [0.5, 0.5, 0.75]),  # a gap at the start as well
    ([NAN, 0.5, NAN, 1.0], [0.5, 0.5, 1.0, 1.0]),  # two single gaps
    ([0.25, NAN, NAN, 1.0], None),  # a run of two: one step deep only
    ([0.25, 0.5, NAN], None),  # nothing follows the last epoch
]


@pytest.mark.parametrize(("trajectory", "filled"), CASES)
def test_backfill(trajectory, filled):
    out, reasons = treat_missing(np.array([trajectory]), "backfill")
    if filled is None:
        assert np.isnan(out).all()
        assert reasons == ["epochs missing that backfill does not fill"]
    else:
        assert out.tolist() == [filled]
        assert reasons == [None]


@pytest.mark.parametrize(("trajectory", "filled"), CASES)
def test_observed_keeps_gaps(trajectory, filled):
    out, reasons = treat_missing(np.array([trajectory]), "observed", min_epochs=2)
    np.testing.assert_array_equal(out, [trajectory])
    assert reasons == [None]


def test_min_epochs_counts_epochs_truly_seen():
    rewards = np.array([[NAN, 0.5, NAN, 1.0], [1.0, 1.0, 1.0, 1.0], [NAN, NAN, NAN, NAN]])
    for rule in ("backfill", "observed"):
        out, reasons = treat_missing(rewards, rule, min_epochs=3)
        assert reasons == ["seen in fewer than 3 epochs", None, "not in the log"]
        assert np.isnan(out[[0, 2]]).all()


def test_the_input_is_left_as_it_was():
    rewards = np.array([[NAN, 0.5]])
    treat_missing(rewards, "backfill")
    assert np.isnan(rewards[0, 0])
