"""As on GPUs, without one: ZeRO-3 over two ranks per model with gradient checkpointing, saved and resumed, on a Qwen2
model whose eos is not the token that ends its turn; then its evaluation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1400)]
ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name("trainer_probe.py")
SAMPLES = 4


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """The model, its prompts and the same as a benchmark."""
    import torch

    from train.pretrain import two_ends

    folder = tmp_path_factory.mktemp("world")
    torch.set_num_threads(1)
    two_ends.make(folder / "model")
    sums = two_ends.SUMS[1:]
    rows = [{"id": f"p{a}{b}", "prompt": two_ends.question(a, b), "answer": str(a + b)} for a, b in sums]
    (folder / "prompts.json").write_text(json.dumps(rows))
    questions = [{"question": row["prompt"], **row} for row in rows]
    (folder / "arithmetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    return folder


def train(world: Path, *changes: str) -> str:
    """Run the training to its end; its terminal output."""
    both = [f"{role}.num_gpus_per_node=2" for role in ("actor", "critic", "ref")]
    command = [
        *(sys.executable, str(PROBE), "launch", "arithmetic-cpu", "run.name=run", f"run.output_dir={world}"),
        *(f"run.prompt_file={world / 'prompts.json'}", "run.val_file=null", "run.epoch_prompts=null"),
        *(f"actor.model_name_or_path={world / 'model'}", "run.warmup_steps=0", *both),
        *("ds.zero_stage=3", "actor.gradient_checkpointing_enable=true", "actor.adam.lr=1e-4", "critic.adam.lr=1e-4"),
        *("rollout.batch_size=24", f"rollout.n_samples_per_prompt={SAMPLES}", "rollout.micro_batch_size=16"),
        *("train.batch_size=32", "train.micro_batch_size=8", "rollout.max_new_tokens=20", "data.max_len=64"),
        *("ckpt.save_steps=1", "eval.steps=-1", "algo.advantage.is_correction_level=token", *changes),
    ]
    with open(world / "terminal.txt", "w") as terminal:
        run = subprocess.Popen(command, cwd=ROOT, stdout=terminal, stderr=terminal)
    try:
        code = run.wait(timeout=600)
    finally:
        run.terminate()  # ends what it started, too
        run.wait(60)
    text = (world / "terminal.txt").read_text()
    assert code == 0, text[-3000:]
    return text


def test_a_run_of_two_ranks_resumes_and_its_responses_end_where_the_turn_does(world):
    train(world, "run.epochs=1")
    assert "resuming after step 1" in train(world, "run.epochs=2", "run.resume=true")
    folder = world / "run"
    probes = {probe["step"]: probe for probe in map(json.loads, (folder / "probe.jsonl").read_text().splitlines())}
    events = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    steps = {event["step"]: event for event in events if event["event"] == "step"}
    assert probes.keys() == steps.keys() == {1, 2}
    for step, probe in probes.items():
        rows = pq.read_table(folder / f"step_{step}.parquet").to_pylist()
        assert len(rows) == 24 * SAMPLES
        cut_off = sum(row["verdict"] == "truncated" for row in rows)
        # The model's eos never comes: without the turn's end every response would be cut off, and its reward -1.
        assert cut_off < len(rows) / 4
        assert (probe["ended"], probe["written_on"]) == (len(rows) - cut_off, 0)
        assert steps[step]["end/im_end"] == pytest.approx(1 - cut_off / len(rows))
        assert "end/endoftext" not in steps[step]
        assert sum(row["reward"] for row in rows) / len(rows) > 0.25
        assert all((row["reward"] == 1.0) == (row["verdict"] == "correct") for row in rows)
        assert not any("<|im_end|>" in row["response"] or "user" in row["response"] for row in rows)
        assert probe["vllm_kl"] < 1e-2
    assert probes[1]["engine_sums"] != probes[2]["engine_sums"]
    the_final_model_is_the_engines(folder, probes[2]["engine_sums"][0])


def the_final_model_is_the_engines(folder: Path, total: float) -> None:
    from safetensors.torch import load_file

    weights = load_file(folder / "final" / "model.safetensors")
    assert sum(weight.double().abs().sum().item() for weight in weights.values()) == pytest.approx(total, rel=1e-9)
    config = json.loads((folder / "final" / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1_000_000


@pytest.mark.parametrize(("stop_at", "reason"), [("end_tokens", "stop"), ("eos", "length")])
def test_an_evaluation_ends_where_the_turn_does_or_as_the_releases(world, tmp_path, stop_at, reason):
    command = [
        *(sys.executable, "-m", "eval.eval", "--model", str(world / "model"), "--benchmarks", "arithmetic-greedy"),
        *("--data_dir", str(world), "--output_path", str(tmp_path), "--max_new_tokens", "30", "--stop_at", stop_at),
    ]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in (tmp_path / "arithmetic-greedy.jsonl").read_text().splitlines()]
    assert {row["finish_reason"] for row in rows} == {reason}
    accuracy = json.loads((tmp_path / "results.json").read_text())["benchmarks"]["arithmetic-greedy"]["accuracy"]
    # What it writes after its turn is another question and answer.
    assert accuracy > 60 if stop_at == "end_tokens" else accuracy < 40
