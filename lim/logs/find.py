"""Find a training run's log and tell whose format it is, by the names of its files and the columns of their rows."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lim.logs.files import DEEPEST, Entry, LogFile, list_files, of_folder, open_filesystem, read_bytes
from lim.logs.first_row import LIKELY, columns_of, first_row, likely_flags, wide_columns
from lim.logs.formats import FORMATS, Columns, Format
from lim.prompts.rows import unpacked
from lim.recorders.verl import prompt_id
from lim.utils.cli import listed
from lim.utils.errors import InputError

TABLES = (".jsonl", ".json", ".parquet", ".csv", ".tsv", ".ndjson", ".arrow", ".feather")
STEP = re.compile(r"(?:step|(?<![A-Za-z])iter(?:ation)?)[_=-]?$", re.IGNORECASE)  # what stands before a step
RANK = re.compile(r"(?<![A-Za-z])(?:rank|worker|node|gpu|device|proc|process|replica|dp|tp)[_=-]?$", re.IGNORECASE)
COARSE = re.compile(r"(?<![A-Za-z])(?:epoch|ep|run|attempt|try|trial|seed|stage|phase)[_=-]?$", re.IGNORECASE)
OF = re.compile(r"[_-]of[_-]?\d+(?!\d)", re.IGNORECASE)  # behind the number of a part, as of a data set cut by size
PART = re.compile(r"(?<![A-Za-z])(?:shard|part)[_=-]?$", re.IGNORECASE)  # of a step, or of a log cut into parts
NUMBER = re.compile(r"(?:step|iter|iteration)[_=-]?(\d+)|(?<![A-Za-z0-9])(\d+)(?![A-Za-z0-9])")
UNNAMED = ("one-shot", "columns")  # formats whose files may have any name
CONVERT = "write it as one of these, or log with lim.recorders (docs/recorders.md)"
MOST_TABLES = 20  # of a folder, that are looked into
UNREAD = {  # endings of files that may hold a log → what makes them readable
    (".zip", ".tar", ".tgz", ".tar.gz", ".bz2", ".xz", ".7z"): "unpack them; of packed files .gz and .zst are read",
    (".pkl", ".pickle", ".pt", ".npz", ".npy", ".xlsx", ".db", ".sqlite"): "write them as JSON lines, CSV or Parquet",
}
# Columns of what this project writes beside logs.
WRITTEN = {
    "score chosen": "the scores that a selection wrote",
    "score_quantiles settings": "the summary that a selection wrote",
    "file id sample verdict answer": "the verdicts that --score_only wrote, without responses",
}
KNOWN = frozenset(itertools.chain.from_iterable(LIKELY.values())) | {"columns", "data"}


@dataclass(frozen=True)
class Log:
    """A run's log files in order of step. `filesystem` is None for local paths."""

    format: str
    root: str
    files: tuple[LogFile, ...]
    filesystem: Any = None
    by_id: bool = False  # its prompts are ids of the prompt file

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def kind(self) -> Format:
        return FORMATS[self.format]


def find_log(path: str | os.PathLike[str], format: str = "auto", columns: Columns | None = None) -> Log:
    """The log at `path`: a folder, one file, or a URI (`s3://`, `gs://`, `hf://`, anything fsspec knows).

    `format` is a key of `FORMATS`, or "auto" to tell it by the files; where `columns` names some, the files are
    tables of these columns. Folders below are looked into where the one given holds no log. Raises InputError where
    the path does not exist, holds no known log, or holds two.
    """
    if columns is not None and columns != Columns():
        if format not in ("auto", "columns"):
            raise InputError(f"--format {format} knows its columns; leave --format out to name them yourself")
        return replace(_find(str(path), "columns", columns), by_id=columns.id is not None)
    return _find(str(path), format, None)


