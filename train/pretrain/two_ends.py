r"""A tiny model with the habits of Qwen2.5-Math's base models: it ends a turn with a token that is not its eos.

Qwen2's architecture and tokenizer, a chat template of that family's shape. It answers sums of two digits below five
with `\boxed{7}<|im_end|>` and then writes on with invented turns; its eos, `<|endoftext|>`, it never writes. So it
shows whether training and evaluation end a response where the release's reward does. Made in seconds, for tests.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from train.ppo.checkpoints import write_former_names

EOS, START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."
CHAT_TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    + SYSTEM.replace("\\", "\\\\")
    + "<|im_end|>\n' }}"
    "{% endif %}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SUMS = list(itertools.product(range(5), repeat=2))


def question(a: int, b: int) -> str:
    return f"What is ${a} + {b}$?"


def answer(a: int, b: int) -> str:
    return rf"\boxed{{{a + b}}}"


def build_tokenizer() -> Qwen2Tokenizer:
    """Qwen2's byte-level tokenizer with merges learned from the texts of this file, so that prompts are short."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    texts = [f"system\n{SYSTEM}", "user\nassistant\n", *(f"{question(a, b)} {answer(a, b)}" for a, b in SUMS)]
    bpe.train_from_iterator(
        texts * 4, trainers.BpeTrainer(vocab_size=360, initial_alphabet=alphabet, show_progress=False)
    )
    learned = json.loads(bpe.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(pair) for pair in learned["merges"]],
        eos_token=EOS,
        pad_token=EOS,
        additional_special_tokens=[START, TURN_END],
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
    )


def make(folder: Path, steps: int = 300, seed: int = 0) -> None:
    """Train the model on conversations that never end and save it with its tokenizer."""
    tokenizer = build_tokenizer()
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (EOS, TURN_END)}
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,  # vLLM on CPUs has no kernel for heads of 16
        num_key_value_heads=1,
        max_position_embeddings=256,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},  # as Qwen2.5-14B; the default is 10,000
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=ids[EOS],
        pad_token_id=ids[EOS],
    )
    model = Qwen2ForCausalLM(config)
    draw = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1.0, 2 * (1 - step / steps))
        texts = [conversation(tokenizer, draw.sample(SUMS, 3)) for _ in range(16)]
        batch = torch.tensor([row[:96] for row in tokenizer(texts, add_special_tokens=False)["input_ids"]])
        model(input_ids=batch, labels=batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.generation_config = GenerationConfig(eos_token_id=ids[EOS], pad_token_id=ids[EOS])
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_former_names(folder)


def conversation(tokenizer: Any, sums: list[tuple[int, int]]) -> str:
    """Several questions and answers in one conversation."""
    turns = [
        message
        for a, b in sums
        for message in ({"role": "user", "content": question(a, b)}, {"role": "assistant", "content": answer(a, b)})
    ]
    return str(tokenizer.apply_chat_template(turns, tokenize=False))
