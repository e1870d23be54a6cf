"""The Tinker cookbook's reports of training iterations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from lim.logs.files import LogFile, read_bytes
from lim.logs.formats import ReadOptions
from lim.logs.messages import prompt_text
from lim.logs.rows import FIX, decode_rows, group, no_surrogates, tidy
from lim.logs.step import StepRewards
from lim.utils.errors import InputError

REPORT = "train_logtree.json"
SUMMARIES = "train_rollout_summaries.jsonl"  # rewards, without prompts
SUMMARY: dict[str, Any] = {"group_idx": int, "total_reward": float}
DETAILS, TOTAL = "Trajectory Details", "total_return"
LOG_ALL = "train with num_groups_to_log (default: 4) of at least the groups of a batch"
LOG_IDS = (
    "let the environment return its prompt's id, StepResult(logs={'prompt_id': …}), and give "
    "--id_column steps.0.logs.prompt_id --reward_column total_reward --step_column iteration"
)


class Node(msgspec.Struct, gc=False):
    """An element of the report. What an environment logs as data is not HTML."""

    tag: str
    attrs: dict[str, str] = {}
    children: list[Node | str] = []
    data: dict[str, Any] | None = None


class Report(msgspec.Struct, gc=False):
    root: Node


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """`iteration_<n>/train_logtree.json`: a section for each group of rollouts, with its prompt and its rewards.

    They are shown there to three decimals. The summaries beside it have all decimals, but not the prompts; if
    minibatches are streamed they are in another order, and may lack groups of equal rewards. A group that failed has
    no rewards. Raises InputError where the report lacks groups of the summaries, or the iteration was interrupted.
    """
    root = _root(file, filesystem)
    if any(node.attrs.get("class") == "lt-exc" for node in _nodes(root)):
        raise InputError(f"{file.path}: its iteration was interrupted, so rollouts are missing; {FIX}")
    groups = [body for title, body in _sections(root) if title == "Group Rollout"]
    shown = [_shown(file, number, body) for number, body in enumerate(groups, 1)]
    prompts: list[str] = []
    rewards: list[float | None] = []
    for number, (body, own) in enumerate(zip(groups, _exact(file, filesystem, shown), strict=True), 1):
        its = list(dict.fromkeys(_prompts(body)))
        if own and len(its) != 1:
            what = f"{len(its)} prompts" if its else "no prompt (a section of that name with a conversation)"
            raise InputError(f"{file.path}: the rollouts of group {number} logged {what}; {LOG_IDS}")
        if its:
            rewards += own or [None]
            prompts += its[:1] * max(1, len(own))
    return group(
        file, prompts, rewards, bytes_read=file.size, keep_samples=options.keep_samples, reward="total_return"
    )


def _root(file: LogFile, filesystem: Any) -> Node:
    data = read_bytes(file.path, filesystem)
    try:
        return msgspec.json.decode(data, type=Report).root
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:  # NaN or half of a surrogate pair
        return msgspec.convert(no_surrogates(json.loads(data.decode("utf-8", "replace"))), Report).root
    except json.JSONDecodeError:
        raise InputError(f"{file.path}: not complete JSON; {FIX}") from None
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"{file.path}: not a report of the Tinker cookbook ({tidy(error)}); {FIX}") from None


def _nodes(node: Node) -> Iterator[Node]:
    return (child for child in node.children if isinstance(child, Node))


def _sections(node: Node) -> Iterator[tuple[str, Node]]:
    """The titles and bodies of the sections directly in a node."""
    for section in _nodes(node):
        parts = list(_nodes(section))
        if section.tag == "section" and len(parts) > 1:
            yield "".join(part for part in parts[0].children if isinstance(part, str)), parts[1]


def _shown(file: LogFile, number: int, body: Node) -> tuple[str, ...]:
    """The rewards of a group as the report shows them; none where it failed."""
    ended = [part for title, part in _sections(body) if title == DETAILS]
    found = []
    for _, episode in _sections(ended[-1]) if ended else ():
        tables = [node for _, part in _sections(episode) for node in _nodes(part) if node.tag == "table"]
        cells = list(_texts(tables[-1])) if tables else []
        try:
            float(value := cells[cells.index(TOTAL) + 1])
        except (ValueError, IndexError):
            raise InputError(f"{file.path}: group {number}: an episode has no '{TOTAL}'; {FIX}") from None
        found.append(value)
    return tuple(found)


def _texts(node: Node) -> Iterator[str]:
    for child in node.children:
        if isinstance(child, Node):
            yield from _texts(child)
        else:
            yield child


def _prompts(body: Node) -> Iterator[str]:
    """What environments logged as their prompt."""
    for title, part in _sections(body):
        if title == "Prompt":
            found = (prompt_text(node.data.get("messages")) for node in _nodes(part) if node.data is not None)
            yield from filter(None, found)
        elif title != DETAILS:
            yield from _prompts(part)


def _exact(file: LogFile, filesystem: Any, shown: Sequence[tuple[str, ...]]) -> list[list[float]]:
    """The rewards of the groups, from the summaries where these have the group."""
    if not any(shown):
        return [[] for _ in shown]
    packed = next((ending for ending in (".gz", ".zst") if file.path.endswith(ending)), "")
    folder, slash, _ = file.path.rpartition("/")
    beside = LogFile(f"{folder}{slash}{SUMMARIES}{packed}", file.step, 0)
    try:
        read_bytes(beside.path, filesystem, 1)
    except InputError as error:
        raise InputError(
            f"{file.path}: whether it has all groups is told by {SUMMARIES} beside it (rollout_json_export): {error}"
        ) from None
    groups: dict[int, list[float]] = {}
    for row in decode_rows(beside, filesystem, SUMMARY, lines=True):
        groups.setdefault(row.f0, []).append(row.f1)
    left: dict[tuple[str, ...], list[list[float]]] = {}
    for own in groups.values():
        left.setdefault(tuple(f"{reward:.3f}" for reward in own), []).append(own)
    found = [left[own].pop(0) if left.get(own) else [*map(float, own)] for own in shown]
    if lacking := sum(map(len, left.values())):
        complete = sum(map(bool, shown))
        if complete == len(groups):
            raise InputError(
                f"{file.path}: its rewards are not those of {SUMMARIES} beside it, as if two attempts of a run had "
                f"written them; {FIX}"
            )
        raise InputError(
            f"{file.path}: {lacking} of the {len(groups)} groups that {SUMMARIES} beside it has are not in it, so "
            f"their prompts are not known; {LOG_ALL}; or {LOG_IDS}"
        )
    return found
