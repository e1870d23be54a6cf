"""The grader's command line: explain one verdict, or grade a file of cases."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from lim.utils.cli import Parser, between, whole

from . import Grader, Verdict, extract
from .compare import decide, readings
from .text import clean

DAY = 86_400.0  # seconds


class CaseError(Exception):
    """A file of cases that cannot be used; one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `python -m eval.grader`."""
    parser = Parser(
        prog="python -m eval.grader",
        usage="python -m eval.grader GOLD ANSWER | FILE [--workers N] [--deadline SECONDS]",
        description="Explain one verdict, or grade a file of cases.",
        hint="an answer that begins with a dash comes after --",
    )
    parser.add_argument(
        "given", nargs="*", metavar="GOLD ANSWER | FILE", help="the same as --gold and --answer, or --file"
    )
    parser.add_argument("--gold", help="the reference answer")
    parser.add_argument("--answer", help="an answer, or a response with a box")
    parser.add_argument(
        "--file",
        help="grade these cases: JSON lines of {gold, prediction, is_equal} (source, text_extraction optional)",
    )
    parser.add_argument("--workers", type=whole(1, 1024), help="worker processes (default: one per core, 8 at most)")
    parser.add_argument(
        "--deadline", type=between(0, DAY, above=True), default=5.0, help="seconds per item (default 5)"
    )
    arguments = parser.parse_args(argv)
    match arguments.given, arguments.gold, arguments.answer, arguments.file:
        case ([path], None, None, None) | ([], None, None, str(path)):
            run = partial(grade_file, path)
        case ([gold, answer], None, None, None) | ([], str(gold), str(answer), None):
            run = partial(explain, gold, answer)
        case _:
            parser.error("give GOLD ANSWER or FILE, each in quotes where it holds spaces")
    try:
        with Grader(arguments.workers, arguments.deadline) as grader:
            run(grader)
    except CaseError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def explain(gold: str, answer: str, grader: Grader) -> None:
    """Print what was compared, how it was read, and the verdict."""
    from rich.console import Console
    from rich.table import Table

    found = extract(answer) or answer
    equal = grader.equal_pairs([(gold, found)])[0]
    table = Table("", "gold", "answer", title=Verdict.compared(equal))
    sides = clean(gold), clean(found)
    table.add_row("as given", plain(gold), plain(answer))
    table.add_row("compared", *map(plain, sides))
    table.add_row("read as", *(plain("\n".join(map(shown, readings(side))) or "not read") for side in sides))
    table.add_row("decided by", "exact comparison" if decide(gold, found) is not None else "a worker", "")
    Console().print(table)


def plain(text: str) -> Any:
    """A text to print as it is: no markup, control characters escaped, long ones cut."""
    from rich.text import Text

    text = text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"
    visible = (c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    return Text("".join(visible))


def shown(node: Any) -> str:
    """A tree in one line."""
    if isinstance(node, tuple):
        return f"{node[0]}({', '.join(shown(part) for part in node[1:])})"
    if isinstance(node, list):
        return f"[{', '.join(map(shown, node))}]"
    return str(node)


def read_cases(path: str) -> list[dict[str, Any]]:
    """The cases of a file. CaseError names the line of the first that is none."""
    rows = []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                for key, kind in (("gold", str), ("prediction", str), ("is_equal", bool)):
                    if not isinstance(row, dict) or not isinstance(row.get(key), kind):
                        raise CaseError(f"{path}: line {number}: needs '{key}', a {kind.__name__}")
                rows.append(row)
    except json.JSONDecodeError as error:
        raise CaseError(f"{path}: line {number}: not JSON ({error.msg})") from None
    except FileNotFoundError:
        raise CaseError(f"{path}: no such file of cases; for one verdict give two texts: GOLD ANSWER") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CaseError(f"{path}: cannot be read ({error})") from None
    return rows


def sides_of(row: dict[str, Any]) -> tuple[str, str]:
    """The two answers of a case; extracted from complete texts where `text_extraction` is set."""
    sides = row["gold"], row["prediction"]
    if row.get("text_extraction"):
        return tuple(extract(side, fallbacks=True) or side for side in sides)  # type: ignore[return-value]
    return sides


def grade_file(path: str, grader: Grader) -> None:
    """Print a table by source, then every disagreement."""
    from rich.console import Console
    from rich.table import Table

    rows = read_cases(path)
    pairs = [sides_of(row) for row in rows]
    counts: dict[str, Counter[str]] = {}
    wrong = []
    for row, pair, verdict in zip(rows, pairs, grader.equal_pairs(pairs), strict=True):
        kind = "timeout" if verdict is None else "agree" if verdict == row["is_equal"] else None
        kind = kind or ("false positive" if verdict else "false negative")
        source = str(row.get("source", ""))
        for key in (source, "all"):
            counts.setdefault(key, Counter())[kind] += 1
        if kind != "agree":
            wrong.append((kind, *pair, source))
    columns = ("agree", "false positive", "false negative", "timeout")
    table = Table("source", "cases", *columns)
    for source, count in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
        table.add_row(plain(source), str(count.total()), *(str(count[column]) for column in columns))
    console = Console()
    console.print(table)
    if wrong:
        details = Table("", "gold", "prediction", "source", title="disagreements")
        for line in wrong:
            details.add_row(*map(plain, line))
        console.print(details)


if __name__ == "__main__":
    raise SystemExit(main())
