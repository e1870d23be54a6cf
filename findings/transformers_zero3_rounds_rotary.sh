#!/usr/bin/env bash
# Under ZeRO-3 a model has other rotary positions than without: their frequencies are rounded to bf16 when it is loaded.
#
# Expected: from_pretrained(…, dtype=bfloat16) gives the same model with and without ZeRO-3; inv_freq is float32 in both, as
#     in vLLM and other engines.
# Instead: under ZeRO-3 the model is built within deepspeed.zero.Init, which makes new tensors bf16, inv_freq among them, and
#     what is computed later is copied into that. Frequencies are off by up to 0.4 %, so the angle at position 4,000
#     by radians. Nothing is raised: a trainer's log-probabilities of late tokens are not those of the engine that
#     generated them, and of the same checkpoint under ZeRO-2.
# Seen in: transformers 5.15.0, modeling_utils (_init_weights of RotaryEmbedding), with deepspeed 0.19.6, zero.Init.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 setuptools==77.0.3 wheel==0.48.0
DS_BUILD_OPS=0 "$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-build-isolation deepspeed==0.19.6 \
    transformers==5.15.0 accelerate==1.15.0
cd "$dir"
cat > rotary.py <<'PY'
import deepspeed
import torch
import transformers
from transformers.integrations import HfDeepSpeedConfig

size = {"vocab_size": 64, "hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
config = transformers.Qwen2Config(**size, num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.1)
torch.manual_seed(0)
transformers.Qwen2ForCausalLM(config).save_pretrained("model")
tokens = torch.randint(64, (1, 2048), generator=torch.Generator().manual_seed(1))


def load_and_run():
    model = transformers.AutoModelForCausalLM.from_pretrained("model", dtype=torch.bfloat16).eval()
    with torch.no_grad(), deepspeed.zero.GatheredParameters(list(model.parameters())):
        log_probs = model(tokens).logits.float().log_softmax(-1)[0]
    return model.model.rotary_emb.inv_freq, log_probs


exact, log_probs = load_and_run()
deepspeed.init_distributed("gloo", verbose=False)
zero3 = {"train_micro_batch_size_per_gpu": 1, "zero_optimization": {"stage": 3}, "bf16": {"enabled": True}}
keep = HfDeepSpeedConfig(zero3)
rounded, others = load_and_run()
print(f"transformers {transformers.__version__}, deepspeed {deepspeed.__version__}, torch {torch.__version__}")
print(f"inv_freq: {exact.dtype} without ZeRO-3, {rounded.dtype} with it; off by up to {(rounded.float() / exact - 1).abs().max():.2%}")
print(f"largest error of an angle at position 4,000: {(4000 * (rounded.float() - exact)).abs().max():.2f} radians")
apart = (log_probs - others).abs().amax(dim=-1)
print(f"largest difference of a log-probability, tokens 1-16 / 1,985-2,048: {apart[:16].max():.4f} / {apart[-64:].max():.4f}")
assert exact.dtype == torch.float32 and rounded.dtype == torch.bfloat16, "the behaviour has changed"
PY
DS_ACCELERATOR=cpu RANK=0 WORLD_SIZE=1 LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 MASTER_PORT=29533 PATH="$dir/venv/bin:$PATH" \
    "$dir/venv/bin/python" rotary.py 2> log || { tail -n 20 log; exit 1; }
