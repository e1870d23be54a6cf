"""Is LIM more than a filter by pass rate? What logs of finished runs say, without training.

    python scripts/lim_against_band.py LOG [LOG …] [--original_prompts_path PROMPTS] [--json FILE] [--figure FILE]

BAND is a mean pass rate over all epochs between 0.1 and 0.9. Of each log: how many of LIM's first sixth are in BAND;
how much of LIM the mean pass rate explains (R² of means of up to 20 bins of equal size, fitted on nine tenths of the
prompts and taken on the rest); and whether LIM's order repeats among prompts of about equal pass rate: each prompt's
samples are split into two halves at random, LIM is computed from each half, and the first sixths by both within each
of five bins are compared, as is what each half's own pass rate leaves unexplained. Two halves are of one run; with
several logs of the same prompts, their choices are compared in the same way, which is what another seed would choose.
All scores are of pass rates, not of rewards.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.choose import choose_top  # noqa: E402
from lim.logs.trajectories import RewardMatrix  # noqa: E402
from lim.pipeline import read_run, score_matrix  # noqa: E402
from lim.prompts import PromptSet  # noqa: E402
from lim.stability.sweeps import jaccard, jaccard_by_chance, rank_correlation  # noqa: E402
from lim.strategies import Settings  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import write_json  # noqa: E402
from scripts.log_arguments import parsed, parser_of  # noqa: E402

Floats = NDArray[np.float64]
BAND, SHARE = (0.1, 0.9), 1 / 6
SETTINGS = Settings(metric="accuracy", top_k=1)
BINS, FINE_BINS, FOLDS = 5, 20, 10


def lim(rates_P_K: Floats, counts_P_K: NDArray[Any]) -> Floats:
    """LIM scores of pass rates."""
    ids = [str(at) for at in range(len(rates_P_K))]
    return score_matrix(RewardMatrix(ids, rates_P_K, rates_P_K, counts_P_K), SETTINGS.resolved())[0]


def bins_of(values_P: Floats, count: int) -> NDArray[np.int64]:
    """Each value's bin, of `count` bins of equal size by rising value."""
    ranks_P = np.argsort(np.argsort(values_P, kind="stable"), kind="stable")
    return ranks_P * count // len(values_P)


