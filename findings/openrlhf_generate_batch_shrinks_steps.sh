#!/usr/bin/env bash
# A rollout.vllm_generate_batch_size below rollout.batch_size makes OpenRLHF's steps smaller: each trains on so few
# prompts, and there are more of them.
#
# Expected: it is how many prompts vLLM gets at once ("Batch size for vLLM generating samples"), a matter of memory and
#     speed: a step generates until it has rollout.batch_size prompts.
# Instead: a step generates once, and trains on what there is then. With 128 of 1,024 prompts at once a pass has eight
#     times the steps: eight times the updates of a KL controller, advantages normalised over 128 prompts, and saves and
#     evaluations, which count steps, eight times as often. Above rollout.batch_size the command line refuses the value
#     (without train.async_enable); below it, it says nothing.
# Seen in: openrlhf 0.11.2, openrlhf.trainer.ppo_utils.samples_generator, SamplesGenerator.generate_samples;
#     openrlhf.cli.train_ppo_ray has the checks; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 tqdm==4.70.1
# Without its dependencies (Ray, vLLM): stand-ins for engines answer at once.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps openrlhf==0.11.2
cd "$dir"
cat > steps.py <<'PY'
import sys
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import ModuleType, SimpleNamespace

import torch

print("openrlhf", version("openrlhf"), "torch", torch.__version__)
# Its packages import engines when they are imported; these stand-ins have what the generator takes from them.
root = Path(get_path("purelib"), "openrlhf")
for name in ("openrlhf", "openrlhf.utils", "openrlhf.trainer", "openrlhf.trainer.ray", "openrlhf.trainer.ppo_utils"):
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__path__ = [str(root.joinpath(*name.split(".")[1:]))]


def module(name, **content):
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(content)


module("ray", get=lambda found: found, wait=lambda pending, **_: (pending[:1], pending[1:]))
module("vllm", SamplingParams=SimpleNamespace)
module("openrlhf.trainer.ray.vllm_engine", batch_vllm_engine_call=lambda *_: None)
module("openrlhf.utils.utils", zero_pad_sequences=None)
from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator

PROMPTS, STEP, SAMPLES = 64, 16, 2


class Engine:
    """Answers each prompt with samples of three tokens."""

    def __init__(self):
        answer = {"observation_tokens": [1, 2, 3, 4], "action_ranges": [(1, 4)], "rollout_log_probs": None}
        self.get_num_unfinished_requests = SimpleNamespace(remote=lambda: 0)
        self.generate_responses = SimpleNamespace(
            remote=lambda prompt, label, num_samples, **_: [
                {**answer, "prompt": prompt, "label": label, "reward": 1.0}
            ]
            * num_samples
        )


def steps(at_once):
    """Prompts of each step of one pass."""
    rollout = SimpleNamespace(batch_size=STEP, n_samples_per_prompt=SAMPLES, vllm_generate_batch_size=at_once)
    algo = SimpleNamespace(
        dynamic_filtering_enable=False, advantage=SimpleNamespace(is_correction_level="off")
    )
    args = SimpleNamespace(rollout=rollout, algo=algo, vllm=SimpleNamespace(enable_sleep=False))
    loader = [(None, [f"prompt {number}"], [""], [None]) for number in range(PROMPTS)]
    generator = SamplesGenerator(SimpleNamespace(args=args), loader, None, None, [Engine(), Engine()])
    found, exhausted = [], False
    while not exhausted:
        samples, _, _, exhausted = generator.generate_samples(max_new_tokens=8, max_len=16)
        if samples:
            found.append(len(samples) / SAMPLES)
    return found


cli = (root / "cli" / "train_ppo_ray.py").read_text()
print("said of it:", "Batch size for vLLM generating samples" in cli)
for at_once, expected in ((None, [16] * 4), (16, [16] * 4), (32, [16] * 4), (8, [8] * 8), (12, [12] * 5 + [4])):
    got = steps(at_once)
    sizes = ", ".join(f"{size:g}" for size in got)
    print(f"batch_size 16, vllm_generate_batch_size {at_once}: {len(got)} steps of {sizes} prompts")
    assert got == expected, (at_once, got)
PY
"$dir/venv/bin/python" -W ignore::UserWarning steps.py 2> log || { tail -n 20 log; exit 1; }
