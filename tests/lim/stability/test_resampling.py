"""Draws of the resampling: with replacement, without, and of cells that hold fewer samples."""

from __future__ import annotations

import numpy as np

from lim.stability.sweeps import _Resampler

NAN = np.nan
VALUES_P_K_S = np.array(
    [
        [[1, 2, 3, 4], [8, 8, 8, 8]],
        [[NAN, 5, NAN, 7], [NAN, NAN, NAN, NAN]],
    ],
    np.float32,
)


def draws(fewer: int | None, count: int = 4000) -> np.ndarray:
    draw = _Resampler(VALUES_P_K_S, np.random.default_rng(3))
    return np.array([draw.means_P_K(fewer) for _ in range(count)])


def test_with_replacement_has_the_bootstraps_mean_and_spread():
    means_B_P_K = draws(None)
    assert (means_B_P_K[:, 0, 1] == 8).all()
    assert np.isnan(means_B_P_K[:, 1, 1]).all()
    assert abs(means_B_P_K[:, 0, 0].mean() - 2.5) < 0.05
    assert abs(means_B_P_K[:, 0, 0].std() - np.std([1, 2, 3, 4]) / 2) < 0.03
    assert set(np.unique(means_B_P_K[:, 1, 0])) == {5, 6, 7}
    assert abs((means_B_P_K[:, 1, 0] == 6).mean() - 0.5) < 0.05


def test_without_replacement_takes_each_sample_once():
    assert set(np.unique(draws(1)[:, 0, 0])) == {1, 2, 3, 4}
    three_B = draws(3)[:, 0, 0] * 3
    assert set(np.unique(np.round(three_B))) == {6, 7, 8, 9}  # 10 less one of 1, 2, 3, 4
    assert abs(three_B.mean() - 7.5) < 0.1
    all_B = draws(4, 5)
    assert (all_B[:, 0, 0] == 2.5).all() and (all_B[:, 1, 0] == 6).all()
    assert (draws(3, 5)[:, 1, 0] == 6).all()  # a cell of two samples keeps both
