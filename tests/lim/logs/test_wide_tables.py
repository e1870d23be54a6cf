"""A table with a column per epoch is refused, and what docs/logs.md says makes a log of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lim.logs.first_row import wide_columns
from lim.pipeline import select
from lim.strategies import Settings
from lim.utils.errors import InputError

ROOT = Path(__file__).parents[3]
WIDE = "prompt,{}\nquestion 0,0,0.5,1\nquestion 1,0,0,1\nquestion 2,0,0,0.5\n"


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps([{"id": str(i), "prompt": f"question {i}", "answer": "1"} for i in range(3)]))
    return path


@pytest.mark.parametrize(
    "names", ["epoch_1,epoch_2,epoch_3", "0,1,2", "reward@ep1,reward@ep2,reward@ep3", "e1,e2,e30"]
)
def test_refused(tmp_path, prompts, names):
    log = tmp_path / "wide.csv"
    log.write_text(WIDE.format(names))
    shown = re.escape(names.replace(",", ", "))
    with pytest.raises(InputError, match=f"--reward_column.*; if {shown} are rewards by epoch, write a row for each"):
        select(prompts, log_path=log, settings=Settings(top_k=1))


def test_numbered_columns_beside_a_reward_are_no_epochs(tmp_path, prompts):
    log = tmp_path / "choices.csv"
    log.write_text("question,score,choice_1,choice_2\nquestion 0,1,7,8\n")
    with pytest.raises(InputError, match="--reward_column score") as error:
        select(prompts, log_path=log, settings=Settings(top_k=1))
    assert "by epoch" not in str(error.value)


def test_as_the_docs_say(tmp_path, prompts, monkeypatch):
    pytest.importorskip("pandas")
    (code,) = re.findall(r"```python\n(import pandas\n.*?)```", (ROOT / "docs/logs.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    Path("wide.csv").write_text(WIDE.format("epoch_1,epoch_2,epoch_3"))
    exec(code, {})
    settings = Settings(prompt_column="prompt", reward_column="reward", epoch_column="epoch", top_k=1)
    selection = select(prompts, log_path=tmp_path / "long.csv", settings=settings)
    assert selection.matrix is not None
    assert selection.matrix.rewards_P_K.tolist() == [[0, 0.5, 1], [0, 0, 1], [0, 0, 0.5]]


@pytest.mark.parametrize(
    ("columns", "wide"),
    [
        ("question answer x2", ""),
        ("id p1 r1 r2 r3", "r1 r2 r3"),
        ("a1b2 a3b4 c5", "a1b2 a3b4"),
    ],
)
def test_columns_of_a_kind(columns, wide):
    assert wide_columns(columns.split()) == wide.split()
