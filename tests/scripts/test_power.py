"""The power of a comparison, against simulated experiments."""

import numpy as np
import pytest
from scipy.stats import t

from scripts.power import Design, main


@pytest.mark.parametrize(("seeds", "difference"), [(4, 2.0), (12, 1.5), (12, 0.0)])
def test_power_is_how_often_simulated_experiments_find_the_difference(seeds, difference):
    design, rng, found = Design(1.7, seeds, 3), np.random.default_rng(seeds), []
    for _ in range(4000):
        runs_A_S = rng.normal(0, 1.7, (3, seeds)) + rng.normal(0, 3, seeds)  # a seed's own level cancels out
        runs_A_S[1] += difference
        rest = runs_A_S - runs_A_S.mean(axis=1, keepdims=True) - runs_A_S.mean(axis=0) + runs_A_S.mean()
        stderr = np.sqrt((rest**2).sum() / design.dof * 2 / seeds)
        found.append((runs_A_S[1] - runs_A_S[0]).mean() / stderr)
    share = np.mean(np.abs(found) > t.ppf(0.975, design.dof))
    assert design.power(difference) == pytest.approx(share, abs=0.025)


def test_an_interval_within_the_margin_is_rarely_wrong_and_takes_seeds():
    few, many = Design(1.7, 6, 4), Design(1.7, 24, 4)
    assert few.within(2.0, 0.0) < many.within(2.0, 0.0) and many.within(2.0, 0.0) > 0.95
    assert many.within(2.0, 2.0) == pytest.approx(0.05, abs=0.002)  # the true difference is the margin
    assert many.within(2.0, 1.0) < many.within(2.0, 0.0)


def test_the_table_has_a_row_per_number_of_seeds(capsys):
    main(["--scatter", "1.7", "--seeds", "4", "12", "--minutes", "3.5"])
    head, names, *rows = capsys.readouterr().out.splitlines()
    assert head == "scatter 1.7, margin 2 points, 4 arms" and names.endswith("hours")
    assert [row.split()[0] for row in rows] == ["4", "12"] and rows[1].split()[-1] == "2.8"  # 48 trainings


@pytest.mark.parametrize("bad", [["--scatter", "0"], ["--scatter", "x"], ["--scatter", "1", "--seeds", "1"]])
def test_numbers_that_mean_nothing_are_refused(bad):
    with pytest.raises(SystemExit) as end:
        main(bad)
    assert end.value.code == 2
