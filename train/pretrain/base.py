"""Make the tiny base model and its folder. train/pretrain/__main__.py is the command and says how."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("DS_ACCELERATOR", "cpu")  # saving imports DeepSpeed, which warns where this is not set

import torch
from rich.table import Table
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from data import arithmetic, letters
from lim.utils.errors import InputError, full_disk
from lim.utils.files import read_json, write_json
from train.ppo.checkpoints import write_former_names
from train.pretrain.model import PretrainSettings, console, new_model, pass_rates, train
from train.pretrain.tokenizer import build

RECORD = "pretrain.json"


def make(
    settings: PretrainSettings, pool: Sequence[dict[str, Any]]
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, dict]:
    """Train until the pass rate on the pool lies in the band; returns model, tokenizer and the record.

    Raises InputError when it does not after `max_rounds` further rounds.
    """
    start = time.monotonic()
    torch.set_num_threads(1)
    tokenizer = build(settings.task)
    model = new_model(settings, tokenizer)
    console.print(f"base model: {model.num_parameters():,} parameters")
    rng = random.Random(settings.seed)
    low, high = settings.band
    for rounds in range(settings.max_rounds + 1):
        model.train()
        train(model, tokenizer, rng, settings, rounds)
        # What is measured is what is saved: weights rounded to bf16.
        rounded = type(model)(model.config)
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
            "change the steps in train/pretrain/__main__.py or the shares in train/pretrain/corpus.py"
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
        try:
            yield partial
        except Exception as error:  # safetensors reports a full disk in an exception of its own
            if full_disk(error):
                raise InputError(f"{path}: {full_disk(error)}") from error
            raise
        partial.chmod(0o755)  # mkdtemp's and safetensors' files are for their owner alone
        for file in partial.iterdir():
            file.chmod(0o644)
        if path.exists():
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def save(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, record: dict) -> None:
    """Write the Hugging Face folder and the record."""
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    transformers_logging.disable_progress_bar()
    with atomic_folder(path) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_former_names(partial)
        write_json(partial / RECORD, record)


def is_current(path: Path, settings: PretrainSettings) -> bool:
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


def ensure(path: Path, settings: PretrainSettings, *, force: bool = False) -> dict:
    """Make the model unless the folder holds it; returns the record. A folder of something else is refused."""
    if path.exists() and not (path / RECORD).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: exists and is not a base model made here; name another --output_path")
    if not force and is_current(path, settings):
        console.print(f"{path} is up to date")
        return read_json(path / RECORD)
    data = {"arithmetic": arithmetic, "letters": letters}[settings.task]
    model, tokenizer, record = make(settings, data.make()["pool"])
    save(path, model, tokenizer, record)
    console.print(rates_table(record["pass_rate_on_pool"]))
    console.print(f"{path} made in {record['seconds']:.0f} s")
    return record
