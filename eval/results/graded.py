"""Graded samples, read back from their files."""

from __future__ import annotations

from pathlib import Path

from lim.utils.errors import InputError
from lim.utils.rows import read_jsonl


def question_means(path: Path) -> dict[str, float]:
    """Question id → share of its samples that are correct, from a graded file."""
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent}: no evaluation there; make it first (bash eval/eval.sh; of a comparison, the same "
            "command without --report_only)"
        )
    if not path.is_file():
        package = __name__.partition(".")[0]
        raise InputError(f"{path}: missing; make it again with: python -m {package}.eval --score_only {path.parent}")
    found: dict[str, list[bool]] = {}
    for row in read_jsonl(path):
        found.setdefault(row["id"], []).append(row["verdict"] == "correct")
    return {id: sum(values) / len(values) for id, values in found.items()}
