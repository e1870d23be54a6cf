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

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lim.utils.errors import InputError
from lim.utils.files import write_json
from lim.utils.rows import write_jsonl

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
LEVEL_SHARES = {1: 0.10, 2: 0.20, 3: 0.30, 4: 0.30, 5: 0.10}
SPLIT_PERCENT = {"pool": 20, "val": 5, "test": 15, "corpus": 60}
SIZES = {"pool": 512, "val": 128, "test": 500}
WRONG_SHARE = 0.05
DRAWS_BEFORE_GIVING_UP = 20_000


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
        bucket = int.from_bytes(hashlib.sha256(self.key.encode()).digest()[:4]) % 100
        for name, percent in SPLIT_PERCENT.items():
            bucket -= percent
            if bucket < 0:
                return name
        raise AssertionError("SPLIT_PERCENT does not add up to 100")


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


def draw_set(rng: random.Random, split: str, size: int) -> list[Problem]:
    """`size` distinct problems of a split, levels by `LEVEL_SHARES`, in random order.

    Raises InputError when a level has no more problems to give.
    """
    quotas = {level: round(size * share) for level, share in LEVEL_SHARES.items()}
    quotas[3] += size - sum(quotas.values())
    chosen: dict[str, Problem] = {}
    for level, quota in quotas.items():
        wanted = len(chosen) + quota
        draws = 0
        while len(chosen) < wanted:
            problem = draw(rng, level)
            draws += 1
            if problem.split == split and problem.key not in chosen:
                chosen[problem.key] = problem
                draws = 0
            elif draws > DRAWS_BEFORE_GIVING_UP:
                raise InputError(f"{split}: level {level} has too few problems for a set of {size}; ask for fewer")
    problems = list(chosen.values())
    rng.shuffle(problems)
    return problems


def with_wrong_digit(rng: random.Random, answer: int) -> int:
    """The answer with one digit misprinted; its length stays."""
    digits = str(answer)
    place = rng.randrange(len(digits))
    others = [d for d in "0123456789" if d != digits[place] and (d != "0" or place > 0)]
    return int(digits[:place] + rng.choice(others) + digits[place + 1 :])


def prompt_rows(problems: Sequence[Problem], name: str, wrong: frozenset[int], rng: random.Random) -> list[dict]:
    """Rows of a prompt file; the problems at the indices `wrong` get a misprinted answer and are marked."""
    rows = []
    for index, problem in enumerate(problems):
        answer = with_wrong_digit(rng, problem.answer) if index in wrong else problem.answer
        rows.append(
            {
                "id": f"{name}-{index:04d}",
                "prompt": problem.text,
                "answer": str(answer),
                "level": problem.level,
                "subject": problem.subject,
                "source": "arithmetic-wrong-label" if index in wrong else "arithmetic",
            }
        )
    return rows


def make(
    seed: int = 0, sizes: dict[str, int] = SIZES, wrong_share: float = WRONG_SHARE
) -> dict[str, list[dict]]:
    """The three sets as rows: pool and val (prompt-file form), test (benchmark form). Same seed, same rows.

    `wrong_share` of the pool's answers have a wrong digit.
    """
    rng = random.Random(f"arithmetic-{seed}")
    sets = {split: draw_set(rng, split, size) for split, size in sizes.items()}
    wrong = frozenset(rng.sample(range(sizes["pool"]), round(wrong_share * sizes["pool"])))
    test = prompt_rows(sets["test"], "arithmetic-test", frozenset(), rng)
    return {
        "pool": prompt_rows(sets["pool"], "arithmetic", wrong, rng),
        "val": prompt_rows(sets["val"], "arithmetic-val", frozenset(), rng),
        "test": [
            {"id": row["id"], "question": row["prompt"], **{key: row[key] for key in ("answer", "level", "subject")}}
            for row in test
        ],
    }


def write(rows: dict[str, list[dict]], folder: Path) -> dict[str, Path]:
    """Write the three files under `folder`; returns split → path."""
    paths = {
        "pool": folder / "prompts" / "arithmetic.json",
        "val": folder / "prompts" / "arithmetic_val.json",
        "test": folder / "benchmarks" / "arithmetic.jsonl",
    }
    write_json(paths["pool"], rows["pool"])
    write_json(paths["val"], rows["val"])
    write_jsonl(paths["test"], rows["test"])
    return paths


def produce(seed: int, folder: Path, console: Console, wrong_share: float = WRONG_SHARE) -> None:
    """Make the three files under `folder`, and show what is in them."""
    rows = make(seed, wrong_share=wrong_share)
    paths = write(rows, folder)
    table = Table("split", "problems", *(f"level {level}" for level in KINDS), "wrong labels")
    for split in paths:
        levels = Counter(row["level"] for row in rows[split])
        wrong = sum(row.get("source") == "arithmetic-wrong-label" for row in rows[split])
        table.add_row(split, str(len(rows[split])), *(str(levels[level]) for level in KINDS), str(wrong))
    console.print(table)
    for path in paths.values():
        console.print(f"wrote {path}", soft_wrap=True, highlight=False)
