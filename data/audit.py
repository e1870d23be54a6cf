"""Check a prompt file before training on it: duplicates, answers that cannot be graded, leaked test questions.

    python -m data.audit data/prompts/math8k.json --against aime24 amc23 math500
    python -m data.audit data/prompts/math8k.json --against math500 --strict --json audit.json
    python -m data.audit data/prompts/math8k.json --write_clean data/prompts/math8k_clean.json
    python -m data.audit train.parquet
    python -m data.audit words.json --verifier words=verifiers/words.py:score
    python -m data.audit --log data/output/arithmetic --json suspects.json --write_ids suspect-ids.json

The prompt file may have a trainer's own layout (docs/logs.md); --write_clean then keeps its rows as they are.

A benchmark is a file ({question or prompt, …}, .jsonl or .json) or a name in data/benchmarks/. With --strict the
exit code is 1 where something is found: a row that --write_clean removes or fixes. Near pairs and 13-gram shares
(defined in data/overlap.py) are for a person to judge and do not count.

Each row is judged by its verifier (docs/verifiers.md): its own answer must score 1, and where that is not `math`,
altered ones must score less.

--log lists suspected wrong labels of a training run: prompts that are hardly ever right while one other answer is
given again and again (docs/viewing.md). Nothing is changed; `run.drop_ids=suspect-ids.json` trains without them.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from data import suspects
from data.findings import Audit, Duplicate
from data.overlap import N, compare
from eval.grader import reads
from eval.verifiers import MATH, Verifiers, add_verifier_flag, check, declared, default_of
from lim.prompts import Reading, add_prompt_flags, prompts_of, reading_of
from lim.prompts.find import find
from lim.prompts.rows import MISSING
from lim.prompts.rows import Rows as File
from lim.prompts.write import check_suffix, write_rows
from lim.utils.cli import Parser, did_you_mean, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import atomic_path, check_output, write_json
from lim.utils.makers import MAKERS, how_to_make
from lim.utils.rows import read_rows as load_rows
from lim.utils.text import kind_of, squash

# The paper's prompts are cut at 1,024 tokens; three characters a token is what dense LaTeX comes to.
LONG = 3_072
HIGH_SHARE = 0.8
SHOWN = 8
Rows = list[dict[str, Any]]


def audit(
    rows: Rows,
    benchmarks: dict[str, list[str]],
    longest: int = LONG,
    workers: int | None = None,
    *,
    own: Mapping[str, str] | None = None,
    default: str = MATH,
    name: str = "prompts",
) -> Audit:
    """Audit rows `{id, prompt, answer, verifier?, metadata?}` against benchmarks (name → questions).

    `own` and `default` are as for `Verifiers`, `name` is the file's, for messages. InputError for a verifier that is
    not there, or fails.
    """
    with Verifiers(own, default, workers=workers) as verifiers:
        return _audit(rows, benchmarks, longest, verifiers, name)


def _audit(rows: Rows, benchmarks: dict[str, list[str]], longest: int, verifiers: Verifiers, name: str) -> Audit:
    prompts = [row["prompt"] for row in rows]
    judges = [verifiers.of(row, f"{name}: row {number}")[0] for number, row in enumerate(rows, 1)]
    ids: set[str] = set()
    result = Audit(len(rows))
    for index, row in enumerate(rows):
        if row["id"] in ids:
            result.repeated_ids.append(index)
        ids.add(row["id"])
        if not row["answer"].strip():
            # A person's verifier may need no answer.
            result.empty_answers += [] if verifiers.known[judges[index]].reads_response else [index]
        elif judges[index] == MATH and not reads(row["answer"]):
            result.unread.append(index)
        if not row["prompt"].strip():
            result.empty_prompts.append(index)
        if row["prompt"] != row["prompt"].strip():
            result.outer_whitespace.append(index)
        if len(row["prompt"]) > longest:
            result.long_prompts.append(index)
    full = [index for index, row in enumerate(rows) if row["answer"].strip()]
    scores = check.gold_scores(verifiers, [rows[index] for index in full], name)
    result.ungradable = [index for index, score in zip(full, scores, strict=True) if score != 1]
    graded = [index for index, score in zip(full, scores, strict=True) if score == 1]
    others = [index for index in graded if judges[index] != MATH]
    taken = check.accepted(verifiers, [rows[index] for index in others], name)
    result.altered = {others[index]: answer for index, answer in taken.items()}
    result.duplicates = find_duplicates(rows, judges, verifiers)
    result.against = {name: compare(prompts, questions) for name, questions in benchmarks.items()}
    return result


def find_duplicates(rows: Rows, judges: Sequence[str], verifiers: Verifiers) -> list[Duplicate]:
    """Groups of rows with the same question, in order of their first row."""
    groups = defaultdict(list)
    for index, row in enumerate(rows):
        groups[squash(row["prompt"])].append(index)
    found = []
    for group in groups.values():
        if len(group) > 1:
            kind = "exact" if len({rows[index]["prompt"] for index in group}) == 1 else "whitespace"
            first, judge = rows[group[0]]["answer"], judges[group[0]]
            pairs = [(first, rows[index]["answer"]) for index in group[1:] if rows[index]["answer"] != first]
            same = {judges[index] for index in group} == {judge} and all(verifiers.equal_pairs(judge, pairs))
            found.append(Duplicate(kind, group, not same))
    return found


def clean(rows: Rows, result: Audit) -> Rows:
    """The rows that are not bad, prompts without outer whitespace."""
    bad = result.bad()
    return [row | {"prompt": row["prompt"].strip()} for index, row in enumerate(rows) if index not in bad]


def read_rows(path: Path, reading: Reading | None = None) -> tuple[Rows, File | None]:
    """(rows with id, prompt, answer, verifier and metadata; the file's own, where it has a trainer's layout).

    Of this project's layout, repeated ids are for the audit to find, and a missing text is an error.
    """
    reading = reading or Reading()
    source, _ = find(path, reading)
    own = reading == Reading() and len(source) > 0 and {"id", "prompt", "answer"} <= source.record(0).keys()
    if own and isinstance(source.record(0)["prompt"], str):
        return checked(path, source.records), None
    prompts = prompts_of(source, reading)
    columns = {"id": prompts.ids, "prompt": prompts.texts, "answer": prompts.need_answers(reading)}
    columns |= {key: source.column(key) for key in ("verifier", "metadata")}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{key: value for key, value in row.items() if value is not MISSING} for row in rows], source


def checked(path: Path, rows: Rows) -> Rows:
    """Rows of this project's layout. InputError at the first that lacks a text."""
    for number, row in enumerate(rows, 1):
        for key in ("id", "prompt", "answer"):
            if key not in row:
                raise InputError(f"{path}: row {number} has no '{key}' (its keys: {', '.join(row) or 'none'})")
            if not isinstance(row[key], str) and not (key == "id" and type(row[key]) is int):
                raise InputError(f"{path}: row {number}: '{key}' is {kind_of(row[key])}, not text")
        row["id"] = str(row["id"])
    return rows


