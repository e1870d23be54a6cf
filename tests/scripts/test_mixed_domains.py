"""Two domains in one log: what one average curve takes of each, and an average of each domain's own."""

import json

import numpy as np
import pytest
from logs import write_log

from lim.utils.errors import InputError
from scripts.mixed_domains import main


def run(path, curve, prompts, epochs=6):
    """A run whose prompts follow `curve` (epoch → pass rate), the first closely and the last hardly."""
    rng = np.random.default_rng(0)
    rewards = {}
    for at in range(prompts):
        follows = rng.random((epochs, 4)) < 1 - at / prompts
        right = np.where(
            follows, rng.random((epochs, 4)) < curve(np.arange(epochs)[:, None]), rng.random((epochs, 4)) < 0.5
        )
        rewards[f"p{at:03}"] = right.astype(float).tolist()
    write_log(path, rewards)
    return str(path)


def test_a_domain_of_another_average_gets_few_or_its_share(tmp_path, capsys):
    rising = run(tmp_path / "rising", lambda epoch: 0.5 + 0.1 * epoch, 240)
    hopeless = run(tmp_path / "hopeless", lambda epoch: 0 * epoch, 60, epochs=8)
    main([rising, hopeless, "--json", str(tmp_path / "out.json")])
    rows = {row["domain"]: row for row in json.loads((tmp_path / "out.json").read_text())}
    assert [row["epochs"] for row in rows.values()] == [6, 6]
    assert rows[rising]["together"] + rows[hopeless]["together"] == 50 == round(300 / 6)
    assert (rows[rising]["by_domain"], rows[hopeless]["by_domain"]) == (40, 10)
    assert rows[hopeless]["together"] < 10 and rows[hopeless]["by_domain_pass_rate"] < rows[hopeless]["pass_rate"]
    assert "each domain's own 10" in capsys.readouterr().out


def test_one_log_is_no_mixture(tmp_path):
    log = run(tmp_path / "log", lambda epoch: 0.1 * epoch, 12)
    for logs in ([log], [log, log]):
        with pytest.raises(InputError, match="two domains or more"):
            main(logs)
