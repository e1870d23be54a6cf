"""Precision and recall of suspected labels: hits under ties, and a run whose wrong labels are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import viewed

from scripts.label_suspects import WRONG, hits_at, main


def test_hits_are_averaged_over_the_orders_of_equal_keys():
    keys = np.array([0, 0, 0, 0, 1, 2])
    wrong = np.array([True, True, False, False, True, False])
    assert [hits_at(keys, wrong, taken) for taken in (0, 1, 2, 4, 5, 6)] == [0, 0.5, 1, 2, 3, 3]


def test_a_run_with_known_wrong_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))
    log = viewed.write_own(tmp_path)
    path = tmp_path / "prompts.json"
    records = json.loads(path.read_text())
    for n, record in enumerate(records):
        record |= {"source": WRONG if n in viewed.WRONG else "arithmetic", "level": 5 if n == viewed.HOPELESS else 1}
    path.write_text(json.dumps(records))
    main([str(log), "--json", str(tmp_path / "found.json"), "--markdown", str(tmp_path / "found.md")])
    rows = json.loads((tmp_path / "found.json").read_text())
    found = {(row["prompts"], row["rule"], row["cut"]): (row["taken"], row["hits"], row["wrong"]) for row in rows}
    assert found["all", "suspects", "as many"] == found["all", "suspects", "listed"] == (2, 2, 2)
    assert found["all", "never solved", "listed"] == (3, 2, 2)  # the hopeless one, too
    assert found["all", "never solved", "as many"] == (2, pytest.approx(4 / 3), 2)
    assert found["levels 1-4", "never solved", "listed"] == (2, 2, 2)
    assert found["level 5", "never solved", "listed"] == (1, 0, 0)
    assert "| suspects | listed | 2 | 2 | 2 | 1.00 (0.34-1.00) | 1.00 (0.34-1.00) |" in capsys.readouterr().out
