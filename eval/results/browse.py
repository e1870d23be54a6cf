"""Evaluations to look at: benchmarks, questions and samples with verdicts, of this project and of third parties."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from lim.utils.errors import InputError
from lim.utils.rows import read_jsonl
from lim.view import pages
from lim.view.sources import clean, differences, has_text, limited, preview, rendered

from ..engine import samples
from ..grader import Graded, Grader, Reason, Verdict
from ..questions import read_questions
from ..settings import DATA
from ..verifiers import MATH, Verifiers
from . import external
from .saved import saved_benchmarks, step_order
from .score import GradedSamples, grade_samples

TEXT_KEYS = ("question", "prompt", "problem")


@dataclass(frozen=True)
class Group:
    """Samples of one benchmark, and what the file they are from said of them."""

    graded: GradedSamples
    reported: Mapping[tuple[str, int], bool]

    @cached_property
    def by_question(self) -> dict[str, list[tuple[samples.Sample, Graded]]]:
        found = self.graded.by_question()
        return {id: [(sample, verdict) for sample, verdict, _ in rows] for id, rows in found.items()}

    def differs(self, sample: samples.Sample, found: Graded) -> bool:
        said = self.reported.get(sample.key)
        return said is not None and said != (found.verdict == Verdict.CORRECT)


class Groups(Protocol):
    """Where groups of samples are read from."""

    names: list[str]
    what: str

    def read(self, number: int, grader: Grader) -> Group: ...


def evaluations(path: Path) -> list[Path]:
    """Folders of saved generations: the path itself, or those in it where it is a run's eval/; none elsewhere."""
    if not path.is_dir():
        return []
    if saved_benchmarks(path):
        return [path]
    folders = path.iterdir() if path.name == "eval" else ()
    return sorted((folder for folder in folders if folder.is_dir() and saved_benchmarks(folder)), key=step_order)


class Folder:
    """Saved generations of this project."""

    def __init__(self, folders: list[Path], data_dir: Path = DATA) -> None:
        self.data_dir = data_dir
        self.places = [(folder, name) for folder in folders for name in saved_benchmarks(folder)]
        many = len(folders) > 1
        self.names = [f"{folder.name}: {name}" if many else name for folder, name in self.places]
        self.what = ", ".join(map(str, folders))

    def read(self, number: int, grader: Grader) -> Group:
        folder, name = self.places[number]
        meta = samples.read_meta(folder, name)
        asked = read_questions(meta["file"], self.data_dir)
        path = samples.path_of(folder, name)
        if asked.sha256 != meta["data_sha256"]:
            raise InputError(f"{asked.path}: has changed since {path} was generated from it; restore it")
        questions, found = asked.rows, samples.read(path)
        known = graded_before(folder, name, found)
        if known is not None:
            return Group(GradedSamples(questions, found, known, [None] * len(found)), {})
        fallbacks = bool(meta.get("fallbacks"))
        with Verifiers(meta.get("verifiers"), meta.get("verifier", MATH), grader=grader) as verifiers:
            return Group(grade_samples(questions, found, verifiers, fallbacks=fallbacks, name=str(asked.path)), {})


def graded_before(folder: Path, name: str, found: list[samples.Sample]) -> list[Graded] | None:
    """The verdicts of a graded file, where it has all samples and is not older than they are."""
    path = folder / f"{name}.graded.jsonl"
    if not path.is_file() or path.stat().st_mtime_ns < samples.path_of(folder, name).stat().st_mtime_ns:
        return None
    try:
        rows = {(row["id"], row["sample"]): row for row in read_jsonl(path)}
        return [
            Graded(
                Verdict(rows[sample.key]["verdict"]),
                rows[sample.key]["answer"],
                None if rows[sample.key].get("reason") is None else Reason(rows[sample.key]["reason"]),
            )
            for sample in found
        ]
    except (KeyError, ValueError):
        return None


