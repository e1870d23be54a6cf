#!/usr/bin/env bash
# verl's bounds for rejecting tokens and responses (rollout_rs: token_k1, seq_sum_k1, seq_mean_k1) act on the inverse
# of the ratio: "0.5_5.0" keeps what lies between 0.2 and 2.
#
# Expected: as the manual has it, what is rejected is an importance ratio, pi_train / pi_rollout, outside
#     [lower, upper], the ratio that rollout_is weighs by and that the same "0.5_5.0" bounds there (IcePop's numbers;
#     OpenRLHF's default, too).
# Instead: the logarithms of the bounds are compared with minus the logarithm of the ratio. A token that the trainer
#     finds 4 times as likely as the engine did is rejected, one that it finds a quarter as likely, which the lower
#     bound is there to reject, is trained on. With both options only what lies between 0.5 and 2 is left. The presets
#     do not show it: their bounds, "0.5_2.0" and "0.999_1.001", are (nearly) their own inverse.
# Seen in: verl 0.9.1, compute_rollout_correction_and_rejection_mask of verl.trainer.ppo.rollout_corr_helper; torch
#     2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (Ray, engines): what runs here needs these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import __future__

import ast
import math
import typing
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import torch

print("verl", version("verl"), "torch", torch.__version__)


def run(file, names, **needed):
    """The named definitions and constants, run from their module's own text: it imports Ray."""
    space = {**vars(typing), "torch": torch, "math": math, **needed}
    tree = ast.parse(Path(get_path("purelib"), "verl", file).read_text())
    found = [node for node in tree.body if getattr(node, "name", "") in names.split()]
    assert len(found) == len(names.split()), names
    constants = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    found += [
        node for node in constants if "ROLLOUT_RS_OPTIONS" in ast.unparse(node) or "SAFETY" in ast.unparse(node)
    ]
    lazy = __future__.annotations.compiler_flag  # annotations name what is not imported here
    exec(compile(ast.Module(found, []), file, "exec", lazy), space)
    return SimpleNamespace(**space)


functional = run("utils/torch_functional.py", "masked_sum masked_mean")
data = SimpleNamespace(from_dict=lambda tensors: SimpleNamespace(batch=tensors))
helper = run(
    "trainer/ppo/rollout_corr_helper.py",
    "compute_rollout_correction_and_rejection_mask compute_rollout_correction_weights compute_rollout_rejection_mask"
    " compute_is_metrics compute_rs_metrics compute_offpolicy_metrics"
    " _parse_rollout_is_threshold _parse_rollout_rs_thresholds",
    verl_F=functional,
    DataProto=data,
)
RATIOS = [0.1, 0.25, 0.4, 0.6, 1.0, 1.6, 2.5, 4.0, 10.0]  # pi_train / pi_rollout, of a token or of a whole response
BOUNDS = "0.5_5.0"


def left(tokens, **options):
    """The ratios that are trained on, for responses of so many tokens with one ratio each."""
    rollout = torch.full((len(RATIOS), tokens), -3.0)
    train = rollout + torch.tensor(RATIOS).log().unsqueeze(1) / (tokens if "seq_sum_k1" in options.values() else 1)
    mask = torch.ones(len(RATIOS), tokens)
    weights, kept, _ = helper.compute_rollout_correction_and_rejection_mask(train, rollout, mask, **options)
    if weights is not None:
        kept = kept * (weights.batch["rollout_is_weights"] > 0)
    return [ratio for ratio, row in zip(RATIOS, kept.tolist(), strict=True) if all(row)]


is_options = {"rollout_is": "token", "rollout_is_threshold": BOUNDS}
weighed = left(4, **is_options)
rejected = {
    name: left(4, rollout_rs=name, rollout_rs_threshold=BOUNDS) for name in ("token_k1", "seq_sum_k1", "seq_mean_k1")
}
both = left(4, **is_options, rollout_rs="token_k1", rollout_rs_threshold=BOUNDS)
print(f"{'ratios pi_train / pi_rollout':35}", *RATIOS)
print(f'what "{BOUNDS}" leaves of them:')
print(f"{'    rollout_is=token':35}", *weighed)
for name, found in rejected.items():
    print(f"{f'    rollout_rs={name}':35}", *found)
print(f"{'    rollout_is=token and token_k1':35}", *both)
assert weighed == [ratio for ratio in RATIOS if 0.5 <= ratio <= 5]
assert all(found == [ratio for ratio in RATIOS if 0.5 <= 1 / ratio <= 5] for found in rejected.values()), rejected
assert 0.25 in rejected["token_k1"] and 4.0 not in rejected["token_k1"]
assert both == [0.6, 1.0, 1.6]
PY
