"""What the report page shows before its script runs, and without one: histogram, first rows, settings in words."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from lim.selection import Selection
from lim.strategies import Settings

WIDTH, HEIGHT, FOOT = 600, 240, 24
BINS, ROWS = 60, 25

# Setting → its words; those with a None or a value that changes nothing are not shown.
WORDS = {
    "similarity_threshold": "threshold",
    "top_k": "highest scores kept",
    "num_prompts": "prompts drawn",
    "seed": "seed of the draw",
    "pass_rates": "pass rates kept",
    "ids_path": "ids from",
    "group_by": "average curves by",
    "metric": "trajectory of",
    "max_reward": "perfect reward",
    "missing": "missing epochs",
    "min_epochs": "epochs needed for a score",
    "max_epochs": "epochs used, from the first",
    "max_samples": "samples used per prompt and epoch",
    "steps_per_epoch": "steps per epoch",
    "format": "log format",
    "reward_column": "reward column",
    "prompt_column": "prompt column",
    "id_column": "id column",
    "step_column": "step column",
    "epoch_column": "epoch column",
    "skip_bad_files": "damaged files",
    "allow": "allowed",
}
VALUES: dict[str, dict[Any, str]] = {
    "metric": {"reward": "mean rewards", "accuracy": "pass rates"},
    "missing": {"backfill": "filled from the next epoch", "observed": "skipped"},
    "skip_bad_files": {True: "skipped"},
}
AGAINST_AVERAGE = ("metric", "max_reward", "missing")  # what matters where a score is a distance from the average


def settings_in_words(settings: Settings, with_log: bool) -> list[tuple[str, str]]:
    """(name, value) of the settings that had a say in the choice."""
    pairs = [("strategy", f"{settings.strategy}: {settings.row.label}")]
    for name, value in vars(settings).items():
        idle = value is None or value in (False, "auto", ()) or (name == "min_epochs" and value == 1)
        idle |= name == "seed" and settings.num_prompts is None
        idle |= name in AGAINST_AVERAGE and not (with_log and settings.row.against_average)
        if name in WORDS and not idle:
            pairs.append((WORDS[name], VALUES.get(name, {}).get(value) or _plain(value)))
    return pairs


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def histogram(selection: Selection) -> str:
    """The score histogram of the run's own choice as the content of an SVG element; empty without scores."""
    scored_P = ~np.isnan(selection.scores_P)
    if not scored_P.any():
        return ""
    scores = selection.scores_P[scored_P]
    edges = np.linspace(scores.min(), scores.max() or 1, BINS + 1) if np.ptp(scores) else np.array([0.0, 1.0])
    all_B = np.histogram(scores, edges)[0]
    chosen_B = np.histogram(selection.scores_P[scored_P & selection.chosen_P], edges)[0]
    wide, tall = WIDTH / len(all_B), (HEIGHT - FOOT) / max(1, all_B.max())
    bars = [
        f'<rect class="{name}" x="{at * wide:.1f}" y="{HEIGHT - FOOT - count * tall:.1f}" width="{wide - 1:.1f}" '
        f'height="{count * tall:.1f}"/>'
        for name, counts in (("bar-all", all_B), ("bar-chosen", chosen_B))
        for at, count in enumerate(counts.tolist())
        if count
    ]
    ends = (("start", 0, edges[0]), ("end", WIDTH, edges[-1]))
    texts = [f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{value:.2f}</text>' for anchor, x, value in ends]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" height="100%">{"".join(bars + texts)}</svg>'


def first_rows(selection: Selection) -> str:
    """Table rows of the highest scores: prompt, score and whether it is chosen."""
    order = np.argsort(-np.nan_to_num(selection.scores_P, nan=-np.inf), kind="stable")
    if np.isnan(selection.scores_P).all():
        order = np.flatnonzero(selection.chosen_P)
    rows = []
    for at in order[:ROWS].tolist():
        score, chosen = selection.scores_P[at], bool(selection.chosen_P[at])
        shown = "–" if np.isnan(score) else f"{score:.3f}".replace("-", "−")
        text = html.escape(selection.prompts.texts[at][:300])
        rows.append(
            f'<tr class="{"is-chosen" if chosen else ""}"><td class="col-id">{html.escape(selection.ids[at])}</td>'
            f'<td class="col-text">{text}</td><td class="col-score number">{shown}</td>'
            f"<td>{'chosen' if chosen else 'discarded'}</td></tr>"
        )
    return "".join(rows)
