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
    by_id: bool = False  # the log's own: `Log.by_id`
    keep_places: bool = False  # `LogSummary.places`


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
    spread: bool = False  # a prompt's samples of a step are in the files of several, as they end
    overlaps: bool = False  # a file may begin with what the one before ended with
    prefers: str | None = None  # the folder `sub` that counts where there are several

    @property
    def reader(self) -> Callable[..., Any]:
        module, _, name = self.read.partition(":")
        return getattr(importlib.import_module(f"lim.logs.{module}"), name)


def _format(name: str, what: str, shown: str, pattern: str, read: str, keys: str = "", **more: Any) -> Format:
    return Format(name, what, shown, re.compile(pattern), read, frozenset(keys.split()), **more)


OTHER_NAMES = {"gen_step": "step"}  # of a key: ms-swift on Megatron
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
            overlaps=True,
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
            "prime-rl",
            "prime-rl's episodes",
            "rollouts/step_<n>/train/all/traces.jsonl",
            rf"(?:rollouts/)?step_(?P<step>\d+)/train/(?P<sub>all|effective)/traces\.jsonl{PACKED}",
            "prime_rl:read",
            "task traces",
            reward="all of a trace's rewards",
            spread=True,
            overlaps=True,
            prefers="all",
        ),
        _format(
            "prime-hosted",
            "the results of a hosted prime-rl run",
            "results.jsonl",
            rf"results\.jsonl{PACKED}",
            "prime_rl:read_hosted",
            "problem_id prompt reward step",
            reward="reward",
            evaluates=True,
        ),
        _format(
            "ms-swift",
            "ms-swift's completions",
            "completions.jsonl",
            rf"completions\.jsonl{PACKED}",
            "ms_swift:read",
            "step prompt completion",
            reward="its numeric column",
            evaluates=True,
        ),
        _format(
            "wandb",
            "W&B's tables of completions",
            "completions_<n>_<hash>.table.json, in media/table/ or not",
            r"(?:media/table/)?completions_(?P<step>\d+)_\w+\.table\.json",
            "ms_swift:read",
            "columns data",
            reward="its numeric column",
            evaluates=True,
            many_files=True,
            overlaps=True,
        ),
        _format(
            "nemo-rl",
            "NeMo-RL's training data",
            "train_data_step<n>.jsonl",
            rf"train_data_step(?P<step>\d+)\.jsonl{PACKED}",
            "nemo_rl:read",
            "content rewards",
        ),
        _format(
            "roll",
            "ROLL's rollout dumps",
            "rollout_dump_data.step_<n>.jsonl",
            rf"rollout_dump_data\.step_(?P<step>\d+)\.jsonl{PACKED}",
            "roll:read",
            "prompt scores global_step",
            reward="scores",
            evaluates=True,
        ),
        _format(
            "areal",
            "AReaL's trajectories",
            "<version>/<task>.jsonl",
            rf"(?P<step>\d+)/[^/]+\.jsonl{PACKED}",
            "areal:read",
            "prompt reward tail_version",
            reward="reward",
            many_files=True,
        ),
        _format(
            "open-instruct",
            "open-instruct's rollouts",
            "<run>_rollouts_<n>.jsonl",
            rf"[^/]*_rollouts_\d+\.jsonl{PACKED}",
            "open_instruct:read",
            "step prompt_tokens reward",
            many_files=True,
        ),
        _format(
            "rllm",
            "rLLM's episodes",
            "train_step_<n>_epoch_<k>/episode_….json",
            rf"(?:episodes/)?train_step_(?P<step>\d+)_epoch_\d+/episode_[^/]*\.json{PACKED}",
            "rllm:read",
            "training_step epoch trajectories",
            reward="the trajectories' mean",
            many_files=True,
        ),
        _format(
            "tinker",
            "the Tinker cookbook's reports",
            "iteration_<n>/train_logtree.json",
            rf"iteration_(?P<step>\d+)/train_logtree\.json{PACKED}",
            "tinker:read",
            "title root",
        ),
        _format(
            "columns",
            "a table whose columns are named by --prompt_column and the like",
            "any .jsonl, .json, .csv, .tsv, .parquet or .arrow",
            r".*(?:(?P<step>\d+)\D*)?\.(?:jsonl|ndjson|json|csv|tsv|parquet|arrow|feather)(?:\.gz|\.zst)?",
            "columns:read",
            reward="reward",
            evaluates=True,
            many_files=True,
        ),
    )
}
