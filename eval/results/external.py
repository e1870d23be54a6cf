"""Third-party generations: rows with a response and a gold answer under configurable keys, graded by this grader."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lim.utils.errors import InputError
from lim.utils.files import write_json
from lim.utils.rows import read_rows, write_jsonl
from lim.utils.text import kind_of

from ..engine.samples import Sample
from ..grader import Grader
from ..verifiers import Verifiers, declared, default_of
from . import tables
from .score import GradedSamples, grade_samples, summarise

SHOWN = 10  # differences on the terminal
TAIL = 200  # characters of a response that are shown with a difference
STEPS = 12  # rows of a table by step


@dataclass(frozen=True)
class External:
    """A file's questions and samples; `origins` has each sample's row (from 1) and reported verdict."""

    path: Path
    questions: dict[str, dict[str, Any]]
    samples: list[Sample]
    origins: dict[tuple[str, int], tuple[int, bool | None]]


def pick(row: dict[str, Any], key: str, path: Path, number: int) -> Any:
    """A value of a row; dots go into nested objects."""
    value: Any = row
    for part in (key,) if key in row else key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise InputError(f"{path}: row {number} has no '{key}' (its keys: {', '.join(row)})")
        value = value[part]
    return value


def read(
    path: Path,
    response_key: str,
    gold_key: str,
    question_key: str | None = None,
    verdict_key: str | None = None,
    verifier_key: str | None = None,
    metadata_key: str | None = None,
) -> External:
    """Read a file. A response may be a text or a list of texts; a verdict counts as correct from 0.5 up."""
    questions: dict[str, dict[str, Any]] = {}
    samples: list[Sample] = []
    origins: dict[tuple[str, int], tuple[int, bool | None]] = {}
    counts: dict[str, int] = {}
    for number, row in enumerate(read_rows(path), 1):
        id = str(pick(row, question_key, path, number)) if question_key else f"row {number}"
        gold = pick(row, gold_key, path, number)
        if isinstance(gold, bool) or not isinstance(gold, str | int | float):
            raise InputError(f"{path}: row {number}: '{gold_key}' is {gold!r:.60}, neither text nor a number")
        question = {"answer": str(gold)}
        for name, key in (("verifier", verifier_key), ("metadata", metadata_key)):
            question |= {name: pick(row, key, path, number)} if key else {}
        if (other := questions.setdefault(id, question)) != question:
            what = "gold answer" if other["answer"] != str(gold) else "verifier, or metadata,"
            raise InputError(f"{path}: row {number}: another {what} for the same question {id[:60]!r}")
        responses = pick(row, response_key, path, number)
        verdicts = pick(row, verdict_key, path, number) if verdict_key else None
        responses = responses if isinstance(responses, list) else [responses]
        verdicts = verdicts if isinstance(verdicts, list) else [verdicts] * len(responses)
        where = f"{path}: row {number}: '{response_key}'"
        if not responses:
            raise InputError(f"{where} is an empty list; a sample without a response is an empty text")
        for response in responses:
            if not isinstance(response, str):
                what = "; a sample without a response is an empty text" if response is None else ""
                raise InputError(f"{where} is {kind_of(response)}, no text{what}")
        if len(verdicts) != len(responses):
            raise InputError(f"{where} has {len(responses)} responses, and '{verdict_key}' {len(verdicts)} verdicts")
        for response, verdict in zip(responses, verdicts, strict=True):
            samples.append(Sample(id, counts.get(id, 0), response, None, None))
            origins[samples[-1].key] = number, None if verdict is None else judged(verdict, path, number)
            counts[id] = counts.get(id, 0) + 1
    if not samples:
        raise InputError(f"{path}: holds no row")
    return External(path, questions, samples, origins)


def judged(verdict: Any, path: Path, number: int) -> bool:
    try:
        value = float(verdict)
    except (TypeError, ValueError):
        value = math.nan
    if math.isnan(value):
        raise InputError(f"{path}: row {number}: its verdict {verdict!r} is no number and no true or false")
    return value >= 0.5


def differences(file: External, graded: GradedSamples) -> list[dict[str, Any]]:
    """Samples that this grader and the file's own verdict judge differently, each with its row and response."""
    return [
        {
            "file": file.path.name,
            "row": file.origins[sample.key][0],
            "id": sample.id,
            "sample": sample.sample,
            "gold": file.questions[sample.id]["answer"],
            "answer": found.answer,
            "verdict": found.verdict,
            "reported": "correct" if file.origins[sample.key][1] else "incorrect",
            "response": sample.response,
        }
        for sample, found in zip(graded.samples, graded.verdicts, strict=True)
        if file.origins[sample.key][1] not in (None, found.verdict == "correct")
    ]


def files_of(root: Path) -> list[Path]:
    """The files to grade; numbers (files of steps) in their order, before other names."""
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    if root.is_file():
        return [root]
    found = [path for path in root.iterdir() if path.suffix in (".json", ".jsonl", ".parquet")]
    if not found:
        raise InputError(f"{root}: no .json, .jsonl or .parquet file here")
    return sorted(found, key=lambda path: (int(path.stem) if path.stem.isdecimal() else math.inf, path.name))


