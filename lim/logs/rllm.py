"""rLLM's episodes."""

from __future__ import annotations

import os
from typing import Annotated, Any

import msgspec

from lim.logs.files import LogFile, read_bytes
from lim.logs.formats import ReadOptions
from lim.logs.messages import prompt_text
from lim.logs.rows import FIX, group, tidy
from lim.logs.step import StepRewards
from lim.utils.errors import InputError

TEXTS = ("question", "prompt", "problem", "instruction", "input", "query", "messages")  # of a task, in this order


class Trajectory(msgspec.Struct, gc=False):
    reward: float | None = None


class Episode(msgspec.Struct, gc=False):
    training_step: Annotated[int, msgspec.Meta(ge=-(10**9), le=10**9)]
    epoch: int
    task: Any = None
    task_hash: str = ""
    is_correct: bool | None = None
    trajectories: list[Trajectory] = []


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> StepRewards:
    """`train_step_<s>_epoch_<e>/episode_hash<h>_id<id>.json`: one episode, with its epoch, from 0.

    The reward is the mean of its trajectories', or `is_correct` where `--reward_column` says so. The prompt is the
    task's text, or its hash where it has none.
    """
    if options.reward_column not in (None, "is_correct"):
        raise InputError(f"--reward_column {options.reward_column}: of rLLM's episodes it can only be is_correct")
    try:
        episode = msgspec.json.decode(read_bytes(file.path, filesystem), type=Episode)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file.path}: not an episode ({tidy(error)}); {FIX}") from None
    task = episode.task
    fields = [task.get(name) for name in TEXTS] if isinstance(task, dict) else [task]
    text = next((text for field in fields if (text := prompt_text(field))), episode.task_hash)
    if not text:
        raise InputError(f"{file.path}: the task has no text ({', '.join(TEXTS)}) and no hash; {FIX}")
    rewards = [one.reward for one in episode.trajectories if one.reward is not None]
    reward = sum(rewards) / len(rewards) if rewards else None
    if options.reward_column and episode.is_correct is not None:
        reward = float(episode.is_correct)
    return group(
        file,
        [text],
        [reward],
        step=episode.training_step,
        epochs=[episode.epoch],
        bytes_read=file.size,
        keep_samples=options.keep_samples,
        reward=f"reward of {os.path.basename(file.path)}",
    )
