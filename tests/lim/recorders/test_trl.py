"""The recorder around a stand-in for TRL's trainer. With TRL itself: scripts/verify_recorders.sh."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import math
import random
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from runs import Run, Sample
from stand_in_trl import Data, Killed, StandIn

from lim.logs.reward_log import read_run, step_files
from lim.pipeline import select
from lim.recorders.trl import record
from lim.strategies import Settings
from lim.utils.errors import InputError

IDS = ["a", "b", "c", "d", "e"]
Row = tuple[int, str, int, float]  # epoch, prompt, sample, reward


class Reward:
    """A reward function that remembers what it gave; two of them have one name."""

    def __init__(self, seed: int, nothing: float = 0.0) -> None:
        self.draw, self.nothing, self.calls = random.Random(seed), nothing, list[list[float | None]]()

    def __call__(self, prompts: list[Any], **given: Any) -> list[float | None]:
        values = [None if self.draw.random() < self.nothing else float(self.draw.random() < 0.5) for _ in prompts]
        if not str(prompts[0]).startswith("e") or str(prompts[0]) == "e":
            self.calls.append(values)
        return values


def trainer(rewards: list[Any], **settings: Any) -> StandIn:
    return StandIn(list(rewards), Data(id=IDS, answer=["1"] * len(IDS)), **settings)


def rows_of(folder: Path) -> list[list[Row]]:
    """The log's rows, a list for each file."""
    found = []
    for number, path in step_files(folder):
        table = pq.read_table(path, partitioning=None)
        assert set(table["step"].to_pylist()) == {number}
        names = ("epoch", "prompt_id", "sample", "reward")
        found.append(list(zip(*(table[name].to_pylist() for name in names), strict=True)))
    assert [number for number, _ in step_files(folder)] == list(range(1, len(found) + 1))
    return found


def truth(trainers: list[tuple[StandIn, list[Any], int | None]], weights: list[float]) -> list[list[tuple]]:
    """(pass, id, reward) of what was scored, by trainers with their rewards and the last step that counts."""
    found: list[list[tuple]] = []
    for one, rewards, last in trainers:
        for at, (epoch, ids, step) in enumerate(one.scored):
            if last is not None and step > last:
                continue
            values = list(zip(*(reward.calls[at] for reward in rewards), strict=True))
            totals = [
                math.nan if set(row) == {None} else sum(w * (v or 0) for w, v in zip(weights, row, strict=True))
                for row in values
            ]
            batch = [(epoch, id, total) for id, total in zip(ids, totals, strict=True)]
            every = one.num_iterations * one.steps_per_generation
            if at == 0 and one.first % every and [r[:2] for r in sorted(found[-1])] == [r[:2] for r in sorted(batch)]:
                found.pop()  # the batch that the checkpoint lies in, generated anew
            found.append(batch)
    return found


def check(folder: Path, expected: list[list[tuple]]) -> None:
    found = rows_of(folder)
    assert [[(row[0], row[1]) for row in batch] for batch in found] == [[row[:2] for row in b] for b in expected]
    np.testing.assert_allclose(
        [row[3] for batch in found for row in batch], [row[2] for batch in expected for row in batch], rtol=1e-6
    )
    keys = [row[:3] for batch in found for row in batch]
    assert len(set(keys)) == len(keys), "an (epoch, prompt, sample) is there twice"


LOOPS = [
    # iterations, steps per generation, accumulation, evaluation
    (1, 1, 1, 0),
    (2, 1, 1, 3),
    (1, 4, 2, 2),
    (1, 1, 4, 1),
    (2, 3, 4, 2),
    (3, 2, 1, 5),
]


def loop(numbers: tuple[int, ...], **more: Any) -> dict[str, Any]:
    names = ("num_iterations", "steps_per_generation", "accumulation", "eval_steps")
    return dict(zip(names, numbers, strict=True)) | more


