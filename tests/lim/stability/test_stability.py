"""Sweeps against hand-computed cases and known statistics."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from logs import write_log
from PIL import Image
from rich.console import Console

import lim_selection
from lim.logs.find import find_log
from lim.logs.read import ReadOptions
from lim.logs.trajectories import RewardMatrix, read_trajectories
from lim.stability import __main__ as stability
from lim.stability.sweeps import (
    Reference,
    bootstrap,
    epoch_sweep,
    jaccard,
    jaccard_by_chance,
    rank_correlation,
    sample_sweep,
    threshold_sweep,
)
from lim.strategies import Settings
from lim.utils.errors import InputError, run_cli

# Average (0.25, 0.5); LIM 0.923, 0.385, 0.615, as in test_scores.
REWARDS = np.array([[0.0, 0.5], [0.75, 0.0], [0.0, 1.0]])


def matrix_of(rewards, samples=None):
    ids = [f"p{row:03}" for row in range(len(rewards))]
    counts = np.full(rewards.shape, 1 if samples is None else samples.shape[2], np.int32)
    return RewardMatrix(ids, rewards, rewards, counts, samples)


def learning_run(prompts=60, epochs=8, samples=8, seed=0):
    """Prompts that are easy, hard, or learned during the run, sampled `samples` times an epoch."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 1, prompts)
    rates = np.clip(start[:, None] + rng.uniform(0, 0.6, prompts)[:, None] * np.linspace(0, 1, epochs), 0, 1)
    drawn = (rng.random((prompts, epochs, samples)) < rates[:, :, None]).astype(np.float32)
    return matrix_of(drawn.mean(axis=2, dtype=np.float64), drawn)


def test_one_replicate_has_no_standard_error(capsys):
    with pytest.raises(SystemExit, match="2"):
        stability.parse_args(["--train_samples_path", "a", "--output_path", "b", "--bootstrap", "1"])
    assert capsys.readouterr().err.startswith("error: --bootstrap: 1 is too small; ")


def test_jaccard_and_rank_correlation_by_hand():
    one, two = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert jaccard(one, two) == 1 / 3
    assert jaccard(~one & one, ~one & one) == 1.0
    assert jaccard_by_chance(50, 100) == pytest.approx(1 / 3)  # overlap 25 of 75
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([10.0, 20, 30])) == pytest.approx(1)
    # Ranks 1 2 3 against 1 3 2: 1 − 6·2 / (3·8).
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 9, 5])) == pytest.approx(0.5)
    assert rank_correlation(np.array([1.0, 1]), np.array([1.0, 2])) is None


def test_threshold_sweep_by_hand():
    reference = Reference.of(matrix_of(REWARDS), Settings())
    rows = threshold_sweep(reference, [0.3, 0.6, 0.9, 1.0])
    assert [row["chosen"] for row in rows] == [3, 2, 1, 0]
    assert threshold_sweep(reference)[-1]["threshold"] == 1.0


def test_epoch_sweep_by_hand():
    # The third epoch turns p001 (falling until then) into the best of them.
    rewards = np.hstack([REWARDS, [[0.0], [0.5], [0.25]]])
    reference = Reference.of(matrix_of(rewards), Settings(top_k=1))
    rows = epoch_sweep(reference)
    assert [row["epochs"] for row in rows] == [1, 2, 3]
    # Average (0.25, 0.5, 0.25): Σ(r − avg)² is 0.125, 0.5625, 0.3125, so p000 leads both times.
    assert [row["jaccard_by_rank"] for row in rows[1:]] == [1.0, 1.0]
    assert rows[0].keys() == {"epochs", "jaccard_of_uncertainty"}
    # p(1 − p) of the first epoch: 0, 0.1875, 0: p001, which is not chosen.
    assert rows[0]["jaccard_of_uncertainty"] == 0.0
    assert rows[2]["spearman"] == pytest.approx(1.0)
    assert "jaccard_by_threshold" not in rows[2]


def test_fewer_epochs_than_are_asked_for_are_still_scored():
    rows = epoch_sweep(Reference.of(learning_run(epochs=5), Settings(min_epochs=4)))
    assert [row["epochs"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[1]["scored"] == 60


def test_the_complete_log_agrees_with_itself():
    reference = Reference.of(learning_run(), Settings())
    for row in (epoch_sweep(reference)[-1], sample_sweep(reference, repeats=2)[-1]):
        assert row["jaccard_by_threshold"] == row["jaccard_by_rank"] == 1.0
        assert row["chosen_by_threshold"] == int(reference.chosen_P.sum())


def test_fewer_samples_lower_scores_and_agreement():
    reference = Reference.of(learning_run(), Settings())
    one, four, eight = sample_sweep(reference, [1, 4, 8], repeats=4, seed=1)
    assert one["median_score"] < four["median_score"] < eight["median_score"]
    assert one["jaccard_by_rank"] < four["jaccard_by_rank"] < 1.0
    assert one["jaccard_by_rank_sd"] > 0
    assert sample_sweep(reference, [1], repeats=4, seed=1) == [one]


def test_drawing_fewer_samples_keeps_gaps_as_gaps():
    samples = np.full((3, 2, 4), np.nan, np.float32)
    samples[:, :, :2] = [[[0, 0], [0, 1]], [[1, 0.5], [0, 0]], [[0, 0], [1, 1]]]
    reference = Reference.of(matrix_of(REWARDS, samples), Settings())
    # Two of at most four: all there are, so nothing changes.
    assert sample_sweep(reference, [2], repeats=2)[0]["spearman"] == pytest.approx(1.0)


def test_bootstrap_of_samples_that_all_agree_has_no_error():
    samples = np.repeat(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]], np.float32)[:, :, None], 4, axis=2)
    reference = Reference.of(matrix_of(samples.mean(axis=2, dtype=np.float64), samples), Settings(top_k=1))
    replicates = bootstrap(reference, replicates=5)
    assert replicates.standard_error_P.tolist() == [0, 0, 0]
    assert replicates.by_rank_P.tolist() == reference.chosen_P.astype(float).tolist()
    assert replicates.by_threshold_P is None


