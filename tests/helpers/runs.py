"""A small made-up training run, its true LIM scores, and its log as trainers write it.

The scores are worked out in exact fractions from the samples, with no code of the project:
s_i = 1 − Σ_k (r_ik − a_k)² / Σ_k (p − a_k)², a missing epoch taking the next one's value, one step deep.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lim.pipeline import select
from lim.selection import Selection
from lim.strategies import Settings

Row = dict[str, Any]
SYSTEM = "You are a careful solver."


@dataclass(frozen=True)
class Sample:
    step: int
    epoch: int
    prompt: int
    number: int
    reward: float


def question(number: int) -> str:
    kinds = (
        f"What is {number + 3} times {number + 5}?\nGive a whole number.",
        f"Wie viele Ecken haben {number + 2} Würfel zusammen?",
        f"求 {number + 10} 与 {number + 21} 的和是多少？",
        f"Si x vaut {number + 7}, que vaut 2x − 1 ?",
    )
    return kinds[number % 4]


class Run:
    """`prompts` questions over `epochs` passes, `batch` of them per step, `samples` answers of reward 0 or 1 each."""

    def __init__(self, prompts: int = 40, epochs: int = 4, batch: int = 10, samples: int = 4, seed: int = 1) -> None:
        draw = random.Random(seed)
        self.epochs = epochs
        self.questions = [question(number) for number in range(prompts)]
        self.ids = [f"q{number}" for number in range(prompts)]
        chances = [(draw.uniform(0, 0.7), draw.uniform(-0.1, 0.8)) for _ in range(prompts)]
        self.samples: list[Sample] = []
        place = 0
        for epoch in range(epochs):
            order = draw.sample(range(prompts), prompts)
            begun = {sample.prompt for sample in self.samples if sample.step == place // batch + 1}
            while begun & set(order[: -place % batch]):  # a step that two epochs share has no prompt twice
                order = draw.sample(range(prompts), prompts)
            for prompt in order:
                low, gain = chances[prompt]
                for number in range(samples):
                    right = draw.random() < low + gain * epoch / max(1, epochs - 1)
                    self.samples.append(Sample(place // batch + 1, epoch + 1, prompt, number, float(right)))
                place += 1

    def write_prompts(self, path: Path, **more: Sequence[Any]) -> Path:
        rows = [
            {"id": id, "prompt": text, "answer": "1", **{key: values[at] for key, values in more.items()}}
            for at, (id, text) in enumerate(zip(self.ids, self.questions, strict=True))
        ]
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        return path

    def verl(self, sample: Sample, **changes: Any) -> Row:
        text = chat(self.questions[sample.prompt])
        return {"input": text, "output": "…", "gts": "1", "score": sample.reward, "step": sample.step} | changes

    def truth(self, samples: Iterable[Sample] | None = None, perfect: int | Fraction = 1) -> dict[str, float | None]:
        """id → LIM score, None where epochs are missing."""
        cells: dict[tuple[int, int], list[Fraction]] = {}
        for sample in self.samples if samples is None else samples:
            cells.setdefault((sample.prompt, sample.epoch), []).append(Fraction(sample.reward))
        rows = []
        for prompt in range(len(self.ids)):
            seen = [cells.get((prompt, epoch + 1)) for epoch in range(self.epochs)]
            means = [Fraction(sum(rewards), len(rewards)) if rewards else None for rewards in seen]
            rows.append(
                [mean if mean is not None else after for mean, after in zip(means, [*means[1:], None], strict=True)]
            )
        complete = [row for row in rows if None not in row]
        average = [Fraction(sum(column), len(column)) for column in zip(*complete, strict=True)]
        room = sum((perfect - mean) ** 2 for mean in average)
        return {
            id: None
            if None in row
            else float(1 - sum((r - a) ** 2 for r, a in zip(row, average, strict=True)) / room)
            for id, row in zip(self.ids, rows, strict=True)
        }


def chat(text: str, system: str = SYSTEM, ending: str = "") -> str:
    """ChatML decoded without special tokens."""
    return f"system\n{system}\nuser\n{text}\nassistant\n{ending}"


def by_step(samples: Iterable[Sample], row: Callable[[Sample], Row | list[Row]]) -> dict[int, list[Row]]:
    steps: dict[int, list[Row]] = {}
    for sample in samples:
        made = row(sample)
        steps.setdefault(sample.step, []).extend(made if isinstance(made, list) else [made])
    return steps


def write_jsonl(folder: Path, steps: dict[int, list[Row]], name: str = "{}.jsonl") -> Path:
    """A file of JSON lines for each step."""
    for step, rows in steps.items():
        path = folder / name.format(step)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def write_trl(folder: Path, steps: dict[int, list[Row]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for step, rows in steps.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"completions_{step:05d}.parquet")
    return folder


def without_step(run: Run, *steps: int) -> list[Sample]:
    return [sample for sample in run.samples if sample.step not in steps]


def scaled(samples: Iterable[Sample], factor: float) -> list[Sample]:
    return [replace(sample, reward=sample.reward * factor) for sample in samples]


def scores(selection: Selection) -> dict[str, float | None]:
    """id → score of a selection, None where it has none."""
    found = zip(selection.ids, selection.scores_P.tolist(), strict=True)
    return {id: None if score != score else score for id, score in found}


def chosen(folder: Path, log: Path | None = None, run: Run | None = None, **settings: Any) -> Selection:
    """The selection from a log in `folder`, by default of `Run()`; its prompt file is written where there is none."""
    prompts = folder / "prompts.json"
    if not prompts.exists():
        (run or Run()).write_prompts(prompts)
    given = Settings(**({"similarity_threshold": -1e9} | settings))
    return select(prompts, log_path=log or folder / "log", settings=given)
