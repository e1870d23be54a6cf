"""Logs that are tables: rows or columns in JSON, JSON lines, CSV, Parquet or Arrow, read by their columns' names."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from lim.logs.doubts import Doubt
from lim.logs.files import LogFile, of_folder, read_bytes
from lim.logs.first_row import LIKELY, its_columns
from lim.logs.formats import Columns, ReadOptions
from lim.logs.messages import is_conversation, messages_of, prompt_text
from lim.logs.parquet import check_names, open_file
from lim.logs.repeats import checksum, fingerprint, overlap
from lim.logs.row_kinds import RowKinds
from lim.logs.rows import (
    FIX,
    absent_of,
    enumerate_rows,
    group,
    json_lines,
    json_values,
    list_items,
    reward_of,
    reward_terms,
    weighted_sum,
)
from lim.logs.step import StepRewards
from lim.logs.stretches import attempts_of
from lim.prompts.rows import MISSING, csv_rows, dig, table_of, unpacked
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.text import kind_of

Row = dict[str, Any]
# Step, epoch, prompt, checksum of the output, a value for each term of the reward.
TableRow = tuple[int, int, str, int, list[float]]
EXACT = 1 << 53  # from here on floats skip whole numbers
# Of which a log keeps one beside its rewards: responses, which tell samples that are written again.
OUTPUTS = ("completion", "response", "output", "generation", "completions", "responses", "outputs")
LARGEST = 1 << 62  # a step; times in nanoseconds are below


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """A table by `options.columns` and `options.reward_column`: rows, or columns as lists, a step's or all.

    Names may be paths (`task.prompt`). The step is its column's, else the file's; the prompt is text, messages, or
    messages as JSON in a string. Raises InputError for a missing column or a value of another kind, with its row.
    """
    terms = reward_terms(options.reward_column or "reward")
    outputs = () if options.columns.epoch else OUTPUTS
    return read_table(file, filesystem, options, options.columns, terms, outputs=outputs)


def read_table(
    file: LogFile,
    filesystem: Any,
    options: ReadOptions,
    columns: Columns,
    terms: Sequence[tuple[float, str]],
    *,
    outputs: Sequence[str] = (),
) -> list[StepRewards]:
    """The steps of a table. The first of `outputs` that it has tells samples that are written again: a step that
    repeats the one before, or a record of lists that begins with what the one before ended with, as of a buffer.
    """
    if not columns.prompt and not columns.id:
        there = its_columns(file.path, filesystem)
        raise InputError(
            f"{file.path}: name the column of the prompt: --prompt_column, or --id_column for its id{there}"
        )
    names = [columns.prompt, columns.id, columns.step, columns.epoch, None]
    output: str | None = None
    rows: list[TableRow] = []
    before: list[TableRow] = []  # the rows of the record before
    text_of: dict[tuple[int, str], int] = {}  # step, id → checksum of the text beside it
    text_column = None
    kinds: RowKinds | None = None
    exact = _exact(file, filesystem, columns.id)
    repeated = 0
    # Stretch, step, epoch and prompt → rows whose rewards are lists; a stretch ends where the step falls.
    lists: Counter[tuple[int, int, int, str]] = Counter()
    stretch = 0
    for number, row in enumerate_rows(file.path, records(file, filesystem)):
        if not isinstance(row, dict):
            raise InputError(f"{file.path}: row {number} is {kind_of(row)}, not an object; {FIX}")
        if number == 1:
            names[-1] = output = next((name for name in outputs if name in row), None)
        if number == 1 and columns == options.columns and "rows" not in options.allow:
            kinds = RowKinds(row)
        if number == 1 and columns.id and not columns.prompt:
            text_column = next((name for name in LIKELY["prompt"] if isinstance(row.get(name), str | list)), None)
        given = [
            None if name is None else pick(file.path, number, row, name, needed=name != output) for name in names
        ]
        rewards = [pick(file.path, number, row, name, needed=False) for _, name in terms]
        where, at = f"{file.path}: row {number}", len(rows)
        for prompt, id, step, epoch, out, *values in spread([*given, *rewards], len(names)):
            text = _id(where, columns.id, id, exact) if columns.id else prompt_text(messages_of(prompt) or prompt)
            if text is None:
                if isinstance(prompt, dict) and prompt:
                    inside = ", ".join(f"{columns.prompt}.{key}" for key in list(prompt)[:3])
                    raise InputError(
                        f"{where}: '{columns.prompt}' is an object; name what of it is the prompt: {inside}"
                    )
                raise InputError(f"{where}: '{columns.prompt}' is {prompt!r:.60}, neither text nor messages; {FIX}")
            numbers = [reward_of(where, name, value) for (_, name), value in zip(terms, values, strict=True)]
            at_step = _whole(where, columns.step, step, file.step)
            printed = 0 if output is None else checksum(out)
            rows.append((at_step, _epoch(where, columns.epoch, epoch), text, printed, numbers))
            if text_column and (at_step, text) not in text_of:
                text_of[at_step, text] = checksum(row.get(text_column))
            if kinds and not all(map(math.isnan, numbers)):
                kinds.add(row, at_step, text)
        if output and len(rows) > at + 1:
            new = rows[at:]
            again = overlap(_samples(before), _samples(new))
            repeated += again == len(new)
            before, rows[at:] = new, new[again:]
        stretch += 0 < at < len(rows) and rows[at][0] < rows[at - 1][0]
        if any(isinstance(value, list) for value in rewards):
            lists.update({(stretch, *row[:3]) for row in rows[at:]})
    if 2 * sum(count > 1 for count in lists.values()) > len(lists) and "lists" not in options.allow:
        name = next(name for _, name in terms)
        raise Doubt(
            "lists",
            f"{file.path}: '{name}' holds lists, which are read as a row's samples, but a prompt has several such "
            f"rows in a step; where each row is one sample, name what counts in its list: --reward_column {name}.0 "
            f"the first, {name}.-1 the last, {name}.0,0.5*{name}.1 a sum",
        )
    if file.before and output:
        again = overlap(_written(file.before, filesystem, columns.prompt, output), _samples(rows))
        if again == len(rows) > 0:
            return []
        del rows[:again]
    if not rows:
        raise InputError(f"{file.path}: holds no rows; remove the file, or pass --skip_bad_files")
    if kinds:
        kinds.check(file.path)
    steps: dict[tuple[int, int], list[int]] = {}  # (stretch of the file, step) → its rows
    stretches = attempts_of([row[0] if columns.step else row[1] for row in rows], [row[2] for row in rows])
    for at, (stretch, row) in enumerate(zip(stretches, rows, strict=True)):
        steps.setdefault((stretch, row[0]), []).append(at)
    reward = options.reward_column or ",".join(name for _, name in terms)
    found: list[StepRewards] = []
    lost = 0
    for (stretch, number), places in steps.items():
        _, epochs, prompts, outputs, values = zip(*(rows[at] for at in places), strict=True)
        columns_C = list(zip(*values, strict=True))
        rewards_R = weighted_sum(terms, columns_C)
        if np.isnan(rewards_R).all() and len(steps) > 1:
            lost += len(rewards_R)
            continue
        one = group(
            file,
            prompts,
            rewards_R,
            step=number,
            epochs=epochs if columns.epoch else None,
            fingerprint=fingerprint(prompts, outputs, rewards_R) if output else None,
            bytes_read=0 if found else file.size,
            keep_samples=options.keep_samples,
            reward=reward,
        )
        texts = tuple(text_of[number, key] for key in one.keys) if text_column else ()
        found.append(replace(one, attempt=stretch, absent=absent_of(terms, columns_C), texts=texts))
    if not found:
        there = its_columns(file.path, filesystem, "reward", tried=reward)
        raise InputError(
            f"{file.path}: no row has a reward ('{reward}'); name another column by --reward_column{there}"
        )
    found[0] = replace(found[0], skipped=found[0].skipped + lost, repeated=repeated)
    return found


def _written(path: str, filesystem: Any, prompt: str | None, output: str) -> list[tuple[str, int]]:
    """The samples of another file of the log; none where it cannot be read."""
    found: list[tuple[str, int]] = []
    with contextlib.suppress(InputError, ValueError):
        for row in records(LogFile(path, 0, 0), filesystem):
            text = prompt_text(messages_of(row.get(prompt)) or row.get(prompt))
            found.append((text or "", checksum(row.get(output))))
    return found


def _samples(rows: Sequence[TableRow]) -> list[tuple[str, int]]:
    return [row[2:4] for row in rows]


def _exact(file: LogFile, filesystem: Any, name: str | None) -> int:
    """From which number on a column of ids skips whole numbers, were they floats: by its type, where it has one."""
    if name is None or not unpacked(file.path).endswith((".parquet", ".arrow", ".feather")):
        return EXACT
    if unpacked(file.path).endswith(".parquet"):
        with open_file(file.path, filesystem) as table:
            schema = table.schema_arrow
    else:
        schema = table_of(file.path, read_bytes(file.path, filesystem), parquet=False).schema
    kind = str(schema.field(name).type) if schema.names.count(name) == 1 else ""
    return {"float": 1 << 24, "halffloat": 1 << 11}.get(kind, EXACT)


def records(file: LogFile, filesystem: Any) -> Iterator[Any]:
    """The records of a file: rows, or the one object of a JSON file; of a W&B table its rows."""
    name = unpacked(file.path)
    if name.endswith(".parquet"):
        from lim.logs.parquet import read_rows

        return read_rows(file.path, filesystem)
    data = read_bytes(file.path, filesystem)
    if name.endswith((".arrow", ".feather")):
        table = table_of(file.path, data, parquet=False)
        check_names(file.path, table.column_names)
        return iter(table.to_pylist(maps_as_pydicts="lossy"))
    if name.endswith((".csv", ".tsv")):
        try:
            return iter(csv_rows(file.path, data.decode()))
        except UnicodeDecodeError as error:
            raise InputError(f"{file.path}: byte {error.start}: not UTF-8; save it as UTF-8") from None
    if name.endswith((".jsonl", ".ndjson")):
        return _single(json_lines(data))
    if data.lstrip().startswith(b"["):
        return list_items(data)
    return _objects(file.path, data)


def _objects(path: str, data: bytes) -> Iterator[Any]:
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise
        yield from json_values(data)  # lines or objects, under a name that does not say so
        return
    if isinstance(value, dict) and set(value) >= {"columns", "data"}:
        names, rows = value["columns"], value["data"]
        if not (isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows)):
            raise InputError(f"{path}: its 'columns' and 'data' are no table; {FIX}")
        yield from (dict(zip(map(str, names), row, strict=False)) for row in rows)
    elif isinstance(value, dict) and value and all(map(_holds_objects, value.values())):
        raise InputError(
            f"{path}: is an object of objects, and not rows; write a list or lines of rows (pandas: "
            "to_json(path, orient='records', lines=True))"
        )
    else:
        yield value


def _single(rows: Iterator[Any]) -> Iterator[Any]:
    """Rows, of which a line may hold a list."""
    for row in rows:
        yield from row if isinstance(row, list) else [row]


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def pick(path: str, number: int, row: Row, name: str, *, needed: bool = True) -> Any:
    """A field of a row: by its name, or by names joined with dots; of a list by its number (`rewards.0`).

    Where the row has none, a folder's name may say it (`of_folder`). InputError where it is missing and `needed`.
    """
    value = dig(row, name)
    if value is MISSING and (said := of_folder(path, name)) is not None:
        return said
    if value is MISSING and needed:
        columns = ", ".join(map(str, row))
        near = did_you_mean(name, map(str, row))
        raise InputError(f"{path}: row {number} has no '{name}' (its columns: {columns}){near}; {FIX}")
    return None if value is MISSING else value


def spread(values: list[Any], rewards_from: int) -> Iterator[list[Any]]:
    """A record's rows: one for each reward where rewards are lists, the other values by place or the same for all."""
    lists = [value for value in values[rewards_from:] if isinstance(value, list)]
    if not lists:
        yield values
        return
    size = max(map(len, lists))
    columns = [
        value if isinstance(value, list) and len(value) == size and not is_conversation(value) else [value] * size
        for value in values
    ]
    for row in zip(*columns, strict=True):
        yield list(row)


