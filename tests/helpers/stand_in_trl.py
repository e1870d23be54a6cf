"""A stand-in for TRL's GRPOTrainer: the order of its calls, as read in TRL 1.16.0 and transformers 5.15.0, no model.

A pass cuts the shuffled prompts into generation batches; a last one that is not full is dropped. Each batch comes
`num_iterations × steps_per_generation` times from the data loader, once per micro-step. Completions are generated,
and the reward functions called, at the first of so many micro-steps since the process began, within an optimiser
step; then come the step's number and epoch, `on_step_end`, evaluation (the same functions, the model in evaluation
mode), and the checkpoint. A resumed process skips the batches that were trained on; it has nothing generated, and
shuffles as in the first pass.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class Data(dict):
    """Columns, as a `datasets.Dataset` has them."""

    @property
    def column_names(self) -> list[str]:
        return list(self)

    def __len__(self) -> int:
        return len(next(iter(self.values())))


class Killed(Exception):
    """The process ends here."""


@dataclass
class StandIn:
    """`scored` holds what reward functions were called for in training: (pass, ids, step under way)."""

    reward_funcs: list[Callable[..., Any]]
    train_dataset: Any
    per_batch: int = 2  # prompts
    num_generations: int = 2
    num_iterations: int = 1
    steps_per_generation: int = 1
    accumulation: int = 1
    passes: int = 2
    eval_steps: int = 0
    eval_ids: Sequence[Any] = ("e1",)
    kill_at: int = 0  # in the midst of this step
    seed: int = 0
    reward_weights: Sequence[float] = ()
    scored: list[tuple[int, list[Any], int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reward_weights = self.reward_weights or [1.0] * len(self.reward_funcs)
        self.reward_func_names = [getattr(one, "__name__", type(one).__name__) for one in self.reward_funcs]
        self.args = SimpleNamespace(
            remove_unused_columns=False,
            num_generations=self.num_generations,
            num_iterations=self.num_iterations,
            steps_per_generation=self.steps_per_generation,
            gradient_accumulation_steps=self.accumulation,
        )
        self.accelerator = SimpleNamespace(is_main_process=True, num_processes=1)
        self.model = SimpleNamespace(training=False)
        self.state = SimpleNamespace(global_step=0, epoch=0)
        self.callbacks: list[Any] = []
        self.rows = self.train_dataset
        self.per_pass = self.first = 0  # micro-steps in a pass, and those of the first that were skipped

    def add_callback(self, callback: Any) -> None:
        self.callbacks.append(callback)

    def event(self, name: str) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(self.args, self.state, SimpleNamespace(), train_dataloader=range(self.per_pass))

    def evaluate(self) -> None:
        self.model.training = False
        self.score(list(self.eval_ids))
        self.event("on_evaluate")

    def score(self, ids: list[Any]) -> None:
        columns = {name: [self.row(name, id) for id in ids] for name in self.rows}
        given = columns | {"prompts": ids, "completions": ["x"] * len(ids), "trainer_state": self.state}
        later = [one for one in self.reward_funcs if inspect.iscoroutinefunction(one)]
        for function in self.reward_funcs:
            if function not in later:
                assert len(function(**given)) == len(ids)

        async def all_of_them() -> None:
            await asyncio.gather(*(function(**given) for function in later))

        asyncio.run(all_of_them())

    def row(self, name: str, id: Any) -> Any:
        ids = next(iter(self.rows.values()))
        return self.rows[name][ids.index(id)] if id in ids else id

    def train(self, resume_at: int = 0) -> None:
        """Train to the end, from the checkpoint of a step where one is given."""
        every = self.num_iterations * self.steps_per_generation
        ids, shuffle = list(next(iter(self.rows.values()))), random.Random(self.seed)
        chunks = len(ids) // self.per_batch
        self.per_pass = per_pass = chunks * every
        steps_per_pass = -(-per_pass // self.accumulation)
        self.state.global_step, self.state.epoch = resume_at, resume_at / steps_per_pass
        self.event("on_train_begin")
        first, since = resume_at // steps_per_pass, 0
        for epoch in range(first, self.passes):
            self.event("on_epoch_begin")
            order = shuffle.sample(ids, len(ids))
            skipped = resume_at % steps_per_pass * self.accumulation if epoch == first else 0
            self.first = skipped if epoch == first else self.first
            for step in range(skipped, per_pass):
                if step % self.accumulation == 0:
                    self.event("on_step_begin")
                self.model.training = True
                if since % every == 0:
                    at = step // every * self.per_batch
                    batch = [id for id in order[at : at + self.per_batch] for _ in range(self.num_generations)]
                    if self.kill_at and self.state.global_step + 1 == self.kill_at:
                        raise Killed
                    self.score(batch)
                    self.scored.append((epoch + 1, batch, self.state.global_step + 1))
                since += 1
                if (step + 1) % self.accumulation and step + 1 < per_pass:
                    self.event("on_substep_end")
                    continue
                self.state.global_step += 1
                self.state.epoch = epoch + (step + 1) / per_pass
                self.event("on_step_end")
                if self.eval_steps and self.state.global_step % self.eval_steps == 0:
                    self.evaluate()
            self.event("on_epoch_end")
        self.event("on_train_end")
