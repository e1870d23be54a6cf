"""ms-swift's completions, and W&B's tables of TRL's."""

from __future__ import annotations

from typing import Any

from lim.logs.columns import read_table, records
from lim.logs.files import LogFile
from lim.logs.formats import Columns, ReadOptions
from lim.logs.rows import enumerate_rows
from lim.logs.step import StepRewards
from lim.logs.trl import OTHER, reward_terms_of


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """`step, prompt, completion, <a column per reward function>, advantages` as lists, one line per logged step.

    On Megatron the step is `gen_step`. W&B's `*.table.json` has the same columns, as TRL writes them. A step that
    repeats the generations of the one before counts once.
    """
    numeric: dict[str, None] = {}
    step = "step"
    for number, row in enumerate_rows(file.path, records(file, filesystem)):
        if isinstance(row, dict):
            step = "gen_step" if number == 1 and "step" not in row and "gen_step" in row else step
            numeric |= dict.fromkeys(name for name, value in row.items() if name not in OTHER and _numeric(value))
            if file.path.endswith("table.json"):
                break  # its rows all have the same columns
    terms = reward_terms_of(file.path, list(numeric), options)
    return read_table(file, filesystem, options, Columns("prompt", step=step), terms, outputs=("completion",))


def _numeric(value: Any) -> bool:
    given = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
    return bool(given) and all(isinstance(item, int | float) and not isinstance(item, bool) for item in given)
