"""A whole training of the embedded default against that of an older commit, in turns.

    git clone . /tmp/older && git -C /tmp/older checkout 6a7e125 && bash /tmp/older/scripts/setup.sh
    python scripts/bench_training.py --old /tmp/older [--repeats 3] [key=value …]

Needs data/models/arithmetic-base (python -m train.pretrain) and the prompts (python -m data.arithmetic).
A training is FULL on them with six epochs, in its own processes; set-up is not counted, starting is. Then its final
model is evaluated in three settings. Both checkouts train from the same base model and on the same prompts. Samples,
steps, optimiser steps and the model's tensors must be the same in number and shape; tokens and accuracies, which
follow from how numbers are rounded, are shown side by side.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.utils.cli import Parser  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import write_json  # noqa: E402

SETTINGS = "arithmetic"  # at temperatures 1 and 0.4, and greedy
TIMES = {"whole": "whole training", "first": "to the first step", "step": "median step", "eval": "evaluation"}
MUST_MATCH = ("samples", "steps", "optimizer_steps", "tensors")
console = Console(soft_wrap=True)


def run(command: list[str], root: Path, log: Path) -> float:
    """Run a command of a checkout with its own Python; seconds. InputError with the log's end where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHON": str(root / ".venv" / "bin" / "python")}
    start = time.monotonic()
    with open(log, "w") as output:
        done = subprocess.run(command, cwd=root, env=environment, stdout=output, stderr=output, check=False)
    if done.returncode:
        raise InputError(f"{' '.join(command)} ended with {done.returncode}: {log.read_text()[-800:]}")
    return time.monotonic() - start


def train(root: Path, folder: Path, inputs: Path, changes: list[str]) -> dict[str, Any]:
    """Train and evaluate with one checkout; its times and counts."""
    python, name = str(root / ".venv" / "bin" / "python"), "run"
    command = [
        *(python, "-m", "train.launch", "arithmetic-cpu", f"run.name={name}", f"run.output_dir={folder}"),
        *("run.epochs=6", f"actor.model_name_or_path={inputs / 'data/models/arithmetic-base'}"),
        f"run.prompt_file={inputs / 'data/prompts/arithmetic.json'}",
        *(f"run.val_file={inputs / 'data/prompts/arithmetic_val.json'}", *changes),
    ]
    began = time.time()
    found: dict[str, Any] = {"whole": run(command, root, folder / "train.txt")}
    events = [json.loads(line) for line in (folder / name / "progress.jsonl").read_text().splitlines()]
    training = next(event["time"] for event in events if event.get("text") == "training")
    steps = [event for event in events if event["event"] == "step"]
    found["first"] = training - began
    found["step"] = statistics.median(event["seconds"] for event in steps)
    evaluate = [python, "-m", "eval.eval", "--run_path", str(folder / name), "--step", "final"]
    evaluate += ["--benchmarks", SETTINGS, "--data_dir", str(inputs / "data/benchmarks")]
    found["eval"] = run(evaluate, root, folder / "eval.txt")
    rows = ds.dataset(sorted(map(str, (folder / name).glob("step_*.parquet")))).to_table(["response_tokens"])
    found |= {
        "samples": rows.num_rows,
        "steps": len(steps),
        "tokens": sum(rows["response_tokens"].to_pylist()),
        "optimizer_steps": optimizer_steps(folder / name / "ckpt" / "_actor"),
        "tensors": tensors(folder / name / "final"),
    }
    results = json.loads(next((folder / name / "eval").glob("final/results.json")).read_text())
    found["accuracy"] = {name: part["accuracy"]["value"] for name, part in results["benchmarks"].items()}
    return found


def tensors(model: Path) -> str:
    """A model's tensors: how many, of what type, and how many numbers they have."""
    from safetensors import safe_open

    shapes, kinds = {}, set()
    for path in model.glob("*.safetensors"):
        with safe_open(path, "np") as file:
            for key in file.keys():  # noqa: SIM118
                part = file.get_slice(key)
                shapes[key] = tuple(part.get_shape())
                kinds.add(part.get_dtype())
    total = sum(math.prod(shape) for shape in shapes.values())
    return f"{len(shapes)} of {'/'.join(sorted(kinds))}, {total:,} numbers"


def optimizer_steps(checkpoints: Path) -> str:
    """How many optimiser steps DeepSpeed had made at the last checkpoint."""
    import torch

    last = checkpoints / (checkpoints / "latest").read_text().strip()
    state = torch.load(next(last.glob("*model_states.pt")), map_location="cpu", weights_only=False)
    return f"{state['global_steps']} at {last.name}"


def main() -> None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--old", metavar="FOLDER", type=Path, help="a checkout of an older commit, set up")
    parser.add_argument("--new", metavar="FOLDER", type=Path, default=ROOT, help="the checkout that is measured")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--inputs", metavar="FOLDER", type=Path, help="a checkout with model and prompts (default: new)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="for the newer one's trainings")
    args = parser.parse_args()
    sides = {"new": args.new.resolve()} | ({"older": args.old.resolve()} if args.old else {})
    inputs = (args.inputs or args.new).resolve()
    runs: list[dict[str, dict[str, Any]]] = []
    for repeat in range(args.repeats):
        one: dict[str, dict[str, Any]] = {}
        for side in sides if repeat % 2 == 0 else reversed(sides):
            with tempfile.TemporaryDirectory(prefix="training-") as folder:
                changes = [f"run.seed={repeat + 1}", *(args.changes if side == "new" else [])]
                one[side] = train(sides[side], Path(folder), inputs, changes)
            times = ", ".join(f"{label} {one[side][key]:.1f} s" for key, label in TIMES.items())
            console.print(f"{repeat + 1} {side}: {times}, {one[side]['tokens']:,} tokens", highlight=False)
        runs.append(one)
        if args.json:
            write_json(args.json, {"load_1_min": os.getloadavg()[0], "runs": runs})
        differ = [key for key in MUST_MATCH if len({str(found[key]) for found in one.values()}) > 1]
        if differ:
            raise InputError(
                f"not the same in both: {[(key, [found[key] for found in one.values()]) for key in differ]}"
            )
    show(runs)


def show(runs: list[dict[str, dict[str, Any]]]) -> None:
    table = Table("median", *runs[0], *(["older / new, median and range"] if "older" in runs[0] else []))
    for key, label in TIMES.items():
        row = [f"{statistics.median(run[side][key] for run in runs):.1f} s" for side in runs[0]]
        if "older" in runs[0]:
            ratios = [run["older"][key] / run["new"][key] for run in runs]
            row.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        table.add_row(label, *row)
    console.print(table)
    for name in runs[0]["new"]["accuracy"]:
        means = {side: statistics.mean(run[side]["accuracy"][name] for run in runs) for side in runs[0]}
        shown = ", ".join(f"{side} {100 * mean:.1f}" for side, mean in means.items())
        console.print(f"{name}: {shown} (mean of {len(runs)})", highlight=False)
    same = ", ".join(f"{key} {runs[0]['new'][key]}" for key in MUST_MATCH)
    console.print(f"the same in all: {same}", highlight=False)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
