"""What LIM's settings change, on logs whose answer is known."""

import json

import numpy as np
from logs import write_log

from scripts.ablate_choice import main, read_run, without
from scripts.simulate_repeat import SETTINGS


def test_each_epoch_misses_its_share_of_the_prompts(tmp_path):
    write_log(tmp_path, {f"p{at:02}": [[1, 0, at % 2, 1]] * 4 for at in range(50)})
    matrix = read_run(tmp_path, None, SETTINGS.resolved(), keep_samples=True)[0]
    less = without(matrix, 0.1, np.random.default_rng(0))
    missing_P_K = np.isnan(less.rewards_P_K)
    assert missing_P_K.sum(axis=0).tolist() == [5] * 4 and (missing_P_K == (less.counts_P_K == 0)).all()
    assert len({tuple(one) for one in missing_P_K.T}) == 4  # others in each epoch
    assert (less.rewards_P_K[~missing_P_K] == matrix.rewards_P_K[~missing_P_K]).all()


def test_variants_are_compared_with_the_complete_log(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rewards = {
        f"p{at:03}": [np.where(rng.random(4) < rate, 1.0, -0.5).tolist() for _ in range(4)]
        for at, rate in enumerate(np.linspace(0, 1, 120))
    }
    write_log(tmp_path / "log", rewards)
    main([str(tmp_path / "log"), "--repeats", "3", "--json", str(tmp_path / "out.json")])
    found = json.loads((tmp_path / "out.json").read_text())[str(tmp_path / "log")]
    rows = {row["variant"]: row for row in found["rows"]}
    assert found["prompts"] == 120 and "by rank" in capsys.readouterr().out
    # Rewards of 1 and −0.5 are a line in the pass rate, under which LIM does not change.
    assert rows["pass rates for rewards"]["jaccard_by_rank"] == 1.0
    assert rows["LIM ≥ 0.4"]["chosen_by_threshold"] > rows["LIM ≥ 0.8"]["chosen_by_threshold"]
    assert rows["1 of 4 samples"]["jaccard_by_rank"] < rows["3 of 4 samples"]["jaccard_by_rank"] < 1.0
    assert rows["first 2 of 4 epochs"]["jaccard_by_rank"] < 1.0
    few, many = (rows[f"{share} of each epoch missing, observed"]["jaccard_by_rank"] for share in ("4%", "20%"))
    assert many < few < 1.0
