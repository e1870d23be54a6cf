#!/usr/bin/env bash
# A GRPO run that is resumed in its second pass over the data does not go through the rest of that pass.
#
# Expected: a run resumed from a checkpoint meets the prompts that the uninterrupted run would have met, so every prompt
#     comes once per pass; Trainer skips the batches that were done.
# Instead: it skips as many batches of pass 1's order, since TRL's sampler seeds its generator when it is made and draws
#     one order per pass: a new process starts with the first. In pass 2 some prompts then come twice and others never,
#     and pass 3 has pass 2's order. Rewards logged by prompt and pass (LIM, curricula) are then of other prompts.
# Seen in: TRL 1.16.0, trl.trainer.utils.RepeatSampler; transformers 5.15.0, Trainer.train(resume_from_checkpoint=…).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check trl==1.16.0 transformers==5.15.0 accelerate==1.15.0 datasets==5.2.0
cd "$dir"
cat > train.py <<'PY'
import json
import sys

import torch
from datasets import Dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

out, resume = sys.argv[1], sys.argv[2:]
torch.set_num_threads(1)
torch.manual_seed(0)
letters = ["<pad>", "<end>", *"abcdefghijklmnopqrstuvwxyz"]
tokens = Tokenizer(models.WordLevel({letter: at for at, letter in enumerate(letters)}, unk_token="a"))
tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
config = LlamaConfig(vocab_size=len(letters), pad_token_id=0, eos_token_id=1, **size)
seen = open(out, "w", buffering=1)


def reward(prompts, completions, **_):
    seen.write(json.dumps(prompts[::2]) + "\n")  # two completions of each prompt
    return [float(len(text)) for text in completions]


trainer = GRPOTrainer(
    LlamaForCausalLM(config),
    reward,
    args=GRPOConfig(
        output_dir="run",
        num_train_epochs=3,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=1,
        num_generations=2,
        max_completion_length=4,
        save_strategy="steps",
        save_steps=6,  # the middle of pass 2: eight prompts, two per step
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    ),
    train_dataset=Dataset.from_dict({"prompt": list("abcdefgh")}),
    processing_class=PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", eos_token="<end>"),
)
trainer.train(resume_from_checkpoint=resume[0] if resume else None)
PY
"$dir/venv/bin/python" train.py whole.jsonl > whole.log 2>&1 || { cat whole.log; exit 1; }
"$dir/venv/bin/python" train.py resumed.jsonl run/checkpoint-6 > resumed.log 2>&1 || { cat resumed.log; exit 1; }
"$dir/venv/bin/python" - <<'PY'
import json
from importlib.metadata import version

print(*(f"{name} {version(name)}" for name in ("trl", "transformers", "accelerate", "torch")))


def passes(*steps):
    """Prompts by pass: four steps of two prompts each."""
    return ["".join(map("".join, steps[at : at + 4])) for at in range(0, 12, 4)]


whole, resumed = ([json.loads(line) for line in open(f"{name}.jsonl")] for name in ("whole", "resumed"))
assert len(whole) == 12 and len(resumed) == 6  # both train 12 steps; the second starts after step 6
one, two = passes(*whole), passes(*whole[:6], *resumed)
print("uninterrupted, passes 1 to 3:", *one)
print("resumed after step 6:        ", *two)
assert all(sorted(order) == list("abcdefgh") for order in one)
assert two[1][4:] == one[0][4:] and two[1] != one[1], "the rest of pass 2 is no longer the rest of pass 1"
assert two[2] == one[1], "pass 3 no longer has the order of pass 2"
missing = set("abcdefgh") - set(two[1])
print("never in pass 2 of the resumed run:", *sorted(missing))
assert missing
PY
