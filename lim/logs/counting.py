"""Steps as numbers to count with, and how often a prompt is in one, where several prompts share a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lim.logs.parts import Part


def step_numbers(steps: Sequence[int]) -> NDArray[np.int64]:
    """Ascending steps as numbers to count with: themselves or, where they are times or the like, 1, 2, 3, …"""
    steps_S = np.array(steps, np.int64)
    apart = np.diff(steps_S)
    irregular = len(apart) > 1 and 2 * np.count_nonzero(apart % spacing_of(steps_S)) > len(apart)
    return np.arange(1, len(steps_S) + 1) if irregular else steps_S


def spacing_of(steps_S: NDArray[np.int64]) -> int:
    """How far apart steps usually are."""
    return Counter(np.diff(steps_S).tolist()).most_common(1)[0][0] if len(steps_S) > 1 else 1


def usual_counts(counts: Sequence[NDArray[np.integer]]) -> list[int]:
    """How many samples prompts mostly have in each step and those beside it, as a run may change that; 0 where no
    prompt is near. `counts` are the samples by prompt.
    """
    around = (np.concatenate(counts[max(0, at - 1) : at + 2]) for at in range(len(counts)))
    return [int(np.bincount(near).argmax()) if len(near) else 0 for near in around]


class Copies:
    """How many prompts of the file, of one text, each key of the log stands for, and their visits in a step.

    `copies_L`: as many as the file has, or fewer where the log shows that it trained on fewer.
    """

    def __init__(self, parts: Sequence[Part], copies_L: NDArray[np.int64]) -> None:
        self.copies_L = copies_L
        usual = usual_counts([part.step.counts_U[copies_L[part.rows_U] == 1] for part in parts])
        self.usual = {part.step.step: count for part, count in zip(parts, usual, strict=True)}
        total_L = np.zeros(len(copies_L), np.int64)
        for part in parts:
            np.add.at(total_L, part.rows_U, self.visits(part))
        alone_L = (copies_L == 1) & (total_L > 0)
        if alone_L.any():
            times_L = np.rint(total_L / np.median(total_L[alone_L])).astype(np.int64)
            self.copies_L = np.where(copies_L > 1, np.clip(times_L, 1, copies_L), copies_L)

    def visits(self, part: Part) -> NDArray[np.int64]:
        """Visits by key of a part: more than one where several copies, or two epochs, are in the step."""
        copies_U = self.copies_L[part.rows_U]
        if not (usual := self.usual[part.step.step]):
            return np.ones(len(copies_U), np.int64)
        times_U = np.rint(part.step.counts_U / usual).astype(np.int64)
        alone_U = np.where(part.step.counts_U == 2 * usual, 2, 1)
        return np.where(copies_U > 1, np.clip(times_U, 1, np.maximum(1, copies_U)), alone_U)

    def steps_per_epoch(self, parts: Sequence[Part]) -> float | None:
        """The file's prompts by those of a step, where some of them share a text."""
        seen_L = np.zeros(len(self.copies_L), bool)
        for part in parts:
            seen_L[part.rows_U] = True
        if not (self.copies_L[seen_L] > 1).any():
            return None
        visits_S = [int(self.visits(part)[self.copies_L[part.rows_U] > 0].sum()) for part in parts]
        usual = int(np.bincount(visits_S).argmax())
        spacing = spacing_of(step_numbers([part.step.step for part in parts]))
        return spacing * int(self.copies_L[seen_L].sum()) / usual if usual else None
