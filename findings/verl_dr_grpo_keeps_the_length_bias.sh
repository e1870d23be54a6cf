#!/usr/bin/env bash
# verl's Dr. GRPO (loss_agg_mode=seq-mean-token-sum-norm) has the length bias that it is chosen to remove: with one
# response a micro-batch it is GRPO's loss.
#
# Expected: tokens of short and of long responses weigh the same: the loss is a sum over tokens, over a constant.
#     By the config an unset loss_scale_factor is the length of responses, and by the manual the size of
#     micro-batches is a matter of memory alone.
# Instead: unset, it is the width of the response mask, and the default trainer (use_v1) keeps responses without
#     padding: the width is that of the longest response of the micro-batch. With ppo_micro_batch_size_per_gpu=1 each
#     response is divided by its own length, as in seq-mean-token-mean, to the last digit; with larger or dynamic
#     micro-batches a token's weight depends on its neighbours. The older trainer pads to the maximal length and is
#     right; a run moved to the new one changes its loss. loss_scale_factor set to the maximal length fixes it.
# Seen in: verl 0.9.1, verl.workers.utils.losses.ppo_loss, verl.trainer.ppo.core_algos.agg_loss and
#     verl.workers.engine.fsdp.transformer_impl.FSDPEngine.forward_backward_batch; tensordict 0.10.0, torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 tensordict==0.10.0
# Without its dependencies (Ray, engines): what runs here needs these packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps verl==0.9.1
cd "$dir"
cat > weigh.py <<'PY'
import __future__

import ast
import copy
import enum
import heapq
import typing
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import numpy as np
import torch
from tensordict import TensorDict
from tensordict.tensorclass import NonTensorData, NonTensorStack

print(*(f"{name} {version(name)}" for name in ("verl", "tensordict", "torch")))
torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)


def run(file, names=None, **needed):
    """The definitions of a module (or the named ones), run from its own text: the modules import Ray and engines."""
    space = {**vars(typing), "torch": torch, "F": torch.nn.functional, "np": np, "copy": copy, "heapq": heapq}
    space |= {"Enum": enum.Enum, "TensorDict": TensorDict, "NonTensorData": NonTensorData, "nullcontext": nullcontext}
    space |= {"NonTensorStack": NonTensorStack, "dist": torch.distributed, **needed}
    tree = ast.parse(Path(get_path("purelib"), "verl", file).read_text())
    definitions = ast.ClassDef, ast.FunctionDef
    found = [node for node in (ast.walk(tree) if names else tree.body) if isinstance(node, definitions)]
    found = [node for node in found if not names or node.name in names.split()]
    assert not names or len(found) == len(names.split()), names
    for node in found:
        if names:
            node.decorator_list = []
    lazy = __future__.annotations.compiler_flag  # annotations name what is not imported here
    exec(compile(ast.Module(found, []), file, "exec", lazy), space)
    return SimpleNamespace(**space)


tu = run("utils/tensordict_utils.py")
functional = run("utils/torch_functional.py", "masked_sum masked_mean clip_by_value")
core = run("trainer/ppo/core_algos.py", "agg_loss compute_policy_loss_vanilla", verl_F=functional, AlgoConfig=int)
attention = run("utils/attention_utils.py", "_fallback_unpad_input _fallback_index_first_axis")
first_axis = {
    "unpad_input": attention._fallback_unpad_input,
    "index_first_axis": attention._fallback_index_first_axis,
}
padding = run("workers/utils/padding.py", tu=tu, **first_axis)
Numeric = int | float | torch.Tensor
metric = run("utils/metric/utils.py", Numeric=Numeric, NumericType=Numeric)
losses = run(
    "workers/utils/losses.py",
    "ppo_loss",
    no_padding_2_padding=padding.no_padding_2_padding,
    agg_loss=core.agg_loss,
    get_policy_loss_fn=lambda mode: core.compute_policy_loss_vanilla,
    Metric=metric.Metric,
    AggregationType=metric.AggregationType,
)
balancing = run("utils/seqlen_balancing.py", tu=tu, get_device_name=lambda: "cpu")
split = run(
    "workers/engine/utils.py",
    "prepare_micro_batches",
    tu=tu,
    rearrange_micro_batches=balancing.rearrange_micro_batches,
)
engine = run(
    "workers/engine/fsdp/transformer_impl.py",
    "forward_backward_batch",
    tu=tu,
    get_device_id=lambda: "cpu",
    prepare_micro_batches=split.prepare_micro_batches,
    postprocess_batch_func=lambda **_: None,
)
PROMPT, LENGTHS, LONGEST = 3, [4, 8, 8, 16], 16  # tokens; LONGEST is data.max_response_length


def rows(nested):
    return torch.nested.as_nested_tensor(nested, layout=torch.jagged)


