"""Files of trainers that do not say whose rewards they hold, or hold none: what to log in their place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lim.logs.files import Entry
from lim.logs.tinker import LOG_ALL, LOG_IDS, REPORT

ROWS = (
    "write a row for each sample with its prompt, reward and step as JSON lines, in a subclass of the trainer that "
    "overrides postprocess_generator_output"
)
# Pattern of the end of a file's path → (what it is, what to do); the first that fits counts.
KINDS = {
    r"iteration_\d+/train_rollout_summaries\.jsonl(?:\.gz|\.zst)?": (
        f"the Tinker cookbook's summaries, which do not say their prompts, without the {REPORT} that does",
        f"{LOG_ALL}; or, as asynchronous training writes no such file, {LOG_IDS}",
    ),
    r"global_step_\d+_training_input\.pkl": (
        "SkyRL's training batches, from which it has removed the rewards",
        ROWS,
    ),
    r"(?:global_step_\d+_evals|eval_only)/[^/]+\.jsonl": (
        "SkyRL's evaluation, which is no training",
        ROWS,
    ),
}


def unreadable(listing: Sequence[Entry]) -> str:
    """`holds 12 × dumped_data/global_step_<n>_training_input.pkl, …; …`, of files of one kind; empty without any."""
    if any(entry.path.endswith(REPORT) for entry in listing):
        return ""
    for pattern, (what, fix) in KINDS.items():
        names = [entry.name for entry in listing if re.search(f"(?:^|/){pattern}$", entry.path)]
        if names:
            kind = re.sub(r"\d+", "<n>", names[0])
            return f"holds {what} ({len(names)} × {kind}); {fix} (docs/logs.md)"
    return ""
