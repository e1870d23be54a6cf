"""Grouping a step's rows, compared with a loop over them."""

from __future__ import annotations

import numpy as np
import pytest

from lim.logs.step import group_rewards


@pytest.mark.parametrize("order", ["together", "scattered", "even"])
@pytest.mark.parametrize("epochs", ["none", "one", "two"])
def test_groups_equal_a_loop_over_the_rows(order, epochs):
    rng = np.random.default_rng(5)
    keys = [f"p{n}" for n in range(7)]
    codes_R = np.repeat(rng.permutation(6), rng.integers(1, 5, 6))  # p6 has no row
    if order == "scattered":
        rng.shuffle(codes_R)
    if order == "even":
        codes_R = np.repeat(np.arange(7), 300)  # more samples than a byte counts
    rewards_R = rng.choice([1.0, -0.5, -1.0], len(codes_R))
    rewards_R[codes_R == 2] = -0.5
    correct_R = rewards_R == 1
    epochs_R = {"none": None, "one": np.full(len(codes_R), 3), "two": 3 + (np.arange(len(codes_R)) > 8)}[epochs]
    step = group_rewards(4, keys, codes_R, rewards_R, epochs_R=epochs_R, correct_R=correct_R)
    for at, key in enumerate(step.keys):
        mine_R = codes_R == keys.index(key)
        if step.epochs_U is not None and epochs_R is not None:
            mine_R &= epochs_R == step.epochs_U[at]
        assert step.counts_U[at] == mine_R.sum()
        assert step.sums_U[at] == rewards_R[mine_R].sum()
        assert step.tops_U[at] == step.correct_U[at] == correct_R[mine_R].sum()
        assert step.equal_U[at] == (len(set(rewards_R[mine_R])) <= 1)
    assert step.counts_U.sum() == len(codes_R)
