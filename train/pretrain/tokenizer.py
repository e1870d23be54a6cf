r"""The tokenizers of the embedded sets: 30-odd symbols, a chat template, plain Hugging Face files.

A word-level vocabulary over one regular expression: digits and letters stand alone, each fixed phrase ("What is $",
"\boxed{") is one token. It is a plain `PreTrainedTokenizerFast` under a Llama or Qwen3 config: the loader of
transformers 5 rebuilds the tokenizers of some other model types, Qwen2's among them, and a small vocabulary then
loses characters.
"""

from __future__ import annotations

import re

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD, BEGIN, ANSWER, END, UNKNOWN = "<|pad|>", "<|begin|>", "<|answer|>", "<|end|>", "<|unknown|>"
SPECIAL = (PAD, BEGIN, ANSWER, END, UNKNOWN)
PHRASES = {
    "arithmetic": ("What is $", "$?", " + ", " - ", r" \times ", " = ", ", ", r"\boxed{", "}"),
    "letters": ("Reverse $", "Sort $", "How many $", "$ in $", "$.", "$?", ", ", r"\boxed{", "}"),
}
SINGLE = {"arithmetic": "0123456789", "letters": "0123456789abcdefghij"}
SYMBOLS = {task: (*SPECIAL, *PHRASES[task], *SINGLE[task]) for task in PHRASES}
# A model of this size reads arithmetic only: a recipe's system message is skipped.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ message['content'] }}"
    "{% elif message['role'] == 'assistant' %}{{ '" + ANSWER + "' + message['content'] + eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '" + ANSWER + "' }}{% endif %}"
)


def build(task: str = "arithmetic") -> PreTrainedTokenizerFast:
    """The tokenizer of an embedded set; ids follow `SYMBOLS`, text outside it becomes `<|unknown|>`."""
    vocabulary = {symbol: i for i, symbol in enumerate(SYMBOLS[task])}
    pattern = "|".join([*map(re.escape, PHRASES[task]), f"[{SINGLE[task]}]", "."])
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=[ANSWER],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
