"""Memory and disk: the sums, what is refused and with which advice, the tables of docs/cluster.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lim.utils.errors import InputError
from lim.utils.paths import ROOT
from train.recipe import files, memory, model, plan, recipe
from train.recipe.resolve import resolve

MODELS = sorted(path.stem for path in (files.CONFIGS / "model").glob("*.yaml"))


def planned(*changes: str, name: str = "math.8k"):
    overlays, overrides = recipe.split(list(changes))
    return memory.memory_plan(resolve(recipe.load(name, overlays, overrides)))


def disk(*overrides, parameters=1000, validation=True):
    return memory.disk_bytes(recipe.load("arithmetic-cpu", overrides=overrides), parameters, validation=validation)


def test_disk():
    # Folders: 3 kept, best, one being written, final, 2 bytes each; DeepSpeed: actor and critic, two of 14 bytes.
    assert disk() == 1000 * (6 * 2 + 2 * 2 * 14)
    assert disk(validation=False) == 1000 * (5 * 2 + 2 * 2 * 14)
    # Never fewer than two states; without ckpt.save_steps the final model only, the best by validation included.
    assert disk("ckpt.max_num=1") == 1000 * (6 * 2 + 2 * 2 * 14)
    assert disk("ckpt.max_num=4") == 1000 * (6 * 2 + 2 * 4 * 14)
    assert disk("ckpt.save_steps=-1") == 2000
    assert disk("ckpt.disable_ds=true") == 12_000


@pytest.mark.parametrize("name", MODELS)
def test_a_models_shape_gives_its_parameters(name):
    """Qwen2's layers: q, k and v with biases, o, three MLP matrices, two norms; tied embeddings in the 1.5B."""
    run = recipe.load("math.8k", [name]).run
    shape = model.Shape(**run.shape)
    width, inner, kv = shape.hidden_size, shape.intermediate_size, shape.cache_bytes // 4 // shape.num_hidden_layers
    layer = 2 * width**2 + width + 2 * (width * kv + kv) + 3 * width * inner + 2 * width
    words = shape.vocab_size * width * (1 if "1.5b" in name else 2)
    assert words + shape.num_hidden_layers * layer + width == run.parameters


P7, WORDS = 7615616512, 152064
PASS = 4 * 4096  # tokens of a micro-batch of 4
LOGITS = 3 * 4 * PASS * WORDS
CHECKPOINTS = 28 * PASS * 3584 * 2
ZERO3 = 2 * 5e8 + 2 * 1e9 + 2 * WORDS * 3584


def test_shared_gpus():
    found = planned("+colocated-8gpu")
    # The model that trains has 16 bytes per parameter over 8 GPUs, the two others their weights; four processes.
    assert found.gpu_train == round(20 * P7 / 8 + LOGITS + CHECKPOINTS + ZERO3 + 4 * 0.9e9)
    # 0.6 of the GPU is vLLM's; three models' weights stay, and their three contexts beside vLLM's.
    assert found.gpu_generate == round(0.6 * 80 * 2**30 + 6 * P7 / 8 + 4 * 0.9e9)
    # Two models' states and 8 engines' weights sleep, the weights gathered for a save, 32 processes; Ray keeps 5 %.
    # P/8 = 0.95e9: 3.8 GB each of fp32 copy and moments in buffers of 2^32, 1.9 GB of bf16 gradients in 2^31.
    states = 3 * 2**32 + 2**31
    # qkv (4,608 x 3,584) and o in 2^25, gate-up (37,888 x 3,584 x 2 = 272 MB) in 2^29, down in 2^28; 2^31 for words.
    engine = 28 * (2 * 2**25 + 2**29 + 2**28) + 2 * 2**31
    assert found.host == round((2 * 8 * states + 8 * engine + 2 * P7 + 32 * 0.8e9) / 0.95)
    assert found.fits


def test_what_does_not_sleep_on_shared_gpus_stays_there():
    """OpenRLHF offloads states with ds.enable_sleep only, and frees vLLM's share with vllm.enable_sleep only."""
    asleep = planned("+colocated-8gpu")
    models, engine = (planned("+colocated-8gpu", f"{name}.enable_sleep=false") for name in ("ds", "vllm"))
    states = 14 * P7 / 8
    assert models.gpu_train - asleep.gpu_train == pytest.approx(states, abs=1)  # of the one that does not train
    assert models.gpu_generate - asleep.gpu_generate == pytest.approx(2 * states, abs=1)
    assert engine.gpu_train - asleep.gpu_train == pytest.approx(0.6 * 80 * 2**30, abs=1)
    assert engine.gpu_generate == asleep.gpu_generate
    assert not models.fits and not engine.fits
    # With the optimiser on the host nothing of it is on the GPU, asleep or not.
    offloaded = planned("+colocated-8gpu", "ds.adam_offload=true")
    assert (
        planned("+colocated-8gpu", "ds.adam_offload=true", "ds.enable_sleep=false").gpu_train == offloaded.gpu_train
    )


