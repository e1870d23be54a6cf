"""What would make LIM's choice repeat in another run? A simulation fitted to logs of finished runs.

    python scripts/simulate_repeat.py LOG [LOG …] [--original_prompts_path PROMPTS] [--json FILE] [--figure FILE]

A prompt's pass rate in an epoch is modelled as logit p = m + a + b·c + u. m is the average curve and c its progress,
from −½ to ½. a is the prompt's ease and b its speed of learning: weights over a grid, fitted by EM, so no shape is
assumed. u is what one run adds to a prompt: normal, as wide as two logs' mean pass rates differ (0 with one log).

Two runs of the same prompts are then drawn, with other numbers of samples and epochs, and with larger or smaller
differences between prompts. Shown is how far their choices agree: the first sixth by LIM, and the first sixth by how
close the mean pass rate is to the average's. The real logs' agreement comes first, to check the model.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.choose import choose_top  # noqa: E402
from lim.pipeline import read_run  # noqa: E402
from lim.prompts import PromptSet  # noqa: E402
from lim.scores import average_curve, lim_scores  # noqa: E402
from lim.stability.sweeps import jaccard, jaccard_by_chance  # noqa: E402
from lim.strategies import Settings  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import write_json  # noqa: E402
from scripts.log_arguments import parsed, parser_of  # noqa: E402

Floats = NDArray[np.float64]
EASE, SPEED = np.linspace(-9, 9, 73), np.linspace(-6, 6, 13)
SAMPLES, EPOCHS, SPREADS = (2, 4, 8, 16, 32, 64), (4, 8, 16, 32), (0.5, 1.0, 2.0)
DEVIATIONS = np.linspace(0, 2, 9)
SETTINGS = Settings(metric="accuracy", top_k=1)


@dataclass(frozen=True)
class Model:
    """Weights [P, G] of the grid per prompt, the average curve's logits [K], and the standard deviation of u."""

    weights_P_G: Floats
    curve_K: Floats
    deviation: float

    def logits(self, rng: np.random.Generator, epochs: int, spread: float = 1.0) -> Floats:
        """Logits [P, epochs] of prompts drawn once; `spread` multiplies their differences in ease and speed."""
        cumulative_P_G = self.weights_P_G.cumsum(axis=1)
        at_P = (rng.random((len(cumulative_P_G), 1)) * cumulative_P_G[:, -1:] > cumulative_P_G).sum(axis=1)
        ease_P, speed_P = EASE[at_P // len(SPEED)], SPEED[at_P % len(SPEED)]
        ease_P, speed_P = (one_P.mean() + (one_P - one_P.mean()) * spread for one_P in (ease_P, speed_P))
        place_K = np.linspace(0, len(self.curve_K) - 1, epochs)
        curve_K = np.interp(place_K, np.arange(len(self.curve_K)), self.curve_K)
        return curve_K + ease_P[:, None] + speed_P[:, None] * progress(curve_K)

    def run(self, rng: np.random.Generator, logits_P_K: Floats, samples: int) -> Floats:
        """Pass rates of one run's samples."""
        shift_P = rng.normal(0, self.deviation, (len(logits_P_K), 1))
        return rng.binomial(samples, sigmoid(logits_P_K + shift_P)) / samples


def sigmoid(logits: Floats) -> Floats:
    return 1 / (1 + np.exp(-logits))


def progress(curve_K: Floats) -> Floats:
    """From −½ to ½ as the average curve rises."""
    low, high = curve_K.min(), curve_K.max()
    return (curve_K - low) / max(high - low, 1e-9) - 0.5


def fit(passed_R_P_K: Floats, counts_R_P_K: Floats, steps: int = 200) -> Model:
    """The grid's weights per prompt by EM, without runs' deviations."""
    mean_K = passed_R_P_K.sum(axis=(0, 1)) / counts_R_P_K.sum(axis=(0, 1))
    curve_K = np.log(mean_K.clip(1e-3, 1 - 1e-3) / (1 - mean_K).clip(1e-3, 1))
    logits_G_K = (
        curve_K + np.repeat(EASE, len(SPEED))[:, None] + np.tile(SPEED, len(EASE))[:, None] * progress(curve_K)
    )
    right_G_K, wrong_G_K = -np.logaddexp(0, -logits_G_K), -np.logaddexp(0, logits_G_K)
    passed_P_K, failed_P_K = passed_R_P_K.sum(axis=0), (counts_R_P_K - passed_R_P_K).sum(axis=0)
    log_P_G = passed_P_K @ right_G_K.T + failed_P_K @ wrong_G_K.T
    likely_P_G = np.exp(log_P_G - log_P_G.max(axis=1, keepdims=True))
    weights_G = np.full(likely_P_G.shape[1], 1 / likely_P_G.shape[1])
    for _ in range(steps):
        posterior_P_G = likely_P_G * weights_G
        posterior_P_G /= posterior_P_G.sum(axis=1, keepdims=True)
        weights_G = posterior_P_G.mean(axis=0)
    return Model(posterior_P_G, curve_K, 0.0)


def choices(rates_P_K: Floats, share: float) -> dict[str, NDArray[np.bool_]]:
    """The first `share` of the prompts by LIM, and by how close the mean pass rate is to the average's."""
    count, average_K = round(len(rates_P_K) * share), average_curve(rates_P_K)
    apart_P = np.abs(np.nanmean(rates_P_K, axis=1) - average_K.mean())
    return {"lim": choose_top(lim_scores(rates_P_K, average_K), count), "mean": choose_top(-apart_P, count)}


def agreement(one_P_K: Floats, two_P_K: Floats, share: float) -> dict[str, float]:
    """Jaccard of two runs' choices, and the mean square by which their prompts' mean pass rates differ."""
    one, two = choices(one_P_K, share), choices(two_P_K, share)
    apart_P = np.nanmean(one_P_K, axis=1) - np.nanmean(two_P_K, axis=1)
    return {name: jaccard(one[name], two[name]) for name in one} | {"apart": float((apart_P**2).mean())}


def simulate(
    model: Model, share: float, draws: int, samples: int, epochs: int, spread: float = 1.0, seed: int = 0
) -> dict[str, float]:
    """Mean and standard deviation over draws of `agreement` between two runs of the same prompts."""
    rows = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        logits_P_K = model.logits(rng, epochs, spread)
        rows.append(agreement(model.run(rng, logits_P_K, samples), model.run(rng, logits_P_K, samples), share))
    found = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    return found | {"sd": float(np.std([row["lim"] for row in rows], ddof=1))}


def with_deviation(model: Model, apart: float, share: float, draws: int, samples: int) -> Model:
    """The model whose runs differ in prompts' mean pass rates by a mean square of `apart`."""
    epochs = len(model.curve_K)
    models = [Model(model.weights_P_G, model.curve_K, float(one)) for one in DEVIATIONS]
    differences = [simulate(one, share, draws, samples, epochs)["apart"] for one in models]
    deviation = float(np.interp(apart, np.maximum.accumulate(differences), DEVIATIONS))
    return Model(model.weights_P_G, model.curve_K, deviation)


def read(logs: list[str], prompts: PromptSet | None) -> tuple[Floats, Floats]:
    """(passed, samples) [R, P, K] of the prompts and epochs that all logs have whole."""
    matrices = [read_run(log, prompts, SETTINGS.resolved(), keep_samples=False)[0] for log in logs]
    epochs = min(matrix.epochs for matrix in matrices)
    whole_of = [
        {id for id, ok in zip(m.ids, (m.counts_P_K[:, :epochs] > 0).all(axis=1), strict=True) if ok} for m in matrices
    ]
    ids = [id for id in matrices[0].ids if all(id in one for one in whole_of)]
    if len(ids) < 60 or epochs < 3:
        raise InputError(f"{' and '.join(logs)}: {len(ids)} prompts in {epochs} epochs, too few to fit a model to")
    counts, passed = [], []
    for matrix in matrices:
        place = {id: at for at, id in enumerate(matrix.ids)}
        rows = [place[id] for id in ids]
        counts.append(matrix.counts_P_K[rows, :epochs].astype(float))
        passed.append(np.rint(matrix.pass_rates_P_K[rows, :epochs] * counts[-1]))
    return np.array(passed), np.array(counts)


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, draws=(40, "pairs of runs per design"))
    parser.add_argument("--figure", metavar="FILE", help="draw agreement over samples there")
    args, prompts = parsed(parser, argv)
    found = study(*read(args.logs, prompts), draws=args.draws)
    show(found)
    if args.json:
        write_json(args.json, found)
    if args.figure:
        draw(found, Path(args.figure))


