"""A run's trainer without OpenRLHF, Ray or vLLM below it: made-up rewards, states in one small file.

`main(FLAGS)` takes the flags and the environment that train.launch hands over, in a process that the test forks.

LIM_TEST_KILL=POINT:N ends the process with SIGKILL when POINT is reached for the N-th time: `step` (a step is logged,
its checkpoint is not written), `scores` (a choice's scores are being written), `record` (a choice is about to be
recorded), `report` (its report is about to be made). LIM_TEST_TRY changes the rewards, as another try at a step does.
A choice's report is made where LIM_TEST_REPORT is set. With LIM_TEST_LOOP the loops
are those of the installed OpenRLHF.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import torch

import lim.output
from lim.utils.files import write_json
from train.ppo import samples
from train.ppo.choosing import ChoosingOrder
from train.ppo.trainer import trainer_class
from train.recipe import recipe
from train.run import environment

reached: Counter[str] = Counter()


def kill_at(point: str) -> None:
    reached[point] += 1
    if os.environ.get("LIM_TEST_KILL") == f"{point}:{reached[point]}":
        os.kill(os.getpid(), signal.SIGKILL)


def sample(label: str, epoch: int, number: int) -> SimpleNamespace:
    """A sample that is right with a probability that grows over the epochs, for some prompts faster."""
    id = json.loads(label)["id"]
    text = f"{id}/{epoch}/{number}/{os.environ.get('LIM_TEST_TRY', '')}"
    draw, speed = (int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32 for key in (text, id))
    right = draw < 0.1 + speed * epoch / 6
    return SimpleNamespace(
        labels=[label],
        rewards=torch.tensor([1.0 if right else -0.5]),
        info={"verdict": torch.tensor([0.0 if right else 1.0])},
        sequences=torch.tensor([[1, 2, 3]]),
        action_mask=torch.tensor([[0, 1]]),
        response_length=torch.tensor([1]),
    )


class Prompts(list):
    @staticmethod
    def collate_fn(items):
        return tuple(map(list, zip(*items, strict=True)))


class Base:
    """Stands in for OpenRLHF's trainer: its loop over episodes, with states kept in one file."""

    wandb_logger = tensorboard_logger = None

    def init_checkpoint_states(self) -> dict:
        path = self.run_dir / "state.json"
        if self.args.ckpt.load_enable and path.exists():
            return json.loads(path.read_text())
        return {"episode": 0, "global_step": 0, "total_consumed_prompts": 0, "data_loader_state_dict": {}}

    def fit(self, global_step: int = 0) -> None:
        states = self.init_checkpoint_states()
        step, consumed = states["global_step"], states["total_consumed_prompts"]
        if step:
            self.prompts_dataloader.load_state_dict(states["data_loader_state_dict"])
        for episode in range(states["episode"], self.args.train.num_episodes):
            walk, more = iter(self.prompts_dataloader), True
            generate = self.until_the_end(lambda walk: list(itertools.islice(walk, self.args.rollout.batch_size)))
            while more:
                labels = [label for _, _, (label,), _ in generate(walk=walk)]
                consumed += len(labels)
                more = len(labels) == self.args.rollout.batch_size
                rollout = self.answers(labels)
                if not rollout:
                    break
                status, step = self.train_step(rollout, step)
                state = self.prompts_dataloader.state_dict()
                states = {"episode": episode, "global_step": step, "data_loader_state_dict": state}
                states["total_consumed_prompts"] = consumed
                self.save_logs_and_checkpoints(step, status, states)

    def answers(self, labels: list[str]) -> list[SimpleNamespace]:
        epoch, count = self.prompts_dataloader.epoch + 1, self.args.rollout.n_samples_per_prompt
        return [sample(label, epoch, number) for label in labels for number in range(count)]

    def train_step(self, _samples: list, step: int) -> tuple[dict, int]:
        if self.args.algo.kl.target:  # as OpenRLHF's AdaptiveKLController
            self.kl_ctl.value *= 1.05
        return {}, step + 1

    def _compute_rollout_stats(self, _samples: list) -> dict:
        return {}

    def save_logs_and_checkpoints(self, step: int, _logs: dict, states: dict) -> None:
        self.writer.wait()
        kill_at("step")
        if step % self.args.ckpt.save_steps == 0:
            write_json(self.run_dir / "state.json", states)


def openrlhfs_loop() -> type[Base]:
    """The stand-in with the installed OpenRLHF's own loops over episodes and batches, but no engines."""
    from openrlhf.trainer.ppo_trainer import PPOTrainer
    from openrlhf.trainer.ppo_utils import samples_generator

    class Generator(samples_generator.SamplesGenerator):
        def _generate_vllm(self, dataloader_iter, num_prompts, dynamic_filtering, **_):
            _, labels, _, exhausted = samples_generator._collect_prompt_batch(dataloader_iter, num_prompts)
            return self.answers(labels), len(labels), exhausted

    class Loop(Base):
        fit = PPOTrainer.__ray_metadata__.modified_class.fit
        eval_dataloader = None

        def restore_best_checkpoint_state(self, _states: dict) -> None:
            self.generate_kwargs = {}
            self.samples_generator = Generator(
                SimpleNamespace(args=self.args), self.prompts_dataloader, None, self.tokenizer, []
            )
            self.samples_generator.answers = self.answers
            self.samples_generator.generate_samples = self.until_the_end(self.samples_generator.generate_samples)

        def broadcast_to_vllm(self) -> None:
            pass

    return Loop


def main(flags: list[str]) -> int:
    parsed = recipe.openrlhf_parser().parse_args(flags)
    args = SimpleNamespace()
    for name, value in vars(parsed).items():
        *groups, last = name.split(".")
        place = args
        for group in groups:
            if not hasattr(place, group):
                setattr(place, group, SimpleNamespace())
            place = getattr(place, group)
        setattr(place, last, value)
    rows = [json.loads(line) for line in Path(args.data.prompt_dataset).read_text().splitlines()]
    data = Prompts(("set", row["messages"][-1]["content"], row["label"], None) for row in rows)

    base = openrlhfs_loop() if os.environ.get("LIM_TEST_LOOP") else Base
    trainer = object.__new__(trainer_class(base))
    trainer.args, trainer.environment = args, environment.read()
    trainer.run_dir = Path(trainer.environment.run_dir)
    trainer.writer = samples.StepWriter(trainer.run_dir)
    trainer.step_seconds = []
    trainer.kl_ctl = SimpleNamespace(value=args.algo.kl.init_coef)
    trainer.tokenizer = SimpleNamespace(batch_decode=lambda rows, **_: ["x"] * len(rows))
    trainer.settle_checkpoint = lambda _step: None
    place = trainer.environment.select_from
    seed = trainer.environment.seed
    if place:
        trainer.choosing = ChoosingOrder(data, seed, trainer.run_dir, place, args, trainer.writer.wait)
    trainer.prompts_dataloader = trainer.choosing or samples.EpochOrder(data, seed)

    for owner, name, point in (
        (lim.output, "write_scores", "scores"),
        (ChoosingOrder, "record", "record"),
        (ChoosingOrder, "report", "report"),
    ):
        original = getattr(owner, name)

        def killing(*arguments, original=original, point=point):
            kill_at(point)
            if point != "report" or os.environ.get("LIM_TEST_REPORT"):
                original(*arguments)

        setattr(owner, name, killing)
    trainer.fit()
    print("scheduler steps", trainer.get_max_steps() if place else "OpenRLHF's")
    return 0
