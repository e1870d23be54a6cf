"""The table of conventions in docs/grading.md is what the script's cases give for this grader."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from eval.grader import equal

ROOT = Path(__file__).resolve().parents[2]


def test_the_documented_column_is_this_graders():
    spec = importlib.util.spec_from_file_location("grader_conventions", ROOT / "scripts" / "grader_conventions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert len(module.CONVENTIONS) == 20
    docs = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    for name, gold, answer in module.CONVENTIONS:
        verdict = "yes" if equal(gold, answer) else "no"
        assert f"| {name} | `{gold}` | `{answer}` | {verdict} |" in docs
