"""The tokenizer as an argument: small on its way, loaded once by whoever receives it."""

from __future__ import annotations

import ast
import importlib.util
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import pytest

from train.ppo import sent_by_name

OPENRLHF = Path(importlib.util.find_spec("openrlhf").submodule_search_locations[0])


@pytest.fixture
def loaded(monkeypatch):
    """The calls of OpenRLHF's get_tokenizer, whose package cannot be imported without flash-attn."""
    calls: list[tuple] = []

    def get_tokenizer(*given, **named):
        calls.append((*given, named))
        return SimpleNamespace(of=given[0])

    for name in ("openrlhf", "openrlhf.utils"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    monkeypatch.setitem(sys.modules, "openrlhf.utils.utils", SimpleNamespace(get_tokenizer=get_tokenizer))
    sent_by_name.tokenizer_of.cache_clear()
    yield calls
    sent_by_name.tokenizer_of.cache_clear()


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])  # the latter is Ray's
def test_each_process_loads_it_once(loaded, dumps):
    sent = [dumps(sent_by_name.SentByName("some/model", fast=True)) for _ in range(3)]
    assert max(map(len, sent)) < 200 and loaded == []
    first, *others = map(pickle.loads, sent)
    assert first.of == "some/model" and all(other is first for other in others)
    assert pickle.loads(pickle.dumps(sent_by_name.SentByName("another/model", fast=False))).of == "another/model"
    assert loaded == [
        ("some/model", None, "left", {"use_fast": True}),
        ("another/model", None, "left", {"use_fast": False}),
    ]


def test_engines_get_it_from_openrlhfs_own_dispatch(loaded, monkeypatch):
    """Its generator as installed, with stand-ins for the engines and for what it imports and does not need here."""
    for name in ("openrlhf.trainer", "openrlhf.trainer.ppo_utils", "openrlhf.trainer.ray"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    stands_in = {
        "ray": {"get": lambda given: given},
        "vllm": {"SamplingParams": lambda **given: given},
        "openrlhf.trainer.ppo_utils.experience": {"Experience": None},
        "openrlhf.trainer.ray.vllm_engine": {"batch_vllm_engine_call": None},
        "openrlhf.utils.logging_utils": {"init_logger": lambda _name: None},
    }
    for name, names in stands_in.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**names))
    path = OPENRLHF / "trainer" / "ppo_utils" / "samples_generator.py"
    own = importlib.util.spec_from_file_location("samples_generator", path)
    module = importlib.util.module_from_spec(own)
    own.loader.exec_module(module)

    calls: list[bytes] = []
    engine = SimpleNamespace(
        get_num_unfinished_requests=SimpleNamespace(remote=lambda: 0),
        generate_responses=SimpleNamespace(remote=lambda **given: calls.append(cloudpickle.dumps(given))),
    )
    advantage = SimpleNamespace(is_correction_level="off")
    args = SimpleNamespace(algo=SimpleNamespace(advantage=advantage), rollout=SimpleNamespace(n_samples_per_prompt=2))
    generator = module.SamplesGenerator(SimpleNamespace(args=args), [], None, "the tokenizer", [engine])
    generator.tokenizer = sent_by_name.SentByName("some/model", fast=True)  # as the trainer does
    generator._dispatch_prompts_to_vllm(["a", "b", "c"], ["x", "y", "z"], max_new_tokens=8, max_len=16)
    received = [pickle.loads(call) for call in calls]
    assert [call["prompt"] for call in received] == ["a", "b", "c"]
    assert [call["hf_tokenizer"].of for call in received] == ["some/model"] * 3
    assert len(loaded) == 1 and max(map(len, calls)) < 1000


def source(*parts: str) -> ast.Module:
    return ast.parse(OPENRLHF.joinpath(*parts).read_text())


def test_openrlhf_hands_it_over_with_each_prompt_and_uses_it_for_nothing_else():
    """Where that changes, an object without a tokenizer's methods would not do."""
    module = source("trainer", "ppo_utils", "samples_generator.py")
    uses = [node for node in ast.walk(module) if ast.unparse(node) == "self.tokenizer"]
    handed = [
        word.value
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("generate_responses.remote")
        for word in node.keywords
        if word.arg == "hf_tokenizer"
    ]
    assert [ast.unparse(value) for value in handed] == ["self.tokenizer"]
    assert len(uses) == 2  # where it is kept, and there


def test_it_is_loaded_as_the_trainers_is():
    module = source("trainer", "ppo_trainer.py")
    calls = [
        node for node in ast.walk(module) if isinstance(node, ast.Call) and ast.unparse(node.func) == "get_tokenizer"
    ]
    [call] = calls
    assert [ast.unparse(given) for given in call.args] == ["pretrain", "None", "'left'", "strategy"]
    assert {word.arg: ast.unparse(word.value) for word in call.keywords} == {
        "use_fast": "not strategy.args.data.disable_fast_tokenizer"
    }
    # Of `strategy` it makes no use.
    functions = {node.name: node for node in source("utils", "utils.py").body if isinstance(node, ast.FunctionDef)}
    names = [node.id for node in ast.walk(functions["get_tokenizer"]) if isinstance(node, ast.Name)]
    assert "strategy" not in names
