#!/usr/bin/env bash
# An end token given to GRPO in generation_kwargs ends the responses, but TRL does not know it: the padding after it
# is trained on, and the longest response of a batch counts as truncated.
#
# Expected: what comes after the end token is masked, as after the tokenizer's and the model's own, and a response
#     that ended is not truncated. It is how one tells a base model to stop at the chat's <|im_end|>.
# Instead: responses are cut at the end tokens known when the trainer was made. So a short one gets the length of the
#     longest beside it, and its padding is in the loss, in completion_ids (rewards for length) and in mean_length. (A
#     padding that is itself the tokenizer's end token is cut to one.) A response with padding counts as ended, one
#     without, the longest, as truncated, and mask_truncated_completions leaves it out. As text all look right.
# Seen in: TRL 1.16.0, trl.trainer.grpo_trainer, _generate_single_turn and _generate_and_score_completions, generation
#     by transformers 5.15.0. Right: the token in model.generation_config.eos_token_id before the trainer is made.
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
letters = ["_", "<end>", *"abcdefgh."]  # _ is the padding
tokens = Tokenizer(models.WordLevel({letter: at for at, letter in enumerate(letters)}, unk_token="a"))
tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
config = LlamaConfig(vocab_size=len(letters), pad_token_id=0, eos_token_id=1, **size)
STOP = letters.index(".")


def trained_on(known):
    """Train one step on eight responses that end with a full stop or $; what is in the loss, and what is logged."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    if known:
        model.generation_config.eos_token_id = [1, STOP]
    batches = []

    class Watched(GRPOTrainer):
        def _compute_loss(self, model, inputs):
            batches.append({key: inputs[key] for key in ("completion_ids", "completion_mask")})
            return super()._compute_loss(model, inputs)

    trainer = Watched(
        model,
        lambda completions, **_: [float(len(text)) for text in completions],
        args=GRPOConfig(
            output_dir="run",
            max_steps=1,
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=64,
            mask_truncated_completions=True,
            generation_kwargs={"suppress_tokens": [0]} | ({} if known else {"eos_token_id": [1, STOP]}),
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_dict({"prompt": list("abcdefgh")}),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="_", eos_token="<end>"),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    log, (batch,) = trainer.state.log_history[0], batches
    ended = padding = left_out = 0
    print("known to the model:" if known else "in generation_kwargs:", "response, 1 under what is trained on")
    for ids, mask in zip(batch["completion_ids"].tolist(), batch["completion_mask"].tolist()):
        print("   ", "".join(letters[i] if i != 1 else "$" for i in ids))
        print("    " + "".join(map(str, mask)))
        end = next((at for at, i in enumerate(ids) if i in (1, STOP)), None)
        if end is not None:
            ended += 1
            left_out += not any(mask)
            padding += sum(mask[end + 1 :])
    mean, clipped = log["completions/mean_length"], log["completions/clipped_ratio"]
    print(f"    ended {ended}, of these left out {left_out}; padding trained on {padding}; logged {mean=} {clipped=}")
    return ended, left_out, padding, clipped


whole, given = trained_on(known=True), trained_on(known=False)
assert whole == (8, 0, 0, 0.0), whole
assert given[0] == 8 and given[1] > 0 and given[2] > 0 and given[3] > 0, given
PY
HF_HOME="$dir/hf" "$dir/venv/bin/python" train.py 2> log || { tail -n 20 log; exit 1; }
