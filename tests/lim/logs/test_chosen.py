"""Logs of runs that chose their prompts on the way, and random draws from a band of pass rates."""

from __future__ import annotations

import json

import pytest
from logs import write_prompts

import lim_selection
from lim.reward_log import write_run, write_step
from lim.stability.__main__ import main as stability
from lim.utils.errors import InputError

IDS = [f"p{at}" for at in range(8)]
# Two epochs over all, two over p0 … p3, two over p2 … p5: chosen after steps 2 and 4.
EPOCHS = [(IDS, None), (IDS, None), (IDS[:4], 2), (IDS[:4], 2), (IDS[2:6], 4), (IDS[2:6], 4)]


@pytest.fixture
def folder(tmp_path):
    write_run(tmp_path / "run", {"recipe": "test"})
    for step, (ids, chosen_at) in enumerate(EPOCHS, 1):
        rows = [(id, sample) for id in ids for sample in range(4)]
        columns = {"prompt_id": [id for id, _ in rows], "epoch": [step] * len(rows), "step": [step] * len(rows)}
        columns |= {"sample": [sample for _, sample in rows]}
        # p<n> has n + step of 4 samples right, at most.
        columns["reward"] = [float(sample < (int(id[1]) + step) // 3) for id, sample in rows]
        if chosen_at:
            columns["chosen_at"] = [chosen_at] * len(rows)
        write_step(tmp_path / "run", step, columns)
    write_prompts(tmp_path / "prompts.json", IDS)
    return tmp_path


def select(folder, *flags: str) -> dict:
    files = ("--train_samples_path", folder / "run", "--original_prompts_path", folder / "prompts.json")
    lim_selection.main([*map(str, files), "--output_path", str(folder / "out.json"), *flags])
    return json.loads((folder / "out.summary.json").read_text())


@pytest.mark.parametrize(
    ("epochs", "told"),
    [([], "give --max_epochs 2"), (["--max_epochs", "3"], "give --max_epochs 2"), (["--max_epochs", "2"], None)],
)
def test_epochs_after_a_choice_are_refused(folder, epochs, told):
    if told is None:
        assert select(folder, "--top_k", "3", *epochs)["unscored"] == {}
        return
    with pytest.raises(InputError) as caught:
        select(folder, "--top_k", "3", *epochs)
    text = str(caught.value)
    assert f"{told} or fewer (--allow chosen goes ahead all the same)" in text and "\n" not in text
    assert "from epoch 3 on the run trained on the prompts alone that it chose after step 2" in text


def test_stability_refuses_them_too(folder):
    flags = ["--train_samples_path", str(folder / "run"), "--output_path", str(folder / "stability")]
    with pytest.raises(InputError, match="give --max_epochs 2"):
        stability([*flags, "--top_k", "3"])


def test_allowed_those_that_left_have_a_reason_and_those_taken_back_are_missing(folder):
    found = select(folder, "--top_k", "2", "--allow", "chosen")
    # p0 and p1 left after epoch 4, p6 and p7 after epoch 2; p4 and p5 were taken back after two epochs without them.
    assert found["unscored"] == {
        "left the run when it chose its prompts": 4,
        "epochs missing that backfill does not fill": 2,
    }
    assert found["log"]["left_after"] == [2, 4] and len(found["average_curve"]) == 6
    seen = select(folder, "--top_k", "2", "--allow", "chosen", "--missing", "observed")
    assert seen["scored"] == 8


def test_what_needs_no_rewards_needs_no_epochs(folder):
    assert select(folder, "--strategy", "random", "--num_prompts", "3")["chosen"] == 3
    with pytest.raises(InputError, match="give --max_epochs 2"):
        select(folder, "--strategy", "random", "--num_prompts", "1", "--pass_rates", "0", "1")


def test_random_from_a_band_of_pass_rates(folder):
    flags = ("--strategy", "random", "--max_epochs", "1", "--pass_rates", "0.25", "0.5")
    # In epoch 1 p<n> has (n + 1) // 3 of 4 right: p2 to p7 lie in the band.
    found = select(folder, *flags, "--num_prompts", "6")
    assert {row["id"] for row in json.loads((folder / "out.json").read_text())} == set(IDS[2:])
    assert found["settings"]["pass_rates"] == [0.25, 0.5]
    draws = {
        tuple(row["id"] for row in json.loads((folder / "out.json").read_text()))
        for seed in range(8)
        if select(folder, *flags, "--num_prompts", "2", "--seed", str(seed))
    }
    assert len(draws) > 1 and all(set(draw) <= set(IDS[2:]) for draw in draws)
    with pytest.raises(InputError, match=r"--num_prompts 7 asks for more prompts than there are \(6\)"):
        select(folder, *flags, "--num_prompts", "7")


@pytest.mark.parametrize("source", [[], ["--scores_path", "scores.json"]])
def test_random_from_a_band_needs_a_log(folder, source, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "scores.json").write_text(json.dumps([{"id": id, "score": 0.5} for id in IDS]))
    flags = ["--original_prompts_path", "prompts.json", "--output_path", "x.json", *source]
    with pytest.raises(InputError, match="--strategy random with --pass_rates needs a log"):
        lim_selection.main([*flags, "--strategy", "random", "--num_prompts", "2", "--pass_rates", "0.1", "0.9"])
