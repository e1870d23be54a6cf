"""Large logs by DuckDB: the same matrix and words as by the reader, which is asked where a file is unusual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lim.logs import large, parts
from lim.logs.checks import Prompts
from lim.logs.files import LogFile
from lim.logs.find import find_log
from lim.logs.formats import ReadOptions
from lim.logs.trajectories import read_trajectories
from lim.reward_log import write_run, write_step
from lim.utils.errors import InputError

duckdb = pytest.importorskip("duckdb")
IDS = [f"p{number:02d}" for number in range(30)]
Rewards = Callable[[np.random.Generator, int], Any]


def graded(rng: np.random.Generator, rows: int) -> Any:
    return rng.uniform(0, 0.9, rows).astype(np.float32)


def ternary(rng: np.random.Generator, rows: int) -> Any:
    return rng.choice([1.0, -0.5, -1.0], rows)


def filtered(rng: np.random.Generator, rows: int) -> Any:
    return np.where(np.arange(rows) % 4 == 0, 1.0, -0.5)


def equal_between(rng: np.random.Generator, rows: int) -> Any:
    """Groups that are equal have neither the log's largest reward nor its smallest."""
    return np.where(np.arange(rows) // 4 % 5 == 0, 0.25, np.tile([1.0, -1.0, 0.0, 0.5], rows // 4))


def make(folder: Path, rewards: Rewards = ternary, verdicts: bool = True, samples: int = 4) -> Path:
    """A log of four epochs in twelve steps."""
    rng = np.random.default_rng(3)
    write_run(folder, {"recipe": "made up"})
    step = 0
    for epoch in range(1, 5):
        order = rng.permutation(IDS)
        for at in range(0, 30, 10):
            step += 1
            ids = np.repeat(order[at : at + 10], samples)
            reward = rewards(rng, len(ids)).tolist()
            rows = {"prompt_id": ids.tolist(), "epoch": [epoch] * len(ids), "step": [step] * len(ids)}
            rows |= {"sample": list(range(samples)) * 10, "reward": reward}
            if verdicts:
                rows["verdict"] = ["correct" if value > 0.8 else "incorrect" for value in reward]
                rows["reason"] = [None if value > 0.8 else "another number" for value in reward]
            write_step(folder, step, rows)
    return folder


def change(path: Path, name: str, values: Callable[[list[Any]], Any]) -> None:
    table = pq.read_table(path)
    at = table.column_names.index(name)
    column = pa.array(values(table[name].to_pylist()), table.schema.field(name).type)
    pq.write_table(table.set_column(at, pa.field(name, column.type), column), path)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Small logs go to the engine; whether it answered, by log."""
    answers: list[bool] = []

    def told(*arguments: Any) -> Any:
        found = large.read_large(*arguments)
        answers.append(found is not None)
        return found

    monkeypatch.setattr(parts, "FROM_ROWS", 0)
    monkeypatch.setattr(parts, "read_large", told)
    return answers


def both(folder: Path, **options: Any) -> tuple[Any, Any]:
    """(matrix, summary) by the engine where it answers, and by the reader, which alone keeps samples."""
    log, prompts = find_log(folder), Prompts(IDS, IDS)
    found, wanted = (
        read_trajectories(log, prompts=prompts, options=ReadOptions(keep_samples=kept, **options))
        for kept in (False, True)
    )
    return found, wanted


def assert_alike(engine: tuple[Any, Any], reader: tuple[Any, Any]) -> None:
    (matrix, summary), (wanted, said) = engine, reader
    assert matrix.ids == wanted.ids
    for name in ("rewards_P_K", "pass_rates_P_K", "counts_P_K"):
        np.testing.assert_array_equal(getattr(matrix, name), getattr(wanted, name), err_msg=name)
    assert summary.as_dict() == said.as_dict()


@pytest.mark.parametrize("verdicts", [True, False])
@pytest.mark.parametrize("rewards", [ternary, graded, filtered, equal_between])
def test_the_same_as_the_reader(tmp_path, engine, rewards, verdicts):
    assert_alike(*both(make(tmp_path, rewards, verdicts)))
    assert engine == [True]


def test_a_filtered_log_is_doubted(tmp_path, engine):
    (_, summary), _ = both(make(tmp_path, filtered))
    assert "filtered" in summary.doubts


def test_a_lost_step_and_a_cut_end_are_said(tmp_path, engine):
    folder = make(tmp_path)
    for step in (5, 11, 12):
        (folder / f"step_{step}.parquet").unlink()
    found, wanted = both(folder)
    assert_alike(found, wanted)
    assert found[1].lost_steps == (5,) and found[1].last_step == 10 and engine == [True]


def test_folders_whose_names_are_columns_or_patterns(tmp_path, engine):
    (tmp_path / "epoch=9").mkdir()
    assert_alike(*both(make(tmp_path / "epoch=9")))
    (tmp_path / "run[1]").mkdir()
    assert_alike(*both(make(tmp_path / "run[1]")))
    assert engine == [True, False]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reward", lambda rows: [None, *rows[1:]]),
        ("reward", lambda rows: [float("nan"), *rows[1:]]),
        ("verdict", lambda rows: [None, *rows[1:]]),
    ],
)
def test_unusual_values_are_the_readers(tmp_path, engine, name, values):
    folder = make(tmp_path)
    change(folder / "step_7.parquet", name, values)
    assert_alike(*both(folder))
    assert engine == [False]


def test_files_of_other_types_or_columns_are_the_readers(tmp_path, engine):
    """The engine would read the rewards of all files as the whole numbers that the first one has."""
    folder = make(tmp_path, graded, verdicts=False)
    table = pq.read_table(folder / "step_1.parquet")
    whole = pa.array(np.arange(len(table)) % 2, pa.int64())
    for first in (
        table.set_column(4, "reward", whole),
        table.append_column("verdict", pa.nulls(len(table), pa.string())),
    ):
        pq.write_table(first, folder / "step_1.parquet")
        found, wanted = both(folder)
        assert_alike(found, wanted)
        assert len(np.unique(found[0].rewards_P_K)) > 50
    assert engine == [False, False]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "step_7.parquet: not a complete Parquet file"),
        (
            lambda path: change(path, "reward", lambda rows: [float("inf"), *rows[1:]]),
            "step_7.parquet: row 1: reward is inf",
        ),
        (lambda path: change(path, "epoch", lambda rows: [*rows[:-1], 0]), "step_7.parquet: row 40: epoch is 0"),
    ],
)
def test_the_readers_message_names_file_and_row(tmp_path, engine, damage, message):
    folder = make(tmp_path)
    damage(folder / "step_7.parquet")
    with pytest.raises(InputError, match=message):
        read_trajectories(find_log(folder), prompts=Prompts(IDS, IDS))
    assert engine == [False]


def test_progress_adds_up_to_the_logs_size(tmp_path, engine):
    told: list[int] = []
    log = find_log(make(tmp_path))
    read_trajectories(log, prompts=Prompts(IDS, IDS), progress=told.append)
    assert sum(told) == log.size and engine == [True]


def test_small_logs_do_not_import_the_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "read_large", lambda *_: pytest.fail("asked"))
    read_trajectories(find_log(make(tmp_path)), prompts=Prompts(IDS, IDS))


def test_ctrl_c_ends_a_query(monkeypatch):
    connection = duckdb.connect()
    query = large._Query(connection, [LogFile("step_1.parquet", 1, 1)], None)
    beats = iter([None, KeyboardInterrupt()])

    def join(self: Any, timeout: float | None = None, wait: Any = large.threading.Thread.join) -> None:
        wait(self, timeout)
        if timeout and isinstance(beat := next(beats), BaseException):
            raise beat

    monkeypatch.setattr(large.threading.Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        query("select sum(a.range * b.range) from range(100000000) a, range(100000) b where len($files) = 1")
    assert connection.execute("select 1").fetchone() == (1,)
