"""How well suspected wrong labels are found where the wrong ones are known: precision and recall per run.

    python scripts/label_suspects.py data/output/arithmetic --json found.json
    python scripts/label_suspects.py labels5-s1 labels5-s2 labels30-s1 --markdown found.md

The runs are trainings on the embedded pool, whose wrong labels are marked in its `source`. Rules: suspects as
`lim view` ranks them; never solved (by passed samples, fewest first); lowest LIM score. Cut-offs: half, all and twice
as many prompts as there are wrong labels, and what each rule lists by itself. Where a cut-off falls among prompts of
equal rank, hits are what a random order gives on average. Level 5, which the small model hardly solves whatever its
labels say, is counted apart.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from eval.verifiers import Verifiers  # noqa: E402
from eval.verifiers.grading import grading  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402
from lim.utils.files import write_json, write_text  # noqa: E402
from lim.view.run import RunView  # noqa: E402
from lim.view.suspects import LEAST_SHARE, wilson  # noqa: E402

WRONG, HOPELESS = "arithmetic-wrong-label", 5
RULES = ("suspects", "never solved", "lowest LIM")


@dataclass(frozen=True)
class Row:
    """One rule at one cut-off: `hits` of `taken` prompts have a wrong label, `wrong` of those looked at have."""

    run: str
    prompts: str  # all, levels 1-4 or level 5
    rule: str
    cut: str
    taken: int
    hits: float
    wrong: int

    @property
    def precision(self) -> tuple[float, float, float]:
        return wilson(self.hits, self.taken)

    @property
    def recall(self) -> tuple[float, float, float]:
        return wilson(self.hits, self.wrong)


def hits_at(keys: np.ndarray, wrong: np.ndarray, taken: int) -> float:
    """Wrong labels among the first `taken` by rising key, averaged over the orders of equal keys."""
    if taken <= 0:
        return 0.0
    edge = np.sort(keys)[taken - 1]
    before, at = keys < edge, keys == edge
    return float(wrong[before].sum() + wrong[at].sum() * (taken - before.sum()) / at.sum())


def rows_of(name: str, view: RunView) -> list[Row]:
    """All rules and cut-offs of one run."""
    selection = view.state.selection
    matrix = selection.matrix
    assert matrix is not None
    wrong_P = np.array([record.get("source") == WRONG for record in selection.records])
    level_P = np.array([record["level"] for record in selection.records])
    seen_P = matrix.counts_P_K.sum(axis=1) > 0
    passes_P = np.nansum(matrix.pass_rates_P_K * matrix.counts_P_K, axis=1)
    score_P, listed_P = np.zeros(len(wrong_P)), np.zeros(len(wrong_P), bool)
    for found in view.suspects(least_share=0):
        score_P[found.prompt] = found.score
    listed_P[[found.prompt for found in view.suspects(least_share=LEAST_SHARE)]] = True
    keys = {
        "suspects": -score_P,
        "never solved": passes_P,
        "lowest LIM": np.nan_to_num(selection.scores_P, nan=np.inf),
    }
    own: dict[str, np.ndarray] = {"suspects": listed_P, "never solved": passes_P == 0}
    rows = []
    parts: dict[str, np.ndarray] = {
        "all": seen_P,
        "levels 1-4": seen_P & (level_P != HOPELESS),
        "level 5": seen_P & (level_P == HOPELESS),
    }
    for part, inside_P in parts.items():
        wrong = int(wrong_P[inside_P].sum())
        for rule in RULES:
            cuts = {"half": wrong // 2, "as many": wrong, "twice": 2 * wrong}
            for cut, taken in cuts.items():
                taken = min(taken, int(inside_P.sum()))
                hits = hits_at(keys[rule][inside_P], wrong_P[inside_P], taken)
                rows.append(Row(name, part, rule, cut, taken, hits, wrong))
            if rule in own:
                taken_P = own[rule] & inside_P
                rows.append(Row(name, part, rule, "listed", int(taken_P.sum()), int(wrong_P[taken_P].sum()), wrong))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""

    def shown(value: tuple[float, float, float]) -> str:
        share, low, high = value
        return "–" if share != share else f"{share:.2f} ({low:.2f}-{high:.2f})"

    heads = ["run", "prompts", "rule", "cut-off", "taken", "wrong among them", "of", "precision", "recall"]
    lines = [heads, ["---"] * len(heads)]
    lines += [
        [
            row.run,
            row.prompts,
            row.rule,
            row.cut,
            str(row.taken),
            f"{row.hits:.1f}".removesuffix(".0"),
            str(row.wrong),
        ]
        + [shown(row.precision), shown(row.recall)]
        for row in rows
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(argv: list[str] | None = None) -> int | None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("runs", nargs="+", help="logs of trainings on the embedded pool")
    parser.add_argument("--original_prompts_path", metavar="PROMPTS", help="default: what each run.json names")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    args = parser.parse_args(argv)
    rows: list[Row] = []
    with Verifiers() as verifiers:
        for run in args.runs:
            view = RunView(run, prompts_path=args.original_prompts_path, grading=grading(verifiers))
            rows += rows_of(Path(run).name, view)
    print(table(rows))
    if args.json:
        write_json(args.json, [asdict(row) for row in rows])
    if args.markdown:
        write_text(args.markdown, table(rows))
    return None


if __name__ == "__main__":
    raise SystemExit(main())
