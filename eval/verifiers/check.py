"""Whether a verifier judges a record as it should: its gold answer scores 1, altered ones score less."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import Item, Verifiers, answers, strict

ALTERED, LEAST = 5, 3  # answers tried per record
OPPOSITES = (("true", "false"), ("yes", "no"), ("valid", "invalid"), ("left", "right"), ("odd", "even"))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Records = Sequence[Mapping[str, Any]]


def gold_scores(verifiers: Verifiers, records: Records, where: str) -> list[float | None]:
    """The best score of each record's gold answer as a response: in a box, in a tag, and of a person's verifier bare.

    None where it gave no score. InputError for a record that names no verifier there is, and for one that fails.
    """
    best: list[float | None] = [None] * len(records)
    made = [responses(verifiers, record, f"{where}: row {number}") for number, record in enumerate(records, 1)]
    for form in range(max(map(len, made), default=0)):
        items = {i: one[form] for i, one in enumerate(made) if best[i] != 1 and form < len(one)}
        for index, graded in zip(items, verifiers.grade(items.values()), strict=True):
            if graded.score is not None:
                best[index] = max(graded.score, best[index] or 0.0)
    return best


def responses(verifiers: Verifiers, record: Mapping[str, Any], where: str, gold: str | None = None) -> list[Item]:
    """Responses that give a gold answer (default: the record's) and nothing else."""
    name, metadata = verifiers.of(record, where)
    given: str = record["answer"] if gold is None else gold
    texts = list(answers.forms(given))
    if name == "math":
        texts = texts[:1]
    elif verifiers.known[name].reads_response:
        texts = [given, *texts]
    return [Item(text, record["answer"], name, metadata) for text in texts]


def accepted(verifiers: Verifiers, records: Records, where: str) -> dict[int, str]:
    """Index of a record → an altered gold answer that scores 1, of those records where one of three to five does.

    One of them is the answer of the next record of the same verifier and task that has another one; a person's
    verifier is not asked about it.
    """
    made: list[tuple[int, str, Item]] = []
    named = [verifiers.of(record, f"{where}: row {number}") for number, record in enumerate(records, 1)]
    after: dict[tuple[Any, ...], list[str]] = {}  # the last two distinct answers of a kind, read from the end
    for index in reversed(range(len(records))):
        record, (name, metadata) = records[index], named[index]
        gold, kind = record["answer"], (name, metadata.get("source_dataset"))
        others = [answer for answer in after.get(kind, []) if answer != gold][:1]
        after[kind] = [gold, *others]
        wrong = altered(gold, name, metadata, [] if verifiers.known[name].reads_response else others)
        made += [(index, text, item) for text in wrong for item in responses(verifiers, record, where, text)]
    found: dict[int, str] = {}
    for (index, text, _), graded in zip(made, verifiers.grade([item for *_, item in made]), strict=True):
        if graded.score == 1:
            found.setdefault(index, text)
    return dict(sorted(found.items()))


def altered(
    gold: str, verifier: str = "", metadata: Mapping[str, Any] | None = None, others: Sequence[str] = ()
) -> list[str]:
    """Three to five answers near the gold one that are another answer; `others` are gold answers of other records."""
    if verifier == "choice":
        return [letter for letter in "ABCDEF" if letter not in (strict.options(gold) or ())][:ALTERED]
    if verifier == "numeric" and (value := strict.number(gold)) is not None:
        far = 2 * strict.within(value, metadata or {}) + 1
        return [str(value + far), str(value - far), str(value + 10 * far)]
    near = [*dict.fromkeys([*others, *changes(gold.strip())])]
    near = [text for text in near if text.strip() and text != gold.strip()][:ALTERED]
    return near if len(near) >= LEAST else [*near, f"{gold} {gold}", f"not {gold}", f"{gold}{gold}"][:LEAST]


def changes(gold: str) -> Iterator[str]:
    """Changes to an answer, the most telling first: the opposite word, another number, another or a missing sign.

    They are large and simple, as many tasks have several right answers: parts are not exchanged (the order of a sum
    may be free), decimals stay (a tolerance), and so do single letters (`+ C`).
    """
    for pair in OPPOSITES:
        for one, other in (pair, pair[::-1]):
            if gold.lower() == one:
                yield other.capitalize() if gold[0].isupper() else other
    numbers = [match for match in re.finditer(r"(?<![\w.])(\d+)(?:\.\d+)?", gold) if len(match[1]) < 1_000]
    for match in numbers[-1:] + numbers[:1]:
        yield gold[: match.start(1)] + str(int(match[1]) + 1) + gold[match.end(1) :]
    if re.fullmatch(r"\d*[1-9]\d*", gold):
        yield f"-{gold}"
    letters = [match.end() - 1 for match in re.finditer(r"[A-Za-z]{2,}", gold)]
    for at in letters[-1:] or ([0] if re.fullmatch("[A-Za-z]", gold) else []):
        following = LETTERS[(LETTERS.index(gold[at].lower()) + 1) % len(LETTERS)]
        yield gold[:at] + (following.upper() if gold[at].isupper() else following) + gold[at + 1 :]
    last = re.search(r"([^\W_])[\W_]*$", gold)
    if last and not re.search(r"\.\d*$", gold[: last.end(1)]):
        yield gold[: last.start(1)] + gold[last.end(1) :]