@pytest.mark.parametrize("numbers", LOOPS)
def test_each_generation_is_written_once_with_its_pass(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    rewards = [Reward(1), Reward(2, nothing=0.3)]
    one = trainer(rewards, **loop(numbers, passes=3, reward_weights=[1.0, 0.25]))
    record(one, tmp_path / "log")
    one.train()
    assert len(one.scored) == 6  # five prompts, two at a time, three passes: a prompt is dropped in each
    check(tmp_path / "log", truth([(one, rewards, None)], [1.0, 0.25]))
    assert all(len(batch) == 4 for batch in rows_of(tmp_path / "log"))
    assert read_run(tmp_path / "log")["reward_functions"] == ["Reward", "Reward"]


@pytest.mark.parametrize("numbers", LOOPS)
@pytest.mark.parametrize(("at", "dies", "seed"), [(1, 2, 0), (1, 0, 1), (2, 4, 2), (3, 5, 3), (5, 6, 0), (5, 0, 2)])
def test_a_resumed_run_replaces_what_came_after_its_checkpoint(
    tmp_path: Path, numbers: tuple[int, ...], at: int, dies: int, seed: int
) -> None:
    rewards, again = [Reward(1), Reward(2)], [Reward(3), Reward(4)]
    one = trainer(rewards, **loop(numbers, passes=6, seed=seed, kill_at=dies))
    record(one, tmp_path)
    try:
        one.train()
    except Killed:
        assert dies
    two = trainer(again, **loop(numbers, passes=6, seed=seed))
    record(two, tmp_path)
    two.train(resume_at=at)
    check(tmp_path, truth([(one, rewards, at), (two, again, None)], [1.0, 1.0]))


def test_a_batch_that_a_checkpoint_lies_in_is_there_once(tmp_path: Path) -> None:
    # Two iterations: steps 1 and 2 train on the first batch. Resumed at step 1, TRL generates for its prompts again.
    first, second = trainer([Reward(1)], num_iterations=2), trainer([Reward(2)], num_iterations=2)
    record(first, tmp_path)
    first.train()
    record(second, tmp_path)
    second.train(resume_at=1)
    assert first.scored[0][:2] == second.scored[0][:2]
    seen = [(id, sample) for batch in rows_of(tmp_path) for epoch, id, sample, _ in batch if epoch == 1]
    assert sorted(seen) == sorted((id, sample) for id in {id for id, _ in seen} for sample in (0, 1))


def test_a_prompt_that_comes_twice_in_a_pass_keeps_all_its_samples(tmp_path: Path) -> None:
    # Resumed in the second pass, TRL continues in the order of the first: a prompt may come again, another never.
    found = set()
    for seed in range(6):
        folder = tmp_path / str(seed)
        first, second = trainer([Reward(1)], seed=seed, kill_at=4), trainer([Reward(2)], seed=seed)
        record(first, folder)
        with pytest.raises(Killed):
            first.train()
        record(second, folder)
        second.train(resume_at=3)
        samples = [(id, sample) for batch in rows_of(folder) for epoch, id, sample, _ in batch if epoch == 2]
        assert len(set(samples)) == len(samples) == 8
        found.add(max(sample for _, sample in samples))
    assert found == {1, 3}


def test_lim_on_the_log_is_lim_on_what_the_reward_function_gave(tmp_path: Path) -> None:
    run = Run(prompts=len(IDS), epochs=3, batch=5)
    run.ids = IDS
    reward = Reward(7)
    one = trainer([reward], passes=4, per_batch=5, num_iterations=2, eval_steps=3)
    record(one, tmp_path / "log")
    one.train()
    seen = [
        Sample(at + 1, epoch, IDS.index(id), number, value)
        for at, ((epoch, ids, _), values) in enumerate(zip(one.scored, reward.calls, strict=True))
        for number, (id, value) in enumerate(zip(ids, values, strict=True))
    ]
    run.epochs = 4
    prompts = run.write_prompts(tmp_path / "prompts.json")
    selection = select(prompts, log_path=tmp_path / "log", settings=Settings(similarity_threshold=-99.0))
    scores = dict(zip(selection.ids, selection.scores_P.tolist(), strict=True))
    assert scores == pytest.approx(run.truth(seen))
    assert selection.log is not None and not selection.log.notes


def test_asynchronous_functions_and_whole_numbers_as_ids(tmp_path: Path) -> None:
    calls = []

    async def later(prompts: list[Any], **given: Any) -> list[float]:
        await asyncio.sleep(0)
        calls.append(given["id"])
        return [float(id) for id in given["id"]]

    def now(prompts: list[Any], answer: list[str], **given: Any) -> Any:
        return (10.0 * float(number) for number in answer)  # a generator, as TRL allows

    one = StandIn([functools.partial(later), now, later], Data(id=[1, 2, 3], answer=["0", "1", "2"]), per_batch=3)
    record(one, tmp_path)
    one.train()
    want = {id: 2.0 * id + 10.0 * (id - 1) for id in (1, 2, 3)}
    assert {(int(id), reward) for batch in rows_of(tmp_path) for _, id, _, reward in batch} == set(want.items())
    assert len(calls) == 2 * len(one.scored)


def test_a_batch_that_no_function_scored_has_no_file_and_a_row_has_nan(tmp_path: Path) -> None:
    def none_of(ids: set[str]) -> Any:
        return lambda prompts, **given: [None if id in ids else 1.0 for id in given["id"]]

    one = trainer([none_of({"a"})], per_batch=5, passes=1)
    record(one, tmp_path / "some")
    one.train()
    rewards = {id: reward for batch in rows_of(tmp_path / "some") for _, id, _, reward in batch}
    assert math.isnan(rewards.pop("a")) and set(rewards.values()) == {1.0}
    one = trainer([none_of(set(IDS))], passes=1)
    record(one, tmp_path / "none")
    one.train()
    assert rows_of(tmp_path / "none") == []


def test_several_processes_write_one_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads for two processes, each with half of a batch; the first one writes."""
    barrier, shared = threading.Barrier(2), {}

    def gather_object(rows: list[Any]) -> list[Any]:
        shared[threading.current_thread().name] = rows
        barrier.wait(20)
        both = [row for name in ("0", "1") for row in shared[name]]
        barrier.wait(20)
        return both

    monkeypatch.setitem(sys.modules, "accelerate", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "accelerate.utils", SimpleNamespace(gather_object=gather_object))
    # One sample of each prompt in each process, so that the processes hold the same prompts' samples.
    trainers = [trainer([Reward(rank)], num_generations=1, num_iterations=2, eval_steps=1) for rank in (0, 1)]
    for rank, one in enumerate(trainers):
        one.accelerator = SimpleNamespace(is_main_process=rank == 0, num_processes=2)
        record(one, tmp_path)
    threads = [threading.Thread(target=one.train, name=str(rank)) for rank, one in enumerate(trainers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    batches = rows_of(tmp_path)
    assert len(batches) == 4 and all(len(batch) == 4 for batch in batches)
    for at, batch in enumerate(batches):
        values = [one.reward_funcs[0].__wrapped__.calls[at] for one in trainers]
        assert [row[3] for row in batch] == list(itertools.chain(*values))
        assert sorted(row[2] for row in batch) == [0, 0, 1, 1]


def test_a_retry_with_a_smaller_batch_starts_the_log_over(tmp_path: Path) -> None:
    one = trainer([Reward(1)], kill_at=3)
    record(one, tmp_path)
    with pytest.raises(Killed):
        one.train()
    one.kill_at, one.per_batch = 0, 1
    one.scored.clear()
    one.train()
    assert [len(batch) for batch in rows_of(tmp_path)] == [2] * 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"column": "key"}, "train_dataset: has no column 'key' (its columns: id, answer)"),
        ({"ids": ["a", "b", "a"]}, "train_dataset: rows 1 and 3 have the same 'id' 'a'"),
        ({"ids": [1, "1"]}, "train_dataset: rows 1 and 2 have the same 'id' '1'"),
        ({"ids": ["a", None]}, "train_dataset: 'id' is None; an id is text or a whole number"),
        ({"ids": [0.5]}, "train_dataset: 'id' is 0.5"),
        ({"removes": True}, "remove_unused_columns=True keeps 'id' from reward functions; set it to False"),
        ({"model": True}, "reward model Judge: cannot be recorded; pass a function that calls it instead"),
        ({"nothing": True}, "SimpleNamespace: has no reward functions to record; pass a GRPOTrainer"),
    ],
)
def test_what_cannot_be_recorded_is_said_before_training(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    class Judge:
        def forward(self) -> None: ...

        def __call__(self) -> None: ...

    ids = change.get("ids", IDS)
    one: Any = StandIn([Judge() if "model" in change else Reward(1)], Data(id=ids, answer=ids))
    one.args.remove_unused_columns = "removes" in change
    with pytest.raises(InputError) as caught:
        record(SimpleNamespace() if "nothing" in change else one, tmp_path, id_column=change.get("column", "id"))
    assert str(caught.value).startswith(says)
    assert list(tmp_path.iterdir()) == []


def test_another_run_s_log_is_not_written_over(tmp_path: Path) -> None:
    for _ in range(2):
        one = trainer([Reward(1)])
        record(one, tmp_path)
        if step_files(tmp_path):
            before = {path: path.read_bytes() for path in tmp_path.iterdir()}
            with pytest.raises(InputError, match="holds a run's log already; name another folder, or remove it"):
                one.train()
            assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        else:
            one.train()
    (tmp_path / "step_1.parquet").unlink()
    pq.write_table(pq.read_table(tmp_path / "step_2.parquet").replace_schema_metadata(), tmp_path / "step_2.parquet")
    one = trainer([Reward(1)])
    record(one, tmp_path)
    with pytest.raises(InputError, match=r"step_2\.parquet: was not written by this recorder; name another folder"):
        one.train(resume_at=1)


def test_a_streamed_data_set_is_recorded_but_not_resumed(tmp_path: Path) -> None:
    class Stream(SimpleNamespace):
        column_names = None

    one = trainer([Reward(1)])
    one.train_dataset = Stream()
    record(one, tmp_path)
    one.train()
    assert len(rows_of(tmp_path)) == 4
    with pytest.raises(InputError, match="a resumed run of a streamed data set"):
        one.train(resume_at=1)


def test_run_json_says_what_was_recorded(tmp_path: Path) -> None:
    one = trainer([Reward(1), Reward(2)], reward_weights=[1.0, 0.5])
    record(one, tmp_path)
    one.train()
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["trainer"] == "trl" and run["reward_weights"] == [1.0, 0.5] and run["id_column"] == "id"
