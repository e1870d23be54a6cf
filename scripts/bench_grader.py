"""Speed of the grader on real generations, compared with Math-Verify's and with that of another commit.

    python scripts/bench_grader.py OUTPUTS.json [OUTPUTS.json ...] [--against CHECKOUT] [--repeat 5] [--hanging 0.01]

A file is a JSON list of {response, ground_truth} and, optionally, another grader's `score` (1 or 0). Measured:
Math-Verify alone, as published and with both sides wrapped, in the main thread; the grader, and with --against that
of another checkout of this project, one worker, item by item, each pass in a process of its own and in turns; and the
grader's latency where the share `hanging` of the items goes to a worker that sleeps, a stand-in for an item that
Math-Verify does not finish. Prints one table; --json FILE writes it.
"""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from eval import grader as grading  # noqa: E402
from eval.grader import Grader, extract, pool, worker  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import read_json, write_json  # noqa: E402

SLEEPS = "an item that sleeps"
WORKER = "--worker"  # as this makes the script the stand-in's program
# One pass in a fresh process, so that its caches are empty: seconds and verdict of each item.
PASS = """
import json, sys, time
from eval.grader import Grader
items = [tuple(item) for item in json.load(sys.stdin)]
with Grader(1, float(sys.argv[1])) as grader:
    grader.grade([("1", r"\\boxed{2}")])
    found = []
    for item in items:
        start = time.perf_counter()
        verdict = grader.grade([item])[0].verdict
        found.append((time.perf_counter() - start, verdict))
json.dump(found, sys.stdout)
"""


def main(argv: list[str] | None = None) -> int:
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="OUTPUTS.json")
    parser.add_argument("--against", metavar="CHECKOUT", help="folder of another commit, measured in turns with this")
    parser.add_argument("--repeat", type=int, default=5, help="passes of each; an item's fastest counts")
    parser.add_argument("--hanging", type=float, default=0.01, help="share of hanging items in the last measurement")
    parser.add_argument("--deadline", type=float, default=5.0, help="seconds an item")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the pool with hanging items")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    arguments = parser.parse_args(argv)
    items, labels = read_items(arguments.files)
    rows = [math_verify("Math-Verify, bare strings", items, labels, lambda text: text)]
    rows.append(math_verify("Math-Verify, answers wrapped", items, labels, wrapped))
    checkouts = {"this grader": ROOT}
    if arguments.against:
        checkouts[f"grader of {arguments.against}"] = Path(arguments.against).resolve()
    rows += in_turns(checkouts, items, labels, arguments.deadline, arguments.repeat)
    rows.append(with_hanging(items, labels, arguments.workers, arguments.deadline, arguments.hanging))
    show(rows, len(items))
    if arguments.json:
        write_json(arguments.json, {"items": len(items), "cpus": os.cpu_count(), "rows": rows})
    return 0


def read_items(paths: list[str]) -> tuple[list[tuple[str, str]], list[bool | None]]:
    """(gold, response) pairs and the other grader's verdicts, in order."""
    items, labels = [], []
    for path in paths:
        for number, row in enumerate(read_json(path), 1):
            if not isinstance(row, dict) or "response" not in row or "ground_truth" not in row:
                raise InputError(f"{path}: row {number} needs 'response' and 'ground_truth'")
            items.append((str(row["ground_truth"]), row["response"]))
            labels.append(row["score"] == 1.0 if "score" in row else None)
    if not items:
        raise InputError(f"{', '.join(paths)}: no generations")
    return items, labels


def wrapped(text: str) -> str:
    """The answer alone, in a box, so that Math-Verify parses it whole."""
    return f"\\boxed{{{extract(text) or text}}}"


def math_verify(
    name: str, items: list[tuple[str, str]], labels: list[bool | None], dress: Callable[[str], str]
) -> dict[str, Any]:
    """Math-Verify in this thread, with its own timeout of 5 seconds by SIGALRM."""
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    parse("$1$")
    seconds, verdicts = [], []
    for gold, response in items:
        start = time.perf_counter()
        verdicts.append(bool(verify(parse(dress(gold)), parse(dress(response)))))
        seconds.append(time.perf_counter() - start)
    logging.disable(logging.NOTSET)
    return row(name, sum(seconds), seconds, verdicts, labels)


