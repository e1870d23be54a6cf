"""How much LIM's choice depends on its settings: agreement on logs of finished runs, without training.

    python scripts/ablate_choice.py LOG [LOG …] [--original_prompts_path PROMPTS] [--json FILE]

Each variant's choice is compared (Jaccard) with that of the paper's settings on the complete log: mean rewards and
LIM ≥ 0.6. By rank it takes as many prompts. For missing visits a share of each epoch's prompts is left out at random,
as by a trainer that drops the last partial batch. Epochs and samples are varied as in `lim.stability`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.choose import choose_above  # noqa: E402
from lim.logs.missing import RULES  # noqa: E402
from lim.logs.trajectories import RewardMatrix  # noqa: E402
from lim.pipeline import read_run, score_matrix  # noqa: E402
from lim.stability.sweeps import Reference, epoch_sweep, jaccard, jaccard_by_chance, over_draws, sample_sweep  # noqa: E402
from lim.strategies import Settings  # noqa: E402
from lim.utils.errors import run_cli  # noqa: E402
from lim.utils.files import write_json  # noqa: E402
from scripts.log_arguments import parsed, parser_of  # noqa: E402

THRESHOLDS = (0.4, 0.5, 0.7, 0.8)
LEFT_OUT = (0.04, 0.2)  # of the prompts, in each epoch; the paper's run: 331 of 8,523
SETTINGS = Settings(similarity_threshold=0.6)


def without(matrix: RewardMatrix, share: float, rng: np.random.Generator) -> RewardMatrix:
    """The matrix without `share` of each epoch's prompts, another draw in each epoch."""
    out_P_K = rng.permuted(np.tile(np.arange(len(matrix.ids))[:, None], matrix.epochs), axis=0) < share * len(
        matrix.ids
    )
    rewards_P_K, rates_P_K = (
        np.where(out_P_K, np.nan, values_P_K) for values_P_K in (matrix.rewards_P_K, matrix.pass_rates_P_K)
    )
    return RewardMatrix(matrix.ids, rewards_P_K, rates_P_K, np.where(out_P_K, 0, matrix.counts_P_K))


def ablate(matrix: RewardMatrix, repeats: int) -> list[dict[str, Any]]:
    """A row per variant: `variant`, and what `Reference.agreement` says of it."""
    of = Reference.of(matrix, SETTINGS)
    rows: list[dict[str, Any]] = []
    for threshold in THRESHOLDS:
        chosen_P = choose_above(of.scores_P, threshold)
        row = {"chosen_by_threshold": int(chosen_P.sum()), "jaccard_by_threshold": jaccard(chosen_P, of.chosen_P)}
        rows.append({"variant": f"LIM ≥ {threshold:g}", **row})
    accuracy = replace(of.settings, metric="accuracy")
    rows.append({"variant": "pass rates for rewards", **of.agreement(score_matrix(matrix, accuracy)[0])})
    for share in LEFT_OUT:
        for missing in RULES:
            treated, drawn = replace(of.settings, missing=missing), []
            for draw in range(repeats):
                scores_P = score_matrix(without(matrix, share, np.random.default_rng(draw)), treated)[0]
                drawn.append(of.agreement(scores_P))
            rows.append({"variant": f"{share:.0%} of each epoch missing, {missing}", **over_draws(drawn)})
    for row in epoch_sweep(of, sorted({max(2, matrix.epochs * part // 4) for part in (1, 2, 3)})):
        rows.append({"variant": f"first {row['epochs']} of {matrix.epochs} epochs", **row})
    for row in sample_sweep(of, repeats=repeats)[:-1]:
        rows.append({"variant": f"{row['samples']} of {int(matrix.counts_P_K.max())} samples", **row})
    return rows


def main(argv: list[str] | None = None) -> None:
    args, prompts = parsed(parser_of(__doc__, repeats=(20, "draws of what is random")), argv)
    found = {}
    for log in args.logs:
        matrix = read_run(log, prompts, SETTINGS.resolved(), keep_samples=True)[0]
        found[log] = {"prompts": len(matrix.ids), "rows": ablate(matrix, args.repeats)}
        count = int(Reference.of(matrix, SETTINGS).chosen_P.sum())
        by_chance = jaccard_by_chance(count, len(matrix.ids))
        print(f"{log}: LIM ≥ 0.6 chooses {count:,} of {len(matrix.ids):,}; Jaccard by chance {by_chance:.2f}")
        for row in found[log]["rows"]:
            print(line_of(row))
    if args.json:
        write_json(args.json, found)


def line_of(row: dict[str, Any]) -> str:
    parts = []
    if row.get("jaccard_by_rank") is not None:
        parts.append(f"by rank {row['jaccard_by_rank']:.2f}")
    if row.get("jaccard_by_threshold") is not None:
        parts.append(f"by threshold {row['jaccard_by_threshold']:.2f} ({row['chosen_by_threshold']:,.0f})")
    return f"  {row['variant']:<40} {', '.join(parts)}"


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
