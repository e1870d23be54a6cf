"""The tiny base model itself: settings, supervised steps, pass rates. train/pretrain/base.py trains it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import random
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn.functional import cross_entropy
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from eval.verifiers import MATH
from train.pretrain import corpus
from train.pretrain.tokenizer import CHAT_TEMPLATE, END, SYMBOLS
from train.reward import reward_of

FORMER = (("task", "arithmetic"), ("architecture", "llama"))
RECIPE_VERSION = 2  # raise it when a change to this file changes the model by more than rounding
MAX_NEW_TOKENS = 40
LOG_EVERY = 30.0  # seconds between lines of progress where the output is no terminal
MICRO_BATCHES = 2  # of each replica in a step
REPLICAS = 2  # fixed, so that the weights do not depend on the machine's cores
console = Console()


@dataclass(frozen=True)
class PretrainSettings:
    """All that decides what the model becomes."""

    task: Literal["arithmetic", "letters"] = "arithmetic"
    architecture: Literal["llama", "qwen3"] = "llama"
    seed: int = 0
    hidden_size: int = 128
    intermediate_size: int = 448
    layers: int = 4
    heads: int = 4
    textbook_steps: int = 420
    web_steps: int = 150
    batch: int = 128
    lr: float = 2e-3
    warmup_steps: int = 50
    band: tuple[float, float] = (0.15, 0.55)  # processors round otherwise: 24 to 31 % were seen
    round_steps: int = 60
    max_rounds: int = 3

    def fingerprint(self) -> str:
        """sha256 over these values, the vocabulary, the chat template and the first thousand texts of the corpus."""
        rng = random.Random(0)
        problems = [corpus.draw_corpus_problem(rng, self.task) for _ in range(1000)]
        texts = [(p.text, corpus.web_answer(rng, p), corpus.worked(p)) for p in problems]
        # A model made before there was a choice is still what these settings make.
        values = {k: v for k, v in asdict(self).items() if (k, v) not in FORMER}
        parts = [RECIPE_VERSION, values, SYMBOLS[self.task], CHAT_TEMPLATE, texts]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def new_model(settings: PretrainSettings, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """The untrained model, from the seed."""
    torch.manual_seed(settings.seed)
    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": settings.hidden_size,
        "intermediate_size": settings.intermediate_size,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "max_position_embeddings": 256,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if settings.architecture == "llama":
        return LlamaForCausalLM(LlamaConfig(num_key_value_heads=settings.heads, **common))
    # As Qwen3's: queries and keys normalised, two queries to a key, one matrix for words in and out.
    heads = {"num_key_value_heads": settings.heads // 2, "head_dim": settings.hidden_size // settings.heads}
    return Qwen3ForCausalLM(Qwen3Config(tie_word_embeddings=True, **heads, **common))


def chat(tokenizer: PreTrainedTokenizerFast, questions: Sequence[str]) -> list[str]:
    """The questions as every stage puts them to the model."""
    messages = [[{"role": "user", "content": question}] for question in questions]
    return list(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))  # pyright: ignore


def draw_batch(
    rng: random.Random, tokenizer: PreTrainedTokenizerFast, size: int, *, web: bool, task: str = "arithmetic"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (size × length, padded right) and labels (−100 on the question and the padding)."""
    problems = [corpus.draw_corpus_problem(rng, task) for _ in range(size)]
    answers = [corpus.web_answer(rng, p) if web else corpus.worked(p) for p in problems]
    starts = tokenizer(chat(tokenizer, [p.text for p in problems]), add_special_tokens=False).input_ids
    ends = tokenizer([a + END for a in answers], add_special_tokens=False).input_ids
    length = max(len(start) + len(end) for start, end in zip(starts, ends, strict=True))
    ids = torch.full((size, length), tokenizer.pad_token_id)
    labels = torch.full((size, length), -100)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        ids[row, : len(start) + len(end)] = torch.tensor(start + end)
        labels[row, len(start) : len(start) + len(end)] = torch.tensor(end)
    return ids, labels


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    rng: random.Random,
    settings: PretrainSettings,
    rounds: int,
) -> None:
    """Textbook answers, then web text (linear warm-up, cosine to 2 %); `rounds` > 0 asks for a short schedule.

    Each batch is split over `REPLICAS` copies of the model, a thread each: on matrices this small that is nearly
    twice as fast as two threads inside of every operation.
    """
    textbook_steps = settings.round_steps if rounds else settings.textbook_steps
    steps = textbook_steps + (settings.round_steps if rounds else settings.web_steps)
    peak = settings.lr / (2 if rounds else 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01)
    model.set_attn_implementation("eager")  # at these lengths faster than SDPA
    replicas = [model, *(copy.deepcopy(model) for _ in range(REPLICAS - 1))]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        ThreadPoolExecutor(REPLICAS, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        task, start, shown = progress.add_task("textbook", total=steps), time.monotonic(), time.monotonic()
        for step in range(steps):
            share = 0.02 + 0.49 * (1 + math.cos(math.pi * step / steps))
            for group in optimizer.param_groups:
                group["lr"] = peak * min(share, (step + 1) / settings.warmup_steps)
            ids, labels = draw_batch(rng, tokenizer, settings.batch, web=step >= textbook_steps, task=settings.task)
            loss = gradients(replicas, ids, labels, pool)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                for replica in replicas[1:]:
                    for own, first in zip(replica.parameters(), model.parameters(), strict=True):
                        own.copy_(first)
            phase = "textbook" if step < textbook_steps else "web"
            progress.update(task, advance=1, description=f"{phase}, loss {loss:.3f}")
            if not console.is_terminal and time.monotonic() - shown > LOG_EVERY:
                shown = time.monotonic()
                left = (shown - start) / (step + 1) * (steps - step - 1)
                console.print(f"  step {step + 1} of {steps}, {phase}, loss {loss:.3f}, {left:.0f} s left")


def gradients(replicas: Sequence[PreTrainedModel], ids: torch.Tensor, labels: torch.Tensor, pool: Executor) -> float:
    """Put the gradients of the batch's mean loss (over tokens with a label) into the first replica; returns the loss.

    The replicas' weights must be equal. Rows of about one length go through the model together, since half of a batch
    of the web's texts would be padding; sums are added up in a fixed order.
    """
    count = int((labels[:, 1:] != -100).sum())
    lengths = ((labels != -100) * torch.arange(1, labels.shape[1] + 1)).amax(dim=1)
    shares = shares_of(lengths, len(replicas))

    def part(number: int) -> float:
        replica, total = replicas[number], 0.0
        replica.zero_grad()
        for rows in shares[number]:
            longest = int(lengths[rows].max())
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16_units()):
                logits = replica(input_ids=ids[rows, :longest]).logits[:, :-1].flatten(0, 1).float()
            labelled = labels[rows, 1:longest].flatten()
            loss = cross_entropy(logits, labelled, ignore_index=-100, reduction="sum") / count
            loss.backward()
            total += loss.item()
        return total

    losses = list(pool.map(part, range(len(replicas))))
    for first, *others in zip(*(replica.parameters() for replica in replicas), strict=True):
        for other in others:
            first.grad.add_(other.grad)
    return sum(losses)


