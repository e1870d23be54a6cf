"""Write `verl_v1/`, `verl/` and `areal/` beside this file, by verl's and AReaL's own code.

    python by_trainers.py      in an environment of its own, with verl==0.9.1, areal==1.0.4 and torch for CPU

Rollouts of a small run are handed to the methods that dump them: what is written, and how it is decoded, is the
trainers'. `run.json` says which samples there are. Not run by the tests, which read what is here.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from areal.infra.workflow_executor import WorkflowExecutor
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.trainer.ppo.ray_trainer import RayPPOTrainer
from verl.trainer.ppo.v1 import trainer_base

HERE = Path(__file__).parent
QUESTIONS = [f"What is {number} + {number * 3 + 1}?\nAnswer with a number." for number in range(8)]
SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
EPOCHS, BATCH, SAMPLES = 3, 4, 4


def tokenizer() -> PreTrainedTokenizerFast:
    """A token per character, and ChatML's marks as special tokens."""
    letters = sorted(set("".join(QUESTIONS)) | set("systemuserassistant.\nBe brief?0123456789"))
    vocabulary = {token: at for at, token in enumerate([*SPECIAL, *letters])}
    base = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    base.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    base.decoder = decoders.Fuse()
    base.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(tokenizer_object=base, pad_token=SPECIAL[0])


def samples() -> list[dict[str, Any]]:
    draw = random.Random(3)
    found = []
    for epoch in range(EPOCHS):
        for place, prompt in enumerate(draw.sample(range(len(QUESTIONS)), len(QUESTIONS))):
            step = epoch * len(QUESTIONS) // BATCH + place // BATCH + 1
            for number in range(SAMPLES):
                right = draw.random() < 0.1 + 0.1 * prompt * (epoch + 1) / EPOCHS
                sample = {"step": step, "epoch": epoch + 1, "prompt": prompt, "number": number}
                found.append(sample | {"reward": float(right)})
    return found


def encoded(tokens: PreTrainedTokenizerFast, rows: list[dict[str, Any]]) -> tuple[list[list[int]], list[list[int]]]:
    start, end = "<|im_start|>", "<|im_end|>"
    before, after = f"{start}system\nBe brief.{end}\n{start}user\n", f"{end}\n{start}assistant\n"
    prompts = [f"{before}{QUESTIONS[row['prompt']]}{after}" for row in rows]
    answers = [f"{row['number'] + row['prompt']}{end}" for row in rows]
    return [tokens.encode(text) for text in prompts], [tokens.encode(text) for text in answers]


def padded(rows: list[list[int]], *, left: bool = False) -> torch.Tensor:
    size = max(map(len, rows))
    return torch.tensor([[0] * (size - len(row)) * left + row + [0] * (size - len(row)) * (not left) for row in rows])


@contextmanager
def dumping(kind: Any, tokens: PreTrainedTokenizerFast, step: int) -> Iterator[Any]:
    """What verl's methods need of a trainer; all is written when it ends."""
    trainer: Any = SimpleNamespace(global_steps=step, tokenizer=tokens, _dump_futures=[])
    trainer._write_generations = kind._write_generations
    trainer._dump_generations = lambda **given: kind._dump_generations(trainer, **given)
    with ThreadPoolExecutor(1) as trainer._dump_executor:
        yield trainer
        for future in trainer._dump_futures:
            future.result()


def verl(tokens: PreTrainedTokenizerFast, step: int, rows: list[dict[str, Any]]) -> None:
    prompts, answers = encoded(tokens, rows)
    rewards = torch.zeros(len(rows), max(map(len, answers)))
    rewards[:, -1] = torch.tensor([row["reward"] for row in rows])
    gold = np.array([{"ground_truth": str(row["prompt"])} for row in rows], object)
    batch = DataProto.from_dict(
        {"prompts": padded(prompts, left=True), "responses": padded(answers), "token_level_scores": rewards},
        non_tensors={"reward_model": gold},
    )
    extras = {"acc": np.array([row["reward"] == 1 for row in rows]), "seconds": [float("nan")] * len(rows)}
    with dumping(RayPPOTrainer, tokens, step) as trainer:
        RayPPOTrainer._log_rollout_data(trainer, batch, extras, {}, str(HERE / "verl"))


def verl_v1(tokens: PreTrainedTokenizerFast, step: int, rows: list[dict[str, Any]]) -> None:
    """An agent loop: every second sample has a second output, whose prompt holds the first."""
    outputs = []
    for row, prompt, answer in zip(rows, *encoded(tokens, rows), strict=True):
        uid = f"{step:08x}-0000-4000-8000-{row['prompt']:012x}_{row['number']}"
        outputs.append((f"{uid}_0", prompt, answer, row))
        if row["number"] % 2:
            outputs.append((f"{uid}_1", prompt + answer + tokens.encode("\nuser\n7\nassistant\n"), answer, row))
    keys = [key for key, *_ in outputs]

    def column(at: int) -> torch.Tensor:
        return torch.nested.nested_tensor([torch.tensor(output[at]) for output in outputs])

    gold = np.array([{"ground_truth": str(row["prompt"])} for *_, row in outputs], object)
    scores = torch.tensor([[0.0, row["reward"]] for *_, row in outputs])
    data: dict[str, Any] = {"uid": np.array(keys), "prompts": column(1), "responses": column(2)}
    data |= {"rm_scores": scores, "reward_model": gold}
    trainer_base.tq = SimpleNamespace(kv_batch_get=lambda **given: data)
    batch: Any = SimpleNamespace(keys=keys, partition_id="train")
    with dumping(trainer_base.PPOTrainer, tokens, step) as trainer:
        trainer_base.PPOTrainer._log_rollout_data(trainer, batch, {}, str(HERE / "verl_v1"))


def areal(tokens: PreTrainedTokenizerFast, step: int, rows: list[dict[str, Any]]) -> None:
    executor: Any = SimpleNamespace(_get_dump_dir=lambda _: str(HERE / "areal"), _get_tokenizer=lambda: tokens)
    for prompt in dict.fromkeys(row["prompt"] for row in rows):
        group = [row for row in rows if row["prompt"] == prompt]
        pairs = list(zip(*encoded(tokens, group), strict=True))
        ids = padded([one + two for one, two in pairs])
        trajectory = {
            "input_ids": ids,
            "attention_mask": padded([[1] * (len(one) + len(two)) for one, two in pairs]),
            "loss_mask": padded([[0] * len(one) + [1] * len(two) for one, two in pairs]),
            "rewards": torch.tensor([row["reward"] for row in group]),
            "versions": torch.full_like(ids, step - 1),
        }
        dump = WorkflowExecutor._dump_trajectory(executor, trajectory, step * 100 + prompt, False)
        done, why = asyncio.run(dump)
        assert done, why


def main() -> None:
    tokens, run = tokenizer(), samples()
    for name in ("verl", "verl_v1", "areal"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / "run.json").write_text(json.dumps({"questions": QUESTIONS, "samples": run}) + "\n")
    for step in sorted({sample["step"] for sample in run}):
        rows = [sample for sample in run if sample["step"] == step]
        verl(tokens, step, rows)
        verl_v1(tokens, step, rows)
        areal(tokens, step, rows)


if __name__ == "__main__":
    main()