def read_questions(name: str) -> list[str]:
    """A benchmark's questions, from a file or by name from data/benchmarks/."""
    path = Path(name)
    prepared = Path(__file__).parent / "benchmarks" / f"{name}.jsonl"
    if not path.is_file() and not path.suffix:
        if not prepared.is_file():
            known = [Path(file).stem for file in MAKERS if file.endswith(".jsonl")]
            hint = how_to_make(prepared) or did_you_mean(name, known)
            raise InputError(f"{name}: neither a file nor a prepared benchmark{hint}")
        path = prepared
    questions = []
    for number, row in enumerate(load_rows(path), 1):
        question = row.get("question", row.get("prompt"))
        if not isinstance(question, str):
            raise InputError(f"{path}: row {number} has no 'question' (its keys: {', '.join(row) or 'none'})")
        questions.append(question)
    return questions


def show(result: Audit, rows: Rows, questions: dict[str, list[str]], longest: int, console: Console) -> None:
    """Print the audit as tables; rows are counted from 1."""
    checks = [
        ("duplicate questions, exact", [group.rows for group in result.duplicates if group.kind == "exact"]),
        ("duplicate questions, but for whitespace", [g.rows for g in result.duplicates if g.kind == "whitespace"]),
        ("… of these with another answer", [group.rows for group in result.duplicates if group.other_answer]),
        ("repeated ids", result.repeated_ids),
        ("empty prompts", result.empty_prompts),
        ("empty answers", result.empty_answers),
        ("answers not graded right against themselves", result.ungradable),
        ("altered answers taken as right", [*result.altered]),
        ("answers not read, equal to their own text at best", result.unread),
        ("prompts with outer whitespace", result.outer_whitespace),
        (f"prompts of over {longest:,} characters", result.long_prompts),
    ]
    table = Table("check", "found", "rows", title=f"{result.rows:,} rows")
    for text, found in checks:
        table.add_row(text, str(len(found)), _numbers(found))
    console.print(table)
    if result.against:
        table = Table("benchmark", "questions", "the same", "near", f"share a {N}-gram", f"share ≥ {HIGH_SHARE:.0%}")
        for name, overlap in result.against.items():
            high = sum(share.share >= HIGH_SHARE for share in overlap.shares)
            counts = (overlap.questions, len(overlap.same), len(overlap.near), len(overlap.shares), high)
            table.add_row(escape(Path(name).stem), *map(str, counts))
        console.print(table)
    for index, answer in [*result.altered.items()][:SHOWN]:
        said = f"row {index + 1} takes {answer!r:.60} as right; its answer is {rows[index]['answer']!r:.60}"
        console.print(f"altered: {said}", markup=False, soft_wrap=True)
    for name, overlap in result.against.items():
        for near in overlap.near[:SHOWN]:
            text = squash(questions[name][near.question])[:70]
            console.print(
                f"near: {Path(name).stem} question {near.question + 1} and row {near.prompt + 1} "
                f"({near.difference or 'only punctuation'}): {text}…",
                markup=False,
                soft_wrap=True,
            )
        if len(overlap.near) > SHOWN:
            console.print(f"near: {len(overlap.near) - SHOWN} more with {Path(name).stem}; --json FILE lists them")


