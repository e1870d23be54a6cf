#!/usr/bin/env bash
# SkyRL's clip_cov clips no token, and its kl_cov's penalty is too strong by a factor of the tokens of a mini-batch.
#
# Expected: what the paper on entropy does: Clip-Cov takes tokens out of the gradient whose advantage and
#     log-probability vary together (a covariance between clip_cov_lb = 1 and clip_cov_ub = 5), KL-Cov adds
#     ppo_kl_coef * |log ratio| to the loss of the tokens with the highest covariance.
# Instead: the mean over tokens (loss_reduction) is taken before the loss: advantages are divided by the tokens of the
#     mini-batch, the loss is a plain sum. For PPO's clip that is the same. But the covariances are then divided too,
#     and with thousands of tokens none comes near 1: clip_cov is PPO, and its clip_ratio is 0. And |log ratio| is not
#     divided: in kl_cov the penalty is thousands of times the rewards' gradient, of which the clipping of the norm
#     then leaves next to nothing. Only in the first mini-batch of a rollout, where all ratios are 1, it is 0.
# Seen in: SkyRL 0.3.0, skyrl.train.trainer.RayPPOTrainer._normalize_advantages,
#     skyrl.backends.skyrl_train.utils.ppo_utils (apply_loss_reduction_to_advantages_minibatch, clip_cov and kl_cov);
#     torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (Ray, engines): the losses need torch only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps skyrl==0.3.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import __future__

import ast
import typing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import torch

print("skyrl", version("skyrl"), "torch", torch.__version__)


def run(file, names, **needed):
    """The named definitions, run from their module's own text: the modules import Ray and engines."""
    space = {**vars(typing), "torch": torch, "dataclass": dataclass, **needed}
    tree = ast.parse(Path(get_path("purelib"), "skyrl", file).read_text())
    found = [node for node in ast.walk(tree) if getattr(node, "name", "") in names.split()]
    assert len(found) == len(names.split()), names
    for node in found:
        node.decorator_list = [use for use in node.decorator_list if ast.unparse(use) == "dataclass"]
    lazy = __future__.annotations.compiler_flag  # annotations name what is not imported here
    exec(compile(ast.Module(found, []), file, "exec", lazy), space)
    return SimpleNamespace(**space)


masked_mean = run("backends/skyrl_train/utils/torch_utils.py", "masked_mean").masked_mean
losses = run(
    "backends/skyrl_train/utils/ppo_utils.py",
    "reduce_loss apply_loss_reduction_to_advantages_minibatch"
    " compute_policy_loss_clip_cov compute_policy_loss_kl_cov",
    masked_mean=masked_mean,
)
reduce = losses.apply_loss_reduction_to_advantages_minibatch
trainer = run("train/trainer.py", "_normalize_advantages", apply_loss_reduction_to_advantages_minibatch=reduce)
config = run("train/config/config.py", "ClipCovConfig KLCovConfig", BaseConfig=object)
RESPONSES, TOKENS = 32, 500
generator = torch.Generator().manual_seed(0)
mask = torch.ones(RESPONSES, TOKENS)
# Half of the responses are right; as in a language model most tokens are nearly certain and a few are not.
outcome = torch.tensor([1.0, -1.0]).repeat(RESPONSES // 2).unsqueeze(1) * mask
old = -(torch.empty(RESPONSES, TOKENS).exponential_(2.0, generator=generator) ** 2)
drift = 0.05 * torch.randn(RESPONSES, TOKENS, generator=generator)  # of a second mini-batch of the same rollout


class Batch(dict):
    """Columns; a slice is of rows."""

    def __getitem__(self, key):
        return {k: v[key] for k, v in self.items()} if isinstance(key, slice) else super().__getitem__(key)


def divided(advantages):
    """The advantages as the workers get them, with the default loss_reduction."""
    algorithm = SimpleNamespace(loss_reduction="token_mean", advantage_batch_normalize=False, max_seq_len=None)
    cfg = SimpleNamespace(trainer=SimpleNamespace(algorithm=algorithm, micro_train_batch_size_per_gpu=RESPONSES))
    data = Batch(advantages=advantages, response_mask=mask, loss_mask=mask)
    return trainer._normalize_advantages(SimpleNamespace(cfg=cfg), data, [(0, RESPONSES)])["advantages"]


def gradients(loss, advantages, scale):
    """The gradient by log-probability and the logged clip_ratio, and the gradient of the rewards alone."""
    torch.manual_seed(0)
    log_probs, plain = (old + drift).requires_grad_(), (old + drift).requires_grad_()
    settings = SimpleNamespace(clip_cov=config.ClipCovConfig(), kl_cov=config.KLCovConfig())
    settings.eps_clip_low = settings.eps_clip_high = 0.2
    value, metrics = loss(log_probs, old, advantages, settings, mask)
    (scale * value).backward()
    (-(scale * advantages * (plain - old).exp()).sum()).backward()
    return log_probs.grad, metrics["clip_ratio"], plain.grad


tokens, clipped, penalties = RESPONSES * TOKENS, [], []
print(f"a mini-batch of {RESPONSES} responses of {TOKENS} tokens, advantages of 1 and -1")
for title, advantages, scale in (
    ("the same losses, but the mean taken after them", outcome, 1 / tokens),
    ("as SkyRL has it", divided(outcome), 1.0),
):
    print(title)
    whole, ratio, _ = gradients(losses.compute_policy_loss_clip_cov, advantages, scale)
    clipped.append((ratio, int((whole == 0).sum())))
    print(f"    clip_cov: logged clip_ratio {ratio:.6f}, tokens without a gradient: {clipped[-1][1]}")
    whole, _, rewards = gradients(losses.compute_policy_loss_kl_cov, advantages, scale)
    penalties.append(((whole - rewards).norm() / rewards.norm()).item())
    cosine = torch.cosine_similarity(whole.flatten(), rewards.flatten(), 0).item()
    print(f"    kl_cov: gradient of the penalty, in sizes of the rewards': {penalties[-1]:.2f};")
    print(f"        cosine of both together and the rewards': {cosine:.2f}")
assert clipped[0][0] > 0 == clipped[1][0] and clipped[0][1] > clipped[1][1], clipped
assert penalties[0] < 1 and abs(penalties[1] / penalties[0] / tokens - 1) < 1e-3, penalties
PY
