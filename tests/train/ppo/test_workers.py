"""A resume frees Adam's moments: DeepSpeed's and torch's own functions, with torch's "meta" device as the GPU."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
import torch
from deepspeed.runtime.zero import offload_states, stage3

from lim.utils.errors import InputError
from train.ppo import workers

BUFFERS = {"exp_avg_offload_buffer", "exp_avg_sq_offload_buffer"}


def optimizer(device: str) -> torch.optim.Optimizer:
    return torch.optim.AdamW([torch.nn.Parameter(torch.ones(4, device=device))])


def state_of(adam: torch.optim.Optimizer) -> dict:
    return adam.state[adam.param_groups[0]["params"][0]]


@pytest.fixture
def saved():
    """The optimiser's part of a checkpoint that is written while the model sleeps."""
    adam = optimizer("cpu")
    adam.param_groups[0]["params"][0].grad = torch.arange(4.0)
    adam.step()
    stage3.offload_adam_states(adam, "cpu")
    assert state_of(adam).keys() >= BUFFERS
    return adam.state_dict()


def test_what_deepspeed_does_by_itself(saved):
    """The fault that is kept out; where this fails, DeepSpeed has mended it and train/ppo/workers.py can go."""
    adam = optimizer("meta")
    adam.load_state_dict(saved)
    stage3.offload_adam_states(adam, "cpu")
    assert {state_of(adam)[key].device.type for key in (*BUFFERS, "exp_avg", "exp_avg_sq")} == {"meta"}


def test_the_first_offload_after_a_resume_takes_buffers_of_the_host(saved):
    adam = optimizer("meta")
    adam.register_load_state_dict_pre_hook(workers.without_buffers)
    adam.load_state_dict(saved)
    assert state_of(adam).keys() == {"step", "exp_avg", "exp_avg_sq"}
    with pytest.raises(NotImplementedError, match="no data"):  # to the host it goes; "meta" has nothing to copy
        stage3.offload_adam_states(adam, "cpu")
    assert state_of(adam)["exp_avg_offload_buffer"].device.type == "cpu"


def test_the_moments_themselves_are_loaded(saved):
    adam = optimizer("cpu")
    adam.register_load_state_dict_pre_hook(workers.without_buffers)
    adam.load_state_dict(saved)
    for key in ("exp_avg", "exp_avg_sq"):
        assert torch.equal(state_of(adam)[key], saved["state"][0][key])
    assert saved["state"][0].keys() >= BUFFERS  # what was read is not changed
    stage3.offload_adam_states(adam, "cpu")
    offload_states.reload_adam_states(adam, "cpu")
    assert torch.equal(state_of(adam)["exp_avg"], saved["state"][0]["exp_avg"])


def test_both_actors_load_without_buffers(saved):
    class Actor:
        def init_model_from_pretrained(self, strategy, pretrain, max_steps=None):
            self.adam = optimizer("meta")
            engine = SimpleNamespace(optimizer=SimpleNamespace(optimizer=self.adam))  # as ZeRO wraps it
            return strategy.load_ckpt(engine, f"{pretrain}/ckpt")

    def load_ckpt(engine, path):
        engine.optimizer.optimizer.load_state_dict(saved)
        return path

    actor = SimpleNamespace(__file__="a", PolicyModelActor=ray.remote(num_gpus=1)(Actor), Other=ray.remote(Actor))
    critic = SimpleNamespace(__file__="b", CriticModelActor=ray.remote(num_gpus=1)(Actor))
    other = actor.Other
    workers.swap_workers(actor, critic)
    assert actor.Other is other
    for swapped in (actor.PolicyModelActor, critic.CriticModelActor):
        assert swapped._default_options["num_gpus"] == 1
        model = swapped.__ray_metadata__.modified_class()
        assert model.init_model_from_pretrained(SimpleNamespace(load_ckpt=load_ckpt), "model") == "model/ckpt"
        assert state_of(model.adam).keys() == {"step", "exp_avg", "exp_avg_sq"}


def test_another_openrlhf_is_named():
    module = SimpleNamespace(__file__="ppo_actor.py", PolicyModelActor=object())
    with pytest.raises(InputError, match=r"ppo_actor\.py: not the OpenRLHF that train/ppo/workers\.py extends"):
        workers.swap_workers(module)


def test_the_installed_openrlhf_has_both_actors():
    folder = Path(importlib.util.find_spec("openrlhf").origin).parent / "trainer" / "ray"
    texts = {name: (folder / name).read_text() for name in ("ppo_actor.py", "ppo_critic.py")}
    for name, text in zip(sorted(workers.WORKERS, reverse=True), texts.values(), strict=True):
        begin = text.index(f"class {name}(")
        assert "strategy.load_ckpt(" in text[text.index("def init_model_from_pretrained", begin) :]
