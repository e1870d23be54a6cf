"""Find a training run's log and tell whose format it is, by the names of its files and the columns of their rows."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lim.logs.files import DEEPEST, Entry, LogFile, list_files, open_filesystem, read_bytes
from lim.logs.first_row import LIKELY, by_epoch, columns_of, first_row, likely_flags, shown_columns
from lim.logs.formats import FORMATS, OTHER_NAMES, Columns, Format
from lim.logs.tables import TABLES, find_tables, in_order, number_of
from lim.logs.unreadable import unreadable
from lim.prompts.rows import unpacked
from lim.recorders.verl import prompt_id
from lim.utils.cli import listed
from lim.utils.errors import InputError

RESUMED = (
    " If a run was resumed from one to the next, join them: copy the later one's files over those of the earlier "
    "one, or append them where a file holds many steps"
)
MOST_TABLES = 20  # of a folder, that are looked into
MOST_SHOWN = 4  # formats, in messages
UNNAMED = ("one-shot", "columns")  # formats whose files may have any name
CONVERT = "write it as one of these, or log with lim.recorders (docs/recorders.md)"
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
    notes: tuple[str, ...] = ()

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
    if format == "columns":
        return _find_tables(root, top, base, columns, filesystem)
    named = _known(listing, formats)
    found = _fitting_ones(named, filesystem)
    deep: Sequence[Entry] = ()
    if not found:
        deep = _below(base, filesystem, root)
        named = named or _known(deep, formats)
        found = _fitting_ones(named, filesystem)
        if not found and (below := _fitting_ones(_known(deep, formats, below=True), filesystem)):
            logs = [
                f"{root.rstrip('/')}/{folder} ({len(files)} file{'s' * (len(files) > 1)} of {name})"
                for (name, folder), files in below.items()
            ]
            parts = RESUMED if len({name for name, _ in below}) == 1 < len(below) else ""
            raise InputError(f"{root}: no training log here; did you mean {listed(logs[:3])}?{parts}")
    if found:
        return _one_log(root, found, filesystem)
    if why := unreadable(deep):
        raise InputError(f"{root}: no training log here; {why}")
    if named:
        entries = next(iter(named.values()))
        raise _unknown(entries[0][0].path, filesystem, len(entries))
    tables = [entry for entry in top if unpacked(entry.name).endswith(TABLES)][:MOST_TABLES]
    fitting = [entry for entry in tables if first_row(entry.path, filesystem) and _fitting(entry, format, filesystem)]
    if len(fitting) == 1:
        return _single_file(root, fitting[0], format, filesystem)
    there, table = _what_is_there(top or deep, filesystem)
    if table is not None:
        raise InputError(f"{root}: no training log here{there}; {_unknown(table, filesystem, 1)}")
    looked_for = "" if _unread([entry.name for entry in top or deep]) else f"; looked for {_looked_for(format)}"
    raise InputError(f"{root}: no training log here{looked_for}{there}")


def _find_tables(root: str, top: Sequence[Entry], base: str, columns: Columns | None, filesystem: Any) -> Log:
    """The tables with these columns, in the folder or below it."""
    found = find_tables(top, columns, filesystem, root)
    if not found.files or found.alone:
        deep = _below(base, filesystem, root)
        found = find_tables(deep, columns, filesystem, root)
        if not found.files:  # the reader says which column is missing
            found = find_tables(top, None, filesystem, root)
            found = found if found.files else find_tables(deep, None, filesystem, root)
            found = replace(found, files=tuple((entry, 0) for entry, _ in found.files))
        if not found.files:
            there, _ = _what_is_there(top or deep, filesystem)
            raise InputError(f"{root}: no training log here; looked for {_looked_for('columns')}{there}")
    log = _one_log(root, {("columns", ""): list(found.files)}, filesystem)
    if not found.evaluation:
        return log
    kinds = f"{', '.join(found.evaluation[:3])}{', …' if len(found.evaluation) > 3 else ''}"
    return replace(log, notes=(f"files of evaluation by their names are not read: {kinds}",))


def _below(base: str, filesystem: Any, root: str) -> Sequence[Entry]:
    deep = list_files(base, filesystem, root, depth=DEEPEST)
    assert not isinstance(deep, Entry)
    return deep


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
    files = [LogFile(entry.path, step, entry.size) for entry, step in entries]
    files.sort(key=lambda file: (file.step, in_order(file.path)))
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
    if not fitting and (why := unreadable([entry])):
        raise InputError(f"{root}: not a training log; {why}")
    if not fitting and not unpacked(name).endswith(TABLES):
        fix = _unread([root]) or f"; a log is a folder, or a file that ends in {listed(list(TABLES))} (docs/logs.md)"
        raise InputError(f"{root}: not a log file known by its name{fix}")
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
    return format.keys <= first.keys() | {OTHER_NAMES[name] for name in first.keys() & OTHER_NAMES.keys()}


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
    if flags and not none and "--prompt_column" not in flags and "--id_column" not in flags:
        advice += ", and none is a prompt or its id by its name: log that with each row"
    return InputError(
        f"{path}{files}: rows with the columns {shown_columns(first)}, which no known format has{none}; name those "
        f"that hold the prompt and the reward: {advice}{by_epoch(first) if none else ''} (docs/logs.md)"
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
    shown = ", ".join(f"{FORMATS[name].shown} ({FORMATS[name].what})" for name in names[:MOST_SHOWN])
    return shown + (f" and {len(names) - MOST_SHOWN} other formats (docs/logs.md)" if len(names) > MOST_SHOWN else "")
