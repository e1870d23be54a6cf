"""The result of a selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.filesize import decimal

from lim.choose import Floats, Mask
from lim.logs.trajectories import LogSummary, RewardMatrix
from lim.prompts import PromptSet
from lim.strategies import Settings


@dataclass(frozen=True)
class Selection:
    """What figures, the page and the output files are made from. P follows the prompt file."""

    prompts: PromptSet
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
    group_of: list[str] | None = None  # the group of each prompt, under --group_by
    averages_K: dict[str, Floats] = field(default_factory=dict)  # group → the curve that LIM compares it with
    allowed: list[str] = field(default_factory=list)  # what may be wrong, and --allow let pass

    @property
    def ids(self) -> list[str]:
        """The prompts' ids, in the order of the file."""
        return self.prompts.ids

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows of the prompt file, as they are in it."""
        return self.prompts.rows.records

    def reason_counts(self) -> dict[str, int]:
        """Prompts without a score by reason, most frequent first."""
        counts = Counter(reason for reason in self.reasons if reason)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def facts(self) -> list[tuple[str, str]]:
        """What was read, matched, scored and chosen, as (name, value) for the terminal and the page."""
        found, log = [("allowed", line) for line in self.allowed], self.log
        if log is not None:
            files = f"{log.files:,} file{'s' * (log.files != 1)}, steps {log.first_step:,}-{log.last_step:,}"
            epochs = f"{0 if self.average_K is None else len(self.average_K)} of {log.epochs_in_log} in the log"
            found += [
                ("log", f"{log.path} ({log.format}: {files}, {log.samples:,} samples)"),
                ("read", f"{decimal(log.bytes_read)} of {decimal(log.size)}"),
                ("epochs", f"{epochs} ({log.epochs_in_words()})"),
                ("largest reward", f"{log.max_reward:g}"),
                ("passed", log.pass_rule),
            ]
            if log.reasons:
                found.append(("verdict reasons", counted(log.reasons)))
        found.append(("prompts", self.prompts.in_words()))
        if self.matched_by:
            found.append(("matched by", counted(self.matched_by)))
        if self.unmatched:
            found.append(("in the log only", f"{len(self.unmatched):,}"))
        found.append(("scored", f"{int((~np.isnan(self.scores_P)).sum()):,}"))
        found += [("unscored", f"{count:,}: {reason}") for reason, count in self.reason_counts().items()]
        found.append(("chosen", f"{int(self.chosen_P.sum()):,} ({self.settings.rule()})"))
        if self.average_K is not None:
            found.append(("average curve", f"{self.average_K[0]:.3f} → {self.average_K[-1]:.3f}"))
        for name, curve_K in self.averages_K.items():
            of_group_P = np.array([group == name for group in self.group_of or ()])
            kept = f"{int((self.chosen_P & of_group_P).sum()):,} of {int(of_group_P.sum()):,} chosen"
            curve = f"average {curve_K[0]:.3f} → {curve_K[-1]:.3f}"
            found.append((f"{self.settings.group_by} {name}", f"{kept}; {curve}"))
        return found


def counted(counts: Mapping[str, int]) -> str:
    """Counts by name in one line."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())
