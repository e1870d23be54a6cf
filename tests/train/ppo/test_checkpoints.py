"""Which checkpoints count as whole, which one a resume takes, which are pruned."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from lim.utils.errors import InputError
from train.ppo import checkpoints, samples
from train.ppo.trainer import resume, trainer_class
from train.run import environment

STATES = "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"  # as DeepSpeed calls them


def write(ckpt: Path, step: int, *, mark: bool = True, critic: bool = True) -> None:
    for role in ("_actor", "_critic") if critic else ("_actor",):
        folder = ckpt / role / f"global_step{step}"
        folder.mkdir(parents=True)
        (folder / STATES).write_bytes(b"x" * step)
        (ckpt / role / "latest").write_text(f"global_step{step}")
    weights = ckpt / f"global_step{step}_hf"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"w" * 10)
    if mark:
        checkpoints.mark_complete(ckpt, step)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_nothing_there_yet(tmp_path):
    assert checkpoints.prepare(tmp_path / "ckpt", resume=True) is None


def test_the_newest_whole_checkpoint_is_taken(tmp_path):
    for step in (2, 4, 10):
        write(tmp_path, step)
    assert checkpoints.prepare(tmp_path, resume=True) == 10
    assert (tmp_path / "_actor" / "latest").read_text() == "global_step10"


def test_one_without_a_mark_is_removed_and_both_roles_go_back(tmp_path):
    write(tmp_path, 2)
    write(tmp_path, 4, mark=False, critic=False)
    (tmp_path / "_critic" / "latest").write_text("global_step2")
    assert checkpoints.prepare(tmp_path, resume=True) == 2
    assert (tmp_path / "_actor" / "latest").read_text() == "global_step2"
    assert names(tmp_path / "_actor") == names(tmp_path / "_critic") == {"global_step2", "latest"}
    assert names(tmp_path) == {"_actor", "_critic", "global_step2_hf", "global_step2.json"}


@pytest.mark.parametrize("damaged", [f"_actor/global_step4/{STATES}", f"_critic/global_step4/{STATES}"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_one_is_not_taken(tmp_path, damaged, how):
    write(tmp_path, 2)
    write(tmp_path, 4)
    path = tmp_path / damaged
    path.write_bytes(b"x") if how == "cut" else path.unlink()
    assert checkpoints.prepare(tmp_path, resume=True) == 2


def test_without_any_whole_one_training_starts_anew(tmp_path):
    write(tmp_path, 4, mark=False)
    assert checkpoints.prepare(tmp_path, resume=True) is None
    assert names(tmp_path) == set()


def test_a_new_run_keeps_nothing_of_an_earlier_one_but_what_is_not_ours(tmp_path):
    write(tmp_path, 4)
    (tmp_path / "notes.txt").write_text("mine")
    assert checkpoints.prepare(tmp_path, resume=False) is None
    assert names(tmp_path) == {"notes.txt"}


def test_weights_kept_after_their_states_were_rotated_survive_a_resume(tmp_path):
    for step in (2, 4, 6):
        write(tmp_path, step)
    for role in ("_actor", "_critic"):
        (tmp_path / role / "global_step2" / STATES).unlink()
        (tmp_path / role / "global_step2").rmdir()
    assert checkpoints.prepare(tmp_path, resume=True) == 6
    assert (tmp_path / "global_step2_hf" / "model.safetensors").exists()
    assert checkpoints.weights_are_complete(tmp_path, 2)
    assert not checkpoints.is_complete(tmp_path, 2)


def test_prune_keeps_the_newest_and_the_best(tmp_path):
    for step in (1, 2, 3, 4, 5):
        write(tmp_path / "ckpt", step)
    checkpoints.write_best(tmp_path, 2, 0.5)
    assert checkpoints.prune(tmp_path, 2) == [1, 3]
    assert {path.name for path in (tmp_path / "ckpt").glob("*_hf")} == {
        "global_step2_hf",
        "global_step4_hf",
        "global_step5_hf",
    }
    assert checkpoints.read_best(tmp_path) == {"step": 2, "accuracy": 0.5}


def test_a_pruned_step_can_still_be_resumed_from(tmp_path):
    for step in (1, 2):
        write(tmp_path / "ckpt", step)
    checkpoints.prune(tmp_path, 1)
    assert checkpoints.prepare(tmp_path / "ckpt", resume=True) == 2
    assert (tmp_path / "ckpt" / "_actor" / "global_step1").is_dir()


# What the trainer does with them, on a trainer without OpenRLHF below it.


class Base:
    """Stands in for OpenRLHF's trainer."""

    def fit(self, global_step: int = 0) -> None:
        pass

    def save_logs_and_checkpoints(self, global_step: int, logs_dict: dict, client_states: dict) -> None:
        self.logged = logs_dict


