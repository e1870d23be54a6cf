"""Small logs for tests, in this project's format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lim.reward_log import write_run, write_step


def write_log(
    folder: Path, rewards: Mapping[str, Sequence[Sequence[float] | None]], *, verdicts: bool = False
) -> Path:
    """Write a log of one step an epoch: prompt id → for each epoch its samples' rewards, None where not seen."""
    epochs = max(map(len, rewards.values()))
    write_run(folder, {"recipe": "test"})
    for epoch in range(1, epochs + 1):
        rows = [
            (id, sample, reward)
            for id, by_epoch in rewards.items()
            for sample, reward in enumerate(by_epoch[epoch - 1] or ())
        ]
        columns = {
            "prompt_id": [id for id, _, _ in rows],
            "epoch": [epoch] * len(rows),
            "step": [epoch] * len(rows),
            "sample": [sample for _, sample, _ in rows],
            "reward": [reward for _, _, reward in rows],
        }
        if verdicts:
            columns["verdict"] = ["correct" if reward == 1 else "incorrect" for _, _, reward in rows]
        write_step(folder, epoch, columns)
    return folder


def write_prompts(path: Path, ids: Sequence[str], **more: Sequence[object]) -> Path:
    """A prompt file of `{id, prompt, answer}` with the text `question <id>`; `more` adds keys row by row."""
    rows = [
        {"id": id, "prompt": f"question {id}", "answer": "1", **{key: values[at] for key, values in more.items()}}
        for at, id in enumerate(ids)
    ]
    path.write_text(json.dumps(rows))
    return path
