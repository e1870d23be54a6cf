"""Small helpers: whitespace, durations, paths as people type them, names of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from lim.utils.paths import ROOT, is_hub_id, shown
from lim.utils.text import duration, squash


@pytest.mark.parametrize(("text", "expected"), [(" a \t b\n\nc ", "a b c"), ("", ""), ("a\u00a0b", "a b")])
def test_squash(text, expected):
    assert squash(text) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (4.4, "4 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3600, "1 h 00 min"), (3900, "1 h 05 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("path", "text"), [(ROOT / "data" / "x", "data/x"), ("/elsewhere/x", "/elsewhere/x"), (Path("x"), "x")]
)
def test_paths_in_the_project_are_shown_from_its_root(path, text):
    assert shown(path) == text


def test_hub_ids_are_owner_and_name_and_no_folder(tmp_path):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    names = ["Qwen/Qwen2.5-0.5B", "models/mine", "./models/mine", "/models/mine", "~/mine", "mine", "a/b/c"]
    assert [name for name in names if is_hub_id(name, tmp_path)] == ["Qwen/Qwen2.5-0.5B"]
