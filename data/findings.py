"""What an audit of a prompt file finds (data/audit.py)."""

from __future__ import annotations

from dataclasses import dataclass, field

from data.overlap import Overlap


@dataclass
class Duplicate:
    """Rows (indices) with the same question: `exact`, or the same but for `whitespace`."""

    kind: str
    rows: list[int]
    other_answer: bool


@dataclass
class Audit:
    """What was found; every list holds indices of rows, from 0. A row is not bad because its answer is unread."""

    rows: int
    duplicates: list[Duplicate] = field(default_factory=list)
    repeated_ids: list[int] = field(default_factory=list)
    empty_prompts: list[int] = field(default_factory=list)
    empty_answers: list[int] = field(default_factory=list)
    ungradable: list[int] = field(default_factory=list)
    altered: dict[int, str] = field(default_factory=dict)  # row → another answer that its verifier takes as right
    unread: list[int] = field(default_factory=list)
    outer_whitespace: list[int] = field(default_factory=list)
    long_prompts: list[int] = field(default_factory=list)
    against: dict[str, Overlap] = field(default_factory=dict)

    def leaked(self) -> set[int]:
        """Rows that are a benchmark's question, or differ from it in punctuation without meaning only."""
        same = {row for overlap in self.against.values() for _, rows in overlap.same for row in rows}
        alike = {near.prompt for overlap in self.against.values() for near in overlap.near if not near.difference}
        return same | alike

    def bad(self) -> set[int]:
        """Rows that a clean file lacks: of duplicates all but the first, or all where the answers differ."""
        again = {row for group in self.duplicates for row in group.rows[0 if group.other_answer else 1 :]}
        lists = (
            self.repeated_ids,
            self.empty_prompts,
            self.empty_answers,
            self.ungradable,
            self.altered,
            self.long_prompts,
        )
        return again | self.leaked() | {row for found in lists for row in found}

    def found(self) -> bool:
        """Whether a clean file would differ from this one."""
        return bool(self.bad() or self.outer_whitespace)