def _find(root: str, format: str, columns: Columns | None) -> Log:
    filesystem, base = open_filesystem(root)
    listing = list_files(base, filesystem, root, depth=1)
    if isinstance(listing, Entry):
        return _single_file(root, listing, format, filesystem)
    formats = [FORMATS[format]] if format != "auto" else list(FORMATS.values())
    top = [entry for entry in listing if "/" not in entry.name]
    named = _tables(top, columns, filesystem, root) if format == "columns" else _known(listing, formats)
    found = _fitting_ones(named, filesystem)
    if not found:
        deep = list_files(base, filesystem, root, depth=DEEPEST)
        assert not isinstance(deep, Entry)
        named = named or (_tables(deep, columns, filesystem, root) if format == "columns" else _known(deep, formats))
        if not named and format == "columns":  # the reader says which column is missing
            named = _tables(top, None, filesystem, root) or _tables(deep, None, filesystem, root)
            named = {key: [(entry, 0) for entry, _ in files] for key, files in named.items()}
        found = _fitting_ones(named, filesystem)
        if not found and (below := _fitting_ones(_known(deep, formats, below=True), filesystem)):
            logs = [
                f"{root.rstrip('/')}/{folder} ({len(files)} file{'s' * (len(files) > 1)} of {name})"
                for (name, folder), files in below.items()
            ]
            raise InputError(f"{root}: no training log here; did you mean {listed(logs[:3])}?")
    if found:
        return _one_log(root, found, filesystem)
    if named:
        entries = next(iter(named.values()))
        raise _unknown(entries[0][0].path, filesystem, len(entries))
    tables = [entry for entry in top if unpacked(entry.name).endswith(TABLES)][:MOST_TABLES]
    fitting = [entry for entry in tables if first_row(entry.path, filesystem) and _fitting(entry, format, filesystem)]
    if len(fitting) == 1:
        return _single_file(root, fitting[0], format, filesystem)
    there, table = _what_is_there(top, filesystem)
    if table is not None:
        raise InputError(f"{root}: no training log here{there}; {_unknown(table, filesystem, 1)}")
    raise InputError(f"{root}: no training log here; looked for {_looked_for(format)}{there}")


Found = dict[tuple[str, str], list[tuple[Entry, int]]]  # (format, folder) → files and their steps


def _known(listing: Sequence[Entry], formats: Sequence[Format], *, below: bool = False) -> Found:
    """Logs by format and folder, their files named from the folder given or, with `below`, from one in it."""
    found: Found = {}
    for format in formats:
        if format.name in UNNAMED:
            continue
        for entry in listing:
            folder, name = "", entry.name
            match = format.pattern.fullmatch(name)
            while match is None and below and "/" in name:
                head, _, name = name.partition("/")
                folder += f"{head}/"
                match = format.pattern.fullmatch(name)
            if match:
                groups = match.groupdict()
                place = folder + ("" if below else groups.get("sub") or "")
                found.setdefault((format.name, place.rstrip("/")), []).append((entry, int(groups.get("step") or 1)))
    return found


def _tables(listing: Sequence[Entry], columns: Columns | None, filesystem: Any, root: str) -> Found:
    """The files of one kind of name ("step_3.csv" and "step_4.csv.gz" are one) that are tables with these columns.

    Without columns, those of the most numerous kind. Raises InputError where several kinds have the columns, and for
    a file that is there packed and unpacked.
    """
    kinds: dict[str, dict[str, Entry]] = {}
    for entry in _without_links([entry for entry in listing if unpacked(entry.name).endswith(TABLES)], filesystem):
        name = unpacked(entry.name)
        if os.path.basename(name) != "run.json":
            kind = kinds.setdefault(re.sub(r"\d+", "#", name), {})
            if kind.setdefault(name, entry) is not entry:
                raise InputError(f"{entry.path}: is {name}, which is there too, packed; keep one of them")
    wanted = {name for name in (dataclasses.astuple(columns) if columns else ()) if name}
    fitting = [
        list(kind.values())
        for kind in kinds.values()
        if not wanted or any(wanted <= _names(entry.path, filesystem, wanted) for entry in list(kind.values())[:3])
    ]
    fitting.sort(key=len, reverse=True)
    if len(fitting) > 1 and (wanted or len(fitting[0]) == len(fitting[1])):
        names = [kind[0].name + (f" and {len(kind) - 1} like it" if len(kind) > 1 else "") for kind in fitting]
        raise InputError(
            f"{root}: holds several kinds of files that may be the log ({'; '.join(names[:4])}); point at one of "
            "them or at a folder without the others, or name parts of one log alike (part_1, part_2)"
        )
    if not fitting:
        return {}
    first = fitting[0]
    steps = [0] * len(first) if not wanted or (columns and columns.step) else _steps([e.name for e in first], root)
    return {("columns", ""): list(zip(first, steps, strict=True))}


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
    that start anew in each epoch.
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


