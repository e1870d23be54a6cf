"""Small selections for the page's tests, scored and chosen by the project's own functions."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from lim.choose import choose_above, choose_random
from lim.logs.trajectories import LogSummary, RewardMatrix
from lim.prompts import prompts_of
from lim.prompts.rows import Rows
from lim.scores import average_curve, lim_scores
from lim.selection import Selection
from lim.strategies import Settings

NASTY = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script> </script> <!-- \u2028 ]]> '
    "$\\text{<img src=x onerror=window.hacked=3>}$ ${window.hacked=4} &amp; $x<y$"
)


def small_selection(prompts: int = 120, epochs: int = 8, *, seed: int = 0, nasty: str = NASTY) -> Selection:
    """LIM at 0.6 on made-up trajectories; the first prompt's text is `nasty`, the last has no score."""
    rng = np.random.default_rng(seed)
    start_P, top_P = np.sort(rng.random((2, prompts)), axis=0)
    rate_P_K = start_P[:, None] + (top_P - start_P)[:, None] * np.linspace(0, 1, epochs)
    rewards_P_K = rng.binomial(8, rate_P_K) / 8
    rewards_P_K[-1] = np.nan
    rewards_P_K[1, 3] = np.nan
    average_K = average_curve(rewards_P_K)
    scores_P = lim_scores(rewards_P_K, average_K)
    scores_P[-1] = np.nan
    ids = [f"p{n:04d}" for n in range(prompts)]
    records: list[dict[str, Any]] = [
        {
            "id": id,
            "prompt": f"Find $x_{{{n}}}$ with \\[\\frac{{x}}{{{n + 1}}} = \\sqrt{{2}}\\]in problem {n}.",
            "answer": str(n * n),
            "level": n % 5 + 1,
            "subject": ("Algebra", "Geometry", "Number theory")[n % 3],
            "source": "made up",
        }
        for n, id in enumerate(ids)
    ]
    records[0]["prompt"] = nasty
    reasons: list[str | None] = [None] * prompts
    reasons[-1] = "not in the log"
    return Selection(
        prompts=prompts_of(Rows("prompts.json", records)),
        scores_P=scores_P,
        reasons=reasons,
        chosen_P=choose_above(scores_P, 0.6),
        matrix=RewardMatrix(ids, rewards_P_K, rewards_P_K, np.where(np.isnan(rewards_P_K), 0, 8).astype(np.int32)),
        average_K=average_K,
        settings=Settings().resolved(),
        log=LogSummary("runs/<b>demo</b>", "lim", epochs, 1000, samples=prompts * epochs * 8, max_reward=1, spread=1),
        notes=["a note with <b>markup</b>"],
    )


def without_log(selection: Selection) -> Selection:
    """The same scores as if they came from a scores file."""
    return replace(selection, matrix=None, average_K=None, log=None)


def random_draw(selection: Selection) -> Selection:
    """A draw of ten prompts without scores, as `--strategy random` makes it without a log."""
    count = len(selection.ids)
    return replace(
        without_log(selection),
        scores_P=np.full(count, np.nan),
        reasons=["no log to score from"] * count,
        chosen_P=choose_random(np.ones(count, bool), 10, 42),
        settings=Settings(strategy="random", num_prompts=10).resolved(),
    )


def unpack(page: str, id: str) -> Any:
    """The data of one of the page's elements."""
    match = re.search(rf'<script type="text/plain" id="{id}">([A-Za-z0-9+/=]*)</script>', page)
    assert match
    return json.loads(zlib.decompress(base64.b64decode(match[1])))
