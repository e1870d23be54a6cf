"""A choice inside a run, on a trainer without OpenRLHF below it: what is trained on and written, kill and resume."""

from __future__ import annotations

import itertools
import json
import os
import sys
import traceback
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar
from unittest.mock import MagicMock

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import stand_in_trainer

import lim_selection
import train.run
from lim.utils.errors import InputError, run_cli
from train import launch

PROMPTS, HELD_OUT, EPOCHS, BEFORE, TOP = 60, 4, 6, 2, 16
# 24 prompts a step, 4 samples each, train batches of 32: 3 + 3 + 1 optimiser steps an epoch over 56 prompts.
PER_EPOCH, FULL_STEPS = 7, 42


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Launches the run with changes; the result of the process. `kill` and `attempt` as the stand-in takes them."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": f"p{at}", "prompt": f"What is ${at} + 1$?", "answer": str(at + 1), "level": at % 3}
        for at in range(PROMPTS)
    ]
    Path("prompts.json").write_text(json.dumps(rows))
    Path("val.json").write_text(json.dumps(rows[:HELD_OUT]))
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")
    done: list[SimpleNamespace] = []

    class Runtime:
        more: ClassVar[dict[str, str]] = {}

        @staticmethod
        def run(command, env, _run_dir, _result):
            out, err = tmp_path / "stdout.txt", tmp_path / "stderr.txt"
            child = os.fork()
            if not child:
                os.environ.update(env | Runtime.more)
                code = 1
                with open(out, "w") as sys.stdout, open(err, "w") as sys.stderr:
                    try:
                        code = run_cli(lambda: stand_in_trainer.main(command[3:]))
                    except BaseException:
                        traceback.print_exc()
                os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            done.append(SimpleNamespace(returncode=code, stdout=out.read_text(), stderr=err.read_text()))
            return code

    monkeypatch.setattr(train.run, "supervise", Runtime, raising=False)

    def start(
        *changes, name="run", kill="", attempt="", report="", loop="", select=f"after_epoch: {BEFORE}, top_k: {TOP}"
    ):
        Runtime.more = {"LIM_TEST_KILL": kill, "LIM_TEST_TRY": attempt, "LIM_TEST_REPORT": report}
        Runtime.more["LIM_TEST_LOOP"] = loop
        launch.main(
            [
                *("arithmetic-cpu", f"run.name={name}", "run.prompt_file=prompts.json", "run.val_file=val.json"),
                *("run.output_dir=out", f"run.epochs={EPOCHS}", "run.epoch_prompts=null", "run.warmup_steps=0"),
                *("actor.model_name_or_path=./model", "rollout.batch_size=24", "rollout.n_samples_per_prompt=4"),
                *("rollout.micro_batch_size=16", "train.batch_size=32", "train.micro_batch_size=16"),
                *("ckpt.save_steps=2", "run.log_responses=false"),
                *([f"run.select={{{select}}}"] if select else []),
                *changes,
            ]
        )
        return done[-1]

    return start


def log(name: str = "run") -> pa.Table:
    steps = sorted(Path("out", name).glob("step_*.parquet"), key=lambda path: int(path.stem[5:]))
    return pa.concat_tables([pq.read_table(path) for path in steps], promote_options="default")


def contents(name: str = "run") -> dict[str, bytes]:
    """The files of log and choice, by name; figures are left out."""
    folder = Path("out", name)
    files = [*folder.glob("step_*.parquet"), *folder.glob("chosen/*.*")]
    # The summary of a choice names the log's folder.
    return {str(path.relative_to(folder)): path.read_bytes().replace(f"out/{name}".encode(), b"") for path in files}


def record(name: str = "run") -> dict:
    return json.loads(Path("out", name, "run.json").read_text())


def events(kind: str, name: str = "run") -> list[dict]:
    lines = Path("out", name, "progress.jsonl").read_text().splitlines()
    return [event for line in lines if (event := json.loads(line))["event"] == kind]


