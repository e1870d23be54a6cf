"""Items of tasks of reasoning-gym, as prompts and as a held-out benchmark with no text in common.

What was seen of version 0.1.25, and what is done about it:

- item i is drawn from seed + i, so neighbouring seeds share all but one item: seeds are hashed with the task's name;
- items of some tasks change with Python's hash seed: they are made in a process whose hash seed is fixed, and the
  written file is what counts, nothing is drawn again;
- texts repeat: the prompts and the benchmark are distinct by text, white space aside;
- some tasks have no gold answer, or score wrong answers 1: every item's own answer must score 1 by the library's own
  `score_answer`, from the written form, and altered ones less; a task where one does not is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from data.sets.columns import Rows
from eval.verifiers import VERIFIERS, Verifiers, check
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.text import squash

NAME = "reasoning_gym"
DRAWN = 4  # items drawn at most, as a multiple of those wanted; the rest repeats others
SHOWN = 3


def make(tasks: Sequence[str], size: int, test_size: int, seed: int) -> tuple[Rows, Rows, dict[str, Any]]:
    """(prompts, questions, origin): `size` prompts and `test_size` held-out questions per task.

    Raises InputError for a task that is not there, has too few distinct items, or fails the checks.
    """
    version = VERIFIERS[NAME].version()  # says how to install the package
    drawn = _drawn(tasks, size + test_size, seed)
    prompts, questions = [], []
    for task in tasks:
        items = drawn[task]
        if len(items) < size + test_size:
            raise InputError(
                f"--reasoning_gym {task}: {len(items):,} distinct items were found, and {size:,} prompts and "
                f"{test_size:,} held-out questions are asked for; lower --size or --test_size"
            )
        prompts += [row(task, f"{task}-{n:05d}", "prompt", item) for n, item in enumerate(items[:size])]
        questions += [row(task, f"{task}-test-{n:05d}", "question", item) for n, item in enumerate(items[size:])]
    refuse(tasks, [*prompts, *questions])
    return prompts, questions, {"package": version, "tasks": [*tasks], "seed": seed}


def row(task: str, id: str, key: str, item: dict[str, Any]) -> dict[str, Any]:
    """An item as a row of a prompt file, or of a benchmark."""
    return {
        "id": id,
        key: item["question"].strip(),
        "answer": item["answer"],
        "verifier": NAME,
        "task": task,
        "metadata": item["metadata"],
    }


def refuse(tasks: Sequence[str], rows: Rows) -> None:
    """Raise InputError, with what was seen, for tasks whose score does not tell right from wrong on these rows."""
    with Verifiers() as verifiers:
        scores = check.gold_scores(verifiers, rows, NAME)
        taken = check.accepted(verifiers, rows, NAME)
    seen: dict[str, str] = {}
    for index, (one, score) in enumerate(zip(rows, scores, strict=True)):
        if score != 1:
            seen.setdefault(one["task"], f"item {one['id']}: its own answer {one['answer']!r:.60} scores {score}")
        elif index in taken:
            said = f"{taken[index]!r:.60} scores 1, and the answer is {one['answer']!r:.60}"
            seen.setdefault(one["task"], f"item {one['id']}: {said}")
    if seen:
        shown = "; ".join(f"{task} ({what})" for task, what in [*seen.items()][:SHOWN])
        more = f"; and {len(seen) - SHOWN} more" if len(seen) > SHOWN else ""
        left = [task for task in tasks if task not in seen]
        fix = f"leave --reasoning_gym {','.join(left)}" if left else "take other tasks"
        raise InputError(f"--reasoning_gym: its score does not tell right from wrong: {shown}{more}; {fix}")


def _drawn(tasks: Sequence[str], wanted: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Distinct items by task, `wanted` where there are so many, from a process with a hash seed of its own."""
    command = [sys.executable, "-m", "data.sets.gym", str(wanted), str(seed), *tasks]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"--reasoning_gym: {(done.stderr.strip().splitlines() or ['it failed'])[-1]}")
    return json.loads(done.stdout)


def main() -> int:
    """Print the items as JSON: `python -m data.sets.gym WANTED SEED TASK …`."""
    import reasoning_gym as gym
    from reasoning_gym.factory import DATASETS

    wanted, seed, tasks = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever the library prints
    found = {}
    for task in tasks:
        if task not in DATASETS:
            sys.stderr.write(f"no task {task!r}{did_you_mean(task, DATASETS)} (it has {len(DATASETS)} tasks)\n")
            return 1
        first = int.from_bytes(hashlib.sha256(f"{task}/{seed}".encode()).digest()[:4]) % 2**30
        items: dict[str, dict[str, Any]] = {}
        try:
            drawn = gym.create_dataset(task, seed=first, size=DRAWN * wanted)
            for index in range(DRAWN * wanted):
                item = drawn[index]
                if not isinstance(item["answer"], str) or not item["answer"].strip():
                    raise ValueError(f"an item has no gold answer ({item['answer']!r:.40})")
                items.setdefault(squash(item["question"]), written(item))
                if len(items) == wanted:
                    break
        except Exception as error:
            sys.stderr.write(f"{task} gives no items that can be used: {type(error).__name__}: {error}\n")
            return 1
        found[task] = [*items.values()]
    json.dump(found, answers)
    return 0


def written(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it will be in the file. TypeError for what JSON cannot hold."""
    return json.loads(json.dumps({key: item[key] for key in ("question", "answer", "metadata")}, default=plain))


def plain(value: Any) -> Any:
    """What JSON lacks: NumPy's values, sets, dates."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    return str(value)


if __name__ == "__main__":
    raise SystemExit(main())
