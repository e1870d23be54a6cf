"""A run's progress: one JSON object per line of <run>/progress.jsonl, shown by train/run/supervise.py.

{"event": "stage", "time", "text"}                    a phase of the start-up began
{"event": "step", "time", "epoch", "epochs", "step", "steps", "reward", "response_tokens", "verdict/correct", …,
                                                      "generated": samples so far, with those filtered out,
                                                      "reason/garbled", "end/im_end", …: shares of the samples}
                                                      with run.optimizer_steps "epochs" is null, "steps" a guess, and
                                                      "optimizer_step", "optimizer_steps" say how far it is
{"event": "choice", "time", "step", "epoch", "prompts", "of", "rule", "epochs", "file"}   with run.select
{"event": "validation", "time", "step", "accuracy", "best"}
{"event": "error", "time", "text"}                    what ended the run, in one line
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lim.utils.text import duration

NAME = "progress.jsonl"


def emit(run_dir: Path, event: str, **facts: Any) -> None:
    """Append an event in one short write, so that processes' lines do not mix. OSError where it is incomplete."""
    line = json.dumps({"event": event, "time": round(time.time(), 3), **facts}, ensure_ascii=False) + "\n"
    data = line.encode()
    with open(run_dir / NAME, "ab", buffering=0) as file:
        start = file.tell()
        if file.write(data) < len(data):
            file.truncate(start)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run_dir / NAME))


def line_of(event: dict[str, Any]) -> str | None:
    """An event as the terminal shows it; None for one that shows nothing."""
    match event["event"]:
        case "stage":
            return event["text"]
        case "step":
            width = len(str(event["steps"]))
            at = f"epoch {event['epoch']}/{event['epochs']}  step {event['step']:{width}}/{event['steps']}"
            if event["epochs"] is None:
                at = f"epoch {event['epoch']}  step {event['step']}"
                at += f"  optimiser step {event['optimizer_step']}/{event['optimizer_steps']}"
            verdicts = "  ".join(_shares(event, "verdict/", keep="correct"))
            # The others follow from the verdict alone.
            reasons = ", ".join(_shares(event, "reason/", skip=("cut_off", "no_box", "over_limit")))
            ends = list(_shares(event, "end/", skip=("none",)))
            verdicts += f"  ({reasons})" if reasons else ""
            verdicts += f"  ends: {', '.join(ends)}" if len(ends) > 1 else ""
            left = f"{duration(event['seconds_left'])} left" if event["seconds_left"] > 0 else "last step"
            return (
                f"{at}  reward {event['reward']:+.3f}  {verdicts}  {event['response_tokens']:.0f} tokens  "
                f"{event['seconds']:.1f} s  {left}"
            )
        case "choice":
            left = event["epochs"] - event["epoch"]
            return (
                f"chosen after epoch {event['epoch']} (step {event['step']}): {event['prompts']:,} of "
                f"{event['of']:,} prompts by {event['rule']}; {left} epoch{'s' * (left != 1)} over them follow"
                f"{'s' * (left == 1)}: {event['file']}"
            )
        case "validation":
            mark = ", the best so far" if event["best"] else ""
            return f"validation after step {event['step']}: {event['accuracy']:.1%} correct{mark}"
    return None


def _shares(event: dict[str, Any], kind: str, *, keep: str = "", skip: Sequence[str] = ()) -> Iterator[str]:
    """Shares of an event in words; those of zero are not shown, but for `keep`."""
    for key, share in event.items():
        name = key.removeprefix(kind)
        if key.startswith(kind) and (share > 0 or name == keep) and name not in skip:
            yield f"{name if kind == 'end/' else name.replace('_', ' ')} {share:.0%}"
