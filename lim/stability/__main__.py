"""How stable is a selection? Thresholds, fewer epochs, fewer samples, and a bootstrap over samples.

    python -m lim.stability --train_samples_path data/output/math.8k \
        --original_prompts_path data/prompts/math8k.json --output_path stability/

prints tables and writes stability.json, bootstrap.json (one row per prompt) and figures into the folder.
Every sweep compares with the choice from the complete log: by the same threshold, and by rank at the same
number of prompts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from lim.logs.doubts import settle
from lim.pipeline import match_notes, read_run
from lim.prompts import add_prompt_flags, load, reading_of
from lim.rewards import reward_doubts
from lim.stability.sweeps import (
    Bootstrap,
    Reference,
    bootstrap,
    epoch_sweep,
    jaccard_by_chance,
    sample_sweep,
    threshold_sweep,
)
from lim.strategies import Settings, add_log_flags, add_score_flags, comparing_epochs
from lim.utils.cli import Parser, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output, write_json

SHOWN_ROWS = 16
COUNTS = ("scored", "chosen_by_threshold", "chosen")
# Heads of two short lines, so that the tables fit 80 columns; θ is the threshold.
HEADS = {
    "chosen_by_threshold": "chosen\nby θ",
    "jaccard_by_threshold": "Jaccard\nby θ",
    "jaccard_by_rank": "Jaccard\nby rank",
    "jaccard_of_uncertainty": "Jaccard of\np(1 − p)",
    "median_score": "median\nscore",
    "spearman": "Spearman",
}


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    description, _, _ = (__doc__ or "").partition("\n\n")
    parser = Parser(prog="python -m lim.stability", description=description)
    add = parser.add_argument
    add("--train_samples_path", required=True, help="a run's log: folder, file or URI")
    add(
        "--original_prompts_path",
        metavar="PROMPTS",
        help="the prompts the run trained on (default: all of the log's)",
    )
    add_prompt_flags(add)
    add("--output_path", required=True, help="folder for JSON and figures")
    add_log_flags(add)
    add("--strategy", default="lim", choices=comparing_epochs(), help="what scores the prompts (default: lim)")
    add_score_flags(add)
    add("--bootstrap", type=whole(0), default=200, help="replicates of the bootstrap (default 200; 0: none)")
    add(
        "--repeats",
        type=whole(0),
        default=10,
        help="draws per number of samples in the sweep over samples (default 10; 0: none)",
    )
    add("--seed", type=whole(0), default=0, help="seed of the resampling (default 0)")
    args = parser.parse_args(argv)
    if args.bootstrap == 1:
        parser.error("--bootstrap: 1 is too small; a standard error needs at least 2 (0: none)")
    return args


def main(argv: list[str] | None = None) -> int | None:
    args = parse_args(argv)
    from lim.stability.figures import write_figures  # matplotlib, which --help does not wait for

    check_output("--output_path", args.output_path, folder=True)
    if os.path.realpath(args.output_path) == os.path.realpath(args.train_samples_path):
        raise InputError(f"{args.output_path}: is the log's folder; give --output_path another, or one inside it")
    settings = msgspec.convert(vars(args), Settings).resolved()
    given = args.original_prompts_path
    prompts_given = None if given is None else load(given, reading_of(args))
    matrix, log = read_run(args.train_samples_path, prompts_given, settings, keep_samples=True, workers=args.workers)
    allowed = settle(log.doubts | reward_doubts(log, settings), settings.allow)
    console = Console(highlight=False)
    if prompts_given is None or log.matching is None:
        reference = Reference.of(matrix, settings)
    else:
        reference = Reference.of(matrix, settings, prompts_given.ids, log.matching.rows_P)
    chosen, prompts = int(reference.chosen_P.sum()), len(reference.ids)
    epochs = f"{matrix.epochs} epochs ({log.epochs_in_words()})"
    console.print(f"{prompts:,} prompts, {epochs}; all of the log chooses {chosen:,}", soft_wrap=True)
    notes = [*allowed, *log.notes, *(match_notes(log.matching, "log") if log.matching else ())]
    result: dict[str, Any] = {
        "log": log.as_dict(),
        "settings": asdict(settings),
        "prompts": prompts,
        "epochs": matrix.epochs,
        "chosen": chosen,
        "jaccard_by_chance": jaccard_by_chance(chosen, prompts),
        "thresholds": threshold_sweep(reference),
        "first_epochs": epoch_sweep(reference),
    }
    replicates: Bootstrap | None = None
    try:
        if args.repeats:
            result["fewer_samples"] = sample_sweep(reference, repeats=args.repeats, seed=args.seed)
        if args.bootstrap:
            replicates = bootstrap(reference, replicates=args.bootstrap, seed=args.seed)
            result["bootstrap"] = bootstrap_summary(reference, replicates)
    except InputError as error:
        notes.append(f"no resampling: {error}")
    result["notes"] = notes

    show(console, "chosen by threshold", result["thresholds"])
    show(console, "the first k epochs against all", result["first_epochs"])
    if "fewer_samples" in result:
        show(console, "fewer samples per prompt and epoch against all", result["fewer_samples"])
    if replicates is not None:
        show(console, "bootstrap over samples", [result["bootstrap"]])
    for note in notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)

    folder = Path(args.output_path)
    write_json(folder / "stability.json", result)
    written = [folder / "stability.json"]
    if replicates is not None:
        write_json(folder / "bootstrap.json", bootstrap_rows(reference, replicates))
        written.append(folder / "bootstrap.json")
    for path in [*written, *write_figures(result, reference, replicates, folder)]:
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    return None


def bootstrap_summary(reference: Reference, replicates: Bootstrap) -> dict[str, Any]:
    """What the bootstrap says of the complete choice."""
    certain_P = (replicates.by_rank_P >= 0.9) | (replicates.by_rank_P <= 0.1)
    return {
        "replicates": replicates.replicates,
        "median_standard_error": float(np.nanmedian(replicates.standard_error_P)),
        "median_shift_of_score": float(np.nanmedian(replicates.mean_score_P - reference.scores_P)),
        "share_certain_by_rank": float(certain_P[~np.isnan(reference.scores_P)].mean()),
        "chosen_with_probability_below_0.9": int((reference.chosen_P & (replicates.by_rank_P < 0.9)).sum()),
        **replicates.agreement,
    }


def bootstrap_rows(reference: Reference, replicates: Bootstrap) -> list[dict[str, Any]]:
    """One row per prompt: score, its standard error, and the probability of being chosen."""
    rows = []
    for at, id in enumerate(reference.ids):
        score = float(reference.scores_P[at])
        row: dict[str, Any] = {"id": id, "score": None if np.isnan(score) else score}
        if row["score"] is not None:
            row["standard_error"] = float(replicates.standard_error_P[at])
            row["chosen"] = bool(reference.chosen_P[at])
            row["probability_by_rank"] = float(replicates.by_rank_P[at])
            if replicates.by_threshold_P is not None:
                row["probability_by_threshold"] = float(replicates.by_threshold_P[at])
        rows.append(row)
    return rows


def show(console: Console, title: str, rows: Sequence[dict[str, Any]]) -> None:
    """A sweep as a table, thinned to rows spread evenly where it is long; standard deviations stand behind ±."""
    kept = rows
    if len(rows) > SHOWN_ROWS:
        kept = [rows[at] for at in np.unique(np.linspace(0, len(rows) - 1, SHOWN_ROWS).astype(int))]
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if not key.endswith("_sd")]
    console.print()
    table = Table(title=title, title_justify="left", caption_justify="left", show_header=len(rows) > 1)
    table.box, table.collapse_padding, table.pad_edge = box.SIMPLE_HEAD, True, False
    if len(rows) == 1:
        for key in columns:
            table.add_row(key.replace("_", " "), _cell(rows[0], key, 3))
        console.print(table)
        return
    if len({row["scored"] for row in rows if "scored" in row}) == 1:  # and so in every row
        columns.remove("scored")
        table.caption = f"{_cell(rows[-1], 'scored', 0)} prompts have a score in each row"
    if "repeats" in columns:
        columns.remove("repeats")
        table.title = f"{title} (± over {rows[0]['repeats']} draws)"
    decimals = 2 if any(key.endswith("_sd") for row in rows for key in row) else 3
    for key in columns:
        table.add_column(HEADS.get(key, key), justify="right", no_wrap=True)
    for row in kept:
        table.add_row(*(_cell(row, key, decimals) for key in columns))
    console.print(table)


def _cell(row: dict[str, Any], key: str, decimals: int) -> str:
    """A figure, with ± its standard deviation; of counts at most one decimal."""
    value, spread = row.get(key), row.get(f"{key}_sd")
    if value is None:
        return "–"
    if key in COUNTS or isinstance(value, int):
        decimals = 0 if not spread and float(value).is_integer() else 1
    return f"{value:,.{decimals}f}" + (f" ± {spread:.{decimals}f}" if spread else "")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
