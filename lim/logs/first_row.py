"""The first row of a log's file, and what its columns may be by their names, for messages."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection
from typing import Any

from lim.logs.files import read_bytes
from lim.prompts.rows import csv_reader, table_of, unpacked
from lim.utils.errors import InputError

HEAD = 1 << 20  # bytes read to see a file's first row
MOST_COLUMNS = 20  # in messages
# Names that a column of each kind has in some trainer, the likeliest first.
LIKELY = {
    "id": ("prompt_id", "problem_id", "example_id", "id", "uid"),
    "prompt": ("prompt", "input", "question", "problem", "query", "messages", "prompts", "text"),
    "reward": ("reward", "score", "rewards", "scores", "accuracy", "acc", "total_reward", "is_correct", "correct"),
    "step": ("step", "global_step", "training_step", "iteration", "steps", "gen_step"),
    "epoch": ("epoch",),
}


def first_row(path: str, filesystem: Any) -> dict[str, Any] | None:
    """The first row of a JSON, CSV or Parquet file (of one object: itself); None where it cannot be seen."""
    try:
        if unpacked(path).endswith(".parquet"):
            from lim.logs.parquet import column_names

            return dict(column_names(path, filesystem))
        if unpacked(path).endswith((".arrow", ".feather")):
            table = table_of(path, read_bytes(path, filesystem), parquet=False)
            return dict.fromkeys(table.column_names)
        for size in (HEAD, None):
            text = read_bytes(path, filesystem, size).decode("utf-8", "replace").lstrip().removeprefix("[")
            if unpacked(path).endswith((".csv", ".tsv")):
                return dict.fromkeys(csv_reader(text).fieldnames or ())
            try:
                row, _ = json.JSONDecoder().raw_decode(text.lstrip())
                return row if isinstance(row, dict) else None
            except ValueError:
                continue
    except (InputError, csv.Error):
        pass
    return None


def columns_of(row: dict[str, Any]) -> dict[str, Any]:
    """A first row, or that of a W&B table by its names."""
    return dict.fromkeys(map(str, row["columns"])) if set(row) >= {"columns", "data"} else row


def likely_flags(columns: Collection[str], *kinds: str) -> str:
    """`--prompt_column question --reward_column score`: flags, of these kinds or all, for columns of likely names."""
    names = {kind: next((name for name in likely if name in columns), None) for kind, likely in LIKELY.items()}
    if names["prompt"]:
        names["id"] = None
    wanted = [(kind, name) for kind, name in names.items() if name and kind in (kinds or LIKELY)]
    return " ".join(f"--{kind}_column {name}" for kind, name in wanted)


def wide_columns(columns: Collection[str]) -> list[str]:
    """The columns that differ by a number alone (`epoch_1, epoch_2, …`), the most of one kind; empty below two."""
    kinds: dict[str, list[str]] = {}
    for name in columns:
        kind, numbers = re.subn(r"\d+", "#", name)
        if numbers:
            kinds.setdefault(kind, []).append(name)
    most = max(kinds.values(), key=len, default=[])
    return most if len(most) > 1 else []


def shown_columns(columns: Collection[str]) -> str:
    """Names of columns for a message, the first of many."""
    names = list(columns)
    more = f", … ({len(names) - MOST_COLUMNS} more)" if len(names) > MOST_COLUMNS + 1 else ""
    return ", ".join(names[:MOST_COLUMNS] if more else names) + more


def its_columns(path: str, filesystem: Any, *kinds: str, tried: str = "") -> str:
    """` (its columns: …; perhaps --reward_column score)` of a table's first row, but for the columns tried; empty
    where that cannot be seen.
    """
    first = columns_of(first_row(path, filesystem) or {})
    flags = likely_flags(first.keys() - set(tried.replace("*", ",").split(",")), *kinds)
    wide = "" if flags or "reward" not in kinds else by_epoch(first)
    return f" (its columns: {shown_columns(first)}{f'; perhaps {flags}' if flags else ''}{wide})" if first else ""


def by_epoch(columns: Collection[str]) -> str:
    """`; if epoch_1, epoch_2 are rewards by epoch, …`, where columns look like that."""
    wide = wide_columns(columns)
    named = f"{', '.join(wide[:3])}{', …' * (len(wide) > 3)}"
    return f"; if {named} are rewards by epoch, write a row for each epoch" if wide else ""