def lim_of(*flags: str, name: str = "run", out: str = "outside.json") -> list[dict]:
    """What lim_selection.py chooses from the run's log."""
    found = ["--train_samples_path", f"out/{name}", "--original_prompts_path", "prompts.json", "--output_path", out]
    lim_selection.main([*found, *flags])
    return json.loads(Path(out).read_text())


def test_the_run_goes_on_with_the_prompts_that_lim_selection_chooses(run):
    done = run(report="1")
    assert done.returncode == 0, done.stderr
    rows = log().to_pylist()
    seen = Counter((row["epoch"], row["prompt_id"], row["sample"]) for row in rows)
    assert set(seen.values()) == {1}, "every sample is there once, in its true epoch"
    by_epoch = {epoch: {row["prompt_id"] for row in rows if row["epoch"] == epoch} for epoch in range(1, 100)}
    chosen = json.loads(Path("out/run/chosen/after_step_6.json").read_text())
    assert len(chosen) == TOP and all(row in json.loads(Path("prompts.json").read_text()) for row in chosen)
    ids = {row["id"] for row in chosen}
    # 16 prompts make two optimiser steps an epoch, and 42 − 2 × 7 = 28 are left: 14 epochs.
    assert [len(by_epoch[epoch]) for epoch in (1, 2, 3, 16, 17)] == [56, 56, 16, 16, 0]
    assert all(by_epoch[epoch] == ids for epoch in range(3, 17))
    assert {(row["step"] <= 6, row["chosen_at"]) for row in rows} == {(True, None), (False, 6)}
    assert lim_of("--max_epochs", "2", "--top_k", "16") == chosen
    outside, inside = (
        {row["id"]: row for row in json.loads(Path(path).read_text())}
        for path in ("outside.scores.json", "out/run/chosen/after_step_6.scores.json")
    )
    assert inside == {id: row for id, row in outside.items() if id in inside} and len(inside) == 56
    assert Path("out/run/chosen/after_step_6/report.html").stat().st_size > 10_000
    found = record()
    assert found["choices"] == [{"step": 6, "epoch": 2, "prompts": 16, "file": "chosen/after_step_6.json"}]
    assert (found["epochs"], found["steps"], found["optimizer_steps"]) == (16, 20, FULL_STEPS)
    assert "scheduler steps 42" in done.stdout
    [event] = events("choice")
    assert (event["step"], event["prompts"], event["of"], event["epochs"]) == (6, 16, 56, 16)
    assert [event["steps"] for event in events("step")] == [20] * 20
    assert events("step")[-1]["seconds_left"] == 0


def test_the_steps_before_the_choice_are_those_of_a_run_without_it(run):
    run()
    run(name="without", select="")
    before = log().filter(pc.less_equal(log()["step"], 6)).drop_columns("chosen_at")
    assert before.equals(log("without").slice(0, len(before))) and len(before) == 2 * 56 * 4
    assert len(contents("without")) == 18 and "choices" not in record("without")
    files = [pq.read_schema(path) for path in Path("out/run").glob("step_*.parquet")]
    assert all(schema.equals(files[0]) for schema in files), "read together, they keep all columns"


def test_a_threshold_decides_how_many_epochs_follow(run):
    done = run(select=f"after_epoch: {BEFORE}, similarity_threshold: 0.9")
    [event] = events("choice")
    per_epoch = event["prompts"] * 4 // 32 if event["prompts"] <= 24 else 3 + (event["prompts"] - 24) * 4 // 32
    assert event["epochs"] == BEFORE + round(28 / per_epoch)
    assert abs(record()["optimizer_steps"] - FULL_STEPS) <= per_epoch / 2
    assert "scheduler steps 42" in done.stdout, "known before the choice"
    assert log()["epoch"].to_pylist()[-1] == event["epochs"]