def test_a_reference_on_the_actors_gpus():
    """Its weights, sharded over four, and its process."""
    more = planned("+paper-16gpu", "train.colocate_actor_ref=true").gpu_train - planned("+paper-16gpu").gpu_train
    assert more == pytest.approx(2 * P7 / 4 + 0.9e9, abs=1)


def test_separate_gpus_and_the_optimiser_on_the_host():
    found = planned("+paper-16gpu", "ds.adam_offload=true")
    assert found.gpu_train == round(2 * P7 / 4 + LOGITS + CHECKPOINTS + ZERO3 + 0.9e9)
    assert found.gpu_generate == round(0.9 * 80 * 2**30 + 0.9e9)
    kept = planned("+paper-16gpu", "ds.adam_offload=false")
    assert kept.gpu_train - found.gpu_train == pytest.approx(14 * P7 / 4, abs=1)
    # P/4 = 1.9e9: sub-groups of 1e9 and 0.9e9 in 2^32 each, four times (with fp32 gradients); bf16 gradients in 2^32.
    assert found.host - kept.host == pytest.approx(2 * 4 * (4 * 2 * 2**32 + 2**32) / 0.95, abs=1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_share_of_the_logits_is_what_openrlhfs_actor_takes():
    environment = {**os.environ, "DS_ACCELERATOR": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("logits_peak.py"))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [float(line) for line in done.stdout.split()[-2:]] == [memory.LOGITS, memory.LOGITS_READ]


def test_what_less_at_once_saves():
    whole, quarter = planned("+colocated-8gpu"), planned("+colocated-8gpu", "train.micro_batch_size=1")
    saved = (LOGITS + CHECKPOINTS) * 3 / 4
    # Then the reference's pass over 4 samples has less room than training would need.
    assert whole.gpu_train - quarter.gpu_train <= saved
    both = planned("+colocated-8gpu", "train.micro_batch_size=1", "rollout.micro_batch_size=1")
    assert whole.gpu_train - both.gpu_train == pytest.approx(saved, abs=1)
    dynamic = ("train.dynamic_batch_enable=true", "train.max_tokens_per_gpu=4096")
    assert planned("+colocated-8gpu", *dynamic) == both
    # ZeRO-2 keeps all weights on every GPU.
    assert planned("+colocated-8gpu", "ds.zero_stage=2").gpu_train > whole.gpu_train + 3 * 2 * P7 * 7 / 8 - ZERO3


def test_a_run_without_gpus_needs_the_hosts_memory_only():
    found = planned("+cpu")
    assert (found.gpu_train, found.gpu_generate, found.gpu, found.fits) == (0, 0, 0, True)
    assert found.host > 36 * P7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            "+colocated-1gpu",
            r"math\.8k: training needs 193 GB per GPU of 85 GB; set train\.micro_batch_size=1 "
            r"rollout\.micro_batch_size=1 ds\.adam_offload=true vllm\.gpu_memory_utilization=0\.4, or say with run",
        ),
        ("+qwen2.5-math-72b +colocated-8gpu", r"training needs 242 GB per GPU .*; add \+qwen2\.5-math-72b, or"),
        ("+qwen2.5-14b train.micro_batch_size=8", r"set train\.micro_batch_size=1 rollout\.micro_batch_size=1, or"),
        ("+qwen2.5-32b vllm.num_engines=16 vllm.tensor_parallel_size=1", r"vLLM needs 69 GB per GPU, and vllm"),
        ("+qwen2.5-32b vllm.num_engines=16 vllm.tensor_parallel_size=1", r"set vllm\.num_engines=8 vllm\.tensor_par"),
        (
            "+colocated-8gpu run.gpu_memory=24",
            r"of 25 GB; set .* vllm\.tensor_parallel_size=2 ds\.adam_offload=true, or",
        ),
        # Of 24 GiB torch finds less, and vLLM's half leaves too little beside the models that sleep.
        (
            "+qwen2.5-math-1.5b run.gpu_memory=24",
            r"of 25 GB; set train\.micro_batch_size=1 rollout\.micro_batch_size=1 ds\.adam_offload=true "
            r"vllm\.gpu_memory_utilization=0\.45, or",
        ),
        ("+colocated-8gpu run.gpu_memory=8", r"of 8 GB; spread it over more GPUs"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(changes, message):
    with pytest.raises(InputError, match=message):
        memory.check(resolve(recipe.load("math.8k", *recipe.split(changes.split()))))


def test_the_advice_fits():
    for changes in (
        ["+colocated-1gpu"],
        ["+qwen2.5-math-72b", "+colocated-8gpu"],
        ["+colocated-1gpu", "+qwen2.5-14b"],
    ):
        chosen = recipe.load("math.8k", *recipe.split(changes))
        for name, *_ in memory.fitting(chosen):
            assert memory.check(resolve(recipe.over(chosen, f"+{name}"))).fits


@pytest.mark.parametrize(
    ("overlay", "gib"), [("+qwen2.5-math-1.5b", 24), ("+qwen2.5-math-1.5b", 32), ("+colocated-8gpu", 40)]
)
def test_the_settings_that_are_advised_fit(overlay, gib):
    chosen = recipe.load("math.8k", *recipe.split([overlay, f"run.gpu_memory={gib}"]))
    with pytest.raises(InputError, match=r"set train\.micro"):
        memory.check(resolve(chosen))
    changes = memory.smaller(chosen).removeprefix("set ").split()
    plan_found = memory.check(resolve(recipe.over(chosen, *changes)))
    assert max(plan_found.gpu_train, plan_found.gpu_generate) <= memory.USABLE * gib * 2**30


def test_gpus_are_not_filled_to_the_last_byte():
    """What nvidia-smi gives a GPU is more than torch finds there."""
    found = planned("+colocated-8gpu")
    full = max(found.gpu_train, found.gpu_generate)
    assert replace(found, gpu=round(full / 0.98)).fits
    assert not replace(found, gpu=round(full / 0.99)).fits


def test_larger_gpus_are_said_to_be():
    assert planned("+colocated-1gpu", "run.gpu_memory=192").gpu == 192 * 2**30
    assert memory.check(resolve(recipe.load("math.8k", [], ["run.gpu_memory=141"]))).fits


def test_an_unknown_model_is_not_refused():
    resolved = resolve(recipe.load("math.8k", ["colocated-1gpu"], ["actor.model_name_or_path=some/model"]))
    assert memory.check(resolved) is None
    rows = dict(plan.memory_rows(resolved, None))
    assert (
        rows["checkpoints"]
        == rows["memory"]
        == "unknown (run.parameters is of another model; give this one's, and run.shape)"
    )
    assert {name for name, *_ in memory.fitting(resolved.recipe)} == {
        "colocated-1gpu",
        "colocated-8gpu",
        "paper-16gpu",
    }


def test_a_model_folder_says_its_shape(tmp_path):
    def shape_of(config):
        (tmp_path / "config.json").write_text(json.dumps(config))
        return model.shape_of(recipe.load("math.8k"), str(tmp_path))

    config = recipe.load("math.8k").run.shape
    assert shape_of(config) == shape_of({"text_config": config}) == model.Shape(**config)
    assert shape_of({**config, "head_dim": 256}).cache_bytes == 2 * 2 * 28 * 4 * 256
    assert shape_of({k: v for k, v in config.items() if k != "num_key_value_heads"}).num_key_value_heads == 28
    assert shape_of({"n_layer": 12}) is None
    assert model.shape_of(recipe.load("math.8k", [], ["actor.model_name_or_path=some/model"]), "some/model") is None
    with pytest.raises(InputError, match=r"run\.shape\.layers: unknown key"):
        model.shape_of(recipe.load("math.8k", [], ["run.shape.layers=3"]), "Qwen/Qwen2.5-Math-7B")


DOCUMENTED = (
    "qwen2.5-math-1.5b",
    "qwen2.5-math-7b +paper-16gpu",
    "qwen2.5-math-7b +colocated-8gpu",
    "qwen2.5-14b",
    "qwen2.5-32b",
    "qwen2.5-math-72b",
)


def table() -> str:
    """The table of docs/cluster.md."""
    lines = [
        "| overlay | P (10⁹) | GPUs | training, per GPU | generating, per GPU | host, per machine | checkpoints |",
        "|---|---|---|---|---|---|---|",
    ]
    for overlays in DOCUMENTED:
        resolved = resolve(recipe.load("math.8k", overlays.replace("+", "").split()))
        found = memory.memory_plan(resolved)
        sizes = (found.gpu_train, found.gpu_generate, found.host, found.disk)
        cells = [f"{size / 1e9:,.0f} GB" for size in sizes]
        lines.append(f"| `{overlays}` | {resolved.parameters / 1e9:.3g} | {resolved.gpus} | {' | '.join(cells)} |")
    return "\n".join(lines)


def test_the_documents_table_is_the_plans():
    assert table() in (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8"), table()
