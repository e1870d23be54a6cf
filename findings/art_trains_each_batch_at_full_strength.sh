#!/usr/bin/env bash
# OpenPipe ART trains at full strength whatever there is to learn: one question in four, rewards that differ by 0.01,
# or the rounding error of a mean where every response had the same reward of 0.1.
#
# Expected: GRPO. A group whose rewards are all equal has advantages of 0, so a batch with few other groups moves the
#     model less; with normalize_advantages=False rewards that differ little move it little; and a batch without any
#     difference is skipped ("no suitable data").
# Instead: what has an advantage of exactly 0 is dropped, and the advantages left are divided by their mean size, so
#     that it is 1 over the tokens of each batch, with normalize_advantages=False too. The mean of six rewards of 0.1
#     is 0.09999999999999999: that group has advantages of 1e-11, and of 1 after the division if the batch has no
#     other difference. All its responses are then reinforced (or, with an error of the other sign, suppressed) as
#     strongly as right ones beside wrong ones, though the logged number of trainable groups is 0. With eight rewards
#     of 0.1 it is the same.
# Seen in: openpipe-art 0.5.18, what art.local.backend.LocalBackend.train calls: tokenize_trajectory_groups and
#     packed_tensors_from_tokenized_results of art.preprocessing, art.loss.loss_fn; torch 2.13.0, Python 3.11.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (clients, transformers): what runs here needs torch only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps openpipe-art==0.5.18
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import __future__

import ast
import math
import random
import typing
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import torch
from typing_extensions import TypedDict

print("openpipe-art", version("openpipe-art"), "torch", torch.__version__)
TOKENS = 4  # of a response, after one of its prompt


def run(file, names, **needed):
    """The named definitions, run from their module's own text: the modules import transformers and clients."""
    space = {**vars(typing), "torch": torch, "math": math, "random": random, "takewhile": takewhile, **needed}
    space |= {"dataclass": dataclass, "field": field, "cached_property": cached_property, "TypedDict": TypedDict}
    tree = ast.parse(Path(get_path("purelib"), "art", file).read_text())
    found = [node for node in tree.body if getattr(node, "name", "") in names.split()]
    assert len(found) == len(names.split()), names
    lazy = __future__.annotations.compiler_flag  # annotations name what is not imported here
    exec(compile(ast.Module(found, []), file, "exec", lazy), space)
    return SimpleNamespace(**space)


def tokenize(tokenizer, images, history, advantage, without_logprobs, trajectory, **_):
    """A prompt of one token and a response, in place of what a chat template gives."""
    mask, logprobs = [0] + [1] * TOKENS, [math.nan] + [-1.0] * TOKENS
    ids, positions = [random.randrange(99) for _ in mask], list(range(len(mask)))
    return result_class(advantage, "", ids, positions, mask, logprobs, None, None, trajectory, [1], {}, None)


result_class = run("preprocessing/tokenize.py", "TokenizedResult").TokenizedResult
groups_to_results = run(
    "preprocessing/tokenize.py",
    "tokenize_trajectory_groups",
    tokenize_trajectory=tokenize,
    History=lambda **_: None,
).tokenize_trajectory_groups
pack = run("preprocessing/pack.py", "PackedTensors packed_tensors_from_tokenized_results")
is_trainable = run("metrics_taxonomy.py", "_group_is_trainable")._group_is_trainable
loss_fn = run("loss.py", "loss_fn shift_tensor", Loss=SimpleNamespace).loss_fn


def train(rewards, scale_rewards=True):
    """Mean size of the advantages by group, and of those trained on; the gradient's size; responses trained on."""
    trajectory = {"messages_and_choices": [], "tools": None, "additional_histories": []}
    groups = [[SimpleNamespace(reward=reward, **trajectory) for reward in group] for group in rewards]
    results = list(groups_to_results(None, groups, False, scale_rewards))
    logged = sum(is_trainable(SimpleNamespace(trajectories=group)) for group in groups)
    before = sum(abs(result.advantage) for result in results) / sum(map(len, rewards))
    if not results:
        return before, 0.0, 0.0, 0, logged, 0.0
    packed = pack.packed_tensors_from_tokenized_results(results, 2048, truncate_long_results=False)
    used = packed["advantages"][packed["assistant_mask"]]
    logprobs = torch.full(packed["tokens"].shape, -1.0).requires_grad_()
    loss_fn(packed, logprobs, None, None, {"ppo": False}).policy_loss.backward()
    size = logprobs.grad.abs().sum().item()
    return before, used.abs().mean().item(), size, len(results), logged, used.mean().item()


mixed, right, wrong = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [1.0] * 6, [0.0] * 6
judged = [0.81, 0.80, 0.81, 0.80, 0.81, 0.80]
print("four questions, six responses each")
found = []
for title, rewards, scale in (
    ("half of the responses right", [mixed] * 4, True),
    ("so in one group, in the others all right or all wrong", [mixed, right, wrong, right], True),
    ("0.81 and 0.80, normalize_advantages=False", [judged] * 4, False),
    ("all rewards 0.0", [wrong] * 4, True),
    ("all rewards 0.1", [[0.1] * 6] * 4, True),
):
    found.append(train(rewards, scale))
    before, used, gradient, responses, logged, mean = found[-1]
    print(f"{title}: {logged} groups logged as trainable, {responses} responses trained on")
    print(
        f"    mean size of advantages {before:.2g}, as trained on {used:.2f}, of the gradient {gradient:.2f};",
        end=" ",
    )
    print(f"mean advantage {mean:+.2f}")
full, quarter, close, zero, tenth = found
assert all(abs(size - 1) < 1e-3 for case in (full, quarter, close, tenth) for size in case[1:3]), found
assert abs(full[0] - 1) < 1e-3 and abs(quarter[0] - 1 / 4) < 1e-3 and abs(close[0] - 0.005) < 1e-6, found
assert zero[1:5] == (0, 0, 0, 0) and 0 < tenth[0] < 1e-9, found
assert tenth[3:5] == (24, 0) and abs(abs(tenth[5]) - 1) < 1e-3, found  # none is trainable, all have the same sign
PY