@pytest.mark.parametrize(
    ("kill", "redone"),
    [
        ("step:5", "nothing"),  # before the choice
        ("step:6", "nothing"),  # at its epoch's end, before that checkpoint
        ("scores:1", "nothing"),  # in the choice
        ("report:1", "nothing"),
        ("record:2", "nothing"),  # the first record is at the start
        ("step:7", "the choice"),  # after it, before a checkpoint has it
        ("step:9", "nothing"),  # resumed from step 8, whose checkpoint has it
    ],
)
def test_kill_and_resume_leave_what_a_run_without_a_kill_leaves(run, kill, redone):
    run(name="whole")
    assert run(kill=kill).returncode == -9
    done = run("run.resume=true")
    assert done.returncode == 0, done.stderr
    assert contents() == contents("whole")
    assert record()["choices"] == record("whole")["choices"]
    assert (record()["epochs"], record()["optimizer_steps"]) == (16, FULL_STEPS)
    made = 2 if redone == "the choice" else 1
    assert len(events("choice")) == made


def test_steps_made_again_with_other_rewards_choose_by_these(run):
    """The checkpoint is of step 4; steps 5 and 6 and the choice are made again, and step 7 with them."""
    run("ckpt.save_steps=4", kill="step:7")
    first = contents()["chosen/after_step_6.json"]
    run("ckpt.save_steps=4", "run.resume=true", attempt="second")
    second = contents()["chosen/after_step_6.json"]
    assert first != second
    assert lim_of("--max_epochs", "2", "--top_k", "16") == json.loads(second)
    rows = log().to_pylist()
    assert {row["prompt_id"] for row in rows if row["step"] > 6} == {row["id"] for row in json.loads(second)}
    assert max(Counter((row["epoch"], row["prompt_id"], row["sample"]) for row in rows).values()) == 1


def test_choosing_anew_takes_prompts_back(run):
    """Every two epochs anew: chosen from all prompts, each on the epochs in which it was seen."""
    assert run(select=f"after_epoch: {BEFORE}, top_k: {TOP}, every: 2, strategy: uncertainty").returncode == 0
    rows, choices = log().to_pylist(), record()["choices"]
    assert [choice["epoch"] for choice in choices] == [2, 4, 6, 8, 10, 12, 14]
    sets = [{row["id"] for row in json.loads(Path("out/run", choice["file"]).read_text())} for choice in choices]
    for choice, ids in zip(choices, sets, strict=True):
        trained = {row["prompt_id"] for row in rows if row["epoch"] in (choice["epoch"] + 1, choice["epoch"] + 2)}
        assert trained == ids
    assert any(later - before for before, later in itertools.pairwise(sets)), "some come back"
    assert record()["epochs"] == 16


def test_choosing_anew_over_a_kill(run):
    select = f"after_epoch: {BEFORE}, top_k: {TOP}, every: 2"
    run(name="whole", select=select)
    run(select=select, kill="step:11")
    assert len(record()["choices"]) == 3  # after steps 6, 8 and 10; the last checkpoint is of step 10
    run("run.resume=true", select=select)
    assert contents() == contents("whole") and record()["choices"] == record("whole")["choices"]


def test_a_new_start_keeps_nothing_of_an_earlier_choice(run):
    run("ckpt.save_steps=100", kill="step:8")
    assert Path("out/run/chosen/after_step_6.json").exists()
    run("ckpt.save_steps=100", "run.resume=true", kill="step:1")
    assert not list(Path("out/run/chosen").iterdir()) and record()["choices"] == []


def test_random_within_a_band_of_pass_rates(run):
    run(select=f"after_epoch: {BEFORE}, strategy: random, num_prompts: {TOP}, pass_rates: [0.15, 0.5]", name="a")
    scores = json.loads(Path("out/a/chosen/after_step_6.scores.json").read_text())
    assert sum(row["chosen"] for row in scores) == TOP
    assert all(0.15 <= row["score"] <= 0.5 for row in scores if row["chosen"])
    assert any(not 0.15 <= row["score"] <= 0.5 for row in scores)
    inside = {row["id"] for row in scores if row["chosen"]}
    run("run.seed=2", select=f"after_epoch: {BEFORE}, strategy: random, num_prompts: {TOP}", name="b")
    other = json.loads(Path("out/b/chosen/after_step_6.json").read_text())
    assert {row["id"] for row in other} != inside
    assert json.loads(Path("out/b/chosen/after_step_6.summary.json").read_text())["settings"]["seed"] == 2


