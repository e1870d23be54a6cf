"""What a run needs of its model's tokenizer and configuration, looked at before Ray starts.

OpenRLHF and vLLM find out minutes later, or not at all: OpenRLHF cuts off the beginning of a prompt that is too long.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.engine import ends
from eval.engine.prompts import check_hub, load_tokenizer
from lim.utils.errors import InputError, one_line
from train.recipe import recipe
from train.run import environment, progress

TOLD = 3  # ids of prompts that are cut, in the line about them


def look_at_model(arguments: Sequence[str], run_dir: Path) -> None:
    """Put the model's end tokens into the environment, for the reward and the trainer in Ray's workers.

    InputError for a model that cannot be loaded, a chat template that is missing or fails, and a context shorter than
    the recipe's samples. Where the hub does not answer, the run's processes are kept from asking it. Prompts that
    will be cut are told in the run's progress.
    """
    parser = recipe.openrlhf_parser()
    assert parser is not None
    flags = vars(parser.parse_args(list(arguments)))
    model, critic = flags["actor.model_name_or_path"], flags["critic.model_name_or_path"]
    tokenizer, _ = load_tokenizer(model, trust_remote_code=True)
    if critic not in (None, model):
        check_hub(critic)
    os.environ.update(environment.write(end_tokens=json.dumps(list(ends.end_tokens(tokenizer, model)))))
    check_context(model, flags["data.max_len"])
    # Without a number of new tokens, a sample generates at least one.
    room = flags["data.max_len"] - (flags["rollout.max_new_tokens"] or 1)
    for name, what in (("data.prompt_dataset", "prompts"), ("eval.dataset", "validation prompts")):
        if path := flags[name]:
            count, cut = longer_than(room, Path(path), tokenizer, model)
            if cut:
                text = (
                    f"{len(cut):,} of {count:,} {what} are longer than {room:,} tokens, which data.max_len leaves "
                    "beside rollout.max_new_tokens: OpenRLHF cuts off their beginning, the system prompt first (ids "
                    f"{', '.join(cut[:TOLD])}{', …' * (len(cut) > TOLD)}); run.drop_ids leaves prompts out"
                )
                progress.emit(run_dir, "stage", text=text)


def check_context(model: str, length: int) -> None:
    """Raise InputError where samples of `length` tokens are longer than the model's context, as vLLM would."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model, trust_remote_code=True).get_text_config()
    context = getattr(config, "max_position_embeddings", None)
    rope = getattr(config, "rope_parameters", None) or {}
    factors = [part.get("factor") or 1 for part in (rope, *rope.values()) if isinstance(part, dict)]
    allowed = os.environ.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "0").strip().lower() in ("1", "true")
    if context and length > context * max(factors, default=1) and not allowed:
        raise InputError(
            f"data.max_len={length}: {model} has a context of {context} tokens; lower data.max_len, and "
            "rollout.max_new_tokens with it"
        )


def longer_than(room: int, path: Path, tokenizer: Any, model: str) -> tuple[int, list[str]]:
    """(how many prompts a file as OpenRLHF reads it has, ids of those of more than `room` tokens)."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    written = [sum(len(message["content"].encode()) for message in row["messages"]) for row in rows]
    # A token is a byte at least, and the template adds to each prompt what it adds to the first.
    added = max(0, len(rendered(rows[0]["messages"], tokenizer, model).encode()) - written[0])
    cut = []
    for row, size in zip(rows, written, strict=True):
        if size + added * len(row["messages"]) > room:
            text = rendered(row["messages"], tokenizer, model)
            if len(tokenizer(text, add_special_tokens=False)["input_ids"]) > room:
                cut.append(str(json.loads(row["label"])["id"]))
    return len(rows), cut


def rendered(messages: list[dict[str, str]], tokenizer: Any, model: str) -> str:
    """The prompt's text, as OpenRLHF makes it."""
    if not tokenizer.chat_template:
        raise InputError(
            f"{model}: its tokenizer has no chat template, by which prompts are written for the model; put one, as "
            "chat_template.jinja, into a copy of the model's folder (that of a sibling for conversations may do)"
        )
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # jinja's errors, and what a template raises itself: some refuse a system message
        raise InputError(
            f"{model}: its chat template fails on the prompts ({one_line(error)}); where it takes no system message, "
            "set run.system_prompt=null"
        ) from error
