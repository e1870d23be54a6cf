"""What is said of LIM against a filter by pass rate, on logs whose answer is known."""

import json

import numpy as np
import pytest
from logs import write_log

from scripts import lim_against_band
from scripts.lim_against_band import explained, halves, main, within_bins


def test_a_score_that_follows_from_the_pass_rate_is_explained_and_noise_is_not():
    rates_P = np.linspace(0, 1, 400)
    steps_P = np.floor(rates_P * 19.999)  # one value per bin
    assert explained(steps_P, rates_P)[0] == pytest.approx(1.0)
    noise_P = np.random.default_rng(1).normal(size=400)
    assert abs(explained(noise_P, rates_P)[0]) < 0.2


def test_choices_are_compared_within_bins_of_the_pass_rate():
    rates_P = np.arange(30) / 30
    scores_P = np.tile([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 5)
    same, other = within_bins(scores_P, scores_P, rates_P), within_bins(scores_P, -scores_P, rates_P)
    assert [row["prompts"] for row in same] == [6] * 5
    assert [row["jaccard"] for row in same] == [1.0] * 5 and [row["jaccard"] for row in other] == [0.0] * 5
    assert same[0]["by_chance"] == pytest.approx((1 / 6) / (2 - 1 / 6))  # one of six, drawn twice
    assert (same[0]["from"], same[0]["to"]) == (0.0, pytest.approx(5 / 30))


def test_two_halves_hold_all_samples_once(tmp_path, monkeypatch):
    write_log(tmp_path, {f"p{at}": [[1, 0, at % 2, 1]] * 3 for at in range(12)})
    matrix = lim_against_band.read_run(tmp_path, None, lim_against_band.SETTINGS.resolved(), keep_samples=False)[0]
    seen = []
    monkeypatch.setattr(lim_against_band, "lim", lambda rates, counts: seen.append((rates, counts)) or rates[:, 0])
    halves(matrix, np.random.default_rng(0))
    (one, ones), (two, twos) = seen
    np.testing.assert_allclose(one * ones + two * twos, matrix.pass_rates_P_K * 4)
    assert (ones == 2).all() and (twos == 2).all()


def test_logs_and_pairs_of_logs_are_shown_written_and_drawn(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        rewards = {
            f"p{at:03}": [(rng.random(4) < rate).astype(int).tolist() for _ in range(3)]
            for at, rate in enumerate(np.linspace(0, 1, 200))
        }
        write_log(tmp_path / name, rewards)
    logs = [str(tmp_path / "one"), str(tmp_path / "two")]
    main([*logs, "--repeats", "3", "--json", str(tmp_path / "out.json"), "--figure", str(tmp_path / "out.png")])
    found = json.loads((tmp_path / "out.json").read_text())
    first = found["logs"][logs[0]]
    assert (first["prompts"], first["epochs"], first["samples"], first["chosen"]) == (200, 3, 4, 33)
    assert first["r2_of_mean_pass_rate"] > 0.5 and len(first["halves_within_bins"]) == 5
    assert list(found["pairs"]) == [" | ".join(logs)]
    assert "LIM's first 33" in capsys.readouterr().out and (tmp_path / "out.png").exists()
