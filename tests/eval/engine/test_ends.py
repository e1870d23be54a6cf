"""The tokens that end a response, of tokenizers of several shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.engine.ends import cut, end_tokens

TURN = "{% for m in messages %}{{ '<|start|>' + m['role'] + '|' + m['content'] }}END{% endfor %}"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """A tokenizer whose eos is <|endoftext|> and whose template ends a turn with <|im_end|>."""
    from train.pretrain.two_ends import build_tokenizer

    return build_tokenizer()


def with_template(tokenizer: Any, template: str | None) -> list[str]:
    kept, tokenizer.chat_template = tokenizer.chat_template, template
    try:
        return list(end_tokens(tokenizer))
    finally:
        tokenizer.chat_template = kept


def test_eos_and_the_end_of_a_turn(tokenizer: Any) -> None:
    found = end_tokens(tokenizer)
    assert list(found) == ["<|endoftext|>", "<|im_end|>"]
    assert [tokenizer.convert_tokens_to_ids(token) for token in found] == list(found.values())
    assert found["<|endoftext|>"] == tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("template", "ends"),
    [
        (None, ["<|endoftext|>"]),
        (TURN.replace("END", "{{ '<|im_end|>\\n' }}"), ["<|endoftext|>", "<|im_end|>"]),
        (TURN.replace("END", "{{ ' <|im_end|>' }}"), ["<|endoftext|>", "<|im_end|>"]),
        (TURN.replace("END", "{{ eos_token }}"), ["<|endoftext|>"]),
        (TURN.replace("END", "{{ '\\n\\nHuman:' }}"), ["<|endoftext|>"]),  # text, which a response may hold
        (TURN.replace("END", ""), ["<|endoftext|>"]),
        ("{{ raise_exception('roles must alternate') }}", ["<|endoftext|>"]),
        (
            "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}",
            ["<|endoftext|>"],
        ),
    ],
)
def test_the_end_of_a_turn_is_the_templates(tokenizer: Any, template: str | None, ends: list[str]) -> None:
    assert with_template(tokenizer, template) == ends


def test_the_embedded_models_turn_ends_with_its_eos() -> None:
    from train.pretrain.tokenizer import END, build

    assert list(end_tokens(build())) == [END]


def test_a_generation_config_may_name_more(tokenizer: Any, tmp_path: Path) -> None:
    start = tokenizer.convert_tokens_to_ids("<|im_start|>")
    for ids, ends in (([start, tokenizer.eos_token_id], ["<|im_start|>"]), (start, ["<|im_start|>"]), (None, [])):
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
        assert list(end_tokens(tokenizer, str(tmp_path))) == ["<|endoftext|>", "<|im_end|>", *ends]
    assert list(end_tokens(tokenizer, str(tmp_path / "none"))) == ["<|endoftext|>", "<|im_end|>"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<1>b<2>", ("a", "<1>")),
        ("a<2>b<1>", ("a", "<2>")),
        ("<1>", ("", "<1>")),
        ("a", ("a", None)),
        ("", ("", None)),
    ],
)
def test_a_text_is_cut_at_its_first_end(text: str, expected: tuple[str, str | None]) -> None:
    assert cut(text, ("<1>", "<2>")) == expected
