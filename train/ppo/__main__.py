"""OpenRLHF's PPO with every sample logged: its own entry point, with four classes swapped.

    python -m train.ppo <OpenRLHF's flags>          started by train/launch.py

They are `PPOTrainer`, the Ray actor that leads a run (train/ppo/trainer.py has the one in its place), and the workers
of actor, critic and reference (train/ppo/workers.py). OpenRLHF's package is used as installed: no file of it is
copied or changed. train/run/environment.py declares what it reads of its environment; a Ray that RAY_ADDRESS names is
used, else one is started for the run alone.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path

from lim.utils.errors import InputError, run_cli
from train.ppo import checkpoints
from train.ppo.model import look_at_model
from train.ppo.trainer import completed, resume, start_ray, stop_ray, swap_trainer
from train.ppo.workers import swap_workers
from train.run import environment, errors, gpus, progress

TRAINER_MODULE = "openrlhf.trainer.ppo_trainer"
WORKER_MODULES = tuple(f"openrlhf.trainer.ray.{name}" for name in ("ppo_actor", "ppo_critic", "launcher"))
ENTRY_MODULE = "openrlhf.cli.train_ppo_ray"


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    run_dir, dead = Path(environment.read().run_dir), set[str]()
    try:
        if "--train.async_enable" in arguments:
            raise InputError("train.async_enable: OpenRLHF's asynchronous trainer has no epochs; remove it")
        resume(run_dir)
        progress.emit(run_dir, "stage", text="starting Ray")
        look_at_model(arguments, run_dir)
        start_ray()
        if needed := environment.read().gpus:
            gpus.check_room(needed)
        dead = set(errors.dead_nodes())
        # Not in a thread beside Ray's start: libraries of both walk sys.modules, which must not grow meanwhile.
        swap_trainer(importlib.import_module(TRAINER_MODULE))
        swap_workers(*map(importlib.import_module, WORKER_MODULES))
        progress.emit(run_dir, "stage", text="starting vLLM and loading the models")
        sys.argv = [ENTRY_MODULE, *completed(arguments, run_dir)]
        runpy.run_module(ENTRY_MODULE, run_name="__main__", alter_sys=True)
        checkpoints.write_former_names(run_dir / "final")
    except Exception as error:
        progress.emit(run_dir, "error", text=errors.describe_in_cluster(error, dead))
        raise
    progress.emit(run_dir, "stage", text=f"final model in {run_dir / 'final'}")
    stop_ray()
    return 0


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
