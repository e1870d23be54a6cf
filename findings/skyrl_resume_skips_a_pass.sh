#!/usr/bin/env bash
# A SkyRL run resumed from the checkpoint at the end of a pass over the data trains on nothing in the next pass.
#
# Expected: it continues with the first batch of the next pass; a run of one pass, resumed with epochs=2, trains
#     on a second one. The end of a pass is the place to resume from: SkyRL saves there whatever the interval.
# Instead: torchdata's StatefulDataLoader keeps in its state that its pass is over, and the first pass after loading
#     is an empty one. SkyRL counts passes by the step, so it takes the empty one for the pass to be done: a run
#     resumed after pass 1 of 3 trains on two in all, under the numbers 1 and 3, and one resumed after the last but
#     one on nothing more. Nothing is raised. From the middle of a pass all is as expected.
# Seen in: SkyRL 0.3.0, skyrl.train.trainer.RayPPOTrainer.train and skyrl.train.utils.trainer_utils.build_dataloader;
#     torchdata 0.11.0, torch 2.13.0. verl 0.9.1's sft_trainer.SFTTrainer.fit has the same loop; its ray_trainer does
#     not load the state there, and begins again with pass 1's order.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 torchdata==0.11.0 numpy==2.4.6
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps skyrl==0.3.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import copy
import logging
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import torch
from torchdata.stateful_dataloader import StatefulDataLoader

print(*(f"{name} {version(name)}" for name in ("skyrl", "torchdata", "torch")))
# Its modules import Ray and engines; the loop over the data and the loader are run from their own text.
space = {"torch": torch, "StatefulDataLoader": StatefulDataLoader, "logger": logging.getLogger()}


def named(file, *names):
    found = SimpleNamespace(body=ast.parse(Path(get_path("purelib"), "skyrl/train", file).read_text()).body)
    for name in names:
        found = next(node for node in found.body if getattr(node, "name", "") == name)
    return found


def run(definition):
    for argument in definition.args.args:
        argument.annotation = None
    definition.returns = None
    exec(compile(ast.fix_missing_locations(ast.Module([definition], [])), "skyrl", "exec"), space)
    return space[definition.name]


build_dataloader = run(named("utils/trainer_utils.py", "build_dataloader"))
train = named("trainer.py", "RayPPOTrainer", "train")

def assigned(name):
    return next(n for n in ast.walk(train) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name)


assert "is_epoch_end or" in ast.unparse(assigned("ckpt_interval_save"))  # it saves at the end of each pass
# Of train(): where the first epoch is computed, and the loop over epochs, with a recorded step in place of the body.
first = assigned("start_epoch")
epochs = next(n for n in ast.walk(train) if isinstance(n, ast.For) and ast.unparse(n.target) == "epoch")
batches = next(n for n in epochs.body if isinstance(n, ast.For))
batches.body = ast.parse("self.step(epoch, rand_prompts)").body
loop = ast.parse("def loop(self, stop_training=False): pass").body[0]
loop.body = [first, epochs]
loop = run(loop)


class Prompts(list):
    def collate_fn(self, rows):
        return "".join(rows)


def passes(number, step=0, states=None):
    """Train from a step on: the prompts by epoch, and the loader's state after each step."""
    loading = SimpleNamespace(num_workers=0, persistent_workers=False)
    options = SimpleNamespace(train_batch_size=2, epochs=number, seed=42)
    cfg = SimpleNamespace(trainer=options, data=SimpleNamespace(dataloader=loading))
    loader = build_dataloader(cfg, Prompts("abcdefgh"))
    if states:
        loader.load_state_dict(states[step])
    done, saved = {}, {}

    def one_step(epoch, prompts):
        trainer.global_step += 1
        done[epoch + 1] = done.get(epoch + 1, "") + prompts
        saved[trainer.global_step] = copy.deepcopy(loader.state_dict())

    trainer = SimpleNamespace(cfg=cfg, train_dataloader=loader, global_step=step, step=one_step)
    trainer._fire = lambda event: None
    loop(trainer)
    return done, saved


whole, states = passes(3)
print("eight prompts, two a step; prompts by epoch:")
print("uninterrupted:        ", whole)
resumed = {step: passes(3, step, states)[0] for step in (4, 6, 8)}
for step, done in resumed.items():
    print(f"resumed after step {step}:  ", done)
all_prompts = list("abcdefgh")
assert [sorted(order) for order in whole.values()] == [all_prompts] * 3
middle, end = resumed[6], resumed[4]
assert middle[2] == whole[2][4:] and sorted(middle[3]) == all_prompts and len(middle) == 2  # as it should be
assert sorted(end[3]) == all_prompts and len(end) == 1  # of two passes to go one
assert resumed[8] == {}
once, states = passes(1)
more = passes(2, 4, states)[0]
print("epochs=1, then resumed with epochs=2:", once, more)
assert len(once) == 1 and more == {}
PY
