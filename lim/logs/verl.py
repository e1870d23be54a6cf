"""verl's rollouts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.messages import prompt_text
from lim.logs.rows import FIX, absent_of, decode_rows, group, reward_of, reward_terms, weighted_sum
from lim.logs.step import StepRewards
from lim.logs.stretches import attempts_of
from lim.prompts.rows import MISSING, dig
from lim.recorders.verl import prompt_id
from lim.utils.errors import InputError

OUTPUT = re.compile(r"(.+_\d+)_(\d+)")  # uid of an agent loop's output: its rollout, and its number in it
PADDING = re.compile(r"pad[0-9a-f]{32}(_\d+)*")  # uid of a row that fills up a batch, no response of the model's


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """verl's `<global_step>.jsonl`: rows `{input, output, score, step, …}`, with `gts`, `uid` or without.

    `options.reward_column` names other fields than `score`, or paths to them: numbers, or true and false (verl's
    `acc`), as text or not. With agent
    loops a rollout has several rows of one reward, `uid` = `<prompt>_<session>_<index>`; index 0 has the prompt as
    it was asked, and the others are skipped, as are rows of padding (`not_counted`). A file of another name may hold
    several steps, which its rows tell. Where `gts` has the prompts' ids, by `lim.recorders.verl`, prompts are told by
    them (`options.by_id`).
    """
    terms = reward_terms(options.reward_column or "score")
    needed: dict[str, Any] = {"input": str | list[Any], "uid": Any, "step": Any, "gts": Any}
    for _, name in terms:  # the column of this name, or the object that its first part names
        needed |= dict.fromkeys(
            (name, name.partition(".")[0]), float | bool | str | list[Any] | dict[str, Any] | None
        )
    field = {name: f"f{at}" for at, name in enumerate(needed)}
    rows = decode_rows(file, filesystem, needed, lines=True)
    prompts = _ids(file, [row.f3 for row in rows]) if options.by_id else []
    prompts = prompts or [prompt_text(row.f0) for row in rows]
    if None in prompts:
        row = prompts.index(None)
        raise InputError(f"{file.path}: row {row + 1}: 'input' is {rows[row].f0!r:.60}, not text; {FIX}")
    columns = [_rewards(file, rows, field, name) for _, name in terms]
    if len(terms) == 1 and terms[0][0] == 1:
        rewards: Sequence[Any] = columns[0]
        absent = frozenset[str]()
    else:
        rewards, absent = weighted_sum(terms, columns).tolist(), absent_of(terms, columns)
    steps = steps_of(file, [row.f2 for row in rows])
    skipped = not_counted([row.f1 for row in rows], [row.f0 for row in rows])
    at_step: dict[tuple[int, int], list[int]] = {}  # (stretch of the file, step) → its rows
    own = [None if at in skipped else prompt for at, prompt in enumerate(prompts)]
    for at, place in enumerate(zip(attempts_of(steps, own), steps, strict=True)):
        if at not in skipped:
            at_step.setdefault(place, []).append(at)
    found = []
    for (stretch, step), part in (at_step or {(0, file.step): []}).items():
        one = group(
            file,
            [prompts[at] or "" for at in part],
            [rewards[at] for at in part],
            step=step,
            bytes_read=0 if found else file.size,
            keep_samples=options.keep_samples,
            reward=options.reward_column or "score",
        )
        found.append(replace(one, attempt=stretch, absent=absent))
    return found


def _rewards(file: LogFile, rows: Sequence[Any], field: Mapping[str, str], name: str) -> list[Any]:
    """A column of rewards, or what a path such as `extra.acc` leads to; numbers as text are numbers."""
    values = [getattr(row, field[name]) for row in rows]
    top = name.partition(".")[0]
    if top != name:
        inside = (dig({top: getattr(row, field[top])}, name) for row in rows)
        values = [
            (None if below is MISSING else below) if value is None else value
            for value, below in zip(values, inside, strict=True)
        ]
    if {str, list, dict}.isdisjoint(map(type, values)):
        return values
    if (
        number := next((number for number, value in enumerate(values, 1) if isinstance(value, list)), None)
    ) is not None:
        raise InputError(
            f"{file.path}: row {number}: '{name}' is {values[number - 1]!r:.60}, not a number but a list; name what "
            f"counts in it: --reward_column {name}.0 the first, {name}.-1 the last"
        )
    return [reward_of(f"{file.path}: row {number}", name, value) for number, value in enumerate(values, 1)]


def steps_of(file: LogFile, said: Sequence[Any]) -> list[int]:
    """The step of each row: the file's where its name is a number, or no row says one; else what the rows say.

    Raises InputError where rows say several steps and the name one, or only some rows say theirs.
    """
    steps = [_whole(step) for step in said]
    whole = [step for step in steps if step is not None]
    if file.path.rpartition("/")[2].partition(".")[0].isdigit():
        if len(whole) == len(said) and len(set(whole)) > 1 and 2 * whole.count(file.step) < len(whole):
            raise InputError(
                f"{file.path}: its rows are of the steps {min(whole)} to {max(whole)}, and its name says one; read "
                "it as a table: --prompt_column input --reward_column score --step_column step"
            )
        return [file.step] * len(said)
    if all(step is None for step in said):
        return [file.step] * len(said)
    if len(whole) < len(said):
        row = steps.index(None)
        raise InputError(f"{file.path}: row {row + 1}: 'step' is {said[row]!r:.40}, not the number of a step; {FIX}")
    return whole


def _whole(step: Any) -> int | None:
    """A step that is a whole number, 7 or 7.0; None for anything else."""
    whole = type(step) is int or (isinstance(step, float) and step.is_integer())
    return int(step) if whole else None


def not_counted(uids: Sequence[Any], inputs: Sequence[Any]) -> set[int]:
    """Rows of padding, and rows of an agent loop that are not their rollout's first, and so have another input.

    Where `_<n>` only numbers the samples of a prompt, the input is the same, and all of them count. Padding (verl
    0.9.1, `trainer/ppo/padding_utils.py`) has a score of 0 and the `gts` of a real prompt.
    """
    padding = {at for at, uid in enumerate(uids) if isinstance(uid, str) and PADDING.fullmatch(uid)}
    named = {at: match for at, uid in enumerate(uids) if isinstance(uid, str) and (match := OUTPUT.fullmatch(uid))}
    first = {match[1]: inputs[at] for at, match in named.items() if int(match[2]) == 0}
    return padding | {at for at, match in named.items() if first.get(match[1], inputs[at]) != inputs[at]}


def _ids(file: LogFile, truths: Sequence[Any]) -> list[str | None]:
    """The rows' ids; none for validation before training, whose prompts are of another file."""
    ids = [prompt_id(truth) for truth in truths]
    if file.step < 1 and not any(ids):
        return []
    if None in ids:
        raise InputError(
            f"{file.path}: row {ids.index(None) + 1}: 'gts' has no prompt id, as other files of the log have; train "
            "with the file that lim.recorders.verl.add_ids wrote from the first step on, or pass --skip_bad_files"
        )
    return list(ids)