@cache
def bf16_units() -> bool:
    """Whether the processor multiplies in bf16, in about half of the time; others take longer for it."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def shares_of(lengths: torch.Tensor, replicas: int) -> list[list[torch.Tensor]]:
    """The rows of each replica's micro-batches: rows of about one length, and about as many tokens per replica."""
    order = torch.argsort(lengths, stable=True)
    micro = [rows for rows in order.tensor_split(MICRO_BATCHES * replicas) if len(rows)]
    shares: list[list[torch.Tensor]] = [[] for _ in range(replicas)]
    for at, rows in enumerate(micro):  # there and back again: 0, 1, 1, 0, 0, 1, …
        place = at % (2 * replicas)
        shares[min(place, 2 * replicas - 1 - place)].append(rows)
    return shares


@torch.no_grad()
def respond(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, questions: Sequence[str], temperature: float
) -> list[tuple[str, bool]]:
    """A response a question (temperature 0 is greedy), and whether it ended within `MAX_NEW_TOKENS`."""
    inputs = tokenizer(chat(tokenizer, questions), add_special_tokens=False, padding=True, return_tensors="pt")
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    out = model.generate(
        input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, max_new_tokens=MAX_NEW_TOKENS, **sampling
    )
    rows = out[:, inputs.input_ids.shape[1] :].tolist()
    return [(tokenizer.decode(row, skip_special_tokens=True), tokenizer.eos_token_id in row) for row in rows]


def pass_rates(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: Sequence[dict[str, Any]], temperature: float
) -> dict[str, float]:
    """Share of right responses (2 a question; 1 when greedy): `all`, then each level."""
    rows = list(rows) * (2 if temperature else 1)
    right: dict[str, list[bool]] = {"all": []}
    for start in range(0, len(rows), 512):
        part = rows[start : start + 512]
        responses = respond(model, tokenizer, [row["prompt"] for row in part], temperature)
        for row, (response, finished) in zip(part, responses, strict=True):
            graded = reward_of(response, row["answer"], finished, verifier=row.get("verifier", MATH))[1]
            correct = graded.verdict == "correct"
            right["all"].append(correct)
            right.setdefault(f"level {row['level']}", []).append(correct)
    return {name: round(sum(verdicts) / len(verdicts), 4) for name, verdicts in sorted(right.items())}
