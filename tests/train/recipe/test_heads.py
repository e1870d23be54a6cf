"""A model is split over GPUs that its attention heads divide by, or refused before anything starts."""

from __future__ import annotations

import json

import pytest

from lim.utils.errors import InputError
from train.recipe import files, recipe
from train.recipe.resolve import resolve

ONE_ENGINE = ("+colocated-8gpu", "vllm.num_engines=1", "vllm.tensor_parallel_size=8")


def resolved(*changes: str):
    return resolve(recipe.load("math.8k", *recipe.split(changes)))


@pytest.mark.parametrize("name", sorted(files.overlays_of("model")))
def test_the_overlays_split_their_models(name):
    assert resolved(f"+{name}").gpus > 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            ["vllm.tensor_parallel_size=8"],
            r"8: Qwen/Qwen2.5-Math-7B has 28 attention heads \(4 key-value heads\), which 8 GPUs cannot share; .* 4",
        ),
        (["+qwen2.5-math-1.5b", *ONE_ENGINE], "has 12 attention heads .*; 1, 2, 4 or 6 can"),
        (
            ["+qwen2.5-14b", "vllm.num_engines=5", "vllm.tensor_parallel_size=16", "train.colocate_all=false"],
            "has 40",
        ),
    ],
)
def test_what_vllm_would_refuse_after_minutes(changes, said):
    with pytest.raises(InputError, match=rf"^vllm\.tensor_parallel_size.*{said}"):
        resolved(*changes)


def test_a_models_own_config_counts(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "vocab_size": 100,
                "hidden_size": 96,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 6,
            }
        )
    )
    model = f"actor.model_name_or_path={tmp_path}"
    with pytest.raises(InputError, match=r"has 6 attention heads .*which 4 GPUs cannot share; 1, 2, 3 or 6 can"):
        resolved(model, "vllm.tensor_parallel_size=4")
    assert resolved(model, "vllm.tensor_parallel_size=3", "vllm.num_engines=1").roles["vLLM"] == 3
    # A shape that is not known is not judged.
    (tmp_path / "config.json").write_text("{}")
    assert resolved(model, "vllm.tensor_parallel_size=4").roles["vLLM"] == 16