def _id(where: str, name: str | None, value: Any, exact: int) -> str:
    """An id as text; of a whole number that a table made 7.0 of, the number."""
    if isinstance(value, float | Decimal) and value == value // 1:
        if isinstance(value, float) and abs(value) > exact:
            raise InputError(
                f"{where}: '{name}' is {value:g}, too large for a float to hold every whole number: ids that differ "
                "may have become one; write them as whole numbers or as text"
            )
        return str(int(value))
    if value is None or value == "" or not isinstance(value, str | int) or isinstance(value, bool):
        raise InputError(f"{where}: '{name}' is {value!r:.40}, neither text nor a whole number; {FIX}")
    return str(value)


def _epoch(where: str, name: str | None, value: Any) -> int:
    try:
        return _whole(where, name, value, 0)
    except InputError:
        if not isinstance(value, float) or not np.isfinite(value):
            raise
        raise InputError(
            f"{where}: '{name}' is {value:g}, a part of an epoch; leave --epoch_column out, and epochs are counted "
            "by the steps"
        ) from None


def _whole(where: str, name: str | None, value: Any, default: int) -> int:
    if name is None:
        return default
    try:
        if isinstance(value, str) and (named := re.fullmatch(r"[A-Za-z_ -]*[A-Za-z]+[_ -]?(\d+)", value.strip())):
            value = named[1]  # "step_12"
        number = value if type(value) is int else math.nan if isinstance(value, bool) else float(value)
        if number == int(number) and abs(number) < LARGEST:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{where}: '{name}' is {value!r:.40}, not a whole number; name a column of numbers, or {FIX}")