class Outputs:
    """Third-party generations, a group per file. InputError where the first does not have the keys."""

    def __init__(
        self, path: Path, response_key: str, gold_key: str, question_key: str | None, verdict_key: str | None
    ) -> None:
        self.keys = response_key, gold_key, question_key, verdict_key
        self.files = external.files_of(path)
        self.names = [file.name for file in self.files]
        self.what = str(path)
        self.first = external.read(self.files[0], *self.keys)

    def read(self, number: int, grader: Grader) -> Group:
        file = external.read(self.files[number], *self.keys) if number else self.first
        with Verifiers(grader=grader) as verifiers:
            graded = grade_samples(file.questions, file.samples, verifiers, name=str(self.files[number]))
        return Group(graded, {key: said for key, (_, said) in file.origins.items() if said is not None})


class EvalSource:
    """The page of evaluations."""

    def __init__(self, groups: Groups, grader: Grader) -> None:
        self.groups, self.grader = groups, grader
        self.lock = threading.Lock()
        self.read: dict[int, Group] = {}

    def page(self) -> tuple[str, str]:
        return pages.evaluation_page(self.groups.what, {"groups": self.groups.names})

    def group(self, number: int) -> Group:
        if not 0 <= number < len(self.groups.names):
            raise ValueError(number)
        with self.lock:
            if number not in self.read:
                self.read[number] = self.groups.read(number, self.grader)
            return self.read[number]

    def answer(self, name: str, asked: Mapping[str, str]) -> Any:
        group = self.group(int(asked["group"]))
        if name == "questions":
            return listed(group)
        id = list(group.graded.questions)[int(asked["prompt"])]
        rows = group.by_question[id]
        if name == "samples":
            question = group.graded.questions[id]
            return {
                "gold": limited(str(question.get("answer", ""))),
                "grade": False,
                "question": rendered(text_of(question, id)),
                "samples": [sample_row(group, *row) for row in rows],
            }
        texts = [sample.response for sample, _ in rows]
        if name == "search":
            return [at for at, text in enumerate(texts) if has_text(text, asked["text"])]
        if name == "response":
            return rendered(texts[int(asked["sample"])])
        if name == "differences":
            return differences(texts[int(asked["sample"])], texts[int(asked["other"])])
        raise KeyError(name)


def listed(group: Group) -> list[dict[str, Any]]:
    """The questions: those whose verdicts differ from what was reported first, the others as in the file."""
    rows = []
    for at, (id, question) in enumerate(group.graded.questions.items()):
        found = group.by_question.get(id, [])
        rows.append(
            {
                "prompt": at,
                "id": id if text_of(question, id) != id else f"{at + 1}",
                "text": limited(text_of(question, id)),
                "gold": limited(str(question.get("answer", ""))),
                "right": sum(one.verdict == Verdict.CORRECT for _, one in found),
                "samples": len(found),
                "differ": sum(group.differs(*row) for row in found),
                "reported": bool(group.reported),
            }
        )
    return sorted((row for row in rows if row["samples"]), key=lambda row: -row["differ"])


def text_of(question: Mapping[str, Any], id: str) -> str:
    return next((str(question[key]) for key in TEXT_KEYS if key in question), id)


def sample_row(group: Group, sample: samples.Sample, found: Graded) -> dict[str, Any]:
    said = group.reported.get(sample.key)
    return {
        "epoch": None,
        "step": None,
        "number": sample.sample,
        "verdict": str(found.verdict),
        "reason": None if found.reason is None else str(found.reason),
        "reward": None,
        "answer": limited(found.answer),
        "tokens": sample.tokens,
        "characters": len(sample.response),
        "preview": preview(sample.response),
        "reported": None if said is None else "correct" if said else "incorrect",
        "differs": group.differs(sample, found),
        "more": [] if sample.finish_reason is None else [["Finish reason", clean(sample.finish_reason)]],
    }


__all__ = ["EvalSource", "Folder", "Outputs", "evaluations"]
