"""The first real error of a run, in one line: out of Ray's nested exceptions, or out of the processes' output."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable
from pathlib import Path

# Exceptions that say that another process died, not why.
MESSENGERS = (
    "RayTaskError",
    "RayActorError",
    "ActorDiedError",
    "ActorUnavailableError",
    "WorkerCrashedError",
    "OwnerDiedError",
    "ObjectLostError",
    "EngineDeadError",
)
# Ray's "(Name pid=1, ip=…)" and vLLM's "(EngineCore pid=2) ERROR 01-02 03:04:05 [file.py:6]" in front of a line.
PREFIX = re.compile(
    r"^(?:\x1b\[[\d;]*m|\((?:[\w.:]+ )?pid=[^)]*\)|(?:ERROR|INFO|WARNING) [\d-]+ [\d:]+ (?:\[[^]]*\]|\S+\])|\s)+"
)
EXCEPTION = re.compile(r"^(?:[a-z_][\w.]*\.)?([A-Z]\w*(?:Error|Exception|Interrupt|Exit))(?:: (.+))?$")
REWARD = re.compile(r"Failed to fetch reward from remote RM: (.+)$")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def describe(error: BaseException) -> str:
    """An exception as one line: its innermost cause, without Ray's stacks."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "cause", None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    name, whole = type(error).__name__, str(error)
    if (machine := re.search(r"\bip: (\S+)", whole)) and "its node has died" in whole:
        return left(machine[1])
    lines = [COLOUR.sub("", line).strip() for line in whole.splitlines()]
    if name.startswith("RayTaskError") or len(lines) > 3:
        lines = [line for line in lines if EXCEPTION.match(line)][-1:] or lines
    actor = re.search(r"class_name: (\w+)", whole)
    if name in MESSENGERS and actor:
        lines = [f"{actor[1]} exited without a message; it was probably killed because memory ran out"]
    text = next((line for line in lines if line), "")
    if EXCEPTION.match(text) or name == "InputError":
        return text.removeprefix("lim.utils.errors.").removeprefix("InputError: ")
    return f"{name}: {text}" if text else name


def left(machine: str) -> str:
    """The line for a machine that is no longer part of the cluster."""
    return (
        f"the machine {machine} left the Ray cluster: it was switched off, its job or scripts/ray_cluster.sh ended, "
        "or the network failed; have it join again and resume with run.resume=true"
    )


def dead_nodes() -> dict[str, str]:
    """Id → address of the nodes that the cluster of RAY_ADDRESS has lost; empty for a Ray of the run's own."""
    if not os.environ.get("RAY_ADDRESS"):
        return {}
    import ray

    try:
        return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if not node["Alive"]}
    except Exception:  # the head itself is gone, or Ray is not connected
        return {}


def describe_in_cluster(error: BaseException, dead_before: Collection[str], seconds: float = 60.0) -> str:
    """`describe`, or the machine that the cluster has lost since `dead_before` (node ids).

    The first error of such a loss names an actor only; Ray counts a node as dead some heartbeats later.
    """
    text = describe(error)
    end = time.monotonic() + (seconds if os.environ.get("RAY_ADDRESS") and is_messenger(text) else 0)
    while True:
        if lost := [machine for node, machine in dead_nodes().items() if node not in dead_before]:
            return left(lost[0])
        if time.monotonic() >= end:
            return text
        time.sleep(1)


def is_messenger(text: str) -> bool:
    """Whether an error's line only says that some other process failed."""
    return any(name in text.split(":")[0] for name in MESSENGERS)


def first_in(lines: Iterable[str]) -> str | None:
    """The first exception in a run's output that is no messenger; a reward function's comes before all."""
    first = None
    for line in lines:
        text = COLOUR.sub("", line).rstrip()
        reward = REWARD.search(text)
        if reward:
            return f"the reward function failed: {reward[1]}"
        if first is None:
            match = EXCEPTION.match(PREFIX.sub("", text))
            if match and not is_messenger(match[1]):
                first = PREFIX.sub("", text)
    return first


def first_real(told: str | None, log: Path, start: int, code: int) -> str:
    """The line to show for a failed run: what the run told, unless its output from byte `start` knows the reason."""
    with open(log, "rb") as file:
        file.seek(start)
        found = first_in(line.decode("utf-8", "replace") for line in file)
    if found and (told is None or is_messenger(told) or found.startswith("the reward function failed")):
        return found
    died = f"the run was killed by signal {-code}" if code < 0 else f"the run ended with exit code {code}"
    return told or f"{died} and said no reason"
