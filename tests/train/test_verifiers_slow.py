"""Prompts of three verifiers in one file: trained on, selected from with and without groups, evaluated."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
SAMPLES, EPOCHS = 4, 2
OWN = '''
import re


def near(response, answer, metadata):
    """1 for the sum, one half for a neighbour of it."""
    found = re.search(r"boxed{(\\d+)}", response)
    distance = abs(int(found[1]) - int(answer)) if found else 9
    return {0: 1, 1: metadata["neighbour"]}.get(distance, 0)
'''


def run(*command: object, code: int = 0) -> str:
    """What a command says on stderr; what it started ends with it."""
    words = [sys.executable, *map(str, command)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            out, error = process.communicate(timeout=600)
        finally:
            process.terminate()  # ends what it started, too
    assert process.returncode == code, out[-3000:] + error[-3000:]
    return error


def rows_of(key: str) -> list[dict]:
    """Sums, by turns for the grader, for `numeric` with a tolerance and for a person's own verifier."""
    from train.pretrain import two_ends

    kinds = [
        {"verifier": "math"},
        {"verifier": "numeric", "metadata": {"tolerance": 1}},
        {"verifier": "near", "metadata": {"neighbour": 0.5}},
    ]
    return [
        {"id": f"p{a}{b}", key: two_ends.question(a, b), "answer": str(a + b), **kinds[number % 3]}
        for number, (a, b) in enumerate(two_ends.SUMS[1:])
    ]


def test_from_training_to_evaluation(tmp_path):
    import torch

    from train.pretrain import two_ends

    torch.set_num_threads(1)
    two_ends.make(tmp_path / "model", steps=90)  # some of its sums are wrong
    prompts, own = tmp_path / "prompts.json", tmp_path / "own.py"
    prompts.write_text(json.dumps(rows_of("prompt")))
    own.write_text(OWN)
    launch = [
        *("-m", "train.launch", "arithmetic-cpu", "run.name=run", f"run.output_dir={tmp_path}"),
        *(f"run.prompt_file={prompts}", "run.val_file=null", "run.epoch_prompts=null", f"run.epochs={EPOCHS}"),
        *(f"run.verifiers.near={own}:near", "run.part_credit=true", "run.rewards.incorrect=-0.4"),
        *(f"actor.model_name_or_path={tmp_path / 'model'}", "run.warmup_steps=0", "eval.steps=-1"),
        *("actor.adam.lr=1e-4", "critic.adam.lr=1e-4", "rollout.batch_size=24", "rollout.micro_batch_size=16"),
        *(f"rollout.n_samples_per_prompt={SAMPLES}", "train.batch_size=32", "train.micro_batch_size=8"),
        *("rollout.max_new_tokens=20", "data.max_len=64", "ckpt.save_steps=2"),
    ]
    run(*launch)
    folder = tmp_path / "run"
    the_log_has_scores_and_verifiers(folder)
    record = json.loads((folder / "run.json").read_text())
    assert record["verifiers"].keys() == {"math", "numeric", "near"} and "sha256" in record["verifiers"]["near"]

    own.write_text(OWN + "\n# changed\n")
    said = run(*launch, "run.resume=true", code=2)
    assert "was started with verifier near of" in said
    own.write_text(OWN)

    select = ["lim_selection.py", "--train_samples_path", folder, "--original_prompts_path", prompts, "--top_k", 9]
    run(*select, "--output_path", tmp_path / "all.json")
    run(*select, "--output_path", tmp_path / "groups.json", "--group_by", "verifier")
    summary = json.loads((tmp_path / "groups.summary.json").read_text())
    assert summary["average_curves"].keys() == {"math", "numeric", "near"}
    assert len({tuple(curve) for curve in summary["average_curves"].values()}) == 3
    chosen = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("all", "groups")}
    scored = {
        name: [row["score"] for row in json.loads((tmp_path / f"{name}.scores.json").read_text())] for name in chosen
    }
    assert len(chosen["all"]) == len(chosen["groups"]) == 9 and scored["all"] != scored["groups"]
    # What was chosen is what was there: metadata and all.
    rows = {row["id"]: row for row in rows_of("prompt")}
    assert all(row == rows[row["id"]] for row in [*chosen["all"], *chosen["groups"]])

    questions = tmp_path / "mixed.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows_of("question")))
    run(
        *("-m", "eval.eval", "--run_path", folder, "--step", "final", "--benchmarks", questions, "--n_samples", 4),
        *("--temperature", 1, "--max_new_tokens", 20),
    )
    results = json.loads((folder / "eval" / "final" / "results.json").read_text())["benchmarks"]["mixed"]
    assert results["verifiers"] == record["verifiers"]
    assert {name: part["n"] for name, part in results["by_verifier"].items()} == {"math": 8, "near": 8, "numeric": 8}
    assert 0 < results["accuracy"]["value"] <= results["pass_at_k"]["4"]["value"] <= 1
    assert "## By verifier" in (folder / "eval" / "final" / "results.md").read_text()


def the_log_has_scores_and_verifiers(folder: Path) -> None:
    rows = pq.read_table(sorted(folder.glob("step_*.parquet"))).to_pylist()
    assert len(rows) == EPOCHS * 24 * SAMPLES
    assert Counter(row["verifier"] for row in rows) == dict.fromkeys(("math", "numeric", "near"), len(rows) // 3)
    for row in rows:
        if row["score"] is None:
            assert (row["verdict"], row["reward"]) in {("truncated", -1.0), ("no_answer", -1.0), ("malformed", -1.0)}
            continue
        assert (row["verdict"] == "correct") == (row["score"] == 1)
        assert row["reward"] == pytest.approx(-0.4 + 1.4 * row["score"])
    assert any(row["verdict"] == "correct" for row in rows)
    assert any(row["score"] == 0.5 for row in rows if row["verifier"] == "near")
