#!/usr/bin/env bash
# verl's log of rollouts has rows that no model wrote: empty responses with a score of 0 under a real question's gts.
#
# Expected: rollout_data_dir/<step>.jsonl holds the responses that were trained on, so the mean of its scores is
#     critic/score/mean, and gts tells a row's question.
# Instead: where a batch is no multiple of the mini-batches and ranks (a rollout failed, or agent loops gave several
#     outputs) it is filled up with rows of end tokens. They are masked in the loss and left out of all metrics, by a
#     tag; the log does not look at it. Their input and output are "", their score 0, and gts is that of the batch's
#     first response: by gts its question gets failures it never had, and the mean of the file is too low (for rewards
#     of -1, too high). Only the uid, which begins with "pad", tells them apart. Nothing is printed.
# Seen in: verl 0.9.1, the default trainer (use_v1), verl.trainer.ppo.v1.trainer_base, PPOTrainer._balance_batch and
#     _log_rollout_data; verl.trainer.ppo.padding_utils; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (Ray, engines): what runs here needs these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import copy
import json
import logging
import math
import os
import uuid
from concurrent.futures import Future
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

print("verl", version("verl"), "torch", torch.__version__)
SAMPLES, MINI_BATCH, RANKS = 4, 2, 2  # rollout.n; ppo_mini_batch_size, in prompts; data parallel ranks


class Texts(list):
    """A column that is no tensor."""

    def tolist(self):
        return list(self)


class Store(dict):
    """What the trainer uses of the queue between its processes: rows by key, columns of them as nested tensors."""

    def kv_batch_get(self, keys, partition_id, select_fields=None):
        if select_fields is None:
            return [self[key] for key in keys]
        columns = {name: [self[key][name] for key in keys] for name in select_fields}
        tensors = {name: torch.is_tensor(column[0]) for name, column in columns.items()}
        nest = torch.nested.as_nested_tensor
        return {k: nest(v, layout=torch.jagged) if tensors[k] else Texts(v) for k, v in columns.items()}

    def kv_batch_put(self, keys, partition_id, fields, tags):
        self.update(zip(keys, fields, strict=True))


class Batch(SimpleNamespace):
    """The names of a batch's rows, with their tags."""

    fields = extra_info = None

    def __len__(self):
        return len(self.keys)

    def reorder(self, order):
        self.keys, self.tags = [self.keys[at] for at in order], [self.tags[at] for at in order]


class Letters:
    """A tokenizer with one token a letter."""

    pad_token_id = eos_token_id = 0

    def decode(self, tokens, skip_special_tokens):
        return "".join(chr(token) for token in tokens if token)


# The modules import Ray; what is needed of them is run from their own text. Ranks of equal length need no balancing.
space: dict[str, Any] = {"torch": torch, "np": np, "math": math, "copy": copy, "uuid": uuid, "os": os, "json": json}
space |= {"Any": Any, "logger": logging.getLogger("verl"), "tq": Store(), "KVBatchMeta": Batch}
space |= {"list_of_dict_to_tensordict": list, "marked_timer": lambda *_, **__: nullcontext()}
space |= {"calculate_workload": lambda lengths: lengths, "log_seqlen_unbalance": lambda **_: {}}
space |= {"get_seqlen_balanced_partitions": lambda lengths, **_: [range(len(lengths))]}


def run(file, *names):
    tree = ast.parse(Path(get_path("purelib"), "verl", file).read_text())
    found = [node for node in ast.walk(tree) if getattr(node, "name", "") in names]
    assert len(found) == len(names), names
    for node in found:
        node.decorator_list = []
    exec(compile(ast.Module(found, []), file, "exec"), space)


run("utils/model.py", "compute_position_id_with_mask")
run(
    "trainer/ppo/padding_utils.py",
    "build_padding_position_ids",
    "build_padding_routed_experts",
    "construct_minimal_padding_template",
    "upsample_batch_to_divisible_size",
)
space["SYNTHETIC_PADDING_SEQ_LEN"] = 128
methods = "_get_required_batch_multiple", "_balance_batch", "_log_rollout_data", "_dump_generations"
run("trainer/ppo/v1/trainer_base.py", *methods, "_write_generations")


def step(number, rollouts):
    """The rows of a step's log, for rollouts (question, answer, sample, outputs, score), and the batch's tags."""
    space["tq"].clear()
    rows, tags = {}, []
    for question, answer, sample, outputs, score in rollouts:
        for index in range(outputs):
            prompt = torch.tensor([ord(letter) for letter in question + " tool: 7" * index])
            response = torch.tensor([ord(letter) for letter in str(answer)])
            rewards = torch.zeros(len(response))
            rewards[-1] = score
            rows[f"{question}_{sample}_{index}"] = {
                "uid": question,
                "prompts": prompt,
                "responses": response,
                "rm_scores": rewards,
                "reward_model": {"ground_truth": f"gold of {question}"},
            }
            tags.append({"seq_len": len(prompt) + len(response)})
    space["tq"].update(rows)
    sizes = SimpleNamespace(ppo_mini_batch_size=MINI_BATCH)
    config = SimpleNamespace(
        actor_rollout_ref=SimpleNamespace(actor=sizes, rollout=SimpleNamespace(n=SAMPLES)),
        trainer=SimpleNamespace(critic_warmup=0),
    )
    workers = SimpleNamespace(_dispatch_info={"actor": list(range(RANKS))})
    trainer = SimpleNamespace(config=config, use_critic=False, actor_rollout_wg=workers, tokenizer=Letters())
    vars(trainer).update(global_steps=number, _dump_futures=[], _dump_executor=SimpleNamespace(submit=at_once))
    for name in methods:
        setattr(trainer, name, lambda *args, name=name, **named: space[name](trainer, *args, **named))
    trainer._write_generations = space["_write_generations"]
    batch = trainer._balance_batch(Batch(keys=list(rows), tags=tags, partition_id="train"), {})
    trainer._log_rollout_data(batch, {}, "log")
    logged = [json.loads(line) for line in Path(f"log/{number}.jsonl").read_text().splitlines()]
    return logged, batch.tags


def at_once(function, *args):
    done = Future()
    done.set_result(function(*args))
    return done


def report(title, logged, tags):
    real = [row["score"] for row in logged if row["input"]]
    padding = [row for row in logged if not row["input"]]
    assert len(padding) == sum(tag.get("is_padding", False) for tag in tags)
    first = [row["score"] for row in logged if row["gts"] == "gold of A"]
    mean = sum(row["score"] for row in logged) / len(logged)
    print(f"{title}: {len(real)} rows, mean score {np.mean(real):.3f}; in the file {len(logged)}, mean {mean:.3f}")
    print(f"    scores under A's gts: {first}")
    for row in padding[:1]:
        print("   ", json.dumps(row))
    return real, padding, first, mean


whole = [(question, 7, sample, 1, 1.0) for question in "AB" for sample in range(SAMPLES)]
real, padding, first, mean = report("eight rollouts        ", *step(1, whole))
assert not padding and first == [1.0] * 4 and mean == 1
real, padding, first, mean = report("one of them failed    ", *step(2, whole[:-1]))
assert len(padding) == 1 and first == [1.0] * 4 + [0.0] and mean == 7 / 8
outputs = [(question, answer, sample, 1 + (sample == 0), score) for question, answer, sample, _, score in whole]
real, padding, first, mean = report("two with a second turn", *step(3, outputs))
assert len(real) == 10 and len(padding) == 6 and first == [1.0] * 5 + [0.0] * 6 and mean == 10 / 16
assert all(not row["output"] and row["uid"].startswith("pad") for row in padding)
PY
