r"""The verdict on a response: one grader for the training reward and the benchmarks (docs/grading.md).

    python -m eval.grader --gold '\frac{1}{2}' --answer 0.5      explain a verdict
    python -m eval.grader --file cases.jsonl                     grade a file of {gold, prediction, is_equal}

`extract` finds the answer in a response and `equal` compares two answers. Neither raises on any string. `Grader`
does both on batches; what needs Math-Verify goes to worker processes with a hard deadline per item.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .compare import decide, reads
from .extract import Extraction, extract, read
from .judge import UNREAD, judge
from .pool import Pool
from .verdict import Reason, Verdict, benchmark_rule

__all__ = ["Graded", "Grader", "Reason", "Verdict", "equal", "extract", "reads"]

Rule = Callable[[str, Extraction], Reason | None]


def equal(gold: str, prediction: str) -> bool:
    """Whether a prediction is the gold answer. Never raises on a string; an empty answer equals nothing.

    Bounded in input, not in time, where it takes a worker: use `Grader` on what a model wrote.
    """
    return judge(gold, prediction) is True


class Graded(NamedTuple):
    """A verdict, the answer it is on, if there is one, and why, where comparing answers did not give the verdict.

    `score`, from 0 to 1, is a verifier's (eval/verifiers); None where none was asked, or had the time.
    """

    verdict: Verdict
    answer: str | None
    reason: Reason | None = None
    score: float | None = None


class Grader:
    """Grades batches; safe to use from any thread, in several processes at once and under asyncio.

    `deadline` is in seconds per item. An item that overruns it, or the memory of a worker, is a `timeout`. No worker
    is started before an item needs one, and none outlives this process.
    """

    def __init__(self, workers: int | None = None, deadline: float = 5.0) -> None:
        self.pool = Pool(max(1, min(8, os.cpu_count() or 1)) if workers is None else workers, deadline)

    def equal_pairs(self, pairs: Iterable[tuple[str, str]]) -> list[bool | None]:
        """`equal` of each (gold, prediction), in order; None where it timed out."""
        return [None if verdict is None else verdict is True for verdict in self.compared(list(pairs))]

    def compared(self, pairs: list[tuple[str, str]]) -> list[bool | str | None]:
        """The verdict on each pair, in order: None where it timed out, UNREAD where neither parser reads a side."""
        verdicts: list[bool | str | None] = [decide(gold, prediction) for gold, prediction in pairs]
        hard = [index for index, verdict in enumerate(verdicts) if verdict is None]
        if hard:
            distinct = list(dict.fromkeys(pairs[index] for index in hard))
            answers = dict(zip(distinct, self.pool.ask_all(distinct), strict=True))
            for index in hard:
                verdicts[index] = answers[pairs[index]]
        return verdicts

    def grade(
        self, items: Iterable[tuple[str, str]], *, fallbacks: bool = False, rule: Rule = benchmark_rule
    ) -> list[Graded]:
        """The verdict on each (gold, response), in order; `rule` is one of those in eval/grader/verdict.py."""
        items = list(items)
        found = [read(response, fallbacks=fallbacks) for _, response in items]
        ruled = [rule(response, extraction) for (_, response), extraction in zip(items, found, strict=True)]
        left = zip(items, found, ruled, strict=True)
        pairs = [(gold, extraction.answer or "") for (gold, _), extraction, reason in left if reason is None]
        compared = iter(self.compared(pairs))
        results = []
        for reason, extraction in zip(ruled, found, strict=True):
            if reason is None:
                equal = next(compared)
                reason = Reason.OVER_LIMIT if equal is None else Reason.UNREAD if equal == UNREAD else None
                verdict = reason.verdict if reason else Verdict.compared(equal is True)
            else:
                verdict = reason.verdict
            results.append(Graded(verdict, extraction.answer, reason))
        return results

    async def agrade(self, items: Iterable[tuple[str, str]], *, fallbacks: bool = False) -> list[Graded]:
        """`grade`, without blocking the event loop."""
        return await asyncio.to_thread(self.grade, items, fallbacks=fallbacks)

    def close(self) -> None:
        """End the workers. Closing twice is harmless."""
        self.pool.close()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