def test_a_choice_too_small_to_go_on_with_is_told_and_can_be_made_otherwise(run):
    done = run(select=f"after_epoch: {BEFORE}, similarity_threshold: 0.9999")
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert "too few for one optimiser step" in line and "after_step_6.scores.json" in line
    assert "change run.select and resume with run.resume=true" in line
    assert len(json.loads(Path("out/run/chosen/after_step_6.scores.json").read_text())) == 56
    done = run("run.resume=true", select=f"after_epoch: {BEFORE}, top_k: {TOP}")
    assert done.returncode == 0, done.stderr
    assert len(log()) > 6 * 96 and len(record()["choices"]) == 1
    with pytest.raises(InputError, match=r"was started with run\.select\.top_k=16, not 20; resuming would mix"):
        run("run.resume=true", select=f"after_epoch: {BEFORE}, top_k: 20")


def test_what_selection_refuses_at_the_choice_is_told_in_the_recipes_words(run):
    done = run(select=f"after_epoch: {BEFORE}, strategy: random, num_prompts: {TOP}, pass_rates: [0.9, 1]")
    [line] = done.stderr.splitlines()
    assert "run.select.num_prompts=16 asks for more prompts than there are (0); nothing is lost: change run" in line
    done = run("run.resume=true", select=f"after_epoch: {BEFORE}, max_reward: 3")
    [line] = done.stderr.splitlines()
    assert "give run.select.max_reward=1, or run.select.metric accuracy (run.select.allow=[max_reward] goes" in line
    assert run("run.resume=true").returncode == 0


def test_a_choice_cannot_be_added_to_a_run_that_is_past_it(run):
    run(select="", kill="step:11")
    with pytest.raises(InputError, match=r"was started with run\.select\.after_epoch=None, not 2"):
        run("run.resume=true")
    done = run("run.resume=true", select=f"after_epoch: 5, top_k: {TOP}")
    assert done.returncode == 0, done.stderr
    assert record()["choices"][0]["epoch"] == 5


def test_a_prompt_file_that_changed_since_the_start_is_refused_before_a_step(run, monkeypatch):
    from train.recipe import dataset

    write = dataset.write

    def changing(path, rows, system):
        write(path, rows, system)
        Path("prompts.json").write_text(Path("prompts.json").read_text() + " ")

    monkeypatch.setattr(dataset, "write", changing)
    done = run()
    assert done.returncode != 0 and not list(Path("out/run").glob("step_*"))
    assert "prompts.json: has changed since the run was started from it; restore it" in done.stderr


def test_ids_of_a_file(run):
    Path("ids.json").write_text(json.dumps([f"p{at}" for at in range(20, 40)]))
    run(select=f"after_epoch: {BEFORE}, ids_path: ids.json")
    assert {row["prompt_id"] for row in log().to_pylist() if row["chosen_at"]} == {f"p{at}" for at in range(20, 40)}
    Path("ids.json").write_text(json.dumps(["p20", "p1"]))  # p1 is held out for validation
    with pytest.raises(InputError, match=r"1 of its 2 ids are not in the prompt file: 'p1'"):
        run(select=f"after_epoch: {BEFORE}, ids_path: ids.json", name="wrong")
    assert not Path("out/wrong").exists()


def test_a_run_goes_on_without_the_report_and_says_so(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "lim.report.figures", None)
    assert run(report="1").returncode == 0
    assert any("after_step_6: no report (" in event["text"] for event in events("stage"))
    assert record()["choices"] and log()["step"].to_pylist()[-1] == 20


