"""Numbers of a log's keys: lists and Arrow arrays alike, over several calls of Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from lim.logs import keys as module
from lim.logs.keys import KeyTable

STEPS = [["c", "a", "é"], ["a", "b"], [], ["b", "é", "d", "c"], ["z"]]


@pytest.mark.parametrize("at_once", [1, 4, 1 << 20])
@pytest.mark.parametrize("arrow", [False, True])
def test_keys_are_numbered_in_order_of_appearance(monkeypatch, at_once, arrow):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    table = KeyTable()
    for step in STEPS:
        table.add(pa.array(step, pa.string()) if arrow else step)
    keys, rows = table.finish()
    assert keys == ["c", "a", "é", "b", "d", "z"]
    assert [[keys[row] for row in part.tolist()] for part in rows] == STEPS
    assert all(part.dtype == np.int32 for part in rows)


def test_no_keys_at_all():
    assert KeyTable().finish() == ([], [])
