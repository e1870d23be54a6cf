"""Logs that cannot be read: the message names the file and the row."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import write_log, write_prompts

import lim_selection
from lim.logs.find import find_log
from lim.logs.read import ReadOptions
from lim.logs.trajectories import read_trajectories
from lim.utils.errors import InputError

ROW = {"prompt": "q", "response": "r", "reward": 1.0, "response_length": 1}


def without(key):
    return {name: value for name, value in ROW.items() if name != key}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps([ROW, ROW])[:-20], "row 2: not complete JSON"),
        (json.dumps([ROW, ROW])[:-1], "row 3: not complete JSON"),
        ("", "row 1: not complete JSON"),
        ('{"prompt": "q"}', r"row 1: not complete JSON \(not a list\)"),
        (json.dumps([without("reward")]), r"none of its 1 rows has a reward \('reward'\)"),
        (json.dumps([without("prompt")]), "row 1 has no 'prompt'"),
        (json.dumps([ROW, {**ROW, "reward": float("inf")}]), "row 2: reward is inf"),
        (json.dumps([ROW, {**ROW, "reward": "1"}]), "row 2: 'reward' is '1', a string, not a number"),
        (json.dumps([ROW, {**ROW, "reward": [1]}]), r"row 2: 'reward' is \[1\], a list, not a number"),
        (json.dumps([{**ROW, "prompt": 3}]), "row 1: 'prompt' is 3, not text"),
        (json.dumps([ROW, 7]), "row 2 is a number, not an object"),
        ("[]", "holds no rows"),
        ('[{"prompt": "q" "reward": 1}]', "row 1: not complete JSON"),
    ],
)
def test_release_files(tmp_path, text, message):
    (tmp_path / "step_1.json").write_text(json.dumps([ROW]))
    (tmp_path / "step_2.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_trajectories(find_log(tmp_path))
    assert str(tmp_path / "step_2.json") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"input": "q", "score": 1', "row 2: not complete JSON"),
        ('{"score": 1}', r"row 2 has no 'input' \(its keys: score\)"),
        ('{"input": "q", "score": -Infinity}', "row 2: score is -inf"),
        ('{"input": "q", "score": {"acc": 1}}', "row 2: 'score' is an object; name the numbers in it that count"),
        ('{"input": ["q"], "score": 1}', "row 2: 'input' is"),
    ],
)
def test_verl_files(tmp_path, line, message):
    (tmp_path / "1.jsonl").write_text('{"input": "q", "score": 1}\n' + line)
    with pytest.raises(InputError, match=message):
        read_trajectories(find_log(tmp_path))


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)


GOOD = {"prompt_id": ["a", "a"], "epoch": [1, 1], "reward": [1.0, 0.0]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"epoch": [1], "reward": [1.0]}, "has no column 'prompt_id'"),
        ({"prompt_id": ["a"], "epoch": [1]}, "has no column 'reward'"),
        ({**GOOD, "reward": [float("nan"), None]}, "no row has a reward"),
        ({**GOOD, "reward": [1.0, float("inf")]}, "row 2: reward is inf"),
        ({**GOOD, "reward": ["1", "0"]}, "not int and float"),
        ({**GOOD, "epoch": [1, 0]}, "row 2: epoch is 0; epochs count from 1"),
        ({**GOOD, "prompt_id": [1, 2]}, "'prompt_id' is int64, not string"),
        ({**GOOD, "prompt_id": ["a", None]}, "row 2: 'prompt_id' is null"),
        ({"prompt_id": [], "epoch": [], "reward": []}, "holds no rows"),
    ],
)
def test_own_files(tmp_path, columns, message):
    parquet(tmp_path / "step_1.parquet", **columns)
    with pytest.raises(InputError, match=message) as caught:
        read_trajectories(find_log(tmp_path))
    assert "step_1.parquet" in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"step": [1], "prompt": ["q"], "reward": [1.0]}, "has no column 'completion'"),
        ({"step": [1], "prompt": ["q"], "completion": ["c"], "advantage": [1.0]}, "no numeric reward column"),
        ({"prompt": ["q"], "completion": ["c"], "reward": pa.nulls(1, pa.float64())}, "none of its 1 rows has a"),
        ({"prompt": [1], "completion": ["c"], "reward": [1.0]}, "row 1: 'prompt' is neither"),
    ],
)
def test_trl_files(tmp_path, columns, message):
    parquet(tmp_path / "completions_00001.parquet", **columns)
    with pytest.raises(InputError, match=message):
        read_trajectories(find_log(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"0": [0.5, "x"]}', "not an object of prompt index"),
        ('{"0": [0.5], "1": [1.5]}', "prompt 1: an accuracy is not between 0 and 1"),
        ("{}", "holds no accuracies"),
        ('{"0": [0.5', "not an object of prompt index"),
    ],
)
def test_one_shot_files(tmp_path, text, message):
    (tmp_path / "acc.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_trajectories(find_log(tmp_path / "acc.json"))


@pytest.mark.parametrize("keep", [100, -8])
def test_a_parquet_file_cut_short_is_named_or_skipped_and_counted(tmp_path, keep, capsys):
    log = write_log(tmp_path / "log", {"a": [[0], [0], [1]], "b": [[0], [1], [1]]})
    damaged = log / "step_2.parquet"
    damaged.write_bytes(damaged.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"step_2\.parquet: not a complete Parquet file"):
        read_trajectories(find_log(log))
    matrix, summary = read_trajectories(find_log(log), options=ReadOptions(skip_bad_files=True))
    assert len(summary.bad_files) == 1
    assert matrix.counts_P_K.tolist() == [[1, 0, 1], [1, 0, 1]]
    prompts = write_prompts(tmp_path / "p.json", ["a", "b"])
    arguments = [
        "--train_samples_path",
        log,
        "--original_prompts_path",
        prompts,
        "--output_path",
        tmp_path / "o.json",
    ]
    lim_selection.main([*map(str, arguments), "--skip_bad_files", "--top_k", "1"])
    assert "1 bad file was skipped:" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_not_called_damaged(tmp_path):
    log = write_log(tmp_path, {"a": [[0], [1]]})
    gone = find_log(log)
    (log / "step_2.parquet").unlink()
    with pytest.raises(InputError, match=r"step_2.parquet: cannot be read: No such file"):
        read_trajectories(gone)


def test_a_damaged_page_is_named(tmp_path):
    log = write_log(tmp_path, {f"prompt {n}": [[n % 2]] for n in range(5000)})
    path = log / "step_1.parquet"
    data = bytearray(path.read_bytes())
    data[60:2000] = bytes(1940)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"step_1\.parquet: damaged"):
        read_trajectories(find_log(log))


def test_all_files_bad(tmp_path):
    (tmp_path / "step_1.json").write_text("[")
    with pytest.raises(InputError, match="no readable log file left of 1"):
        read_trajectories(find_log(tmp_path), options=ReadOptions(skip_bad_files=True))


def test_a_folder_without_a_log_says_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"looked for step_<n>\.parquet .* <n>\.jsonl .*completions_"):
        find_log(tmp_path)
    with pytest.raises(InputError, match=r"looked for <n>\.jsonl \(verl's rollout_data_dir\); it holds 1 × notes"):
        find_log(tmp_path, "verl")


def test_a_folder_with_two_logs_says_which(tmp_path):
    write_log(tmp_path, {"a": [[1], [0]]})
    (tmp_path / "step_1.json").write_text(json.dumps([ROW]))
    with pytest.raises(InputError, match=r"more than one log \(2 of lim; 1 of release\)"):
        find_log(tmp_path)
    assert find_log(tmp_path, "release").format == "release"
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "step_1.json").write_text(json.dumps([ROW]))
    with pytest.raises(InputError, match="1 of release; 1 of release in train"):
        find_log(tmp_path, "release")


def test_the_same_step_twice(tmp_path):
    for name in ("step_1.json", "step_01.json"):
        (tmp_path / name).write_text(json.dumps([ROW]))
    with pytest.raises(InputError, match="the same step as"):
        find_log(tmp_path)


def test_missing_steps_are_said(tmp_path):
    for step in (1, 2, 5):
        (tmp_path / f"step_{step}.json").write_text(json.dumps([ROW]))
    _, summary = read_trajectories(find_log(tmp_path))
    assert summary.notes[0] == "2 steps have no file: 3, 4"


def test_a_last_epoch_that_broke_off_is_left_out(tmp_path):
    rewards = {f"{n}": [[0], [1], [1] if n == 0 else None] for n in range(8)}
    matrix, summary = read_trajectories(find_log(write_log(tmp_path, rewards)))
    assert matrix.epochs == 2
    assert "epoch 3 holds less than half of the prompts" in summary.notes[0]
    assert read_trajectories(find_log(tmp_path), max_epochs=3)[0].epochs == 3


def test_a_log_of_other_prompts(tmp_path):
    log = write_log(tmp_path / "log", {"a": [[0], [1]]})
    prompts = write_prompts(tmp_path / "p.json", ["b"])
    arguments = [
        "--train_samples_path",
        log,
        "--original_prompts_path",
        prompts,
        "--output_path",
        tmp_path / "o.json",
    ]
    with pytest.raises(InputError, match=r"none of its 1 prompts is in the prompt file; it has 'a', the file id 'b'"):
        lim_selection.main(list(map(str, arguments)))
