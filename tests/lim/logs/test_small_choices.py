"""A choice that is smaller than the run's batch is said: trainers that drop such a batch would train on nothing."""

from __future__ import annotations

import json

import pytest

from lim.logs.trajectories import LogSummary
from lim.pipeline import select, small_notes
from lim.strategies import Settings

PROMPTS, EPOCHS = 8, 3


def write_verl(folder, per_step):
    """Steps of `per_step` prompts, two samples each; prompt i is solved from epoch i mod 3 on."""
    folder.mkdir()
    batches = [
        (epoch, range(first, first + per_step)) for epoch in range(EPOCHS) for first in range(0, PROMPTS, per_step)
    ]
    for step, (epoch, prompts) in enumerate(batches, 1):
        rows = [
            {"input": f"question {i}", "output": f"{i} {k}", "gts": "1", "score": float(i % 3 + k <= epoch)}
            for i in prompts
            for k in (0, 1)
        ]
        (folder / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps([{"id": str(i), "prompt": f"question {i}", "answer": "1"} for i in range(PROMPTS)]))
    return path


def said(prompts, log, **settings):
    return [note for note in select(prompts, log_path=log, settings=Settings(**settings)).notes if "batch" in note]


@pytest.mark.parametrize("settings", [{"top_k": 3}, {"strategy": "random", "num_prompts": 3, "seed": 1}])
def test_fewer_prompts_than_a_step_has(tmp_path, prompts, settings):
    (note,) = said(prompts, write_verl(tmp_path / "run", 4), **settings)
    assert note.startswith("3 prompts are fewer than a step of this log has (4)")
    assert note.endswith("batches of at most 3 prompts")


def test_as_many_as_a_step_has(tmp_path, prompts):
    assert said(prompts, write_verl(tmp_path / "run", 4), top_k=4) == []


def test_steps_that_are_epochs_say_nothing_of_a_batch(tmp_path, prompts):
    assert said(prompts, write_verl(tmp_path / "run", PROMPTS), top_k=3) == []


def test_own_runs_use_the_last_batch():
    logs = [LogSummary("run", format, files=6, size=1, step_prompts=4) for format in ("verl", "lim")]
    assert [len(small_notes(3, log, PROMPTS)) for log in logs] == [1, 0]


def test_one_prompt():
    (note,) = small_notes(1, LogSummary("run", "trl", files=6, size=1, step_prompts=4), PROMPTS)
    assert note.startswith("1 prompt is fewer than a step") and note.endswith("batches of at most 1 prompt")
