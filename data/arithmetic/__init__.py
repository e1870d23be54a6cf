r"""The embedded data set: schoolbook arithmetic made from a seed, so that every stage runs with nothing to download.

    python -m data.arithmetic [--seed 0] [--wrong_share 0.05]

    data/prompts/arithmetic.json         the training pool: {id, prompt, answer, level, subject, source}
    data/prompts/arithmetic_val.json     for picking a checkpoint, same form
    data/benchmarks/arithmetic.jsonl     the held-out test: {id, question, answer, level, subject}

Levels follow what the columns ask for: 1 nothing is carried or borrowed; 2 two digits and a carry; 3 three digits and
one carry, or two digits times one; 4 three digits and two carries, or three digits times one; 5 two digits times two.

Which set a problem may enter is a property of the problem (`Problem.split`, a hash of its operands in canonical
order), so the pool, the validation set, the test and what `train.pretrain` learns from are disjoint for any seed.
One in twenty answers of the pool has a wrong digit and `source` "arithmetic-wrong-label", as real pools do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

from data.sets.embedded import LEVEL_SHARES, SIZES, Embedded, split_of

SUBJECTS = {"+": "addition", "-": "subtraction", "*": "multiplication"}
LATEX = {"+": " + ", "-": " - ", "*": r" \times "}
# level → (operation, digits of the left operand, of the right one); see `Problem.level`.
KINDS = {
    1: (("+", 2, 2), ("-", 2, 2), ("*", 2, 1)),
    2: (("+", 2, 2), ("-", 2, 2)),
    3: (("+", 3, 3), ("-", 3, 3), ("*", 2, 1)),
    4: (("+", 3, 3), ("-", 3, 3), ("*", 3, 1)),
    5: (("*", 2, 2),),
}


@dataclass(frozen=True)
class Problem:
    """One calculation of two whole numbers; `operation` is "+", "-" (left > right) or "*"."""

    left: int
    operation: str
    right: int

    @property
    def text(self) -> str:
        """The question as the model reads it."""
        return f"What is ${self.left}{LATEX[self.operation]}{self.right}$?"

    @property
    def answer(self) -> int:
        if self.operation == "+":
            return self.left + self.right
        return self.left - self.right if self.operation == "-" else self.left * self.right

    @property
    def subject(self) -> str:
        return SUBJECTS[self.operation]

    @property
    def columns(self) -> list[tuple[int, int]]:
        """Digits under each other, ones first; a one-digit factor stands under every column."""
        left = [int(digit) for digit in reversed(str(self.left))]
        right = [int(digit) for digit in reversed(str(self.right))]
        if self.operation == "*":
            return [(digit, right[0]) for digit in left]
        return list(zip(left, right, strict=True))

    @property
    def carries(self) -> int:
        """Columns, the leading one aside, that carry into the next (or borrow from it)."""
        count = carry = 0
        for top, bottom in self.columns[:-1]:
            value = {"+": top + bottom + carry, "-": top - bottom - carry, "*": top * bottom + carry}[self.operation]
            carry = abs(value // 10)
            count += carry > 0
        return count

    @property
    def level(self) -> int:
        """1 to 5, by the table in the module's docstring."""
        digits = len(str(self.left))
        if self.operation == "*" and self.right >= 10:
            return 5
        if self.carries == 0:
            return 1
        if self.operation == "*":
            return 3 if digits == 2 else 4
        return 2 if digits == 2 else 2 + self.carries

    @cached_property
    def key(self) -> str:
        """One spelling for `a + b` and `b + a`."""
        operands = (self.left, self.right) if self.operation == "-" else sorted((self.left, self.right))
        return self.operation.join(map(str, operands))

    @cached_property
    def split(self) -> str:
        """The one set this problem may enter: pool, val, test, or corpus (what the base model learns from)."""
        return split_of(self.key)


def draw(rng: random.Random, level: int) -> Problem:
    """A problem of the level, its operation drawn evenly from those the level has."""
    operation, digits, by = rng.choice(KINDS[level])
    while True:
        left, right = (rng.randrange(10 ** (n - 1) if n > 1 else 2, 10**n) for n in (digits, by))
        if operation == "-":
            if left == right:
                continue
            left, right = max(left, right), min(left, right)
        problem = Problem(left, operation, right)
        if problem.level == level:
            return problem


def with_wrong_digit(rng: random.Random, answer: int) -> int:
    """The answer with one digit misprinted; its length stays."""
    digits = str(answer)
    place = rng.randrange(len(digits))
    others = [d for d in "0123456789" if d != digits[place] and (d != "0" or place > 0)]
    return int(digits[:place] + rng.choice(others) + digits[place + 1 :])


EMBEDDED = Embedded("arithmetic", draw, lambda rng, problem: str(with_wrong_digit(rng, problem.answer)))
draw_set, make, produce = EMBEDDED.draw_set, EMBEDDED.make, EMBEDDED.produce
__all__ = ["EMBEDDED", "LEVEL_SHARES", "SIZES", "Problem", "draw", "draw_set", "make", "produce"]
