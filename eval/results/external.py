"""Third-party generations: rows with a response and a gold answer under configurable keys, graded by this grader."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lim.prompts.layout import ID_KEY, PROMPT_KEYS
from lim.prompts.rows import MISSING, SUFFIXES, read_file, unpacked
from lim.utils.cli import listed
from lim.utils.errors import InputError
from lim.utils.files import write_json
from lim.utils.rows import write_jsonl
from lim.utils.text import kind_of

from ..engine.samples import Sample
from ..grader import Grader
from ..verifiers import Verifiers, declared, default_of
from . import tables
from .score import GradedSamples, grade_samples, summarise

SHOWN = 10  # differences on the terminal
TAIL = 200  # characters of a response that are shown with a difference
STEPS = 12  # rows of a table by step
QUESTION_KEYS = (*PROMPT_KEYS, ID_KEY, "question_id", "problem_id", "doc_id", "task_id", "custom_id", "uid")


@dataclass(frozen=True)
class External:
    """A file's questions and samples; `origins` has each sample's row (from 1) and reported verdict."""

    path: Path
    questions: dict[str, dict[str, Any]]
    samples: list[Sample]
    origins: dict[tuple[str, int], tuple[int, bool | None]]


def pick(row: dict[str, Any], key: str, path: Path, number: int) -> Any:
    """A value of a row; dots go into nested objects, numbers into lists, and other names into each item of a list."""
    if key in row:
        return row[key]
    value, so_far = row, ""
    for part in key.split("."):
        below = _below(value, part)
        if below is MISSING:
            inside = f" in '{so_far[1:]}', which is {kind_of(value)}" if so_far else ""
            raise InputError(
                f"{path}: row {number} has no '{key}'{inside} (its keys: {', '.join(_keys(value)) or 'none'})"
            )
        value, so_far = below, f"{so_far}.{part}"
    return value


def _below(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, MISSING)
    if not isinstance(value, list):
        return MISSING
    if re.fullmatch(r"-?\d+", part):
        return value[int(part)] if -len(value) <= int(part) < len(value) else MISSING
    found = [_below(item, part) for item in value]
    return MISSING if not found or MISSING in found else found


def _keys(value: Any) -> list[str]:
    """What may stand behind the next dot."""
    if isinstance(value, list):
        return [str(at) for at in range(min(len(value), 2))] + (_keys(value[0]) if value else [])
    return list(value) if isinstance(value, dict) else []


def _texts(responses: Any, where: str) -> list[str]:
    """The texts of a response: one, or those of a list, which may hold lists. InputError for anything else."""
    if isinstance(responses, list):
        if not responses:
            raise InputError(f"{where} is an empty list; a sample without a response is an empty text")
        return [text for response in responses for text in _texts(response, where)]
    if isinstance(responses, str):
        return [responses]
    hint = ""
    if responses is None:
        hint = "; a sample without a response is an empty text"
    elif isinstance(responses, dict):
        hint = f"; dots name what is in it (its keys: {', '.join(responses)})"
    raise InputError(f"{where} is {kind_of(responses)}, no text{hint}")


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
    rows = read_file(path, finite=False).records
    if question_key == "row" and not any(question_key in row for row in rows):
        question_key = None
    elif question_key is None:
        check_repeats(rows, gold_key, path)
    for number, row in enumerate(rows, 1):
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
        where = f"{path}: row {number}: '{response_key}'"
        responses = _texts(pick(row, response_key, path, number), where)
        verdicts = pick(row, verdict_key, path, number) if verdict_key else None
        verdicts = verdicts if isinstance(verdicts, list) else [verdicts] * len(responses)
        if len(verdicts) != len(responses):
            raise InputError(f"{where} has {len(responses)} responses, and '{verdict_key}' {len(verdicts)} verdicts")
        for response, verdict in zip(responses, verdicts, strict=True):
            samples.append(Sample(id, counts.get(id, 0), response, None, None))
            origins[samples[-1].key] = number, None if verdict is None else judged(verdict, path, number)
            counts[id] = counts.get(id, 0) + 1
    if not samples:
        raise InputError(f"{path}: holds no row")
    return External(path, questions, samples, origins)


def check_repeats(rows: Sequence[dict[str, Any]], gold_key: str, path: Path) -> None:
    """Raise InputError where the rows look like several samples of each question, but are taken for a question each.

    A column that names questions repeats, twice on average or more, always with one gold answer.
    """
    for key in QUESTION_KEYS:
        if not all(isinstance(row.get(key), str | int) for row in rows):
            continue
        golds: dict[str, str] = {}
        said = ((str(row[key]), str(pick(row, gold_key, path, number))) for number, row in enumerate(rows, 1))
        if all(golds.setdefault(id, gold) == gold for id, gold in said) and 1 < len(golds) <= len(rows) / 2:
            raise InputError(
                f"{path}: its {len(rows):,} rows have {len(golds):,} different '{key}': if they are samples of "
                f"these questions, give --question_key {key}; if each is a question of its own, --question_key row"
            )


def judged(verdict: Any, path: Path, number: int) -> bool:
    if isinstance(verdict, str):  # as CSV has it
        verdict = {"true": 1, "false": 0}.get(verdict.strip().lower(), verdict)
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
    found = [path for path in root.iterdir() if Path(unpacked(path.name)).suffix in SUFFIXES]
    if not found:
        raise InputError(f"{root}: no {listed(SUFFIXES)} file here")
    return sorted(found, key=lambda path: (int(stem) if (stem := stem_of(path)).isdecimal() else math.inf, path.name))


def stem_of(path: str | Path) -> str:
    """A file's name without its suffixes."""
    return Path(unpacked(str(path))).stem


