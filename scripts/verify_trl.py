"""GRPO trainings by TRL, recorded by lim.recorders.trl and compared with what the reward functions saw.

    bash scripts/verify_recorders.sh trl          (makes the environment; this file runs in it)

Every case trains a tiny random model twice: the first process is killed as it scores a batch, the second resumes from
a checkpoint, and most checkpoints lie between two steps of one batch. The reward functions note, in files of their
own, what they are called for; from these notes, and from the loop's numbers worked out by hand, comes what the log
has to hold: each generation once, in its order, with the pass it belongs to and the weighted reward.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from verify_trl_training import CASES, PASSES, PER_DEVICE, WEIGHTS, Case, ids_of  # noqa: E402

from lim.logs.reward_log import step_files  # noqa: E402
from lim.pipeline import select  # noqa: E402
from lim.recorders import trl as recorder  # noqa: E402
from lim.strategies import Settings  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402

Row = tuple[int, str, float]  # pass, prompt, reward


def expected(folder: Path, case: Case) -> list[list[Row]]:
    """(pass, id, reward) of each generation, by the reward functions' notes."""
    batch = PER_DEVICE * case.processes * case.per_generation // case.samples  # prompts per generation
    micro = case.prompts // batch * case.iterations * case.per_generation  # micro-steps per pass
    steps = -(-micro // case.accumulation)
    found: list[list[Row]] = []
    for attempt in (1, 2):
        calls = [
            [json.loads(line) for line in (folder / f"seen.{attempt}.{rank}.jsonl").read_text().splitlines()]
            for rank in range(case.processes)
        ]
        training = [[note for note in notes if note["ids"][0] < "v"] for notes in calls]
        by_function = [[[note for note in notes if note["at"] == at] for notes in training] for at in (0, 1)]
        for number in range(min(len(notes) for function in by_function for notes in function)):
            at = [[notes[number] for notes in function] for function in by_function]
            step = at[0][0]["step"]
            assert {note["step"] for ranks in at for note in ranks} == {step}
            if attempt == 1 and step >= case.resume:
                continue  # trained on after the checkpoint, and replaced
            ids = [id for note in at[0] for id in note["ids"]]
            assert ids == [id for note in at[1] for id in note["ids"]]
            values = [[value for note in ranks for value in note["values"]] for ranks in at]
            totals = [
                np.nan if one is None and two is None else WEIGHTS[0] * (one or 0) + WEIGHTS[1] * (two or 0)
                for one, two in zip(*values, strict=True)
            ]
            generation = [(step // steps + 1, id, total) for id, total in zip(ids, totals, strict=True)]
            again = attempt == 2 and number == 0 and _prompts(found[-1]) == _prompts(generation)
            if again:
                found.pop()
            found.append(generation)
    return found


def _prompts(generation: list[Row]) -> list[tuple[int, str]]:
    return sorted((epoch, id) for epoch, id, _ in generation)


def _rewards(generations: list[list[Row]]) -> Any:
    return np.float32([reward for generation in generations for _, _, reward in generation])


def written(folder: Path) -> list[list[Row]]:
    found = []
    for number, path in step_files(folder / "log"):
        table = pq.read_table(path, partitioning=None)
        assert number == len(found) + 1 and set(table["step"].to_pylist()) == {number}
        names = ("epoch", "prompt_id", "reward")
        found.append(list(zip(*(table[name].to_pylist() for name in names), strict=True)))
    return found


def lim_scores(rows: list[Row], epochs: int, perfect: float) -> dict[str, float]:
    """LIM of (epoch, id, reward) by its formula; a missing epoch takes the next one's mean, one deep, else NaN."""
    cells: dict[tuple[str, int], list[float]] = {}
    for epoch, id, reward in rows:
        if not np.isnan(reward):
            cells.setdefault((id, epoch), []).append(reward)
    ids = sorted({id for id, _ in cells})
    rewards_P_K = np.array([[np.mean(cells.get((id, k + 1), [np.nan])) for k in range(epochs)] for id in ids])
    filled_P_K = rewards_P_K.copy()
    gaps_P_K = np.isnan(rewards_P_K[:, :-1])
    filled_P_K[:, :-1][gaps_P_K] = rewards_P_K[:, 1:][gaps_P_K]
    complete_P = ~np.isnan(filled_P_K).any(axis=1)
    average_K = filled_P_K[complete_P].mean(axis=0)
    scores_P = 1 - ((filled_P_K - average_K) ** 2).sum(axis=1) / ((perfect - average_K) ** 2).sum()
    return dict(zip(ids, scores_P.tolist(), strict=True))


def check(name: str, case: Case, folder: Path) -> list[str]:
    """Train a case; what does not match."""
    for attempt in (1, 2):
        command = [sys.executable]
        if case.processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={case.processes}"]
        command += [str(ROOT / "scripts" / "verify_trl_training.py"), name, str(folder), str(attempt)]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "CUDA_VISIBLE_DEVICES": ""}
        with open(folder / f"attempt{attempt}.log", "w") as output:
            code = subprocess.run(command, env=env, stdout=output, stderr=subprocess.STDOUT).returncode
        if (code == 0) != (attempt == 2):
            print((folder / f"attempt{attempt}.log").read_text()[-3000:], file=sys.stderr)
            raise SystemExit(f"{name}: process {attempt} ended with {code}")
    truth, found = expected(folder, case), written(folder)
    faults = []
    if [[row[:2] for row in one] for one in found] != [[row[:2] for row in one] for one in truth]:
        faults.append("prompts or passes differ")
    elif not np.array_equal(_rewards(found), _rewards(truth), equal_nan=True):
        faults.append("rewards differ")
    (folder / "prompts.json").write_text(json.dumps([{"id": id, "prompt": id, "answer": ""} for id in ids_of(case)]))
    settings = Settings(similarity_threshold=-99.0, max_reward=sum(WEIGHTS))
    selection = select(folder / "prompts.json", log_path=folder / "log", settings=settings)
    want = lim_scores([row for generation in truth for row in generation], PASSES, perfect=sum(WEIGHTS))
    if not np.allclose(selection.scores_P, [want.get(id, np.nan) for id in selection.ids], atol=1e-6, equal_nan=True):
        faults.append("LIM differs")
    if not np.isfinite(list(want.values())).any():
        faults.append("no prompt has a score: the case shows nothing")
    seconds = json.loads((folder / "seconds.json").read_text())
    print(
        f"{name:18} {len(found):11} {sum(map(len, found)):7} {np.isfinite(selection.scores_P).sum():6} "
        f"{1000 * np.median(seconds['recorder']):9.1f} {1000 * seconds['step']:8.0f}  "
        f"{'; '.join(faults) or 'as the reward functions saw it'}"
    )
    return faults


def overhead(folder: Path, prompts: int, samples: int = 8) -> None:
    """What a step of many samples costs: the wrappers and the file."""
    ids = [f"prompt-{row}" for row in range(prompts) for _ in range(samples)]
    trainer = SimpleNamespace(
        train_dataset=SimpleNamespace(column_names=None),
        args=SimpleNamespace(remove_unused_columns=False, num_generations=samples, num_iterations=1),
        reward_funcs=[lambda **given: [1.0] * len(given["id"])] * 2,
        reward_weights=WEIGHTS,
        accelerator=SimpleNamespace(is_main_process=True, num_processes=1),
        model=SimpleNamespace(training=True),
        add_callback=lambda callback: callbacks.append(callback),
    )
    callbacks: list[Any] = []
    recorder.record(trainer, folder)
    state, spent = SimpleNamespace(global_step=0, epoch=0.0), []
    callbacks[0].on_train_begin(None, state, None)
    for step in range(1, 31):
        state.global_step, state.epoch = step, step / 30
        start = time.perf_counter(), time.process_time()
        for function in trainer.reward_funcs:
            function(id=ids)
        callbacks[0].on_step_end(None, state, None)
        spent.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    wall, cpu = np.median(spent, axis=0) * 1000
    print(f"a step of {prompts} × {samples} samples, two functions: {wall:.0f} ms, CPU {cpu:.0f} ms (medians of 30)")


def main() -> int:
    parser = Parser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", choices=CASES, help="this one alone")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the runs there")
    given = parser.parse_args()
    print("case               generations samples scored  rec. ms  step ms  the log")
    faults = []
    for name in [given.case] if given.case else CASES:
        with tempfile.TemporaryDirectory() as temporary:
            folder = given.keep / name if given.keep else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            faults += check(name, CASES[name], folder)
    for prompts in (64, 1024):
        with tempfile.TemporaryDirectory() as folder:
            overhead(Path(folder), prompts)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
