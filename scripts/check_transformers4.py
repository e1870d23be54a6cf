"""Check that models saved by this project load in transformers 4 as they do in 5: weights, positions, tokenizer.

    python3 -m venv /tmp/tf4 && /tmp/tf4/bin/pip install torch==2.13.0 'transformers<5'
    .venv/bin/python scripts/check_transformers4.py /tmp/tf4/bin/python [MODEL_FOLDER …]

Makes a Qwen2 model with a rope_theta of 1,000,000, one with YaRN, and a Llama with the embedded tokenizer; folders
given are checked, too. Prints a line per model; exit code 1 where logits, tokens or texts differ.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = "What is $12 + 7$?"
PROBE = f"""
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, __version__
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).float().eval()
chat = [{{"role": "user", "content": {TEXT!r}}}]
text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
ids = tokenizer(text, add_special_tokens=False)["input_ids"]
with torch.no_grad():
    logits = model(torch.arange(96).remainder(model.config.vocab_size)[None]).logits.double()
facts = {{"text": text, "ids": ids, "decoded": tokenizer.decode(ids), "logits": logits[0].flatten()[::97].tolist()}}
print(json.dumps({{"version": __version__, **facts}}))
"""


def make(folder: Path) -> list[Path]:
    """Three model folders, with what a run writes into them."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    from train.ppo.checkpoints import write_former_names
    from train.pretrain import tokenizer, two_ends

    size = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
    }
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "rope_theta": 1e6}
    qwen, embedded = two_ends.build_tokenizer(), tokenizer.build()
    theta = {"rope_type": "default", "rope_theta": 1e6}
    torch.manual_seed(0)
    models = {
        "qwen2": (Qwen2ForCausalLM(Qwen2Config(vocab_size=len(qwen), rope_parameters=theta, **size)), qwen),
        "qwen2-yarn": (Qwen2ForCausalLM(Qwen2Config(vocab_size=len(qwen), rope_parameters=yarn, **size)), qwen),
        "llama": (LlamaForCausalLM(LlamaConfig(vocab_size=len(embedded), **size)), embedded),
    }
    for name, (model, saved) in models.items():
        model.save_pretrained(folder / name)
        saved.save_pretrained(folder / name)
        write_former_names(folder / name)
    return [folder / name for name in models]


def probe(python: str, model: Path) -> dict:
    environment = {**os.environ, "DS_ACCELERATOR": "cpu"}
    command = [python, "-c", PROBE, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        return {"version": "?", "failed": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    other, *given = sys.argv[1:] or sys.exit(__doc__)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for model in [*make(Path(folder)), *map(Path, given)]:
            here, there = probe(sys.executable, model), probe(other, model)
            unlike = [
                key for key in here.keys() | there.keys() if key != "version" and here.get(key) != there.get(key)
            ]
            if unlike == ["logits"]:
                furthest = max(abs(a - b) for a, b in zip(here["logits"], there["logits"], strict=True))
                unlike = ["logits"] if furthest > 1e-4 else []
            verdict = "alike" if not unlike else f"differ in {', '.join(sorted(unlike))} {there.get('failed', '')}"
            print(f"{model.name}: transformers {here['version']} and {there['version']}: {verdict}")
            bad += bool(unlike)
    return int(bad > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
