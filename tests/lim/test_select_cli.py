"""lim_selection.py end to end on small logs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from logs import write_log, write_prompts

import lim_selection
from lim.output import companion
from lim.pipeline import select
from lim.utils.errors import InputError, run_cli

# Average curve (0.25, 0.5), as in test_scores: LIM 0.923, 0.385, 0.615.
REWARDS = {"a": [[0, 0], [0, 1]], "b": [[1, 0.5], [0, 0]], "c": [[0, 0], [1, 1]]}


def run(tmp_path, *more, rewards=REWARDS, ids=("c", "a", "b")):
    log = tmp_path / "run"
    if not log.exists():
        write_log(log, rewards)
    prompts = write_prompts(tmp_path / "prompts.json", ids)
    output = tmp_path / "out" / "limr.json"
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
    return output


def chosen(output):
    return [row["id"] for row in json.loads(output.read_text())]


def scores(output):
    return {row["id"]: row for row in json.loads(companion(output, "scores").read_text())}


def test_lim_by_hand_in_the_order_of_the_prompt_file(tmp_path):
    output = run(tmp_path)
    assert chosen(output) == ["c", "a"]
    assert json.loads(output.read_text())[0] == {"id": "c", "prompt": "question c", "answer": "1"}
    rows = scores(output)
    assert rows["a"]["score"] == pytest.approx(1 - 0.0625 / 0.8125)
    assert rows["b"] == {
        "id": "b",
        "prompt": "question b",
        "score": pytest.approx(1 - 0.5 / 0.8125),
        "chosen": False,
        "epochs_seen": 2,
        "first_reward": 0.75,
        "last_reward": 0.0,
        "mean_reward": 0.375,
    }
    summary = json.loads(companion(output, "summary").read_text())
    assert summary["average_curve"] == [0.25, 0.5]
    assert summary["chosen"] == 2
    assert summary["log"]["samples"] == 12


def test_same_input_same_bytes(tmp_path):
    output = run(tmp_path)
    first = {path.name: path.read_bytes() for path in output.parent.iterdir()}
    run(tmp_path)
    assert {path.name: path.read_bytes() for path in output.parent.iterdir()} == first
    assert sorted(first) == ["limr.json", "limr.scores.json", "limr.summary.json"]


def test_records_keep_every_key_and_type(tmp_path):
    log = write_log(tmp_path / "run", {"1": [[0], [1]], "2": [[1], [0]]})
    records = [{"id": 1, "prompt": "q", "answer": "é", "level": 3}, {"id": 2, "prompt": "r", "answer": "", "x": [1]}]
    prompts = tmp_path / "p.json"
    prompts.write_text(json.dumps(records))
    output = tmp_path / "o.json"
    arguments = ["--train_samples_path", log, "--original_prompts_path", prompts, "--output_path", output]
    lim_selection.main([*map(str, arguments), "--similarity_threshold", "-9"])
    assert json.loads(output.read_text()) == records


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--similarity_threshold", "0.7"], ["a"]),
        (["--top_k", "2"], ["c", "a"]),
        (["--strategy", "linear"], ["c", "a"]),
        (["--strategy", "variance", "--top_k", "1"], ["c"]),
        (["--strategy", "variance", "--similarity_threshold", "0.3"], ["c", "b"]),
        # Pass rates: a (0, 0.5), b (0.5, 0), c (0, 1); p(1−p) of 0.25, 0.25, 0.5.
        (["--strategy", "uncertainty", "--top_k", "1"], ["c"]),
        (["--strategy", "uncertainty", "--similarity_threshold", "0.1875"], ["c", "a", "b"]),
        (["--strategy", "difficulty", "--pass_rates", "0.3", "0.6"], ["c"]),
        (["--strategy", "difficulty"], ["c", "a", "b"]),
        (["--strategy", "random", "--num_prompts", "3"], ["c", "a", "b"]),
        (["--strategy", "random", "--num_samples", "3"], ["c", "a", "b"]),
        (["--strategy", "diversity", "--top_k", "3"], ["c", "a", "b"]),
        # As pass rates: average (1/6, 1/2), room 0.9444; a 0.971, c 0.706, b 0.618.
        (["--metric", "accuracy", "--similarity_threshold", "0.65"], ["c", "a"]),
        (["--metric", "accuracy", "--similarity_threshold", "0.62"], ["c", "a"]),
        (["--metric", "accuracy", "--similarity_threshold", "0.61"], ["c", "a", "b"]),
    ],
)
def test_strategies_by_hand(tmp_path, arguments, expected):
    assert chosen(run(tmp_path, *arguments)) == expected


def test_random_depends_on_the_seed_alone(tmp_path):
    ids = [str(n) for n in range(40)]
    rewards = {id: [[0, 1], [1, 1]] for id in ids}
    draws = [
        chosen(run(tmp_path, "--strategy", "random", "--num_samples", "10", "--seed", seed, rewards=rewards, ids=ids))
        for seed in ("1", "1", "2")
    ]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 10


def test_random_and_diversity_need_no_log(tmp_path):
    prompts = write_prompts(tmp_path / "p.json", ["a", "b", "c"])
    common = ["--original_prompts_path", str(prompts), "--output_path", str(tmp_path / "o.json")]
    lim_selection.main([*common, "--strategy", "random", "--num_samples", "2"])
    assert len(chosen(tmp_path / "o.json")) == 2
    assert scores(tmp_path / "o.json")["a"]["reason"] == "no log to score from"
    lim_selection.main([*common, "--strategy", "diversity", "--top_k", "1"])
    assert len(chosen(tmp_path / "o.json")) == 1


def test_unscored_prompts_have_a_reason(tmp_path, capsys):
    rewards = {"a": [[0], [0], [1]], "b": [[0], [1], None], "c": [None, [0], [1]], "only in the log": [[0], [0], [1]]}
    output = run(tmp_path, rewards=rewards, ids=("a", "b", "c", "d"))
    rows = scores(output)
    assert rows["b"]["score"] is None
    assert rows["b"]["reason"] == "epochs missing that backfill does not fill"
    assert rows["b"]["epochs_seen"] == 2
    assert rows["d"]["reason"] == "not in the log"
    assert rows["c"]["score"] is not None
    summary = json.loads(companion(output, "summary").read_text())
    assert summary["unscored"] == {"epochs missing that backfill does not fill": 1, "not in the log": 1}
    assert summary["unmatched_examples"] == ["only in the log"]
    assert "1 prompts of the log are not in the prompt file" in capsys.readouterr().out
    observed = scores(run(tmp_path, "--missing", "observed", rewards=rewards, ids=("a", "b", "c", "d")))
    assert observed["b"]["score"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max_epochs", "3"], "holds 2 epochs, --max_epochs asks for 3"),
        (["--max_epochs", "1"], "one epoch"),
        (["--max_epochs", "0"], "at least 1"),
        (["--max_samples", "9"], r"has up to \d samples per prompt and epoch, --max_samples asks for 9"),
        (["--top_k", "4"], "more prompts than have a score"),
        (["--top_k", "1", "--similarity_threshold", "0.5"], "not both"),
        (["--strategy", "variance"], "needs --similarity_threshold or --top_k"),
        (["--strategy", "random"], "needs --num_prompts"),
        (["--strategy", "random", "--num_samples", "9"], "more prompts than there are"),
        (
            ["--strategy", "random", "--num_samples", "1", "--top_k", "1"],
            "random takes --num_prompts",
        ),
        (["--strategy", "diversity"], "needs --top_k"),
        (["--strategy", "diversity", "--top_k", "4"], "1 to 3 prompts"),
        (["--strategy", "difficulty", "--pass_rates", "0.8", "0.2"], "low ≤ high"),
        (
            ["--num_prompts", "2"],
            "--num_prompts is for --strategy random; lim takes --similarity_threshold or --top_k",
        ),
        (["--pass_rates", "0", "1"], "--pass_rates is for --strategy difficulty"),
        (["--scores_path", "x.json"], "not both"),
        (["--reward_column", "acc"], "--reward_column is for verl, trl"),
    ],
)
def test_settings_that_cannot_be(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path, *arguments)
    assert not (tmp_path / "out").exists()


def test_nothing_chosen_writes_nothing_unless_allowed(tmp_path):
    with pytest.raises(InputError, match=r"nothing chosen \(score ≥ 2\).*quantiles: 0% 0\.385, .*100% 0\.923"):
        run(tmp_path, "--similarity_threshold", "2")
    assert not (tmp_path / "out").exists()
    assert chosen(run(tmp_path, "--similarity_threshold", "2", "--allow_empty")) == []


def test_all_right_from_the_start(tmp_path):
    with pytest.raises(InputError, match="nothing left to learn"):
        run(tmp_path, rewards={"a": [[1, 1], [1, 1]]}, ids=("a",))


def test_single_sample_logs_print_a_warning(tmp_path, capsys):
    run(tmp_path, "--top_k", "1", rewards={"a": [[0], [1]], "b": [[1], [0]], "c": [[0], [0]]})
    assert "one sample per prompt and epoch" in capsys.readouterr().out


def test_ties_at_the_edge_are_said(tmp_path, capsys):
    rewards = {id: [[0], [1]] for id in "abcde"} | {"f": [[0], [0]]}
    run(tmp_path, "--strategy", "uncertainty", "--top_k", "2", rewards=rewards, ids=tuple("abcdef"))
    said = "5 prompts have the score at the edge, 0.25; the order of the prompt file decides which 2 of them"
    assert said in capsys.readouterr().out
    run(tmp_path, "--strategy", "uncertainty", "--top_k", "5", ids=tuple("abcdef"))
    assert "at the edge" not in capsys.readouterr().out


@pytest.mark.parametrize("strategy", ["lim", "linear", "uncertainty"])
@pytest.mark.parametrize(("missing", "said"), [("backfill", True), ("observed", False)])
def test_many_prompts_without_a_score_are_said_with_the_way_out(tmp_path, capsys, missing, said, strategy):
    rewards = {f"p{n}": [[0], [n % 2], None if n < 2 else [1]] for n in range(20)}
    run(tmp_path, "--missing", missing, "--strategy", strategy, "--top_k", "5", rewards=rewards, ids=list(rewards))
    assert ("2 of 20 prompts of the log have no score" in (out := capsys.readouterr().out)) == said
    assert ("--missing observed" in out) == said


def test_an_average_that_hardly_moves_is_said(tmp_path, capsys):
    run(tmp_path, "--top_k", "1", rewards={"a": [[0, 1], [0, 1]], "b": [[1, 0], [0, 1]], "c": [[0, 1], [1, 0]]})
    assert "the average moves by 0 over the epochs" in capsys.readouterr().out


def test_prompts_never_solved_but_chosen_are_said(tmp_path, capsys):
    # Average (1/3, 1/3): a prompt never solved scores 1 − (1/3)² / (2/3)² = 0.75.
    rewards = {"a": [[0, 0], [0, 0]], "b": [[1, 0], [1, 0]], "c": [[0, 1], [0, 1]]}
    output = run(tmp_path, rewards=rewards)
    assert scores(output)["a"]["score"] == pytest.approx(0.75)
    assert "1 of the chosen were never solved" in capsys.readouterr().out


def test_a_largest_reward_that_is_not_the_perfect_one_is_refused(tmp_path, capsys):
    rewards = {"a": [[0, 2], [2, 2]], "b": [[0, 0], [2, 0]]}
    with pytest.raises(InputError, match=r"largest reward is 2, .* give --max_reward 2, .*--allow max_reward"):
        run(tmp_path, "--top_k", "1", rewards=rewards, ids=("a", "b"))
    # 10 would be perfect, and a third of the samples have the largest, 2.
    with pytest.raises(InputError, match=r"largest reward is 2, which 50% of the samples have"):
        run(tmp_path, "--top_k", "1", "--max_reward", "10", ids=("a", "b"))
    assert not (tmp_path / "out").exists()
    output = run(tmp_path, "--top_k", "1", "--allow", "max_reward", ids=("a", "b"))
    assert "allowed" in capsys.readouterr().out
    summary = companion(output, "summary").read_text()
    assert next(iter(json.loads(summary))) == "allowed"
    assert "largest reward is 2" in json.loads(summary)["allowed"][0]
    # Average 0.5, 1.5; perfect 2: distances 2.25 + 0.25; a is 1, 2 and b 0, 1, both 0.5 off in each epoch.
    run(tmp_path, "--top_k", "1", "--max_reward", "2", ids=("a", "b"))
    assert [row["score"] for row in scores(output).values()] == pytest.approx([0.8, 0.8])


def test_scores_file_in_place_of_a_log(tmp_path):
    output = run(tmp_path)
    again = tmp_path / "again.json"
    common = ["--original_prompts_path", str(tmp_path / "prompts.json"), "--output_path", str(again)]
    lim_selection.main([*common, "--scores_path", str(companion(output, "scores"))])
    assert again.read_bytes() == output.read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "q"}], "row 1 is not"),
        ([{"prompt": "q", "score": "0.5"}], "row 1: score is '0.5'"),
        ([{"prompt": "q", "score": 1}, {"prompt": "q", "score": 0}], "row 2 repeats"),
        ({}, "not a list"),
        ([], "holds no {id or prompt, score}"),
    ],
)
def test_scores_files_that_cannot_be_used(tmp_path, rows, message):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(rows))
    prompts = write_prompts(tmp_path / "p.json", ["a"])
    with pytest.raises(InputError, match=message):
        lim_selection.main(
            [
                "--scores_path",
                str(path),
                "--original_prompts_path",
                str(prompts),
                "--output_path",
                str(tmp_path / "o.json"),
            ]
        )


def test_exit_code_and_one_line(tmp_path, capsys):
    prompts = write_prompts(tmp_path / "p.json", ["a"])
    arguments = [
        "--original_prompts_path",
        str(prompts),
        "--output_path",
        "o.json",
        "--train_samples_path",
        "nowhere",
    ]
    assert run_cli(lambda: lim_selection.main(arguments)) == 2
    assert capsys.readouterr().err == ("error: nowhere: no such file or folder; give the folder of a run's log\n")


def test_a_full_disk_leaves_the_former_files_as_they_were(tmp_path, capsys):
    output = run(tmp_path)
    before = {path.name: path.read_bytes() for path in output.parent.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Of the three files the scores do not fit, and the prompts would.
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "prompts.json").stat().st_size, limits[1]))
    try:
        with pytest.raises(InputError, match=r"out/limr\.json: cannot be written \(File too large\)"):
            run(tmp_path, "--top_k", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in output.parent.iterdir()} == before


@pytest.mark.data
@pytest.mark.parametrize(("threshold", "count"), [("0.6", 1389), ("0.600001", 1324)])
def test_the_published_scores_give_the_published_selection(tmp_path, shared_data, threshold, count):
    folder = shared_data / "limr"
    output = tmp_path / "limr.json"
    arguments = ["--scores_path", folder / "scores.json", "--original_prompts_path", folder / "math.8k.json"]
    lim_selection.main([*map(str, arguments), "--output_path", str(output), "--similarity_threshold", threshold])
    rows = json.loads(output.read_text())
    assert len(rows) == count
    places = {row["id"]: at for at, row in enumerate(json.loads((folder / "math.8k.json").read_text()))}
    order = [places[row["id"]] for row in rows]
    assert order == sorted(order)


def test_the_shell_script_runs_the_same_command(tmp_path):
    log = write_log(tmp_path / "run", REWARDS)
    prompts = write_prompts(tmp_path / "p.json", ["a", "b", "c"])
    knobs = {"LOG": log, "PROMPTS": prompts, "OUT": tmp_path / "o.json", "MAX_EPOCHS": 2, "PYTHON": sys.executable}
    environment = {**os.environ, **{name: str(value) for name, value in knobs.items()}}
    script = Path(lim_selection.__file__).parent / "scripts" / "lim.sh"
    for knobs, flags, expected in (
        ({}, [], ["a", "c"]),
        ({}, ["--top_k", "1"], ["a"]),
        ({"THRESHOLD": "0.9"}, [], ["a"]),
        ({}, ["--strategy", "random", "--num_samples", "3"], ["a", "b", "c"]),
    ):
        subprocess.run(["bash", script, *flags], env={**environment, **knobs}, check=True, capture_output=True)
        assert chosen(tmp_path / "o.json") == expected


def test_accuracy_is_perfect_at_1_whatever_a_perfect_reward_is(tmp_path):
    doubled = {id: [[2 * reward for reward in epoch] for epoch in epochs] for id, epochs in REWARDS.items()}
    output = run(tmp_path, "--metric", "accuracy", "--max_reward", "2", rewards=doubled, ids=("a", "b", "c"))
    # Pass rates a 0, 0.5; b 0.5, 0; c 0, 1: average 1/6, 1/2; distances 1/36, 13/36, 10/36 of 25/36 + 9/36.
    found = [row["score"] for row in scores(output).values()]
    assert found == pytest.approx([1 - 1 / 34, 1 - 13 / 34, 1 - 10 / 34])


def test_an_output_that_would_replace_an_input_is_refused(tmp_path):
    output = run(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    prompts, found = tmp_path / "prompts.json", companion(output, "scores")
    for arguments in (
        ["--train_samples_path", tmp_path / "run", "--output_path", prompts],
        ["--scores_path", found, "--output_path", tmp_path / "run" / ".." / "out" / "limr.json"],
    ):
        with pytest.raises(InputError, match="would replace the input"):
            lim_selection.main(["--original_prompts_path", str(prompts), *map(str, arguments)])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json")} == before


def test_an_output_that_would_replace_a_file_of_an_input_folder_is_refused(tmp_path):
    run(tmp_path)
    (tmp_path / "data").mkdir()
    train = tmp_path / "data" / "train.json"
    train.write_bytes((tmp_path / "prompts.json").read_bytes())
    step = tmp_path / "run" / "step_1.parquet"
    before = {path: path.read_bytes() for path in (train, step)}

    def select_to(output):
        arguments = ["--original_prompts_path", train.parent, "--train_samples_path", step.parent]
        lim_selection.main([*map(str, arguments), "--output_path", str(output)])

    for output in (train, step):
        with pytest.raises(InputError, match="would replace the input"):
            select_to(output)
    assert {path: path.read_bytes() for path in (train, step)} == before
    for _ in range(2):  # a former choice may be replaced
        select_to(tmp_path / "run" / "chosen.json")


def test_a_prompt_file_with_nan_is_refused_before_the_log_is_read(tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text('[{"id": "a", "prompt": "q", "level": NaN}]')
    with pytest.raises(InputError, match=r"prompts.json: holds NaN, .* null"):
        select(path, log_path=tmp_path / "no such log")


def test_a_scores_file_of_other_prompts_is_named(tmp_path):
    prompts, other = write_prompts(tmp_path / "p.json", ["a"]), tmp_path / "other.scores.json"
    other.write_text('[{"id": "z", "score": 1.0}]')
    with pytest.raises(InputError, match="none of its 1 prompts is in the prompt file"):
        select(prompts, scores_path=other)


def test_graded_rewards_are_not_called_never_solved(tmp_path, capsys):
    graded = {f"p{n}": [[0.1 + n / 1000, 0.2], [0.2, 0.3 + n / 1000]] for n in range(120)}
    run(tmp_path, rewards=graded, ids=list(graded))
    assert "never solved" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("out/limr.json", "is a folder here, and this is a file's name"),
        ("out/limr.scores.json/page", "is the place of a file of --output_path"),
        ("out/../out/limr.summary.json", "is a folder here, and this is a file's name"),
    ],
)
def test_a_report_in_the_place_of_an_output_is_refused_before_anything_is_written(tmp_path, place, says):
    with pytest.raises(InputError, match=rf"--report .*: {says}"):
        run(tmp_path, "--report", str(tmp_path / place))
    assert not (tmp_path / "out" / "limr.json").exists()


def test_a_folder_that_may_not_be_read_is_not_called_unwritable(tmp_path, monkeypatch, capsys):
    prompts = write_prompts(tmp_path / "p.json", ["a"])
    log = write_log(tmp_path / "run", REWARDS)
    paths = {"--train_samples_path": log, "--original_prompts_path": prompts, "--output_path": tmp_path / "o.json"}
    arguments = [part for pair in paths.items() for part in pair]

    def forbidden(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("lim.logs.find.os.scandir", forbidden)
    assert run_cli(lambda: lim_selection.main([*map(str, arguments)])) == 2
    assert f"{log}: cannot be listed: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--report", "{folder}/prompts.json"], "--report {folder}/prompts.json: is not a folder"),
        (["--report", "/proc/x"], "--report /proc/x: cannot be written"),
        (["--output_path", "{folder}"], "--output_path {folder}: is a folder; name a file"),
        (["--output_path", "."], "--output_path .: is a folder; name a file"),
        (["--output_path", "/proc/x.json"], "--output_path /proc/x.json: cannot be written"),
        (["--output_path", "s3://bucket/x.json"], "--output_path s3://bucket/x.json: is an address"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_log_is_read(tmp_path, monkeypatch, flags, says):
    monkeypatch.setattr("lim.pipeline.find_log", lambda *_: pytest.fail("the log was looked for"))
    flags = [flag.format(folder=tmp_path) for flag in flags]
    with pytest.raises(InputError) as caught:
        run(tmp_path, *flags)
    assert says.format(folder=tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--min_epochs", "99"], "--min_epochs 99: the log has 2 epochs"),
        (["--min_epochs", "0"], "--min_epochs 0: needs at least 1"),
        (["--max_epochs", "-1"], "--max_epochs -1: needs at least 1"),
        (["--max_epochs", "3"], "holds 2 epochs, --max_epochs asks for 3"),
        (["--top_k", "-3"], "--top_k -3: needs at least 1"),
        (["--top_k", "99999999999999999999"], "--top_k 99999999999999999999 asks for more prompts"),
        (["--seed", "-1"], "--seed -1: needs at least 0"),
        (["--steps_per_epoch", "0"], "--steps_per_epoch 0: needs at least 1"),
        (["--max_samples", "0"], "--max_samples 0: needs at least 1"),
    ],
)
def test_a_number_out_of_range_names_its_flag(tmp_path, flags, says):
    with pytest.raises(InputError, match=says):
        run(tmp_path, *flags)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--workers", "0"], "error: --workers: 0 is too small; needs at least 1\n"),
        (["--workers", "-1"], "error: --workers: -1 is too small; needs at least 1\n"),
        (["--seed", "x"], "error: --seed: 'x' is not a whole number\n"),
        (["--top_k", "1.5"], "error: --top_k: '1.5' is not a whole number\n"),
        (["--similarity-threshold", "nan"], "error: --similarity_threshold: nan is not a finite number\n"),
        (["--max_reward", "-inf"], "error: --max_reward: -inf is not a finite number\n"),
        (["--pass_rates", "0.1", "inf"], "error: --pass_rates: inf is not a finite number\n"),
        (["--threshold", "0.5"], "error: unknown flag --threshold; did you mean --similarity_threshold?\n"),
        (["--strategy", "lm"], "did you mean lim?\n"),
    ],
)
def test_a_wrong_flag_is_one_line(tmp_path, capsys, flags, says):
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, *flags)
    error = capsys.readouterr().err
    assert error.endswith(says) and error.count("\n") == 1


@pytest.mark.parametrize("given", ["limr.json", "limr.summary.json"])
def test_the_chosen_prompts_in_place_of_scores_name_the_scores_file(tmp_path, given):
    output = run(tmp_path)
    with pytest.raises(InputError, match=rf"{given}: .*; {companion(output, 'scores')} has the scores"):
        lim_selection.main(
            ["--scores_path", str(output.with_name(given)), "--original_prompts_path", str(tmp_path / "prompts.json")]
            + ["--output_path", str(tmp_path / "again.json")]
        )


def test_scores_of_a_former_selection_in_another_format_are_named(tmp_path, capsys):
    output = run(tmp_path, "--top_k", "2")
    assert "was there before" not in capsys.readouterr().out
    run(tmp_path, "--top_k", "1", "--scores_format", "csv")
    former = companion(output, "scores")
    assert f"note: {former} was there before; it is not of this selection" in capsys.readouterr().out
