"""Which checkpoints count as whole, which one a resume takes, which are pruned."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from train import checkpoints, ppo


def write(ckpt: Path, step: int, *, mark: bool = True, critic: bool = True) -> None:
    for role in ("_actor", "_critic") if critic else ("_actor",):
        folder = ckpt / role / f"global_step{step}"
        folder.mkdir(parents=True)
        (folder / "states.pt").write_bytes(b"x" * step)
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


@pytest.mark.parametrize("damaged", ["_actor/global_step4/states.pt", "_critic/global_step4/states.pt"])
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
        (tmp_path / role / "global_step2" / "states.pt").unlink()
        (tmp_path / role / "global_step2").rmdir()
    assert checkpoints.prepare(tmp_path, resume=True) == 6
    assert (tmp_path / "global_step2_hf" / "model.safetensors").exists()
    assert checkpoints.weights_are_whole(tmp_path, 2)
    assert not checkpoints.is_whole(tmp_path, 2)


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


@pytest.fixture
def trainer(tmp_path):
    made = object.__new__(ppo.trainer_class(Base))
    made.run_dir = tmp_path
    made.writer = SimpleNamespace(wait=lambda: None)
    made.args = SimpleNamespace(ckpt=SimpleNamespace(save_steps=2, save_hf=True))
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


def test_without_save_steps_the_best_validation_is_not_kept(trainer, tmp_path):
    trainer.args.ckpt.save_steps = math.inf  # what OpenRLHF makes of -1
    for step, accuracy in ((1, 0.5), (3, 0.6)):
        trainer.save_best_checkpoint({"eval_accuracy": accuracy}, step)
    assert names(tmp_path) == {"progress.jsonl"}
    assert validations(tmp_path) == [False, False]
