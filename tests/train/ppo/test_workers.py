"""A resume frees Adam's moments: DeepSpeed's and torch's own functions, with torch's "meta" device as the GPU.

And rotary frequencies are exact whatever type a model was loaded in.
"""

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
        strategy = SimpleNamespace(load_ckpt=load_ckpt, prepare=None)
        assert model.init_model_from_pretrained(strategy, "model") == "model/ckpt"
        assert state_of(model.adam).keys() == {"step", "exp_avg", "exp_avg_sq"}


def test_ports_lie_below_those_the_kernel_gives_to_connections():
    """On GPUs as on CPUs: the class that a run uses asks for its port there."""

    class Actor:  # as OpenRLHF's BaseDistributedActor
        def __init__(self):
            self.port = self._get_free_port()

        @staticmethod
        def _get_free_port():
            return 40_000

        def init_model_from_pretrained(self, strategy): ...

    module = SimpleNamespace(__file__="a", ReferenceModelActor=ray.remote(num_gpus=1)(Actor))
    workers.swap_workers(module)
    swapped = module.ReferenceModelActor.__ray_metadata__.modified_class
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [swapped().port for _ in range(20)]
    assert all(1024 <= port < lowest for port in ports) and len(set(ports)) > 10


@pytest.mark.parametrize("text", ["1024\t65535\n", "1030\t65535\n", "500\t65535\n"])
def test_a_kernel_that_gives_out_all_ports(monkeypatch, tmp_path, text):
    """As servers of many connections are set up: there is nothing below."""
    monkeypatch.setattr(workers, "PORTS", tmp_path / "range")
    workers.PORTS.write_text(text)
    assert all(1024 <= workers.free_port() < 65536 for _ in range(20))


def test_another_openrlhf_is_named():
    module = SimpleNamespace(__file__="ppo_actor.py", PolicyModelActor=object())
    with pytest.raises(InputError, match=r"ppo_actor\.py: not the OpenRLHF that train/ppo/workers\.py extends"):
        workers.swap_workers(module)


@pytest.mark.parametrize("kind", ["Llama", "Qwen2", "Qwen3", "Gemma3"])  # the last has frequencies by kind of layer
def test_rotary_frequencies_are_exact_once_a_model_is_prepared(kind):
    import transformers

    config = getattr(transformers, "Gemma3TextConfig" if kind == "Gemma3" else f"{kind}Config")(
        vocab_size=8, hidden_size=256, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, head_dim=128
    )
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    exact = {name: buffer.clone() for name, buffer in model.model.rotary_emb.named_buffers()}
    model.to(torch.bfloat16)
    rounded = dict(model.model.rotary_emb.named_buffers())
    assert all((rounded[name].float() / exact[name] - 1).abs().max() > 1e-3 for name in exact)

    class Worker:
        def init_model_from_pretrained(self, strategy, given, options):
            return strategy.prepare((given, options))

    strategy = SimpleNamespace(load_ckpt=None, prepare=lambda *models: models)
    worker = type("CleanWorker", (workers.CleanLoading, Worker), {})()
    assert worker.init_model_from_pretrained(strategy, model, {"lr": 1}) == ((model, {"lr": 1}),)
    for name, buffer in exact.items():
        assert torch.equal(getattr(model.model.rotary_emb, name), buffer)
    assert model.lm_head.weight.dtype == torch.bfloat16
    assert workers.exact_rotary(model) == 0


def test_the_installed_openrlhf_has_all_actors():
    folder = Path(importlib.util.find_spec("openrlhf").origin).parent / "trainer" / "ray"
    text = "".join((folder / f"{name}.py").read_text() for name in ("ppo_actor", "ppo_critic", "launcher"))
    assert "else self._get_free_port()" in text and "class BaseModelActor(BaseDistributedActor)" in text
    for name in workers.WORKERS:
        assert f"class {name}(BaseModelActor):" in text
        begin = text.index("def init_model_from_pretrained", text.index(f"class {name}("))
        body = text[begin : text.index("\n    def ", begin)]
        assert "strategy.prepare(" in body
        assert ("strategy.load_ckpt(" in body) == (name != "ReferenceModelActor")