@pytest.fixture
def trainer(tmp_path):
    made = object.__new__(trainer_class(Base))
    made.run_dir, made.environment = tmp_path, environment.Environment()
    made.writer = SimpleNamespace(wait=lambda: None)
    one = SimpleNamespace(num_nodes=1, num_gpus_per_node=1)
    ckpt = SimpleNamespace(save_steps=2, save_hf=True, disable_ds=False)
    sharded = SimpleNamespace(zero_stage=3, tensor_parallel_size=1)
    made.args = SimpleNamespace(ckpt=ckpt, actor=one, critic=one, ds=sharded)
    made.critic_model_group, made.kl_ctl = object(), SimpleNamespace(value=0.01)
    made.save_now = lambda step, _states: write(tmp_path / "ckpt", step, mark=False)
    return made


def validations(run_dir: Path) -> list[bool]:
    return [json.loads(line)["best"] for line in (run_dir / "progress.jsonl").read_text().splitlines()]


def test_a_better_validation_between_two_saves_is_saved(trainer, tmp_path):
    for step, accuracy in ((1, 0.5), (3, 0.4), (5, 0.6)):
        trainer.save_best_checkpoint({"eval_accuracy": accuracy}, step)
    assert checkpoints.read_best(tmp_path) == {"step": 5, "accuracy": 0.6}
    assert checkpoints.complete_steps(tmp_path / "ckpt") == [1, 5]
    assert validations(tmp_path) == [True, False, True]


def test_a_checkpoint_of_which_a_part_is_elsewhere_is_not_marked(trainer, tmp_path, monkeypatch):
    """Sixteen ranks on two machines whose run folder is not one: half of the states are on the other's disk."""
    monkeypatch.setattr(checkpoints, "APPEARS", 0.0)
    trainer.args.actor = SimpleNamespace(num_nodes=2, num_gpus_per_node=8)
    folder = tmp_path / "ckpt" / "_actor" / "global_step2"
    write(tmp_path / "ckpt", 2, mark=False)
    for rank in range(1, 8):
        (folder / STATES.replace("rank_0_", f"rank_{rank}_")).touch()
    with pytest.raises(
        InputError, match=r"step 2 lacks the states of 8 of 16 actor ranks, .* all machines of the run"
    ):
        trainer.settle_checkpoint(2)
    assert checkpoints.complete_steps(tmp_path / "ckpt") == []
    for rank in range(8, 16):
        (folder / STATES.replace("rank_0_", f"rank_{rank}_")).touch()
    trainer.settle_checkpoint(2)
    assert checkpoints.is_complete(tmp_path / "ckpt", 2)
    (tmp_path / "ckpt" / "global_step2_hf").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"lacks global_step2_hf, "):
        trainer.settle_checkpoint(2)
    # Without ZeRO there is one file for all ranks, and none where DeepSpeed's states are not saved.
    trainer.args.ckpt.save_hf = False
    (folder / STATES).unlink()
    for setting in ({"zero_stage": 0, "tensor_parallel_size": 1}, {"zero_stage": 3, "tensor_parallel_size": 2}):
        trainer.args.ds = SimpleNamespace(**setting)
        trainer.settle_checkpoint(2)


def test_a_part_that_another_machine_has_just_written_is_waited_for(tmp_path, monkeypatch):
    write(tmp_path, 2, mark=False)
    other = tmp_path / "_actor" / "global_step2" / STATES.replace("rank_0_", "rank_1_")
    monkeypatch.setattr(checkpoints.time, "sleep", lambda _: other.touch())
    checkpoints.mark_complete(tmp_path, 2, {"_actor": 2, "_critic": 1})
    assert str(other.relative_to(tmp_path)) in json.loads((tmp_path / "global_step2.json").read_text())["files"]


