"""Missing epochs under both rules."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lim.logs.missing import treat_missing
from lim.pipeline import Settings, select

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


def plain_program(epochs, threshold):
    """The released code's steps in dictionaries: share of rewards at 1, −1 for unseen, one pass of filling, ≥."""
    prompts = {prompt for epoch in epochs for prompt, _ in epoch}
    sequences = {}
    for prompt in prompts:
        sequence = []
        for epoch in epochs:
            rewards = [reward for name, reward in epoch if name == prompt]
            sequence.append(sum(reward == 1 for reward in rewards) / len(rewards) if rewards else -1)
        for at in range(len(sequence) - 1):
            if sequence[at] == -1 and sequence[at + 1] != -1:
                sequence[at] = sequence[at + 1]
        if -1 not in sequence:
            sequences[prompt] = sequence
    average = [sum(column) / len(sequences) for column in zip(*sequences.values(), strict=True)]
    room = sum((1 - a) ** 2 for a in average)
    scores = {
        prompt: 1 - sum((r - a) ** 2 for r, a in zip(sequence, average, strict=True)) / room
        for prompt, sequence in sequences.items()
    }
    return scores, {prompt for prompt, score in scores.items() if score >= threshold}


@pytest.mark.parametrize("seed", range(3))
def test_a_log_with_dropped_batches_is_scored_as_the_released_code_does(tmp_path, seed):
    rng = np.random.default_rng(seed)
    prompts = [f"question {n}" for n in range(50)]
    epochs = []
    (tmp_path / "train").mkdir()
    for epoch in range(6):
        # 50 prompts in steps of 16: the last two of the shuffled order are dropped, as the release does; and more.
        order = rng.permutation(50)[: 48 if epoch % 2 else 36]
        rows = [
            (prompts[n], float(rng.choice([1, -0.5, -1], p=[0.1 + 0.015 * n, 0.8 - 0.015 * n, 0.1])))
            for n in order
            for _ in range(4)
        ]
        epochs.append(rows)
        for part in range(3):
            records = [{"prompt": p, "response": "", "reward": r} for p, r in rows[part * 64 : (part + 1) * 64]]
            (tmp_path / "train" / f"step_{3 * epoch + part + 1}.json").write_text(json.dumps(records))
    expected, kept = plain_program(epochs, 0.6)
    assert 0 < len(expected) < 50  # some are dropped
    file = tmp_path / "p.json"
    file.write_text(json.dumps([{"id": str(n), "prompt": text} for n, text in enumerate(prompts)]))
    settings = Settings(metric="accuracy", steps_per_epoch=3, max_epochs=6, allow=("epochs",))
    selection = select(file, log_path=tmp_path, settings=settings)
    scores = {text: s for text, s in zip(prompts, selection.scores_P, strict=True) if not np.isnan(s)}
    assert scores == pytest.approx(expected)
    assert {prompts[n] for n in np.flatnonzero(selection.chosen_P)} == kept
