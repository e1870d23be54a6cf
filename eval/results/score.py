"""From saved generations to figures: every sample graded, then the metrics of a benchmark. No model, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.samples import Sample
from ..grader import Graded, Reason, Verdict
from ..questions import need_golds
from ..verifiers import Verifiers
from . import statistics

BREAKDOWNS = ("level", "subject", "task", "verifier")


@dataclass(frozen=True)
class GradedSamples:
    """Samples of one benchmark in order of question and sample, with the verdict on each."""

    questions: Mapping[str, Mapping[str, Any]]
    samples: Sequence[Sample]
    verdicts: Sequence[Graded]
    classes: Sequence[int | None]  # equal answers to one question share a number; None does not vote

    def by_question(self) -> dict[str, list[tuple[Sample, Graded, int | None]]]:
        """Question id → its samples, each with verdict and class."""
        found: dict[str, list[tuple[Sample, Graded, int | None]]] = {id: [] for id in self.questions}
        for row in zip(self.samples, self.verdicts, self.classes, strict=True):
            found[row[0].id].append(row)
        return {id: rows for id, rows in found.items() if rows}

    def rows(self) -> list[dict[str, Any]]:
        """`{id, sample, verdict, answer, reason, score}` per sample, for the graded file."""
        return [
            {"id": sample.id, "sample": sample.sample, **graded._asdict()}
            for sample, graded in zip(self.samples, self.verdicts, strict=True)
        ]


def grade_samples(
    questions: Mapping[str, Mapping[str, Any]],
    samples: Sequence[Sample],
    verifiers: Verifiers,
    *,
    fallbacks: bool = False,
    name: str = "questions",
) -> GradedSamples:
    """Grade the samples of `questions` (id → {answer, verifier?, metadata?, …}); `name` is for messages.

    Samples of other questions raise KeyError; InputError for a verifier that is not there, or fails, and for a
    question without a gold answer whose verifier takes one.
    """
    need_golds(questions, verifiers, name)
    order = {id: number for number, id in enumerate(questions)}
    samples = sorted(samples, key=lambda sample: (order[sample.id], sample.sample))
    items = [verifiers.item(questions[s.id], s.response, f"{name}: {s.id}") for s in samples]
    graded = verifiers.grade(items, fallbacks=fallbacks)
    classes: list[int | None] = [None] * len(items)
    for judge in dict.fromkeys(item.verifier for item in items):
        at = [index for index, item in enumerate(items) if item.verifier == judge]
        voted = vote_classes(judge, [samples[i] for i in at], [graded[i] for i in at], verifiers)
        for index, number in zip(at, voted, strict=True):
            classes[index] = number
    return GradedSamples(questions, samples, graded, classes)


def vote_classes(
    judge: str, samples: Sequence[Sample], graded: Sequence[Graded], verifiers: Verifiers
) -> list[int | None]:
    """Classes of equal answers by question: 0 equals the gold answer, the others are compared with each other.

    An answer joins the first class whose first answer it equals, by the verifier's own rules. Where a question may
    have several right answers that differ, there is no class 0; a person's verifier, for which a response needs no
    box, has complete responses vote where there is none.
    """
    one_answer, complete = verifiers.one_answer(judge), verifiers.known[judge].reads_response
    given = [
        g.answer if g.answer is not None or not complete else s.response.strip()
        for s, g in zip(samples, graded, strict=True)
    ]
    gold = [one_answer and g.verdict == "correct" for g in graded]
    others: dict[str, dict[str, int]] = {}
    for sample, answer, is_gold in zip(samples, given, gold, strict=True):
        if answer is not None and not is_gold:
            others.setdefault(sample.id, {}).setdefault(answer, 0)
    pairs = [
        (id, a, b) for id, answers in others.items() for i, a in enumerate(answers) for b in list(answers)[i + 1 :]
    ]
    equal = dict(zip(pairs, verifiers.equal_pairs(judge, [(a, b) for _, a, b in pairs]), strict=True))
    for id, answers in others.items():
        firsts: list[str] = []
        for answer in answers:
            same = next((number for number, first in enumerate(firsts, 1) if equal[id, first, answer]), None)
            if same is None:
                firsts.append(answer)
            answers[answer] = same or len(firsts)
    return [
        0 if is_gold else None if answer is None else others[s.id][answer]
        for s, answer, is_gold in zip(samples, given, gold, strict=True)
    ]


def summarise(graded: GradedSamples) -> dict[str, Any]:
    """The figures of one benchmark. Shares are of samples; all else is a mean over questions with its error."""
    by_question = graded.by_question()
    correct = {id: [g.verdict == "correct" for _, g, _ in rows] for id, rows in by_question.items()}
    least, most = (end(map(len, correct.values())) for end in (min, max))
    means = {id: float(np.mean(values)) for id, values in correct.items()}
    tokens = [[s.tokens for s, *_ in rows if s.tokens is not None] for rows in by_question.values()]
    lengths = [float(np.mean(values)) for values in tokens if values]
    majority = {id: statistics.majority([c for *_, c in rows], correct[id]) for id, rows in by_question.items()}
    passed = {
        k: {id: statistics.pass_at_k(len(values), sum(values), k) for id, values in correct.items()}
        for k in statistics.powers_of_two(least)
    }
    figures = {"pass_at_n": passed[least], "maj_at_n": majority}
    return {
        "n_questions": len(by_question),
        "n_samples": len(graded.samples),
        "samples_a_question": least,
        "most_samples": most,  # of a question
        "accuracy": statistics.estimate(list(means.values()))._asdict(),
        "pass_at_k": {str(k): statistics.estimate([*values.values()])._asdict() for k, values in passed.items()},
        "maj_at_n": statistics.estimate([*majority.values()])._asdict(),
        "shares": shares(graded),
        "reasons": reasons(graded),
        "response_tokens": statistics.estimate(lengths)._asdict() if lengths else None,
        **{f"by_{key}": parts for key in BREAKDOWNS if (parts := breakdown(graded.questions, means, figures, key))},
    }


def shares(graded: GradedSamples) -> dict[str, float]:
    """Share of samples by verdict, and of those that were cut off at the token limit (whatever their verdict)."""
    counts = Counter(g.verdict for g in graded.verdicts)
    counts[Verdict.TRUNCATED] = sum(s.finish_reason == "length" for s in graded.samples)
    return {str(verdict): counts[verdict] / len(graded.samples) for verdict in Verdict}


def reasons(graded: GradedSamples) -> dict[str, float]:
    """Share of samples by why their verdict fell, of those reasons that occur."""
    counts = Counter(g.reason for g in graded.verdicts)
    return {str(reason): counts[reason] / len(graded.samples) for reason in Reason if counts[reason]}


def breakdown(
    questions: Mapping[str, Mapping[str, Any]],
    means: Mapping[str, float],
    figures: Mapping[str, Mapping[str, float]],
    key: str,
) -> dict[str, Any]:
    """Accuracy, and further figures by question, by a key of the questions, where there is one."""
    groups: dict[str, list[str]] = {}
    for id in means:
        if questions[id].get(key) is not None:
            groups.setdefault(str(questions[id][key]), []).append(id)
    return {
        name: {
            **statistics.estimate([means[id] for id in groups[name]])._asdict(),
            **{what: statistics.estimate([v[id] for id in groups[name]])._asdict() for what, v in figures.items()},
        }
        for name in sorted(groups)
    }
