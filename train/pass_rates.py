"""Pass rates of a model on its training prompts before any training: a reward log of one epoch to choose from.

    python -m train.pass_rates arithmetic-cpu --n_samples 16 --output_path data/output/base-rates
    python lim_selection.py --strategy uncertainty --top_k 80 --train_samples_path data/output/base-rates \\
        --original_prompts_path data/prompts/arithmetic.json --output_path chosen.json

RECIPE, `+overlay` and `key=value` are those of train.launch: its model answers its prompts with its rollout settings,
and its reward scores them. Samples go to samples.jsonl in the folder as they finish, so an interrupted command
resumes; step_1.parquet and run.json, the log, are written at the end. A log of one epoch is enough for
`--strategy uncertainty` and `difficulty`, and costs one pass of generation in place of a training run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from eval.engine import samples
from eval.engine.generate import Engines, add_engine_flags, generate_missing
from eval.grader import equal
from eval.questions import Questions
from eval.settings import CHAT, Benchmark, Template
from eval.targets import ModelRef
from eval.verifiers import MATH
from lim.logs import reward_log
from lim.utils.cli import Parser, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output
from train.recipe import dataset, recipe
from train.recipe.recipe import Recipe
from train.recipe.resolve import resolve
from train.run import environment

SAMPLES = "samples"  # the name of the file of generations


def main(argv: Sequence[str] | None = None) -> None:
    parser = Parser(
        prog="python -m train.pass_rates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        hint=recipe.HINT,
    )
    parser.add_argument("recipe", help="a recipe: file, or name under configs/train")
    parser.add_argument(
        "changes", nargs="*", metavar="+overlay|key=value", help="changes to the recipe, in order; later ones win"
    )
    parser.add_argument("--n_samples", type=whole(1, 100_000), default=16, help="per prompt (default: 16)")
    parser.add_argument("--output_path", type=Path, required=True, help="folder of the log")
    parser.add_argument("--overwrite", action="store_true", help="drop samples made with other settings")
    add_engine_flags(parser)
    args = parser.parse_intermixed_args(argv)
    chosen = recipe.load(args.recipe, *recipe.split(args.changes))
    folder, console = args.output_path, Console()
    check_output("--output_path", folder, folder=True)
    if folder.is_dir() and reward_log.step_files(folder) and not samples.path_of(folder, SAMPLES).exists():
        raise InputError(f"{folder}: holds another log; give --output_path another folder")
    resolved = resolve(chosen)
    resolved.need_models()
    prompts = dataset.load(chosen.run, equal)
    rows = {row["id"]: row for row in prompts.train}
    if several := next((id for id, row in rows.items() if "messages" in row), None):
        raise InputError(
            f"{chosen.run.prompt_file}: id {several}: the prompt is more than one turn of the user, and only one is "
            "asked here; give a prompt file of text, and the system message as run.system_prompt"
        )
    ref = ModelRef(Path(resolved.actor).name, resolved.actor, folder)
    benchmark, questions = as_benchmark(chosen, args.n_samples), as_questions(chosen, rows, prompts.version)
    with ExitStack() as stack:
        engines = Engines(args, [ref], stack)
        generate_missing(ref, {SAMPLES: benchmark}, {benchmark.file: questions}, engines, args, console)
    wanted = [s for s in samples.read(samples.path_of(folder, SAMPLES)) if s.sample < args.n_samples and s.id in rows]
    os.environ.update(environment.of_run(chosen.run))  # for the reward, as in a run
    columns = to_columns(wanted, rows, chosen.run.format_rules)
    reward_log.write_step(folder, 1, columns)
    meta = samples.read_meta(folder, SAMPLES)
    about = {"name": folder.name, "recipe": chosen.merged, "recipe_files": chosen.sources, "generated_with": meta}
    prompt_file = {"prompt_file": chosen.run.prompt_file, "prompt_sha256": questions.sha256}
    prompt_file["verifiers"] = prompts.verifiers
    reward_log.write_run(folder, {**about, **prompt_file, "trained": False, "steps": 1, "epochs": 1})
    console.print(table(columns, rows))
    console.print(f"wrote {reward_log.step_path(folder, 1)}", soft_wrap=True, highlight=False, markup=False)


def as_benchmark(chosen: Recipe, n_samples: int) -> Benchmark:
    """The recipe's rollouts as settings of an evaluation."""
    return Benchmark(
        name=SAMPLES,
        file=Path(chosen.run.prompt_file).stem,
        n_samples=n_samples,
        temperature=chosen.get("rollout.temperature"),
        top_p=chosen.get("rollout.top_p"),
        max_new_tokens=chosen.get("rollout.max_new_tokens") or 1024,
        seed=chosen.run.seed,
        template=Template(CHAT, None),
        system_prompt=chosen.run.system_prompt,
        fallbacks=False,
    ).check()


