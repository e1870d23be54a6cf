#!/usr/bin/env bash
# Where advantages are normalised over the batch as well, in verl, OpenRLHF, AReaL and SkyRL, responses to questions
# that are all wrong or all right get advantages: all are pushed up where wrong responses are longer than right ones.
#
# Expected: less its group's mean every reward of such a group is 0, so it has no part in the gradient, and it may be
#     left out (dynamic sampling, choosing prompts). The batch's mean of what is left is 0, too: taking it off, as
#     REINFORCE++ with a baseline and GDPO do, changes nothing.
# Instead: the mean is over tokens, not over responses, and is 0 only where lengths do not go with rewards (SkyRL's is
#     over padding, too). All tokens are moved by it. With wrong responses five times as long, every response to a
#     question that nobody solved gets 0.3 to 0.5 standard deviations, and a batch without those questions gives the
#     others other advantages. Where right responses are the longer ones, the unsolved are pushed down. No metric
#     shows it.
# Seen in: verl 0.9.1, verl.trainer.ppo.core_algos ("reinforce_plus_plus_baseline"; "gdpo", here of one reward);
#     openrlhf 0.11.2, openrlhf.trainer.ppo_utils.experience_maker ("reinforce_baseline"); AReaL 1.0.4,
#     areal.utils.data.Normalization (reward_norm by group, adv_norm by batch); SkyRL 0.3.0, skyrl.train.trainer,
#     RayPPOTrainer._normalize_advantages (advantage_batch_normalize, off by default); torch 2.13.0.
#     Right: "grpo", "rloo", "dr_grpo" without further normalisation.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without their dependencies (Ray, engines): the functions need these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    verl==0.9.1 openrlhf==0.11.2 areal==1.0.4 skyrl==0.3.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import itertools
import typing
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import numpy as np
import torch

print(*(f"{name} {version(name)}" for name in ("verl", "openrlhf", "areal", "skyrl", "torch")), sep=", ")


def run(files):
    """The named definitions, run from their modules' own text (which import Ray), without decorators that log."""
    space = {"torch": torch, "np": np, "itertools": itertools, "defaultdict": defaultdict, "dist": torch.distributed}
    space |= {**vars(typing), "AlgoConfig": object, "NormConfig": object}
    space |= {"Experience": object, "TrainingInputBatch": object}
    for file, names in files.items():
        tree = ast.parse(Path(get_path("purelib"), file).read_text())
        found = [node for node in ast.walk(tree) if getattr(node, "name", "") in names.split()]
        assert len(found) == len(names.split()), names
        for node in found:
            node.decorator_list = [use for use in node.decorator_list if getattr(use, "id", "") == "staticmethod"]
        exec(compile(ast.Module(found, []), file, "exec"), space)
    return SimpleNamespace(**space)


verl = run({"verl/utils/torch_functional.py": "masked_sum masked_mean masked_var masked_whiten"})
names = (f"compute_{name}_outcome_advantage" for name in ("grpo", "reinforce_plus_plus_baseline", "gdpo"))
algorithms = run({"verl/trainer/ppo/core_algos.py": " ".join(names)})
algorithms.compute_gdpo_outcome_advantage.__globals__["verl_F"] = verl
openrlhf = run(
    {
        "openrlhf/models/utils.py": "compute_reward",
        "openrlhf/trainer/ppo_utils/experience_maker.py": "compute_advantages_and_returns get_cumulative_returns",
    }
)
openrlhf.compute_advantages_and_returns.__globals__["apply_length_penalties"] = lambda *_: None  # none are set
Normalization = run({"areal/utils/data.py": "Normalization"}).Normalization
skyrl = run(
    {
        "skyrl/backends/skyrl_train/utils/ppo_utils.py": "compute_grpo_outcome_advantage"
        " apply_loss_reduction_to_advantages_minibatch",
        "skyrl/train/trainer.py": "_normalize_advantages",
    }
)

SHORT, LONG, SAMPLES = 200, 1000, 4  # tokens of a right response and of a wrong one; responses to a question


def with_verl(name, rewards, mask):
    at_end = torch.zeros(mask.shape)
    at_end[torch.arange(len(mask)), mask.sum(-1).long() - 1] = rewards
    questions = np.arange(len(rewards)) // SAMPLES
    return getattr(algorithms, f"compute_{name}_outcome_advantage")(at_end, mask, questions)[0]


