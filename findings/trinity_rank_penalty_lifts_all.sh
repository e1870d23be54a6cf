#!/usr/bin/env bash
# Trinity-RFT's rank_penalty gives a right response that the model finds unlikely no more than a likely one: it only
# lowers the group's mean, so that where all responses are right all are reinforced.
#
# Expected: the reward for unlikely right responses, from the paper that it names: right responses lose by their rank
#     in probability. So of the right ones the likely have lower advantages than the unlikely, and the advantages of a
#     group have a mean of 0. It is there to keep rare solutions, for pass@k.
# Instead: mean and standard deviation are of the penalised rewards, but what is compared with them is a response's
#     reward before the penalty. All right responses of a group have the same advantage, whatever their rank, and the
#     mean of a group's advantages is above 0. A question that is always answered right, which GRPO leaves alone, has
#     all its responses reinforced, the likely ones too. With std_threshold such groups are no longer left out, as the
#     penalised rewards differ.
# Seen in: trinity-rft 0.6.0, GRPOGroupedAdvantage of trinity.algorithm.advantage_fn.grpo_advantage, which its grpo
#     uses; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (Ray, verl, engines): what runs here needs these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps trinity-rft==0.6.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import __future__

import abc
import ast
import collections
import copy
import enum
import typing
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import numpy as np
import torch

print("trinity-rft", version("trinity-rft"), "torch", torch.__version__)


def run(file, names, **needed):
    """The named definitions, run from their module's own text: the modules import Ray and verl."""
    space = {**vars(typing), **vars(collections), **vars(abc), **vars(enum), "torch": torch, "np": np, "copy": copy}
    space |= needed
    tree = ast.parse(Path(get_path("purelib"), "trinity", file).read_text())
    found = [node for node in tree.body if getattr(node, "name", "") in names.split()]
    assert len(found) == len(names.split()), names
    lazy = __future__.annotations.compiler_flag  # annotations name what is not imported here
    exec(compile(ast.Module(found, []), file, "exec", lazy), space)
    return SimpleNamespace(**space)


group_by = run("common/experience.py", "group_by").group_by

base = run("algorithm/advantage_fn/advantage_fn.py", "AdvantageFn GroupAdvantage", ExperienceOperator=abc.ABC)
grpo = run(
    "algorithm/advantage_fn/grpo_advantage.py",
    "GRPOGroupedAdvantage",
    GroupAdvantage=base.GroupAdvantage,
    group_by=group_by,
    aggregate_metrics=lambda metrics, prefix: {},  # the logged means
).GRPOGroupedAdvantage
MEAN_LOGPROBS = [-0.1, -0.3, -0.6, -1.0]  # of four responses, from the likeliest to the least likely
PENALTY = 0.25


def advantages(rewards, **options):
    """One advantage a response to one question."""
    responses = [
        SimpleNamespace(eid=SimpleNamespace(tid=0), reward=reward, logprobs=torch.full((3,), mean), action_mask=1)
        for reward, mean in zip(rewards, MEAN_LOGPROBS, strict=True)
    ]
    kept, metrics = grpo(**options).process(responses)
    return [round(response.advantages.item(), 3) for response in kept], metrics["filtered_count"]


def penalised(rewards):
    """Rewards less the penalty of their rank, the likeliest with the highest: what the option is to compare."""
    ranks = range(len(rewards) - 1, -1, -1)
    return [reward * (1 - rank / len(rewards) * PENALTY) for reward, rank in zip(rewards, ranks, strict=True)]


print("responses from the likeliest to the least likely")
for title, rewards in ("three right, one wrong", [1.0, 1.0, 1.0, 0.0]), ("all right", [1.0, 1.0, 1.0, 1.0]):
    without, _ = advantages(rewards)
    meant, _ = advantages(penalised(rewards))
    found, _ = advantages(rewards, rank_penalty=PENALTY)
    print(title)
    for name, values in ("without rank_penalty", without), ("of penalised rewards", meant), ("rank_penalty", found):
        print(f"    {name:22}", *(f"{value:6.3f}" for value in values), f"  mean {np.mean(values):+.3f}")
    right = found[: int(sum(rewards))]
    assert len(set(right)) == 1 and right[0] > without[0], found
    assert abs(np.mean(without)) < 1e-3 and abs(np.mean(meant)) < 1e-3 < 0.05 < np.mean(found), found
    assert meant[0] < meant[1] < meant[2], meant
assert without == [0, 0, 0, 0] and min(found) > 1, found
left_out = [advantages(rewards, std_threshold=0.0, **options)[1] for options in ({}, {"rank_penalty": PENALTY})]
print("left out by std_threshold=0 without and with rank_penalty:", *left_out)
assert left_out == [4, 0]
PY
