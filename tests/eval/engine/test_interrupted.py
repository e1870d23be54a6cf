"""SIGTERM and a full disk in an evaluation of many samples: one line, whole records, and the same command goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from eval import eval as command
from eval.engine import samples
from eval.engine.engine import Finished
from lim.utils.errors import InputError
from lim.utils.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[3]
QUESTIONS, SAMPLES = 100, 4
# A process of its own, as a limit on files is for all of a process. The engine is a stand-in, the rest is not.
PROGRAM = r"""
import os, resource, time
from eval import eval as command
from eval.engine.engine import Finished
from lim.utils.errors import run_cli

def generate(self, target, benchmarks, questions, wanted):
    for name, keys in wanted.items():
        for id, sample in keys:
            yield [Finished((name, id, sample), f"≤ {id} {sample} " + "x" * 500 + r" \boxed{1}", "stop", 5)]
            time.sleep(float(os.environ.get("PAUSE", 0)))

command.Engines.generate = generate
if limit := int(os.environ.get("LIMIT", 0)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
raise SystemExit(run_cli(command.main))
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    rows = [{"id": f"q{i}", "question": f"{i}?", "answer": "1"} for i in range(QUESTIONS)]
    (tmp_path / "data").mkdir()
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "data" / "aime24.jsonl").write_text(text, encoding="utf-8")
    write_json(tmp_path / "model" / "config.json", {})
    return [
        *("--model", str(tmp_path / "model"), "--output_path", str(tmp_path / "out")),
        *("--benchmarks", "aime24", "--n_samples", str(SAMPLES), "--data_dir", str(tmp_path / "data")),
    ]


def start(arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(arguments: list[str], **environment: str) -> tuple[int | None, str, str]:
    """Exit code, stdout and stderr."""
    process = start(arguments, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def kept(folder: Path) -> int:
    """Records on disk, each of which can be read."""
    return len(samples.read(folder / "aime24.jsonl"))


def goes_on(arguments: list[str], folder: Path) -> None:
    """The same command makes the rest, and what was there stays as it was."""
    before = samples.read(folder / "aime24.jsonl")
    assert 0 < len(before) < QUESTIONS * SAMPLES
    code, out, err = finish(arguments)
    assert (code, err) == (0, "")
    assert f"resuming after {len(before)}" in out
    assert samples.read(folder / "aime24.jsonl")[: len(before)] == before
    assert kept(folder) == QUESTIONS * SAMPLES
    assert read_json(folder / "results.json")["benchmarks"]["aime24"]["accuracy"]["value"] == 1.0


def test_sigterm_while_generating(arguments: list[str], tmp_path: Path) -> None:
    process = start(arguments, PAUSE="0.02")
    path = tmp_path / "out" / "aime24.jsonl"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (path.exists() and path.stat().st_size > 5_000):
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (143, "terminated\n")
    assert path.read_bytes().endswith(b"}\n")
    assert not (tmp_path / "out" / "results.json").exists()
    goes_on(arguments, tmp_path / "out")


@pytest.mark.parametrize("limit", [10_000, 10_300])  # bytes, of a file with lines of some 600
def test_a_full_disk_while_generating(arguments: list[str], tmp_path: Path, limit: int) -> None:
    code, _, err = finish(arguments, LIMIT=str(limit))
    path = tmp_path / "out" / "aime24.jsonl"
    assert code == 2
    assert err.startswith(f"error: {path}: ")
    assert err.endswith("make room and run the same command again: it resumes here\n")
    assert err.count("\n") == 1
    assert not (tmp_path / "out" / "results.json").exists()
    goes_on(arguments, tmp_path / "out")


def test_a_full_disk_while_grading(arguments: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert finish(arguments)[0] == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, out, err = finish(arguments, LIMIT="3000")
    assert code == 2
    assert "all samples are already generated" in out
    assert err.startswith(f"error: {folder / 'aime24.graded.jsonl'}: cannot be written (File too large); ")
    assert err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


class FullDisk:
    """A file on a disk that takes seven writes, then none."""

    def __init__(self, path: Path, mode: str, buffering: int) -> None:
        self.file: Any = open(path, mode, buffering=buffering)  # noqa: SIM115
        self.left = 7

    def write(self, data: bytes) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_no_space_left(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(self, target, benchmarks, questions, wanted):
        for id, sample in wanted["aime24"]:
            yield [Finished(("aime24", id, sample), r"\boxed{1}", "stop", 5)]

    monkeypatch.setattr(command.Engines, "generate", generate)
    monkeypatch.setattr(samples, "open", FullDisk, raising=False)
    with pytest.raises(InputError, match=r"aime24\.jsonl: cannot be written \(No space left on device\); make room"):
        command.main(arguments)
    assert kept(tmp_path / "out") == 7
    monkeypatch.delattr(samples, "open")
    goes_on(arguments, tmp_path / "out")