def with_openrlhf(name, rewards, mask):
    advantage = SimpleNamespace(estimator=name, gamma=1.0, no_std_norm=False)
    args = SimpleNamespace(algo=SimpleNamespace(advantage=advantage))
    args.rollout = SimpleNamespace(n_samples_per_prompt=SAMPLES)
    args.reward = SimpleNamespace(clip_range=None)
    maker = SimpleNamespace(strategy=SimpleNamespace(args=args), advantage_estimator=name)
    maker.kl_ctl = SimpleNamespace(value=0.0)
    maker.get_cumulative_returns = lambda *given: openrlhf.get_cumulative_returns(maker, *given)
    batch = SimpleNamespace(index=list(range(len(rewards))), rewards=rewards, action_mask=mask, info={})
    batch.kl = torch.zeros(mask.shape)
    return openrlhf.compute_advantages_and_returns(maker, [batch])[0].advantages * mask


def with_areal(name, rewards, mask):
    """As PPOActor puts them together without a critic: rewards by group, then each token's by batch."""

    def normalize(level, *given):
        config = SimpleNamespace(mean_level=level, std_level=level, group_size=SAMPLES, eps=1e-5)
        return Normalization(SimpleNamespace(mean_leave1out=False, std_unbiased=True, **vars(config)))(*given)

    advantages = normalize("group", rewards).unsqueeze(-1) * mask
    return normalize("batch", advantages, mask) if "adv_norm" in name else advantages


class Batch(dict):
    """SkyRL's container of tensors."""

    def __getitem__(self, key):
        return Batch({k: v[key] for k, v in self.items()}) if isinstance(key, slice) else super().__getitem__(key)


def with_skyrl(name, rewards, mask):
    """As RayPPOTrainer trains on them, without the last division, by the number of tokens."""
    questions = np.arange(len(rewards)) // SAMPLES
    found, _ = skyrl.compute_grpo_outcome_advantage(rewards.unsqueeze(-1), mask, questions)
    algorithm = SimpleNamespace(advantage_batch_normalize="batch" in name, loss_reduction="token_mean")
    algorithm.max_seq_len = None
    cfg = SimpleNamespace(trainer=SimpleNamespace(algorithm=algorithm, micro_train_batch_size_per_gpu=1))
    data = Batch(advantages=found, response_mask=mask, loss_mask=mask)
    return skyrl._normalize_advantages(SimpleNamespace(cfg=cfg), data, [(0, len(mask))])["advantages"] * mask.sum()


def groups(function, name, *rewards, right=SHORT, wrong=LONG):
    """The first response's advantages to each question: of a right one and of a wrong one, where there are any."""
    flat = torch.tensor([reward for group in rewards for reward in group])
    lengths = torch.where(flat > 0, right, wrong)
    mask = (torch.arange(max(right, wrong)) < lengths.unsqueeze(-1)).float()
    first = function(name, flat.clone(), mask)[:, 0].tolist()
    values = [dict(zip(group, first[at * SAMPLES :])) for at, group in enumerate(rewards)]
    return [{"right" if reward else "wrong": round(v, 2) + 0.0 for reward, v in pair.items()} for pair in values]


hard, even, none, all_ = [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0] * 4, [1.0] * 4
print(f"rewards of four questions: {hard}, {even}, {none}, {all_}")
plain = [("verl", with_verl, "grpo"), ("OpenRLHF", with_openrlhf, "dr_grpo"), ("AReaL", with_areal, "reward_norm")]
plain += [("SkyRL", with_skyrl, "grpo")]
whitened = [("verl", with_verl, name) for name in ("reinforce_plus_plus_baseline", "gdpo")]
whitened += [("OpenRLHF", with_openrlhf, "reinforce_baseline"), ("AReaL", with_areal, "reward_norm and adv_norm")]
whitened += [("SkyRL", with_skyrl, "grpo and advantage_batch_normalize")]
for library, function, name in plain:
    found = groups(function, name, hard, even, none, all_)
    print(f"{library}, {name}: {found}")
    assert found[2] == {"wrong": 0} and found[3] == {"right": 0}
for library, function, name in whitened:
    found = groups(function, name, hard, even, none, all_)
    print(f"{library}, {name}: {found}")
    less = groups(function, name, hard, even)
    print(f"    without the two unanimous questions: {less}")
    turned = groups(function, name, hard, even, none, all_, right=LONG, wrong=SHORT)
    print(f"    with right responses the longer:     {turned}")
    equal = groups(function, name, hard, even, none, all_, right=LONG, wrong=LONG)
    assert found[2]["wrong"] == found[3]["right"] > 0.3, found
    assert less[0]["wrong"] > found[0]["wrong"] + 0.1, less
    assert turned[2]["wrong"] == turned[3]["right"] < -0.2, turned
    assert equal[2] == {"wrong": 0} and equal[3] == {"right": 0}, equal
PY