def study(passed_R_P_K: Floats, counts_R_P_K: Floats, *, draws: int, share: float = 1 / 6) -> dict[str, Any]:
    """Fit the model, check it against the logs, and vary samples, epochs and speeds of learning."""
    prompts, epochs = passed_R_P_K.shape[1:]
    samples = round(float(counts_R_P_K.mean()))
    model = fit(passed_R_P_K, counts_R_P_K)
    rates: list[Floats] = list(passed_R_P_K / counts_R_P_K)
    real = [agreement(one, two, share) for one, two in combinations(rates, 2)]
    if real:
        model = with_deviation(model, float(np.mean([row["apart"] for row in real])), share, draws, samples)
    designs = [(n, epochs, 1.0) for n in SAMPLES]
    designs += [(samples, k, 1.0) for k in EPOCHS] + [(samples, epochs, spread) for spread in SPREADS]
    rows = [
        {"samples": n, "epochs": k, "spread": spread, **simulate(model, share, draws, n, k, spread)}
        for n, k, spread in dict.fromkeys([(samples, epochs, 1.0), *designs])
    ]
    return {
        "prompts": prompts,
        "epochs": epochs,
        "samples": samples,
        "chosen": round(prompts * share),
        "by_chance": jaccard_by_chance(round(prompts * share), prompts),
        "deviation": model.deviation,
        "real": real,
        "designs": rows,
    }


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    print(
        f"{found['prompts']:,} prompts, {found['epochs']} epochs of {found['samples']} samples, "
        f"the first {found['chosen']:,} chosen"
    )
    print(f"a run's own deviation, logits: {found['deviation']:.2f}; agreement by chance: {found['by_chance']:.2f}")
    for row in found["real"]:
        print(f"  two real runs: Jaccard {row['lim']:.2f} by LIM, {row['mean']:.2f} by mean pass rate")
    for row in found["designs"]:
        print(
            f"  simulated, {row['samples']} samples, {row['epochs']} epochs, differences x {row['spread']:g}: "
            f"Jaccard {row['lim']:.2f} ± {row['sd']:.2f} by LIM, {row['mean']:.2f} by mean pass rate"
        )


def draw(found: dict[str, Any], path: Path) -> None:
    """Agreement of two runs over samples per prompt and epoch."""
    from lim.report.style import BLUE, GREY, ORANGE, new_figure, save_figure

    rows = [row for row in found["designs"] if row["epochs"] == found["epochs"] and row["spread"] == 1]
    rows.sort(key=lambda row: row["samples"])
    figure, axis = new_figure(5.2, 3.4)
    samples = [row["samples"] for row in rows]
    for name, colour, label in (("lim", BLUE, "LIM"), ("mean", ORANGE, "mean pass rate nearest to the average's")):
        axis.plot(samples, [row[name] for row in rows], "o-", color=colour, label=label)
    for at, row in enumerate(found["real"]):
        axis.plot(found["samples"], row["lim"], "x", color=BLUE, label=None if at else "LIM, two real runs")
    axis.axhline(found["by_chance"], color=GREY, label="by chance")
    axis.set(xscale="log", xlabel="samples per prompt and epoch", ylabel="Jaccard of two runs' choices", ylim=(0, 1))
    axis.set_xticks(samples, [str(one) for one in samples])
    axis.set_xticks([], minor=True)
    axis.legend(frameon=False)
    save_figure(figure, path)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
