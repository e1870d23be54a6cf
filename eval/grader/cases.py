"""Files of answers to grade: reading them, and what is shown of the verdicts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lim.prompts.rows import MISSING, dig, read_file
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.files import json_line, write_text

from . import Grader, extract, reads
from .judge import UNREAD

SHOWN = 40  # cases of a table; --output_path has all of them
TRUE, FALSE = (True, "true", "1", "1.0"), (False, "false", "0", "0.0")
KEYS = {"gold": "the reference answer", "prediction": "the answer", "is_equal": "the file's own verdict"}
# Names of these columns elsewhere, for the line on one that is missing.
ELSEWHERE = {
    "gold": ("ground_truth", "reference", "answer", "solution", "label", "gt", "gts", "target"),
    "prediction": ("response", "output", "completion", "generation", "pred", "model_output", "predict"),
}
FLAGS = {"gold": "--gold_key", "prediction": "--response_key", "is_equal": "--verdict_key"}


@dataclass(frozen=True)
class Judged:
    """A case with what the grader makes of it."""

    row: dict[str, Any]
    sides: tuple[str, str]
    equal: bool | None  # None: a timeout
    why: str  # empty where the answers were compared

    @property
    def kind(self) -> str:
        """Whether the file agrees: in words."""
        if self.equal is None:
            return "timeout"
        if self.row["is_equal"] is None or self.equal == self.row["is_equal"]:
            return "agree"
        return "false positive" if self.equal else "false negative"


def read_cases(path: str, keys: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The cases of a file, of any form that prompts are read from: `gold` and `prediction` as text, `is_equal` or
    None, and `row`, its number.

    `keys` has the file's own names of these; dots reach those of objects in a row. InputError names the first row
    that is no case.
    """
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file of cases; for one verdict give two texts: GOLD ANSWER")
    names = {name: (keys or {}).get(name) or name for name in KEYS}
    rows = []
    for number, row in enumerate(read_file(path, finite=False).records, 1):
        found = {**row, "row": number}
        for name, what in KEYS.items():
            asked = bool((keys or {}).get(name))
            value = dig(row, names[name])
            if value is MISSING and (name != "is_equal" or asked):
                raise InputError(f"{path}: row {number}: needs '{names[name]}', {what}{_hint(name, row)}")
            value = None if value is MISSING else value
            if name == "is_equal":
                found[name] = _verdict(f"{path}: row {number}", names[name], value)
            elif isinstance(value, bool | list | dict):
                raise InputError(f"{path}: row {number}: '{names[name]}' is {value!r:.60}, not a text")
            else:
                found[name] = "" if value is None else str(value)
        rows.append(found)
    if not rows:
        raise InputError(f"{path}: holds no cases")
    return rows


def _hint(name: str, row: Mapping[str, Any]) -> str:
    """` (its keys: …; perhaps --gold_key answer)`."""
    there = [key for key in ELSEWHERE.get(name, ()) if key in row]
    near = f"; perhaps {FLAGS[name]} {there[0]}" if there else did_you_mean(name, map(str, row))
    return f" (its keys: {', '.join(map(str, row))}{near or f'; name it by {FLAGS[name]}'})"


def _verdict(where: str, name: str, value: Any) -> bool | None:
    plain = value.strip().lower() if isinstance(value, str) else value
    if plain is None or plain == "":
        return None
    if plain in TRUE or plain in FALSE:
        return plain in TRUE
    raise InputError(f"{where}: '{name}' is {value!r:.60}, neither true nor false")


def sides_of(row: dict[str, Any], *, responses: bool = False) -> tuple[str, str]:
    """The two answers of a case; extracted from complete texts where `text_extraction` is set, and from a box in the
    second where they are `responses`.
    """
    sides = row["gold"], row["prediction"]
    if row.get("text_extraction"):
        return tuple(extract(side, fallbacks=True) or side for side in sides)  # type: ignore[return-value]
    return (sides[0], extract(sides[1]) or sides[1]) if responses else sides


