"""From saved generations to figures: every sample graded, then the metrics of a benchmark. No model, no torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.samples import Sample
from ..grader import Graded, Grader, Verdict
from . import metrics
from .metrics import Estimate

BREAKDOWNS = ("level", "subject")


@dataclass(frozen=True)
class Scored:
    """Samples of one benchmark in order of question and sample, with the verdict on each."""

    questions: Mapping[str, Mapping[str, Any]]
    samples: Sequence[Sample]
    graded: Sequence[Graded]
    classes: Sequence[int | None]  # equal answers to one question share a number; None does not vote

    def by_question(self) -> dict[str, list[int]]:
        """Question id → indices into `samples`."""
        found: dict[str, list[int]] = {id: [] for id in self.questions}
        for index, sample in enumerate(self.samples):
            found[sample.id].append(index)
        return {id: indices for id, indices in found.items() if indices}

    def correct(self, index: int) -> bool:
        return self.graded[index].verdict == "correct"

    def rows(self) -> list[dict[str, Any]]:
        """`{id, sample, verdict, answer}` a sample, for the graded file."""
        return [
            {"id": s.id, "sample": s.sample, "verdict": g.verdict, "answer": g.answer}
            for s, g in zip(self.samples, self.graded, strict=True)
        ]


def score(
    questions: Mapping[str, Mapping[str, Any]], samples: Sequence[Sample], grader: Grader, *, fallbacks: bool = False
) -> Scored:
    """Grade the samples of `questions` (id → {answer, …}); samples of other questions raise KeyError."""
    order = {id: number for number, id in enumerate(questions)}
    samples = sorted(samples, key=lambda sample: (order[sample.id], sample.sample))
    items = [(questions[sample.id]["answer"], sample.response) for sample in samples]
    graded = grader.grade(items, fallbacks=fallbacks)
    return Scored(questions, samples, graded, vote_classes(samples, graded, grader))


def vote_classes(samples: Sequence[Sample], graded: Sequence[Graded], grader: Grader) -> list[int | None]:
    """Classes of equal answers by question: 0 is what equals the gold answer, the others compare with each other.

    An answer joins the first class whose first answer it equals, as the grader tells.
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
            same = next((i for i, first in enumerate(firsts) if equal[id, first, answer]), None)
            if same is None:
                firsts.append(answer)
                same = len(firsts) - 1
            answers[answer] = same + 1
    return [
        0 if g.verdict == "correct" else None if g.answer is None else wrong[s.id][g.answer]
        for s, g in zip(samples, graded, strict=True)
    ]


def summarise(scored: Scored) -> dict[str, Any]:
    """The figures of one benchmark. Shares are of samples; all else is a mean over questions with its error."""
    by_question = scored.by_question()
    correct = {id: [scored.correct(i) for i in indices] for id, indices in by_question.items()}
    least = min(map(len, correct.values()))
    means = {id: float(np.mean(values)) for id, values in correct.items()}
    tokens = {
        id: [t for i in indices if (t := scored.samples[i].tokens) is not None] for id, indices in by_question.items()
    }
    lengths = [float(np.mean(values)) for values in tokens.values() if values]
    majority = [
        metrics.majority([scored.classes[i] for i in indices], correct[id]) for id, indices in by_question.items()
    ]
    return {
        "n_questions": len(by_question),
        "n_samples": len(scored.samples),
        "samples_a_question": least,
        "accuracy": figure(metrics.estimate(list(means.values()))),
        "pass_at_k": {
            str(k): figure(metrics.estimate([metrics.pass_at_k(len(v), sum(v), k) for v in correct.values()]))
            for k in metrics.powers_of_two(least)
        },
        "maj_at_n": figure(metrics.estimate(majority)),
        "shares": shares(scored),
        "response_tokens": figure(metrics.estimate(lengths)) if lengths else None,
        **{f"by_{key}": parts for key in BREAKDOWNS if (parts := breakdown(scored.questions, means, key))},
    }


def shares(scored: Scored) -> dict[str, float]:
    """Share of samples by verdict, and of those that were cut off at the token limit (whatever their verdict)."""
    counts = Counter(g.verdict for g in scored.graded)
    counts[Verdict.TRUNCATED] = sum(s.finish_reason == "length" for s in scored.samples)
    return {str(verdict): counts[verdict] / len(scored.samples) for verdict in Verdict}


def breakdown(questions: Mapping[str, Mapping[str, Any]], means: Mapping[str, float], key: str) -> dict[str, Any]:
    """Accuracy by a key of the questions, where there is one."""
    groups: dict[str, list[float]] = {}
    for id, mean in means.items():
        if questions[id].get(key) is not None:
            groups.setdefault(str(questions[id][key]), []).append(mean)
    return {name: figure(metrics.estimate(groups[name])) for name in sorted(groups)}


def figure(estimate: Estimate) -> dict[str, float | int | None]:
    """An estimate as JSON: no NaN."""
    stderr = None if math.isnan(estimate.stderr) else estimate.stderr
    return {"value": estimate.value, "stderr": stderr, "n": estimate.n}


def from_figure(value: Mapping[str, Any]) -> Estimate:
    return Estimate(value["value"], math.nan if value["stderr"] is None else value["stderr"], value["n"])
