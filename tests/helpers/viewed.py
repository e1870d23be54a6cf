"""Small runs with responses, as this project, verl and TRL log them, and a viewer on one in a thread."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lim.reward_log import write_run, write_step
from lim.view.server import App, Source, open_server

PROMPTS, EPOCHS, BATCH, SAMPLES = 24, 4, 8, 4
WRONG = (3, 11)  # prompts whose label is 10 too high; the model is right about them from the second epoch on
HOPELESS = 7  # always wrong, each time otherwise


@dataclass(frozen=True)
class Row:
    step: int
    epoch: int
    prompt: int
    number: int
    answer: int
    response: str
    right: bool


def truth(prompt: int) -> int:
    return prompt * (prompt + 3)


def label(prompt: int) -> int:
    return truth(prompt) + 10 * (prompt in WRONG)


def text(prompt: int) -> str:
    return f"What is ${prompt} \\times {prompt + 3}$?"


def rows(epochs: int = EPOCHS, hostile: str = "") -> list[Row]:
    """A run's samples in the order of its log; the first of prompt 0 is `hostile` where that is given."""
    draw = random.Random(1)
    found, step = [], 0
    for epoch in range(1, epochs + 1):
        order = draw.sample(range(PROMPTS), PROMPTS)
        for at in range(0, PROMPTS, BATCH):
            step += 1
            for prompt in order[at : at + BATCH]:
                for number in range(SAMPLES):
                    good = draw.random() < 0.2 + 0.25 * epoch
                    if prompt in WRONG:
                        good = epoch > 1
                    answer = truth(prompt) if good and prompt != HOPELESS else truth(prompt) + draw.randint(20, 9999)
                    response = f"Step {step}: ${prompt} \\times {prompt + 3} = {answer}$, so $\\boxed{{{answer}}}$."
                    if hostile and prompt == 0 and epoch == 1 and number == 0:
                        response = hostile
                    found.append(Row(step, epoch, prompt, number, answer, response, answer == label(prompt)))
    return found


def write_prompts(path: Path) -> Path:
    records = [
        {"id": f"p{n:02d}", "prompt": text(n), "answer": str(label(n)), "level": n % 3 + 1} for n in range(PROMPTS)
    ]
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def columns_of(some: list[Row]) -> dict[str, Any]:
    """One step's columns in this project's log."""
    return {
        "prompt_id": [f"p{row.prompt:02d}" for row in some],
        "epoch": [row.epoch for row in some],
        "step": [row.step for row in some],
        "sample": [row.number for row in some],
        "reward": [float(row.right) for row in some],
        "verdict": ["correct" if row.right else "incorrect" for row in some],
        "answer": [str(row.answer) for row in some],
        "response_tokens": [len(row.response) // 3 for row in some],
        "response": [row.response for row in some],
    }


def write_own(folder: Path, *, steps: int | None = None, **more: Any) -> Path:
    """This project's log in `folder`/run, its prompts beside it; `steps` writes only the first so many."""
    prompts = write_prompts(folder / "prompts.json")
    write_run(folder / "run", {"recipe": "test", "prompt_file": str(prompts)})
    add_steps(folder / "run", range(1, (steps or 10**6) + 1), **more)
    return folder / "run"


def add_steps(log: Path, steps: range, **more: Any) -> None:
    found = rows(**more)
    for step in sorted({row.step for row in found} & set(steps)):
        write_step(log, step, columns_of([row for row in found if row.step == step]))


def write_verl(folder: Path, **more: Any) -> Path:
    """verl's rollouts in `folder`/rollouts: ids are not in them, and neither are verdicts."""
    write_prompts(folder / "prompts.json")
    log = folder / "rollouts"
    log.mkdir()
    for row in rows(**more):
        asked = f"system\nBe careful.\nuser\n{text(row.prompt)}\nassistant\n"
        line = {"input": asked, "output": row.response, "gts": str(label(row.prompt)), "score": float(row.right)}
        with open(log / f"{row.step}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"step": row.step}, ensure_ascii=False) + "\n")
    return log


def write_trl(folder: Path, **more: Any) -> Path:
    """TRL's completions in `folder`/completions, conversations as TRL has them."""
    write_prompts(folder / "prompts.json")
    log = folder / "completions"
    log.mkdir()
    found = rows(**more)
    for step in sorted({row.step for row in found}):
        some = [row for row in found if row.step == step]
        table = {
            "step": [step] * len(some),
            "prompt": [[{"role": "user", "content": text(row.prompt)}] for row in some],
            "completion": [[{"role": "assistant", "content": row.response}] for row in some],
            "accuracy_reward": [float(row.right) for row in some],
            "advantage": [0.0] * len(some),
        }
        pq.write_table(pa.table(table), log / f"completions_{step:05d}.parquet")
    return log


@contextmanager
def viewer(*sources: Source) -> Iterator[str]:
    """The address of a viewer that runs in this process."""
    app = App(sources)
    server = open_server(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/{app.token}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
