"""Prompts of a log found in the prompt file."""

from __future__ import annotations

import pytest

from lim.logs.matching import match_prompts, strip_template

QUESTION = "How many users has\nthe assistant?\n\nAnswer."

WRAPPED = {
    "plain": QUESTION,
    "outer whitespace": f"\n {QUESTION} \n",
    "Qwen": "<|im_start|>system\nBe brief.<|im_end|>\n"
    f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n",
    "Qwen, no system turn": f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n<think>\n",
    "Llama 3": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    f"<|start_header_id|>user<|end_header_id|>\n\n{QUESTION}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "Llama 2": f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{QUESTION} [/INST]",
    "Gemma": f"<bos><start_of_turn>user\n{QUESTION}<end_of_turn>\n<start_of_turn>model\n",
    "DeepSeek": f"<｜begin▁of▁sentence｜>Be brief.<｜User｜>{QUESTION}<｜Assistant｜><think>\n",
    "Qwen, decoded": f"system\nYou are a helpful assistant.\nuser\n{QUESTION}\nassistant\n",
    "Qwen, decoded, no system turn": f"user\n{QUESTION}\nassistant\n",
    "Llama 3, decoded": f"system\n\nCutting Knowledge Date: December 2023\n\nuser\n\n{QUESTION}assistant\n\n",
}


@pytest.mark.parametrize("name", WRAPPED)
def test_templates_are_stripped(name):
    assert strip_template(WRAPPED[name]) == QUESTION


@pytest.mark.parametrize("text", ["user manual", "A system\nof equations", "assistant", ""])
def test_text_that_only_looks_like_a_template_is_left(text):
    assert strip_template(text) == text


def match(prompts, keys, **more):
    return match_prompts([f"id{n}" for n in range(len(prompts))], prompts, keys, **more)


def test_rules_in_order():
    prompts = ["zero", "one", "two  2", "three", "none"]
    keys = ["three\n", "id0", "two 2", "one", "stray"]
    matching = match(prompts, keys)
    assert matching.rows_P.tolist() == [1, 3, 2, 0, -1]
    assert matching.unmatched == ["stray"]
    assert matching.how == {"id": 1, "text": 1, "text without template": 2}


def test_texts_that_differ_in_whitespace_alone_are_kept_apart_where_the_log_does():
    assert match(["a b", "a  b"], ["a  b", "a b"]).rows_P.tolist() == [1, 0]
    assert match(["a b", "a  b"], ["a b"]).rows_P.tolist() == [0, 0]  # same text twice: one trajectory


@pytest.mark.parametrize("ends", [("\n", "\r\n"), ("\r\n", "\n")])
def test_line_ends_do_not_hide_that_texts_differ_in_whitespace(ends):
    programs = ["for i in x:\n    y += i\nprint(y)", "for i in x:\n    y += i\n    print(y)", "print(x)\n"]
    keys = [f"system\nBe brief.\nuser\n{text}\nassistant\n".replace("\n", ends[0]) for text in programs]
    found = match([text.replace("\n", ends[1]) for text in programs], keys)
    assert (found.rows_P.tolist(), found.joined, found.unmatched) == ([0, 1, 2], 0, [])


def test_an_unknown_wrapper_is_found():
    prompts = ["Find x.", "Find x. Then y.", "What is 2+2?"]
    keys = [f"### Task:\n{prompt}\nLet's think step by step." for prompt in prompts]
    matching = match(prompts, keys)
    assert matching.rows_P.tolist() == [0, 1, 2]
    assert matching.wrappers == (("### Task: ", " Let's think step by step."),)
    assert matching.unmatched == []


def test_every_wrapper_of_a_mixed_log_is_found():
    words, sums = [f"A word problem, number {n}." for n in range(300)], [f"What is {n} + {n}?" for n in range(100)]
    keys = [f'{text} Write it after "####".' for text in words] + [f"{text} Put it in a box." for text in sums]
    matching = match(words + sums, sorted(keys))
    assert [sorted(keys)[row] for row in matching.rows_P] == keys
    assert set(matching.wrappers) == {("", ' Write it after "####".'), ("", " Put it in a box.")}


@pytest.mark.parametrize(("in_the_file", "in_the_log"), [(40, 4000), (4000, 40)])
def test_a_wrapper_is_found_where_one_side_is_a_small_part_of_the_other(in_the_file, in_the_log):
    texts = [f"Problem {n} of all." for n in range(4000)]
    matching = match(texts[-in_the_file:], [f"Solve: {text}" for text in texts[-in_the_log:]])
    assert (matching.rows_P >= 0).sum() == 40
    assert matching.wrappers == (("Solve: ", ""),)


def test_a_prompt_that_is_in_another_s_text_by_chance_is_no_wrapper():
    prompts = ["What is 1 + 1?", *(f"Prompt {n} that is not in the log." for n in range(50))]
    keys = ["What is 1 + 1? And what is 2 + 2?", *(f"Text {n} that is not in the file." for n in range(50))]
    assert (match(prompts, keys).rows_P < 0).all()


def test_ids_alone_are_compared_where_the_log_has_ids():
    assert match(["one", "two"], ["two", "id0"], by_id=True).rows_P.tolist() == [1, -1]


def test_the_letters_alone_do_not_join_a_text_to_a_prompt_that_the_log_has_as_it_is():
    prompts, keys = ["What is 1 1/2 plus 1?", "What is 4 plus 1?"], ["What is 1 1/2 plus 1?", "What is 11/2 plus 1?"]
    for kept in (keys, keys[::-1]):
        found = match(prompts, [f"user\n{key}\nassistant\n" for key in kept])
        assert found.unmatched == ["user\nWhat is 11/2 plus 1?\nassistant\n"]
        assert found.rows_P.tolist() == [kept.index(keys[0]), -1]
