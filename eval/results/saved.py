"""Score saved generations: graded samples, results.json and results.md of a folder. No model, no torch."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from lim.utils.errors import InputError
from lim.utils.rows import write_jsonl

from ..engine import samples
from ..grader import Grader
from ..questions import judged_by, read_questions
from ..settings import EvalSettings
from ..verifiers import MATH, Verifiers
from . import tables
from .score import grade_samples, summarise


def score_saved(
    folder: Path,
    name: str,
    data_dir: Path,
    grader: Grader,
    grading: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> dict[str, Any]:
    """Grade one benchmark's saved generations; writes the graded samples and returns the figures.

    `grading` replaces those settings of the evaluation that grading has: `fallbacks` (also accept unboxed answers),
    `verifier` and `verifiers` (a person's own). `flags` are the values of `--verifier` (`judged_by`).
    """
    # What they were before there was a choice, as they were generated with, as asked for now.
    meta = {"verifier": MATH, "verifiers": {}, **samples.read_meta(folder, name), **(grading or {})}
    path = samples.path_of(folder, name)
    questions = read_questions(meta["file"], data_dir)
    if questions.sha256 != meta["data_sha256"]:
        raise InputError(
            f"{questions.path}: has changed since {path} was generated from it; "
            "restore it, or generate again with --overwrite"
        )
    kept = [sample for sample in samples.read(path) if sample.sample < meta["n_samples"]]
    missing = len(questions.rows) * meta["n_samples"] - len(kept)
    if missing:
        raise InputError(f"{path}: {missing} samples are not generated yet; run the same evaluation again")
    meta["verifier"] = judged_by(flags, meta["verifier"], meta["file"], questions)
    with Verifiers(meta["verifiers"], meta["verifier"], grader=grader) as verifiers:
        graded = grade_samples(questions.rows, kept, verifiers, fallbacks=meta["fallbacks"], name=str(questions.path))
        used = verifiers.versions(verifiers.of(row, "")[0] for row in questions.rows.values())
    write_jsonl(folder / f"{name}.graded.jsonl", graded.rows())
    return {**summarise(graded), "verifiers": used, "generated_with": meta}


def score_folder(
    folder: Path,
    wanted: Sequence[str],
    settings: EvalSettings,
    data_dir: Path,
    grader: Grader,
    console: Console,
    grading: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> dict:
    """Grade the saved generations of a folder and write results.json and results.md.

    `wanted` must be complete, and `grading` and `flags` are for them (see `score_saved`); other saved benchmarks are
    included where they are complete and of the same model.
    """
    weights = samples.read_meta(folder, wanted[0])["weights"]
    benchmarks = {}
    for name in [*wanted, *(name for name in saved_benchmarks(folder) if name not in wanted)]:
        try:
            if samples.read_meta(folder, name)["weights"] != weights:
                raise InputError(
                    f"{folder}: {wanted[0]} and {name} were generated with different weights; "
                    "evaluate one of them again with --overwrite, or move its files elsewhere"
                )
            asked = (grading, flags) if name in wanted else (None, ())
            benchmarks[name] = score_saved(folder, name, data_dir, grader, *asked)
        except InputError as error:
            if name in wanted:
                raise
            console.print(f"skipped: {error}", soft_wrap=True)
    meta = benchmarks[wanted[0]]["generated_with"]
    head = {key: meta[key] for key in ("label", "model", "step", "run")}
    order = [*settings.benchmarks, *benchmarks]
    return tables.write(folder, head, {name: benchmarks[name] for name in order if name in benchmarks}, settings)


def saved_benchmarks(folder: Path) -> list[str]:
    """Names of the benchmarks whose generations are in a folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    return sorted(path.name.removesuffix(".meta.json") for path in folder.glob("*.meta.json"))


def step_order(path: Path) -> tuple[int, str]:
    """Steps by number, then final, best and other names."""
    return (int(path.name), "") if path.name.isdecimal() else (sys.maxsize, path.name)


def score_all(
    root: Path,
    settings: EvalSettings,
    data_dir: Path,
    grader: Grader,
    console: Console,
    chosen: Sequence[str] | None = None,
    grading: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Score a folder of saved generations, or each of the folders in it (a run, or its eval folder).

    `chosen` are the benchmarks that must be complete (default: all that were saved). Folders with none of them are
    left unchanged; InputError where no folder has one.
    """
    there = {root: saved_benchmarks(root)}
    if not there[root]:
        root = root / "eval" if (root / "eval").is_dir() else root
        folders = sorted((path for path in root.iterdir() if path.is_dir()), key=step_order)
        there = {folder: names for folder in folders if (names := saved_benchmarks(folder))}
    if not there:
        raise InputError(
            f"{root}: no saved generations (*.meta.json) here; third-party files need --response_key and --gold_key"
        )
    names = sorted({name for found in there.values() for name in found})
    if missing := [name for name in chosen or () if name not in names]:
        raise InputError(f"{root}: no saved generations of {', '.join(missing)}; there are {', '.join(names)}")
    return [
        score_folder(folder, wanted, settings, data_dir, grader, console, grading, flags)
        for folder, found in there.items()
        if (wanted := [name for name in found if chosen is None or name in chosen])
    ]
