#!/usr/bin/env bash
# GRPO's logged share of groups without a signal, frac_reward_zero_std, is 0 in TRL where rewards are scaled by the
# batch, though no response has an advantage.
#
# Expected: the share of responses in groups whose rewards are all equal; by it one sees that questions are too easy
#     or too hard, and chooses others. How advantages are scaled has no part in it.
# Instead: it asks whether the standard deviation used for scaling is 0. With scale_rewards="batch", and with
#     multi_objective_aggregation="normalize_then_sum" of several rewards, that is one number for the batch: the share
#     is 0, or 1 where all rewards of the batch are equal. A run that learns from no question looks like one that
#     learns from each. ms-swift's metric of this name is of groups.
# Seen in: TRL 1.16.0, trl.trainer.grpo_trainer, GRPOTrainer._generate_and_score_completions; transformers 5.15.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    trl==1.16.0 transformers==5.15.0 accelerate==1.15.0 datasets==5.2.0
cd "$dir"
cat > train.py <<'PY'
from importlib.metadata import version

import torch
from datasets import Dataset
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, PrinterCallback
from trl import GRPOConfig, GRPOTrainer

torch.set_num_threads(1)
print(*(f"{name} {version(name)}" for name in ("trl", "transformers", "torch")))
letters = ["<pad>", "<end>", *"abcd"]
tokens = Tokenizer(models.WordLevel({letter: at for at, letter in enumerate(letters)}, unk_token="a"))
tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
config = LlamaConfig(vocab_size=len(letters), pad_token_id=0, eos_token_id=1, **size)


def easy_or_hard(prompts, **_):
    """Two questions are always answered right, two never."""
    return [float(prompt in "ab") for prompt in prompts]


def one_mixed(prompts, **_):
    """As before, but every other response to the last question is right."""
    return [float(prompt in "ab" or prompt == "d" and at % 2) for at, prompt in enumerate(prompts)]


def one_step(rewards, **options):
    """Train one step on four responses to each of four questions; the logged share and the true one."""
    torch.manual_seed(0)
    batches = []

    class Watched(GRPOTrainer):
        def _compute_loss(self, model, inputs):
            batches.append(inputs["advantages"])
            return super()._compute_loss(model, inputs)

    trainer = Watched(
        LlamaForCausalLM(config),
        rewards,
        args=GRPOConfig(
            output_dir="run",
            max_steps=1,
            per_device_train_batch_size=16,
            num_generations=4,
            max_completion_length=4,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
            **options,
        ),
        train_dataset=Dataset.from_dict({"prompt": list("abcd")}),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", eos_token="<end>"),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    (advantages,), logged = batches, trainer.state.log_history[0]["frac_reward_zero_std"]
    # of a group without a signal all responses have the same advantage, 0 but for a rounding
    dead = (advantages.abs() < 1e-6).float().mean().item()
    names = "+".join(reward.__name__ for reward in rewards)
    print(f"{names:25} {next(iter(options.values()), 'group'):20} advantage 0: {dead:.2f}  logged: {logged:.2f}")
    return dead, logged


batch, summed = {"scale_rewards": "batch"}, {"multi_objective_aggregation": "normalize_then_sum"}
for options in {}, {"scale_rewards": "none"}:  # these are right
    assert one_step([easy_or_hard], **options) == (1.0, 1.0)
    assert one_step([one_mixed], **options) == (0.75, 0.75)
assert one_step([easy_or_hard], **batch) == (1.0, 0.0)
assert one_step([one_mixed], **batch) == (0.75, 0.0)
assert one_step([easy_or_hard, one_mixed], **summed) == (0.75, 0.0)
PY
HF_HOME="$dir/hf" "$dir/venv/bin/python" train.py 2> log || { tail -n 20 log; exit 1; }
