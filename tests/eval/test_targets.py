"""Which model a path and a step stand for, and what is said where they stand for none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval import targets
from lim.utils.errors import InputError
from lim.utils.files import write_json


def make_run(root: Path, steps: tuple[int, ...] = (10, 20), final: bool = True, logged: int | None = 24) -> Path:
    run = root / "run"
    folders = [run / "ckpt" / f"global_step{step}_hf" for step in steps] + ([run / "final"] if final else [])
    for folder in folders:
        folder.mkdir(parents=True)
        write_json(folder / "config.json", {"of": folder.name})
    if logged:
        (run / f"step_{logged}.parquet").touch()
    return run


def names(found: list[targets.ModelRef]) -> list[tuple[str, int | None]]:
    return [(target.folder.name, target.step) for target in found]


def test_steps(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write_json(run / "best.json", {"step": 10, "accuracy": 0.5})
    assert names(targets.of_run(str(run), "20")) == [("20", 20)]
    assert names(targets.of_run(str(run), "final")) == [("final", 24)]
    assert names(targets.of_run(str(run), "best")) == [("best", 10)]
    assert names(targets.of_run(str(run), "all")) == [("10", 10), ("20", 20), ("final", 24)]
    target = targets.of_run(str(run) + "/", "20")[0]
    assert target.model == str(run / "ckpt" / "global_step20_hf")
    assert (target.label, target.folder) == ("run:20", run / "eval" / "20")


def test_the_curve_starts_at_the_base_model_where_the_run_tells_it(tmp_path: Path) -> None:
    run = make_run(tmp_path, logged=20)
    base = tmp_path / "base"
    base.mkdir()
    write_json(run / "run.json", {"schema_version": 1, "recipe": {"actor": {"model_name_or_path": str(base)}}})
    found = targets.of_run(str(run), "all")
    assert names(found) == [("0", 0), ("10", 10), ("20", 20)]  # final is step 20 again
    assert found[0].model == str(base)
    assert names(targets.of_run(str(run), "0")) == [("0", 0)]


def test_a_run_of_the_final_model_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path, steps=())
    assert names(targets.of_run(str(run), "all")) == [("final", 24)]


def test_a_checkpoint_that_was_cut_off_is_no_step(tmp_path: Path) -> None:
    run = make_run(tmp_path, final=False)
    (run / "ckpt" / "global_step20_hf" / "config.json").unlink()
    with pytest.raises(InputError, match=r"no step '20'; there are 10, all$"):
        targets.of_run(str(run), "20")


@pytest.mark.parametrize("step", ["7", "last", "-1", "²"])
def test_a_wrong_step_lists_those_there_are(tmp_path: Path, step: str) -> None:
    run = make_run(tmp_path)
    with pytest.raises(InputError, match=r"there are 10, 20, final, all$"):
        targets.of_run(str(run), step)


def test_best_needs_its_file_and_its_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(
        InputError, match=r"no best\.json, which a validation during training writes; there are 10, 20"
    ):
        targets.of_run(str(run), "best")
    write_json(run / "best.json", {"step": 11, "accuracy": 0.5})
    with pytest.raises(InputError, match="its step has no checkpoint; there are 10, 20, final"):
        targets.of_run(str(run), "best")


def test_paths_that_are_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such run"):
        targets.of_run(str(tmp_path / "nowhere"), "final")
    with pytest.raises(InputError, match="no checkpoint here"):
        targets.of_run(str(tmp_path), "final")


def test_a_model_given_as_a_run_says_which_flag_takes_it(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for model, says in ((run / "final", f"--run_path {run} --step final"), (tmp_path / "base", "--model ")):
        write_json(model / "config.json", {})
        with pytest.raises(InputError, match=f"{model}: is a model, not a run's folder; give {says}"):
            targets.of_run(str(model), "final")


def test_models(tmp_path: Path) -> None:
    write_json(tmp_path / "m" / "config.json", {})
    assert targets.of_model(str(tmp_path / "m")).model == str(tmp_path / "m")
    hub = targets.of_model("Qwen/Qwen2.5-Math-7B")
    assert (hub.model, hub.folder.parts[-3:]) == ("Qwen/Qwen2.5-Math-7B", ("Qwen--Qwen2.5-Math-7B", "eval", "model"))
    assert targets.of_model("gpt2", tmp_path / "out").folder == tmp_path / "out"
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no config\.json, so no model"):
        targets.of_model(str(tmp_path / "empty"))
    for wrong in ("./nowhere", "a/b/c", str(tmp_path / "nowhere")):
        with pytest.raises(InputError, match="no such folder, and not a hub id"):
            targets.of_model(wrong)


def test_checkpoints_of_two_runs_as_models_do_not_share_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_run(tmp_path / name).rename(tmp_path / f"run-{name}")
    found = [
        targets.of_model(str(tmp_path / f"run-{name}" / folder)).folder
        for name in ("a", "b")
        for folder in ("final", "ckpt/global_step10_hf")
    ]
    assert [folder.parts[-3] for folder in found] == [
        "run-a-final", "run-a-global_step10_hf", "run-b-final", "run-b-global_step10_hf",
    ]  # fmt: skip


def test_a_model_trained_again_has_another_fingerprint(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {})
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(os.urandom(1 << 21))
    before = targets.fingerprint(str(tmp_path))
    assert targets.fingerprint(str(tmp_path)) == before
    os.utime(weights, (0, 0))
    assert targets.fingerprint(str(tmp_path)) == before  # a copy is the same model
    weights.write_bytes(os.urandom(1 << 21))
    assert targets.fingerprint(str(tmp_path)) != before
    assert targets.fingerprint("Qwen/Qwen2.5-Math-7B") is None
