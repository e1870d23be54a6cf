#!/usr/bin/env bash
# With the advantages "maxrl" and the rewards of its own AIME environment SkyRL punishes the right responses to every
# question that is answered right less than half the time, and gives advantages of a million where it is half.
#
# Expected: as with GRPO and RLOO a right response has a positive advantage, a wrong one a negative; MaxRL divides by
#     the pass rate, which is never below 0, and another scale of rewards is refused or shifted.
# Instead: the mean reward of the group stands for the pass rate, whatever the rewards are. skyrl-gym's "aime" gives 1
#     and -1, so the mean of a group with fewer than half right is negative and turns all signs; where half are right
#     it is 0 and the divisor 1e-6. With 1 and -0.5 the turn is at one third. Nothing is raised; of what is logged
#     avg_raw_advantages_abs shows the millions, and nothing the signs. Right: rewards of 1 and 0.
# Seen in: SkyRL 0.3.0, skyrl.backends.skyrl_train.utils.ppo_utils, compute_maxrl_advantage; skyrl-gym 0.4.0,
#     skyrl_gym.envs.aime; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without their dependencies (Ray, engines): the functions need these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps skyrl==0.3.0 skyrl-gym==0.4.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
from collections import defaultdict
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from sysconfig import get_path

import numpy as np
import torch

print(*(f"{name} {version(name)}" for name in ("skyrl", "skyrl-gym", "torch")))
packages = Path(get_path("purelib"))
spec = spec_from_file_location("aime", packages / "skyrl_gym/envs/aime/utils.py")
aime = module_from_spec(spec)
spec.loader.exec_module(aime)

# The module of the estimators imports Ray; two are run from its own text, without the decorator of its registry.
source = (packages / "skyrl/backends/skyrl_train/utils/ppo_utils.py").read_text()
names = {"grpo": "compute_grpo_outcome_advantage", "maxrl": "compute_maxrl_advantage"}
found = [node for node in ast.parse(source).body if getattr(node, "name", "") in names.values()]
for node in found:
    assert node.decorator_list  # it can be chosen by its name in the configuration
    node.decorator_list = []
space = {"torch": torch, "np": np, "defaultdict": defaultdict}
exec(compile(ast.Module(found, []), "ppo_utils.py", "exec"), space)


def advantages(estimator, rewards):
    """The advantage of each response to one question, of one token each."""
    rewards = torch.tensor(rewards).unsqueeze(-1)
    group = np.array(["question"] * len(rewards))
    return space[names[estimator]](rewards, torch.ones_like(rewards), group)[0].squeeze(-1).tolist()


def compare(right, score):
    """The right and the wrong response's advantage, where so many of eight are right."""
    rewards = [score("7")] * right + [score("8")] * (8 - right)
    pairs = {name: advantages(name, rewards) for name in names}
    pairs = {name: (values[0], values[-1]) for name, values in pairs.items()}
    shown = (f"{name} {good:12,.2f} {bad:12,.2f}" for name, (good, bad) in pairs.items())
    print(f"{right} of 8 right, rewards {rewards[0]:4} and {rewards[-1]:4}: ", *shown)
    assert pairs["grpo"][0] > 0 > pairs["grpo"][1]
    return pairs["maxrl"]


def environment(answer):
    return aime.compute_score(f"So we are done.\nAnswer: {answer}", "7")["score"]


print("advantage of a right and of a wrong response")
for right in (1, 2, 3):
    good, bad = compare(right, environment)
    assert good < -1 and bad > 0.2, (good, bad)  # all signs are turned
good, bad = compare(4, environment)
assert good > 900_000 and bad < -900_000, (good, bad)
good, bad = compare(6, environment)
assert good > 0 > bad, (good, bad)
good, bad = compare(2, lambda answer: 1.0 if answer == "7" else -0.5)
assert good < 0 < bad, (good, bad)
good, bad = compare(2, lambda answer: float(answer == "7"))
assert (round(good, 3), round(bad, 3)) == (3.0, -1.0), (good, bad)
PY
