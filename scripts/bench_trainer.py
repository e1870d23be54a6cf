"""The cost of logging every sample: this project's trainer and OpenRLHF's, alternating within one run.

    .venv/bin/python scripts/bench_trainer.py [RECIPE] [key=value …]      (default: arithmetic-cpu, 10 epochs)

Even steps run `train_step` and `save_logs_and_checkpoints` of train/ppo/trainer.py; odd steps run those of OpenRLHF's
class on the same models, so both see the same machine and the same policy. Prints the seconds per step that this
project adds on the critical path (time in its method minus time in OpenRLHF's inside it), and the ratio of the two
kinds of step with its spread.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.utils.errors import InputError, run_cli  # noqa: E402

NAME = "bench.jsonl"


def timed_trainer(make_class: Any) -> Any:
    """`train.ppo.trainer.trainer_class` with every odd step left to OpenRLHF, and both timed."""

    def trainer_class(base: type) -> type:
        class Timed(base):  # OpenRLHF's methods, timed
            inside = 0.0

            def train_step(self, *args: Any) -> Any:
                started = time.perf_counter()
                result = super().train_step(*args)
                self.inside += time.perf_counter() - started
                return result

            def save_logs_and_checkpoints(self, *args: Any) -> None:
                started = time.perf_counter()
                super().save_logs_and_checkpoints(*args)
                self.inside += time.perf_counter() - started

        class InTurns(make_class(Timed)):
            bench_started, within = None, 0.0

            def train_step(self, rollout_samples: Any, global_step: int) -> Any:
                started = time.perf_counter()
                self.inside = 0.0
                # `global_step` counts finished steps: this one is global_step + 1.
                method = super().train_step if global_step % 2 else Timed.train_step.__get__(self)
                result = method(rollout_samples, global_step)
                self.within = time.perf_counter() - started
                return result

            def save_logs_and_checkpoints(self, step: int, logs: Any = None, states: Any = None) -> None:
                started = time.perf_counter()
                method = (
                    Timed.save_logs_and_checkpoints.__get__(self) if step % 2 else super().save_logs_and_checkpoints
                )
                method(step, logs, states)
                now = time.perf_counter()
                own = self.within + now - started - self.inside
                if self.bench_started is not None:
                    line = {"step": step, "seconds": now - self.bench_started, "own": own, "ours": step % 2 == 0}
                    with open(Path(os.environ["LIM_RUN_DIR"]) / NAME, "a") as file:
                        file.write(json.dumps(line) + "\n")
                self.bench_started = now

        return InTurns

    return trainer_class


def report(lines: list[dict[str, Any]], samples: int) -> str:
    """The figures, from one line a step."""
    ours = [line for line in lines if line["ours"]]
    theirs = [line["seconds"] for line in lines if not line["ours"]]
    if len(ours) < 3 or len(theirs) < 3:
        raise InputError(f"only {len(lines)} timed steps: give the run more epochs (run.epochs=10)")
    step, own = statistics.median(line["seconds"] for line in ours), statistics.median(line["own"] for line in ours)
    middle = statistics.median(theirs)
    pairs = [
        after["seconds"] / before["seconds"]
        for before, after in itertools.pairwise(lines)
        if after["ours"] and not before["ours"]
    ]
    spread = statistics.stdev(pairs) / len(pairs) ** 0.5
    return "\n".join(
        [
            f"samples a step          {samples}",
            f"steps timed             {len(ours)} ours, {len(theirs)} OpenRLHF's",
            f"median step             {step:.3f} s ours, {middle:.3f} s OpenRLHF's",
            f"ours alone              {own * 1000:.1f} ms = {own / step:.2%} of the step (critical path)",
            f"ours / OpenRLHF's       {statistics.mean(pairs):.3f} ± {spread:.3f} (mean of neighbouring pairs, SE)",
        ]
    )


def main() -> int:
    from train import launch
    from train.ppo import __main__ as ppo
    from train.ppo import trainer

    if sys.argv[1:2] == ["train"]:
        trainer.trainer_class = timed_trainer(trainer.trainer_class)
        return ppo.main(sys.argv[2:])
    arguments = sys.argv[1:] or ["arithmetic-cpu"]
    if "=" in arguments[0]:
        arguments.insert(0, "arithmetic-cpu")
    build = launch.build_command
    chosen: dict[str, Any] = {}

    def command(flags: dict[str, Any]) -> list[str]:
        chosen.update(flags)
        return [sys.executable, __file__, "train", *build(flags)[3:]]

    launch.build_command = command
    with tempfile.TemporaryDirectory(prefix="bench-trainer-") as folder:
        fixed = [f"run.output_dir={folder}", "run.name=bench", "ckpt.save_steps=-1", "eval.steps=-1"]
        code = launch.main([arguments[0], *fixed, *arguments[1:]])
        if code:
            return code
        lines = [json.loads(line) for line in (Path(folder) / "bench" / NAME).read_text().splitlines()]
    full = chosen["rollout.batch_size"] * chosen["rollout.n_samples_per_prompt"]
    print(report(lines, full))
    return 0


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
