"""The grader's command line: explain one verdict, or grade a file of cases."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from lim.utils.cli import Parser, between, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output

from . import Grader, Verdict, extract
from .cases import FLAGS, judged, plain, read_cases, show, write
from .compare import decide, readings
from .text import clean

DAY = 86_400.0  # seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of `python -m eval.grader`."""
    parser = Parser(
        prog="python -m eval.grader",
        usage="python -m eval.grader GOLD ANSWER | FILE [--output_path FILE] [--workers N] [--deadline SECONDS]",
        description="Explain one verdict, or grade a file of answers: counts, what was not compared and why.",
        hint="an answer that begins with a dash comes after --",
    )
    parser.add_argument(
        "given", nargs="*", metavar="GOLD ANSWER | FILE", help="the same as --gold and --answer, or --file"
    )
    parser.add_argument("--gold", help="the reference answer")
    parser.add_argument("--answer", help="an answer, or a response with a box")
    parser.add_argument(
        "--file",
        help="grade these cases: JSON lines, JSON, CSV or Parquet of {gold, prediction}, with is_equal (its own "
        "verdict), source and text_extraction, or without",
    )
    parser.add_argument("--gold_key", help="the file's name of the reference answer (default: gold)")
    parser.add_argument("--response_key", help="… of the responses, whose boxes are looked for (default: prediction)")
    parser.add_argument("--verdict_key", help="… of its own verdict, to compare with (default: is_equal, if there)")
    parser.add_argument("--output_path", metavar="FILE", help="write the verdict on every case, as JSON lines")
    parser.add_argument("--workers", type=whole(1, 1024), help="worker processes (default: one per core, 8 at most)")
    parser.add_argument(
        "--deadline", type=between(0, DAY, above=True), default=5.0, help="seconds per item (default 5)"
    )
    arguments = parser.parse_args(argv)
    match arguments.given, arguments.gold, arguments.answer, arguments.file:
        case ([path], None, None, None) | ([], None, None, str(path)):
            run = partial(grade_file, path, arguments)
        case ([gold, answer], None, None, None) | ([], str(gold), str(answer), None):
            run = partial(explain, gold, answer)
            if of_file := [flag for flag in (*FLAGS.values(), "--output_path") if vars(arguments)[flag[2:]]]:
                parser.error(f"{of_file[0]}: is for a FILE of cases")
        case _:
            parser.error("give GOLD ANSWER or FILE, each in quotes where it holds spaces")
    with Grader(arguments.workers, arguments.deadline) as grader:
        run(grader)


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


def shown(node: Any) -> str:
    """A tree in one line."""
    if isinstance(node, tuple):
        return f"{node[0]}({', '.join(shown(part) for part in node[1:])})"
    if isinstance(node, list):
        return f"[{', '.join(map(shown, node))}]"
    return str(node)


def grade_file(path: str, arguments: argparse.Namespace, grader: Grader) -> None:
    """Grade a file's cases: counts, then what to look at."""
    keys = {name: vars(arguments)[flag[2:]] for name, flag in FLAGS.items()}
    if arguments.output_path:
        if os.path.realpath(arguments.output_path) == os.path.realpath(path):
            raise InputError(f"--output_path {path}: is the file of cases; name another")
        check_output("--output_path", arguments.output_path)
    cases = judged(read_cases(path, keys), grader, responses=bool(arguments.response_key))
    if arguments.output_path:
        write(cases, arguments.output_path)
    show(cases, "lim grade" if sys.argv[0].startswith("lim ") else "python -m eval.grader", arguments.deadline)
    if arguments.output_path:
        sys.stdout.write(f"wrote {arguments.output_path}\n")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
