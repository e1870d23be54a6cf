"""The tiny base model: made whole or not at all, made once, loaded unchanged. Tiny settings: seconds, not minutes."""

from __future__ import annotations

import dataclasses
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from data import arithmetic
from lim.utils.errors import InputError
from lim.utils.files import read_json
from train.pretrain import __main__ as command
from train.pretrain import base as pretrain
from train.pretrain import model as model_module
from train.pretrain.model import (
    MICRO_BATCHES,
    PretrainSettings,
    draw_batch,
    gradients,
    new_model,
    shares_of,
)
from train.pretrain.tokenizer import build

TINY = PretrainSettings(
    hidden_size=64,
    intermediate_size=64,
    layers=1,
    heads=2,
    textbook_steps=4,
    web_steps=3,
    batch=8,
    warmup_steps=2,
    round_steps=2,
    max_rounds=1,
    band=(0.0, 1.0),
)
POOL = arithmetic.make(0)["pool"][:12]


@pytest.fixture(autouse=True)
def few_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "make", lambda: {"pool": POOL})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "base"
    model, tokenizer, record = pretrain.make(TINY, POOL)
    pretrain.save(path, model, tokenizer, record)
    return path


def stamp(path: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in path.iterdir()}


def test_folder_loads_with_the_auto_classes(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    model = AutoModelForCausalLM.from_pretrained(made)
    assert model.config.model_type == "llama"
    assert model.dtype == torch.bfloat16
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert tokenizer.convert_tokens_to_ids("<|end|>") == tokenizer.eos_token_id
    for row in arithmetic.make()["pool"]:
        ids = tokenizer(row["prompt"], add_special_tokens=False).input_ids
        assert tokenizer.decode(ids) == row["prompt"]
        assert tokenizer.unk_token_id not in ids


def test_chat_template_asks_the_question_and_leaves_out_a_system_message(made: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(made)
    user = {"role": "user", "content": "What is $4 + 5$?"}
    system = {"role": "system", "content": "Please reason step by step."}
    answer = {"role": "assistant", "content": r"\boxed{9}"}
    asked = "<|begin|>What is $4 + 5$?<|answer|>"
    for messages in ([user], [system, user]):
        assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == asked
    assert tokenizer.apply_chat_template([user, answer], tokenize=False) == asked + r"\boxed{9}<|end|>"


def test_record_holds_settings_and_rates(made: Path) -> None:
    record = read_json(made / "pretrain.json")
    assert record["settings_sha256"] == TINY.fingerprint()
    assert list(record["pass_rate_on_pool"]) == ["temperature 1", "temperature 0.4", "greedy"]
    assert "all" in record["pass_rate_on_pool"]["greedy"]


def test_current_folder_is_left_alone(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = stamp(made)
    pretrain.ensure(made, TINY)
    assert "is up to date" in capsys.readouterr().out.replace("\n", "")
    assert stamp(made) == before


def test_same_seed_same_weights_other_settings_other_model(made: Path, tmp_path: Path) -> None:
    pretrain.ensure(tmp_path / "base", TINY)
    weights = (tmp_path / "base" / "model.safetensors").read_bytes()
    assert weights == (made / "model.safetensors").read_bytes()
    other = dataclasses.replace(TINY, seed=1)
    assert other.fingerprint() != TINY.fingerprint()
    pretrain.ensure(tmp_path / "base", other)
    assert (tmp_path / "base" / "model.safetensors").read_bytes() != weights
    assert read_json(tmp_path / "base" / "pretrain.json")["settings_sha256"] == other.fingerprint()
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize("where", ["train", "save_pretrained"])
def test_an_interruption_leaves_what_was_there(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupt(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    shutil.copytree(made, tmp_path / "base")
    before = stamp(tmp_path / "base")
    if where == "train":
        monkeypatch.setattr(pretrain, "train", interrupt)
    else:
        monkeypatch.setattr("transformers.PreTrainedTokenizerFast.save_pretrained", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pretrain.ensure(tmp_path / "base", TINY, force=True)
    assert stamp(tmp_path / "base") == before
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_rate_outside_the_band_is_an_error_after_the_extra_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    train = pretrain.train
    monkeypatch.setattr(pretrain, "train", lambda *args: rounds.append(args[-1]) or train(*args))
    with pytest.raises(InputError, match="outside 90% to 100%"):
        pretrain.ensure(tmp_path / "base", dataclasses.replace(TINY, band=(0.9, 1.0)))
    assert rounds == [0, 1]
    assert not (tmp_path / "base").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="not a base model made here"):
        pretrain.ensure(tmp_path, TINY)


@pytest.mark.parametrize("flags", [["--output_path"], ["--force", "--out"]])  # the old names, too
def test_a_folder_that_cannot_be_written_is_refused_before_training(flags, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--output_path .*file: is not a folder"):
        command.main([*flags, str(tmp_path / "file")])


def test_a_wider_model_has_its_own_folder_and_four_times_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Path, PretrainSettings]] = []
    monkeypatch.setattr(pretrain, "ensure", lambda path, settings, force: made.append((path, settings)))
    for flags in (
        [],
        ["--hidden_size", "256"],
        ["--hidden_size", "256", "--architecture", "qwen3", "--task", "letters"],
    ):
        command.main(flags)
    names = [path.name for path, _ in made]
    assert names == ["arithmetic-base", "arithmetic-256-base", "letters-qwen3-256-base"]
    tokenizer = build("arithmetic")
    usual, wide = (new_model(settings, tokenizer) for _, settings in made[:2])
    assert 3.7 < wide.num_parameters() / usual.num_parameters() < 4
    assert wide.config.head_dim == usual.config.head_dim and len({s.fingerprint() for _, s in made}) == 3
    with pytest.raises(InputError, match=r"--hidden_size 100: needs a multiple of 64"):
        command.main(["--hidden_size", "100"])


@pytest.mark.parametrize(
    ("task", "architecture"), [("letters", "llama"), ("letters", "qwen3"), ("arithmetic", "qwen3")]
)
def test_other_tasks_and_architectures(tmp_path: Path, task: str, architecture: str) -> None:
    from data import letters

    settings = dataclasses.replace(TINY, task=task, architecture=architecture)
    pool = {"letters": letters, "arithmetic": arithmetic}[task].make()["pool"][:12]
    model, tokenizer, record = pretrain.make(settings, pool)
    pretrain.save(tmp_path / "base", model, tokenizer, record)
    assert pretrain.is_current(tmp_path / "base", settings) and not pretrain.is_current(tmp_path / "base", TINY)
    # The loader leaves the small vocabulary of a Qwen3 as it is; it would rebuild that of a Qwen2.
    loaded = AutoTokenizer.from_pretrained(tmp_path / "base")
    for row in pool:
        ids = loaded(row["prompt"], add_special_tokens=False).input_ids
        assert loaded.decode(ids) == row["prompt"] and loaded.unk_token_id not in ids
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    assert found.config.model_type == architecture
    for one, other in zip(model.parameters(), found.parameters(), strict=True):
        assert torch.equal(one, other)


def test_settings_of_before_there_was_a_choice_are_those_of_arithmetic() -> None:
    fingerprint = "ad510e6c5f20867e5dbc3c9b11f1f426b7cea503aee26e93125c032843e9f7ee"
    assert PretrainSettings().fingerprint() == fingerprint
    others = {
        PretrainSettings(task=t, architecture=a).fingerprint()
        for t in ("arithmetic", "letters")
        for a in ("llama", "qwen3")
    }
    assert len(others) == 4


@pytest.mark.parametrize("web", [False, True])
def test_gradients_of_micro_batches_are_those_of_the_whole_batch(monkeypatch, web: bool) -> None:
    monkeypatch.setattr(model_module, "bf16_units", lambda: False)
    settings = PretrainSettings(hidden_size=32, intermediate_size=64, layers=2)
    tokenizer = build(settings.task)
    one, two, whole = (new_model(settings, tokenizer) for _ in range(3))  # the same weights, from the seed
    ids, labels = draw_batch(random.Random(3), tokenizer, 37, web=web)
    with ThreadPoolExecutor(2) as pool:
        loss = gradients([one, two], ids, labels, pool)
    expected = whole(input_ids=ids, labels=labels).loss
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for mine, theirs in zip(one.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("rows", "replicas"), [(37, 2), (2, 2), (128, 3)])
def test_each_row_is_in_one_micro_batch(rows: int, replicas: int) -> None:
    lengths = torch.tensor(random.Random(1).choices(range(20, 60), k=rows))
    shares = shares_of(lengths, replicas)
    assert sorted(torch.cat([part for share in shares for part in share]).tolist()) == list(range(rows))
    assert all(shares)
    assert max(map(len, shares)) <= MICRO_BATCHES
