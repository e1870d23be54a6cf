"""The result of a selection."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lim.choose import Floats, Mask
from lim.logs.trajectories import LogSummary, RewardMatrix
from lim.strategies import Settings


@dataclass(frozen=True)
class Selection:
    """A selection with all that figures, the page and the output files are made from. P follows the prompt file."""

    ids: list[str]
    records: list[dict[str, Any]]  # the prompt file's records, untouched
    scores_P: Floats  # NaN where there is none
    reasons: list[str | None]  # why a prompt has no score
    chosen_P: Mask
    matrix: RewardMatrix | None  # of the chosen metric, rows as ids; NaN where not seen; None without a log
    average_K: Floats | None  # the average curve LIM compares with
    settings: Settings  # resolved
    log: LogSummary | None = None
    unmatched: list[str] = field(default_factory=list)  # prompts of the log that the file does not have
    matched_by: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)  # what may be wrong, and --allow let pass

    def reason_counts(self) -> dict[str, int]:
        """Prompts without a score by reason, most frequent first."""
        counts = Counter(reason for reason in self.reasons if reason)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
