"""Joining a cluster: what Ray's workers on its other machines are told of this process's environment; and what the
trainer puts in the place of OpenRLHF's own.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from train.ppo import trainer
from train.ppo.samples import EpochOrder
from train.ppo.sent_by_name import SentByName


@pytest.fixture
def carried(monkeypatch):
    """Join a cluster that is not there, with these variables set; those that its workers get."""
    given: list[dict] = []
    monkeypatch.setattr("ray.init", lambda **settings: given.append(settings))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")

    def join(**variables: str) -> dict[str, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        trainer.start_ray()
        assert given[-1]["address"] == "10.0.0.1:6379"
        return given[-1]["runtime_env"]["env_vars"]

    return join


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in own_of_openrlhf():
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def own_of_openrlhf() -> list[str]:
    """The variables that OpenRLHF alone would give the workers."""
    spec = importlib.util.find_spec("openrlhf")
    assert spec is not None and spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], "cli", "train_ppo_ray.py").read_text(encoding="utf-8")
    block = source[source.index("ray.init(") : source.index("# configure strategy")]
    return re.findall(r'^ *"([A-Z_]+)": os\.environ\.get', block, re.M)


def test_the_workers_get_what_openrlhf_would_give_them(carried):
    names = own_of_openrlhf()
    assert len(names) >= 3
    assert carried().keys() >= set(names)


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("HF_HOME", True),
        ("HUGGINGFACE_HUB_CACHE", True),
        ("HUGGING_FACE_HUB_TOKEN", True),  # for a model behind a login
        ("TRANSFORMERS_OFFLINE", True),  # keeps the workers from asking the hub, as HF_HUB_OFFLINE does
        ("GLOO_SOCKET_IFNAME", True),
        ("TRITON_CACHE_DIR", True),
        ("FLASHINFER_WORKSPACE_BASE", True),
        ("NCCL_SOCKET_IFNAME", True),
        ("TORCH_NCCL_ASYNC_ERROR_HANDLING", True),
        ("PYTORCH_CUDA_ALLOC_CONF", True),
        ("VLLM_LOGGING_LEVEL", True),
        ("VLLM_HOST_IP", False),  # this machine's address
        ("CUDA_VISIBLE_DEVICES", False),
        ("WANDB_MODE", True),
        ("WANDB_API_KEY", False),  # Ray writes what it carries to its logs
    ],
)
def test_the_workers_get_what_is_the_same_on_all_machines(carried, name, goes):
    assert (name in carried(**{name: "x"})) is goes


@pytest.mark.parametrize("slow", [False, True])
def test_the_trainer_replaces_what_is_costly_in_openrlhfs(monkeypatch, slow):
    def theirs(*_given):
        raise AssertionError

    class Base:
        def __init__(self, _pretrain, strategy, *_groups, **_options):
            self.args, self.tokenizer = strategy.args, "the tokenizer"
            self.prompts_dataloader = SimpleNamespace(dataset=["a", "b"])
            self.experience_maker = SimpleNamespace(get_advantages_and_returns=theirs)
            self.samples_generator = SimpleNamespace(
                tokenizer=self.tokenizer, generate_samples=theirs, generate_eval_samples=theirs
            )

    monkeypatch.setattr(trainer, "stop_at_end_tokens", lambda _tokenizer: None)
    monkeypatch.setattr(trainer.advantages, "faster", lambda original: ("in place of", original))
    args = SimpleNamespace(data=SimpleNamespace(disable_fast_tokenizer=slow))
    made = trainer.trainer_class(Base)("some/model", SimpleNamespace(args=args), temperature=1.0)
    sent = made.samples_generator.tokenizer
    assert isinstance(sent, SentByName) and sent.named == ("some/model", not slow)
    assert made.tokenizer == "the tokenizer"  # the trainer's own decodes the log
    assert made.experience_maker.get_advantages_and_returns == ("in place of", theirs)
    assert isinstance(made.samples_generator.prompts_dataloader, EpochOrder)
