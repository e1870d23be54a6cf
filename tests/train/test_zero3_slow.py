"""ZeRO-3 over two ranks for each model, as all recipes for GPUs have it: a run, its checkpoint and its resume."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name("trainer_probe.py")


def train(folder: Path, *more: str) -> None:
    command = [
        *(sys.executable, str(PROBE), "launch", "arithmetic-cpu", "run.name=run", f"run.output_dir={folder}"),
        *(f"run.prompt_file={folder / 'prompts.json'}", "run.val_file=null", "run.epoch_prompts=null"),
        *(f"actor.model_name_or_path={folder / 'model'}", "run.warmup_steps=0", *more),
        *("actor.adam.lr=1e-4", "critic.adam.lr=1e-4", "rollout.batch_size=24", "rollout.micro_batch_size=16"),
        *("rollout.n_samples_per_prompt=4", "rollout.max_new_tokens=20", "data.max_len=64", "eval.steps=-1"),
        *(
            "train.batch_size=32",
            "train.micro_batch_size=8",
            "ckpt.save_steps=1",
            "algo.advantage.is_correction_level=token",
        ),
        *("ds.zero_stage=3", "actor.gradient_checkpointing_enable=true", "actor.num_gpus_per_node=2"),
        *("critic.num_gpus_per_node=2", "ref.num_gpus_per_node=2"),
    ]
    with open(folder / "terminal.txt", "w") as terminal:
        run = subprocess.Popen(command, cwd=ROOT, stdout=terminal, stderr=terminal)
    try:
        code = run.wait(timeout=600)
    finally:
        run.terminate()  # ends what it started, too
        run.wait(60)
    assert code == 0, (folder / "terminal.txt").read_text()[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_a_qwen2_model_trains_and_resumes(tmp_path):
    """Its attention has biases: each is gathered beside a weight, which Llama's layers do not have."""
    import torch

    from train.pretrain import two_ends

    torch.set_num_threads(1)
    two_ends.make(tmp_path / "model")
    rows = [{"id": f"p{a}{b}", "prompt": two_ends.question(a, b), "answer": str(a + b)} for a, b in two_ends.SUMS[1:]]
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    train(tmp_path, "run.epochs=1")
    train(tmp_path, "run.epochs=2", "run.resume=true")
    run = tmp_path / "run"
    assert "resuming after step 1" in (run / "progress.jsonl").read_text()
    probe = [json.loads(line) for line in (run / "probe.jsonl").read_text().splitlines()]
    assert [line["step"] for line in probe] == [1, 2]
    # Trainer and vLLM agree on the probabilities: in the first step both have the model as it was saved.
    assert all(abs(line["vllm_kl"]) < 5e-3 for line in probe)
    for step in (1, 2):
        verdicts = pq.read_table(run / f"step_{step}.parquet")["verdict"].to_pylist()
        assert len(verdicts) == 96 and verdicts.count("correct") > 30
    assert (run / "ckpt" / "global_step2_hf" / "model.safetensors").is_file()
