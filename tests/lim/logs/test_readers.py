"""Logs of other trainers: the same rewards in every format give the same selection."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import write_log, write_prompts

import lim_selection
from lim.logs.find import find_log
from lim.logs.read import ReadOptions
from lim.logs.trajectories import read_trajectories
from lim.utils.errors import InputError

# Epoch by epoch; LIM by hand as in test_scores: a 0.923, b 0.385, c 0.615.
REWARDS = {"a": [[0, 0], [0, 1]], "b": [[1, 0.5], [0, 0]], "c": [[0, 0], [1, 1]]}
CHATML = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
DECODED = "system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.\nuser\n{}\nassistant\n"


def samples(epoch, wrap="{}"):
    """(prompt text, response, reward) of one epoch, samples of a prompt apart from each other."""
    return [
        (wrap.format(f"question {id}"), f"answer {epoch} {id} {at}", float(rewards[epoch][at]))
        for at in (0, 1)
        for id, rewards in REWARDS.items()
    ]


def release(folder, sub="train", wrap="{}"):
    (folder / sub).mkdir(parents=True, exist_ok=True)
    for epoch in (0, 1):
        rows = [{"prompt": p, "response": r, "reward": w, "response_length": 9} for p, r, w in samples(epoch, wrap)]
        # An epoch of two steps, a prompt in one of them.
        for half, ids in ((0, "ab"), (1, "c")):
            part = [row for row in rows if any(f"question {id}" in row["prompt"] for id in ids)]
            (folder / sub / f"step_{2 * epoch + half + 1}.json").write_text(json.dumps(part, ensure_ascii=half == 0))
    return folder


def verl(folder, gts=True):
    folder.mkdir(parents=True, exist_ok=True)
    for epoch in (0, 1):
        more = {"gts": "1"} if gts else {}
        lines = [
            json.dumps({"input": p, "output": r, **more, "score": w, "step": epoch + 1, "acc": w == 1, "extra": None})
            for p, r, w in samples(epoch, DECODED)
        ]
        (folder / f"{epoch + 1}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def trl(folder, sub="completions", rewards=("correct", "format"), step=int, prompt=str, repeat=1):
    (folder / sub).mkdir(parents=True, exist_ok=True)
    for epoch in (0, 1):
        rows = samples(epoch, DECODED if prompt is str else "{}")
        for again in range(repeat):
            number = epoch * repeat + again + 1
            columns = {
                "step": [step(number)] * len(rows),
                "prompt": [prompt(p) for p, _, _ in rows],
                "completion": [r for _, r, _ in rows],
            }
            # Split the reward over the columns; the last one is not given for every second sample.
            for at, name in enumerate(rewards):
                columns[name] = [w if at == 0 else (0.0 if row % 2 else None) for row, (_, _, w) in enumerate(rows)]
            columns["advantage"] = [7.0] * len(rows)
            pq.write_table(pa.table(columns), folder / sub / f"completions_{number:05d}.parquet")
    return folder


def conversation(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def select(tmp_path, log, *more):
    prompts = write_prompts(tmp_path / "prompts.json", ["c", "a", "b"])
    output = tmp_path / "limr.json"
    lim_selection.main(
        [
            "--train_samples_path",
            str(log),
            "--original_prompts_path",
            str(prompts),
            "--output_path",
            str(output),
            *more,
        ]
    )
    scores = {row["id"]: row["score"] for row in json.loads((tmp_path / "limr.scores.json").read_text())}
    summary = json.loads((tmp_path / "limr.summary.json").read_text())
    return [row["id"] for row in json.loads(output.read_text())], scores, summary


LOGS = {
    "lim": (lambda f: write_log(f, REWARDS), []),
    "release in train/": (release, ["--steps_per_epoch", "2"]),
    "release": (lambda f: release(f, sub="."), ["--steps_per_epoch", "2"]),
    "release by visits": (release, []),
    "release, chat template": (lambda f: release(f, wrap=CHATML), ["--steps_per_epoch", "2"]),
    "release, instruction": (lambda f: release(f, wrap="Solve:  {} Put it in a box."), []),
    "verl": (verl, []),
    "verl 0.5": (lambda f: verl(f, gts=False), ["--steps_per_epoch", "1"]),
    "trl": (trl, ["--reward_column", "correct,format"]),
    "trl, one reward function": (lambda f: trl(f, rewards=("correct",)), []),
    "trl, old": (lambda f: trl(f, rewards=("reward",), step=str), ["--steps_per_epoch", "1"]),
    "trl, sum kept": (lambda f: trl(f, rewards=("reward", "correct", "format")), ["--reward_column", "reward"]),
    "trl, in the folder itself": (lambda f: trl(f, sub=".", rewards=("correct",)), []),
    "trl, conversations": (lambda f: trl(f, rewards=("correct",), prompt=conversation), []),
    "trl, a batch logged three times": (lambda f: trl(f, rewards=("correct",), repeat=3), []),
}


@pytest.mark.parametrize("name", LOGS)
def test_every_format_gives_the_hand_computed_selection(tmp_path, name):
    make, more = LOGS[name]
    chosen, scores, summary = select(tmp_path, make(tmp_path / "log"), *more)
    assert chosen == ["c", "a"]
    assert scores == pytest.approx({"a": 1 - 0.0625 / 0.8125, "b": 1 - 0.5 / 0.8125, "c": 1 - 0.3125 / 0.8125})
    assert summary["log"]["format"] == name.replace(",", " ").split()[0]
    assert summary["unmatched_in_log"] == 0
    assert summary["log"]["samples"] == 12


def one_shot(folder):
    """The same prompts by id, as pass rates in halves: average (1/6, 1/2), so a 0.971, b 0.618, c 0.706."""
    folder.mkdir(parents=True)
    rates = {id: [sum(reward == 1 for reward in rewards) / 2 for rewards in epochs] for id, epochs in REWARDS.items()}
    (folder / "train_acc_step_2.json").write_text(json.dumps(rates))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda f: write_log(f, REWARDS), 2),
        (release, 2),
        (verl, 2),
        (lambda f: trl(f, rewards=("correct",)), 2),
        (one_shot, 3),
    ],
)
def test_the_verbatim_command_with_a_trailing_slash(tmp_path, monkeypatch, make, expected):
    make(tmp_path / "data/output/math.8k")
    (tmp_path / "data/prompts").mkdir()
    write_prompts(tmp_path / "data/prompts/math8k.json", ["c", "a", "b"])
    monkeypatch.chdir(tmp_path)
    command = (
        "--train_samples_path ./data/output/math.8k/ --original_prompts_path ./data/prompts/math8k.json "
        "--output_path ./data/prompts/limr.json --steps_per_epoch {} --max_epochs 2 --similarity_threshold 0.6"
    )
    lim_selection.main(command.format(2 if make is release else 1).split())
    assert len(json.loads((tmp_path / "data/prompts/limr.json").read_text())) == expected


def test_one_shot_lists_of_unequal_length(tmp_path):
    rates = {"10": [0.0, 0.5, 1.0], "2": [0.375, 0.0], "7": [0.0, 1.0]}
    path = tmp_path / "acc_step_500.json"
    path.write_text(json.dumps(rates))
    matrix, summary = read_trajectories(find_log(path))
    assert matrix.ids == ["10", "2", "7"]
    assert matrix.rewards_P_K.tolist() == [[0.0, 0.5], [0.375, 0.0], [0.0, 1.0]]
    assert (matrix.counts_P_K == 8).all()  # 0.375 is 3/8
    assert summary.epochs_in_log == 3
    assert "the first 2, which every prompt has" in summary.notes[0]
    full, _ = read_trajectories(find_log(path), max_epochs=3)
    np.testing.assert_array_equal(full.rewards_P_K[0], [0.0, 0.5, 1.0])
    assert np.isnan(full.rewards_P_K[1:, 2]).all()
    with pytest.raises(InputError, match="holds 3 epochs, --max_epochs asks for 4"):
        read_trajectories(find_log(path), max_epochs=4)


def test_one_shot_samples_are_spelled_out(tmp_path):
    path = tmp_path / "acc.json"
    path.write_text('{"0": [0.25, 1.0]}')
    matrix, _ = read_trajectories(find_log(path), options=ReadOptions(keep_samples=True))
    assert matrix.samples_P_K_S is not None
    assert np.sort(matrix.samples_P_K_S).tolist() == [[[0, 0, 0, 1], [1, 1, 1, 1]]]


def test_epochs_that_do_not_end_at_a_step_are_visits(tmp_path):
    # Batches of two of three prompts: a b | c b | a c. Prompt b is in steps 1 and 2, which would be epoch 1.
    for number, ids in enumerate(("ab", "cb", "ac"), 1):
        rows = [{"prompt": id, "response": "", "reward": 0.5, "response_length": 1} for id in ids]
        (tmp_path / f"step_{number}.json").write_text(json.dumps(rows))
    matrix, summary = read_trajectories(find_log(tmp_path))
    assert summary.epoch_rule == "visits"
    assert matrix.rewards_P_K.shape == (3, 2)
    assert not np.isnan(matrix.rewards_P_K).any()
    _, summary = read_trajectories(find_log(tmp_path), steps_per_epoch=2)
    assert "up to 1 twice of 3 prompts; leave it out, and a prompt's n-th visit is" in summary.doubts["epochs"]


def test_reward_columns_can_be_named(tmp_path):
    verl(tmp_path / "v")
    (tmp_path / "v" / "1.jsonl").write_text('{"input": "q", "output": "", "score": 1.0, "acc": 0.25}\n')
    (tmp_path / "v" / "2.jsonl").write_text('{"input": "q", "output": "", "score": 1.0, "acc": 0}\n')
    matrix, _ = read_trajectories(find_log(tmp_path / "v"), options=ReadOptions(reward_column="acc"))
    assert matrix.rewards_P_K.tolist() == [[0.25, 0.0]]
    trl(tmp_path / "t", rewards=("correct", "format"))
    matrix, _ = read_trajectories(find_log(tmp_path / "t"), options=ReadOptions(reward_column="correct"))
    assert matrix.rewards_P_K.tolist() == [[0, 0.5], [0.75, 0], [0, 1]]
    with pytest.raises(InputError, match=r"no numeric reward column nope .*correct, format"):
        read_trajectories(find_log(tmp_path / "t"), options=ReadOptions(reward_column="nope"))


def test_a_named_reward_may_be_true_or_false(tmp_path):
    matrix, _ = read_trajectories(find_log(verl(tmp_path / "v")), options=ReadOptions(reward_column="acc"))
    by_id = {
        id.split("question ")[1][0]: row for id, row in zip(matrix.ids, matrix.rewards_P_K.tolist(), strict=True)
    }
    assert by_id == {"a": [0.0, 0.5], "b": [0.5, 0.0], "c": [0.0, 1.0]}
    (tmp_path / "t").mkdir()
    table = pa.table({"step": [1, 1], "prompt": ["q", "q"], "completion": ["x", "y"], "right": [True, False]})
    pq.write_table(table, tmp_path / "t" / "completions_00001.parquet")
    matrix, _ = read_trajectories(find_log(tmp_path / "t"), options=ReadOptions(reward_column="right"))
    assert matrix.rewards_P_K.tolist() == [[0.5]]
    with pytest.raises(InputError, match="no numeric reward column"):
        read_trajectories(find_log(tmp_path / "t"))


def test_steps_that_start_at_0_do_not_shift_the_epochs(tmp_path):
    for step, reward in enumerate([0, 1, 0, 1]):
        line = {"input": f"q{step % 2}", "output": "", "score": float(reward)}
        (tmp_path / f"{step}.jsonl").write_text(json.dumps(line) + "\n")
    matrix, summary = read_trajectories(find_log(tmp_path), steps_per_epoch=2)
    assert matrix.rewards_P_K.tolist() == [[0, 0], [1, 1]]
    assert "the log's steps start at 0, and so does epoch 1" in summary.notes


@pytest.mark.parametrize(
    ("accuracies", "samples"),
    [
        ([0.125, 1.0], 8),
        ([0.062, 0.938, 0.5], 16),
        ([1 / 3, 0.5], 6),
        ([0.3, 0.7], 10),
        (np.random.default_rng(0).random(60).tolist(), 1),  # no n has them all
    ],
)
def test_the_samples_behind_accuracies(tmp_path, accuracies, samples):
    path = tmp_path / "acc.json"
    path.write_text(json.dumps({str(at): [value] for at, value in enumerate(accuracies)}))
    matrix, _ = read_trajectories(find_log(path))
    assert matrix.counts_P_K[:, 0].tolist() == [samples] * len(accuracies)
    if samples > 1:
        assert matrix.pass_rates_P_K[:, 0] == pytest.approx(accuracies, abs=6e-4)


def test_accuracy_takes_the_log_s_largest_reward(tmp_path):
    # The largest reward of the first file is 0.5; of the log, 1.
    for number, rewards in enumerate(([0.5, -1], [1, 0.5]), 1):
        rows = [{"prompt": "q", "response": "", "reward": reward, "response_length": 1} for reward in rewards]
        (tmp_path / f"step_{number}.json").write_text(json.dumps(rows))
    matrix, summary = read_trajectories(find_log(tmp_path))
    assert matrix.pass_rates_P_K.tolist() == [[0.0, 0.5]]
    assert summary.pass_rule == "reward is the log's largest, 1"


def test_accuracy_takes_the_verdict_where_the_log_has_one(tmp_path):
    log = write_log(tmp_path, {"a": [[1, 0.9], [1, 1]]}, verdicts=True)
    matrix, summary = read_trajectories(find_log(log))
    assert matrix.pass_rates_P_K.tolist() == [[0.5, 1.0]]
    assert summary.pass_rule == "verdict is correct"


@pytest.mark.data
def test_real_files_of_other_trainers_are_read(shared_data):
    matrix, summary = read_trajectories(find_log(shared_data / "logs" / "trl"))
    assert (summary.format, len(matrix.ids), summary.samples) == ("trl", 12, 72)
    matrix, summary = read_trajectories(find_log(shared_data / "logs" / "verl_sample_line.jsonl"))
    assert (summary.format, matrix.rewards_P_K.tolist()) == ("verl", [[1.0]])
    matrix, summary = read_trajectories(find_log(shared_data / "logs" / "one_shot_rlvr_acc_step_500.json"))
    assert (matrix.rewards_P_K.shape, summary.samples) == ((1209, 44), 500 * 128 * 8)
