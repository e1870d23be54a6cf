"""prime-rl's episodes, as verifiers records them, and the results of hosted runs."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from lim.logs.columns import LARGEST, read_table
from lim.logs.files import LogFile
from lim.logs.formats import Columns, ReadOptions
from lim.logs.messages import prompt_text
from lim.logs.resumed import later_attempt
from lim.logs.rows import FIX, decode_rows, group, reward_of, reward_terms
from lim.logs.step import StepRewards
from lim.logs.tables import number_of
from lim.utils.errors import InputError

# Of an episode.
NEEDED: dict[str, Any] = {"task": dict[str, Any], "traces": list[Any] | None, "run": Any, "group": Any}


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """`step_<n>/train/all/traces.jsonl`: an episode per line, its task's prompt and the rewards of its traces.

    It is written to the step in which it ended. The step that counts is the one that it was begun for, by its `run`,
    as all of a prompt's samples were: they end in several.

    The reward is the sum over an episode's traces and their named rewards, score × weight each; `--reward_column`
    names some of them, with other weights. An episode without a rewarded trace has none. A prompt without text goes
    by its index in the task set. What a resumed run appends to the same files replaces what it made before.
    """
    named = reward_terms(options.reward_column) if options.reward_column else []
    terms = {name: weight for weight, name in named}
    rows = decode_rows(file, filesystem, NEEDED, lines=True)
    prompts = _prompts(file, rows)
    named_rewards = [_named(f"{file.path}: row {number}", row.f1 or []) for number, row in enumerate(rows, 1)]
    rewards = [_reward(f"{file.path}: row {number}", one, terms) for number, one in enumerate(named_rewards, 1)]
    absent = frozenset(terms) - {name for one in named_rewards for name, _ in one}
    begun = [_begun(row.f2, file.step) for row in rows]
    steps: dict[tuple[bool, int], list[int]] = {}  # (whether made again, step) → rows
    for at, again in enumerate(_made_again(file, filesystem, rows, prompts)):
        steps.setdefault((again, begun[at]), []).append(at)
    rated = {step: places for step, places in steps.items() if not all(math.isnan(rewards[at]) for at in places)}
    found = []
    for (again, step), places in (rated or {(False, file.step): list(range(len(rows)))}).items():
        one = group(
            file,
            [prompts[at] for at in places],
            [rewards[at] for at in places],
            step=step,
            bytes_read=0 if found else file.size,
            keep_samples=options.keep_samples,
            reward="rewards",
        )
        found.append(replace(one, absent=absent, replaced=again, attempt=0 if again else 1))
    lost = len(rows) - sum(map(len, rated.values()))
    return [replace(found[0], skipped=found[0].skipped + lost), *found[1:]]


def _prompts(file: LogFile, rows: Sequence[Any]) -> list[str]:
    prompts = []
    for number, row in enumerate(rows, 1):
        task = row.f0.get("data", row.f0)
        if not isinstance(task, dict):
            raise InputError(f"{file.path}: row {number}: its task's 'data' is {task!r:.60}, not an object; {FIX}")
        text = prompt_text(task.get("prompt")) or ("" if task.get("idx") is None else str(task["idx"]))
        if not text:
            raise InputError(f"{file.path}: row {number}: its task has neither a prompt nor an index; {FIX}")
        prompts.append(text)
    return prompts


def _begun(run: Any, default: int) -> int:
    """The step that an episode was begun for; that of its file where it does not say."""
    work = run.get("work") if isinstance(run, dict) else None
    step = work.get("step") if isinstance(work, dict) else None
    return step if type(step) is int and abs(step) < LARGEST else default


def _made_again(file: LogFile, filesystem: Any, rows: Sequence[Any], prompts: Sequence[str]) -> list[bool]:
    """Whether a resumed run made each episode's step again, in this file or the one before, in which its group is."""
    before = _replaced.get(file.before or "")  # other threads may read other files
    if file.before and before is None:
        with contextlib.suppress(InputError):
            one = LogFile(file.before, number_of(file.before), 0)
            its = decode_rows(one, filesystem, NEEDED, lines=True)
            before = _groups_of(its, _attempts(one, its, _prompts(one, its)))
    before = before or frozenset[str]()
    _replaced.clear()
    _replaced[file.path] = _groups_of(rows, _attempts(file, rows, prompts))
    return _attempts(file, rows, prompts, before)


_replaced: dict[str, frozenset[str]] = {}  # the file that was read last → its groups that it has again


def _attempts(file: LogFile, rows: Sequence[Any], prompts: Sequence[str], before: Collection[str] = ()) -> list[bool]:
    """Whether the file has each episode's step again; `before`: groups that the file before has again."""
    begun, groups = [_begun(row.f2, file.step) for row in rows], [_group(row) for row in rows]
    later = later_attempt(begun, prompts, groups, resumed=bool(before))
    later = max([later, *(at + 1 for at, group in enumerate(groups) if group in before)])
    first = min(begun[later:], default=0)
    return [at < later and (begun[at] >= first or groups[at] in before) for at in range(len(rows))]


def _groups_of(rows: Sequence[Any], some: Sequence[bool]) -> frozenset[str]:
    return frozenset(_group(row) for row in itertools.compress(rows, some))


def _group(row: Any) -> str:
    """The group that an episode was drawn in; else the run, which a resumed one may have another of."""
    known = next((value for value in (row.f3, row.f2) if isinstance(value, dict)), {})
    return str(known.get("id"))


def _named(where: str, traces: list[Any]) -> list[tuple[str, Any]]:
    """The rewards of an episode's traces, by name."""
    found = []
    for trace in traces:
        rewards = trace.get("rewards") if isinstance(trace, dict) else trace
        if rewards is not None and not isinstance(rewards, dict):
            raise InputError(f"{where}: a trace's rewards are {rewards!r:.60}, not an object; {FIX}")
        found += (rewards or {}).items()
    return found


def _reward(where: str, rewards: list[tuple[str, Any]], terms: dict[str, float]) -> float:
    values = []
    for name, reward in rewards:
        if terms and name not in terms:
            continue
        weight = terms.get(name, 1.0)
        if isinstance(reward, dict):
            if "score" in reward and not terms:
                weight = reward_of(where, f"{name}.weight", reward.get("weight", 1.0))
            reward = reward["score"] if "score" in reward else reward.get("value")
        values.append(weight * reward_of(where, name, reward))
    given = [value for value in values if not math.isnan(value)]
    return sum(given) if given else math.nan


def read_hosted(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """A hosted run's `results.jsonl`: rows `{problem_id, prompt, reward, step, …}`, the prompt messages as JSON."""
    terms = reward_terms(options.reward_column or "reward")
    return read_table(file, filesystem, options, Columns("prompt", step="step"), terms)
