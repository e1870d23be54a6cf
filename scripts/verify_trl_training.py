"""One GRPO training of a tiny random model by TRL, recorded: a process of scripts/verify_trl.py.

    python scripts/verify_trl_training.py CASE FOLDER 1|2       the first attempt is killed, the second resumes

The reward functions note in FOLDER/seen.<attempt>.<rank>.jsonl what they are called for and what they give.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.recorders import trl as recorder  # noqa: E402

PASSES, PER_DEVICE = 3, 2
WEIGHTS = [1.0, 0.25]


class Case(NamedTuple):
    prompts: int
    processes: int
    iterations: int  # num_iterations
    per_generation: int  # steps_per_generation
    accumulation: int  # gradient_accumulation_steps
    resume: int  # the step of the checkpoint that is resumed
    dies: int  # the first process ends when it scores a batch in this step or later
    samples: int = 2  # num_generations; 4 are shared out among the two processes


CASES = {
    "iterations": Case(11, 1, 2, 2, 2, resume=3, dies=8),
    "two processes": Case(11, 2, 2, 2, 2, resume=3, dies=6),
    "resumed in pass 2": Case(11, 1, 2, 2, 2, resume=13, dies=18),
    "several a step": Case(9, 1, 1, 1, 4, resume=2, dies=4),
    "unaligned": Case(13, 2, 1, 3, 2, resume=2, dies=8, samples=4),
}


def ids_of(case: Case) -> list[str]:
    return [f"p{number:02}" for number in range(case.prompts)]


def train(folder: Path, case: Case, attempt: int) -> None:
    import torch
    from datasets import Dataset
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    letters = ["<pad>", "<end>", *"0123456789abcdefghijklmnopqrstuvwxyz"]
    tokens = Tokenizer(models.WordLevel({letter: at for at, letter in enumerate(letters)}, unk_token="a"))
    tokens.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", eos_token="<end>")
    config = LlamaConfig(
        vocab_size=len(letters),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        eos_token_id=1,
    )
    args = GRPOConfig(
        output_dir=str(folder / "trl"),
        num_train_epochs=PASSES,
        per_device_train_batch_size=PER_DEVICE,
        per_device_eval_batch_size=PER_DEVICE,
        gradient_accumulation_steps=case.accumulation,
        steps_per_generation=case.per_generation,
        num_iterations=case.iterations,
        num_generations=case.samples,
        reward_weights=WEIGHTS,
        max_completion_length=6,
        logging_steps=10,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=case.resume,
        log_completions=True,
        report_to=[],
        use_cpu=True,
        bf16=False,
    )
    rank = int(os.environ.get("RANK", 0))
    notes = open(folder / f"seen.{attempt}.{rank}.jsonl", "a", buffering=1)  # noqa: SIM115

    def scored(at: int, completions: list[str], given: dict[str, Any]) -> list[float | None]:
        step, ids = given["trainer_state"].global_step, given["id"]
        if attempt == 1 and step + 1 >= case.dies and ids[0] < "v":
            os._exit(9)
        # Of the first letters, so that rewards differ; some rows are of no function, some of one.
        worth = [sum(map(ord, text[:2])) + len(text) for text in completions]
        values = [None if one % (5 + at) == 0 else float(one // (1 + 2 * at) % 2) for one in worth]
        notes.write(json.dumps({"at": at, "step": step, "ids": ids, "values": values}) + "\n")
        return values

    async def later(prompts: Any, completions: list[str], **given: Any) -> list[float | None]:
        await asyncio.sleep(0.001)
        return scored(1, completions, given)

    first = lambda prompts, completions, **given: scored(0, completions, given)  # noqa: E731
    second = lambda prompts, completions, **given: scored(1, completions, given)  # noqa: E731
    names = ids_of(case)
    trainer = GRPOTrainer(
        LlamaForCausalLM(config),
        [first, later if case.per_generation == 1 else second],
        args=args,
        train_dataset=Dataset.from_dict({"prompt": [f"question{name}" for name in names], "id": names}),
        eval_dataset=Dataset.from_dict({"prompt": ["validation1", "validation2"], "id": ["v1", "v2"]}),
        processing_class=tokenizer,
    )
    recorder.record(trainer, folder / "log")
    spent: list[float] = []
    on_step_end = recorder.Recorder.on_step_end

    def timed(*args: Any, **given: Any) -> None:
        start = time.perf_counter()
        on_step_end(*args, **given)
        spent.append(time.perf_counter() - start)

    recorder.Recorder.on_step_end = timed
    start = time.perf_counter()
    checkpoint = folder / "trl" / f"checkpoint-{case.resume}"
    trainer.train(resume_from_checkpoint=str(checkpoint) if attempt == 2 else None)
    if rank == 0 and attempt == 2:
        figures = {"recorder": spent, "step": (time.perf_counter() - start) / len(spent)}
        (folder / "seconds.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    train(Path(sys.argv[2]), CASES[sys.argv[1]], int(sys.argv[3]))