def batch(padded):
    """A mini-batch of responses, each with an advantage of 1: as the older trainer sends it, or the default one."""
    if padded:
        response = torch.tensor([[1] * length + [0] * (LONGEST - length) for length in LENGTHS])
        attention_mask = torch.cat([torch.ones(len(LENGTHS), PROMPT, dtype=torch.int64), response], 1)
        whole = torch.ones_like(attention_mask)
        data = TensorDict({"input_ids": whole, "attention_mask": attention_mask}, len(LENGTHS))
        data.update(
            {"position_ids": attention_mask.cumsum(1), "response_mask": response, "prompts": whole[:, :PROMPT]}
        )
        data.update({"responses": whole[:, PROMPT:], "old_log_probs": 0.0 * response, "advantages": 1.0 * response})
        return padding.left_right_2_no_padding(data)
    ones = [torch.ones(length) for length in LENGTHS]
    fields = {name: rows([one.long() for one in ones]) for name in ("responses", "response_mask", "loss_mask")}
    fields["prompts"] = rows([torch.ones(PROMPT, dtype=torch.int64) for _ in ones])
    fields["input_ids"] = rows([torch.ones(PROMPT + length, dtype=torch.int64) for length in LENGTHS])
    fields |= {"old_log_probs": rows([0 * one for one in ones]), "advantages": rows(ones)}
    return TensorDict(fields, len(LENGTHS))


def weights(mode, factor=None, padded=False, **sizes):
    """Of each response, the weight of one of its tokens in the gradient of a step of the engine."""
    config = SimpleNamespace(loss_agg_mode=mode, loss_scale_factor=factor, policy_loss={}, global_batch_info={})
    vars(config).update(
        clip_ratio=0.2, clip_ratio_low=None, clip_ratio_high=None, use_kl_loss=False, get=lambda *_: 3.0
    )
    data = batch(padded)
    data["row"] = torch.arange(len(LENGTHS))
    tu.assign_non_tensor(data, global_batch_size=len(LENGTHS), **sizes)
    log_probs = torch.zeros(len(LENGTHS), requires_grad=True)  # of each token of a response

    def forward_step(micro_batch, loss_function, forward_only):
        ids = micro_batch["input_ids"]
        of_tokens = log_probs[micro_batch["row"]].repeat_interleave(ids.offsets().diff())
        model_output = {"log_probs": torch.nested.nested_tensor_from_jagged(of_tokens, ids.offsets())}
        return loss_function(config=config, model_output=model_output, data=micro_batch)

    trainer = SimpleNamespace(ulysses_sequence_parallel_size=1, forward_step=forward_step)
    trainer.get_data_parallel_group = lambda: torch.distributed.group.WORLD
    trainer.get_data_parallel_size = lambda: 1
    trainer._gradient_sync_context = lambda **_: nullcontext()
    engine.forward_backward_batch(trainer, data, losses.ppo_loss)
    return (-log_probs.grad / torch.tensor(LENGTHS)).tolist()


DR_GRPO, GRPO = "seq-mean-token-sum-norm", "seq-mean-token-mean"
fixed = {"use_dynamic_bsz": False}
dynamic = {"use_dynamic_bsz": True, "max_token_len_per_gpu": 24}
cases = {
    "constant": ("loss_scale_factor=16", weights(DR_GRPO, LONGEST, **fixed, micro_batch_size_per_gpu=1)),
    "older": ("older trainer, 1 a micro-batch", weights(DR_GRPO, padded=True, **fixed, micro_batch_size_per_gpu=1)),
    "four": ("all in one micro-batch", weights(DR_GRPO, **fixed, micro_batch_size_per_gpu=4)),
    "two": ("2 a micro-batch", weights(DR_GRPO, **fixed, micro_batch_size_per_gpu=2)),
    "dynamic": ("dynamic, 24 tokens a micro-batch", weights(DR_GRPO, **dynamic)),
    "one": ("1 a micro-batch", weights(DR_GRPO, **fixed, micro_batch_size_per_gpu=1)),
    "grpo": (f"{GRPO}, 1 a micro-batch", weights(GRPO, **fixed, micro_batch_size_per_gpu=1)),
}
print(f"weight of a token in responses of {LENGTHS} tokens, all with an advantage of 1; {DR_GRPO}:")
for title, found in cases.values():
    print(f"    {title:36}", *(f"{weight:.5f}" for weight in found))
found = {name: weights for name, (_, weights) in cases.items()}
same = [1 / (len(LENGTHS) * LONGEST)] * len(LENGTHS)
assert found["constant"] == found["older"] == found["four"] == same
assert found["two"] == [1 / 32, 1 / 32, 1 / 64, 1 / 64]
assert len(set(found["dynamic"])) > 1
assert found["one"] == found["grpo"] == [1 / (len(LENGTHS) * length) for length in LENGTHS]
PY
"$dir/venv/bin/python" -W ignore::UserWarning weigh.py 2> log || { tail -n 20 log; exit 1; }
