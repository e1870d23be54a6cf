"""The matrix does not depend on order, on workers, or on where the log lies; `lim` stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import write_log

from lim.logs.find import find_log
from lim.logs.formats import Columns
from lim.logs.read import ReadOptions
from lim.logs.trajectories import read_trajectories
from lim.scores import average_curve, lim_scores
from lim.utils.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
rows = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([-1.0, -0.5, 0.0, 1.0])), min_size=1, max_size=12)


def write_release(folder, epochs):
    for step, epoch in enumerate(epochs, 1):
        text = json.dumps([{"prompt": prompt, "reward": reward} for prompt, reward in epoch])
        (folder / f"step_{step}.json").write_text(text)
    return read_trajectories(find_log(folder), steps_per_epoch=1, max_epochs=len(epochs))[0]


@given(st.lists(rows, min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_and_duplicates_of_samples_do_not_matter(tmp_path_factory, epochs, random):
    matrix = write_release(tmp_path_factory.mktemp("log"), epochs)
    shuffled = [random.sample(epoch, len(epoch)) for epoch in epochs]
    again = write_release(tmp_path_factory.mktemp("log"), shuffled)
    assert again.ids == matrix.ids
    np.testing.assert_array_equal(again.rewards_P_K, matrix.rewards_P_K)
    np.testing.assert_array_equal(again.counts_P_K, matrix.counts_P_K)
    twice = write_release(tmp_path_factory.mktemp("log"), [epoch + epoch for epoch in epochs])
    np.testing.assert_array_equal(twice.rewards_P_K, matrix.rewards_P_K)
    np.testing.assert_array_equal(twice.pass_rates_P_K, matrix.pass_rates_P_K)
    np.testing.assert_array_equal(twice.counts_P_K, 2 * matrix.counts_P_K)


@given(st.lists(st.lists(st.integers(-8, 7), min_size=3, max_size=3), min_size=2, max_size=6), st.randoms())
@settings(max_examples=40, deadline=None)
def test_scores_do_not_depend_on_the_order_of_prompts(eighths, random):
    rewards = np.array(eighths) / 8
    order = random.sample(range(len(rewards)), len(rewards))
    scores = lim_scores(rewards, average_curve(rewards))
    again = lim_scores(rewards[order], average_curve(rewards[order]))
    np.testing.assert_array_equal(again, scores[order])


def test_means_by_hand_with_gaps(tmp_path):
    log = write_log(tmp_path, {"b": [[1, -0.5], None, [1, 1]], "a": [[0], [0.5, 1], None]})
    matrix, summary = read_trajectories(find_log(log), max_epochs=3)
    assert matrix.ids == ["a", "b"]
    np.testing.assert_array_equal(matrix.rewards_P_K, [[0, 0.75, np.nan], [0.25, np.nan, 1]])
    np.testing.assert_array_equal(matrix.counts_P_K, [[1, 2, 0], [2, 0, 2]])
    assert (summary.epoch_rule, summary.epochs_in_words()) == ("log", "the log's own epochs")
    taken = matrix.take(np.array([1, -1]), ["x", "y"])
    np.testing.assert_array_equal(taken.rewards_P_K, [[0.25, np.nan, 1], [np.nan] * 3])
    assert taken.counts_P_K.tolist() == [[2, 0, 2], [0, 0, 0]]


def test_an_epoch_that_ends_within_a_step(tmp_path):
    from lim.logs.reward_log import write_step

    columns = {
        "prompt_id": ["a", "b", "a", "a"],
        "epoch": [1, 1, 2, 2],
        "step": [1] * 4,
        "sample": [0, 0, 0, 1],
        "reward": [1.0, 0.5, 0.0, 1.0],
    }
    write_step(tmp_path, 1, columns)
    matrix, _ = read_trajectories(find_log(tmp_path), max_epochs=2, options=ReadOptions(keep_samples=True))
    np.testing.assert_array_equal(matrix.rewards_P_K, [[1.0, 0.5], [0.5, np.nan]])
    assert matrix.samples_P_K_S is not None
    np.testing.assert_array_equal(matrix.samples_P_K_S[0], [[1.0, np.nan], [0.0, 1.0]])


def test_first_samples(tmp_path):
    log = write_log(tmp_path, {"a": [[1, -0.5, -0.5, 1], [1, 1, -0.5, -0.5]], "b": [[-0.5], None]}, verdicts=True)
    matrix, _ = read_trajectories(find_log(log), max_epochs=2, options=ReadOptions(keep_samples=True))
    two = matrix.first_samples(2)
    np.testing.assert_array_equal(two.rewards_P_K, [[0.25, 1.0], [-0.5, np.nan]])
    np.testing.assert_array_equal(two.pass_rates_P_K, [[0.5, 1.0], [0.0, np.nan]])
    assert two.counts_P_K.tolist() == [[2, 2], [1, 0]]
    np.testing.assert_array_equal(matrix.first_samples(4).rewards_P_K, matrix.rewards_P_K)


def test_first_samples_know_the_largest_reward_of_epochs_left_out(tmp_path):
    log = write_log(tmp_path, {"a": [[0, 0.5], [0.5, 0.5], [1, 1]]})
    matrix, _ = read_trajectories(find_log(log), max_epochs=2, options=ReadOptions(keep_samples=True))
    assert matrix.first_samples(1).pass_rates_P_K.tolist() == [[0, 0]]


def test_first_samples_of_a_log_whose_verdicts_are_not_its_largest_reward(tmp_path):
    log = write_log(tmp_path, {"a": [[0.5, 0.0], [0.5, 0.0]]}, verdicts=True)  # nothing is correct
    matrix, _ = read_trajectories(find_log(log), options=ReadOptions(keep_samples=True))
    with pytest.raises(InputError, match="verdicts are not its largest reward"):
        matrix.first_samples(1)


@pytest.mark.parametrize("format", ["lim", "release"])
def test_workers_and_filesystem_make_no_difference(tmp_path, format):
    rng = np.random.default_rng(0)
    if format == "lim":
        write_log(tmp_path, {f"p{n}": rng.integers(0, 2, (4, 3)).tolist() for n in range(30)})
    else:
        write_release(tmp_path, [[(f"p{n}", float(rng.integers(0, 2))) for n in range(30)] for _ in range(4)])
    options = ReadOptions(keep_samples=True)
    sizes = []
    here, summary = read_trajectories(find_log(tmp_path), workers=0, options=options, progress=sizes.append)
    assert sum(sizes) == summary.size
    log = find_log(tmp_path)
    apart, _ = read_trajectories(log, workers=2, options=options)
    remote, _ = read_trajectories(find_log(f"file://{tmp_path}"), workers=0, options=options)
    for other in (apart, remote):
        assert other.ids == here.ids
        np.testing.assert_array_equal(other.rewards_P_K, here.rewards_P_K)
        np.testing.assert_array_equal(other.samples_P_K_S, here.samples_P_K_S)


def test_importing_lim_loads_neither_torch_nor_a_trainer():
    files = [path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "lim").rglob("*.py"))]
    modules = ", ".join(".".join(path.parts) for path in files if path.stem not in ("__init__", "__main__", "page"))
    assert "lim.recorders.trl" in modules and "lim.recorders.verl" in modules
    heavy = ("torch", "ray", "vllm", "pandas", "trl", "verl", "transformers", "accelerate", "datasets")
    code = f"import {modules}, lim_selection, sys; print(set({heavy}) & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_reading_our_log_does_not_load_pandas(tmp_path):
    # Arrow's to_numpy does where pandas is installed: a third of a second, and 40 MB.
    write_log(tmp_path, {"a": [[0], [1]]}, verdicts=True)
    code = (
        "import sys; from lim.logs.find import find_log; from lim.logs.trajectories import read_trajectories\n"
        f"read_trajectories(find_log({str(tmp_path)!r})); print('pandas' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_any_filesystem_fsspec_knows_will_do(tmp_path):
    import fsspec

    write_log(tmp_path, {"a": [[0], [1]], "b": [[1], [1]]})
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path), "/bucket/run", recursive=True)
    here, _ = read_trajectories(find_log(tmp_path))
    there, summary = read_trajectories(find_log("memory://bucket/run/"))
    np.testing.assert_array_equal(there.rewards_P_K, here.rewards_P_K)
    assert summary.path == "memory://bucket/run/"
    with pytest.raises(InputError, match="memory://bucket/nowhere: no such file or folder"):
        find_log("memory://bucket/nowhere")
    with pytest.raises(InputError, match="no filesystem opens this address"):
        find_log("carrier-pigeon://coop")


@pytest.mark.parametrize(
    ("rewards", "spread"),
    [
        ({"a": [[1, 0, 0], [1, 1, 1]], "b": [[0, 0, 1], [0, 1, 0]]}, 1),  # two values
        ({"a": [[1, -1], [-0.5, -0.5]]}, 2 / (2 + 2 * 0.5 * 1.5)),  # 1 and −1 vary by 2, two of −0.5 not
        ({"a": [[0.2, 0.2], [1, 0]]}, 0.5 / (0.5 + 2 * 0.2 * 0.8)),
        ({"a": [[1], [0]], "b": [[0], [1]]}, 1),
        ({"a": [[1], [-0.5]], "b": [[-1], [1]]}, None),  # single samples say nothing of how samples vary
        ({"a": [[1, 1], [1, 1]]}, None),
    ],
)
def test_spread_is_the_samples_variance_against_that_of_two_ends(tmp_path, rewards, spread):
    _, summary = read_trajectories(find_log(write_log(tmp_path / "log", rewards)))
    assert summary.spread == (None if spread is None else pytest.approx(spread))
    given_rewards = [reward for epochs in rewards.values() for epoch in epochs for reward in epoch]
    assert (summary.min_reward, summary.max_reward) == (min(given_rewards), max(given_rewards))


def test_spread_of_a_step_in_two_files_is_that_of_one(tmp_path):
    rows = [{"prompt": name, "reward": reward} for name, reward in (("a", 1), ("a", -1), ("b", -0.5), ("b", 1))]
    for name, files in (("one", [rows]), ("two", [rows[:2], rows[2:]])):
        for number, part in enumerate(files):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            path = tmp_path / name / f"part_{number}.jsonl"
            path.write_text("".join(json.dumps({**row, "step": step}) + "\n" for step in (1, 2) for row in part))
        options = ReadOptions("reward", columns=Columns(prompt="prompt", step="step"))
        log = find_log(tmp_path / name, "columns", options.columns)
        spread = read_trajectories(log, options=options)[1].spread
        assert spread == pytest.approx((2 + 2 * 0.75**2) / (2 + 2 * 1.25 * 0.75)), name