def test_bootstrap_standard_error_is_near_the_spread_over_runs():
    # Runs that differ in sampling alone: same rates, other draws.
    rates = np.random.default_rng(5).uniform(0.2, 0.8, (40, 6))
    runs = []
    for seed in range(30):
        drawn = (np.random.default_rng(seed).random((40, 6, 16)) < rates[:, :, None]).astype(np.float32)
        runs.append(Reference.of(matrix_of(drawn.mean(axis=2, dtype=np.float64), drawn), Settings(top_k=5)))
    spread = np.std([run.scores_P for run in runs], axis=0, ddof=1)
    estimated = bootstrap(runs[0], replicates=60).standard_error_P
    assert np.median(estimated) == pytest.approx(np.median(spread), rel=0.35)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(strategy="uncertainty", top_k=1), "not about --strategy uncertainty"),
        (Settings(similarity_threshold=5), "chooses no prompt"),
    ],
)
def test_references_that_cannot_be(settings, message):
    with pytest.raises(InputError, match=message):
        Reference.of(matrix_of(REWARDS), settings)


def test_command_line_writes_tables_json_and_figures(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rates = np.clip(rng.uniform(0, 1, (30, 1)) + np.linspace(0, 0.4, 4), 0, 1)
    rewards = {f"p{row}": (rng.random((4, 4)) < rates[row][:, None]).astype(float).tolist() for row in range(30)}
    log = write_log(tmp_path / "log", rewards)
    out = tmp_path / "out"
    arguments = ["--train_samples_path", log, "--output_path", out, "--bootstrap", "5", "--repeats", "2"]
    assert stability.main(list(map(str, arguments))) is None
    result = json.loads((out / "stability.json").read_text())
    assert [row["epochs"] for row in result["first_epochs"]] == [1, 2, 3, 4]
    assert result["bootstrap"]["replicates"] == 5
    rows = json.loads((out / "bootstrap.json").read_text())
    assert len(rows) == 30
    assert sum(row["chosen"] for row in rows) == result["chosen"]
    for name in ("thresholds", "first_epochs", "fewer_samples", "bootstrap"):
        with Image.open(out / f"{name}.png") as image:
            assert len(image.convert("L").getcolors(256) or ()) > 2
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    stability.main(list(map(str, arguments)))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert "the first k epochs against all" in capsys.readouterr().out


def test_single_sample_logs_skip_resampling_with_a_note(tmp_path, capsys):
    log = write_log(tmp_path / "log", {"a": [[0], [0], [1]], "b": [[0], [1], [1]], "c": [[1], [0], [0]]})
    out = tmp_path / "out"
    stability.main(["--train_samples_path", str(log), "--output_path", str(out), "--top_k", "1"])
    assert not (out / "bootstrap.json").exists()
    assert "no resampling: the log has one sample" in capsys.readouterr().out


@pytest.mark.data
def test_the_real_run_settles_by_rank_long_before_the_threshold_does(shared_data):
    log = find_log(shared_data / "logs" / "one_shot_rlvr_acc_step_500.json")
    matrix, _ = read_trajectories(log, options=ReadOptions(keep_samples=True))
    reference = Reference.of(matrix, Settings())
    assert int(reference.chosen_P.sum()) == 575
    row = epoch_sweep(reference, [10])[0]
    assert row["jaccard_by_rank"] == pytest.approx(0.84, abs=0.01)
    assert row["jaccard_by_threshold"] == pytest.approx(0.62, abs=0.01)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--bootstrap", "-5"], "error: --bootstrap: -5 is too small; needs at least 0\n"),
        (["--repeats", "-1"], "error: --repeats: -1 is too small; needs at least 0\n"),
        (["--workers", "0"], "error: --workers: 0 is too small; needs at least 1\n"),
        (["--seed", "-1"], "error: --seed: -1 is too small; needs at least 0\n"),
        (["--max_epochs", "0"], "error: --max_epochs 0: needs at least 1\n"),
        (["--min_epochs", "9"], "error: --min_epochs 9: the log has 2 epochs\n"),
        (["--top_k", "0"], "error: --top_k 0: needs at least 1\n"),
        (["--output_path", "/proc/x"], "error: --output_path /proc/x: cannot be written"),
    ],
)
def test_a_wrong_flag_is_one_line(tmp_path, capsys, flags, says):
    write_log(tmp_path / "run", {"a": [[0, 0], [0, 1]], "b": [[1, 0], [0, 0]]})
    where = ["--train_samples_path", str(tmp_path / "run"), "--output_path", str(tmp_path / "out")]
    try:
        code = run_cli(lambda: stability.main([*where, *flags]))
    except SystemExit as ended:
        code = ended.code
    error = capsys.readouterr().err
    assert code == 2 and error.startswith(says) and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_tables_fit_80_columns_and_counts_are_counts(tmp_path):
    """Every head and figure is there in full, for a log of thousands of prompts."""
    out = io.StringIO()
    console = Console(file=out, width=80)
    agreement = {"scored": 8523.0, "chosen_by_threshold": 1389.4, "chosen_by_threshold_sd": 30.25}
    agreement |= {"jaccard_by_threshold": 0.5, "jaccard_by_threshold_sd": 0.125, "jaccard_by_rank": 0.75}
    agreement |= {"jaccard_by_rank_sd": 0.01, "spearman": -0.5, "spearman_sd": 0.25, "median_score": -0.5}
    rows = [{"samples": 16, "repeats": 10, **agreement, "median_score_sd": 0.25}]
    rows.append({"samples": 32, "repeats": 1, "scored": 8523.0, "chosen_by_threshold": 1389.0, "median_score": 0.5})
    stability.show(console, "fewer samples", rows)
    lines = out.getvalue().splitlines()
    assert "fewer samples (± over 10 draws)" in lines[1]
    assert "8,523 prompts have a score in each row" in out.getvalue() and "…" not in out.getvalue()
    cells = [line.split("  ") for line in lines if line.strip().startswith(("16", "32"))]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in cells]
    assert cells == [
        ["16", "1,389.4 ± 30.2", "0.50 ± 0.12", "0.75 ± 0.01", "-0.50 ± 0.25", "-0.50 ± 0.25"],
        ["32", "1,389", "–", "–", "–", "0.50"],
    ]


