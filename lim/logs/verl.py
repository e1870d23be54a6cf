"""verl's rollouts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from lim.logs.files import LogFile
from lim.logs.formats import ReadOptions
from lim.logs.rows import FIX, decode_rows, group, prompt_text, reward_terms, weighted_sum
from lim.logs.step import StepRewards
from lim.recorders.verl import prompt_id
from lim.utils.errors import InputError

LATER_OUTPUT = re.compile(r".+_\d+_0*[1-9]\d*")  # uid of an agent loop's output that is not its first


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """verl's `<global_step>.jsonl`: rows `{input, output, score, step, …}`, with `gts`, `uid` or without.

    `options.reward_column` names other fields than `score`: numbers, or true and false (verl's `acc`). With agent
    loops a rollout has several rows of one reward, `uid` = `<prompt>_<session>_<index>`; index 0 has the prompt as
    it was asked, and the others are skipped. A file of another name may hold several steps, which its rows tell.
    Where `gts` has the prompts' ids, by `lim.recorders.verl`, prompts are told by them (`options.by_id`).
    """
    terms = reward_terms(options.reward_column or "score")
    needed: dict[str, Any] = {"input": str | list[Any], "uid": Any, "step": Any, "gts": Any}
    needed |= {name: float | bool | None for _, name in terms}
    rows = decode_rows(file, filesystem, needed, lines=True)
    prompts = _ids(file, [row.f3 for row in rows]) if options.by_id else []
    prompts = prompts or [prompt_text(row.f0) for row in rows]
    if None in prompts:
        row = prompts.index(None)
        raise InputError(f"{file.path}: row {row + 1}: 'input' is {rows[row].f0!r:.60}, not text; {FIX}")
    if len(terms) == 1 and terms[0][0] == 1:
        rewards: Sequence[Any] = [row.f4 for row in rows]
    else:
        columns = [[getattr(row, f"f{at + 4}") for row in rows] for at in range(len(terms))]
        rewards = weighted_sum(terms, columns).tolist()
    steps = [row.f2 for row in rows]
    if os.path.basename(file.path).partition(".")[0].isdigit() or not all(type(step) is int for step in steps):
        steps = [file.step] * len(rows)
    at_step: dict[int, list[int]] = {}
    for at, (row, step) in enumerate(zip(rows, steps, strict=True)):
        if not (isinstance(row.f1, str) and LATER_OUTPUT.fullmatch(row.f1)):
            at_step.setdefault(step, []).append(at)
    return [
        group(
            file,
            [prompts[at] or "" for at in part],
            [rewards[at] for at in part],
            step=step,
            bytes_read=0 if number else file.size,
            keep_samples=options.keep_samples,
            reward=options.reward_column or "score",
        )
        for number, (step, part) in enumerate(at_step.items() or [(file.step, [])])
    ]


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
