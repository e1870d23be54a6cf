"""What `lim stability` wrote, on the page: only with the selection it is about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from logs import write_log, write_prompts
from page_samples import unpack

import lim_selection
from lim.stability.__main__ import main as stability
from lim.utils.errors import InputError

REWARDS = {
    "a": [[0, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]],
    "b": [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]],
    "c": [[1, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    "d": [[0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 1]],
}


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    prompts = write_prompts(tmp_path / "prompts.json", [*"abcd", "unseen"])
    log = write_log(tmp_path / "log", REWARDS)
    found = ["--train_samples_path", str(log), "--original_prompts_path", str(prompts)]
    stability([*found, "--output_path", str(tmp_path / "stability"), "--bootstrap", "20", "--repeats", "0"])
    return [*found, "--output_path", str(tmp_path / "out.json"), "--report", str(tmp_path / "report")]


def test_chances_of_each_prompt_are_on_the_page(flags: list[str], tmp_path: Path):
    lim_selection.main([*flags, "--stability", str(tmp_path / "stability")])
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    rows = {row["id"]: row for row in json.loads((tmp_path / "stability" / "bootstrap.json").read_text("utf-8"))}
    chances = unpack(page, "numbers")["chances"]
    assert chances["replicates"] == 20
    assert chances["byRank"] == [rows[id]["probability_by_rank"] for id in "abcd"] + [None]
    assert chances["byThreshold"] == [rows[id]["probability_by_threshold"] for id in "abcd"] + [None]
    assert chances["errors"][:4] == pytest.approx([rows[id]["standard_error"] for id in "abcd"], abs=1e-4)
    chosen = [row for row in rows.values() if row.get("chosen")]
    unsure = sum(row["probability_by_rank"] < 0.9 for row in chosen)
    assert f"<dd>{unsure} of the {len(chosen)} chosen have a chance under 90%" in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--similarity_threshold", "0.95"], "is of another choice: threshold 0.6 there, here 0.95; run"),
        (["--max_epochs", "2"], "is of another choice: prompt 'a' has score "),
        (["--strategy", "variance", "--top_k", "2"], "is of another choice: threshold 0.6 there, here none; run"),
    ],
)
def test_chances_of_another_choice_are_refused_and_nothing_is_written(flags, tmp_path, more, said):
    with pytest.raises(InputError, match=said):
        lim_selection.main([*flags, "--stability", str(tmp_path / "stability"), *more])
    assert not (tmp_path / "out.json").exists()


def test_a_folder_without_a_bootstrap_is_refused_before_the_log_is_read(flags, tmp_path):
    folder = tmp_path / "stability"
    with pytest.raises(InputError, match="--stability is for the page: give --report, too"):
        lim_selection.main([*flags[:-2], "--stability", str(folder)])
    (tmp_path / "log" / "step_1.parquet").write_text("damaged")
    (folder / "bootstrap.json").write_text('[{"id": 3}]')
    with pytest.raises(InputError, match=r"bootstrap.json: not what python -m lim.stability writes \(Expected `str`"):
        lim_selection.main([*flags, "--stability", str(folder)])
    (folder / "stability.json").write_text("{}")
    (folder / "bootstrap.json").write_text("[]")
    with pytest.raises(InputError, match="ran without a bootstrap"):
        lim_selection.main([*flags, "--stability", str(folder)])
    (folder / "bootstrap.json").unlink()
    with pytest.raises(InputError, match=r"has no bootstrap\.json; write it by: python -m lim.stability"):
        lim_selection.main([*flags, "--stability", str(folder)])
