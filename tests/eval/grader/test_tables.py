"""Pairs of answers judged by hand: the tables of `tables/`, whose files hold nothing but pairs by kind."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from pairs import cases

from eval.grader import equal
from eval.grader.compare import decide

FILES = sorted((Path(__file__).parent / "tables").glob("*.py"))
TABLES = {path.stem: runpy.run_path(str(path)) for path in FILES}
# Tables with pairs that this project's parser does not read, so that a worker decides; in the second row only some
# that are not ASCII.
NEED_A_WORKER = ("kinds", "written")
NOT_ASCII_NEEDS_ONE = ("pairs", "forms")


def every(side):
    return cases({f"{name}, {kind}": pairs for name, table in TABLES.items() for kind, pairs in table[side].items()})


@pytest.mark.parametrize(("gold", "prediction"), every("SAME"))
def test_same(gold, prediction):
    assert equal(gold, prediction)


@pytest.mark.parametrize(("gold", "prediction"), every("DIFFERENT"))
def test_different(gold, prediction):
    assert not equal(gold, prediction)


@pytest.mark.parametrize("name", sorted(TABLES.keys() - set(NEED_A_WORKER)))
def test_the_table_is_decided_without_a_worker(name):
    pairs = [pair for side in ("SAME", "DIFFERENT") for kind in TABLES[name][side].values() for pair in kind]
    undecided = [pair for pair in pairs if decide(*pair) is None]
    assert [pair for pair in undecided if pair[1].isascii() or name not in NOT_ASCII_NEEDS_ONE] == []


def test_arrows_have_a_direction():
    assert not equal(r"p \to q", r"q\rightarrow p")