def test_a_number_of_optimiser_steps(run):
    """29 optimiser steps: four epochs of 7, and the first step of the fifth, which makes 3 of them."""
    settings = ("run.optimizer_steps=29", "actor.lr_scheduler=cosine_with_min_lr")
    assert run(*settings, select="", kill="step:11").returncode == -9
    assert run(*settings, "run.resume=true", select="").returncode == 0
    rows = log().to_pylist()
    assert rows[-1]["step"] == 13 and rows[-1]["epoch"] == 5
    last, before = events("step")[-1], events("step")[-2]
    assert last["generated"] == len(rows)
    # Step 12 ends an epoch: 28 of 29 optimiser steps in 12 steps, so that one of 12 / 28 steps is left, rounded up.
    assert (before["step"], before["steps"], before["epochs"], before["optimizer_step"]) == (12, 13, None, 28)
    assert (last["optimizer_steps"], last["seconds_left"]) == (29, 0)
    with pytest.raises(InputError, match=r"with run.select, the steps after the choice are those left of run.epochs"):
        run(*settings, name="both")


@pytest.mark.slow  # imports vLLM
def test_openrlhfs_own_loop_ends_where_the_stand_ins_does(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "openrlhf.models.ring_attn_utils", MagicMock())  # it wants flash_attn
    import openrlhf.trainer.ppo_trainer  # noqa: F401  once, before the forks

    run(name="whole")
    assert run(loop="1", kill="step:9").returncode == -9
    done = run("run.resume=true", loop="1")
    assert done.returncode == 0, done.stderr
    assert contents() == contents("whole") and record()["choices"] == record("whole")["choices"]
    assert run("run.optimizer_steps=29", select="", name="steps", loop="1").returncode == 0
    assert log("steps")["step"].to_pylist()[-1] == 13


# The log, read by selection.


def test_lim_on_the_whole_run_is_refused_and_on_the_epochs_before_the_choice_it_is_not(run):
    run()
    with pytest.raises(InputError) as caught:
        lim_of("--top_k", "16")
    text = str(caught.value)
    assert "from epoch 3 on the run trained on the prompts alone that it chose after step 6" in text
    assert "give --max_epochs 2" in text and "\n" not in text
    for strategy in (["--strategy", "uncertainty"], ["--strategy", "difficulty"], ["--max_epochs", "3"]):
        with pytest.raises(InputError, match="give --max_epochs 2"):
            lim_of(*strategy, *(["--top_k", "16"] if "difficulty" not in strategy else []))
    lim_of("--max_epochs", "2", "--top_k", "16")
    summary = json.loads(Path("outside.summary.json").read_text())
    assert summary["unscored"] == {"not in the log": HELD_OUT}, "nobody is missing"
    assert len(lim_of("--strategy", "random", "--num_prompts", "9")) == 9


def test_those_that_left_are_not_missing(run):
    run()
    lim_of("--top_k", "5", "--allow", "chosen")
    reasons = json.loads(Path("outside.summary.json").read_text())["unscored"]
    assert reasons == {"left the run when it chose its prompts": 40, "not in the log": HELD_OUT}


def test_an_adaptive_kl_coefficient_continues_where_it_was(run):
    """OpenRLHF keeps it in memory alone: a resumed run would begin again with the recipe's."""

    def coefficient(name: str) -> float:
        return json.loads(Path("out", name, "state.json").read_text())["kl_coefficient"]

    adaptive = ("algo.kl.target=0.1", "run.epochs=2")
    assert run(*adaptive, select=None).returncode == 0
    assert run(*adaptive, select=None, name="killed", kill="step:4").returncode == -9
    assert 0.01 < coefficient("killed") < coefficient("run")
    assert run(*adaptive, "run.resume=true", select=None, name="killed").returncode == 0
    assert coefficient("killed") == coefficient("run")
    assert run("run.epochs=1", select=None, name="fixed").returncode == 0
    assert coefficient("fixed") == 0.01