def as_questions(chosen: Recipe, rows: dict[str, dict[str, Any]], version: str | None) -> Questions:
    """The prompts as an evaluation reads its questions."""
    path = Path(chosen.run.prompt_file)
    return Questions(path, version or "", {id: {**row, "question": row["prompt"]} for id, row in rows.items()})


def to_columns(
    given: Sequence[samples.Sample], rows: dict[str, dict[str, Any]], format_rules: str
) -> dict[str, list[Any]]:
    """Columns of the reward log, scored as in training; ordered by prompt and sample."""
    from train.reward import reward_of

    order = {id: number for number, id in enumerate(rows)}
    made = sorted(given, key=lambda sample: (order[sample.id], sample.sample))
    scored = [
        reward_of(
            s.response,
            rows[s.id]["answer"],
            s.finish_reason != "length",
            format_rules=format_rules,
            verifier=rows[s.id].get("verifier", MATH),
            metadata=rows[s.id].get("metadata"),
        )
        for s in made
    ]
    return {
        "prompt_id": [s.id for s in made],
        "epoch": [1] * len(made),
        "step": [1] * len(made),
        "sample": [s.sample for s in made],
        "reward": [reward for reward, _ in scored],
        "verdict": [graded.verdict for _, graded in scored],
        "reason": [graded.reason for _, graded in scored],
        "answer": [graded.answer for _, graded in scored],
        "response_tokens": [s.tokens for s in made],
        "response": [s.response for s in made],
        "score": [graded.score for _, graded in scored],
        "verifier": [rows[s.id].get("verifier", MATH) for s in made],
    }


def table(columns: dict[str, list[Any]], rows: dict[str, dict[str, Any]]) -> Table:
    """Prompts by pass rate, in all and by level where the prompts have one."""
    right: dict[str, list[bool]] = {}
    for id, verdict in zip(columns["prompt_id"], columns["verdict"], strict=True):
        right.setdefault(id, []).append(verdict == "correct")
    rates = {id: float(np.mean(values)) for id, values in right.items()}
    groups: dict[str, list[float]] = {"all": list(rates.values())}
    for id in rates:
        if rows[id].get("level") is not None:
            groups.setdefault(f"level {rows[id]['level']}", []).append(rates[id])
    heads = ("0", "to 25", "to 50", "to 75", "below 100", "100")
    title = "prompts by pass rate, %"
    found = Table("", "prompts", "mean", *heads, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in found.columns[1:]:
        column.justify = "right"
    for name in sorted(groups):
        rates_P = np.array(groups[name])
        bands_P = np.where(rates_P == 0, 0, np.where(rates_P == 1, 5, np.ceil(4 * rates_P))).astype(int)
        counts = np.bincount(bands_P, minlength=len(heads)).tolist()
        found.add_row(name, f"{len(rates_P):,}", f"{100 * rates_P.mean():.1f}", *map(str, counts))
    return found


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
