"""Which files of a folder are the tables of one log, and the step of each by its name."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from lim.logs.files import Entry, LogFile, of_folder
from lim.logs.first_row import columns_of, first_row, likely_flags
from lim.logs.formats import Columns
from lim.prompts.rows import unpacked
from lim.utils.errors import InputError

TABLES = (".jsonl", ".json", ".parquet", ".csv", ".tsv", ".ndjson", ".arrow", ".feather")
STEP = re.compile(r"(?:step|(?<![A-Za-z])iter(?:ation)?)[_=-]?$", re.IGNORECASE)  # what stands before a step
RANK = re.compile(
    r"(?<![A-Za-z])(?:rank|worker|node|gpu|device|proc|process|replica|dp|tp|actor|engine|host|thread)[_=-]?$",
    re.IGNORECASE,
)
COARSE = re.compile(r"(?<![A-Za-z])(?:epoch|ep|run|attempt|try|trial|seed|stage|phase)[_=-]?$", re.IGNORECASE)
OF = re.compile(r"[_-]of[_-]?\d+(?!\d)", re.IGNORECASE)  # behind the number of a part, as of a data set cut by size
PART = re.compile(r"(?<![A-Za-z])(?:shard|part)[_=-]?$", re.IGNORECASE)  # of a step, or of a log cut into parts
HASH = re.compile(r"_[0-9a-f]{16,}(?=\.table\.json$)")  # of a table's content, in W&B's names
EVALUATION = re.compile(
    r"(?<![A-Za-z])(?:eval|evals|evaluation|val|valid|validation|test|dev|heldout|held[_-]out)(?![A-Za-z])",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(?:step|iter|iteration)[_=-]?(\d+)|(?<![A-Za-z0-9])(\d+)(?![A-Za-z0-9])")


@dataclass(frozen=True)
class Found:
    """The files of a log of tables, each with its step, and what was left aside."""

    files: tuple[tuple[Entry, int], ...] = ()
    evaluation: tuple[str, ...] = ()  # the first of each kind of files that hold evaluation, by their names
    alone: bool = False  # the files are of evaluation, as there are no others


def find_tables(listing: Sequence[Entry], columns: Columns | None, filesystem: Any, root: str) -> Found:
    """The files of one kind of name ("step_3.csv" and "step_4.csv.gz" are one) that are tables with these columns.

    Without columns, those of the most numerous kind. Those of evaluation by their names count where there are no
    others. Raises InputError where several kinds have the columns, and for a file that is there packed and unpacked.
    """
    kinds: dict[str, dict[str, Entry]] = {}
    for entry in _without_links([entry for entry in listing if unpacked(entry.name).endswith(TABLES)], filesystem):
        name = unpacked(entry.name)
        if os.path.basename(name) != "run.json":
            kind = kinds.setdefault(re.sub(r"\d+", "#", HASH.sub("#", name)), {})
            if kind.setdefault(name, entry) is not entry:
                raise InputError(f"{entry.path}: is {name}, which is there too, packed; keep one of them")
    wanted = {name for name in (dataclasses.astuple(columns) if columns else ()) if name}
    fitting = [
        list(kind.values())
        for kind in kinds.values()
        if not wanted or any(wanted <= _names(entry.path, filesystem, wanted) for entry in list(kind.values())[:3])
    ]
    fitting.sort(key=len, reverse=True)
    evaluation = [kind for kind in fitting if EVALUATION.search(kind[0].name)]
    if alone := len(evaluation) == len(fitting):
        evaluation = []
    fitting = [kind for kind in fitting if kind not in evaluation]
    if len(fitting) > 1 and (wanted or len(fitting[0]) == len(fitting[1])):
        names = [kind[0].name + (f" and {len(kind) - 1} like it" if len(kind) > 1 else "") for kind in fitting]
        raise InputError(
            f"{root}: holds several kinds of files that may be the log ({'; '.join(names[:4])}); point at one of "
            "them or at a folder without the others, or name parts of one log alike (part_1, part_2)"
        )
    if not fitting:
        return Found()
    first = fitting[0]
    known = not wanted or (columns is not None and columns.step is not None)
    steps = [0] * len(first) if known else _steps([HASH.sub("", entry.name) for entry in first], root)
    return Found(tuple(zip(first, steps, strict=True)), tuple(kind[0].name for kind in evaluation), alone)


def _without_links(entries: Sequence[Entry], filesystem: Any) -> list[Entry]:
    """The entries, of several that are one file (links) that of its own name."""
    places: dict[str, list[Entry]] = {}
    for entry in entries:
        places.setdefault(entry.path if filesystem else os.path.realpath(entry.path), []).append(entry)
    return [min(same, key=lambda entry: not place.endswith(f"/{entry.name}")) for place, same in places.items()]


def _steps(names: Sequence[str], path: str) -> list[int]:
    """The step of each file of one kind of name: the number that tells the files apart, unless a word says another; 0
    where none does but a rank's, or that of a part of so many (`train-00001-of-00004`).

    Raises InputError where files that have it in common differ in another number that is no rank's: `3_0`, or steps
    that restart in each epoch.
    """
    found = [[int(number) for number in re.findall(r"\d+", name)] for name in names]
    varying, likely, _ = _that_may_be_steps(names)
    if not varying:
        return [number_of(name) for name in names]
    if not likely:
        return [0] * len(names)
    before = [names[0][: match.start()] for match in re.finditer(r"\d+", names[0])]
    by_word = [at for at in likely if STEP.search(before[at])]
    step = (by_word or likely)[-1]
    if by_word:  # what stands behind it numbers what the step has
        likely = [at for at in likely if at <= step or COARSE.search(before[at])]
    if len({tuple(one[at] for at in likely) for one in found}) > len({one[step] for one in found}):
        raise InputError(
            f"{path}: the names of its {len(names)} files hold several numbers, of which any may be the step; "
            "give --step_column, or rename the files with step_ before the run's step"
        )
    return [one[step] for one in found]


def _that_may_be_steps(names: Sequence[str]) -> tuple[list[int], list[int], bool]:
    """Places among the numbers in files' names: that tell files apart; of these, that may be the step; whether only
    the numbers of parts may.
    """
    numbers = list(zip(*(re.findall(r"\d+", name) for name in names), strict=True))
    found = list(re.finditer(r"\d+", names[0]))
    before = [names[0][: match.start()] for match in found]
    varying = [at for at, values in enumerate(numbers) if len(set(map(int, values))) > 1]
    no_ranks = [at for at in varying if not RANK.search(before[at]) and not OF.match(names[0], found[at].end())]
    likely = [at for at in no_ranks if not PART.search(before[at])]
    return varying, likely or no_ranks, bool(no_ranks) and not likely


def unsaid_steps(root: str, files: Sequence[LogFile], filesystem: Any, columns: Columns, steps: int) -> list[str]:
    """What to say where no column was named for the step or epoch, and the files' names do not say it either.

    Raises InputError where a column's name says that it may be the step or the epoch.
    """
    if columns.step or columns.epoch:
        return []
    names = [HASH.sub("", file.path) for file in files]
    if steps > 1 and not (len(files) > 1 and _that_may_be_steps(names)[2]):
        return []
    first = columns_of(first_row(files[0].path, filesystem) or {})
    if flags := likely_flags(first, "step", "epoch"):
        raise InputError(f"{root}: nothing says the step of a row, so all would be of one; its columns may: {flags}")
    if steps == 1:
        return [
            "nothing says the step of a row, so all are of one: name its column by --step_column; where a row has a "
            "prompt's rewards of all epochs, write a row for each epoch, and its number (--epoch_column)"
        ]
    return [
        f"nothing says the step of a row but the number of its part ({os.path.basename(files[0].path)}), which is "
        "taken for it: where a part holds more than an epoch, name a column by --step_column"
    ]


def _names(path: str, filesystem: Any, wanted: Collection[str]) -> set[str]:
    """Those of the names, which may be paths, that a table has as columns."""
    row = columns_of(first_row(path, filesystem) or {})
    return {
        name for name in wanted if name in row or name.partition(".")[0] in row or of_folder(path, name) is not None
    }


def number_of(name: str) -> int:
    """The step in a file's path: its last number, or one behind `step`; 0 where there is none."""
    folder, _, file = name.rpartition("/")
    for part in (file.partition(".")[0] if not NUMBER.search(file) else file, folder):
        numbers = list(NUMBER.finditer(part.replace("_", "-")))
        if numbers:
            by_word = [match for match in numbers if match[1]]
            last = (by_word or numbers)[-1]
            return int(last[1] or last[2])
    return 0


def in_order(path: str) -> list[tuple[int, str]]:
    """A key to sort paths by: numbers in them by their value, so that part_10 comes after part_9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path) if part]
