"""Many trainings in a row, with small Python programs in their place."""

from __future__ import annotations

import importlib.util
import json
import sys
from contextlib import contextmanager

import pytest

from lim.utils.paths import ROOT


@pytest.fixture
def soak(monkeypatch):
    """The script as a module, whose trainings write a file and fail where its number is in `fails`."""
    spec = importlib.util.spec_from_file_location("soak_script", ROOT / "scripts" / "soak.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.fails, module.loads = set(), []

    def training(folder):
        code = int(int(folder.name.split("-")[1]) in module.fails)
        make = f"import os; os.mkdir({str(folder)!r}); print('said'); raise SystemExit({code})"
        return [sys.executable, "-c", make]

    @contextmanager
    def busy(cores):
        module.loads.append(cores)
        yield

    monkeypatch.setattr(module, "training", training)
    monkeypatch.setattr(module, "busy", busy)
    return module


def rows(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_failures_keep_their_output_and_are_counted(soak, tmp_path, capsys):
    soak.fails = {2}
    soak.soak("training", 3, tmp_path, "abc")
    assert [row["code"] for row in rows(tmp_path)] == [0, 1, 0]
    assert soak.loads[0] == soak.loads[2] == 0 < soak.loads[1]
    assert (tmp_path / "training-2.log").read_text() == "said\n" and (tmp_path / "training-2").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results.jsonl", "training-2", "training-2.log"]
    assert soak.table(soak.remembered(tmp_path / "results.jsonl", "abc")) == 1
    shown = capsys.readouterr().out
    assert "training: 0 of 2 failed" in shown and "training beside busy cores: 1 of 1 failed" in shown


def test_a_second_call_continues_and_another_commit_starts_anew(soak, tmp_path):
    soak.soak("training", 2, tmp_path, "abc")
    with open(tmp_path / "results.jsonl", "a") as file:
        file.write('{"commit": "abc", "kind": "trai')  # cut off while it was written
    soak.soak("training", 3, tmp_path, "abc")
    assert [row["number"] for row in rows(tmp_path)] == [1, 2, 3]
    soak.soak("training", 1, tmp_path, "def")
    assert [row["commit"] for row in rows(tmp_path)] == ["abc", "abc", "abc", "def"]


def test_an_interrupted_training_is_not_counted(soak, tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "attempt", lambda *_: (130, 1.0))
    with pytest.raises(KeyboardInterrupt):
        soak.soak("training", 1, tmp_path, "abc")
    assert not (tmp_path / "results.jsonl").exists()
