"""A simulation of what makes choices repeat, on logs whose answer is known."""

import json

import numpy as np
import pytest
from logs import write_log

from scripts import simulate_repeat
from scripts.simulate_repeat import agreement, choices, fit, main, sigmoid, study

CURVE_K = np.linspace(-1.0, 1.5, 6)


def runs(deviation, *, runs=2, prompts=300, samples=8, seed=0):
    """(passed, samples) [R, P, K] of prompts of all eases, each run with a deviation of its own."""
    rng = np.random.default_rng(seed)
    ease_P = rng.normal(0, 2, prompts)
    logits_R_P_K = CURVE_K + ease_P[:, None] + rng.normal(0, deviation, (runs, prompts, 1))
    passed = rng.binomial(samples, sigmoid(logits_R_P_K)).astype(float)
    return passed, np.full(passed.shape, float(samples))


def test_ease_and_speed_of_prompts_are_found_again():
    rng = np.random.default_rng(0)
    ease_P, speed_P = rng.normal(0, 2, 300), rng.choice([-1.5, 1.5], 300)
    progress_K = simulate_repeat.progress(CURVE_K)
    rates_P_K = sigmoid(CURVE_K + ease_P[:, None] + speed_P[:, None] * progress_K)
    passed = rng.binomial(200, rates_P_K).astype(float)[None]
    model = fit(passed, np.full(passed.shape, 200.0))
    drawn_P_K = np.mean([sigmoid(model.logits(rng, 6)) for _ in range(30)], axis=0)
    assert np.abs(drawn_P_K - rates_P_K).mean() < 0.02


@pytest.mark.parametrize("deviation", [0.0, 0.5, 1.0])
def test_how_much_runs_differ_is_found_again(deviation):
    found = study(*runs(deviation, runs=3), draws=10)
    assert found["deviation"] == pytest.approx(deviation, abs=0.2)
    real = np.mean([row["lim"] for row in found["real"]])
    assert found["designs"][0]["lim"] == pytest.approx(real, abs=0.1)


def test_more_samples_repeat_better_up_to_what_runs_share():
    alike, other = study(*runs(0.0), draws=5), study(*runs(1.0), draws=5)

    def by_samples(found):
        same = [r for r in found["designs"] if (r["epochs"], r["spread"]) == (found["epochs"], 1)]
        return [row["lim"] for row in sorted(same, key=lambda row: row["samples"])]

    assert by_samples(alike)[-1] > by_samples(alike)[0] + 0.2
    assert by_samples(other)[-1] < by_samples(alike)[-1] - 0.2
    assert by_samples(alike)[0] > alike["by_chance"]


def test_choices_are_the_sixth_nearest_to_the_average():
    rates_P_K = np.repeat(np.linspace(0, 1, 13)[:, None], 4, axis=1)
    for one in choices(rates_P_K, 1 / 6).values():
        assert set(np.flatnonzero(one)) <= {5, 6, 7} and one[6]
    assert agreement(rates_P_K, rates_P_K, 1 / 6) == {"lim": 1.0, "mean": 1.0, "apart": 0.0}


def test_logs_are_read_shown_written_and_drawn(tmp_path, capsys):
    passed, _ = runs(0.3, prompts=90, samples=4)
    for name, one in zip(("one", "two"), passed.astype(int), strict=True):
        write_log(
            tmp_path / name, {f"p{at:02}": [[1] * n + [0] * (4 - n) for n in row] for at, row in enumerate(one)}
        )
    files = ["--json", str(tmp_path / "out.json"), "--figure", str(tmp_path / "out.png")]
    main([str(tmp_path / "one"), str(tmp_path / "two"), "--draws", "3", *files])
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["prompts"], found["epochs"], found["samples"], found["chosen"]) == (90, 6, 4, 15)
    assert len(found["real"]) == 1 and len(found["designs"]) == len({tuple(r.items()) for r in found["designs"]})
    assert "two real runs" in capsys.readouterr().out and (tmp_path / "out.png").exists()


def test_logs_that_share_too_few_prompts_are_refused(tmp_path):
    for name in ("one", "two"):
        write_log(tmp_path / name, {f"{name}{at}": [[1, 0]] * 3 for at in range(70)})
    with pytest.raises(simulate_repeat.InputError, match="0 prompts in 3 epochs"):
        main([str(tmp_path / "one"), str(tmp_path / "two")])