def need_keys(path: Path) -> None:
    """Raise InputError for a file whose keys were not named, with those that it has."""
    row = next(iter(read_file(path, finite=False).records), {})
    raise InputError(
        f"{path}: third-party generations need --response_key and --gold_key (its keys: {', '.join(row) or 'none'})"
    )


def audit(args: argparse.Namespace, grader: Grader, console: Console) -> None:
    """Grade each file of `--score_only` and show its figures, beside its own verdicts where it has any.

    Files whose names are numbers are the steps of one run: one table by step, and with `--output_path` one file of
    each kind and a picture.
    """
    paths = files_of(args.score_only)
    if args.output_path and args.output_path.resolve() == args.score_only.resolve():
        raise InputError(f"--output_path {args.output_path}: is the folder that is graded; name another")
    by_step = len(paths) > 1 and all(stem_of(path).isdecimal() for path in paths)
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
        names = Counter(map(stem_of, paths))
        stems = {}
        for path, *rest in found:
            stems[stem_of(path) if names[stem_of(path)] == 1 else path.name] = [(path, *rest)]
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
        stem = stem_of(name) if (folder / f"{stem_of(name)}.graded.jsonl").is_file() else name
        benchmarks[stem] = {**found, "generated_with": {key: found[key] for key in ("data_sha256", "fallbacks")}}
    return {"label": folder.resolve().name, "average": None, "benchmarks": benchmarks}


def table(found: Sequence[tuple], by_step: bool, with_verdicts: bool, width: int) -> Table:
    """A row for each file; of many steps, some that are evenly apart, the first and the last included."""
    shown = list(found)
    caption = "± standard error"
    if by_step and len(found) > STEPS:
        shown = [found[round(i * (len(found) - 1) / (STEPS - 1))] for i in range(STEPS)]
        caption += f"; {STEPS} of the {len(found)} steps"
    names = [stem_of(path) if by_step else path.name for path, *_ in shown]
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

    drawn = {"graded": curve([(int(stem_of(path)), facts["accuracy"]) for path, facts, *_ in found])}
    reported = [(int(stem_of(path)), facts["reported"]) for path, facts, *_ in found if "reported" in facts]
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
