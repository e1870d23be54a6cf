#!/usr/bin/env bash
# ms-swift's dynamic sampling generates and scores its last resample and does not look at it: max_resample_times=1
# never replaces a group, and the warning says that the retry did not help.
#
# Expected: up to max_resample_times further batches may fill up a batch in which groups have all rewards equal.
# Instead: whether there is enough is asked at the beginning of a round, before anything is generated, and the rounds
#     are max_resample_times in all. The batch of the last one is thrown away, whatever its rewards, and the first is
#     trained on, with all its groups that have no signal. So the default of 3 is 2, and 1 costs a second generation
#     at each such step and does nothing ("There are still std=0 groups present after 1 retries."). The Ray backend of
#     the same package asks once more and uses it: with one configuration the two train on different samples.
# Seen in: ms-swift 4.6.0, _dynamic_sampling (dynamic_sample) of swift.rlhf_trainers.grpo_trainer and of
#     swift.megatron.trainers.grpo_trainer; right in swift.ray.megatron.grpo_trainer; torch 2.13.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
# Without its dependencies (engines, transformers): the functions need torch only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps ms-swift==4.6.0
cd "$dir"
"$dir/venv/bin/python" -W ignore::UserWarning - <<'PY'
import ast
import typing
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace

import torch

print("ms-swift", version("ms-swift"), "torch", torch.__version__)
SAMPLES = 4  # responses to a question
LIVE, DEAD = [1.0, 0.0, 0.0, 1.0], [0.0] * SAMPLES


def run(*files):
    """The named functions, run from their modules' own text (the modules import engines); one process."""
    space = {**vars(typing), "torch": torch, "DataType": object, "GRPOSample": object, "gather_object": list}
    space["gather"] = lambda rewards: rewards
    for file, names in files:
        tree = ast.parse(Path(get_path("purelib"), "swift", file).read_text())
        found = [node for node in ast.walk(tree) if getattr(node, "name", "") in names.split()]
        assert len(found) == len(names.split()), names
        for node in found:
            node.decorator_list = []
        exec(compile(ast.Module(found, []), file, "exec"), space)
    space["logger"] = SimpleNamespace(info=lambda *_: None)
    return space


usual = run(("rlhf_trainers/grpo_trainer.py", "_dynamic_sampling compute_std"))
megatron = run(("megatron/trainers/grpo_trainer.py", "_dynamic_sampling"))
ray = run(
    ("rl_core/grpo_algorithm.py", "compute_std_for_dynamic_sampling"),
    ("ray/megatron/grpo_trainer.py", "_dynamic_sampling"),
)


def train(space, limit, *batches):
    """(rewards trained on, further batches generated, warnings), for batches of the rewards of two questions."""
    warnings, used = [], []
    space["logger"].warning = lambda text, *values: warnings.append(text % values if values else text)

    def rows(batch):
        return [reward for group in batch for reward in group]

    def score(samples):
        return torch.tensor(samples).unsqueeze(-1)

    def generate(samples):
        used.append(samples)
        return samples

    trainer = SimpleNamespace(
        max_resample_times=limit,
        num_generations=SAMPLES,
        reward_weights=torch.ones(1),
        # of the usual trainer
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(generation_batch_size=2 * SAMPLES),
        accelerator=SimpleNamespace(device="cpu", process_index=0),
        template=SimpleNamespace(truncation_strategy="left"),
        dynamic_num_samples=False,
        dynamic_resample_iterator=map(rows, batches[1:]),
        to_samples=list,
        _generate_completions=generate,
        _compute_rewards_per_func=score,
        # of Megatron's
        unwrapped_models=[SimpleNamespace(training=True)],
        generation_batch_size=2 * SAMPLES,
        per_device_generation_batch_size=2 * SAMPLES,
        process_index=0,
        get_num_iters_per_step=lambda: 1,
        resample_data_iterator=map(rows, batches[1:]),
        get_local_rollout_batch=list,
        _score_completions=score,
        # of Ray's
        truncation_strategy="left",
        _resample_iter=map(rows, batches[1:]),
        expand_for_generation=list,
        _generate=generate,
        _postprocess_rollout=lambda samples, completions: completions,
        score_completions=score,
    )
    trainer.compute_std = lambda *given: space["compute_std"](trainer, *given)
    samples, rewards = space["_dynamic_sampling"](trainer, rows(batches[0]), score(rows(batches[0])))
    assert samples == rewards[:, 0].tolist()
    return samples, len(used), warnings


BACKENDS = {"usual": usual, "Megatron": megatron, "Ray": ray}
half, live, dead = [LIVE, DEAD], [LIVE, LIVE], [DEAD, DEAD]
for title, limit, *batches in (
    ("half of a batch without a signal, the next one is whole", 1, half, live),
    ("the same", 2, half, live),
    ("only the third resample has a signal, the default", 3, dead, dead, dead, live),
):
    found = {name: train(space, limit, *batches) for name, space in BACKENDS.items()}
    print(f"{title}; max_resample_times={limit}")
    for name, (samples, generated, warnings) in found.items():
        print(f"    {name:8}: {generated} further batches generated, trained on {samples} {' '.join(warnings)}")
    assert found["usual"] == found["Megatron"] and found["usual"][1] == found["Ray"][1] == len(batches) - 1
    assert found["Ray"][0] == LIVE * 2 and not found["Ray"][2]
    if limit == 2:
        assert found["usual"] == found["Ray"]
    else:
        assert found["usual"][0] == batches[0][0] + batches[0][1] and found["usual"][2]
PY