def in_turns(
    checkouts: dict[str, Path], items: list[tuple[str, str]], labels: list[bool | None], deadline: float, repeat: int
) -> list[dict[str, Any]]:
    """Each checkout's grader on single items; an item's time is its fastest, since other work only adds to it."""
    passes: dict[str, list[list[tuple[float, str]]]] = {name: [] for name in checkouts}
    for _ in range(repeat):
        for name, folder in checkouts.items():
            command = [sys.executable, "-c", PASS, str(deadline)]
            environment = {**os.environ, "PYTHONPATH": str(folder)}
            done = subprocess.run(
                command, cwd=folder, env=environment, input=json.dumps(items), capture_output=True, text=True
            )
            if done.returncode:
                raise InputError(f"{folder}: its grader does not run: {done.stderr.strip().splitlines()[-1]}")
            passes[name].append(json.loads(done.stdout))
    rows = []
    for name, found in passes.items():
        fastest = [min(times) for times in zip(*([seconds for seconds, _ in one] for one in found), strict=True)]
        rows.append(row(name, sum(fastest), fastest, [verdict == "correct" for _, verdict in found[0]], labels))
    return rows


def with_hanging(
    items: list[tuple[str, str]], labels: list[bool | None], workers: int, deadline: float, share: float
) -> dict[str, Any]:
    """Latency of single items from `workers` threads, where a share of the items goes to a worker that sleeps."""
    from concurrent.futures import ThreadPoolExecutor

    count = max(1, round(share * len(items) / (1 - share)))
    mixed = [(item, label) for item, label in zip(items, labels, strict=True)]
    mixed += [((SLEEPS, f"\\boxed{{{number}}}"), False) for number in range(count)]
    random.Random(0).shuffle(mixed)
    decide = grading.decide
    grading.decide = lambda gold, answer: None if gold == SLEEPS else decide(gold, answer)
    pool.WORKER = (str(Path(__file__).resolve()), WORKER)
    with Grader(workers, deadline) as grader, ThreadPoolExecutor(workers) as threads:

        def timed(item: tuple[str, str]) -> tuple[float, str]:
            start = time.perf_counter()
            verdict = grader.grade([item])[0].verdict
            return time.perf_counter() - start, verdict

        start = time.perf_counter()
        results = list(threads.map(timed, [item for item, _ in mixed]))
        total = time.perf_counter() - start
    verdicts = [verdict == "correct" for _, verdict in results]
    name = f"this grader, {workers} worker(s), {count} hanging items"
    found = row(name, total, [s for s, _ in results], verdicts, [label for _, label in mixed])
    return {**found, "timeouts": sum(verdict == "timeout" for _, verdict in results)}


def sleep_or_judge(gold: str, answer: str) -> bool:
    """What the stand-in does in place of comparing."""
    if gold == SLEEPS:
        time.sleep(3600)
    return grading.equal(gold, answer)


def row(
    name: str, total: float, seconds: list[float], verdicts: list[bool], labels: list[bool | None]
) -> dict[str, Any]:
    ordered = sorted(seconds)
    known = [(verdict, label) for verdict, label in zip(verdicts, labels, strict=True) if label is not None]
    return {
        "name": name,
        "items_per_second": len(seconds) / total,
        "p50_ms": 1e3 * statistics.median(ordered),
        "p99_ms": 1e3 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max_ms": 1e3 * ordered[-1],
        "correct": sum(verdicts),
        "agree": sum(verdict == label for verdict, label in known),
        "labelled": len(known),
        "timeouts": 0,
    }


def show(rows: list[dict[str, Any]], count: int) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    columns = ("items/s", "×", "p50 ms", "p99 ms", "max ms", "correct", "agree", "timeouts")
    table = Table("", *(Column(name, no_wrap=True) for name in columns), title=f"{count} items")
    for one in rows:
        table.add_row(
            one["name"], f"{one['items_per_second']:.0f}",
            f"{one['items_per_second'] / rows[1]['items_per_second']:.1f}",
            f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", f"{one['max_ms']:.0f}", str(one["correct"]),
            f"{one['agree']}/{one['labelled']}", str(one["timeouts"]),
        )  # fmt: skip
    Console(width=max(Console().width, 120)).print(table)


if __name__ == "__main__":
    if WORKER in sys.argv:
        raise SystemExit(worker.main(sleep_or_judge))
    raise SystemExit(run_cli(main))
