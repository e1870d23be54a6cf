"""An embedded data set: problems drawn from a seed, split by themselves, some labels wrong, as rows and as files.

data/prompts/<name>.json         the training pool: {id, prompt, answer, level, subject, source, …}
data/prompts/<name>_val.json     for picking a checkpoint, same form
data/benchmarks/<name>.jsonl     the held-out test: {id, question, answer, level, subject, …}
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from lim.utils.cli import Parser, between, whole
from lim.utils.errors import InputError
from lim.utils.files import check_output, write_json
from lim.utils.rows import write_jsonl

LEVEL_SHARES = {1: 0.10, 2: 0.20, 3: 0.30, 4: 0.30, 5: 0.10}
SPLIT_PERCENT = {"pool": 20, "val": 5, "test": 15, "corpus": 60}
SIZES = {"pool": 512, "val": 128, "test": 500}
WRONG_SHARE = 0.05
DRAWS_BEFORE_GIVING_UP = 20_000


class Problem(Protocol):
    """A problem of any embedded set. `key` is one spelling of what may be spelled in several ways."""

    @property
    def text(self) -> str: ...
    @property
    def answer(self) -> Any: ...
    @property
    def subject(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def split(self) -> str: ...


def split_of(key: str) -> str:
    """The one set that a problem may enter: pool, val, test, or corpus (what the base model learns from)."""
    bucket = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % 100
    for name, percent in SPLIT_PERCENT.items():
        bucket -= percent
        if bucket < 0:
            return name
    raise AssertionError("SPLIT_PERCENT does not add up to 100")


@dataclass(frozen=True)
class Embedded:
    """`draw` gives a problem of a level, `misprint` a wrong answer to one; `more` are further keys of each row."""

    name: str
    draw: Callable[[random.Random, int], Problem]
    misprint: Callable[[random.Random, Any], str]
    more: Mapping[str, Any] = field(default_factory=dict)

    def draw_set(self, rng: random.Random, split: str, size: int) -> list[Problem]:
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
                problem = self.draw(rng, level)
                draws += 1
                if problem.split == split and problem.key not in chosen:
                    chosen[problem.key] = problem
                    draws = 0
                elif draws > DRAWS_BEFORE_GIVING_UP:
                    raise InputError(
                        f"{split}: level {level} has too few problems for a set of {size}; ask for fewer"
                    )
        problems = list(chosen.values())
        rng.shuffle(problems)
        return problems

    def rows(
        self, problems: Sequence[Problem], name: str, wrong: frozenset[int], rng: random.Random
    ) -> list[dict[str, Any]]:
        """Rows of a prompt file; the problems at the indices `wrong` get a misprinted answer and are marked."""
        return [
            {
                "id": f"{name}-{index:04d}",
                "prompt": problem.text,
                "answer": self.misprint(rng, problem) if index in wrong else str(problem.answer),
                "level": problem.level,
                "subject": problem.subject,
                "source": f"{self.name}-wrong-label" if index in wrong else self.name,
                **self.more,
            }
            for index, problem in enumerate(problems)
        ]

    def make(
        self, seed: int = 0, sizes: Mapping[str, int] = SIZES, wrong_share: float = WRONG_SHARE
    ) -> dict[str, list[dict[str, Any]]]:
        """The three sets as rows: pool and val (prompt-file form), test (benchmark form). Same seed, same rows.

        `wrong_share` of the pool's answers are wrong.
        """
        rng = random.Random(f"{self.name}-{seed}")
        sets = {split: self.draw_set(rng, split, size) for split, size in sizes.items()}
        wrong = frozenset(rng.sample(range(sizes["pool"]), round(wrong_share * sizes["pool"])))
        test = self.rows(sets["test"], f"{self.name}-test", frozenset(), rng)
        kept = ("answer", "level", "subject", *self.more)
        return {
            "pool": self.rows(sets["pool"], self.name, wrong, rng),
            "val": self.rows(sets["val"], f"{self.name}-val", frozenset(), rng),
            "test": [{"id": row["id"], "question": row["prompt"], **{key: row[key] for key in kept}} for row in test],
        }

    def write(self, rows: Mapping[str, list[dict[str, Any]]], folder: Path) -> dict[str, Path]:
        """Write the three files under `folder`; returns split → path."""
        paths = {
            "pool": folder / "prompts" / f"{self.name}.json",
            "val": folder / "prompts" / f"{self.name}_val.json",
            "test": folder / "benchmarks" / f"{self.name}.jsonl",
        }
        write_json(paths["pool"], rows["pool"])
        write_json(paths["val"], rows["val"])
        write_jsonl(paths["test"], rows["test"])
        return paths

    def produce(self, seed: int, folder: Path, console: Console, wrong_share: float = WRONG_SHARE) -> None:
        """Make the three files under `folder`, and show what is in them."""
        rows = self.make(seed, wrong_share=wrong_share)
        paths = self.write(rows, folder)
        table = Table("split", "problems", *(f"level {level}" for level in LEVEL_SHARES), "wrong labels")
        for split in paths:
            levels = Counter(row["level"] for row in rows[split])
            wrong = sum(row.get("source") == f"{self.name}-wrong-label" for row in rows[split])
            table.add_row(split, str(len(rows[split])), *(str(levels[level]) for level in LEVEL_SHARES), str(wrong))
        console.print(table)
        for path in paths.values():
            console.print(f"wrote {path}", soft_wrap=True, highlight=False)

    def command(self, description: str, argv: Sequence[str] | None = None) -> None:
        """`python -m data.<name> [--seed 0] [--wrong_share 0.05]`."""
        parser = Parser(prog=f"python -m data.{self.name}", description=description)
        parser.add_argument("--seed", type=whole(0), default=0, help="seed of the problems (default 0)")
        parser.add_argument(
            "--wrong_share",
            type=between(0, 1),
            default=WRONG_SHARE,
            help=f"share of wrong labels among the training problems (default {WRONG_SHARE:g})",
        )
        default = Path(__file__).parents[1]
        parser.add_argument("--data_dir", type=Path, default=default, help="default: the project's data/")
        args = parser.parse_args(argv)
        check_output("--data_dir", args.data_dir, folder=True)
        self.produce(args.seed, args.data_dir, Console(), args.wrong_share)
