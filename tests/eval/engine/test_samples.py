"""Saved generations: resuming after a cut, never mixing settings, one writer at a time."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from eval.engine import samples
from eval.engine.samples import Sample, Store
from lim.utils.errors import InputError


def meta(**changes: Any) -> dict[str, Any]:
    return {"benchmark": "b", "model": "m", "weights": "w", "temperature": 1.0, "seed": 0, "n_samples": 2, **changes}


def sample(id: str, number: int, response: str = r"\boxed{1}") -> Sample:
    return Sample(id, number, response, "stop", 3)


def test_what_is_missing_after_an_interruption(tmp_path: Path) -> None:
    with Store(tmp_path, meta()) as store:
        assert store.missing(["q1", "q2"], 2) == [("q1", 0), ("q1", 1), ("q2", 0), ("q2", 1)]
        store.append([sample("q2", 1), sample("q1", 0)])
    with Store(tmp_path, meta()) as store:
        assert store.missing(["q1", "q2"], 2) == [("q1", 1), ("q2", 0)]
        store.append([sample("q1", 1), sample("q2", 0)])
    assert sorted(s.key for s in samples.read(tmp_path / "b.jsonl")) == [("q1", 0), ("q1", 1), ("q2", 0), ("q2", 1)]


def test_samples_of_before_there_was_a_choice_stopped_at_eos(tmp_path: Path) -> None:
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0)])
    with Store(tmp_path, meta(stop_at="eos")) as store:
        assert len(store.samples) == 1
    with pytest.raises(InputError, match=r'made with stop_at "eos", but this run uses "end_tokens"; drop them with'):
        Store(tmp_path, meta(stop_at="end_tokens"))


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_line_cut_anywhere_is_generated_again(tmp_path: Path, kept: int) -> None:
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0, "erste Zeile é\nzweite"), sample("q1", 1)])
    path = tmp_path / "b.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:kept])
    with Store(tmp_path, meta()) as store:
        assert store.missing(["q1"], 2) == [("q1", 1)]
        store.append([sample("q1", 1)])
    assert path.read_bytes() == first + second


def test_a_cut_inside_a_character_is_no_error(tmp_path: Path) -> None:
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0), sample("q1", 1, "≤")])
    path = tmp_path / "b.jsonl"
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index("≤".encode()) + 1])
    assert [s.key for s in samples.read(path)] == [("q1", 0)]


def test_a_sample_is_never_written_twice(tmp_path: Path) -> None:
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0)])
        store.append([sample("q1", 0, "another")])
    assert [s.response for s in samples.read(tmp_path / "b.jsonl")] == [r"\boxed{1}"]


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0)])
        size = store.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
        try:
            with pytest.raises(InputError, match=r"only 20 of \d+ bytes fit"):
                store.append([sample("q1", 1)])
            with pytest.raises(InputError, match="cannot be written"):
                store.append([sample("q1", 1)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with Store(tmp_path, meta()) as store:
        assert store.missing(["q1"], 2) == [("q1", 1)]


@pytest.mark.parametrize("change", [{"temperature": 0.4}, {"weights": "trained again"}, {"seed": 1}, {"model": "n"}])
def test_samples_made_otherwise_are_not_mixed_in(tmp_path: Path, change: dict[str, Any]) -> None:
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0)])
    with pytest.raises(InputError, match=f"made with {next(iter(change))} .*--overwrite"):
        Store(tmp_path, meta(**change))
    with Store(tmp_path, meta(**change), overwrite=True) as store:
        assert store.missing(["q1"], 1) == [("q1", 0)]
    assert samples.read_meta(tmp_path, "b")[next(iter(change))] == next(iter(change.values()))


def test_overwrite_keeps_samples_made_the_same_way(tmp_path: Path) -> None:
    with Store(tmp_path, meta()) as store:
        store.append([sample("q1", 0)])
    with Store(tmp_path, meta(), overwrite=True) as store:
        assert store.missing(["q1"], 2) == [("q1", 1)]
    samples.meta_path(tmp_path, "b").unlink()  # then nobody knows how they were made
    with Store(tmp_path, meta(), overwrite=True) as store:
        assert store.missing(["q1"], 2) == [("q1", 0), ("q1", 1)]


def test_the_number_of_samples_may_grow(tmp_path: Path) -> None:
    with Store(tmp_path, meta(n_samples=1)) as store:
        store.append([sample("q1", 0)])
    with Store(tmp_path, meta(n_samples=3)) as store:
        assert store.missing(["q1"], 3) == [("q1", 1), ("q1", 2)]


def test_what_made_the_samples_stays_on_record(tmp_path: Path) -> None:
    first, second = {"commit": "a", "versions": {"vllm": "1"}}, {"commit": "b", "versions": {"vllm": "2"}}
    with Store(tmp_path, meta(**first)) as store:
        store.append([sample("q1", 0)])
    with Store(tmp_path, meta(**second)):
        pass
    found = samples.read_meta(tmp_path, "b")
    assert (found["commit"], found.get("resumed_with")) == ("a", None)
    for number in (1, 2):
        with Store(tmp_path, meta(**second, n_samples=3)) as store:
            store.append([sample("q1", number)])
    found = samples.read_meta(tmp_path, "b")
    assert (found["commit"], found["resumed_with"], found["n_samples"]) == ("a", [second], 3)


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    with Store(tmp_path, meta()), pytest.raises(InputError, match="another evaluation is writing this file"):
        Store(tmp_path, meta())
    with Store(tmp_path, meta()):
        pass


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "line 2: not a sample"),
        (json.dumps({"id": "q2"}), "line 2: not a sample"),
        (json.dumps(sample("q1", 0)._asdict()), "line 2: sample 0 of question 'q1' is duplicated"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text(json.dumps(sample("q1", 0)._asdict()) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        samples.read(path)
