"""Runs many short trainings in a row and counts the failures. Usage: bash scripts/soak.sh --help."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from lim.utils.files import locked, write_text
from lim.utils.paths import ROOT
from lim.utils.provenance import commit
from lim.utils.text import duration
from train.compare import plan, spec
from train.compare.pipeline import Pipeline

QUICK = "configs/compare/demo-quick.yaml"
DEMO = "soak-demo"
console = Console(highlight=False, soft_wrap=True)


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep so many cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def training(folder: Path) -> list[str]:
    """The command of one short training that writes to `folder`."""
    quick = spec.load(QUICK)
    return [
        *("bash", "scripts/train.sh", quick.pool, f"run.name={folder.name}", f"run.output_dir={folder.parent}"),
        *(f"run.prompt_file={quick.prompts}", "run.expect_prompts=null", *quick.overrides, "run.epochs=1"),
    ]


def demo() -> list[str]:
    """The command of one quick demo whose base model is kept and all else made anew."""
    for path in demo_runs():
        shutil.rmtree(path)
    return ["bash", "scripts/demo.sh", "--quick", f"name={DEMO}"]


def demo_runs() -> list[Path]:
    """The folders of the last demo's trainings."""
    return sorted((ROOT / "data" / "output").glob(f"{DEMO}-*"))


def attempt(command: list[str], log: Path, load: int) -> tuple[int, float]:
    """Exit code and seconds of a command whose output goes to `log`, with `load` cores kept busy beside it."""
    start = time.monotonic()
    with busy(load), open(log, "wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHON": sys.executable}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            process.wait()
        except BaseException:
            process.terminate()  # it ends what it started, in seconds
            process.wait()
            raise
    return process.returncode, time.monotonic() - start


def remembered(results: Path, version: str) -> list[dict[str, Any]]:
    """What `results` has of a commit; a line that was cut off is removed."""
    text = results.read_text(encoding="utf-8") if results.exists() else ""
    if text and not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        write_text(results, text)
    rows = [json.loads(line) for line in text.splitlines()]
    return [row for row in rows if row["commit"] == version]


def soak(kind: str, wanted: int, folder: Path, version: str) -> None:
    """Run commands of a kind until `wanted` have ended, each with its line in the results."""
    results = folder / "results.jsonl"
    for number in range(1 + len([row for row in remembered(results, version) if row["kind"] == kind]), wanted + 1):
        load = (os.cpu_count() or 1) if kind == "training" and number % 2 == 0 else 0
        run_dir, log = folder / f"{kind}-{number}", folder / f"{kind}-{number}.log"
        shutil.rmtree(run_dir, ignore_errors=True)
        code, seconds = attempt(training(run_dir) if kind == "training" else demo(), log, load)
        if code in (130, 143):
            raise KeyboardInterrupt
        row = {"kind": kind, "number": number, "busy_cores": load, "code": code, "seconds": round(seconds, 1)}
        with open(results, "a", encoding="utf-8") as file:
            file.write(json.dumps({"commit": version, **row}) + "\n")
        if code and kind == "demo":
            run_dir.mkdir()
            for path in demo_runs():
                path.rename(run_dir / path.name)
        if code == 0:
            shutil.rmtree(run_dir, ignore_errors=True)
            log.unlink()
        kept = "" if code == 0 else f"; its output: {log}, {run_dir}"
        beside = f" beside {load} busy cores" if load else ""
        console.print(f"{kind} {number} of {wanted}{beside}: exit code {code} after {duration(seconds)}{kept}")


def table(rows: list[dict[str, Any]]) -> int:
    """Print failures of all and seconds; the number of failures."""
    for kind, load in (("training", False), ("training", True), ("demo", False)):
        of_kind = [row for row in rows if row["kind"] == kind and bool(row["busy_cores"]) == load]
        if of_kind:
            seconds = sorted(row["seconds"] for row in of_kind)
            failed = sum(row["code"] != 0 for row in of_kind)
            console.print(
                f"{kind}{' beside busy cores' if load else ''}: {failed} of {len(of_kind)} failed; seconds: least "
                f"{seconds[0]:.0f}, median {seconds[len(seconds) // 2]:.0f}, most {seconds[-1]:.0f}"
            )
    return sum(row["code"] != 0 for row in rows)


def main() -> int:
    parser = Parser(prog="scripts/soak.sh", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("trainings", type=int, help="short trainings, every second one with all cores kept busy")
    parser.add_argument("--demos", type=int, default=0, help="quick demos after them (default: 0)")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "output" / "soak", help="folder of the results")
    arguments = parser.parse_args()
    if min(arguments.trainings, arguments.demos) < 0:
        raise InputError("N and --demos: need 0 or more")
    folder = arguments.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    version = commit() or "unknown"
    with locked(folder / ".lock", f"{folder}: another soak is writing it; wait for it, or end it"):
        quick = spec.load(QUICK, [f"name={DEMO}"])
        Pipeline(plan.stages(quick)[: len(quick.prepare)], quick.folder / "stages.json", console).run()
        soak("training", arguments.trainings, folder, version)
        soak("demo", arguments.demos, folder, version)
        return 1 if table(remembered(folder / "results.jsonl", version)) else 0


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
