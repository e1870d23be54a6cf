"""From questions to token ids: templates filled in, lengths checked against the model's context, seeds set."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError, one_line

from ..settings import Benchmark
from .ends import end_tokens
from .heads import check_heads

MANY = 10**9  # transformers writes a huge number where a tokenizer knows no longest input
HUB_SECONDS = 10.0  # for the hub to answer at all


@dataclass(frozen=True)
class Prompt:
    """One sample to generate: `tag` says where it belongs, the rest is what the engine needs."""

    tag: tuple[str, str, int]  # benchmark, question id, sample
    token_ids: list[int]
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...]
    ends: tuple[int, ...] = ()  # token ids beside eos


def seed_of(seed: int, file: str, id: str, sample: int) -> int:
    """The seed of one sample: a hash, so that it does not depend on what else is generated, or in which order."""
    digest = hashlib.sha256(f"{seed}\0{file}\0{id}\0{sample}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def check_hub(model: str) -> None:
    """Ask the hub once whether it can be reached, for a model that is no folder; where not, the cache is used.

    The libraries by themselves retry for half a minute. InputError where the cache lacks the model, too.
    """
    if Path(model).is_dir():
        return
    import httpx
    from huggingface_hub import constants, get_session, try_to_load_from_cache

    why = "HF_HUB_OFFLINE is set"
    if not constants.is_offline_mode():
        try:
            get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
            return
        except httpx.HTTPError as error:
            why = f"{constants.ENDPOINT} cannot be reached ({error})"
        os.environ["HF_HUB_OFFLINE"] = "1"  # for the engines' processes
        constants.HF_HUB_OFFLINE = True
    if not isinstance(try_to_load_from_cache(model, "config.json"), str):
        raise InputError(
            f"{model}: no such folder, not in the Hugging Face cache, and {why}; "
            "give the model's folder, or name a mirror in HF_ENDPOINT"
        )


def load_tokenizer(model: str, trust_remote_code: bool, tensor_parallel_size: int = 1) -> tuple[Any, int | None]:
    """The model's tokenizer and the length of its context.

    InputError says in one line why it cannot be loaded, or not be split over so many GPUs.
    """
    check_hub(model)
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trust_remote_code)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        line = one_line(error)
        hint = "; --trust_remote_code lets its own code run" if "trust_remote_code" in line else ""
        raise InputError(f"{model}: the model cannot be loaded: {type(error).__name__}: {line}{hint}") from error
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    heads = (getattr(config, name, None) for name in ("num_attention_heads", "num_key_value_heads"))
    check_heads(f"--tensor_parallel_size {tensor_parallel_size}", tensor_parallel_size, model, *heads)
    return tokenizer, getattr(config, "max_position_embeddings", None)


def render(benchmark: Benchmark, question: str, tokenizer: Any, model: str) -> str:
    """The prompt's text."""
    template = benchmark.template
    if template.text is not None:
        # Not str.format: a question is full of braces.
        text = template.text.replace("{system}", benchmark.system_prompt or "").replace("{question}", question)
        return text.lstrip("\n")
    if not tokenizer.chat_template:
        raise InputError(f"{model}: its tokenizer has no chat template; give --template plain (or another text)")
    system = [{"role": "system", "content": benchmark.system_prompt}] if benchmark.system_prompt else []
    messages = [*system, {"role": "user", "content": question}]
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # jinja errors, and what a template raises itself (some refuse a system message)
        line = one_line(error)
        raise InputError(
            f"{model}: its chat template fails on this prompt ({line}); give --template plain"
        ) from error


def encode(benchmark: Benchmark, text: str, tokenizer: Any) -> list[int]:
    """Token ids; a chat template writes its own special tokens, a plain text gets the tokenizer's."""
    ids = tokenizer(text, add_special_tokens=benchmark.template.text is not None)["input_ids"]
    return list(ids)


def tell_of_short_context(benchmark: Benchmark, made: list[Prompt], context: int, model: str) -> None:
    """Say in one line where the model's context leaves less for responses than the benchmark's settings."""
    left = [prompt.max_tokens for prompt in made if prompt.max_tokens < benchmark.max_new_tokens]
    if left:
        sys.stderr.write(
            f"{benchmark.name}: {len(left):,} of {len(made):,} samples of {model} have room for {min(left):,} to "
            f"{max(left):,} tokens, not for the {benchmark.max_new_tokens:,} of the settings: its context is "
            f"{context:,}\n"
        )


def make(
    benchmark: Benchmark,
    rows: dict[str, dict],
    wanted: list[tuple[str, int]],
    tokenizer: Any,
    context: int,
    model: str,
) -> list[Prompt]:
    """Prompts for the (question id, sample)s wanted. InputError where a prompt leaves no room in the context."""
    ids: dict[str, list[int]] = {}
    ends = tuple(end_tokens(tokenizer).values()) if benchmark.stop_at == "end_tokens" else ()
    prompts = []
    for id, sample in wanted:
        if id not in ids:
            ids[id] = encode(benchmark, render(benchmark, rows[id]["question"], tokenizer, model), tokenizer)
            if len(ids[id]) >= context:
                raise InputError(
                    f"{benchmark.name}: question {id!r} makes a prompt of {len(ids[id])} tokens, and the context of "
                    f"{model} is {context}; remove the question, or use a model with a longer context"
                )
        prompts.append(
            Prompt(
                tag=(benchmark.name, id, sample),
                token_ids=ids[id],
                temperature=benchmark.temperature,
                top_p=benchmark.top_p,
                max_tokens=min(benchmark.max_new_tokens, context - len(ids[id])),
                seed=seed_of(benchmark.seed, benchmark.file, id, sample),
                stop=benchmark.template.stop,
                ends=ends,
            )
        )
    return prompts
