#!/usr/bin/env bash
# Agent Lightning rounds rewards to bf16 before verl computes advantages: of a rubric of 100 points half points are
# left, and of a small price for length nothing. The logged rewards are not rounded.
#
# Expected: rewards and advantages are float32, as from verl's own reward managers; bf16 is for weights.
# Instead: they are bf16, which has eight significant bits: 87.3 and 87.6 are both 87.5, and 0.99 and 0.988 are one
#     number. Where a group differs in what is rounded away, its advantages are 0. The group's mean is rounded, too:
#     beside a large one the best responses may have 0 and all others less. training/reward is the mean of the rewards
#     as they were given. Rewards of 0 and 1 are exact.
# Seen in: agentlightning 0.3.0, agentlightning.verl.daemon, AgentModeDaemon.get_train_data_batch, with verl 0.9.1,
#     verl.trainer.ppo.core_algos, compute_grpo_outcome_advantage; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without their dependencies (servers, Ray): the functions need these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps agentlightning==0.3.0 verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import typing
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import numpy as np
import torch

print(*(f"{name} {version(name)}" for name in ("agentlightning", "verl", "torch")))
# The modules import servers and Ray; what is needed of them is run from their own text. Of verl and tensordict Agent
# Lightning uses the containers that the batch is returned in.
space = {"torch": torch, "np": np, "defaultdict": defaultdict, **vars(typing), "AlgoConfig": object}
space["TensorDict"] = lambda fields, batch_size: fields
space["DataProto"] = lambda batch: SimpleNamespace(batch=batch, non_tensor_batch={})


def run(file, *names):
    tree = ast.parse(Path(get_path("purelib"), file).read_text())
    found = [node for node in ast.walk(tree) if getattr(node, "name", "") in names]
    assert len(found) == len(names)
    for node in found:
        node.decorator_list = []
    exec(compile(ast.Module(found, []), file, "exec"), space)


pads = "get_left_padded_ids_and_attention_mask", "get_right_padded_ids_and_attention_mask"
run("agentlightning/verl/daemon.py", "get_train_data_batch", *pads)
run("verl/trainer/ppo/core_algos.py", "compute_grpo_outcome_advantage")


def train(*rewards):
    """The advantages of one question's responses: with Agent Lightning's batch, and with the rewards as they are."""
    turn = SimpleNamespace(prompt={"token_ids": [1, 2]}, response={"token_ids": [3, 4]})
    responses = [SimpleNamespace(rollout_id=str(i), triplets=[turn], final_reward=r) for i, r in enumerate(rewards)]
    rollouts = {response.rollout_id: response for response in responses}
    daemon = SimpleNamespace(
        is_train=True,
        _total_tasks_queued=len(rollouts),
        _completed_rollouts_v0=rollouts,
        _task_id_to_original_sample=dict.fromkeys(rollouts, {"data_id": "question"}),
        _fillna_reward=lambda rollout: rollout.final_reward,
        trace_aggregator={"level": "transition"},
        pad_token_id=0,
        _use_mrope=False,
    )
    data, metrics = space["get_train_data_batch"](daemon, 4, 4, torch.device("cpu"), 1)
    scores, mask = data.batch["token_level_scores"], data.batch["attention_mask"][:, -4:]
    exact = torch.zeros(scores.shape)
    exact[:, 1] = torch.tensor(rewards)  # at the response's last token
    assert torch.equal(exact.bfloat16(), scores)
    both = []
    for scores in scores, exact:
        advantages, _ = space["compute_grpo_outcome_advantage"](scores, mask, data.non_tensor_batch["data_id_list"])
        both.append([round(x, 2) for x in advantages[:, 0].tolist()])
    print(f"rewards {rewards}, logged mean {metrics['training/reward']:.4f}")
    print(f"    trained on {exact.bfloat16().sum(-1).tolist()}, advantages {both[0]}, in float32 {both[1]}")
    return both


points = train(87.3, 87.6, 87.4, 87.5)  # a rubric of 100 points
assert points[0] == [0, 0, 0, 0] and points[1][0] < -1 and points[1][1] > 1
priced = train(0.99, 0.988, 0.9885, 0.9895)  # right, less 0.001 for each 100 tokens
assert priced[0] == [0, 0, 0, 0] and priced[1][0] > 1 and priced[1][1] < -1
game = train(803.0, 805.0, 807.0, 806.0)  # the score of a game
assert game[0][0] == game[0][1] < -1.5 and game[0][2] == game[0][3] == 0  # the group's mean is rounded up to 808
assert game[1][2] > game[1][3] > 0 > game[1][1] > game[1][0]
right = train(1.0, 0.0, 0.0, 1.0)
assert np.allclose(*right, atol=0.01)
PY