def test_a_figure_over_draws_that_never_varies_is_a_whole_number():
    assert stability._cell({"scored": 30.0}, "scored", 3) == "30"
    assert stability._cell({"scored": 29.7, "scored_sd": 0.5}, "scored", 3) == "29.7 ± 0.5"
    assert stability._cell({"replicates": 200}, "replicates", 3) == "200"
    assert stability._cell({"spearman": None}, "spearman", 3) == "–"


def test_a_prompt_file_joins_texts_and_gives_its_own_prompts(tmp_path):
    """verl's texts change with the date; the file has a prompt that the log lacks, and the other way round."""
    rewards = {"a": [[0, 0], [0, 1]], "b": [[1, 0.5], [0, 0]], "c": [[0, 0], [1, 1]], "x": [[1, 0], [0, 0]]}
    (tmp_path / "log").mkdir()
    for epoch in (0, 1):
        lines = []
        for id, by_epoch in rewards.items():
            for sample, reward in enumerate(by_epoch[epoch]):
                text = f"system\nToday is day {sample}.\nuser\nquestion {id}\nassistant\n"
                lines.append(json.dumps({"input": text, "output": "…", "score": reward, "step": epoch + 1}) + "\n")
        (tmp_path / "log" / f"{epoch + 1}.jsonl").write_text("".join(lines))
    prompts = tmp_path / "p.jsonl"
    ids = ["c", "new", "a", "b"]
    prompts.write_text("".join(json.dumps({"uid": id, "question": f"question {id}"}) + "\n" for id in ids))
    where = [
        "--train_samples_path",
        str(tmp_path / "log"),
        "--original_prompts_path",
        str(prompts),
        "--id_key",
        "uid",
    ]
    stability.main([*where, "--output_path", str(tmp_path / "out"), "--bootstrap", "3", "--repeats", "2"])
    lim_selection.main([*where, "--output_path", str(tmp_path / "o.json")])
    scores = json.loads((tmp_path / "o.scores.json").read_text())
    found = json.loads((tmp_path / "out" / "bootstrap.json").read_text())
    assert [row["id"] for row in found] == ids
    assert [row["score"] for row in found] == [row["score"] for row in scores]
    result = json.loads((tmp_path / "out" / "stability.json").read_text())
    assert (result["prompts"], result["chosen"]) == (4, sum(row["chosen"] for row in scores))
    assert any("2 prompts of the log are not in the prompt file" in note for note in result["notes"])


def test_the_log_s_own_folder_is_no_output(tmp_path, capsys):
    log = write_log(tmp_path / "run", {"a": [[0, 0], [0, 1]], "b": [[1, 0], [0, 0]]})
    before = sorted(log.iterdir())
    code = run_cli(lambda: stability.main(["--train_samples_path", str(log), "--output_path", f"{log}/"]))
    assert code == 2 and capsys.readouterr().err.startswith(f"error: {log}/: is the log's folder; give --output_path")
    assert sorted(log.iterdir()) == before
