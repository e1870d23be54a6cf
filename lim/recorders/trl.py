"""Record a training by TRL's GRPOTrainer in this project's reward log.

    trainer = GRPOTrainer(...)                                   # as before
    record(trainer, "data/output/my-run", id_column="id")        # the data set's column with the prompts' ids
    trainer.train()

The reward functions are wrapped, to see what they return, and a callback writes one file per generation batch when
the optimiser step that first trained on it is over: before a checkpoint of that step, and with the pass over the data
that the step is in. Evaluation is not recorded. A batch that is trained on several times (`num_iterations`,
`steps_per_generation`) is written once. A resumed run replaces what was logged after its checkpoint, and the batch
that the checkpoint lies in, which TRL generates anew. Tried with TRL 1.16.0: `scripts/verify_recorders.sh`.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lim.logs.reward_log import step_files, step_path, write_run, write_step
from lim.utils.errors import InputError
from lim.utils.provenance import versions

TRAINER_STEP = "trainer_step"  # key of a file's metadata: the optimiser step that first trained on its samples


def record(trainer: Any, log_dir: str | Path, *, id_column: str = "id") -> None:
    """Have a GRPOTrainer's training write the reward log `log_dir`; call it once, before `trainer.train()`.

    A sample's reward is the sum of its reward functions' values by TRL's weights; NaN, which readers skip and count,
    where all returned None. Raises InputError where prompts have no ids of their own in `id_column`, or where a
    reward is a model, whose values no wrapper sees; when training begins, where `log_dir` has another run's log.
    """
    functions = getattr(trainer, "reward_funcs", None)
    if not functions or not hasattr(trainer, "add_callback"):
        raise InputError(f"{type(trainer).__name__}: has no reward functions to record; pass a GRPOTrainer")
    for function in functions:
        if hasattr(function, "forward"):
            name = type(function).__name__
            raise InputError(f"reward model {name}: cannot be recorded; pass a function that calls it instead")
    _check_ids(trainer, id_column)
    recorder = Recorder(trainer, Path(log_dir), id_column)
    trainer.reward_funcs = [recorder.wrapped(at, function) for at, function in enumerate(functions)]
    trainer.add_callback(recorder)


def _check_ids(trainer: Any, column: str) -> None:
    data = trainer.train_dataset
    names = getattr(data, "column_names", None)
    if names is not None and column not in names:
        raise InputError(
            f"train_dataset: has no column '{column}' (its columns: {', '.join(names)}); name another by id_column, "
            "or number the rows: dataset.add_column('id', range(len(dataset)))"
        )
    if trainer.args.remove_unused_columns:
        raise InputError(f"remove_unused_columns=True keeps '{column}' from reward functions; set it to False")
    if not hasattr(data, "__len__"):  # streamed
        return
    first: dict[str, int] = {}
    for row, value in enumerate(data[column], 1):
        if first.setdefault(_id(value, column), row) != row:
            raise InputError(
                f"train_dataset: rows {first[_id(value, column)]} and {row} have the same '{column}' {value!r}; "
                "each prompt needs an id of its own"
            )


def _id(value: Any, column: str) -> str:
    if isinstance(value, str) or type(value) is int:
        return str(value)
    raise InputError(f"train_dataset: '{column}' is {value!r:.60}; an id is text or a whole number")


@dataclass
class Generation:
    """A batch of completions as this process scored it; `values` by the number of the reward function."""

    ids: list[str]
    values: dict[int, list[Any]] = field(default_factory=dict)


class Recorder:
    """A callback of the trainer, and the wrapper of its reward functions."""

    def __init__(self, trainer: Any, log_dir: Path, id_column: str) -> None:
        self.trainer, self.log_dir, self.id_column = trainer, log_dir, id_column
        self.running = False
        self.scored: list[Generation] = []  # in the optimiser step under way
        # The last batch written: its number, epoch and prompts; and how often the epoch's prompts were sampled.
        self.number, self.epoch, self.ids = 0, 0, list[str]()
        self.samples: Counter[str] = Counter()
        self.midway = False  # resumed between two steps of that batch

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):  # events that say nothing here
            return lambda *_, **__: None
        raise AttributeError(name)

    # The reward functions.

    def wrapped(self, at: int, function: Callable[..., Any]) -> Callable[..., Any]:
        """The reward function number `at`, noting what it returns; one that is a coroutine stays one."""
        if _is_async(function):

            @functools.wraps(function)
            async def scored_later(*args: Any, **given: Any) -> list[Any]:
                values = list(await function(*args, **given))
                self._note(at, given, values)
                return values

            return scored_later

        @functools.wraps(function)
        def scored(*args: Any, **given: Any) -> list[Any]:
            values = list(function(*args, **given))
            self._note(at, given, values)
            return values

        return scored

    def _note(self, at: int, given: dict[str, Any], values: list[Any]) -> None:
        if not (self.running and self.trainer.model.training):  # TRL's own sign of evaluation
            return
        if not self.scored or at in self.scored[-1].values:
            if self.id_column not in given:
                raise InputError(f"train_dataset: has no column '{self.id_column}' for the prompts' ids")
            self.scored.append(Generation([_id(value, self.id_column) for value in given[self.id_column]]))
        self.scored[-1].values[at] = values

    # The trainer's events.

    def on_train_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> None:
        restarted, self.running = self.running, True  # by TRL itself, with a smaller batch
        self.scored.clear()
        if state.global_step and not hasattr(self.trainer.train_dataset, "__len__"):
            raise InputError("a resumed run of a streamed data set: which pass over the data it is in is not known")
        if self.trainer.accelerator.is_main_process:
            if not state.global_step and not restarted and self.log_dir.is_dir() and step_files(self.log_dir):
                raise InputError(f"{self.log_dir}: holds a run's log already; name another folder, or remove it")
            self._take_up(state.global_step)
            self.midway = False
            if state.global_step:
                steps_per_pass = -(-len(train_dataloader) // args.gradient_accumulation_steps)
                done = state.global_step % steps_per_pass * args.gradient_accumulation_steps
                self.midway = done % (args.steps_per_generation * args.num_iterations) > 0
            self._write_run()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        scored, self.scored = self.scored, []
        epoch = math.ceil(state.epoch)  # the share of the passes that is done, this step included
        for generation in scored:
            rows = list(zip(generation.ids, self._rewards(generation), strict=True))
            if self.trainer.accelerator.num_processes > 1:
                from accelerate.utils import gather_object

                rows = gather_object(rows)
            if self.trainer.accelerator.is_main_process:
                self._write(rows, epoch, state.global_step)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.running = False

    def _rewards(self, generation: Generation) -> list[float]:
        """Sums by weight, as TRL has them: in 32 bits, None counting as not given; NaN where all are None."""
        weights_F = [float(weight) for weight in self.trainer.reward_weights]
        if len(generation.values) != len(weights_F):
            raise InputError(f"{len(generation.values)} of {len(weights_F)} reward functions were called in a step")
        values_F_R = np.array(
            [
                [np.nan if value is None else float(value) for value in generation.values[at]]
                for at in range(len(weights_F))
            ],
            np.float32,
        )
        sums_R = np.nansum(values_F_R * np.array(weights_F, np.float32)[:, None], axis=0)
        return np.where(np.isnan(values_F_R).all(axis=0), np.float32(np.nan), sums_R).tolist()

    # The log, in the main process.

    def _take_up(self, trainer_step: int) -> None:
        """Remove what was logged after a step, and find out where the log stands."""
        self.number, self.epoch, self.ids, self.samples = 0, 0, [], Counter()
        kept = []
        for number, path in step_files(self.log_dir) if self.log_dir.is_dir() else []:
            step = (pq.read_schema(path).metadata or {}).get(TRAINER_STEP.encode())
            if step is None:
                raise InputError(f"{path}: was not written by this recorder; name another folder")
            if int(step) > trainer_step:
                path.unlink()
            else:
                kept.append(number)
        for number in reversed(kept):
            with pq.ParquetFile(step_path(self.log_dir, number)) as file:
                table = file.read(columns=["prompt_id", "epoch"])
            epoch, ids = table["epoch"][0].as_py(), table["prompt_id"].to_pylist()
            if number == kept[-1]:
                self.number, self.epoch, self.ids = number, epoch, ids
            if epoch != self.epoch:
                break
            self.samples.update(ids)

    def _write(self, rows: Sequence[tuple[str, float]], epoch: int, trainer_step: int) -> None:
        ids, rewards = [id for id, _ in rows], [reward for _, reward in rows]
        # Resumed between two steps of a batch, TRL generates for the same prompts again.
        again = self.midway and epoch == self.epoch and sorted(ids) == sorted(self.ids)
        self.midway = False
        if all(map(math.isnan, rewards)):
            return
        if again:
            self.samples.subtract(self.ids)
        if epoch != self.epoch:
            self.samples.clear()
        numbers = []
        for id in ids:
            numbers.append(self.samples[id])
            self.samples[id] += 1
        self.number, self.epoch, self.ids = self.number + (not again), epoch, ids
        columns = {"prompt_id": ids, "sample": numbers, "reward": rewards}
        columns |= {"epoch": [epoch] * len(ids), "step": [self.number] * len(ids)}
        write_step(self.log_dir, self.number, columns, metadata={TRAINER_STEP: str(trainer_step)})

    def _write_run(self) -> None:
        args = self.trainer.args
        names = getattr(self.trainer, "reward_func_names", None) or []
        run = {
            "trainer": "trl",
            "id_column": self.id_column,
            "reward_functions": list(names),
            "reward_weights": [float(weight) for weight in self.trainer.reward_weights],
            "num_generations": args.num_generations,
            "num_iterations": args.num_iterations,
            "processes": self.trainer.accelerator.num_processes,
            "packages": versions(("trl", "transformers", "accelerate", "torch", "datasets")),
        }
        write_run(self.log_dir, run)


def _is_async(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
