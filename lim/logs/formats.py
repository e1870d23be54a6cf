"""The formats of reward logs, one row each; docs/logs.md has the same table for users."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a log that is rows or columns; None where the log has no such column."""

    prompt: str | None = None
    id: str | None = None
    step: str | None = None
    epoch: str | None = None


@dataclass(frozen=True)
class ReadOptions:
    reward_column: str | None = None
    keep_samples: bool = False
    skip_bad_files: bool = False
    columns: Columns = Columns()
    allow: tuple[str, ...] = ()  # kinds of `lim.logs.doubts`
    tokenizer: str | None = None  # for logs that hold token ids in place of text


@dataclass(frozen=True)
class Format:
    """A kind of log. `read` names what reads one file: (LogFile, filesystem, ReadOptions) → its step or steps."""

    name: str
    what: str
    shown: str  # its files, in messages
    pattern: re.Pattern[
        str
    ]  # of a file's path below the log's folder; the group `step`, and `sub` to tell logs apart
    read: str  # module:function, imported when used, so that a worker stays small
    keys: frozenset[str] = frozenset()  # keys of a row, or columns, that tell it from others of such names
    first_step: int | None = None  # None: the first one there is
    has_ids: bool = False
    reward: str | None = None  # what --reward_column replaces; None: the reward is fixed
    evaluates: bool = False  # evaluation may be written to the same files
    many_files: bool = False  # a step may have several files

    @property
    def reader(self) -> Callable[..., Any]:
        module, _, name = self.read.partition(":")
        return getattr(importlib.import_module(f"lim.logs.{module}"), name)


def _format(name: str, what: str, shown: str, pattern: str, read: str, keys: str = "", **more: Any) -> Format:
    return Format(name, what, shown, re.compile(pattern), read, frozenset(keys.split()), **more)


PACKED = r"(?:\.gz|\.zst)?"
FORMATS = {
    format.name: format
    for format in (
        _format(
            "lim",
            "this project's reward log",
            "step_<n>.parquet",
            r"step_(?P<step>\d+)\.parquet",
            "reward_log:read_step",
            "prompt_id epoch reward",
            first_step=1,
            has_ids=True,
        ),
        _format(
            "release",
            "the released LIMR code's JSON",
            "step_<n>.json or train/step_<n>.json",
            rf"(?P<sub>train/)?step_(?P<step>\d+)\.json{PACKED}",
            "release:read",
            "prompt reward",
            first_step=1,
        ),
        _format(
            "verl",
            "verl's rollout_data_dir",
            "<n>.jsonl",
            rf"(?P<step>\d+)\.jsonl{PACKED}",
            "verl:read",
            "input score",
            reward="score",
            evaluates=True,
        ),
        _format(
            "trl",
            "TRL's completions",
            "completions_<n>.parquet or completions/…",
            r"(?P<sub>completions/)?completions_(?P<step>\d+)\.parquet",
            "trl:read",
            "prompt completion",
            reward="its numeric column",
            evaluates=True,
        ),
        _format(
            "one-shot",
            "One-Shot-RLVR's accuracy file",
            "a .json file named itself, or alone in the folder",
            rf"[^/]*\.json{PACKED}",
            "one_shot:read",
            has_ids=True,
        ),
        _format(
            "columns",
            "a table whose columns are named by --prompt_column and the like",
            "any .jsonl, .json, .csv or .parquet",
            r".*(?:(?P<step>\d+)\D*)?\.(?:jsonl|ndjson|json|csv|parquet)(?:\.gz|\.zst)?",
            "columns:read",
            reward="reward",
            evaluates=True,
            many_files=True,
        ),
    )
}
