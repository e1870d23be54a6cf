"""What may make a selection wrong without a sign of it: refused, unless `--allow` says that it is meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lim.utils.errors import InputError

# Kind, as in `--allow KIND` → what is then taken as it is.
KINDS = {
    "max_reward": "a largest reward other than what LIM's formula takes as perfect",
    "scales": "prompts whose rewards are on several scales",
    "passes": "graded rewards, of which only the log's largest is a pass",
    "reward_columns": "several columns that may be rewards, or that parts of the log lack: all are summed",
    "lists": "lists of rewards in several rows of a prompt and step, each number as a sample",
    "no_rewards": "numbers that are no samples' rewards: advantages, or means over a step",
    "rows": "rows of evaluation, single turns or other runs as the training's samples, ids that number rows",
    "unmatched": "more than half of the prompt file, or of the log's rows, without a counterpart",
    "other_file": "a prompt file other than the run's, whose ids may mean other prompts",
    "filtered": "a log without groups of equal rewards, as filtering leaves it",
    "chosen": "epochs over the prompts that a run chose on its way, without those that left it",
    "same_text": "prompts that share one text, and so one trajectory",
    "epochs": "epochs in which prompts are seen twice or not at all",
}


class Doubt(InputError):
    """One doubt of a kind, where it stops the reading; `--allow` lets it pass."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{message} (or --allow {kind}: {KINDS[kind]})")
        self.kind, self.message = kind, message

    def __reduce__(self) -> tuple[type[Doubt], tuple[str, str]]:
        return Doubt, (self.kind, self.message)


def settle(doubts: Mapping[str, str], allow: Collection[str]) -> list[str]:
    """The doubts (kind → message) that `allow` lets pass, as lines; InputError, in one line, for the others."""
    refused = {kind: message for kind, message in doubts.items() if kind not in allow}
    if refused:
        flags = " ".join(f"--allow {kind}" for kind in refused)
        raise InputError(f"{'; also: '.join(refused.values())} ({flags} goes ahead all the same)")
    return [f"--allow {kind}: {message}" for kind, message in doubts.items()]
