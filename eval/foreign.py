"""Others' generations: rows with a response and a gold answer under keys of their own, graded by our grader."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lim.errors import InputError
from lim.files import read_json, write_json, write_text

from . import report
from .engine.samples import Sample
from .grader import Grader
from .score import Scored, score, summarise

SHOWN = 10


@dataclass(frozen=True)
class Foreign:
    """A file's questions and samples in our form; `theirs` is its own verdict a sample, where it has one."""

    path: Path
    questions: dict[str, dict[str, Any]]
    samples: list[Sample]
    theirs: list[bool | None]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON list, JSON lines or Parquet file."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_table(path).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not a Parquet file ({error})") from None
    if path.suffix == ".jsonl":
        rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError as error:
                    raise InputError(f"{path}: line {number}: not JSON ({error.msg})") from None
        return rows
    rows = read_json(path)
    if not isinstance(rows, list):
        raise InputError(f"{path}: holds a JSON {type(rows).__name__}, not a list of rows")
    return rows


def pick(row: Any, key: str, path: Path, number: int) -> Any:
    """A value of a row; dots go into nested objects."""
    value = row
    for part in (key,) if isinstance(row, dict) and key in row else key.split("."):
        if not isinstance(value, dict) or part not in value:
            keys = ", ".join(row) if isinstance(row, dict) else f"it is a {type(row).__name__}"
            raise InputError(f"{path}: row {number} has no '{key}' (its keys: {keys})")
        value = value[part]
    return value


def read(path: Path, response_key: str, gold_key: str, question_key: str | None, verdict_key: str | None) -> Foreign:
    """Read a file. A response may be a text or a list of texts; a verdict counts as correct from 0.5 up."""
    questions: dict[str, dict[str, Any]] = {}
    samples: list[Sample] = []
    theirs: list[bool | None] = []
    counts: dict[str, int] = {}
    for number, row in enumerate(read_rows(path), 1):
        id = str(pick(row, question_key, path, number)) if question_key else f"row {number}"
        gold = str(pick(row, gold_key, path, number))
        if questions.setdefault(id, {"answer": gold})["answer"] != gold:
            raise InputError(f"{path}: row {number}: another gold answer for the same question {id[:60]!r}")
        responses = pick(row, response_key, path, number)
        verdicts = pick(row, verdict_key, path, number) if verdict_key else None
        responses = responses if isinstance(responses, list) else [responses]
        verdicts = verdicts if isinstance(verdicts, list) else [verdicts] * len(responses)
        if not all(isinstance(response, str) for response in responses) or len(verdicts) != len(responses):
            raise InputError(f"{path}: row {number}: '{response_key}' is no text, or not as many as the verdicts")
        for response, verdict in zip(responses, verdicts, strict=True):
            samples.append(Sample(id, counts.get(id, 0), response, None, None))
            theirs.append(None if verdict is None else judged(verdict, path, number))
            counts[id] = counts.get(id, 0) + 1
    if not samples:
        raise InputError(f"{path}: holds no row")
    return Foreign(path, questions, samples, theirs)


def judged(verdict: Any, path: Path, number: int) -> bool:
    try:
        return float(verdict) >= 0.5
    except (TypeError, ValueError):
        raise InputError(f"{path}: row {number}: its verdict {verdict!r} is no number and no true or false") from None


def differences(file: Foreign, scored: Scored) -> list[dict[str, Any]]:
    """Samples that we and the file's own verdict judge differently."""
    theirs = {sample.key: verdict for sample, verdict in zip(file.samples, file.theirs, strict=True)}
    return [
        {
            "id": sample.id,
            "sample": sample.sample,
            "gold": file.questions[sample.id]["answer"],
            "answer": graded.answer,
            "verdict": graded.verdict,
            "theirs": "correct" if theirs[sample.key] else "incorrect",
        }
        for sample, graded in zip(scored.samples, scored.graded, strict=True)
        if theirs[sample.key] is not None and theirs[sample.key] != (graded.verdict == "correct")
    ]


def files_of(root: Path) -> list[Path]:
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    found = (
        [root] if root.is_file() else sorted(p for p in root.iterdir() if p.suffix in (".json", ".jsonl", ".parquet"))
    )
    if not found:
        raise InputError(f"{root}: no .json, .jsonl or .parquet file here")
    return found


def audit(args: argparse.Namespace, grader: Grader, console: Console) -> None:
    """Grade each file of `--score_only` and show its figures, beside its own verdicts where it has some."""
    table = Table(
        "file", "questions × samples", "accuracy %", "no answer %", "timed out %", caption="± standard error"
    )
    if args.verdict_key:
        table.add_column("theirs %")
        table.add_column("differ")
    found = []
    for path in files_of(args.score_only):
        file = read(path, args.response_key, args.gold_key, args.question_key, args.verdict_key)
        scored = score(file.questions, file.samples, grader, fallbacks=bool(args.fallbacks))
        facts = summarise(scored)
        differ = differences(file, scored)
        lost = [f"{100 * facts['shares'][key]:.1f}" for key in ("no_answer", "timeout")]
        known = [verdict for verdict in file.theirs if verdict is not None]
        own = [f"{100 * sum(known) / len(known):.1f}", str(len(differ))] if known else []
        size = f"{facts['n_questions']} × {facts['samples_a_question']}"
        table.add_row(path.name, size, report.percent(facts["accuracy"]), *lost, *own)
        found.append((path, facts, scored, differ))
    console.print(table)
    show_differences(console, [(path.name, row) for path, _, _, differ in found for row in differ], args.output)
    if args.output:
        for path, _, scored, differ in found:
            report.write_graded(args.output, path.stem, scored)
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in differ)
            write_text(args.output / f"{path.stem}.differences.jsonl", "".join(lines))
        write_json(args.output / "results.json", {path.name: facts for path, facts, _, _ in found})


def show_differences(console: Console, rows: Sequence[tuple[str, dict[str, Any]]], output: Path | None) -> None:
    if not rows:
        return
    table = Table("file", "question", "gold", "answer", "ours", "theirs", title="verdicts that differ")
    for name, row in rows[:SHOWN]:
        cells = [row["id"][:40], row["gold"][:40], str(row["answer"])[:40], row["verdict"], row["theirs"]]
        table.add_row(escape(name), *map(escape, cells))
    console.print(table)
    if len(rows) > SHOWN:
        where = f"{output}/*.differences.jsonl" if output else "--output DIR writes them to files"
        console.print(f"{len(rows) - SHOWN} more; {where}")