def explained(scores_P: Floats, means_P: Floats, seed: int = 0) -> tuple[float, Floats]:
    """(cross-validated R² of the scores from the mean pass rate alone, the predictions)."""
    fold_P = np.random.default_rng(seed).permutation(len(scores_P)) % FOLDS
    bins = max(1, min(FINE_BINS, len(scores_P) // 20))
    bin_P, predicted_P = bins_of(means_P, bins), np.empty(len(scores_P))
    for fold in range(FOLDS):
        fit_P = fold_P != fold
        means = [scores_P[fit_P & (bin_P == one)].mean() for one in range(bins)]
        predicted_P[~fit_P] = np.take(means, bin_P[~fit_P])
    rest = float(((scores_P - predicted_P) ** 2).sum() / ((scores_P - scores_P.mean()) ** 2).sum())
    return 1 - rest, predicted_P


def within_bins(one_P: Floats, two_P: Floats, means_P: Floats) -> list[dict[str, float]]:
    """By bin of the mean pass rate: how alike the first sixths by two scores are, and by chance."""
    bin_P, rows = bins_of(means_P, BINS), []
    for at in range(BINS):
        inside_P = bin_P == at
        total = int(inside_P.sum())
        count = max(1, round(total * SHARE))
        same = jaccard(choose_top(one_P[inside_P], count), choose_top(two_P[inside_P], count))
        rows.append(
            {
                "from": float(means_P[inside_P].min()),
                "to": float(means_P[inside_P].max()),
                "prompts": total,
                "jaccard": same,
                "by_chance": jaccard_by_chance(count, total),
                "spearman": rank_correlation(one_P[inside_P], two_P[inside_P]) or 0.0,
            }
        )
    return rows


def halves(matrix: RewardMatrix, rng: np.random.Generator) -> list[tuple[Floats, Floats]]:
    """(LIM, mean pass rate) from each of two random halves of every cell's samples."""
    counts_P_K = matrix.counts_P_K.astype(np.int64)
    passed_P_K = np.rint(np.nan_to_num(matrix.pass_rates_P_K) * counts_P_K).astype(np.int64)
    half_P_K = counts_P_K // 2
    first_P_K = rng.hypergeometric(passed_P_K, counts_P_K - passed_P_K, half_P_K)
    rest_P_K = counts_P_K - half_P_K
    with np.errstate(invalid="ignore"):
        one_P_K, two_P_K = first_P_K / half_P_K, (passed_P_K - first_P_K) / rest_P_K
    parts = (one_P_K, half_P_K), (two_P_K, rest_P_K)
    return [(lim(rates_P_K, counts), np.nanmean(rates_P_K, axis=1)) for rates_P_K, counts in parts]


def read(log: str, prompts: PromptSet | None) -> RewardMatrix:
    """The log's prompts that have a score."""
    matrix = read_run(log, prompts, SETTINGS.resolved(), keep_samples=False)[0]
    scored = np.flatnonzero(~np.isnan(lim(matrix.pass_rates_P_K, matrix.counts_P_K)))
    if len(scored) < BINS * 6:
        raise InputError(f"{log}: {len(scored)} of its prompts have a LIM score, too few to say anything")
    return matrix.take(scored, [matrix.ids[row] for row in scored.tolist()])


def of_log(matrix: RewardMatrix, repeats: int) -> dict[str, Any]:
    """The figures of one log."""
    means_P = np.nanmean(matrix.pass_rates_P_K, axis=1)
    scores_P = lim(matrix.pass_rates_P_K, matrix.counts_P_K)
    count = round(len(scores_P) * SHARE)
    chosen_P, band_P = choose_top(scores_P, count), (means_P >= BAND[0]) & (means_P <= BAND[1])
    r2, predicted_P = explained(scores_P, means_P)
    rng, draws, beyond, merged = np.random.default_rng(0), [], [], []
    for _ in range(repeats if matrix.counts_P_K.max() > 1 else 0):
        parts = halves(matrix, rng)
        draws.append(within_bins(parts[0][0], parts[1][0], means_P))
        one_P, two_P = (part_P - explained(part_P, rates_P)[1] for part_P, rates_P in parts)
        beyond.append(rank_correlation(one_P, two_P))
    for rows in zip(*draws, strict=True):
        found = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        merged.append(found | {"sd": float(np.std([row["jaccard"] for row in rows], ddof=1))})
    return {
        "prompts": len(scores_P),
        "epochs": matrix.epochs,
        "samples": int(matrix.counts_P_K.max()),
        "chosen": count,
        "chosen_in_band": float(band_P[chosen_P].mean()),
        "all_in_band": float(band_P.mean()),
        "r2_of_mean_pass_rate": r2,
        "jaccard_with_prediction": jaccard(choose_top(predicted_P, count), chosen_P),
        "jaccard_by_chance": jaccard_by_chance(count, len(scores_P)),
        "spearman_of_residuals": float(np.mean(beyond)) if beyond else None,
        "halves_within_bins": merged,
        "scores": scores_P.tolist(),
        "mean_pass_rates": means_P.tolist(),
    }


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, repeats=(20, "random halves per log"))
    parser.add_argument("--figure", metavar="FILE", help="draw score over pass rate there")
    args, prompts = parsed(parser, argv)
    matrices = {log: read(log, prompts) for log in args.logs}
    found = {log: of_log(matrix, args.repeats) for log, matrix in matrices.items()}
    pairs = {}
    for one, two in combinations(args.logs, 2):
        ids = sorted(set(matrices[one].ids) & set(matrices[two].ids))
        if len(ids) < BINS * 6:
            raise InputError(f"{one} and {two} share {len(ids)} prompts, too few to compare")
        sides = []
        for log in (one, two):
            place = {id: at for at, id in enumerate(matrices[log].ids)}
            rows = [place[id] for id in ids]
            sides.append((np.array(found[log]["scores"])[rows], np.array(found[log]["mean_pass_rates"])[rows]))
        (one_P, first_P), (two_P, second_P) = sides
        pairs[f"{one} | {two}"] = within_bins(one_P, two_P, (first_P + second_P) / 2)
    show(found, pairs)
    if args.json:
        write_json(args.json, {"logs": found, "pairs": pairs})
    if args.figure:
        draw(found, Path(args.figure))


def show(found: dict[str, Any], pairs: dict[str, Any]) -> None:
    """Print the figures."""
    for log, one in found.items():
        print(f"{log}: {one['prompts']:,} prompts, {one['epochs']} epochs of up to {one['samples']} samples")
        print(
            f"  LIM's first {one['chosen']:,}: {one['chosen_in_band']:.1%} in BAND; of all: {one['all_in_band']:.1%}"
        )
        print(f"  R² of LIM from the mean pass rate alone: {one['r2_of_mean_pass_rate']:.3f}")
        print(
            f"  the same number by the pass rate's prediction: Jaccard {one['jaccard_with_prediction']:.2f} "
            f"(by chance {one['jaccard_by_chance']:.2f})"
        )
        if one["spearman_of_residuals"] is not None:
            print(f"  what the pass rate does not explain, two halves: Spearman {one['spearman_of_residuals']:+.2f}")
        for row in one["halves_within_bins"]:
            print(f"  {line_of(row)} ± {row['sd']:.2f} over splits")
    for pair, rows in pairs.items():
        print(pair)
        for row in rows:
            print(f"  {line_of(row)}")


def line_of(row: dict[str, float]) -> str:
    return (
        f"pass rate {row['from']:.2f} to {row['to']:.2f}, {row['prompts']:.0f} prompts: Jaccard {row['jaccard']:.2f} "
        f"(by chance {row['by_chance']:.2f}), Spearman {row['spearman']:+.2f}"
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """LIM over the mean pass rate, a panel per log."""
    from lim.report.style import BLUE, GREY, new_figure, save_figure

    figure, axes = new_figure(4.2 * len(found), 3.4, columns=len(found))
    for axis, (log, one) in zip(np.ravel(axes), found.items(), strict=True):
        axis.axvspan(*BAND, color=GREY, alpha=0.3, linewidth=0)
        axis.scatter(one["mean_pass_rates"], one["scores"], s=6, alpha=0.5, color=BLUE, linewidth=0)
        axis.set(xlabel="mean pass rate", ylabel="LIM", title=Path(log).stem if len(found) > 1 else "")
    save_figure(figure, path)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
