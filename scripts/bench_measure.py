"""What the benchmarks share: a command's seconds and memory, each in its own process."""

from __future__ import annotations

import inspect
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]


def measure(command: list[str], *, memory: bool = True, cwd: Path = ROOT) -> dict[str, Any]:
    """Run a command: seconds, processor seconds, peak PSS of its process tree in MB, its last line.

    Looking at a large process's memory every 20 ms slows it down: without `memory` only time is taken.
    """
    started, before = time.monotonic(), _processor_seconds()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while memory and not done.wait(0.02):
            total = 0
            try:
                for one in (root, *root.children(recursive=True)):
                    total += one.memory_full_info().pss
            except psutil.Error:
                pass
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.monotonic() - started
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 2),
        "processor_s": round(_processor_seconds() - before, 2),
        "peak_mb": round(peak / 1e6),
        "output": output.strip().splitlines()[-1:],
    }


def _processor_seconds() -> float:
    """Of all children so far; other work on the machine hardly changes it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def alone(function: Callable[..., None], *arguments: str, memory: bool = True) -> dict[str, Any]:
    """Measure a function, of which the source is enough, in a Python that has imported nothing else."""
    source = f"import json, sys\nfrom pathlib import Path\n{inspect.getsource(function)}"
    source = "from __future__ import annotations\n" + source + f"{function.__name__}(*sys.argv[1:])"
    return measure([sys.executable, "-c", source, *arguments], memory=memory)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