def _numbers(found: list[Any]) -> str:
    shown = [
        " = ".join(str(i + 1) for i in item) if isinstance(item, list) else str(item + 1) for item in found[:SHOWN]
    ]
    return ", ".join(shown) + (" …" if len(found) > SHOWN else "")


def report(result: Audit, path: Path, rows: Rows) -> dict[str, Any]:
    """The audit as JSON: rows by index from 0, with the ids of the bad ones."""
    facts = asdict(result)
    bad = sorted(result.bad())
    return {
        "prompts": str(path),
        **facts,
        "leaked": sorted(result.leaked()),
        "bad": [{"row": index, "id": rows[index]["id"]} for index in bad],
    }


def main(argv: list[str] | None = None) -> int | None:
    parser = Parser(
        prog="python -m data.audit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prompts", type=Path, nargs="?", help="prompt file to check; with --log what run.json names")
    add_prompt_flags(parser.add_argument)
    add_verifier_flag(parser.add_argument)
    parser.add_argument("--against", nargs="+", default=[], metavar="BENCHMARK", help="benchmarks, by file or name")
    parser.add_argument("--json", type=Path, help="write all findings to this file")
    parser.add_argument("--write_clean", type=Path, metavar="FILE", help="write the prompt file without the bad rows")
    parser.add_argument("--strict", action="store_true", help="exit 1 where something is found")
    parser.add_argument(
        "--longest", type=whole(1), default=LONG, help="characters over which a prompt is long (%(default)s)"
    )
    suspects.add_flags(parser)
    args = parser.parse_args(argv)
    if args.prompts is None and not args.log:
        raise InputError("name a prompt file to check, or a run by --log")
    for flag, path in (("--json", args.json), ("--write_clean", args.write_clean), ("--write_ids", args.write_ids)):
        if path is not None:
            check_output(flag, path)
            if flag == "--write_clean":
                check_suffix(flag, path)
            if args.prompts is not None and path.exists() and path.samefile(args.prompts):
                raise InputError(f"{flag} {path}: would replace the prompt file that is checked; name another")
    if args.log:
        return suspects.audit_log(args)
    rows, source = read_rows(args.prompts, reading_of(args))
    questions = {name: read_questions(name) for name in args.against}
    own, named = declared(args.verifier)
    default = default_of(own, named, rows)
    result = audit(rows, questions, args.longest, own=own, default=default, name=str(args.prompts))
    console = Console()
    show(result, rows, questions, args.longest, console)
    if args.json:
        write_json(args.json, report(result, args.prompts, rows))
        console.print(f"wrote {args.json}", markup=False, highlight=False, soft_wrap=True)
    if args.write_clean:
        bad = result.bad()
        kept = [index not in bad for index in range(len(rows))]
        if not any(kept):
            raise InputError(f"--write_clean {args.write_clean}: no row would be left; nothing is written")
        out = File(str(args.prompts), clean(rows, result)) if source is None else source
        with atomic_path(args.write_clean) as partial:
            write_rows(out, [True] * sum(kept) if source is None else kept, partial, args.write_clean.suffix)
        fixed = f"{len(result.outer_whitespace)} fixed" if source is None else "as they are"
        console.print(
            f"wrote {args.write_clean}: {sum(kept):,} of {len(rows):,} rows, {fixed}", markup=False, soft_wrap=True
        )
    return 1 if args.strict and result.found() else None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
