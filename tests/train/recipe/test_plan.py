"""Plans: steps, warm-up, GPUs by role, disk, and the combinations that are refused."""

from __future__ import annotations

import json
import math
import struct

import pytest

from lim.utils.errors import InputError
from train.recipe import model, plan, recipe
from train.recipe.resolve import gpu_roles, resolve


def make(name: str, prompts: int, *overrides: str, overlays=()):
    return plan.make_plan(resolve(recipe.load(name, overlays, overrides)), prompts)


def test_full_of_the_paper():
    # 8,192 prompts are eight whole batches of 1,024; 1,024 x 8 samples are 32 train batches of 256.
    planned = make("math.8k", 8192)
    assert (planned.steps_per_epoch, planned.epochs, planned.steps) == (8, 21, 168)
    assert (planned.optimizer_steps_per_epoch, planned.optimizer_steps) == (256, 5376)


def test_a_smaller_set_gets_the_optimiser_steps_of_full():
    # 1,389 = 1,024 + 365 prompts: 32 + floor(365 x 8 / 256) = 32 + 11 steps; 5,376 / 43 = 125.02.
    planned = make("limr", 1389)
    assert (planned.steps_per_epoch, planned.optimizer_steps_per_epoch) == (2, 43)
    assert (planned.epochs, planned.optimizer_steps) == (125, 5375)
    assert make("limr", 1389, "run.epoch_prompts=null").epochs == 21


def test_a_larger_set_keeps_its_epochs():
    assert make("math.8k", 20_000).epochs == 21


@pytest.mark.parametrize(
    ("prompts", "steps", "optimizer_steps"),
    [(128, 1, 4), (129, 2, 4), (160, 2, 5), (300, 3, 9), (512, 4, 16), (32, 1, 1)],
)
def test_partial_last_batch(prompts, steps, optimizer_steps):
    # 128 prompts x 4 samples a step, train batches of 128: what is left of the last batch makes no step.
    planned = make("arithmetic-cpu", prompts)
    assert (planned.steps_per_epoch, planned.optimizer_steps_per_epoch) == (steps, optimizer_steps)


def test_too_few_prompts_for_one_optimiser_step():
    with pytest.raises(InputError, match=r"31 prompts x 4 samples are fewer than train\.batch_size=128"):
        make("arithmetic-cpu", 31)


@pytest.mark.parametrize("warmup", [0, 1, 10, 33])
@pytest.mark.parametrize("prompts", [128, 300, 512])
def test_warmup_ratio_gives_the_steps(warmup, prompts):
    planned = make("arithmetic-cpu", prompts)
    assert math.ceil(planned.scheduler_steps * plan.warmup_ratio(planned, warmup)) == warmup


def test_scheduler_steps_are_openrlhfs():
    # prompts x samples // train batch x episodes, as its prepare_datasets counts them: 300 x 4 // 128 = 9.
    planned = make("arithmetic-cpu", 300)
    assert planned.scheduler_steps == 9 * planned.epochs


@pytest.mark.parametrize(
    ("overlays", "gpus"),
    [
        ([], 16),
        (["paper-16gpu"], 16),
        (["colocated-8gpu"], 8),
        (["colocated-1gpu"], 1),
        (["cpu"], 4),
        (["qwen2.5-math-1.5b"], 1),
        (["qwen2.5-14b"], 8),
        (["qwen2.5-32b"], 16),
        (["qwen2.5-math-72b"], 32),
    ],
)
def test_gpus(overlays, gpus):
    assert resolve(recipe.load("math.8k", overlays)).gpus == gpus


def test_gpu_roles():
    roles, total = gpu_roles(recipe.load("math.8k", [], ["algo.kl.init_coef=0"]))
    assert (roles, total) == ({"actor": 4, "critic": 4, "vLLM": 4}, 12)
    roles, total = gpu_roles(recipe.load("math.8k", [], ["train.colocate_actor_ref=true"]))
    assert (roles["reference"], total) == (4, 12)
    roles, total = gpu_roles(recipe.load("math.8k", [], ["algo.advantage.estimator=group_norm"]))
    assert "critic" not in roles
    assert total == 12


