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


def source(*parts: str) -> ast.Module:
    spec = importlib.util.find_spec("openrlhf")
    return ast.parse(Path(spec.submodule_search_locations[0], *parts).read_text())


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
