"""A Qwen2 model whose eos is not the token that ends its turn, in training and in evaluation, on real vLLM."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import two_ends_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """The model, its prompts and the same as a benchmark."""
    folder = tmp_path_factory.mktemp("world")
    rows = two_ends_run.make_model(folder)
    questions = [{"question": row["prompt"], **row} for row in rows]
    (folder / "arithmetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return folder


def test_responses_end_where_the_turn_does(world):
    folder = two_ends_run.train(world, "run.epochs=1", "ckpt.save_steps=-1")
    probe = json.loads((folder / "probe.jsonl").read_text())
    events = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    (step,) = [event for event in events if event["event"] == "step"]
    rows = pq.read_table(folder / "step_1.parquet").to_pylist()
    assert len(rows) == 24 * two_ends_run.SAMPLES
    cut_off = sum(row["verdict"] == "truncated" for row in rows)
    # The model's eos never comes: without the turn's end every response would be cut off, and its reward -1.
    assert cut_off < len(rows) / 4
    assert (probe["ended"], probe["written_on"]) == (len(rows) - cut_off, 0)
    assert step["end/im_end"] == pytest.approx(1 - cut_off / len(rows))
    assert "end/endoftext" not in step
    assert sum(row["verdict"] == "correct" for row in rows) > len(rows) / 4
    assert all((row["reward"] == 1.0) == (row["verdict"] == "correct") for row in rows)
    config = json.loads((folder / "final" / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1_000_000


@pytest.mark.parametrize(("stop_at", "reason"), [("end_tokens", "stop"), ("eos", "length")])
def test_an_evaluation_ends_where_the_turn_does_or_as_the_releases(world, tmp_path, stop_at, reason):
    command = [
        *(sys.executable, "-m", "eval.eval", "--model", str(world / "model"), "--benchmarks", "arithmetic-greedy"),
        *("--data_dir", str(world), "--output_path", str(tmp_path), "--max_new_tokens", "30", "--stop_at", stop_at),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in (tmp_path / "arithmetic-greedy.jsonl").read_text().splitlines()]
    assert {row["finish_reason"] for row in rows} == {reason}
    accuracy = json.loads((tmp_path / "results.json").read_text())["benchmarks"]["arithmetic-greedy"]["accuracy"]
    # What it writes after its turn is another question and answer.
    assert accuracy["value"] > 0.5 if stop_at == "end_tokens" else accuracy["value"] < 0.4
