#!/usr/bin/env bash
# With an agent (train.agent_func_path) OpenRLHF does not keep to rollout.max_new_tokens, and a sample that ends
# because a tool's answer left no room is not counted as truncated.
#
# Expected: no response is longer than max_new_tokens ("Max tokens to generate per sample"), as without an agent, and
#     one that was stopped by the limit is truncated, for rollout/truncated_rate and the penalties.
# Instead: each turn may fill all that is left of data.max_len; max_new_tokens is only the room that is kept beside the
#     first observation. The overlong penalty still takes it for the limit, so above it all lengths cost the same. If
#     the environment's text fills data.max_len, the sample ends without being done and is not truncated.
#     The samples of a prompt share one object of parameters, whose limit the first one sets to what its observation
#     leaves: a longer observation of another sample is cut to the first one's length, from its beginning. The only
#     word is a warning in an engine's log.
# Seen in: openrlhf 0.11.2, openrlhf.utils.agent, MultiTurnAgentExecutor.execute; openrlhf.trainer.ray.vllm_engine,
#     RolloutRayActor.generate_responses; openrlhf.trainer.ppo_utils.length_penalty.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5 numpy==2.4.6
# Without its dependencies (torch, Ray, vLLM): what runs here needs these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps openrlhf==0.11.2
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
import asyncio
import sys
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import ModuleType, SimpleNamespace

import numpy as np

print("openrlhf", version("openrlhf"))
# Its packages import torch when they are imported; the two modules do not, so they get packages that import nothing.
root = Path(get_path("purelib"), "openrlhf")
for name in ("openrlhf", "openrlhf.utils", "openrlhf.trainer", "openrlhf.trainer.ppo_utils"):
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__path__ = [str(root.joinpath(*name.split(".")[1:]))]
from openrlhf.trainer.ppo_utils.length_penalty import apply_overlong_penalty
from openrlhf.utils.agent import AgentInstanceBase, MultiTurnAgentExecutor, SingleTurnAgentExecutor

# How an engine draws the samples of a prompt, from its own text (the module imports Ray and vLLM).
engine = ast.parse((root / "trainer/ray/vllm_engine.py").read_text())
method = next(node for node in ast.walk(engine) if getattr(node, "name", "") == "generate_responses")
space = {"asyncio": asyncio}
exec(compile(ast.Module([method], []), "vllm_engine.py", "exec"), space)

MAX_LEN, MAX_NEW_TOKENS = 512, 64  # data.max_len, rollout.max_new_tokens


class Letters:
    """A tokenizer with one token a letter."""

    def __call__(self, text, **_):
        return {"input_ids": np.array([[ord(letter) for letter in text]])}

    def decode(self, tokens, **_):
        return "".join(map(chr, tokens))


class Engine:
    """Writes a response of some length, and stops at the limit that it is given."""

    def __init__(self, executor, length):
        self.executor, self.length, self.seen = executor, length, []

    async def generate(self, tokens, params, **_):
        await asyncio.sleep(0)  # the others begin while this one is generated
        self.seen.append((Letters().decode(tokens), params.max_tokens))
        length = min(self.length, params.max_tokens)
        reason = "length" if length < self.length else "stop"
        output = SimpleNamespace(token_ids=[ord("r")] * length, text="r" * length, finish_reason=reason)
        return SimpleNamespace(outputs=[output])


def sample(executor, length, samples=1):
    engine = Engine(executor, length)
    params = SimpleNamespace(max_tokens=MAX_NEW_TOKENS, logprobs=None)
    run = space["generate_responses"](engine, "What is 3 + 4? Think", "7", params, MAX_LEN, Letters(), samples)
    return engine.seen, asyncio.run(run)


class OneTurn(AgentInstanceBase):
    def __init__(self):
        pass

    async def step(self, states):
        return {"rewards": np.float64(1), "environment_feedback": "", "done": True}


class Tool(OneTurn):
    async def step(self, states):
        return {"rewards": np.float64(0), "environment_feedback": "t" * 400, "done": False}


class Hint(OneTurn):
    """Begins every other sample with a hint."""

    hints = ["", "Hint: count on your fingers. "] * 2

    async def reset(self, states):
        return {"observation": self.hints.pop(0) + states["observation"]}


print(f"max_len {MAX_LEN}, max_new_tokens {MAX_NEW_TOKENS}, a prompt of 20 tokens, a response of 300 tokens")
lengths = {}
for name, executor in {"no agent": SingleTurnAgentExecutor(), "agent": MultiTurnAgentExecutor(OneTurn)}.items():
    (seen,), (response,) = sample(executor, 300)
    (turn,) = response["action_ranges"]
    lengths[name] = turn[1] - turn[0], response["truncated"]
    print(f"{name:9} engine's limit {seen[1]}, response {lengths[name][0]} tokens, truncated {response['truncated']}")
assert lengths == {"no agent": (64, True), "agent": (300, False)}, lengths

longer = (60, 64, 100, 300)
rewards = np.ones(len(longer))
apply_overlong_penalty([SimpleNamespace(response_length=np.array(longer), rewards=rewards)], MAX_NEW_TOKENS, 16)
print(f"reward 1 with the overlong penalty, buffer 16, for {longer} tokens: {rewards.tolist()}")
assert rewards.tolist() == [0.25, 0, 0, 0]

seen, (response,) = sample(MultiTurnAgentExecutor(Tool), 100)
total = len(response["observation_tokens"])
print(f"a tool answers with 400 tokens: {len(seen)} turn, {total} tokens in all, truncated {response['truncated']}")
assert (len(seen), total, response["truncated"]) == (1, 520, False)

seen, _ = sample(MultiTurnAgentExecutor(Hint), 300, samples=2)
for observation, _ in seen:
    print("observation as the model sees it:", repr(observation))
assert [text for text, _ in seen] == ["What is 3 + 4? Think"] * 2, seen  # the second one began with a hint
PY