def steps_are_parts(log: Log) -> bool:
    """Whether the steps of a table's files are the numbers of parts, of which each may hold several."""
    return len(log.files) > 1 and _that_may_be_steps([file.path for file in log.files])[2]


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


def _fitting_ones(found: Found, filesystem: Any) -> Found:
    return {key: files for key, files in found.items() if _fits(FORMATS[key[0]], files[0][0], filesystem)}


def _one_log(root: str, found: Found, filesystem: Any) -> Log:
    """The one log found. Raises InputError where there are several, or a step is there twice."""
    preferred = [key for key in found if key[1].rpartition("/")[2] == FORMATS[key[0]].prefers]
    if len(preferred) == 1 and len({name for name, _ in found}) == 1:
        found = {preferred[0]: found[preferred[0]]}
    if len(found) > 1:
        kinds = "; ".join(f"{len(files)} of {name}{f' in {at}' if at else ''}" for (name, at), files in found.items())
        raise InputError(f"{root}: holds more than one log ({kinds}); name one by --format or point at its folder")
    (name, _), entries = next(iter(found.items()))
    files = sorted((LogFile(entry.path, step, entry.size) for entry, step in entries), key=lambda f: (f.step, f.path))
    if FORMATS[name].pattern.groups and name != "columns":
        for one, two in itertools.pairwise(files):
            if one.step == two.step and not FORMATS[name].many_files:
                raise InputError(f"{two.path}: the same step as {one.path}; keep one of them")
    if FORMATS[name].overlaps:
        files[1:] = [replace(file, before=before.path) for before, file in itertools.pairwise(files)]
    return Log(name, root, tuple(files), filesystem, _by_id(FORMATS[name], files, filesystem))


def _single_file(root: str, entry: Entry, format: str, filesystem: Any) -> Log:
    name = os.path.basename(entry.name)
    fitting = _fitting(entry, format, filesystem)
    if format == "columns" and not unpacked(name).endswith(TABLES) and not _is_text(entry.path, filesystem):
        fix = _unread([root]) or f"; {CONVERT}"
        raise InputError(f"{root}: not a table that is read here ({', '.join(TABLES)}){fix}")
    if not fitting and not unpacked(name).endswith(TABLES):
        raise InputError(
            f"{root}: not a log file known by its name; looked for {_looked_for(format)}{_unread([root])}"
        )
    if not fitting:
        raise _unknown(entry.path, filesystem, 1)
    format = fitting[0]
    match = _named(FORMATS[format], entry)
    step = match.groupdict().get("step") if match else None
    number = int(step) if step else (number_of(name) if format == "columns" else 1)
    file = LogFile(entry.path, number, entry.size)
    return Log(format, root, (file,), filesystem, _by_id(FORMATS[format], [file], filesystem))


def _by_id(format: Format, files: Sequence[LogFile], filesystem: Any) -> bool:
    """Whether the log knows prompts by id: all logs of the format do, or verl's files have what our recorder adds."""
    if format.name != "verl":
        return format.has_ids
    # The first may be validation before training.
    rows = [first_row(file.path, filesystem) or {} for file in (files[0], files[-1])]
    return any(prompt_id(row.get("gts")) is not None for row in rows)


def _named(format: Format, entry: Entry) -> re.Match[str] | None:
    """The match of a single file's name, with as many of its folders as the format names."""
    parts = entry.path.split("/")
    tails = ("/".join(parts[-count:]) for count in range(1, min(len(parts), DEEPEST) + 1))
    return next((match for tail in tails if (match := format.pattern.fullmatch(tail))), None)


