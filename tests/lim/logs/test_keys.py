"""Numbers of a log's keys: lists and Arrow arrays alike, over several calls of Arrow."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest

from lim.logs import keys as module
from lim.logs.keys import KeyTable

STEPS = [["c", "a", "é"], ["a", "b"], [], ["b", "é", "d", "c"], ["z"]]


@pytest.mark.parametrize("few", [1, 4, 1 << 20])
@pytest.mark.parametrize("arrow", [False, True])
def test_keys_are_numbered_in_order_of_appearance(monkeypatch, few, arrow):
    monkeypatch.setattr(module, "FEW", few)
    table = KeyTable()
    for step in STEPS:
        table.add(pa.array(step, pa.string()) if arrow else step)
    keys, rows = table.finish()
    assert keys == ["c", "a", "é", "b", "d", "z"]
    assert [[keys[row] for row in part.tolist()] for part in rows] == STEPS
    assert all(part.dtype == np.int32 for part in rows)


def test_no_keys_at_all():
    assert KeyTable().finish() == ([], [])


@pytest.mark.parametrize("few", [1, 50])
@pytest.mark.parametrize("seed", range(20))
def test_keys_of_all_lengths_are_numbered_as_by_a_dictionary(monkeypatch, few, seed):
    monkeypatch.setattr(module, "FEW", few)
    random = Random(seed)
    letters, sizes = "abé01\0z", [0, 1, 3, 8, 9, 16, 17]
    pool = ["".join(random.choices(letters, k=random.choice(sizes))) for _ in range(random.choice([3, 40, 400]))]
    table, numbers, steps = KeyTable(), dict[str, int](), list[list[str]]()
    for _ in range(12):
        if random.random() < 0.1:  # wider than the table so far, and than arrays hold
            pool.append("x" * random.choice([24, 40, module.WIDEST, module.WIDEST + 1, 300]))
        steps.append(random.choices(pool, k=random.randint(0, 60)))
        table.add(pa.array(["first", *steps[-1], "last"], pa.string()).slice(1, len(steps[-1])))
        for key in steps[-1]:
            numbers.setdefault(key, len(numbers))
    keys, rows = table.finish()
    assert keys == list(numbers)
    assert [part.tolist() for part in rows] == [[numbers[key] for key in step] for step in steps]


def test_many_keys_that_share_slots(monkeypatch):
    monkeypatch.setattr(module, "FEW", 8)
    monkeypatch.setattr(module, "MIX", np.uint64(1 << 63 | 1))  # a bad one: keys of few bits meet often
    table, keys = KeyTable(), [f"{number:04}" for number in range(3000)]
    for _ in range(2):
        for at in range(0, len(keys), 100):
            table.add(pa.array(keys[at : at + 100]))
    found, rows = table.finish()
    assert found == keys
    assert np.concatenate(rows).tolist() == [*range(3000)] * 2


def test_bytes_that_are_no_text_are_not_taken_for_padding(monkeypatch):
    monkeypatch.setattr(module, "FEW", 1)
    ends, data = np.array([0, 1, 3], np.int32), b"aa\xff"
    table = KeyTable()
    table.add(pa.array(["b"]))
    with pytest.raises(UnicodeDecodeError):
        table.add(pa.StringArray.from_buffers(2, pa.py_buffer(ends), pa.py_buffer(data)))
