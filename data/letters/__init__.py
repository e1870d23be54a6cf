r"""The second embedded data set, which is no arithmetic: words of random letters to reverse, to sort, to count in.

    python -m data.letters [--seed 0]

    data/prompts/letters.json         the training pool: {id, prompt, answer, level, subject, source, verifier}
    data/prompts/letters_val.json     for picking a checkpoint, same form
    data/benchmarks/letters.jsonl     the held-out test: {id, question, answer, level, subject, verifier}

The verifier is `exact` (docs/verifiers.md): to a grader of mathematics `abc` and `cab` are one product.

A careless answer takes one step where several are needed: it swaps the ends of a word, bubbles once through it, or
stops counting at one. Level 1 is where that is right; the others are longer, from 3 or 4 letters at level 2 to 7 at
level 5. Which set a problem may enter is a property of the problem, as for `data.arithmetic`, and one in twenty
answers of the pool is misprinted.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

from data.sets.embedded import SIZES, Embedded, split_of

ALPHABET = "abcdefghij"
FEW = 3  # different letters of a word to count in
LENGTHS = {1: (3, 4), 2: (3, 4), 3: (5,), 4: (6,), 5: (7,)}  # by level
OPERATIONS = ("reverse", "sort", "count")


@dataclass(frozen=True)
class Problem:
    """A word and what to do with it; `letter` is what to count."""

    operation: str
    word: str
    letter: str = ""

    @property
    def text(self) -> str:
        """The question as the model reads it."""
        if self.operation == "count":
            return f"How many ${self.letter}$ in ${self.word}$?"
        return f"{self.operation.capitalize()} ${self.word}$."

    @property
    def answer(self) -> str:
        if self.operation == "count":
            return str(self.word.count(self.letter))
        return self.word[::-1] if self.operation == "reverse" else "".join(sorted(self.word))

    @property
    def careless(self) -> str:
        """The answer of one step where several are needed."""
        if self.operation == "count":
            return str(min(1, self.word.count(self.letter)))
        if self.operation == "reverse":
            return self.word[-1] + self.word[1:-1] + self.word[0]
        letters = list(self.word)
        for place in range(len(letters) - 1):
            if letters[place] > letters[place + 1]:
                letters[place], letters[place + 1] = letters[place + 1], letters[place]
        return "".join(letters)

    @property
    def steps(self) -> list[str]:
        """What leads to the answer: its letters one by one, or the count after each letter."""
        if self.operation != "count":
            return list(self.answer)
        return [str(self.word[:end].count(self.letter)) for end in range(1, len(self.word) + 1)]

    @property
    def subject(self) -> str:
        return self.operation

    @property
    def level(self) -> int:
        """1 to 5, by the table in the module's docstring."""
        return 1 if self.careless == self.answer else max(2, len(self.word) - 2)

    @property
    def key(self) -> str:
        return f"{self.operation}:{self.word}:{self.letter}"

    @cached_property
    def split(self) -> str:
        """The one set this problem may enter: pool, val, test, or corpus (what the base model learns from)."""
        return split_of(self.key)


def draw(rng: random.Random, level: int) -> Problem:
    """A problem of the level, its operation drawn evenly."""
    operation = rng.choice(OPERATIONS)
    while True:
        length = rng.choice(LENGTHS[level])
        letters = rng.sample(ALPHABET, FEW) if operation == "count" else ALPHABET
        word = "".join(rng.choices(letters, k=length))
        problem = Problem(operation, word, rng.choice(letters) if operation == "count" else "")
        if problem.level == level:
            return problem


def misprint(rng: random.Random, problem: Problem) -> str:
    """The answer with one letter, or its digit, misprinted."""
    answer = problem.answer
    place = rng.randrange(len(answer))
    others = "0123456789" if problem.operation == "count" else ALPHABET
    return answer[:place] + rng.choice(others.replace(answer[place], "")) + answer[place + 1 :]


EMBEDDED = Embedded("letters", draw, misprint, {"verifier": "exact"})
make, produce = EMBEDDED.make, EMBEDDED.produce
__all__ = ["EMBEDDED", "SIZES", "Problem", "draw", "make", "produce"]
