"""ZeRO-3 over two ranks for each model, as all recipes for GPUs have it: a run, its checkpoint and its resume."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
import two_ends_run

RANKS = [f"{role}.num_gpus_per_node=2" for role in ("actor", "critic", "ref")]


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_a_qwen2_model_trains_and_resumes(tmp_path):
    """Its attention has biases: each is gathered beside a weight, which Llama's layers do not have."""
    two_ends_run.make_model(tmp_path)
    settings = ["ds.zero_stage=3", "actor.gradient_checkpointing_enable=true", *RANKS, "ckpt.save_steps=1"]
    settings.append("algo.advantage.is_correction_level=token")
    two_ends_run.train(tmp_path, *settings, "run.epochs=1")
    run = two_ends_run.train(tmp_path, *settings, "run.epochs=2", "run.resume=true")
    assert "resuming after step 1" in (run / "progress.jsonl").read_text()
    probe = [json.loads(line) for line in (run / "probe.jsonl").read_text().splitlines()]
    assert [line["step"] for line in probe] == [1, 2]
    # Trainer and vLLM agree on the probabilities.
    assert all(abs(line["vllm_kl"]) < 5e-3 for line in probe)
    for step in (1, 2):
        verdicts = pq.read_table(run / f"step_{step}.parquet")["verdict"].to_pylist()
        # The model gets nine of ten right as it was made, on any processor; damaged weights get none.
        assert len(verdicts) == 96 and verdicts.count("correct") > 48
    assert (run / "ckpt" / "global_step2_hf" / "model.safetensors").is_file()
