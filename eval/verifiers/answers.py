r"""The answer of a response for verifiers other than `math`: in a box, or between `<answer>` and `</answer>`."""

from __future__ import annotations

import re

from ..grader.extract import Extraction, read

TAGGED = re.compile(r"<answer>((?:(?!<answer>)[\s\S])*?)</answer>")
WRAPPED = re.compile(r"\\(?:text|textbf|textit|texttt|mathrm|mathbf|mathtt)\{([^{}]*)\}")


def find(response: str, *, fallbacks: bool = False) -> Extraction:
    r"""The answer, if any, and how many boxes and tags there are.

    The last `<answer>…</answer>` that holds something counts before any box, and a box inside of it before its other
    text. `\text{…}` around a complete answer is dropped. With `fallbacks`, where neither is there, what else the text
    calls its answer.
    """
    tags = [text for text in TAGGED.findall(response) if text.strip()]
    boxed = read(tags[-1] if tags else response)
    opened = read(response).opened if tags else boxed.opened
    answer = boxed.answer
    if tags and answer is None:
        answer = tags[-1].strip()
    if answer is None and fallbacks:
        answer = read(response, fallbacks=True).answer
    return Extraction(None if answer is None else plain(answer), opened + response.count("<answer>"))


def plain(answer: str) -> str:
    r"""An answer without outer white space and without `$…$` or `\text{…}` around all of it."""
    answer = answer.strip()
    if len(answer) > 2 and answer[0] == answer[-1] == "$" and "$" not in answer[1:-1]:
        answer = answer[1:-1].strip()
    wrapped = WRAPPED.fullmatch(answer)
    return wrapped[1].strip() if wrapped else answer


def forms(answer: str) -> tuple[str, str]:
    r"""Responses that give this answer and nothing else."""
    return f"\\boxed{{{answer}}}", f"<answer>{answer}</answer>"
