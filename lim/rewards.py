"""What the rewards of a log say against a selection: their scale, or that passes cannot be told from them."""

from __future__ import annotations

import numpy as np

from lim.logs.checks import FEW_VALUES
from lim.logs.matrix import RewardMatrix
from lim.logs.trajectories import LogSummary
from lim.strategies import Settings

# A largest reward that at least this share of the samples has is taken for the perfect one.
OFTEN = 0.05


def passes_mean_something(matrix: RewardMatrix, summary: LogSummary) -> bool:
    """False where passes are guessed (the log's largest reward) and so rare that rewards must be graded ones."""
    share = np.nansum(matrix.pass_rates_P_K * matrix.counts_P_K) / max(1, int(matrix.counts_P_K.sum()))
    return summary.judged or bool(share >= 0.01)


def reward_doubts(summary: LogSummary, settings: Settings) -> dict[str, str]:
    """Rewards that contradict what a strategy makes of them (kind of `lim.logs.doubts` → what may be wrong)."""
    by_passes = settings.metric == "accuracy" or settings.row.needs == "log" or settings.pass_rates is not None
    doubts = {}
    if settings.needs_log and len(scales := summary.scales) > 1:
        perfect = {high for _, high in scales}
        if not (by_passes and (summary.judged or len(perfect) == 1)):
            shown = ", ".join(f"{count:,} of them from {low:g} to {high:g}" for (low, high), count in scales.items())
            way = "" if len(perfect) > 1 or by_passes else ", or give --metric accuracy"
            doubts["scales"] = (
                f"the rewards of the prompts are on several scales ({shown}), as those of data sets with scorers of "
                f"their own, and the choice compares prompts; bring them to one scale in the log{way}"
            )
    top, perfect, share = summary.max_reward, settings.max_reward, summary.top_share
    near = 1e-6 * max(abs(top), abs(perfect))
    if by_passes:
        if settings.needs_log and not summary.judged and summary.values > FEW_VALUES and share < OFTEN:
            reward = ", or take --metric reward" if settings.metric == "accuracy" else ""
            doubts["passes"] = (
                f"a sample passes where its reward is the log's largest, {top:g}, which {share:.1%} of the samples "
                f"have: the rewards are graded, and hardly any pass; name a column of verdicts by "
                f"--reward_column{reward}"
            )
    elif settings.row.against_average and (
        top > perfect + near or (top < perfect - near and share >= OFTEN and share != 1)
    ):
        often = "" if top > perfect else f", which {share:.0%} of the samples have"
        doubts["max_reward"] = (
            f"the log's largest reward is {top:g}{often}, and LIM's formula takes {perfect:g} as perfect: "
            f"give --max_reward {top:g}, or --metric accuracy"
        )
    return doubts
