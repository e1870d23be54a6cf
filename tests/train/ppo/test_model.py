"""What is looked at before Ray starts: end tokens, chat template and context of the model, room for the prompts."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import transformers

from lim.utils.errors import InputError
from train.ppo import model
from train.pretrain.tokenizer import build
from train.recipe import dataset
from train.run import environment

SYSTEM_LESS = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}x"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Look at a model of 64 tokens' context; what the run says meanwhile."""
    monkeypatch.delenv("VLLM_ALLOW_LONG_MAX_MODEL_LEN", raising=False)
    monkeypatch.setenv("LIM_END_TOKENS", "")  # put back afterwards

    def look(
        *flags: str, prompts=("7",), template: str | None = "", system: str | None = None, **config
    ) -> list[str]:
        folder = tmp_path / "model"
        tokenizer = build()
        if template != "":
            tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        if template is None:
            (folder / "chat_template.jinja").unlink(missing_ok=True)
        sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        config = {"max_position_embeddings": 64, **config}
        transformers.LlamaConfig(vocab_size=len(tokenizer), **sizes, **config).save_pretrained(folder)
        file = tmp_path / "prompts.jsonl"
        rows = [{"id": f"p{i}", "prompt": text, "answer": "1"} for i, text in enumerate(prompts)]
        dataset.write(file, rows, system)
        given = ["--actor.model_name_or_path", str(folder), "--data.prompt_dataset", str(file), *flags]
        model.look_at_model(given, tmp_path)
        told = tmp_path / "progress.jsonl"
        return [json.loads(line)["text"] for line in told.read_text().splitlines()] if told.exists() else []

    return look


def test_the_end_tokens_reach_the_workers(run):
    assert run("--data.max_len", "40") == []
    assert json.loads(environment.read().end_tokens) == ["<|end|>"]


def test_a_prompt_that_openrlhf_will_cut_is_told(run):
    """Begin and answer tokens are the template's: 18 digits are 20 tokens, and one more is cut off."""
    lengths = ("--data.max_len", "40", "--rollout.max_new_tokens", "20")
    prompts = ["1" * 18, "1" * 19, "1 " * 12, "5", "2" * 30, *["3" * 25] * 2]
    [said] = run(*lengths, prompts=prompts)
    assert said.startswith("5 of 7 prompts are longer than 20 tokens, ")
    assert "(ids p1, p2, p4, …)" in said


def test_what_openrlhf_cuts_is_what_is_told():
    """By OpenRLHF's own line: the last tokens of the prompt that leave room for rollout.max_new_tokens."""
    spec = importlib.util.find_spec("openrlhf")
    assert spec is not None and spec.origin is not None
    text = (Path(spec.origin).parent / "utils" / "agent.py").read_text(encoding="utf-8")
    assert "max_prompt_length = max_length - effective_params.max_tokens" in text
    assert "prompt_token_ids = prompt_token_ids[-max_prompt_length:]" in text
    assert "hf_tokenizer(text=prompt, add_special_tokens=False" in text


def test_lines_of_a_prompt_are_not_rows(run):
    assert run("--data.max_len", "64", prompts=["1\u20282\x853", "4"]) == []


def test_validation_prompts_count_too(run, tmp_path):
    dataset.write(tmp_path / "val.jsonl", [{"id": "v", "prompt": "1" * 30, "answer": "1"}], None)
    [said] = run("--data.max_len", "30", "--eval.dataset", str(tmp_path / "val.jsonl"))
    assert said.startswith("1 of 1 validation prompts are longer than 29 tokens")


def test_a_model_without_a_chat_template_is_refused(run):
    with pytest.raises(InputError, match=r"model: its tokenizer has no chat template, .*chat_template\.jinja"):
        run("--data.max_len", "64", template=None)


def test_a_template_that_takes_no_system_message_is_refused_with_what_helps(run):
    with pytest.raises(InputError, match=r"\(System role not supported\); .* set run\.system_prompt=null$"):
        run("--data.max_len", "64", template=SYSTEM_LESS, system="Be brief.")
    assert run("--data.max_len", "64", template=SYSTEM_LESS) == []


def test_samples_longer_than_the_context_are_refused(run, monkeypatch):
    with pytest.raises(
        InputError, match=r"^data\.max_len=65: .*/model has a context of 64 tokens; lower data\.max_len"
    ):
        run("--data.max_len", "65")
    assert run("--data.max_len", "64") == []
    scaled = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}
    assert run("--data.max_len", "128", rope_parameters=scaled) == []
    with pytest.raises(InputError, match="has a context of 64"):
        run("--data.max_len", "129", rope_parameters=scaled)
    monkeypatch.setenv("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1")
    assert run("--data.max_len", "65") == []


def test_where_the_hub_does_not_answer_the_run_does_not_ask_it(run, monkeypatch):
    """As before an evaluation; each of a run's processes would try for minutes, with the model in the cache."""
    asked = []
    monkeypatch.setattr("eval.engine.prompts.check_hub", asked.append)
    monkeypatch.setattr(model, "check_hub", asked.append)
    run("--data.max_len", "64", "--critic.model_name_or_path", "owner/critic")
    assert asked[-1] == "owner/critic" and len(asked) == 2
    assert "HF_HUB_OFFLINE".startswith(environment.CARRIED)  # which check_hub sets, and Ray's workers get