def judged(rows: Sequence[dict[str, Any]], grader: Grader, *, responses: bool = False) -> list[Judged]:
    """The grader's verdict on each case."""
    pairs = [sides_of(row, responses=responses) for row in rows]
    found = zip(rows, pairs, grader.compared(pairs), strict=True)
    return [Judged(row, pair, None if one is None else one is True, _why(pair, one)) for row, pair, one in found]


def _why(pair: tuple[str, str], verdict: bool | str | None) -> str:
    """Why a verdict is not that of a comparison."""
    gold, prediction = pair
    if not gold.strip() or not prediction.strip():
        return "no reference answer" if not gold.strip() else "no answer"
    if verdict is None:
        return "timeout"
    if verdict != UNREAD:
        return ""
    unread = [name for name, side in zip(("reference answer", "answer"), pair, strict=True) if not reads(side)]
    return f"not read: {' and '.join(unread) or 'the two together'}"


def show(cases: Sequence[Judged], command: str, deadline: float) -> None:
    """Print counts, the cases to look at, and what to do next. `command` starts the grader."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    with_verdicts = [case for case in cases if case.row["is_equal"] is not None]
    if with_verdicts:
        counts: dict[str, Counter[str]] = {}
        for case in with_verdicts:
            for key in (str(case.row.get("source", "")), "all"):
                counts.setdefault(key, Counter())[case.kind] += 1
        columns = ("agree", "false positive", "false negative", "timeout")
        table = Table("source", "cases", *columns)
        for source, count in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
            table.add_row(plain(source), str(count.total()), *(str(count[column]) for column in columns))
        console.print(table)
    look_at = [case for case in cases if (case.kind != "agree" if with_verdicts else not case.equal)]
    if look_at:
        title = "disagreements" if with_verdicts else "not equal"
        details = Table("row", "", "reference answer", "answer", "why", title=title)
        for case in look_at[:SHOWN]:
            name = case.kind if with_verdicts else ""
            sides = (plain(side, 160) for side in case.sides)
            details.add_row(str(case.row["row"]), name, *sides, case.why or "compared")
        console.print(details)
    for line in in_words(cases, len(look_at), command, deadline):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def in_words(cases: Sequence[Judged], look_at: int, command: str, deadline: float) -> Iterator[str]:
    """Counts, why answers were not compared, and the next step: a line each."""
    equal = sum(case.equal is True for case in cases)
    said = f"{len(cases):,} case{'s' * (len(cases) != 1)}: {equal:,} equal, {len(cases) - equal:,} not"
    verdicts = [case for case in cases if case.row["is_equal"] is not None]
    if verdicts:
        agree = sum(case.kind == "agree" for case in verdicts)
        said += f"; the file's verdict is the same for {agree:,} of {len(verdicts):,}"
        if len(verdicts) < len(cases):
            said += " that have one"
    yield said
    whys = Counter(case.why for case in cases if case.why)
    if whys:
        yield f"not compared: {', '.join(f'{count:,} × {why}' for why, count in whys.most_common())}"
    if any(why.startswith("not read: reference") for why in whys):
        yield "a reference answer that is not read equals only what is written alike (docs/grading.md)"
    if whys["timeout"]:
        yield f"more time than {deadline:g} s per case: --deadline"
    if look_at > SHOWN:
        yield f"{look_at - SHOWN:,} more are not shown: --output_path FILE writes the verdict on every case"
    if look_at:
        yield f"to see how one was read: {command} GOLD ANSWER"


def plain(text: str, most: int = 400) -> Any:
    """A text to print as it is: no markup, control characters escaped, long ones cut."""
    from rich.text import Text

    text = text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
    visible = (c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return Text("".join(visible))


def write(cases: Sequence[Judged], path: str) -> None:
    """Write a JSON line per case: its row in the file, what was compared, whether it is equal (null: a timeout)."""
    rows = (
        {"row": case.row["row"], "gold": case.sides[0], "answer": case.sides[1], "equal": case.equal}
        | {"why": case.why or "compared", "is_equal": case.row["is_equal"]}
        for case in cases
    )
    write_text(path, "".join(json_line(row) + "\n" for row in rows))
