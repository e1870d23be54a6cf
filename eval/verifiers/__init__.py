"""Verifiers: what scores a response, by task (docs/verifiers.md).

`Verifiers` grades items of any of them, mixed. `math` is the grader; `choice`, `exact` and `numeric` are small and
strict; `reasoning_gym` is that library's own scoring; a person's own is a function in a file. The last two run in
worker processes with a deadline and a limit on memory.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lim.utils.errors import InputError

from ..grader import Graded, Grader, Rule, Verdict
from ..grader.extract import Extraction, extract
from ..grader.pool import Pool
from ..grader.verdict import Reason, benchmark_rule
from . import answers, registry, strict
from .registry import MATH, VERIFIERS, Verifier, metadata_of

__all__ = ["MATH", "VERIFIERS", "Item", "Verifiers", "add_verifier_flag", "declared", "default_of", "metadata_of"]

WORKER = f"{__package__}.worker"


class Item(NamedTuple):
    """A response to grade: the gold answer, the verifier's name, and what the record carries for it."""

    response: str
    answer: str
    verifier: str = MATH
    metadata: Mapping[str, Any] = {}


class Verifiers:
    """Grades batches; safe to use from any thread, in several processes at once.

    `own` declares a person's verifiers (name → path/to/file.py:function), `default` is that of records that name
    none. `deadline` is in seconds per item; one that overruns it, or the memory of a worker, is a `timeout`. No
    worker is started before an item needs one, and none outlives this process. `grader` is one to share, which
    stays open. Raises InputError for what cannot be declared.
    """

    def __init__(
        self,
        own: Mapping[str, str] | None = None,
        default: str = MATH,
        *,
        workers: int | None = None,
        deadline: float = 5.0,
        grader: Grader | None = None,
        where: str = "--verifier",
    ) -> None:
        self.known = VERIFIERS | registry.own(own or {}, where)
        self.default = registry.named(default, self.known, where).name
        self.grader = grader or Grader(workers, deadline)
        self.own_grader = grader is None
        self.pools: dict[str, Pool] = {}
        self.starting = threading.Lock()

    def of(self, record: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
        """(name, metadata) of a record's verifier. InputError, after `where`, for what it cannot use."""
        name = record.get("verifier")
        verifier = self.known[self.default] if name in (None, "") else registry.named(name, self.known, where)
        if verifier.name == MATH:  # takes nothing of it, whatever is there
            return MATH, {}
        metadata = metadata_of(record.get("metadata"), where)
        if problem := verifier.problem(metadata):
            raise InputError(f"{where}: verifier {verifier.name}: {problem}")
        return verifier.name, metadata

    def item(self, record: Mapping[str, Any], response: str, where: str = "record") -> Item:
        """A response to a record `{answer, verifier?, metadata?}`."""
        return Item(response, record["answer"], *self.of(record, where))

    def grade(self, items: Iterable[Item], *, fallbacks: bool = False, rule: Rule = benchmark_rule) -> list[Graded]:
        """The verdict on each item, in order: `correct` only at a score of 1; `rule` is as for the grader.

        Of a person's own verifier the response is handed over as it is, and `rule` only sees whether it was cut off.
        Raises InputError where a person's verifier, or reasoning-gym, fails on an item.
        """
        items = list(items)
        results: list[Graded | None] = [None] * len(items)
        for name in dict.fromkeys(item.verifier for item in items):
            at = [index for index, item in enumerate(items) if item.verifier == name]
            verifier, chosen = self.known[name], [items[index] for index in at]
            if name == MATH:
                pairs = [(item.answer, item.response) for item in chosen]
                graded = list(map(_scored, self.grader.grade(pairs, fallbacks=fallbacks, rule=rule)))
            else:
                graded = self._grade(verifier, chosen, fallbacks, rule)
            for index, one in zip(at, graded, strict=True):
                results[index] = one
        return [one for one in results if one is not None]

    def _grade(self, verifier: Verifier, items: Sequence[Item], fallbacks: bool, rule: Rule) -> list[Graded]:
        found = [answers.find(item.response, fallbacks=fallbacks) for item in items]
        # What a person's verifier reads is not known here: no box is needed, and no sign in it is garbled.
        seen = [Extraction(item.response, 0) for item in items] if verifier.reads_response else found
        ruled = [rule(item.response, one) for item, one in zip(items, seen, strict=True)]
        asked = [
            (one.answer or "", item.answer, item.metadata)
            for item, one, reason in zip(items, seen, ruled, strict=True)
            if reason is None
        ]
        scores = iter(self._scores(verifier, asked))
        results = []
        for item, one, reason in zip(items, found, ruled, strict=True):
            score = None
            if reason is None:
                score = next(scores)
                if isinstance(score, str):
                    raise InputError(
                        f"verifier {verifier.name} ({verifier.spec or verifier.package}) {score}; "
                        f"the gold answer: {item.answer!r:.60}, the response: {item.response[-80:]!r}"
                    )
                reason = Reason.OVER_LIMIT if score is None else None
            verdict = reason.verdict if reason else Verdict.compared(score == 1)
            results.append(Graded(verdict, one.answer, reason, score))
        return results

    def _scores(self, verifier: Verifier, asked: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[Any]:
        """The score of each (answer or response, gold answer, metadata); a text says what went wrong."""
        if verifier.score is not None:
            return [verifier.score(*question) for question in asked]
        distinct = {json.dumps(question): question for question in asked}
        found = dict(zip(distinct, self._pool(verifier).ask_all([*distinct.values()]), strict=True))
        return [found[json.dumps(question)] for question in asked]

    def _pool(self, verifier: Verifier) -> Pool:
        with self.starting:
            if verifier.name not in self.pools:
                verifier.version()  # says how to install what is missing
                spec = verifier.name
                if verifier.spec is not None:
                    spec = os.path.abspath(verifier.spec)
                self.pools[verifier.name] = Pool(
                    self.grader.pool.size, self.grader.pool.deadline, ("-m", WORKER, spec)
                )
            return self.pools[verifier.name]

    def equal_pairs(self, name: str, pairs: Sequence[tuple[str, str]]) -> list[bool | None]:
        """Whether the two answers of each pair are one, by the verifier's own rules, or else as texts.

        InputError where a person's `same_answer` fails.
        """
        if name == MATH:
            return self.grader.equal_pairs(pairs)
        verifier = self.known[name]
        equal = verifier.equal or (lambda one, other: strict.text_of(one) == strict.text_of(other))
        same: list[Any] = [equal(one, other) for one, other in pairs]
        if verifier.spec is None or not pairs or self._pool(verifier).ask_all([()]) != [True]:
            return same
        same = self._pool(verifier).ask_all(pairs)
        for pair, found in zip(pairs, same, strict=True):
            if isinstance(found, str):
                where = f"{registry.path_of(verifier.spec)}:same_answer"
                raise InputError(f"verifier {name} ({where}) {found}; of {pair!r:.160}")
        return same

    def one_answer(self, name: str) -> bool:
        """Whether correct answers to one question are equal to each other."""
        return name == MATH or self.known[name].equal is not None

    def versions(self, names: Iterable[str]) -> dict[str, str]:
        """Name → version of verifiers, for a run's record."""
        return {name: self.known[name].version() for name in sorted(set(names))}

    def close(self) -> None:
        """End the workers. Closing twice is harmless."""
        if self.own_grader:
            self.grader.close()
        for pool in self.pools.values():
            pool.close()

    def __enter__(self) -> Verifiers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _scored(graded: Graded) -> Graded:
    compared = graded.verdict in (Verdict.CORRECT, Verdict.INCORRECT)
    return graded._replace(score=float(graded.verdict is Verdict.CORRECT)) if compared else graded


def answer_of(response: str, verifier: str = MATH) -> str | None:
    """The answer that a response gives, as a verifier finds it."""
    return extract(response) if verifier == MATH else answers.find(response).answer


def add_verifier_flag(add: Any) -> None:
    """The flag `--verifier`; `add` is a parser's or a group's `add_argument`."""
    add(
        "--verifier",
        nargs="+",
        default=[],
        metavar="NAME[=FILE:FUNCTION]",
        help=f"what scores records that name no verifier: {', '.join(VERIFIERS)} (default: math); with "
        "=FILE:FUNCTION one of your own, for the records that name it or, if none in the file names any, for all",
    )


def declared(given: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """(own verifiers by name, the one named for records without a name, if any is) of the flag's values.

    InputError for two names, and for a path without one.
    """
    own = dict(value.split("=", 1) for value in given if "=" in value)
    bare = [value for value in given if "=" not in value]
    if unnamed := [value for value in bare if registry.is_path(value)]:
        raise InputError(f"--verifier {unnamed[0]}: give it a name: --verifier NAME=path/to/file.py:function")
    if len(bare) > 1:
        raise InputError(f"--verifier {' '.join(bare)}: records without a name have one verifier; name one")
    return own, bare[0] if bare else None


def default_of(own: Mapping[str, str], named: str | None, records: Iterable[Mapping[str, Any]]) -> str:
    """The verifier of a file's records without a name: the one `named`, else the only one declared where no record
    names any, else `math`.
    """
    if named is None and len(own) == 1 and not any(record.get("verifier") for record in records):
        return next(iter(own))
    return named or MATH
