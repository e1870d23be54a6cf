#!/usr/bin/env bash
# RLinf's REINFORCE++ takes the KL penalty of a response's padding off the response's own tokens: of equally right
# responses the shortest, which has the least penalty, gets the lowest advantages in place of the highest.
#
# Expected: a token's return is the response's reward less the penalties from that token to the response's end. What
#     pads the response to the maximal length has no part in it, as it has none in the loss.
# Instead: the penalty (reinpp_kl_beta) is taken at all positions, the mask is not applied to it, and returns are
#     summed up from the end of the padding. Actor and reference give the padding log-probabilities that differ as
#     those of other tokens do, unless batches are packed, which is not the default; of the estimators of the
#     divergence k1 alone is ever negative. So each response pays for as many tokens as the longest possible one has,
#     and the last token of a short one for all of its padding. (The last token is looked for in a mask that is
#     flipped along the batch in place of the sequence, which puts the reward, too, at the end of the padding.)
# Seen in: rlinf 0.3.0, compute_reinpp_advantages (rlinf.algorithms.advantages), FSDPActor.forward_batch and
#     compute_advantages_and_returns (rlinf.workers.actor.fsdp_actor_worker); torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (Ray, Hydra, simulators): what runs here needs these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps rlinf==0.3.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import contextlib
import sys
import types
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import torch

print("rlinf", version("rlinf"), "torch", torch.__version__)
# The package's own modules; only its scheduler, which imports Ray, is replaced, and says that the device is the CPU.
root = Path(get_path("purelib"), "rlinf")
for name in "", ".algorithms":
    module = sys.modules["rlinf" + name] = types.ModuleType("rlinf" + name)
    module.__path__ = [str(root.joinpath(*name.split(".")))]
scheduler = sys.modules["rlinf.scheduler"] = types.ModuleType("rlinf.scheduler")
platform = SimpleNamespace(current_device=lambda: "cpu")
Worker = scheduler.Worker = type("Worker", (), {"torch_device_type": "cpu", "torch_platform": platform})

import rlinf.algorithms.advantages  # noqa: E402,F401
from rlinf.algorithms.registry import calculate_adv_and_returns  # noqa: E402
from rlinf.utils.utils import compute_logprobs_from_logits  # noqa: E402

# Two methods of the actor, run from their module's text, as the module imports the engines.
tree = ast.parse((root / "workers/actor/fsdp_actor_worker.py").read_text())
actor = next(node for node in tree.body if getattr(node, "name", "") == "FSDPActor")
wanted = "forward_batch", "compute_advantages_and_returns"
methods = [node for node in actor.body if getattr(node, "name", "") in wanted]
assert len(methods) == 2
space = {"torch": torch, "Worker": Worker, "calculate_adv_and_returns": calculate_adv_and_returns}
exec(compile(ast.Module(methods, []), "fsdp_actor_worker", "exec"), space)

END, VOCABULARY, MAXIMUM, LENGTHS, BETA = 0, 16, 400, [10, 200, 300, 400], 0.02
torch.manual_seed(11)
REFERENCE = torch.randn(VOCABULARY, VOCABULARY)  # a model that sees the last token only: its logits for the next one
POLICY = REFERENCE + 0.3 * torch.randn(VOCABULARY, VOCABULARY)
RESPONSES = [[*torch.randint(1, VOCABULARY, (length - 1,)).tolist(), END] for length in LENGTHS]


def train_batch(beta, packed):
    """The batch of four right responses to one question, with their advantages."""

    def logprobs(table):
        self.model = lambda input_ids, **_: SimpleNamespace(logits=table[input_ids])
        values = space["forward_batch"](self, batch)
        return values * mask if packed else values  # a packed batch has 0 at the padding

    class Options(dict):
        __getattr__ = dict.__getitem__

    sampling = SimpleNamespace(temperature=1.0)
    options = Options(adv_type="reinpp", group_size=4, sampling_params=sampling)
    self = SimpleNamespace(
        cfg=SimpleNamespace(algorithm=options),
        response_len=MAXIMUM,
        reinpp_kl_beta=beta,
        kl_penalty_type="low_var_kl",
        task_type="reasoning",
        enable_dynamic_batch_size=False,
        variable_seq_lengths=False,
        amp_context=contextlib.nullcontext(),
        worker_timer=contextlib.nullcontext,
        compute_logprobs=compute_logprobs_from_logits,
    )
    padded = [[1, 2, *response, *[END] * (MAXIMUM - len(response))] for response in RESPONSES]
    mask = torch.arange(MAXIMUM) < torch.tensor(LENGTHS)[:, None]
    batch = {"input_ids": torch.tensor(padded), "attention_mask": None, "position_ids": None}
    batch["recomputed_logprobs"], batch["ref_logprobs"] = logprobs(POLICY), logprobs(REFERENCE)
    batch |= {"response_mask": mask, "rewards": torch.ones(len(LENGTHS))}
    return space["compute_advantages_and_returns"](self, batch)


responses = torch.tensor(RESPONSES[-1])
gaps = REFERENCE.log_softmax(-1) - POLICY.log_softmax(-1)
divergence = gaps.exp() - gaps - 1
of_response = divergence[[2, *responses[:-1]], responses].mean()
print(f"divergence per token: longest response {of_response:.3f}, padding {divergence[END, END]:.3f}")
print(f"four right responses of {LENGTHS} tokens, reinpp_kl_beta={BETA}: mean advantage of all, of the last")
found = {}
for beta, packed in (0.0, False), (BETA, True), (BETA, False):
    batch = train_batch(beta, packed)
    advantages, mask = batch["advantages"], batch["response_mask"]
    means = found[beta, packed] = [round(mean, 4) for mean in ((advantages * mask).sum(1) / mask.sum(1)).tolist()]
    ends = [advantages[row, length - 1].item() for row, length in enumerate(LENGTHS)]
    how = "none" if not beta else "of the response" if packed else "as it is"
    print(f"    penalty {how:16}", *(f"{mean:6.2f} {end:5.2f};" for mean, end in zip(means, ends, strict=True)))
assert found[0.0, False] == [0.0] * 4
assert found[BETA, True] == sorted(found[BETA, True], reverse=True) and found[BETA, True][0] > 1  # as it should be
assert found[BETA, False] == sorted(found[BETA, False]) and found[BETA, False][0] < -1, found
PY
