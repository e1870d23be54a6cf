"""Speed of the grader on real generations, compared with Math-Verify's.

    python scripts/bench_grader.py OUTPUTS.json [OUTPUTS.json ...] [--repeat 5] [--hanging 0.01]

A file is a JSON list of {response, ground_truth} and, optionally, another grader's `score` (1 or 0). Measured:
Math-Verify alone, as published and with both sides wrapped, in the main thread; this project's grader with
one worker and with a pool, also with the share `hanging` of items that Math-Verify never finishes. Prints one table;
--json FILE writes it.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eval.grader import Grader, extract
from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from lim.utils.files import read_json, write_json

# Our parser does not read it, and sympy multiplies for minutes on it.
HANGS = r"5 6 \prod_{k=1}^{9999} k^{999}"


def main(argv: list[str] | None = None) -> int:
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="OUTPUTS.json")
    parser.add_argument("--repeat", type=int, default=5, help="passes over the items for ours; the median counts")
    parser.add_argument("--hanging", type=float, default=0.01, help="share of hanging items in the last measurement")
    parser.add_argument("--deadline", type=float, default=5.0, help="seconds an item")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="size of the pool")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    arguments = parser.parse_args(argv)
    items, labels = read_items(arguments.files)
    rows = [math_verify("Math-Verify, bare strings", items, labels, lambda text: text)]
    rows.append(math_verify("Math-Verify, answers wrapped", items, labels, wrapped))
    for workers in dict.fromkeys((1, arguments.workers)):
        rows.append(ours(f"ours, {workers} worker(s)", items, labels, workers, arguments.deadline, arguments.repeat))
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


def ours(
    name: str, items: list[tuple[str, str]], labels: list[bool | None], workers: int, deadline: float, repeat: int
) -> dict[str, Any]:
    """`Grader.grade` on the whole batch (its median time), and on single items for the latency."""
    totals, verdicts = [], []
    for _ in range(repeat):
        forget()
        with Grader(workers, deadline) as grader:
            start = time.perf_counter()
            verdicts = [graded.verdict == "correct" for graded in grader.grade(items)]
            totals.append(time.perf_counter() - start)
    forget()
    seconds = []
    with Grader(workers, deadline) as grader:
        for item in items:
            start = time.perf_counter()
            grader.grade([item])
            seconds.append(time.perf_counter() - start)
    return row(name, statistics.median(totals), seconds, verdicts, labels)


def forget() -> None:
    """Empty the caches, so that no pass profits from the one before."""
    from eval.grader import compare, parse

    for cached in (compare._prepared, compare.readings, parse.parse):
        cached.cache_clear()


def with_hanging(
    items: list[tuple[str, str]], labels: list[bool | None], workers: int, deadline: float, share: float
) -> dict[str, Any]:
    """Latency of single items from `workers` threads, where a share of the items hangs."""
    from concurrent.futures import ThreadPoolExecutor

    count = max(1, round(share * len(items) / (1 - share)))
    mixed = [(item, label) for item, label in zip(items, labels, strict=True)]
    mixed += [((f"{number}", f"\\boxed{{{number} {HANGS}}}"), False) for number in range(count)]
    random.Random(0).shuffle(mixed)
    forget()
    with Grader(workers, deadline) as grader, ThreadPoolExecutor(workers) as threads:

        def timed(item: tuple[str, str]) -> tuple[float, str]:
            start = time.perf_counter()
            verdict = grader.grade([item])[0].verdict
            return time.perf_counter() - start, verdict

        start = time.perf_counter()
        results = list(threads.map(timed, [item for item, _ in mixed]))
        total = time.perf_counter() - start
    verdicts = [verdict == "correct" for _, verdict in results]
    found = row(
        f"ours, {workers} worker(s), {count} hanging items", total, [s for s, _ in results], verdicts,
        [label for _, label in mixed],
    )  # fmt: skip
    return {**found, "timeouts": sum(verdict == "timeout" for _, verdict in results)}


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
    from rich.table import Table

    table = Table(
        "", "items/s", "×", "p50 ms", "p99 ms", "max ms", "correct", "agree", "timeouts", title=f"{count} items"
    )
    for one in rows:
        table.add_row(
            one["name"], f"{one['items_per_second']:.0f}",
            f"{one['items_per_second'] / rows[1]['items_per_second']:.1f}",
            f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", f"{one['max_ms']:.0f}", str(one["correct"]),
            f"{one['agree']}/{one['labelled']}", str(one["timeouts"]),
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
