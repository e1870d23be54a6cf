"""Trainings of the tiny Qwen2 model with two end tokens, on real Ray, OpenRLHF and vLLM."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROBE = ROOT / "tests" / "train" / "trainer_probe.py"
SAMPLES = 4


def make_model(folder: Path) -> list[dict[str, str]]:
    """Write <folder>/model and <folder>/prompts.json; the 24 prompts, with their answers."""
    import torch

    from train.pretrain import two_ends

    torch.set_num_threads(1)
    two_ends.make(folder / "model")
    sums = two_ends.SUMS[1:]
    rows = [{"id": f"p{a}{b}", "prompt": two_ends.question(a, b), "answer": str(a + b)} for a, b in sums]
    (folder / "prompts.json").write_text(json.dumps(rows))
    return rows


def train(folder: Path, *changes: str) -> Path:
    """Train the model on its prompts, a step per epoch; the run's folder. What it started ends with it."""
    command = [
        *(sys.executable, str(PROBE), "launch", "arithmetic-cpu", "run.name=run", f"run.output_dir={folder}"),
        *(f"run.prompt_file={folder / 'prompts.json'}", "run.val_file=null", "run.epoch_prompts=null"),
        *(f"actor.model_name_or_path={folder / 'model'}", "run.warmup_steps=0", "eval.steps=-1"),
        *("actor.adam.lr=1e-4", "critic.adam.lr=1e-4", "rollout.batch_size=24", "rollout.micro_batch_size=16"),
        *(f"rollout.n_samples_per_prompt={SAMPLES}", "train.batch_size=32", "train.micro_batch_size=8"),
        *("rollout.max_new_tokens=20", "data.max_len=64", *changes),
    ]
    with open(folder / "terminal.txt", "w") as terminal:
        run = subprocess.Popen(command, cwd=ROOT, stdout=terminal, stderr=terminal)
    try:
        code = run.wait(timeout=600)
    finally:
        run.terminate()
        run.wait(60)
    assert code == 0, (folder / "terminal.txt").read_text()[-3000:]
    return folder / "run"
