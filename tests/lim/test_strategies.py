"""The table of strategies: a row is enough for the command line, the tables, the page and the figures."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from logs import write_log, write_prompts
from page_samples import unpack

import lim_selection
from lim.choose import choose_above, choose_band, choose_top
from lim.output import summary
from lim.pipeline import select
from lim.report.figures import score_histogram
from lim.scores import mean_over_epochs
from lim.strategies import STRATEGIES, Settings, Strategy, comparing_epochs
from lim.utils.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def first_reward(monkeypatch):
    """A strategy that the project does not have: the reward in the first epoch, at least 0.5."""
    row = Strategy("first", "first reward", lambda p: p.rewards_P_K[:, 0], needs="log", default=0.5)
    monkeypatch.setitem(STRATEGIES, "first", row)


@pytest.fixture
def world(tmp_path):
    log = write_log(tmp_path / "run", {"a": [[0, 0], [0, 1]], "b": [[1, 0.5], [0, 0]], "c": [[1, 0], [1, 1]]})
    return log, write_prompts(tmp_path / "p.json", ["a", "b", "c"])


def test_a_row_is_all_a_new_strategy_needs(first_reward, world, tmp_path, capsys):
    log, prompts = world
    paths = {"--train_samples_path": log, "--original_prompts_path": prompts, "--output_path": tmp_path / "o.json"}
    paths["--report"] = tmp_path / "report"
    lim_selection.main(["--strategy", "first", *(str(part) for pair in paths.items() for part in pair)])
    shown = capsys.readouterr().out
    assert "first selection" in shown and "2 (score ≥ 0.5)" in shown
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "Chosen by strategy first (score ≥ 0.5)" in page
    numbers = unpack(page, "numbers")
    assert numbers["scoreName"] == "first reward" and numbers["byThreshold"]
    assert numbers["scores"] == [0, 0.75, 0.5]
    figure = score_histogram(select(prompts, log_path=log, settings=Settings("first")))
    assert figure is not None and figure.axes[0].get_xlabel() == "first reward"
    with pytest.raises(SystemExit):
        lim_selection.main(["--help"])
    assert "difficulty,ids,first}" in re.sub(r"\s", "", capsys.readouterr().out)


def test_flags_of_other_strategies_name_those_that_take_them(first_reward):
    with pytest.raises(
        InputError, match=r"--top_k is for --strategy .*diversity, first; random takes --num_prompts$"
    ):
        Settings("random", top_k=1).resolved()


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (Settings(), "score ≥ 0.6"),
        (Settings("linear"), "score ≥ 0.7"),
        (Settings(top_k=1200), "top 1,200"),
        (Settings("diversity", top_k=3), "top 3"),
        (Settings("random", num_prompts=3, seed=7), "drawn with seed 7"),
        (Settings("difficulty"), "0.2 ≤ pass rate ≤ 0.8"),
        (Settings("difficulty", pass_rates=(0.1, 1)), "0.1 ≤ pass rate ≤ 1"),
    ],
)
def test_rules_in_words(settings, rule):
    assert settings.resolved().rule() == rule


@pytest.mark.parametrize("name", STRATEGIES)
def test_rows_are_complete(name):
    row = STRATEGIES[name]
    assert row.name == name and row.label and row.flags
    assert row.takes_scores or row.needs != "prompts"  # what needs no log can use a scores file in its place
    assert row.count_flag == {"random": "num_prompts", "difficulty": None, "ids": None}.get(name, "top_k")


def test_strategies_that_compare_epochs_refuse_a_log_of_one(tmp_path):
    log, prompts = (
        write_log(tmp_path / "run", {"a": [[0]], "b": [[1]]}),
        write_prompts(tmp_path / "p.json", ["a", "b"]),
    )
    assert comparing_epochs() == ["lim", "linear", "variance"]
    for name in comparing_epochs():
        with pytest.raises(InputError, match=r"one epoch: .*\(uncertainty, nearest or difficulty works from one\)"):
            select(prompts, log_path=log, settings=Settings(name, top_k=1))


def test_nearest_is_lim_of_the_mean_pass_rates(tmp_path):
    # Pass rates over two epochs: 0, ½, ¾, 1; their mean is 9/16.
    rewards = {"a": [[0, 0], [0, 0]], "b": [[1, 1], [0, 0]], "c": [[1, 0], [1, 1]], "d": [[1, 1], [1, 1]]}
    log, prompts = write_log(tmp_path / "run", rewards), write_prompts(tmp_path / "p.json", [*"abcde"])
    found = select(prompts, log_path=log, settings=Settings("nearest", top_k=2))
    room = (1 - 9 / 16) ** 2
    by_hand = [1 - (9 / 16) ** 2 / room, 1 - (1 / 16) ** 2 / room, 1 - (3 / 16) ** 2 / room, 0.0]
    np.testing.assert_allclose(found.scores_P, [*by_hand, np.nan])  # e is not in the log
    assert found.chosen_P.tolist() == [False, True, True, False, False]
    # One epoch is enough, and the order of a prompt's epochs does not matter.
    once = write_log(
        tmp_path / "once", {key: [[one for epoch in rows for one in epoch]] for key, rows in rewards.items()}
    )
    again = select(prompts, log_path=once, settings=Settings("nearest", top_k=2))
    np.testing.assert_allclose(again.scores_P, found.scores_P)


@pytest.mark.parametrize("ends", [(0.2, 0.8), (0.6, 0.8), (0.2, 0.6)])
def test_sums_of_floats_do_not_decide_at_an_edge(ends):
    """Pass rates of 0 to 5 of five samples, in three epochs in any order, against exact fractions."""
    passed_P_K = list(itertools.product(range(6), repeat=3))
    found_P = mean_over_epochs(np.array(passed_P_K) / 5)
    low, high = (round(15 * end) for end in ends)
    assert choose_band(found_P, *ends).tolist() == [low <= sum(passed) <= high for passed in passed_P_K]
    assert choose_above(found_P, ends[0]).tolist() == [low <= sum(passed) for passed in passed_P_K]
    tied = [at for at, passed in enumerate(passed_P_K) if sum(passed) == low]
    above = sum(low < sum(passed) for passed in passed_P_K)
    top_P = choose_top(found_P, above + 3)
    assert [at for at in tied if top_P[at]] == tied[:3]  # in the order of the file


def test_the_summary_has_the_settings_under_their_former_names_too(world):
    _, prompts = world
    found = summary(select(prompts, settings=Settings("random", num_prompts=2)))
    assert found["settings"]["num_prompts"] == found["settings"]["num_samples"] == 2
    assert found["settings"]["similarity_threshold"] is None


def test_prompts_without_a_log_have_a_reason_unless_the_strategy_scores_texts(world):
    _, prompts = world
    drawn = select(prompts, settings=Settings("random", num_prompts=2))
    assert np.isnan(drawn.scores_P).all() and drawn.reasons == ["no log to score from"] * 3
    spread = select(prompts, settings=Settings("diversity", top_k=2))
    assert not np.isnan(spread.scores_P).any() and spread.reasons == [None] * 3


def test_the_document_of_strategies_has_a_row_for_each():
    document = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    text = document.partition("## Strategies")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)`", text, re.MULTILINE)
    assert rows and set(rows) == set(STRATEGIES)


def test_whole_numbers_are_fine_where_any_number_is():
    settings = Settings(similarity_threshold=0, max_reward=-1).resolved()
    assert (settings.similarity_threshold, settings.max_reward) == (0, -1)
    with pytest.raises(InputError, match="--max_epochs 0: needs at least 1"):
        Settings(max_epochs=0).resolved()
