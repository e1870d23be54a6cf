#!/usr/bin/env bash
# GRPO on fewer prompts than a generation batch holds ends as if it had trained, without a step.
#
# Expected: the one batch that is not full is used, or there is an error; train() returns after max_steps steps.
# Instead: TRL's sampler has no batch at all. Without max_steps this is a ValueError that asks for max_steps. With
#     max_steps train() returns at once: nothing is generated, the reward function is never called, no weight changes,
#     and the metrics have a loss of 0 and thousands of steps per second. One warning speaks of an IterableDataset.
#     A generation batch has per_device_train_batch_size × gradient_accumulation_steps × processes / num_generations
#     prompts, so this meets who trains again on the few prompts that were selected, with the settings of the first run.
# Seen in: TRL 1.16.0, trl.trainer.utils.RepeatSampler; transformers 5.15.0, Trainer.set_initial_training_values.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check trl==1.16.0 transformers==5.15.0 accelerate==1.15.0 datasets==5.2.0
cd "$dir"
cat > train.py <<'PY'
from importlib.metadata import version

import torch
from datasets import Dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

PER_BATCH = 16  # prompts: 8 completions on the device × 8 accumulated / 4 completions per prompt
letters = ["<pad>", "<end>", *"abcdefghijklmnopqrstuvwxyz"]
tokens = Tokenizer(models.WordLevel({letter: at for at, letter in enumerate(letters)}, unk_token="a"))
tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", eos_token="<end>")
size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def train(prompts, **length):
    """(metrics, optimiser steps, completions that were scored, whether a weight changed)"""
    scored = []

    def reward(completions, **_):
        scored.extend(completions)
        return [float(len(text)) for text in completions]

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(letters), pad_token_id=0, eos_token_id=1, **size))
    before = [weight.detach().clone() for weight in model.parameters()]
    args = GRPOConfig(
        output_dir="run",
        per_device_train_batch_size=8,
        gradient_accumulation_steps=8,
        num_generations=4,
        max_completion_length=4,
        learning_rate=0.01,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        **length,
    )
    data = Dataset.from_dict({"prompt": list("abcdefghijklmnopqrstuvwxyz"[:prompts])})
    trainer = GRPOTrainer(model, reward, args=args, train_dataset=data, processing_class=tokenizer)
    metrics = trainer.train().metrics
    changed = any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    return metrics, trainer.state.global_step, len(scored), changed


print(*(f"{name} {version(name)}" for name in ("trl", "transformers", "accelerate", "torch")), sep=", ")
full = train(PER_BATCH, max_steps=3)
few = train(PER_BATCH - 1, max_steps=3)
for prompts, (metrics, steps, scored, changed) in ((PER_BATCH, full), (PER_BATCH - 1, few)):
    print(
        f"{prompts} prompts, max_steps=3: {steps} steps, {scored} completions scored, weights "
        f"{'changed' if changed else 'unchanged'}, train_loss {metrics['train_loss']:.4f}, "
        f"train_steps_per_second {metrics['train_steps_per_second']:.1f}"
    )
try:
    train(PER_BATCH - 1, num_train_epochs=3)
    raised = ""
except ValueError as error:
    raised = str(error)
print(f"{PER_BATCH - 1} prompts, num_train_epochs=3: {raised or 'no error'}")
assert full[1:] == (3, 3 * PER_BATCH * 4, True), full
assert few[1:] == (0, 0, False) and few[0]["train_loss"] == 0 and few[0]["train_steps_per_second"] > 100, few
assert "max_steps must be set" in raised
print("as described: no step, no error")
PY
"$dir/venv/bin/python" train.py 2> train.log || { cat train.log; exit 1; }
grep -o "There seems not to be.*" train.log
