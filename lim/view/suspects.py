"""Suspected wrong labels: prompts that are hardly ever right while one other answer is given again and again.

A model that has learnt a kind of problem gives the right answer to a prompt whose label is wrong, and is marked down
for it. So of each prompt that is right in at most `MOST_RIGHT` of its samples, the answers are grouped by an equality
(the grader's, handed in), and prompts are ranked by how sure it is that the largest group is given again: the lower
end of the 95 % interval (Wilson) of its share of the samples in the later half of the epochs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

MOST_RIGHT = 0.1
LEAST_SAMPLES = 4
LEAST_SHARE = 0.5  # of the later half's samples, from which on a prompt is listed
HEADS = 3  # commonest spellings that each may be the start of the largest group
MOST_SPELLINGS = 200  # of a prompt that are compared with those

Same = Callable[[list[tuple[str, str]]], list[bool | None]]
"""Whether each (answer, other answer) is equal; None where that is not known."""


@dataclass(frozen=True)
class Given:
    """What one sample answered; None: nothing."""

    epoch: int
    answer: str | None
    right: bool


@dataclass(frozen=True)
class Suspect:
    """A prompt whose label may be wrong."""

    prompt: int
    score: float
    label: str | None
    answer: str  # what is given instead, in its commonest spelling
    right: int
    agreeing: int
    samples: int
    shares: dict[int, float]  # epoch → share of its samples that give the answer
    reason: str


def find_suspects(
    given: Mapping[int, Sequence[Given]],
    labels: Mapping[int, str | None],
    same: Same,
    *,
    most_right: float = MOST_RIGHT,
    least_share: float = LEAST_SHARE,
) -> list[Suspect]:
    """The prompts of `given` whose label may be wrong, the surest first. `same` is asked once, for all pairs."""
    spelt: dict[int, list[str]] = {}
    pairs: dict[tuple[str, str], bool] = {}
    for prompt, samples in given.items():
        if len(samples) < LEAST_SAMPLES or _right(samples) > most_right * len(samples):
            continue
        counts = Counter(sample.answer for sample in samples if not sample.right and sample.answer)
        spelt[prompt] = [answer for answer, _ in counts.most_common(MOST_SPELLINGS)]
        heads = _heads(labels.get(prompt), spelt[prompt])
        pairs |= {(head, answer): False for head in heads for answer in spelt[prompt] if head != answer}
    for pair, equal in zip(pairs, same(list(pairs)), strict=True):
        pairs[pair] = bool(equal)
    found = []
    for prompt, answers in spelt.items():
        label = labels.get(prompt)
        groups = {
            head: {answer for answer in answers if answer == head or pairs[head, answer]}
            for head in _heads(label, answers)
        }
        good = groups.pop(label, set()) if label is not None else set()
        suspect = _judge(prompt, given[prompt], label, good, groups)
        if suspect is not None and suspect.right <= most_right * suspect.samples and suspect.score > 0:
            later = _later(given[prompt])
            if sum(sample.answer in groups[suspect.answer] for sample in later) >= least_share * len(later):
                found.append(suspect)
    return sorted(found, key=lambda suspect: (-suspect.score, suspect.prompt))


def _heads(label: str | None, answers: Sequence[str]) -> list[str]:
    """The label, whose spellings are no other answer, and the commonest answers."""
    return list(dict.fromkeys([*([label] if label else []), *answers[:HEADS]]))


def _right(samples: Sequence[Given]) -> int:
    return sum(sample.right for sample in samples)


def _later(samples: Sequence[Given]) -> list[Given]:
    """The samples of the later half of the epochs."""
    epochs = sorted({sample.epoch for sample in samples})
    later = set(epochs[len(epochs) // 2 :])
    return [sample for sample in samples if sample.epoch in later]


def _judge(
    prompt: int, samples: Sequence[Given], label: str | None, good: set[str], groups: Mapping[str, set[str]]
) -> Suspect | None:
    counts = {
        head: sum(sample.answer in group and not sample.right for sample in samples)
        for head, group in groups.items()
        if not group & good
    }
    if not counts:
        return None
    answer = max(counts, key=lambda head: counts[head])
    group = groups[answer]
    by_epoch: dict[int, list[bool]] = {}
    for sample in samples:
        by_epoch.setdefault(sample.epoch, []).append(sample.answer in group and not sample.right)
    shares = {epoch: sum(hits) / len(hits) for epoch, hits in sorted(by_epoch.items())}
    later = _later(samples)
    hits = sum(sample.answer in group and not sample.right for sample in later)
    right = _right(samples) + sum(sample.answer in good and not sample.right for sample in samples)
    return Suspect(
        prompt,
        wilson(hits, len(later))[1] if later else 0.0,
        label,
        answer,
        right,
        counts[answer],
        len(samples),
        shares,
        in_words(right, counts[answer], len(samples), answer, label, hits, len(later), shares),
    )


def in_words(
    right: int, agreeing: int, samples: int, answer: str, label: str | None, hits: int, later: int, shares: Mapping
) -> str:
    """Why a label is suspected."""
    how = "Never right" if right == 0 else f"Right {'once' if right == 1 else f'{right} times'}"
    most = sum(share >= 0.5 for share in shares.values())
    instead = f", while the label is {label}" if label else ""
    return (
        f"{how} in {samples} samples; {agreeing} of them ({agreeing / samples:.0%}) say {answer}{instead}. At least "
        f"half of the samples say so in {most} of {len(shares)} epochs, and {hits / later:.0%} in the later half."
    )


def wilson(hits: float, of: int) -> tuple[float, float, float]:
    """(share, lower, upper end of its 95 % interval by Wilson); NaN of nothing. SciPy's takes whole hits alone."""
    if not of:
        return math.nan, math.nan, math.nan
    z2, share = 1.96**2, hits / of
    middle, half = share + z2 / (2 * of), math.sqrt(z2 * (share * (1 - share) / of + z2 / (4 * of**2)))
    return share, (middle - half) / (1 + z2 / of), (middle + half) / (1 + z2 / of)