def audit(args: argparse.Namespace, grader: Grader, console: Console) -> None:
    """Grade each file of `--score_only` and show its figures, beside its own verdicts where it has any.

    Files whose names are numbers are the steps of one run: one table by step, and with `--output_path` one file of
    each kind and a picture.
    """
    paths = files_of(args.score_only)
    if args.output_path and args.output_path.resolve() == args.score_only.resolve():
        raise InputError(f"--output_path {args.output_path}: is the folder that is graded; name another")
    by_step = len(paths) > 1 and all(path.stem.isdecimal() for path in paths)
    found = []
    own, named = declared(args.verifier)
    keys = (args.response_key, args.gold_key, args.question_key, args.verdict_key)
    for path in paths:
        file = read(path, *keys, args.verifier_key, args.metadata_key)
        default = default_of(own, named, file.questions.values())
        with Verifiers(own, default, grader=grader) as verifiers:
            graded = grade_samples(
                file.questions, file.samples, verifiers, fallbacks=bool(args.fallbacks), name=str(path)
            )
        known = [verdict for _, verdict in file.origins.values() if verdict is not None]
        facts = summarise(graded) | ({"reported": sum(known) / len(known)} if known else {})
        facts |= {"data_sha256": checksum(file.questions), "fallbacks": bool(args.fallbacks)}
        found.append((path, facts, graded, differences(file, graded)))
    console.print(table(found, by_step, bool(args.verdict_key), console.width))
    show_differences(console, [row for *_, differ in found for row in differ], args.output_path)
    if not args.output_path:
        return
    if by_step:
        stems = {"steps": found}
        draw(found, args.output_path / "accuracy.png")
    else:
        names = Counter(path.stem for path in paths)
        stems = {path.stem if names[path.stem] == 1 else path.name: [(path, *rest)] for path, *rest in found}
    for stem, parts in stems.items():
        rows_of = {
            "graded": [{"file": path.name, **row} for path, _, graded, _ in parts for row in graded.rows()],
            "differences": [row for *_, rows in parts for row in rows],
        }
        for kind, rows in rows_of.items():
            write_jsonl(args.output_path / f"{stem}.{kind}.jsonl", rows)
    write_json(args.output_path / "results.json", {path.name: facts for path, facts, *_ in found})
    console.print(f"wrote {args.output_path}", markup=False, highlight=False, soft_wrap=True)


def checksum(questions: Mapping[str, Mapping[str, Any]]) -> str:
    """What two files share whose questions, by id, have the same gold answers."""
    return hashlib.sha256(
        json.dumps(sorted((id, row["answer"]) for id, row in questions.items())).encode()
    ).hexdigest()


def as_results(folder: Path, facts: Any) -> dict[str, Any] | None:
    """What `audit` wrote to a folder's results.json, in the form of an evaluation's; None where it is no such file.

    Raises InputError for the steps of one run, of which each has too little to be compared.
    """
    if not isinstance(facts, dict) or not all(isinstance(v, dict) and "data_sha256" in v for v in facts.values()):
        return None
    if (folder / "steps.graded.jsonl").is_file():
        raise InputError(f"{folder}: holds the steps of one run, in one table already (accuracy.png draws them)")
    benchmarks = {}
    for name, found in facts.items():
        stem = Path(name).stem if (folder / f"{Path(name).stem}.graded.jsonl").is_file() else name
        benchmarks[stem] = {**found, "generated_with": {key: found[key] for key in ("data_sha256", "fallbacks")}}
    return {"label": folder.resolve().name, "average": None, "benchmarks": benchmarks}


def table(found: Sequence[tuple], by_step: bool, with_verdicts: bool, width: int) -> Table:
    """A row for each file; of many steps, some that are evenly apart, the first and the last included."""
    shown = list(found)
    caption = "± standard error"
    if by_step and len(found) > STEPS:
        shown = [found[round(i * (len(found) - 1) / (STEPS - 1))] for i in range(STEPS)]
        caption += f"; {STEPS} of the {len(found)} steps"
    names = [path.stem if by_step else path.name for path, *_ in shown]
    rows = []
    for name, (_, facts, _, differ) in zip(tables.short_names(names, width // 5), shown, strict=True):
        known = "reported" in facts
        own = [tables.points(facts.get("reported")), str(len(differ)) if known else "–"] if with_verdicts else []
        lost = tables.lost(facts, ("no_answer", "timeout"))
        rows.append([name, tables.size(facts), tables.percent(facts["accuracy"]), *lost, *own])
    columns = ["step" if by_step else "file", "questions\n× samples", "accuracy %", "no\nanswer %", "timed\nout %"]
    return tables.terminal_table([*columns, *["reported\n%", "differ"] * with_verdicts], rows, caption=caption)


def draw(found: Sequence[tuple], path: Path) -> None:
    """Accuracy over steps, beside what the files report."""
    from . import curves

    def curve(values: Sequence[tuple[int, dict[str, Any]]]) -> curves.Curve:
        return curves.Curve([(n, {"average": None, "benchmarks": {"accuracy": {"accuracy": v}}}) for n, v in values])

    drawn = {"graded": curve([(int(path.stem), facts["accuracy"]) for path, facts, *_ in found])}
    reported = [(int(path.stem), facts["reported"]) for path, facts, *_ in found if "reported" in facts]
    if reported:
        drawn["reported"] = curve([(step, {"value": value, "stderr": None}) for step, value in reported])
    curves.draw(drawn, path)


def show_differences(console: Console, rows: Sequence[dict[str, Any]], output: Path | None) -> None:
    """The first differences, each with the end of its response."""
    if not rows:
        return
    console.print("verdicts that differ", style="bold")
    for row in rows[:SHOWN]:
        console.print(
            f"{row['file']} row {row['row']}: graded {row['verdict']}, reported {row['reported']}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
        response = " ".join(row["response"].split())
        response = f"…{response[-TAIL:]}" if len(response) > TAIL else response
        lines = Table.grid(padding=(0, 1))
        for name, text in (("gold", row["gold"]), ("answer", str(row["answer"])), ("response", response)):
            lines.add_row("  ", name, Text(" ".join(text.split())))
        console.print(lines)
    where = f"complete in {output}/*.differences.jsonl" if output else "--output_path DIR writes them all"
    console.print(f"{len(rows)} differ; {where}", markup=False, highlight=False, soft_wrap=True)
