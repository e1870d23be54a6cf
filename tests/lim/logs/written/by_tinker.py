"""Write `tinker/` beside this file, by the Tinker cookbook's own training loop.

    python by_tinker.py      in an environment of its own, with tinker-cookbook==0.6.1

Its loop makes rollouts, evaluates and writes; only the model and the optimiser are stood in for. `run.json` says
which samples there are. Not run by the tests, which read what is here (packed, without HTML).
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import tinker
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.renderers import Message
from tinker_cookbook.rl import metric_util, rollouts, train
from tinker_cookbook.rl.metric_util import RLTestSetEvaluator
from tinker_cookbook.rl.problem_env import ProblemEnv, ProblemGroupBuilder
from tinker_cookbook.stores.storage import LocalStorage
from tinker_cookbook.stores.training_store import TrainingRunStore

HERE = Path(__file__).parent
SUFFIX = " Write your answer in \\boxed{} format."
Answers = dict[int, Iterator[float | None]]  # prompt → the rewards of its samples to come; None: the rollout fails


class Renderer:
    """What a problem needs of a renderer."""

    def get_stop_sequences(self) -> list[int]:
        return [0]

    def build_generation_prompt(self, messages: list[Message]) -> tinker.ModelInput:
        return tinker.ModelInput.from_ints(list(range(sum(len(str(turn["content"])) for turn in messages))))

    def parse_response(self, tokens: list[int]) -> tuple[Message, Any]:
        message: Message = {"role": "assistant", "content": f"<think> & \\boxed{{{tokens[0]}}}"}
        return message, SimpleNamespace(is_stop_sequence=True, is_clean=True)


class Problem(ProblemEnv):
    log_ids = False

    def __init__(self, prompt: int, question: str, answers: Answers) -> None:
        super().__init__(Renderer(), [{"role": "system", "content": "Be brief."}])  # pyright: ignore
        self.prompt, self.question, self.answers = prompt, question, answers

    def get_question(self) -> str:
        return self.question + SUFFIX

    def check_format(self, sample_str: str) -> bool:
        return True

    def check_answer(self, sample_str: str) -> Any:
        reward = next(self.answers[self.prompt])
        if reward is None:
            raise RuntimeError("the grader did not answer")
        return reward

    async def step(self, action: Any, *, extra: Any = None) -> Any:
        result = await super().step(action, extra=extra)
        result.logs |= {"prompt_id": f"q{self.prompt}"} if self.log_ids else {}
        return result

    def get_reference_answer(self) -> str:
        return str(self.prompt)


class Policy:
    """An answer of one token, after as many rounds of the event loop as its place asks for."""

    count = itertools.count()

    def __init__(self, *given: Any, **named: Any) -> None: ...

    async def __call__(self, model_input: Any, stop: Any) -> TokensWithLogprobs:
        number = next(self.count)
        for _ in range(7 * number % 5):
            await asyncio.sleep(0)
        return TokensWithLogprobs(tokens=[number], maybe_logprobs=[0.0], stop_reason="stop")


class Batches:
    def __init__(self, batches: Sequence[Sequence[ProblemGroupBuilder]]) -> None:
        self.batches = batches

    def get_batch(self, index: int) -> Sequence[ProblemGroupBuilder]:
        return self.batches[index]

    def __len__(self) -> int:
        return len(self.batches)


class Checkpoints:
    def should_save_periodic(self, step: int) -> bool:
        return False

    async def maybe_save_rolling_async(self, **given: Any) -> None: ...


class Client:
    """A trainer whose weights are always there."""

    def create_sampling_client(self, *given: Any, **named: Any) -> Any:
        return SimpleNamespace(result=lambda: None)

    async def save_weights_and_get_sampling_client(self, **named: Any) -> None: ...


async def no_training(*given: Any, **named: Any) -> Any:
    return None, {}


async def no_checkpoint(**named: Any) -> dict[str, str]:
    return {"sampler_path": ""}


async def streamed(config: Any, i_batch: int, queue: Any, *given: Any, **named: Any) -> Any:
    """All groups of a batch in the order in which they end, as the loop with minibatches takes them."""
    groups = [await queue.get() for _ in range(config.stream_minibatch_config.groups_per_batch)]
    return None, {}, [group for group in groups if group is not None]


def builders(
    questions: Sequence[str], steps: dict[int, list[dict[str, Any]]], answers: Answers
) -> list[list[ProblemGroupBuilder]]:
    """The batches, a group for each prompt of a step; `answers` gets the rewards in the order of the steps."""
    rewards: dict[int, list[float | None]] = {}
    batches = []
    for rows in steps.values():
        groups = []
        for prompt in dict.fromkeys(row["prompt"] for row in rows):
            own = [row["reward"] for row in rows if row["prompt"] == prompt]
            rewards.setdefault(prompt, []).extend(own)
            thunk = lambda prompt=prompt: Problem(prompt, questions[prompt], answers)  # noqa: E731
            groups.append(ProblemGroupBuilder(thunk, len(own), "sums"))
        batches.append(groups)
    answers |= {prompt: iter(own) for prompt, own in rewards.items()}
    return batches


def evaluator(questions: Sequence[str]) -> RLTestSetEvaluator:
    answers: Answers = {prompt: itertools.repeat(1.0) for prompt in range(len(questions))}
    groups = [
        ProblemGroupBuilder(lambda prompt=prompt: Problem(prompt, questions[prompt], answers), 1, "sums")
        for prompt in range(len(questions))
    ]
    found: Any = RLTestSetEvaluator.__new__(RLTestSetEvaluator)
    values = {"env_group_builders_P": groups, "max_tokens": 9, "name": "sums", "num_groups_to_log": 99}
    vars(found).update(values, strategy=None, last_result=None)
    return found


def write(
    folder: Path,
    questions: Sequence[str],
    steps: dict[int, list[dict[str, Any]]],
    *,
    loop: str = "do_sync_training",
    start: int = 0,
    strategy: Any = None,
    **options: Any,
) -> None:
    """A run's folder. `steps`: number → samples with `prompt` and `reward`; `options` are the trainer's."""
    train.save_checkpoint_and_get_sampling_client = no_training
    train.do_train_step_and_get_sampling_client = no_training
    train.checkpoint_utils.save_checkpoint_async = no_checkpoint
    train.do_train_step_streaming_and_get_sampling_client = streamed
    rollouts.TinkerTokenCompleter = metric_util.TinkerTokenCompleter = Policy  # pyright: ignore
    answers: Answers = {}
    batches = builders(questions, steps, answers)
    size = max(map(len, batches))
    defaults: dict[str, Any] = {
        "num_groups_to_log": 99,
        "rollout_json_export": True,
        "remove_constant_reward_groups": False,
    }
    defaults |= {"max_tokens": 9, "temperature": 1.0, "learning_rate": 1e-5, "span_chart_every": 0, "ttl_seconds": 0}
    config: Any = SimpleNamespace(**({"log_path": str(folder), "eval_every": 2} | defaults | options))
    config.effective_termination, config.records_stability_info = lambda: None, lambda: False
    config.stream_minibatch_config = SimpleNamespace(groups_per_batch=size) if loop.endswith("minibatch") else None
    config.async_config = SimpleNamespace(groups_per_batch=size, max_steps_off_policy=1)
    store = TrainingRunStore(LocalStorage(folder))
    logger: Any = SimpleNamespace(store=store, log_metrics=store.write_metrics, log_summary=lambda metrics: None)
    logger.log_metrics_event, logger.enable_event_steps = lambda *given, **named: None, lambda: None
    evaluators = [evaluator(questions[::2])] if config.eval_every else []
    training = getattr(train, loop)(
        start_batch=start,
        end_batch=len(batches),
        num_batches=len(batches),
        config=config,
        training_client=Client(),
        kl_reference_client=None,
        evaluators=evaluators,  # pyright: ignore
        dataset=Batches(batches),  # pyright: ignore
        ml_logger=logger,
        tokenizer=None,  # pyright: ignore
        strategy=strategy,
        checkpoint_mgr=Checkpoints(),  # pyright: ignore
    )
    asyncio.run(training)


def main() -> None:
    os.chdir(HERE)  # the reports name their paths
    made = json.loads(Path("run.json").read_text())
    folder = Path("tinker")
    shutil.rmtree(folder, ignore_errors=True)
    steps: dict[int, list[dict[str, Any]]] = {}
    for sample in made["samples"]:
        steps.setdefault(sample["step"], []).append(sample)
    write(folder, made["questions"], steps)
    for path in [*folder.glob("*.jsonl"), *folder.glob("*/*.html"), *folder.glob("*/eval_*_logtree.json")]:
        path.unlink()
    for path in folder.glob("*/*.json*"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()


if __name__ == "__main__":
    main()
