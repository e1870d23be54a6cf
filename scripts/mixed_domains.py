"""Does one average curve choose fairly from a log of several domains? Runs put together, without training.

    python scripts/mixed_domains.py LOG LOG [LOG …] [--json FILE]

Each log is a domain: a run of its own whose prompts are counted as those of one run, over the epochs that all have.
LIM's first sixth is taken twice: of all prompts against one average curve, and of each domain against its own, as
`--group_by` does with `--top_k`. It says how many of a domain's prompts each takes, and what these were solved at.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lim.choose import choose_top  # noqa: E402
from lim.logs.trajectories import RewardMatrix  # noqa: E402
from lim.pipeline import read_run, score_matrix  # noqa: E402
from lim.strategies import Settings  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import write_json  # noqa: E402
from scripts.log_arguments import parsed, parser_of  # noqa: E402

SETTINGS = Settings(top_k=1).resolved()
SHARE = 1 / 6


def mixed(domains: dict[str, RewardMatrix]) -> list[dict[str, Any]]:
    """A row per domain: its prompts, pass rates and average curve, and what is chosen of it in both ways."""
    epochs = min(matrix.epochs for matrix in domains.values())
    parts = [matrix.first_epochs(epochs) for matrix in domains.values()]
    one = RewardMatrix(
        [f"{name}/{id}" for name, part in zip(domains, parts, strict=True) for id in part.ids],
        np.concatenate([part.rewards_P_K for part in parts]),
        np.concatenate([part.pass_rates_P_K for part in parts]),
        np.concatenate([part.counts_P_K for part in parts]),
    )
    together_P = choose_top(score_matrix(one, SETTINGS)[0], round(SHARE * len(one.ids)))
    rows, start = [], 0
    for name, part in zip(domains, parts, strict=True):
        scores_P, average_K, _ = score_matrix(part, SETTINGS)
        taken = {"together": together_P[start : start + len(part.ids)]}
        taken["by_domain"] = choose_top(scores_P, round(SHARE * len(part.ids)))
        start += len(part.ids)
        row = {"domain": name, "prompts": len(part.ids), "epochs": epochs, "average": average_K.tolist()}
        means_P = np.nanmean(part.pass_rates_P_K, axis=1)
        row["pass_rate"] = float(means_P.mean())
        for how, chosen_P in taken.items():
            row[how] = int(chosen_P.sum())
            row[f"{how}_pass_rate"] = float(means_P[chosen_P].mean()) if chosen_P.any() else None
        rows.append(row)
    return rows


def main(argv: list[str] | None = None) -> None:
    args, prompts = parsed(parser_of(__doc__), argv)
    if len(args.logs) < 2 or len(set(args.logs)) < len(args.logs):
        raise InputError("give the logs of two domains or more, each once")
    domains = {log: read_run(log, prompts, SETTINGS, keep_samples=False)[0] for log in args.logs}
    rows = mixed(domains)
    for row in rows:
        rates = [row["pass_rate"], row["together_pass_rate"], row["by_domain_pass_rate"]]
        all_, together, alone = ("–" if rate is None else f"{rate:.0%}" for rate in rates)
        print(f"{row['domain']}: {row['prompts']:,} prompts, solved at {all_} over {row['epochs']} epochs")
        print(f"  average reward {row['average'][0]:+.2f} → {row['average'][-1]:+.2f}")
        print(f"  one average chooses {row['together']} of them (solved at {together}),", end=" ")
        print(f"each domain's own {row['by_domain']} ({alone})")
    if args.json:
        write_json(args.json, rows)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