@pytest.mark.parametrize(
    ("overlays", "overrides", "message"),
    [
        ([], ["train.batch_size=250"], "train.batch_size=250 does not divide the 8192 samples"),
        ([], ["rollout.batch_size=1000"], "train.batch_size=256 does not divide the 8000 samples"),
        ([], ["train.micro_batch_size=3"], "not a multiple of 12 (4 actor ranks x train.micro_batch_size=3)"),
        (
            [],
            ["rollout.micro_batch_size=128"],
            "not a multiple of 512 (4 actor ranks x rollout.micro_batch_size=128)",
        ),
        ([], ["critic.num_gpus_per_node=3"], "not a multiple of 12 (3 critic ranks"),
        ([], ["ref.num_gpus_per_node=3"], "not a multiple of 12 (3 reference ranks"),
        ([], ["ref.num_gpus_per_node=6", "ds.ring_attn_size=4"], "reference: 6 GPUs do not divide"),
        (
            [],
            ["ref.num_gpus_per_node=8", "train.dynamic_batch_enable=true"],
            "OpenRLHF makes a batch for each of the 4 actor ranks, and 8 reference ranks cannot",
        ),
        ([], ["actor.num_gpus_per_node=5", "ds.tensor_parallel_size=2"], "actor: 5 GPUs do not divide"),
        ([], ["data.max_len=3072"], "rollout.max_new_tokens=3072: data.max_len=3072 holds prompt and response"),
        ([], ["rollout.max_new_tokens=5000"], "rollout.max_new_tokens=5000: data.max_len=4096 holds"),
        ([], ["rollout.max_new_tokens=0"], "it needs to be above 0 and leave room"),
        ([], ["vllm.num_engines=null"], "vllm.num_engines: not set"),
        (["colocated-8gpu"], ["vllm.num_engines=4"], "vLLM has 4 GPUs and the actor 8"),
        (["colocated-8gpu"], ["ref.num_gpus_per_node=4"], "reference has 4 GPUs and the actor 8"),
        (
            [],
            ["train.colocate_actor_ref=true", "ref.num_gpus_per_node=2"],
            "the reference has 2 GPUs and the actor 4",
        ),
    ],
)
def test_refused(overlays, overrides, message):
    with pytest.raises(InputError) as caught:
        make("math.8k", 8192, *overrides, overlays=overlays)
    assert message in str(caught.value)


@pytest.mark.parametrize(("ranks", "micro"), [(1, 4), (3, 4), (4, 4), (5, 1), (6, 2), (8, 3), (9, 7)])
def test_a_reference_is_accepted_where_deepspeed_accepts_it(monkeypatch, ranks, micro):
    """DeepSpeed's own check of the batch sizes that OpenRLHF gives each model, as if on so many GPUs."""
    from deepspeed.runtime import config

    monkeypatch.setattr(config.dist, "get_rank", lambda: 0)
    monkeypatch.setattr(config.dist, "get_world_size", lambda: ranks)
    recipe_252 = ["rollout.batch_size=252", "train.batch_size=252", "rollout.micro_batch_size=1"]
    recipe_252 += ["actor.num_gpus_per_node=1", "critic.num_gpus_per_node=1"]
    recipe_252 += [f"train.micro_batch_size={micro}", f"ref.num_gpus_per_node={ranks}"]
    try:
        config.DeepSpeedConfig({"train_batch_size": 252, "train_micro_batch_size_per_gpu": micro})
    except AssertionError:
        with pytest.raises(InputError, match=f"reference ranks x train.micro_batch_size={micro}"):
            make("math.8k", 8192, *recipe_252)
    else:
        make("math.8k", 8192, *recipe_252)


def test_the_number_of_parameters_is_that_of_the_model(tmp_path):
    def parameters(*overrides, overlays=()):
        loaded = recipe.load("math.8k", overlays, overrides)
        return model.parameters_of(loaded, loaded.get("actor.model_name_or_path"))

    assert parameters() == 7615616512
    assert parameters(overlays=["qwen2.5-math-1.5b"]) == 1543714304
    assert parameters("actor.model_name_or_path=some/model") is None
    assert parameters("actor.model_name_or_path=some/model", "run.parameters=1e9") == 1e9
    header = json.dumps({"a": {"shape": [3, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert parameters(f"actor.model_name_or_path={tmp_path}") == 12


def time_of(*overrides, overlays=()):
    resolved = resolve(recipe.load("math.8k", overlays, overrides))
    return dict(plan.rows(resolved, plan.make_plan(resolved, 8192), None, {}))["time"]


def test_an_estimate_needs_a_measurement_or_the_speed_of_a_gpu():
    assert time_of().startswith("no estimate (run.seconds_per_step as measured, or run.gpu_tokens and run.gpu_flops")
    assert time_of("run.gpu_tokens=2000").startswith("no estimate")
    # 168 steps of 90 s.
    assert (
        time_of("run.seconds_per_step=90")
        == "about 90 s per step (run.seconds_per_step), 4 h 12 min in all, 67 GPU hours without start and saves"
    )


def test_the_estimate_by_the_speed_of_a_gpu():
    # 8,192 samples: 3,072 new tokens each at 2,000 per second on 4 GPUs are 3,146 s. 4,096 tokens x 7.6e9 parameters
    # at 4e14 FLOP per second: forward 2 x 639 s and training 8 x 639 s on 4 GPUs.
    speed = ("run.gpu_tokens=2000", "run.gpu_flops=4e14")
    work = 8192 * 4096 * 7615616512 / 4e14
    alone = 8192 * 3072 / 2000 / 4 + (2 + 8) * work / 4
    assert time_of(*speed).startswith(f"about {alone:,.0f} s per step (if every response had full length), ")
    # On 8 shared GPUs all generate, three models read one after the other, and two train.
    shared = 8192 * 3072 / 2000 / 8 + (3 * 2 + 2 * 8) * work / 8
    assert time_of(*speed, overlays=["colocated-8gpu"]).startswith(f"about {shared:,.0f} s per step")


def test_count_parameters(tmp_path):
    assert model.count_parameters(tmp_path) is None
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"shape": [3, 4]}, "b": {"shape": [5]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert model.count_parameters(tmp_path) == 17


def test_count_parameters_names_a_file_that_was_cut_off(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0")
    with pytest.raises(InputError, match=r"model\.safetensors: cut off"):
        model.count_parameters(tmp_path)
