"""A benchmark's questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError
from lim.utils.files import sha256_of
from lim.utils.makers import how_to_make
from lim.utils.rows import read_jsonl

from .settings import DATA, OWN, Benchmark
from .verifiers import MATH, Verifiers, declared, default_of


@dataclass(frozen=True)
class Questions:
    """A benchmark's questions: rows `{id, question, answer, level?, subject?, task?, verifier?, metadata?}` and the
    file's checksum.
    """

    path: Path
    sha256: str
    rows: dict[str, dict[str, Any]]


def read_questions(file: str, data_dir: Path = DATA) -> Questions:
    """Read `<data_dir>/<file>.jsonl`, or `file` itself where it is named so. InputError says how to make it where it
    is missing.
    """
    path = Path(file) if file.endswith(OWN) else data_dir / f"{file}.jsonl"
    if not path.is_file():
        raise InputError(f"{path}: no such benchmark file{how_to_make(path, 'check the name')}")
    rows: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(read_jsonl(path), 1):
        for key in ("id", "question", "answer"):
            if not isinstance(row.get(key), str):
                raise InputError(f"{path}: row {number}: no text under '{key}'")
        if row["id"] in rows:
            raise InputError(f"{path}: row {number}: the id {row['id']!r} is duplicated")
        rows[row["id"]] = row
    if not rows:
        raise InputError(f"{path}: holds no question")
    return Questions(path, sha256_of(path), rows)


def check_verifiers(benchmark: Benchmark, questions: Questions) -> None:
    """Raise InputError, before anything is generated, for a question whose verifier is not there or not installed."""
    with Verifiers(benchmark.verifiers, benchmark.verifier, where=f"{benchmark.name}: verifiers") as verifiers:
        rows = enumerate(questions.rows.values(), 1)
        verifiers.versions(verifiers.of(row, f"{questions.path}: row {number}")[0] for number, row in rows)
        need_golds(questions.rows, verifiers, str(questions.path))


def need_golds(questions: Mapping[str, Mapping[str, Any]], verifiers: Verifiers, name: str) -> None:
    """Raise InputError at a question with an empty gold answer, to which no response could be right.

    A person's own verifier may need none.
    """
    for id, question in questions.items():
        judge = verifiers.of(question, f"{name}: {id}")[0]
        if not question["answer"].strip() and not verifiers.known[judge].reads_response:
            raise InputError(f"{name}: {id}: its gold answer is empty, so no response is right; fix or remove it")


def judged_by(flags: Sequence[str], verifier: str, file: str, questions: Questions) -> str:
    """The verifier of a benchmark's questions that name none, `verifier` being that of its settings.

    One that the values of `--verifier` only declare is for files of one's own, not for other sets beside them.
    """
    own, named = declared(flags)
    if named is not None or verifier != MATH or not file.endswith(OWN):
        return verifier
    return default_of(own, None, questions.rows.values())
