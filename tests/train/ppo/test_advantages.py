"""Advantages against the installed OpenRLHF's own function, whose package cannot be imported without flash-attn."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from train.ppo import advantages

torch = pytest.importorskip("torch")


def source() -> ast.Module:
    spec = importlib.util.find_spec("openrlhf")
    return ast.parse(Path(spec.submodule_search_locations[0], "trainer/ppo_utils/experience_maker.py").read_text())


@pytest.fixture(scope="module")
def openrlhfs():
    """`RemoteExperienceMaker.get_advantages_and_returns`, bound to nothing."""
    methods = [node for node in ast.walk(source()) if isinstance(node, ast.FunctionDef)]
    [method] = [node for node in methods if node.name == "get_advantages_and_returns"]
    scope = {"torch": torch, "Tuple": tuple}
    exec(compile(ast.Module([method], []), "experience_maker.py", "exec"), scope)
    return lambda *given: scope["get_advantages_and_returns"](SimpleNamespace(), *given)


def test_openrlhf_asks_its_maker_so():
    """An attribute of the maker is called in the method's place, with what `faster` takes."""
    calls = [node for node in ast.walk(source()) if isinstance(node, ast.Call)]
    [call] = [node for node in calls if ast.unparse(node.func) == "self.get_advantages_and_returns"]
    values, rewards, mask, gamma, lambd = map(ast.unparse, call.args)
    assert (values, rewards, mask) == ("experience.values", "reward", "experience.action_mask")
    assert gamma.endswith(".gamma") and lambd.endswith(".lambd") and call.keywords == []


def batch(rows: int, tokens: int, seed: int):
    """Values, rewards with a penalty at each token and the reward at the last, and masks of responses' lengths."""
    draw = torch.Generator().manual_seed(seed)
    mask = torch.zeros(rows, tokens, dtype=torch.long)
    for row, length in enumerate(torch.randint(1, tokens + 1, (rows,), generator=draw).tolist()):
        mask[row, :length] = 1
    rewards = torch.randn(rows, tokens, generator=draw) * 1e-3
    rewards[:, -1] += torch.randint(-2, 3, (rows,), generator=draw) / 2
    return torch.randn(rows, tokens, generator=draw), rewards, mask


@pytest.mark.parametrize(("gamma", "lambd"), [(1.0, 0.95), (1.0, 1.0), (0.99, 0.9), (1.0, 0.0)])
@pytest.mark.parametrize(("rows", "tokens"), [(4, 173), (1, 1), (3, 2), (16, 40)])
def test_advantages_are_openrlhfs_to_the_last_bit(openrlhfs, rows, tokens, gamma, lambd):
    values, rewards, mask = batch(rows, tokens, seed=7 * rows + tokens)
    kept = values.clone(), rewards.clone()
    for given in (mask, None):
        expected = openrlhfs(values, rewards, given, gamma, lambd)
        found = advantages.faster(openrlhfs)(values, rewards, given, gamma, lambd)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype and torch.equal(one, other)
    assert torch.equal(values, kept[0]) and torch.equal(rewards, kept[1])


def test_other_types_are_openrlhfs_to_compute(openrlhfs):
    values, rewards, mask = batch(2, 9, seed=1)
    asked = []

    def original(*given):
        asked.append(given)
        return openrlhfs(*given)

    found = advantages.faster(original)(values.bfloat16(), rewards, mask, 1.0, 0.95)
    assert len(asked) == 1
    assert torch.equal(found[0], openrlhfs(values.bfloat16(), rewards, mask, 1.0, 0.95)[0])
    advantages.faster(original)(values, rewards, mask, 1.0, 0.95)
    assert len(asked) == 1


def test_an_estimate_by_hand():
    values, rewards = np.array([[0.5, 0.25, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    # Errors of prediction -0.25, -0.25 and 1, each with half of what follows it.
    assert advantages.estimate(values, rewards, 1.0, 0.5).tolist() == [[-0.125, 0.25, 1.0]]
