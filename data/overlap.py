"""Which questions of a benchmark are among the prompts: the same, nearly the same, or sharing 13-grams.

- same: equal but for whitespace.
- near: the same words in the same order, at most two numbers, signs or brackets apart. `z^4 - z^2` and `z^4 + z^2`
  are such a pair and two different questions, so a near pair is shown, never counted as the same; `difference` is
  empty where only punctuation that carries no meaning differs.
- 13-grams: a token is a number with its decimals, or a run of letters, digits and underscores, in lower case (so
  `2x` is two tokens, `a_3` one; LaTeX commands count by their name, punctuation and signs do not count). A
  question's share is the part of its distinct 13-grams that occurs in any prompt. Questions of fewer than 13 tokens
  have none. Other sane tokenisations move a question or two (data/README.md).
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lim.utils.text import squash

N = 13
TOKEN = re.compile(r"\d+(?:\.\d+)?|\w+")
PIECE = re.compile(r"\d+(?:\.\d+)?|\w+|[^\w\s]")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
MEANINGLESS = frozenset("$\\{}.,;:?\"'`~")
NEAR_CHANGES = 2
# In shorter texts ("What is $12 + 34$?") a number is the question, and every pair would be near.
NEAR_WORDS = 8


@dataclass(frozen=True)
class Near:
    """A question and a prompt (indices) with the same words; `difference` is "- → +", or "" for punctuation only."""

    question: int
    prompt: int
    difference: str


@dataclass(frozen=True)
class Share:
    """The share of a question's 13-grams in any prompt, and the prompt that holds most of them."""

    question: int
    share: float
    prompt: int
    share_of_prompt: float


@dataclass(frozen=True)
class Overlap:
    """What a benchmark of `questions` questions has in common with the prompts. `same` holds (question, prompts)."""

    questions: int
    same: list[tuple[int, list[int]]]
    near: list[Near]
    shares: list[Share]


def compare(prompts: Sequence[str], questions: Sequence[str]) -> Overlap:
    """The overlap of a benchmark's questions with the prompts; time is linear in their lengths."""
    by_text: dict[str, list[int]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        by_text[squash(prompt)].append(index)
    same = [(index, by_text[text]) for index, text in enumerate(map(squash, questions)) if text in by_text]
    return Overlap(len(questions), same, find_near(prompts, questions), find_shares(prompts, questions))


def ngrams(text: str) -> set[tuple[str, ...]]:
    """Distinct 13-grams of a text's tokens."""
    tokens = TOKEN.findall(text.lower())
    return {tuple(tokens[start : start + N]) for start in range(len(tokens) - N + 1)}


def find_shares(prompts: Sequence[str], questions: Sequence[str]) -> list[Share]:
    """Questions that share a 13-gram with some prompt, the largest share first."""
    grams = [ngrams(question) for question in questions]
    askers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, own in enumerate(grams):
        for gram in own:
            askers[gram].append(index)
    found: list[set[tuple[str, ...]]] = [set() for _ in questions]
    counts: list[dict[int, int]] = [defaultdict(int) for _ in questions]
    for number, prompt in enumerate(prompts):
        for gram in ngrams(prompt) & askers.keys():
            for index in askers[gram]:
                found[index].add(gram)
                counts[index][number] += 1
    shares = []
    for index, own in enumerate(grams):
        if found[index]:
            best, most = max(counts[index].items(), key=lambda item: (item[1], -item[0]))
            shares.append(Share(index, len(found[index]) / len(own), best, most / len(own)))
    return sorted(shares, key=lambda share: (-share.share, share.question))


def skeleton(text: str) -> tuple[str, ...]:
    """A text's words in lower case with `#` for each number, without signs and punctuation."""
    return tuple("#" if NUMBER.fullmatch(token) else token for token in TOKEN.findall(text.lower()))


def marks(text: str) -> list[str]:
    """A text's numbers, signs and brackets in order: what its skeleton lacks and carries meaning."""
    pieces = PIECE.findall(text.replace("−", "-"))
    return [p for p in pieces if NUMBER.fullmatch(p) or not (p[0].isalnum() or p[0] == "_" or p in MEANINGLESS)]


def find_near(prompts: Sequence[str], questions: Sequence[str]) -> list[Near]:
    """Pairs with the same skeleton, not the same text, and at most two marks apart."""
    by_skeleton: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        shape = skeleton(question)
        if sum(token != "#" for token in shape) >= NEAR_WORDS:
            by_skeleton[shape].append(index)
    near = []
    for number, prompt in enumerate(prompts):
        for index in by_skeleton.get(skeleton(prompt), ()):
            changes = differences(marks(questions[index]), marks(prompt))
            if len(changes) <= NEAR_CHANGES and squash(questions[index]) != squash(prompt):
                near.append(Near(index, number, ", ".join(changes)))
    return near


def differences(first: list[str], second: list[str]) -> list[str]:
    """What turns one list of marks into the other: "a → b", one text a mark that differs."""
    changes = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag != "equal":
            for step in range(max(j - i, m - k)):
                old = first[i + step] if i + step < j else "nothing"
                new = second[k + step] if k + step < m else "nothing"
                changes.append(f"{old} → {new}")
    return changes
