"""The benchmark runs, and its straightforward program agrees with lim_selection.py on both formats."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bench_selection.py"


def bench(tmp_path, *arguments):
    figures = tmp_path / "bench.json"
    command = [sys.executable, SCRIPT, *arguments, "--folder", tmp_path, "--json", figures]
    subprocess.run(command, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == [figures]  # the made logs are gone
    return json.loads(figures.read_text())


def test_three_ways_choose_the_same(tmp_path):
    # The script itself compares the choices and fails where they differ.
    figures = bench(tmp_path, "--fraction", "0.006", "--repeats", "1")
    assert figures["samples"] == 51 * 8 * 21
    assert all(figures[f"{name}, lim_selection"]["peak_mb"] > 5 for name in ("json", "parquet"))


def test_the_million_prompt_case_at_a_thousandth(tmp_path):
    # The script itself compares the choices of its programs.
    figures = bench(tmp_path, "--million", "--prompts", "1000", "--repeats", "1", "--response_bytes", "100")
    assert int(figures["chosen"].split()[0]) > 0
    assert figures["programs"].keys() == {"plain read", "lim, reading and scoring", "lim_selection.py"}
