"""Where a response ends: the eos token, and the token with which the chat template ends a turn.

The two differ for some base models: Qwen2.5-Math's eos is `<|endoftext|>`, and its template ends a turn with
`<|im_end|>`. An engine that stops at eos alone lets such a model write on after its answer.
"""

from __future__ import annotations

from typing import Any

# Of many model families, where no tokenizer says which; the first in a text counts.
COMMON = (
    *("<|endoftext|>", "<|im_end|>", "<|end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|return|>"),
    *("</s>", "<eos>", "<|eos|>", "[EOS]", "<end_of_turn>", "<｜end▁of▁sentence｜>", "<|endofturn|>", "<turn|>"),
)
PROBE = "probe"  # an assistant's message whose end is looked for


def end_tokens(tokenizer: Any, model: str | None = None) -> dict[str, int]:
    """The tokens that end a response, text → id: eos, the turn's end, and those of the model's generation config.

    The turn's end is the first token after an assistant's message in the chat template, if it is a special one.
    `model`: a folder or hub id whose generation config is read.
    """
    ids = [tokenizer.eos_token_id, _end_of_turn(tokenizer), *(_generation_ends(model) if model else [])]
    known = [id for id in dict.fromkeys(ids) if id is not None]
    return {tokenizer.convert_ids_to_tokens(id): id for id in known}


def _end_of_turn(tokenizer: Any) -> int | None:
    if not tokenizer.chat_template:
        return None
    messages = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}]
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception:  # a template's own errors, of any kind: nothing is known of its turns then
        return None
    after = text.rpartition(PROBE)[2].lstrip()
    ids = tokenizer(after, add_special_tokens=False)["input_ids"] if after else []
    return ids[0] if ids and ids[0] in getattr(tokenizer, "added_tokens_decoder", {}) else None


def _generation_ends(model: str) -> list[int]:
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(model).eos_token_id
    except (OSError, ValueError):  # a model may come without one
        return []
    return found if isinstance(found, list) else [] if found is None else [found]


def cut(text: str, ends: tuple[str, ...]) -> tuple[str, str | None]:
    """(text before the first of the end tokens, which one that is), or (text, None)."""
    places = [(place, end) for end in ends if (place := text.find(end)) >= 0]
    if not places:
        return text, None
    place, end = min(places)
    return text[:place], end
