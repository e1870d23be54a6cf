"""Fill a copy of the project with small made-up data, as if its examples had been followed up to any point.

    python doc_project.py      in the copy's folder, with PYTHONPATH set to it

Everything goes through the copy's own modules, so paths and checksums are those its commands expect.
"""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from data import arithmetic
from eval import eval as evaluation
from eval.engine import generate, samples
from eval.grader import Grader
from eval.questions import read_questions
from eval.results import saved
from eval.settings import DATA, load
from lim.logs.reward_log import write_run, write_step
from lim.utils.files import write_json, write_text

EPOCHS, PROMPTS, SAMPLES = 21, 24, 4
RUNS = ("full", "limr", "rand")
WORDS = ("soap", "lamp", "stone")


def main() -> None:
    draw = random.Random(0)
    rows = [{"id": f"p{i}", "prompt": f"What is ${i} + {i + 1}$?", "answer": str(2 * i + 1)} for i in range(PROMPTS)]
    for path in ("data/prompts/math8k.json", "math.8k.json", "prompts.json"):
        write_json(path, rows)
    write_lines(Path("prompts.jsonl"), rows)
    pq.write_table(pa.Table.from_pylist([verl_prompt(row, at) for at, row in enumerate(rows)]), "train.parquet")
    write_json("scores.json", [{"prompt": row["prompt"], "score": draw.random()} for row in rows])
    reward_log(Path("data/output/math.8k"), rows, draw)
    reward_log(Path("data/output/my-run"), rows, draw, epochs=3)
    verl_log(Path("verl/rollouts"), rows, draw)
    table_log(Path("rollouts"), rows, draw)
    for arm in ("limr", "rand"):
        scored = [{"id": row["id"], "prompt": row["prompt"], "score": draw.random()} for row in rows]
        write_json(f"{arm}.scores.json", [{**row, "chosen": row["score"] >= 0.6} for row in scored])
    answers = [
        {"response": rf"so \boxed{{{i}}}", "ground_truth": str(i % 8), "score": float(i < 8)} for i in range(9)
    ]
    write_json("their_outputs/outputs.json", answers)
    write_json("OUTPUTS.json", answers)
    words = [{"id": f"w{i}", "prompt": f"Spell {w} backward.", "answer": w[::-1]} for i, w in enumerate(WORDS)]
    write_json("words.json", [{**row, "verifier": "words"} for row in words])
    write_lines(Path("choices.jsonl"), [{"response": "<answer>B</answer>", "answer": letter} for letter in "ABC"])
    mixed = [{**row, "task": "sums" if at % 2 else "others"} for at, row in enumerate(rows)]
    write_json("mixed.json", mixed)
    reward_log(Path("data/output/mixed"), mixed, random.Random(1), epochs=4)
    cases = [{"gold": r"\frac12", "prediction": "0.5", "is_equal": True, "source": "made up"}]
    outputs = [{"ground_truth": r"\frac12", "response": r"so \boxed{0.5}", "is_equal": True, "source": "made up"}]
    write_lines(Path("outputs.jsonl"), outputs)
    for path in ("cases.jsonl", "grader_cases.jsonl"):
        write_lines(Path(path), cases)
    benchmarks(rows)
    for name in RUNS:
        run = Path("data/output", name)
        reward_log(run, rows, draw, epochs=2)
        model(run / "final", name)
    model(Path("data/models/arithmetic-base"), "base")
    paper = ["--run_path", *RUNS]
    tiny = ["--model", "data/models/arithmetic-base", "--run_path", *RUNS, "--benchmarks", "arithmetic"]
    for arguments in (paper, tiny):
        evaluated(arguments, draw)
    reward_log(Path("data/output/base-rates"), rows, draw, epochs=1)