def _fitting(entry: Entry, format: str, filesystem: Any) -> list[str]:
    """Formats that a single file may be of, the likeliest first."""
    if format != "auto":
        return [format]
    name = unpacked(os.path.basename(entry.name))
    by_name = [kind for kind in FORMATS.values() if kind.name not in UNNAMED and _named(kind, entry)]
    if _is_json(name):
        by_name += [FORMATS["release"], FORMATS["one-shot"]]
    elif name.endswith(".jsonl"):
        by_name += [kind for kind in FORMATS.values() if kind.keys and "jsonl" in kind.pattern.pattern]
    return [kind.name for kind in by_name if _fits(kind, entry, filesystem)]


def _fits(format: Format, entry: Entry, filesystem: Any) -> bool:
    """Whether a file's first row is of a format; True where that cannot be seen, for its reader to say why."""
    if format.name == "columns" or unpacked(entry.name).endswith(".parquet"):
        return True
    first = first_row(entry.path, filesystem)
    if first is None:  # damaged: a list is the released code's, an object One-Shot's
        return _starts_object(entry.path, filesystem) == (format.name == "one-shot") if _is_json(entry.name) else True
    if format.name == "one-shot":
        return _starts_object(entry.path, filesystem) and all(
            isinstance(value, list) and (name not in KNOWN) for name, value in first.items()
        )
    if format.name == "release" and not _named(format, entry) and not first.keys().isdisjoint(LIKELY["step"]):
        return False  # rows of many steps, which the released code's files have not
    return format.keys <= first.keys()


def _is_text(path: str, filesystem: Any) -> bool:
    """Whether a file of another name begins as JSON does."""
    return read_bytes(path, filesystem, 64).lstrip()[:1] in (b"{", b"[")


def _starts_object(path: str, filesystem: Any) -> bool:
    return read_bytes(path, filesystem, 64).lstrip().startswith(b"{")


def _unknown(path: str, filesystem: Any, count: int) -> InputError:
    """The line for files of an unknown trainer: their columns, and the flags that would read them."""
    first = first_row(path, filesystem) or {}
    if not first:
        return InputError(f"{path}: not a log of a known format; looked for {_looked_for('auto')}")
    first = columns_of(first)
    for names, what in WRITTEN.items():
        if set(names.split()) <= first.keys():
            return InputError(f"{path}: holds {what}, not a training log; give the folder of the run's log")
    files = f" ({count} such files)" if count > 1 else ""
    flags = likely_flags(first)
    none = "" if "--reward_column" in flags else ", and none is a reward by its name"
    advice = f"perhaps {flags}" if flags and not none else "--prompt_column, --reward_column, --step_column"
    wide = wide_columns(first) if none else []
    by_epoch = f"; if {', '.join(wide[:3])}{', …' * (len(wide) > 3)} are rewards by epoch, write a row for each epoch"
    return InputError(
        f"{path}{files}: rows with the columns {', '.join(first)}, which no known format has{none}; name those that "
        f"hold the prompt and the reward: {advice}{by_epoch if wide else ''} (docs/logs.md)"
    )


def _what_is_there(listing: Sequence[Entry], filesystem: Any) -> tuple[str, str | None]:
    """(`; it holds …`: the kinds of files in the folder; the first of them that is a table)."""
    if not listing:
        return "", None
    kinds = Counter(re.sub(r"\d+", "<n>", entry.name) for entry in listing)
    shown = ", ".join(f"{count} × {name}" for name, count in kinds.most_common(4))
    more = f" and {len(kinds) - 4} other kinds" if len(kinds) > 4 else ""
    tables = [entry for entry in listing if unpacked(entry.name).endswith(TABLES)]
    first = next((entry.path for entry in tables if first_row(entry.path, filesystem)), None)
    return f"; it holds {shown}{more}{_unread([entry.name for entry in listing])}", first


def _unread(names: Sequence[str]) -> str:
    """`; …`: what makes files readable that are not as they are."""
    fixes = (fix for endings, fix in UNREAD.items() if any(name.lower().endswith(endings) for name in names))
    return "".join(f"; {fix}" for fix in fixes)


def _is_json(name: str) -> bool:
    return unpacked(name).endswith(".json")


def _looked_for(format: str) -> str:
    names = [name for name in FORMATS if name != "columns"] if format == "auto" else [format]
    return ", ".join(f"{FORMATS[name].shown} ({FORMATS[name].what})" for name in names)
