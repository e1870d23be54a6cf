"""The tiny model with two end tokens: it ends its turn, and then writes on."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Tokenizer

from eval.engine.ends import end_tokens
from train.pretrain import two_ends


@pytest.mark.slow
def test_it_writes_on_after_its_turn(tmp_path):
    torch.set_num_threads(1)
    two_ends.make(tmp_path)
    tokenizer, model = AutoTokenizer.from_pretrained(tmp_path), AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(tokenizer, Qwen2Tokenizer)
    text = two_ends.conversation(tokenizer, two_ends.SUMS[:2])
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert list(end_tokens(tokenizer, str(tmp_path))) == [two_ends.EOS, two_ends.TURN_END]
    right = 0
    for a, b in two_ends.SUMS:
        chat = [{"role": "user", "content": two_ends.question(a, b)}]
        prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        response = tokenizer.decode(model.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1] :])
        assert two_ends.EOS not in response
        right += response.startswith(two_ends.answer(a, b) + two_ends.TURN_END + "\n" + two_ends.START)
    assert right > len(two_ends.SUMS) / 2
