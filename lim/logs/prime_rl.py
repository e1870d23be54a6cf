"""prime-rl's episodes, as verifiers records them, and the results of hosted runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lim.logs.columns import read_table
from lim.logs.files import LogFile
from lim.logs.formats import Columns, ReadOptions
from lim.logs.rows import FIX, decode_rows, group, prompt_text, reward_terms
from lim.logs.step import StepRewards
from lim.utils.errors import InputError


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """`step_<n>/train/all/traces.jsonl`: an episode per line, its task's prompt and the rewards of its traces.

    The reward is the sum over an episode's traces and their named rewards, score × weight each; `--reward_column`
    names some of them, with other weights. An episode without a rewarded trace has none. A prompt without text goes
    by its index in the task set.
    """
    named = reward_terms(options.reward_column) if options.reward_column else []
    terms = {name: weight for weight, name in named}
    rows = decode_rows(file, filesystem, {"task": dict[str, Any], "traces": list[Any] | None}, lines=True)
    prompts = []
    for number, row in enumerate(rows, 1):
        task = row.f0.get("data", row.f0)
        text = prompt_text(task.get("prompt")) or ("" if task.get("idx") is None else str(task["idx"]))
        if not text:
            raise InputError(f"{file.path}: row {number}: its task has neither a prompt nor an index; {FIX}")
        prompts.append(text)
    rewards = [_reward(row.f1 or [], terms) for row in rows]
    there = {name for row in rows for trace in row.f1 or [] for name in trace.get("rewards") or {}}
    step = group(file, prompts, rewards, bytes_read=file.size, keep_samples=options.keep_samples, reward="rewards")
    return replace(step, absent=frozenset(terms) - there)


def _reward(traces: list[Any], terms: dict[str, float]) -> float | None:
    values = []
    for trace in traces:
        for name, reward in (trace.get("rewards") or {}).items():
            if terms and name not in terms:
                continue
            if isinstance(reward, dict):
                weight = terms.get(name, reward.get("weight", 1.0))
                reward = weight * reward["score"] if "score" in reward else reward.get("value")
            if reward is not None:
                values.append(float(reward))
    return sum(values) if values else None


def read_hosted(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """A hosted run's `results.jsonl`: rows `{problem_id, prompt, reward, step, …}`, the prompt messages as JSON."""
    terms = reward_terms(options.reward_column or "reward")
    return read_table(file, filesystem, options, Columns("prompt", step="step"), terms)
