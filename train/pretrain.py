r"""Make the tiny base model of the embedded default: a 1M-parameter Llama that knows more than it shows.

    python -m train.pretrain [--out data/models/arithmetic-base] [--seed 0] [--force]

Two phases of next-token training on problems that are in no prompt file or benchmark (`Problem.split`): first worked
solutions alone (what the model knows), then a corpus like the web's, worked, careless and malformed answers side by
side (what it shows); see train/corpus.py for why. Afterwards the pass rate at temperature 1 on the training pool must
lie in `Settings.band`: below it, another round of worked solutions and web text is added, up to `max_rounds`.

The folder is an ordinary Hugging Face one (weights in bf16, tokenizer with chat template, generation config).
`pretrain.json` in it records the settings, their hash and the pass rates; where the hash is what these settings give,
the command says so and does nothing. The folder is moved into place whole, at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from data import arithmetic
from lim.errors import InputError, run_cli
from lim.files import read_json, write_json
from train import corpus, tiny_tokenizer

RECORD = "pretrain.json"
RECIPE_VERSION = 1  # raise it when a change to this file changes the model
MAX_THREADS = 4  # matrices this small do not gain from more
MAX_NEW_TOKENS = 40
console = Console()


@dataclass(frozen=True)
class Settings:
    """All that decides what the model becomes."""

    seed: int = 0
    hidden_size: int = 128
    intermediate_size: int = 448
    layers: int = 4
    heads: int = 4
    worked_steps: int = 420
    web_steps: int = 150
    batch: int = 128
    lr: float = 2e-3
    warmup_steps: int = 50
    band: tuple[float, float] = (0.25, 0.50)
    round_steps: int = 60
    max_rounds: int = 3

    def fingerprint(self) -> str:
        """sha256 over these values, the vocabulary, the chat template and the first thousand texts of the corpus."""
        rng = random.Random(0)
        problems = [corpus.draw_corpus_problem(rng) for _ in range(1000)]
        texts = [(p.text, corpus.web_answer(rng, p), corpus.worked(p)) for p in problems]
        parts = [RECIPE_VERSION, asdict(self), tiny_tokenizer.SYMBOLS, tiny_tokenizer.CHAT_TEMPLATE, texts]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def new_model(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """The untrained model, from the seed."""
    torch.manual_seed(settings.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden_size,
            intermediate_size=settings.intermediate_size,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
            max_position_embeddings=256,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def chat(tokenizer: PreTrainedTokenizerFast, question: str) -> str:
    """The question as every stage puts it to the model."""
    message = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


def draw_batch(
    rng: random.Random, tokenizer: PreTrainedTokenizerFast, size: int, *, web: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (size × length, padded right) and labels (−100 on the question and the padding)."""
    problems = [corpus.draw_corpus_problem(rng) for _ in range(size)]
    answers = [corpus.web_answer(rng, p) if web else corpus.worked(p) for p in problems]
    starts = tokenizer([chat(tokenizer, p.text) for p in problems], add_special_tokens=False).input_ids
    ends = tokenizer([a + tiny_tokenizer.END for a in answers], add_special_tokens=False).input_ids
    length = max(len(start) + len(end) for start, end in zip(starts, ends, strict=True))
    ids = torch.full((size, length), tokenizer.pad_token_id)
    labels = torch.full((size, length), -100)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        ids[row, : len(start) + len(end)] = torch.tensor(start + end)
        labels[row, len(start) : len(start) + len(end)] = torch.tensor(end)
    return ids, labels


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rng: random.Random, settings: Settings, rounds: int
) -> None:
    """Worked solutions, then web text (linear warm-up, cosine to 2 %); `rounds` > 0 asks for a short schedule."""
    worked_steps = settings.round_steps if rounds else settings.worked_steps
    steps = worked_steps + (settings.round_steps if rounds else settings.web_steps)
    peak = settings.lr / (2 if rounds else 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("worked solutions", total=steps)
        for step in range(steps):
            share = 0.02 + 0.49 * (1 + math.cos(math.pi * step / steps))
            for group in optimizer.param_groups:
                group["lr"] = peak * min(share, (step + 1) / settings.warmup_steps)
            ids, labels = draw_batch(rng, tokenizer, settings.batch, web=step >= worked_steps)
            loss = model(input_ids=ids, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            phase = "worked solutions" if step < worked_steps else "web text"
            progress.update(task, advance=1, description=f"{phase}, loss {loss.item():.3f}")


@torch.no_grad()
def respond(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[str], temperature: float
) -> list[str | None]:
    """One response a question (temperature 0 is greedy); None where it did not end in `MAX_NEW_TOKENS`."""
    inputs = tokenizer(
        [chat(tokenizer, q) for q in questions], add_special_tokens=False, padding=True, return_tensors="pt"
    )
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    out = model.generate(
        input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, max_new_tokens=MAX_NEW_TOKENS, **sampling
    )
    responses: list[str | None] = []
    for row in out[:, inputs.input_ids.shape[1] :].tolist():
        ended = tokenizer.eos_token_id in row
        responses.append(tokenizer.decode(row, skip_special_tokens=True) if ended else None)
    return responses


def is_right(response: str | None, answer: str) -> bool:
    """Whether the last box holds the answer; whole numbers, so equal text is equal value."""
    boxes = re.findall(r"\\boxed\{([^{}]*)\}", response or "")
    return bool(boxes) and boxes[-1] == answer


def pass_rates(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: Sequence[dict[str, Any]], temperature: float
) -> dict[str, float]:
    """Share of right responses (2 a question; 1 when greedy): `all`, then each level."""
    rows = list(rows) * (2 if temperature else 1)
    right: dict[str, list[bool]] = {"all": []}
    for start in range(0, len(rows), 512):
        part = rows[start : start + 512]
        responses = respond(model, tokenizer, [row["prompt"] for row in part], temperature)
        for row, response in zip(part, responses, strict=True):
            verdict = is_right(response, row["answer"])
            right["all"].append(verdict)
            right.setdefault(f"level {row['level']}", []).append(verdict)
    return {name: round(sum(verdicts) / len(verdicts), 4) for name, verdicts in sorted(right.items())}


def make(
    settings: Settings, pool: Sequence[dict[str, Any]]
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, dict]:
    """Train until the pass rate on the pool lies in the band; returns model, tokenizer and the record.

    Raises InputError when it does not after `max_rounds` further rounds.
    """
    start = time.monotonic()
    torch.set_num_threads(min(MAX_THREADS, len(os.sched_getaffinity(0))))
    tokenizer = tiny_tokenizer.build()
    model = new_model(settings, tokenizer)
    console.print(f"base model: {model.num_parameters():,} parameters, {torch.get_num_threads()} threads")
    rng = random.Random(settings.seed)
    low, high = settings.band
    for rounds in range(settings.max_rounds + 1):
        model.train()
        train(model, tokenizer, rng, settings, rounds)
        # What is measured is what is saved: weights rounded to bf16.
        rounded = LlamaForCausalLM(model.config)
        rounded.load_state_dict({name: w.bfloat16().float() for name, w in model.state_dict().items()})
        rounded.eval()
        torch.manual_seed(settings.seed)
        rates = {"temperature 1": pass_rates(rounded, tokenizer, pool, 1.0)}
        rate = rates["temperature 1"]["all"]
        console.print(f"pass rate on the pool at temperature 1: {rate:.1%} (wanted: {low:.0%} to {high:.0%})")
        if rate >= low:
            break
    if not low <= rate <= high:
        raise InputError(
            f"the base model's pass rate on the pool is {rate:.1%}, outside {low:.0%} to {high:.0%}: "
            "change the steps in train/pretrain.py or the shares in train/corpus.py"
        )
    rates["temperature 0.4"] = pass_rates(rounded, tokenizer, pool, 0.4)
    rates["greedy"] = pass_rates(rounded, tokenizer, pool, 0.0)
    record = {
        "settings_sha256": settings.fingerprint(),
        "settings": asdict(settings),
        "parameters": model.num_parameters(),
        "extra_rounds": rounds,
        "pass_rate_on_pool": rates,
        "seconds": round(time.monotonic() - start, 1),
    }
    return rounded.to(torch.bfloat16), tokenizer, record


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, moved to `path` on success (what was there goes), removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial"))
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp's and safetensors' files are for their owner alone
        for file in partial.iterdir():
            file.chmod(0o644)
        if path.exists():
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def save(path: Path, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, record: dict) -> None:
    """Write the Hugging Face folder and the record."""
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    with atomic_folder(path) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_json(partial / RECORD, record)


def is_current(path: Path, settings: Settings) -> bool:
    """Whether the folder holds the model that these settings make."""
    record = path / RECORD
    return record.is_file() and read_json(record).get("settings_sha256") == settings.fingerprint()


def rates_table(rates: dict[str, dict[str, float]]) -> Table:
    """Pass rates by level, a row a temperature."""
    names = list(next(iter(rates.values())))
    table = Table("pass rate on the pool, %", *names)
    for temperature, row in rates.items():
        table.add_row(temperature, *(f"{100 * row[name]:.1f}" for name in names))
    return table


def ensure(path: Path, settings: Settings, *, force: bool = False) -> dict:
    """Make the model unless the folder holds it; returns the record. A folder of something else is refused."""
    if path.exists() and not (path / RECORD).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: exists and is not a base model made here; name another --out")
    if not force and is_current(path, settings):
        console.print(f"{path} is up to date")
        return read_json(path / RECORD)
    model, tokenizer, record = make(settings, arithmetic.make()["pool"])
    save(path, model, tokenizer, record)
    console.print(rates_table(record["pass_rate_on_pool"]))
    console.print(f"{path} made in {record['seconds']:.0f} s")
    return record


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m train.pretrain", description=__doc__.splitlines()[0])
    default = Path(__file__).parents[1] / "data" / "models" / "arithmetic-base"
    parser.add_argument("--out", type=Path, default=default, help="default: data/models/arithmetic-base")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--force", action="store_true", help="make it again even where it is up to date")
    args = parser.parse_args(argv)
    ensure(args.out, Settings(seed=args.seed), force=args.force)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
