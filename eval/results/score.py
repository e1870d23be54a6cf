"""From saved generations to figures: every sample graded, then the metrics of a benchmark. No model, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.samples import Sample
from ..grader import Graded, Grader, Reason, Verdict
from . import statistics

BREAKDOWNS = ("level", "subject")


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
        """`{id, sample, verdict, answer, reason}` per sample, for the graded file."""
        return [
            {"id": s.id, "sample": s.sample, "verdict": g.verdict, "answer": g.answer, "reason": g.reason}
            for s, g in zip(self.samples, self.verdicts, strict=True)
        ]


def grade_samples(
    questions: Mapping[str, Mapping[str, Any]], samples: Sequence[Sample], grader: Grader, *, fallbacks: bool = False
) -> GradedSamples:
    """Grade the samples of `questions` (id → {answer, …}); samples of other questions raise KeyError."""
    order = {id: number for number, id in enumerate(questions)}
    samples = sorted(samples, key=lambda sample: (order[sample.id], sample.sample))
    items = [(questions[sample.id]["answer"], sample.response) for sample in samples]
    graded = grader.grade(items, fallbacks=fallbacks)
    return GradedSamples(questions, samples, graded, vote_classes(samples, graded, grader))


def vote_classes(samples: Sequence[Sample], graded: Sequence[Graded], grader: Grader) -> list[int | None]:
    """Classes of equal answers by question: 0 equals the gold answer, the others are compared with each other.

    An answer joins the first class whose first answer it equals, by the grader's rules.
    """
    wrong: dict[str, dict[str, int]] = {}
    for sample, verdict in zip(samples, graded, strict=True):
        if verdict.answer is not None and verdict.verdict != "correct":
            wrong.setdefault(sample.id, {}).setdefault(verdict.answer, 0)
    pairs = [
        (id, a, b) for id, answers in wrong.items() for i, a in enumerate(answers) for b in list(answers)[i + 1 :]
    ]
    equal = dict(zip(pairs, grader.equal_pairs([(a, b) for _, a, b in pairs]), strict=True))
    for id, answers in wrong.items():
        firsts: list[str] = []
        for answer in answers:
            same = next((number for number, first in enumerate(firsts, 1) if equal[id, first, answer]), None)
            if same is None:
                firsts.append(answer)
            answers[answer] = same or len(firsts)
    return [
        0 if g.verdict == "correct" else None if g.answer is None else wrong[s.id][g.answer]
        for s, g in zip(samples, graded, strict=True)
    ]


def summarise(graded: GradedSamples) -> dict[str, Any]:
    """The figures of one benchmark. Shares are of samples; all else is a mean over questions with its error."""
    by_question = graded.by_question()
    correct = {id: [g.verdict == "correct" for _, g, _ in rows] for id, rows in by_question.items()}
    least = min(map(len, correct.values()))
    means = {id: float(np.mean(values)) for id, values in correct.items()}
    tokens = [[s.tokens for s, *_ in rows if s.tokens is not None] for rows in by_question.values()]
    lengths = [float(np.mean(values)) for values in tokens if values]
    majority = [statistics.majority([c for *_, c in rows], correct[id]) for id, rows in by_question.items()]
    return {
        "n_questions": len(by_question),
        "n_samples": len(graded.samples),
        "samples_a_question": least,
        "accuracy": statistics.estimate(list(means.values()))._asdict(),
        "pass_at_k": {
            str(k): statistics.estimate([statistics.pass_at_k(len(v), sum(v), k) for v in correct.values()])._asdict()
            for k in statistics.powers_of_two(least)
        },
        "maj_at_n": statistics.estimate(majority)._asdict(),
        "shares": shares(graded),
        "reasons": reasons(graded),
        "response_tokens": statistics.estimate(lengths)._asdict() if lengths else None,
        **{f"by_{key}": parts for key in BREAKDOWNS if (parts := breakdown(graded.questions, means, key))},
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


def breakdown(questions: Mapping[str, Mapping[str, Any]], means: Mapping[str, float], key: str) -> dict[str, Any]:
    """Accuracy by a key of the questions, where there is one."""
    groups: dict[str, list[float]] = {}
    for id, mean in means.items():
        if questions[id].get(key) is not None:
            groups.setdefault(str(questions[id][key]), []).append(mean)
    return {name: statistics.estimate(groups[name])._asdict() for name in sorted(groups)}
