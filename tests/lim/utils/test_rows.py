"""Files of rows; data.prepare and --score_only have the tests of mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lim.utils.errors import InputError
from lim.utils.rows import read_jsonl, read_rows, write_jsonl

ROWS = [{"a": "é\u2028日"}, {"a": "half \ud800"}]


def test_any_text_comes_back(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.jsonl", ROWS)
    assert read_jsonl(tmp_path / "rows.jsonl") == read_rows(tmp_path / "rows.jsonl") == ROWS
    assert "é\u2028日" in (tmp_path / "rows.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}\n\n[1]\n", "line 3 is a list"), ('{}\n{"a', "line 2: not JSON"), (None, "no such file")],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(InputError, match=f"rows.jsonl: {message}"):
        read_rows(tmp_path / "rows.jsonl")
