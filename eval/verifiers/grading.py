"""What `lim.view` takes from the verifiers: whether answers are equal, the answer in a response, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lim.view.run import Asked, Grading

from . import Verifiers, answer_of, strict


def grading(verifiers: Verifiers) -> Grading:
    """By each prompt's verifier; one that is not declared gives no verdict, and compares answers as texts."""

    def same(name: str | None, pairs: list[tuple[str, str]]) -> list[bool | None]:
        name = name or verifiers.default
        if name in verifiers.known:
            return verifiers.equal_pairs(name, pairs)
        return [strict.text_of(one) == strict.text_of(other) for one, other in pairs]

    def grade(asked: Sequence[Asked]) -> list[Any]:
        known = [at for at, one in enumerate(asked) if (one.verifier or verifiers.default) in verifiers.known]
        items = [
            verifiers.item({"answer": one.gold, "verifier": one.verifier, "metadata": one.metadata}, one.response)
            for one in (asked[at] for at in known)
        ]
        found = dict(zip(known, verifiers.grade(items), strict=True))
        return [found.get(at) for at in range(len(asked))]

    return Grading(same, lambda name, response: answer_of(response, name or verifiers.default), grade)
