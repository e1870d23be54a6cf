"""Where a log is looked for, and what is said where there is none."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from logs import write_log

from lim.logs.files import open_filesystem
from lim.logs.find import find_log
from lim.logs.read import ReadOptions, read_files
from lim.logs.trajectories import read_trajectories
from lim.utils.errors import InputError


def rows(*steps: int) -> str:
    """verl's rows, two prompts at each step."""
    return "".join(
        json.dumps({"input": prompt, "output": "", "score": float(step > 1), "step": step}) + "\n"
        for step in steps
        for prompt in "ab"
    )


def make(folder: Path) -> Path:
    """A run's folder with everything that can be mistaken for its log."""
    for path, text in {
        "run/rollouts/1.jsonl": rows(1),
        "run/rollouts/2.jsonl": rows(2),
        "run/config.json": "{}",
        "two/a/1.jsonl": rows(1),
        "two/b/completions_1.parquet": "",
        "packed/1.jsonl.xz": "",
        "pickled/global_step_1.pkl": "",
        "pickled/global_step_2.pkl": "",
        "packed/2.jsonl.xz": "",
        "merged/all.jsonl": rows(2, 1),
        "merged/progress.jsonl": "",
        "empty/progress.jsonl": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("path", "format", "says"),
    [
        ("run", "auto", "run: no training log here; did you mean run/rollouts (2 files of verl)?"),
        ("run/", "verl", "run/: no training log here; did you mean run/rollouts (2 files of verl)?"),
        ("run", "trl", "run: no training log here; looked for completions_<n>.parquet"),
        ("two", "auto", "did you mean two/a (1 file of verl) or two/b (1 file of trl)?"),
        ("packed", "auto", "packed: no training log here; it holds 2 × <n>.jsonl.xz"),
        ("packed", "auto", "2 × <n>.jsonl.xz; unpack them; of packed files .gz and .zst are read"),
        ("packed/2.jsonl.xz", "auto", "not a log file known by its name; unpack them"),
        ("packed/2.jsonl.xz", "columns", "; unpack them; of packed files .gz and .zst are read"),
        ("pickled", "auto", "2 × global_step_<n>.pkl; write them as JSON lines, CSV or Parquet"),
        ("empty", "auto", "empty: no training log here; looked for step_<n>.parquet"),
        ("run/rollout", "auto", "run/rollout: no such file or folder; did you mean run/rollouts?"),
        ("rnu", "auto", "rnu: no such file or folder; give the folder of a run's log"),
        ("output/math.8k", "auto", "no such file or folder; make it with: bash scripts/train_math.8k.sh"),
    ],
)
def test_a_path_that_is_no_log_says_what_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, format: str, says: str
) -> None:
    monkeypatch.chdir(make(tmp_path))
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        find_log(path, format)
    assert "\n" not in str(caught.value)


def test_one_file_of_several_steps_is_the_log_that_a_file_per_step_is(tmp_path: Path) -> None:
    make(tmp_path)
    merged = find_log(tmp_path / "merged" / "all.jsonl")
    assert find_log(tmp_path / "merged").files == merged.files  # the only one there with rows of a log
    matrix, summary = read_trajectories(merged, options=ReadOptions(keep_samples=True))
    other, _ = read_trajectories(find_log(tmp_path / "run" / "rollouts"), options=ReadOptions(keep_samples=True))
    assert (summary.first_step, summary.last_step, summary.samples) == (1, 2, 4)
    assert matrix.rewards_P_K.tolist() == other.rewards_P_K.tolist() == [[0, 1], [0, 1]]
    assert matrix.samples_P_K_S.tolist() == other.samples_P_K_S.tolist()


def test_a_file_named_by_step_is_one_step(tmp_path: Path) -> None:
    (tmp_path / "7.jsonl").write_text(rows(1))
    (result,) = read_files(find_log(tmp_path))
    assert [step.step for step in result.steps] == [7]


class Unreachable(MemoryFileSystem):
    """A remote file system that fails with an exception of its own, where `fails` says."""

    protocol = "unreachable"
    cachable = False
    fails = "info"

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("unreachable://").strip("/")

    def info(self, path, **kwargs):
        if self.fails == "info":
            raise RuntimeError("no route\n  to host")
        return super().info(path, **kwargs)

    def _open(self, path, *args, **kwargs):
        raise RuntimeError("no route\n  to host")


@pytest.mark.parametrize(("fails", "says"), [("info", "cannot be listed"), ("open", "cannot be read")])
def test_a_remote_log_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch, fails: str, says: str) -> None:
    fsspec.register_implementation("unreachable", Unreachable, clobber=True)
    monkeypatch.setattr(Unreachable, "fails", fails)
    fsspec.filesystem("memory").pipe_file("/run/rollouts/1.jsonl", rows(1).encode())
    with pytest.raises(InputError, match=rf"{says}.*no route to host$"):
        list(read_files(find_log("unreachable://run/rollouts")))


def test_a_remote_folder_above_the_log_is_named() -> None:
    fsspec.filesystem("memory").pipe_file("/above/rollouts/1.jsonl", rows(1).encode())
    with pytest.raises(InputError, match=re.escape("did you mean memory://above/rollouts (1 file of verl)?")):
        find_log("memory://above")


def test_more_workers_than_files_are_not_started(tmp_path: Path) -> None:
    write_log(tmp_path / "run", {"a": [[0], [1]]})
    log = find_log(tmp_path / "run")
    assert sum(len(result.steps) for result in read_files(log, workers=10**9)) == len(log.files)


class TwoAtOnce(MemoryFileSystem):
    """Opens a file only while another one is being opened."""

    protocol = "together"
    meeting = threading.Barrier(2, timeout=60)

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("together://").strip("/")

    def _open(self, path, *args, **kwargs):
        self.meeting.wait()
        return super()._open(path, *args, **kwargs)


def test_files_of_an_object_store_are_read_side_by_side_whatever_their_format() -> None:
    fsspec.register_implementation("together", TwoAtOnce, clobber=True)
    memory = fsspec.filesystem("memory")
    for step in (1, 2, 3, 4):
        memory.pipe_file(f"/met/rollouts/{step}.jsonl", rows(step).encode())
    log = replace(find_log("memory://met/rollouts"), filesystem=open_filesystem("together://met")[0])
    assert log.format == "verl" and len(log.files) == 4
    assert [result.file.step for result in read_files(log)] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["README.md", "train.py", "figure.png"])
def test_a_file_that_is_no_log_is_one_short_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"# A run\n\x89")
    with pytest.raises(
        InputError, match=f"{name}: not a log file known by its name; a log is a folder, or a"
    ) as caught:
        find_log(tmp_path / name)
    assert len(str(caught.value)) < 250 + len(str(tmp_path))


def test_formats_that_were_looked_for_are_not_all_listed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a run\n")
    with pytest.raises(
        InputError, match=r"looked for step_<n>.* and \d+ other formats \(docs/logs.md\); it holds 1 ×"
    ):
        find_log(tmp_path)