def write_lines(path: Path, rows: list[dict]) -> None:
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def reward_log(folder: Path, rows: list[dict], draw: random.Random, epochs: int = EPOCHS) -> None:
    """A log in which some prompts are learnt, some are known from the start and some never get right."""
    write_run(folder, {"recipe": {"run": {"name": folder.name}}, "prompt_file": "data/prompts/math8k.json"})
    for epoch in range(1, epochs + 1):
        names = ("prompt_id", "sample", "reward", "response_tokens", "verdict", "answer", "response")
        columns: dict[str, list] = {name: [] for name in names}
        for at, row in enumerate(rows):
            chance = (epoch / EPOCHS, epoch / EPOCHS, 1.0, 0.0)[at % 4]
            for sample in range(SAMPLES):
                columns["prompt_id"].append(row["id"])
                columns["sample"].append(sample)
                right = draw.random() < chance
                answer = row["answer"] if right else "0"
                columns["reward"].append(1.0 if right else -0.5)
                columns["verdict"].append("correct" if right else "incorrect")
                columns["answer"].append(answer)
                columns["response"].append(rf"so \boxed{{{answer}}}")
                columns["response_tokens"].append(10)
        count = len(columns["sample"])
        write_step(folder, epoch, {**columns, "epoch": [epoch] * count, "step": [epoch] * count})


def verl_prompt(row: dict, at: int) -> dict:
    """A row of verl's training file."""
    asked = {"data_source": "own/sums", "prompt": [{"role": "user", "content": row["prompt"]}], "ability": "math"}
    return asked | {"reward_model": {"style": "rule", "ground_truth": row["answer"]}, "extra_info": {"index": at}}


def verl_log(folder: Path, rows: list[dict], draw: random.Random, steps_per_epoch: int = 8) -> None:
    """verl's `rollout_data_dir`, three epochs of `<step>.jsonl`: prompts in a chat template, some always right."""
    for step in range(3 * steps_per_epoch):
        batch = rows[step % steps_per_epoch :: steps_per_epoch]
        wrap = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
        write_lines(
            folder / f"{step + 1}.jsonl",
            [
                {
                    "input": wrap.format(row["prompt"]),
                    "output": "…",
                    "score": float(row["id"].endswith(("3", "7")) or draw.random() < step / 24),
                    "step": step + 1,
                }
                for row in batch
                for _ in range(SAMPLES)
            ],
        )


def table_log(folder: Path, rows: list[dict], draw: random.Random) -> None:
    """A trainer's log that no format knows, of three epochs of one step."""
    for step in range(3):
        samples = [row for row in rows for _ in range(SAMPLES)]
        lines = [{"question": row["prompt"], "score": float(draw.random() < step / 3)} for row in samples]
        write_lines(folder / f"{step}.jsonl", [{**line, "global_step": step} for line in lines])


def benchmarks(rows: list[dict]) -> None:
    """The paper's three of a few questions each, and the first questions of the embedded test."""
    for name in ("aime24", "amc23", "math500"):
        asked = [{"id": f"{name}-{row['id']}", "question": row["prompt"], "answer": row["answer"]} for row in rows]
        write_lines(DATA / f"{name}.jsonl", asked[:5])
    write_lines(DATA / "arithmetic.jsonl", arithmetic.make()["test"][:10])


def model(folder: Path, content: str) -> None:
    """What a finished evaluation looks at of its model: a config, and weights to take a checksum of."""
    write_json(folder / "config.json", {"model_type": "llama"})
    header = json.dumps({"__metadata__": {"name": content}})
    write_text(folder / "model.safetensors", struct.pack("<Q", len(header)).decode() + header)


def evaluated(arguments: list[str], draw: random.Random) -> None:
    """A finished evaluation: every sample generated, every one graded."""
    args = evaluation.parse_args(arguments)
    settings = load(args.settings)
    targets, wanted = evaluation.plan(args, settings)
    with Grader(workers=1) as grader:
        for target in targets:
            for benchmark in wanted.values():
                questions = read_questions(benchmark.file, args.data_dir)
                meta = generate.meta_of(target, benchmark, questions, args.dtype)
                with samples.Store(target.folder, meta) as store:
                    store.append(
                        samples.Sample(id, sample, rf"so \boxed{{{draw.choice((row['answer'], 0))}}}", "stop", 9)
                        for id, row in questions.rows.items()
                        for sample in range(benchmark.n_samples)
                    )
            saved.score_folder(target.folder, [*wanted], settings, args.data_dir, grader, Console(quiet=True))


if __name__ == "__main__":
    main()
