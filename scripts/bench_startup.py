"""How long a training on CPUs takes to its first step, with its processes forked from one and without, in turns.

    python scripts/bench_startup.py [--pairs 3] [key=value …]

Each is the embedded recipe for one step on 32 problems (data/prompts/arithmetic.json and data/models/arithmetic-base,
which `python -m data.arithmetic` and `python -m train.pretrain` make); `key=value` changes it. Seconds from the
command to the first step's beginning, and to the command's end; ratios are between neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lim.errors import InputError, run_cli
from lim.files import read_json, write_json
from train import progress

ROOT = Path(__file__).resolve().parents[1]
console = Console()


def timed(folder: Path, name: str, forks: bool, changes: list[str]) -> tuple[float, float]:
    """Seconds to the first step's beginning and to the end of one training."""
    prompts = folder / "prompts.json"
    if not prompts.exists():
        write_json(prompts, read_json(ROOT / "data" / "prompts" / "arithmetic.json")[:32])
    command = [
        *(sys.executable, "-m", "train.launch", "arithmetic-cpu", f"run.name={name}", f"run.output_dir={folder}"),
        *(f"run.prompt_file={prompts}", "run.val_file=null", "run.expect_prompts=null", "run.epochs=1"),
        *("run.epoch_prompts=null", "run.warmup_steps=0", *changes),
    ]
    start = time.time()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "LIM_FORK_SERVER": str(int(forks))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    end = time.time()
    if done.returncode:
        raise InputError(f"the training ended with code {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
    events = [json.loads(line) for line in (folder / name / progress.NAME).read_text().splitlines()]
    training = next(event["time"] for event in events if event.get("text") == "training")
    return training - start, end - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=3, help="trainings of each kind (default: 3)")
    parser.add_argument("changes", nargs="*", metavar="key=value")
    arguments = parser.parse_args()
    table = Table("pair", "processes", "to the first step, s", "whole, s")
    ratios: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        for pair in range(arguments.pairs):
            seconds = {}
            for forks in (False, True) if pair % 2 == 0 else (True, False):
                name = f"{'forked' if forks else 'started'}-{pair + 1}"
                seconds[forks] = timed(Path(folder), name, forks, arguments.changes)
                table.add_row(
                    str(pair + 1), "forked" if forks else "each started", *(f"{s:.1f}" for s in seconds[forks])
                )
                console.print(
                    f"{name}: {seconds[forks][0]:.1f} s to the first step, {seconds[forks][1]:.1f} s in all"
                )
            ratios.append((seconds[False][0] / seconds[True][0], seconds[False][1] / seconds[True][1]))
    console.print(table)
    first, whole = (statistics.median(values) for values in zip(*ratios, strict=True))
    console.print(f"each started / forked, median of {len(ratios)}: {first:.2f} to the first step, {whole:.2f} whole")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
