"""--group_by: each group of prompts against its own average curve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import lim_selection
from lim.choose import choose_top_of_each
from lim.reward_log import write_step
from lim.scores import average_curve, lim_scores
from lim.utils.errors import InputError, run_cli

EASY = {"e1": (0, 2, 4), "e2": (1, 3, 4), "e3": (4, 4, 4)}  # samples of four that are right, by epoch
HARD = {"h1": (0, 0, 1), "h2": (0, 1, 2), "h3": (0, 0, 0)}


def world(folder: Path, *groups: dict[str, tuple[int, ...]], key: str = "task", **more) -> list[str]:
    """A log and its prompt file; returns the flags that name them."""
    groups = groups or (EASY, HARD)
    for epoch in range(3):
        rows = [
            (id, sample, sample < passed[epoch])
            for group in groups
            for id, passed in group.items()
            for sample in range(4)
        ]
        columns = {"prompt_id": [id for id, *_ in rows], "sample": [sample for _, sample, _ in rows]}
        columns |= {"epoch": [epoch + 1] * len(rows), "step": [epoch + 1] * len(rows)}
        columns |= {"reward": [1.0 if right else -0.5 for *_, right in rows]}
        columns |= {"verdict": ["correct" if right else "incorrect" for *_, right in rows]}
        write_step(folder / "log", epoch + 1, columns)
    prompts = [
        {"id": id, "prompt": f"What is {id}?", "answer": "1", key: name}
        for name, group in zip(("easy", "hard", "third"), groups, strict=False)
        for id in group
    ]
    (folder / "prompts.json").write_text(json.dumps(prompts))
    paths = {
        "train_samples": folder / "log",
        "original_prompts": folder / "prompts.json",
        "output": folder / "out.json",
    }
    return [word for name, path in paths.items() for word in (f"--{name}_path", str(path))]


def scores(folder: Path) -> dict[str, float | None]:
    return {row["id"]: row["score"] for row in json.loads((folder / "out.scores.json").read_text())}


def by_hand(group: dict[str, tuple[int, ...]]) -> dict[str, float]:
    rewards_P_K = np.array([[-0.5 + 1.5 * passed / 4 for passed in row] for row in group.values()])
    return dict(zip(group, lim_scores(rewards_P_K, average_curve(rewards_P_K)).tolist(), strict=True))


def test_each_group_is_scored_against_its_own_average(tmp_path):
    flags = world(tmp_path)
    lim_selection.main([*flags, "--group_by", "task", "--report", str(tmp_path / "report")])
    assert scores(tmp_path) == pytest.approx(by_hand(EASY) | by_hand(HARD))
    summary = json.loads((tmp_path / "out.summary.json").read_text())
    assert set(summary["average_curves"]) == {"easy", "hard"} and summary["settings"]["group_by"] == "task"
    assert summary["average_curves"]["hard"][2] == pytest.approx(-0.5 + 1.5 * 3 / 12)
    assert any("groups of under 10 prompts" in note for note in summary["notes"])
    assert (tmp_path / "report" / "averages_by_group.png").exists()
    assert "average of its group" in (tmp_path / "report" / "report.html").read_text()
    rows = json.loads((tmp_path / "out.scores.json").read_text())
    assert [row["group"] for row in rows] == ["easy"] * 3 + ["hard"] * 3


def test_without_groups_all_share_one_average(tmp_path):
    lim_selection.main([*world(tmp_path), "--top_k", "3"])
    assert scores(tmp_path) == pytest.approx(by_hand(EASY | HARD))
    assert all("group" not in row for row in json.loads((tmp_path / "out.scores.json").read_text()))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_of_scores_have_the_group(tmp_path, suffix):
    lim_selection.main([*world(tmp_path), "--group_by", "task", "--scores_format", suffix])
    from lim.prompts.rows import read_file

    rows = read_file(tmp_path / f"out.scores.{suffix}").records
    assert [row["group"] for row in rows] == ["easy"] * 3 + ["hard"] * 3


def test_a_group_that_is_solved_throughout_has_no_score_and_ends_nothing(tmp_path):
    solved = {"s1": (4, 4, 4), "s2": (4, 4, 4)}
    lim_selection.main([*world(tmp_path, EASY, HARD, solved), "--group_by", "task"])
    rows = {row["id"]: row for row in json.loads((tmp_path / "out.scores.json").read_text())}
    assert rows["s1"]["score"] is None and "every answer of its group is right" in rows["s1"]["reason"]
    assert rows["h2"]["score"] == pytest.approx(by_hand(HARD)["h2"])


def test_a_number_is_one_group_however_it_is_written(tmp_path):
    flags = world(tmp_path, key="level")
    prompts = json.loads((tmp_path / "prompts.json").read_text())
    for at, row in enumerate(prompts):
        row["level"] = (1, 1.0, "1")[at % 3] if row["level"] == "easy" else 2.5
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    lim_selection.main([*flags, "--group_by", "level", "--similarity_threshold", "-10"])
    assert scores(tmp_path) == pytest.approx(by_hand(EASY) | by_hand(HARD))


def test_prompts_without_the_column_are_a_group_of_their_own(tmp_path):
    flags = world(tmp_path)
    prompts = json.loads((tmp_path / "prompts.json").read_text())
    for row in prompts[3:]:
        del row["task"]
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    lim_selection.main([*flags, "--group_by", "task"])
    summary = json.loads((tmp_path / "out.summary.json").read_text())
    assert set(summary["average_curves"]) == {"easy", "none"}
    assert scores(tmp_path) == pytest.approx(by_hand(EASY) | by_hand(HARD))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--group_by", "tsk"), "--group_by tsk: .* has no such column"),
        (("--group_by", "task", "--strategy", "uncertainty", "--top_k", "2"), "--group_by is for --strategy lim"),
        (("--group_by", "meta"), "row 1: is an object, no group"),
    ],
)
def test_what_cannot_group_is_refused(tmp_path, capsys, flags, said):
    import re

    given = world(tmp_path)
    prompts = [row | {"meta": {}} for row in json.loads((tmp_path / "prompts.json").read_text())]
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    assert run_cli(lambda: lim_selection.main([*given, *flags])) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "out.json").exists()


def test_a_group_of_one_prompt_is_refused(tmp_path, capsys):
    """It is its own average and would score 1."""
    assert run_cli(lambda: lim_selection.main([*world(tmp_path, EASY, {"h": (0, 0, 1)}), "--group_by", "task"])) == 2
    assert "'hard' has one prompt in the log" in capsys.readouterr().err


def test_many_values_are_no_groups(tmp_path, capsys):
    flags = world(tmp_path, {f"p{i}": (0, i % 4, 4) for i in range(45)})
    assert run_cli(lambda: lim_selection.main([*flags, "--group_by", "id"])) == 2
    assert "has 45 values, over 40" in capsys.readouterr().err


def test_a_scores_file_has_no_groups(tmp_path, capsys):
    lim_selection.main([*world(tmp_path), "--top_k", "2"])
    flags = [
        "--scores_path",
        str(tmp_path / "out.scores.json"),
        "--original_prompts_path",
        str(tmp_path / "prompts.json"),
    ]
    assert (
        run_cli(
            lambda: lim_selection.main([*flags, "--output_path", str(tmp_path / "o2.json"), "--group_by", "task"])
        )
        == 2
    )
    assert "--group_by needs a log" in capsys.readouterr().err


def test_a_domain_with_a_lower_average_is_not_dropped_for_that(tmp_path):
    """Two domains that rise alike, one at a lower level: docs/verifiers.md has these figures."""
    rng = np.random.default_rng(0)
    epochs, samples, count = 8, 8, 100
    rise_K = np.linspace(0, 1, epochs)

    def domain(first: float, last: float, letter: str) -> dict[str, list[int]]:
        speed_P = rng.uniform(0.4, 1.6, (count, 1))  # some prompts are learnt faster than others
        rates_P_K = np.clip(first + (last - first) * np.clip(rise_K * speed_P, 0, 1.2), 0, 1)
        return {f"{letter}{i}": row for i, row in enumerate(rng.binomial(samples, rates_P_K).tolist())}

    passed = domain(0.3, 0.9, "e") | domain(0.05, 0.45, "h")
    for epoch in range(epochs):
        rows = [(id, sample, sample < row[epoch]) for id, row in passed.items() for sample in range(samples)]
        columns = {"prompt_id": [id for id, *_ in rows], "sample": [sample for _, sample, _ in rows]}
        columns |= {"epoch": [epoch + 1] * len(rows), "step": [epoch + 1] * len(rows)}
        columns |= {"reward": [1.0 if right else -0.5 for *_, right in rows]}
        columns |= {"verdict": ["correct" if right else "incorrect" for *_, right in rows]}
        write_step(tmp_path / "log", epoch + 1, columns)
    names = {"e": "easy", "h": "hard"}
    prompts = [{"id": id, "prompt": f"What is {id}?", "answer": "1", "task": names[id[0]]} for id in passed]
    (tmp_path / "prompts.json").write_text(json.dumps(prompts))
    flags = ["--train_samples_path", str(tmp_path / "log"), "--original_prompts_path", str(tmp_path / "prompts.json")]
    flags += ["--output_path", str(tmp_path / "out.json"), "--top_k", "50"]
    chosen = {}
    for name, more in (("one average", []), ("groups", ["--group_by", "task"])):
        lim_selection.main([*flags, *more])
        found = json.loads((tmp_path / "out.json").read_text())
        chosen[name] = [sum(row["task"] == task for row in found) for task in ("easy", "hard")]
    assert chosen == {"one average": [24, 26], "groups": [25, 25]}
    # Against an average of its own, the harder domain scores higher throughout: the perfect reward is further off.
    rows = json.loads((tmp_path / "out.scores.json").read_text())
    means = {task: np.mean([row["score"] for row in rows if row["group"] == task]) for task in ("easy", "hard")}
    assert means["hard"] > means["easy"] + 0.1


@pytest.mark.parametrize(
    ("count", "expected"),
    [(4, {0, 1, 3, 6}), (1, {0}), (5, {0, 1, 3, 5, 6}), (6, {0, 1, 3, 4, 5, 6}), (7, {0, 1, 2, 3, 4, 5, 6})],
)
def test_the_top_of_each_group_by_its_share(count, expected):
    """Groups a of four, b of two, c of one; the eighth prompt has no score."""
    scores_P = np.array([0.9, 0.8, 0.2, 0.95, 0.94, 0.3, 0.1, np.nan])
    group_of = ["a", "a", "a", "b", "b", "a", "c", "b"]
    chosen_P = choose_top_of_each(scores_P, count, group_of)
    assert chosen_P.sum() == count
    assert set(np.flatnonzero(chosen_P).tolist()) == expected


def test_more_than_have_a_score_is_refused():
    with pytest.raises(InputError, match="asks for more prompts than have a score"):
        choose_top_of_each(np.array([0.5, np.nan]), 2, ["a", "b"])
