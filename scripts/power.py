"""How many seeds does a comparison of two arms need?

    python scripts/power.py --scatter 1.7 [--margin 2] [--arms 4] [--minutes 3.5] [--seeds 8 12 16]

Runs are arm + seed + scatter (docs/results.md): `--scatter` is its standard deviation in points, pooled over `--arms`
arms trained with the same seeds. Shown for each number of seeds: the standard error of a difference; the power of a
two-sided t test at 5 % where the true difference is the margin; and, by simulation, how often the 90 % interval lies
within ± the margin where the true difference is 0, half, or all of the margin (then it is wrong).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.utils.cli import Parser, between, whole  # noqa: E402
from lim.utils.errors import run_cli  # noqa: E402

DRAWS = 400_000
POSITIVE = between(0, float("inf"), above=True)


@dataclass(frozen=True)
class Design:
    """Arms trained with the same seeds, and what one run scatters by (points)."""

    scatter: float
    seeds: int
    arms: int

    @property
    def dof(self) -> int:
        """Degrees of freedom of the pooled scatter."""
        return (self.arms - 1) * (self.seeds - 1)

    @property
    def stderr(self) -> float:
        """Standard error of the difference of two arms, in points."""
        return self.scatter * (2 / self.seeds) ** 0.5

    def power(self, difference: float, alpha: float = 0.05) -> float:
        """How often a two-sided t test finds a true difference (points)."""
        from scipy.stats import nct, t

        shift, limit = difference / self.stderr, t.ppf(1 - alpha / 2, self.dof)
        return float(nct.sf(limit, self.dof, shift) + nct.cdf(-limit, self.dof, shift))

    def within(self, margin: float, difference: float, alpha: float = 0.05) -> float:
        """How often the 1 − 2·alpha interval of the difference lies within ± margin (points)."""
        from scipy.stats import t

        rng = np.random.default_rng(0)
        found = rng.normal(difference, self.stderr, DRAWS)
        half = t.ppf(1 - alpha, self.dof) * self.stderr * np.sqrt(rng.chisquare(self.dof, DRAWS) / self.dof)
        return float((np.abs(found) + half < margin).mean())


def main(argv: list[str] | None = None) -> None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--scatter", type=POSITIVE, required=True, help="points, between runs of one arm")
    parser.add_argument("--margin", type=POSITIVE, default=2.0, help="points (default 2)")
    parser.add_argument("--arms", type=whole(2), default=4, help="arms in the pooled scatter (default 4)")
    parser.add_argument("--minutes", type=POSITIVE, help="minutes per training, for the hours in all")
    numbers = [4, 6, 8, 10, 12, 16, 20]
    parser.add_argument("--seeds", type=whole(2), nargs="+", default=numbers, help="numbers to show")
    args = parser.parse_args(argv)
    margin = args.margin
    print(f"scatter {args.scatter:g}, margin {margin:g} points, {args.arms} arms")
    heads = f"difference of {margin:g} found", *(f"within ± {margin:g} at {at * margin:g}" for at in (0, 0.5, 1))
    print("  ".join(("seeds", "stderr", *heads, *(["hours"] if args.minutes else []))))
    for seeds in args.seeds:
        design = Design(args.scatter, seeds, args.arms)
        shares = design.power(margin), *(design.within(margin, at * margin) for at in (0, 0.5, 1))
        cells = [f"{seeds:5}", f"{design.stderr:6.2f}"]
        cells += [f"{share:{len(head)}.0%}" for share, head in zip(shares, heads, strict=True)]
        if args.minutes:
            cells.append(f"{args.minutes * seeds * args.arms / 60:5.1f}")
        print("  ".join(cells))


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
