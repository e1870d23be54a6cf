#!/usr/bin/env bash
# ZeRO-3 over two ranks on CPUs: a weight that is loaded beside a bias is overwritten with memory never written.
#
# Expected: inside GatheredParameters(…, modifier_rank=0), the way from_pretrained loads under ZeRO-3, all parameters are
#     gathered; what rank 0 writes is broadcast to the others and kept.
# Instead: the parameters' all-gathers are started one after another and only the last one is waited for. NCCL's stream
#     has then done the others; gloo has not: a large weight's gather ends after the small bias's, over the loaded
#     values. A module with a weight alone (Llama's attention) is right, one with a bias (Qwen2's q, k and v) is not.
#     Nothing is raised; a training shows NaN, or learns nothing.
# Seen in: deepspeed 0.19.6, deepspeed.runtime.zero.partition_parameters.Init._allgather_params_coalesced; torch 2.13.0, gloo.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 setuptools==77.0.3 wheel==0.48.0
DS_BUILD_OPS=0 "$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-build-isolation deepspeed==0.19.6 ninja==1.13.0
cd "$dir"
cat > load.py <<'PY'
import deepspeed
import torch

deepspeed.init_distributed("gloo", verbose=False)
first = torch.distributed.get_rank() == 0
config = {"train_micro_batch_size_per_gpu": 1, "zero_optimization": {"stage": 3}, "bf16": {"enabled": True}}
wrong = {}
for bias in (False, True):
    wrong[bias] = 0
    for attempt in range(10):
        with deepspeed.zero.Init(config_dict_or_path=config):
            layer = torch.nn.Linear(2048, 2048, bias=bias)
        saved = torch.full((2048, 2048), attempt + 1.0)
        with deepspeed.zero.GatheredParameters(list(layer.parameters()), modifier_rank=0):
            if first:
                layer.weight.data.copy_(saved)
        with deepspeed.zero.GatheredParameters([layer.weight]):
            wrong[bias] += not torch.equal(layer.weight.data.float(), saved)
if first:
    print(f"deepspeed {deepspeed.__version__}, torch {torch.__version__}", flush=True)
    print(f"weights that are not what was loaded: {wrong[False]} of 10 alone, {wrong[True]} of 10 beside a bias", flush=True)
    with open("found", "w") as file:
        file.write(f"{wrong[False] == 0 and wrong[True] > 0}")
PY
DS_ACCELERATOR=cpu PATH="$dir/venv/bin:$PATH" "$dir/venv/bin/python" -m torch.distributed.run --nproc_per_node 2 --standalone load.py 2> log ||
    { tail -n 20 log; exit 1; }
[ "$(cat found)" = True ] || { echo "the behaviour has changed"; exit 1; }
