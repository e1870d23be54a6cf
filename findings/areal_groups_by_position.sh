#!/usr/bin/env bash
# AReaL normalises rewards over rows 1 to n, n + 1 to 2n and so on: after one rejected trajectory all later groups mix
# the responses to two questions, and the rows left over get advantages of 100,000.
#
# Expected: a group is the responses to one question; if one is rejected (its workflow returned None), the others are
#     the group. The batch is a list with one entry a question, which knows how many rows each has.
# Instead: group_size rows at a time are a group, wherever a question ends. Rows after the last whole group keep a
#     mean and a standard deviation of 0, so their reward is divided by eps = 1e-5. Normalised over the batch as well,
#     all other rows, right or wrong, then have one and the same advantage. The only word is the warning of the
#     rejection, "using remaining results".
# Seen in: AReaL 1.0.4, areal.utils.data.Normalization in areal.trainer.ppo.actor.PPOActor.compute_advantages;
#     torch 2.13.0. Groups that stay below group_size: areal.infra.remote_inf_engine.GroupedRolloutWorkflow.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps areal==1.0.4
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
import copy
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

print("areal", version("areal"), "torch", torch.__version__)
# Its modules import Ray, servers and loggers; what is needed of them runs with torch alone and from their own text.
space = {"torch": torch, "F": torch.nn.functional, "dist": torch.distributed, "np": np, "copy": copy, "Any": Any}
space |= {"Callable": Callable, "dataclass": dataclass, "NormConfig": object}


def parse(file):
    return ast.parse((Path(get_path("purelib"), "areal") / file).read_text()).body


def run(nodes, names):
    """Run the named definitions, without decorators that log."""
    found = [node for node in nodes if getattr(node, "name", "") in names.split()]
    for node in found:
        node.decorator_list = [use for use in node.decorator_list if isinstance(use, ast.Name)]
    exec(compile(ast.Module(found, []), "areal", "exec"), space)


run(
    parse("utils/data.py"),
    "Normalization KLEstimator TrajBatchMeta get_batch_size is_multi_modal_key _pad_cat_dim0 concat_padded_tensors"
    " concat_batch _unpad_splits split_and_unpad_tensor split_batch batched_call",
)
actor_class = next(node for node in parse("trainer/ppo/actor.py") if getattr(node, "name", "") == "PPOActor")
run(actor_class.body, "compute_advantages _compute_advantages")


def normalization(**config):
    return space["Normalization"](SimpleNamespace(**config, mean_leave1out=False, std_unbiased=True, eps=1e-5))


by_group = normalization(mean_level="group", std_level="group", group_size=4)
by_batch = normalization(mean_level="batch", std_level="batch", group_size=1)
settings = SimpleNamespace(overlong_reward_penalty=False, use_decoupled_loss=False, recompute_logprob=False)


def advantages(*rewards, adv_norm=None):
    """One advantage a response, for lists of rewards a question; two tokens of prompt, three of response."""
    actor = SimpleNamespace(config=settings, reward_bias=0, reward_scaling=1, reward_clip=20, reward_norm=by_group)
    vars(actor).update(adv_norm=adv_norm, kl_ctl=0.0, kl_estimator=space["KLEstimator"]("k1"), discount=1.0)
    vars(actor).update(gae_lambda=1.0, mask_no_eos_with_zero=False)
    actor._compute_advantages = lambda data: space["_compute_advantages"](actor, data)
    batch = []
    for group in rewards:
        ones = torch.ones(len(group), 5)
        response = torch.tensor([0, 0, 1, 1, 1]).expand(len(group), 5)
        tokens = {"input_ids": ones.long(), "attention_mask": ones.long(), "loss_mask": response}
        batch.append(tokens | {"logprobs": 0 * ones, "rewards": torch.tensor(group)})
    done = space["compute_advantages"](actor, batch)
    return [[round(x, 3) for x in data["advantages"][:, 1].tolist()] for data in done]


first, others = [1.0, 0.0, 0.0, 0.0], ([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0])
whole, less = advantages(first, *others), advantages(first[:3], *others)
print("rewards of three questions:      ", first, *others)
print("advantages:                      ", *whole)
print("the first's last one is rejected:", *less)
print("with adv_norm over the batch too:", *advantages(first[:3], *others, adv_norm=by_batch))
assert whole == [[1.5, -0.5, -0.5, -0.5], [0.5, 0.5, 0.5, -1.5], [-0.5, -0.5, -0.5, 1.5]], whole
assert less[0] == [0.866, -0.866, -0.866], less  # its own would be 1.155, -0.577, -0.577
assert less[1] == [0.866, 0.866, 0.866, -0.866], less
assert less[2][:3] == [-0.866, 0.0, 0.0] and abs(less[2][3] - 100_000) < 1, less
PY
