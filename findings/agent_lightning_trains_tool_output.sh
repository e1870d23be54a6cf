#!/usr/bin/env bash
# Agent Lightning, with whole trajectories as samples, trains on what tools and users wrote where a turn's prompt does
# not begin with all that came before, and may leave out what the model wrote.
#
# Expected: the mask covers what the model wrote, as where each turn is a sample. Where a prompt is no continuation
#     (the chat template drops earlier thinking, or text comes back as other tokens) a new sample begins, and its
#     prompt is context.
# Instead: of a later sample's prompt the first trajectory_max_prompt_length tokens are context, which is to be the
#     length of a first turn's prompt; all after them becomes response, with a mask of 1. Those ones are appended
#     twice, so the mask is longer than the response: the next tool's output and padding get a part of it, and the
#     zeros of the tool fall on the model's last turn. Padding cuts the mask to size: nothing is raised or logged.
# Seen in: agentlightning 0.3.0, agentlightning.verl.daemon, AgentModeDaemon.get_train_data_batch (trace_aggregator
#     level "trajectory"); torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (servers, verl): the method needs these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps agentlightning==0.3.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import typing
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import numpy as np
import torch

print("agentlightning", version("agentlightning"), "torch", torch.__version__)
# The module imports servers and verl; the method and its three helpers are run from its own text. Of verl and
# tensordict it uses the containers that the batch is returned in.
source = (Path(get_path("purelib")) / "agentlightning/verl/daemon.py").read_text()
names = {"ids_startswith", "get_left_padded_ids_and_attention_mask", "get_right_padded_ids_and_attention_mask"}
names.add("get_train_data_batch")
found = [node for node in ast.walk(ast.parse(source)) if getattr(node, "name", "") in names]
space = {"torch": torch, "np": np, "TensorDict": lambda fields, batch_size: fields, **vars(typing)}
space["DataProto"] = lambda batch: SimpleNamespace(batch=batch, non_tensor_batch={})
exec(compile(ast.Module(found, []), "daemon.py", "exec"), space)

PAD = "_"  # a letter is a token; the model writes small letters, users and tools capitals


def train(level, turns, prompt_length, response_length):
    """Print the samples made of one trajectory, each with its mask; return what is trained on of each."""
    pairs = [[{"token_ids": list(map(ord, text))} for text in turn] for turn in turns]
    triplets = [SimpleNamespace(prompt=prompt, response=response) for prompt, response in pairs]
    daemon = SimpleNamespace(
        is_train=True,
        _total_tasks_queued=1,
        _completed_rollouts_v0={"r": SimpleNamespace(rollout_id="r", triplets=triplets, final_reward=1.0)},
        _task_id_to_original_sample={"r": {"data_id": "question"}},
        _fillna_reward=lambda rollout: rollout.final_reward,
        trace_aggregator={"level": level},
        tokenizer=None,
        pad_token_id=ord(PAD),
        _use_mrope=False,
    )
    data, _ = space["get_train_data_batch"](daemon, prompt_length, response_length, torch.device("cpu"), 1)
    kept = ~data.batch["is_drop_mask"]
    prompts, responses = data.batch["prompts"][kept], data.batch["responses"][kept]
    # where each turn is a sample there is no mask: the trainer takes the response's attention mask
    masks = data.batch.get("response_mask", data.batch["attention_mask"][:, -response_length:])[kept]
    trained = []
    for prompt, response, mask in zip(prompts, responses, masks):
        prompt, response = ("".join(map(chr, row.tolist())) for row in (prompt, response))
        print(f"    {prompt} | {response}")
        print("    " + " " * len(prompt) + " | " + "".join(map(str, mask.tolist())))
        trained.append("".join(letter for letter, on in zip(response, mask) if on))
    return trained


# The model thinks and calls the tool three times; the template shows it no earlier thinking.
thinking = [("QUESTION:", "think,call;"), ("QUESTION:call;TOOL:", "think,more;")]
thinking.append(("QUESTION:call;TOOL:more;TOOLTOOL:", "so seven."))
print("earlier thinking dropped, whole trajectories:")
got = train("trajectory", thinking, 9, 50)
assert got == [
    "think,call;",
    "call;TOOL:think,more;" + PAD * 10,
    "call;TOOL:more;TOOLTOOL:so seven." + PAD * 17,
], got
print("the same, each turn a sample:")
got = train("transition", thinking, 40, 20)
assert got == ["think,call;", "think,more;", "so seven."], got

# One break: the first call comes back as other tokens. The two turns after it continue each other.
broken = [("QUESTION:", "call;"), ("QUESTION:CALL;TOOL:", "more;")]
broken.append(("QUESTION:CALL;TOOL:more;TOOLTOOLTOOLTOOL:", "so seven."))
print("one break, whole trajectories:")
got = train("trajectory", broken, 9, 50)
assert got == ["call;", "CALL;TOOL:more;TOOLTOOLTO" + PAD * 8], got  # and nothing of the last turn

whole = [("QUESTION:", "call;"), ("QUESTION:call;TOOL:", "so seven.")]
print("no break, whole trajectories:")
got = train("trajectory", whole, 9, 50)
assert got == ["call;so seven."], got
PY
