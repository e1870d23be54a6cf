#!/usr/bin/env bash
# AReaL takes the longest sequence of a batch for truncated and no other: where truncated responses are to lose their
# reward, it loses its own, however it ended, and the logged share of responses without an end is of something else.
#
# Expected: mask_no_eos_with_zero drops the reward of the responses that have no end-of-sequence token or reached
#     max_new_tokens, and no_eos_ratios is their share.
# Instead: both ask whether prompt + response is as long as the padded batch. So the longest one counts always, though
#     it ended and is right; one cut at max_new_tokens counts only if its prompt is as long as the longest's; and the
#     same response counts or not by what else is in the batch.
# Seen in: AReaL 1.0.4, areal.trainer.ppo.actor.PPOActor, compute_advantages and ppo_update; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps areal==1.0.4
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace
from typing import Any

import torch

print("areal", version("areal"), "torch", torch.__version__)
# Its modules import Ray, servers and loggers; what is needed of them runs with torch alone and from their own text.
space = {"torch": torch, "Any": Any}


def parse(file):
    return ast.parse((Path(get_path("purelib"), "areal") / file).read_text()).body


def named(nodes, name):
    return next(node for node in nodes if getattr(node, "name", "") == name)


def run(*definitions):
    exec(compile(ast.Module([*definitions], []), "areal", "exec"), space)


actor_class = named(parse("trainer/ppo/actor.py"), "PPOActor").body
run(named(parse("utils/data.py"), "KLEstimator"), named(actor_class, "_compute_advantages"))
# The logged ratio is one argument of a call in ppo_update: evaluated as it stands there.
nodes = ast.walk(named(actor_class, "_ppo_update"))
ratio = next(node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "no_eos_ratios")
ratio = compile(ast.Expression(ratio), "areal", "eval")

settings = SimpleNamespace(overlong_reward_penalty=False, use_decoupled_loss=False, recompute_logprob=False)
actor = SimpleNamespace(config=settings, reward_bias=0, reward_scaling=1, reward_clip=20, reward_norm=None)
vars(actor).update(kl_ctl=0.0, kl_estimator=space["KLEstimator"]("k1"), discount=1.0, gae_lambda=1.0, adv_norm=None)
actor.mask_no_eos_with_zero = True
MAX_NEW_TOKENS = 6


def kept(*lengths):
    """What is left of rewards of 1.0, and the logged ratio, for pairs of prompt and response lengths in tokens."""
    attention, loss = torch.zeros(2, len(lengths), max(map(sum, lengths)))
    for row, (prompt, response) in enumerate(lengths):
        attention[row, : prompt + response] = 1
        loss[row, prompt : prompt + response] = 1
    attention = attention.long()
    data = {"input_ids": attention, "attention_mask": attention, "loss_mask": loss, "logprobs": 0 * loss}
    data = space["_compute_advantages"](actor, data | {"rewards": torch.ones(len(lengths))})
    rewards = data["tot_rewards"].sum(-1).tolist()
    logged = eval(ratio, {"seqlens": attention.sum(-1), "attn_mask": attention}).mean().item()
    cut = sum(response == MAX_NEW_TOKENS for _, response in lengths) / len(lengths)
    print(f"{lengths!s:26} rewards kept {rewards}  no_eos_ratios {logged:.2f}  cut {cut:.2f}")
    return rewards, round(logged, 2)


print(f"(prompt, response) in tokens, each right; a response is cut at {MAX_NEW_TOKENS}")
assert kept((2, 3), (2, 5), (2, 4)) == ([1.0, 0.0, 1.0], 0.33)  # all had ended
assert kept((2, 3), (2, 5), (4, 5)) == ([1.0, 1.0, 0.0], 0.33)  # the second one again, beside a longer prompt
assert kept((2, 6), (2, 6), (5, 4)) == ([1.0, 1.0, 0.0], 0.33)  # two are cut and kept, the third had ended
assert kept((3, 2), (3, 2), (3, 2)) == ([0.0, 0.0, 0.0], 1.0)
PY
