"""Labels that a training run speaks against, for `python -m data.audit --log`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from eval.verifiers import MATH, Item, Verifiers, declared, default_of
from eval.verifiers.grading import grading
from lim.logs.columns import pick
from lim.prompts import reading_of
from lim.prompts.rows import read_file
from lim.strategies import Settings, add_log_flags
from lim.utils.cli import between
from lim.utils.errors import InputError
from lim.utils.files import write_json
from lim.utils.text import kind_of
from lim.view.run import RunView
from lim.view.sources import suspect_row
from lim.view.suspects import MOST_RIGHT

SHOWN = 20


def suspects_of(view: RunView, most_right: float) -> list[dict[str, Any]]:
    """The prompts of a run whose label may be wrong, the surest first, as `lim view` lists them."""
    return [suspect_row(found, view.prompts.ids[found.prompt]) for found in view.suspects(most_right=most_right)]


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """The first suspects, each with its reason."""
    console.print(f"{len(rows):,} suspected wrong label{'s' * (len(rows) != 1)}", style="bold")
    for number, row in enumerate(rows[:SHOWN], 1):
        console.print(f"{number:>4}  {row['id']}: {row['reason']}", markup=False, highlight=False, soft_wrap=True)
    if len(rows) > SHOWN:
        console.print(f"      {len(rows) - SHOWN:,} more; --json FILE lists them")


def wrong_verdicts(
    path: Path, response_key: str, gold_key: str, verifiers: Verifiers
) -> tuple[list[dict[str, Any]], int]:
    """(responses of a file of single samples that are not right: {row, label, answer, verdict}; of how many)."""
    golds: list[str] = []
    responses: list[str] = []
    for number, row in enumerate(read_file(path, finite=False).records, 1):
        gold, response = (pick(str(path), number, row, key) for key in (gold_key, response_key))
        if not isinstance(response, str):
            raise InputError(f"{path}: row {number}: '{response_key}' is {kind_of(response)}, not text")
        if isinstance(gold, bool) or not isinstance(gold, str | int | float):
            raise InputError(f"{path}: row {number}: '{gold_key}' is {kind_of(gold)}, neither text nor a number")
        golds.append(str(gold))
        responses.append(response)
    pairs = zip(golds, responses, strict=True)
    graded = verifiers.grade(Item(response, gold, verifiers.default) for gold, response in pairs)
    wrong = [
        {"row": number, "label": gold, "answer": found.answer, "verdict": str(found.verdict)}
        for number, (gold, found) in enumerate(zip(golds, graded, strict=True), 1)
        if found.verdict != "correct"
    ]
    return wrong, len(golds)


def show_wrong(rows: Sequence[dict[str, Any]], total: int, console: Console) -> None:
    """Wrong verdicts, for reading."""
    console.print(f"{len(rows):,} of {total:,} responses are not right", style="bold")
    console.print("One sample each: a wrong answer alone says nothing about the label. For reading.")
    for row in rows[:SHOWN]:
        line = f"row {row['row']}: {row['verdict']}, says {row['answer']!r:.60}, label {row['label']!r:.60}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(rows) > SHOWN:
        console.print(f"{len(rows) - SHOWN:,} more; --json FILE lists them")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `--log`."""
    add = parser.add_argument_group("suspected wrong labels").add_argument
    add("--log", metavar="RUN", help="a run's log, or a file with one response per prompt")
    add("--write_ids", type=Path, metavar="FILE", help="write the suspects' ids, for run.drop_ids of a training")
    add(
        "--most_right",
        type=between(0, 1),
        default=MOST_RIGHT,
        help="share of right samples up to which a prompt is suspect (default: %(default)g)",
    )
    add("--response_key", help="of a file with one response per prompt: key of the response")
    add("--gold_key", help="… of the reference answer")
    add_log_flags(add)


def audit_log(args: argparse.Namespace) -> int | None:
    """`--log`: what a run says of the labels."""
    if args.against or args.write_clean:
        raise InputError(
            "--log looks at labels; --against and --write_clean check a prompt file, in a call of their own"
        )
    if (args.response_key is None) != (args.gold_key is None):
        raise InputError("a file of single responses needs both --response_key and --gold_key")
    if args.response_key and args.write_ids:
        raise InputError(
            "--write_ids: single responses say nothing about labels, so there is no list to train without"
        )
    console = Console()
    own, named = declared(args.verifier)
    with Verifiers(own, default_of(own, named, ()) if args.response_key else named or MATH) as verifiers:
        if args.response_key:
            found, total = wrong_verdicts(Path(args.log), args.response_key, args.gold_key, verifiers)
            show_wrong(found, total, console)
        else:
            fields = {name: value for name, value in vars(args).items() if name in Settings.__dataclass_fields__}
            # Only passes count here, which any number of epochs has.
            settings = replace(msgspec.convert(fields, Settings), strategy="difficulty").resolved()
            prompts = None if args.prompts is None else str(args.prompts)
            view = RunView(
                args.log,
                prompts_path=prompts,
                reading=reading_of(args),
                settings=settings,
                grading=grading(verifiers),
                strict=True,
                workers=args.workers,
            )
            found = suspects_of(view, args.most_right)
            show(found, console)
    if args.json:
        write_json(args.json, found)
    if args.write_ids:
        write_json(args.write_ids, {"run": args.log, "ids": [row["id"] for row in found]})
    for path in filter(None, (args.json, args.write_ids)):
        console.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
    return 1 if args.strict and found else None