def test_without_save_steps_the_best_validation_is_not_kept(trainer, tmp_path):
    trainer.args.ckpt.save_steps = math.inf  # what OpenRLHF makes of -1
    for step, accuracy in ((1, 0.5), (3, 0.6)):
        trainer.save_best_checkpoint({"eval_accuracy": accuracy}, step)
    assert names(tmp_path) == {"progress.jsonl"}
    assert validations(tmp_path) == [False, False]


# Where a run starts, and what becomes of the models that are there.


def final(run_dir: Path) -> Path:
    (run_dir / "final").mkdir()
    (run_dir / "final" / "config.json").write_text("{}")
    return run_dir / "final"


@pytest.fixture
def resuming(monkeypatch):
    monkeypatch.setenv("LIM_RESUME", "1")


def told(run_dir: Path) -> list[str]:
    return [json.loads(line)["text"] for line in (run_dir / "progress.jsonl").read_text().splitlines()]


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_run_interrupted_before_its_first_checkpoint_starts_anew(resuming, tmp_path):
    write(tmp_path / "ckpt", 2, mark=False, critic=False)
    (tmp_path / "final").mkdir()
    checkpoints.write_best(tmp_path, 2, 0.9)
    resume(tmp_path)
    assert names(tmp_path) == {"ckpt", "progress.jsonl"} and names(tmp_path / "ckpt") == set()
    assert told(tmp_path) == ["no complete checkpoint to resume from: starting at step 1"]


@pytest.mark.parametrize("left", ["final", "weights", "both"])
def test_a_model_without_a_checkpoint_to_resume_from_is_not_deleted(resuming, tmp_path, left):
    if left != "final":
        write(tmp_path / "ckpt", 4)
        for role in ("_actor", "_critic"):
            (tmp_path / "ckpt" / role / "global_step4" / STATES).unlink()
    if left != "weights":
        final(tmp_path)
    checkpoints.write_best(tmp_path, 4, 0.9)
    before = everything(tmp_path)
    what = {"final": "final", "weights": "ckpt/global_step4_hf", "both": "ckpt/global_step4_hf and final"}[left]
    with pytest.raises(InputError, match=rf"no complete checkpoint is left .* would delete {what};"):
        resume(tmp_path)
    assert everything(tmp_path) == before


def test_a_finished_run_resumes_from_its_checkpoint_and_keeps_its_model_until_a_step_is_made(
    resuming, tmp_path, trainer
):
    write(tmp_path / "ckpt", 4)
    checkpoints.write_best(tmp_path, 4, 0.9)
    model = final(tmp_path)
    resume(tmp_path)
    assert told(tmp_path) == ["resuming after step 4"]
    assert model.exists() and checkpoints.read_best(tmp_path) == {"step": 4, "accuracy": 0.9}
    trainer.fit()
    assert not model.exists(), "OpenRLHF writes it next"


def test_a_final_model_goes_when_a_later_step_is_logged(monkeypatch, tmp_path, trainer):
    monkeypatch.setattr(samples, "summary", lambda *_: {})
    trainer.rollouts, trainer.writer.submit, trainer.report = [], lambda *_: None, lambda *_: None
    model = final(tmp_path)
    trainer.save_logs_and_checkpoints(5, {}, {"episode": 0, "data_loader_state_dict": {"epoch": 0}})
    assert not model.exists(), "it would be taken for the model after step 5"


def test_shares_are_logged_and_not_the_means_of_codes(monkeypatch, trainer):
    monkeypatch.setattr(
        samples, "summary", lambda *_: {"reward": 1.0, "verdict/correct": 0.5, "reason/garbled": 0.25}
    )
    trainer.rollouts, trainer.writer.submit, trainer.report = [], lambda *_: None, lambda *_: None
    logs = {"policy_loss": 0.1, "verdict": 1.5, "reason": -0.2, "end": 0.3}
    trainer.save_logs_and_checkpoints(5, logs, {"episode": 0, "data_loader_state_dict": {"epoch": 0}})
    assert trainer.logged == {"policy_loss": 0.1, "verdict/correct": 0.5, "reason/garbled": 0.25}


def test_a_new_run_keeps_no_model_of_an_earlier_one(monkeypatch, tmp_path):
    monkeypatch.delenv("LIM_RESUME", raising=False)
    write(tmp_path / "ckpt", 4)
    final(tmp_path)
    checkpoints.write_best(tmp_path, 4, 0.9)
    resume(tmp_path)
    assert names(tmp_path) == {"ckpt"} and names(tmp_path / "ckpt") == set()
