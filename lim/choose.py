"""From scores to chosen prompts: threshold, top-k, random draw, farthest-first over texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lim.utils.errors import InputError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
DECIMALS = 12  # to which scores are compared


def settled(scores_P: Floats) -> Floats:
    """Scores to compare: equal where only the last digits of floats differ; a prompt without one is below all."""
    return np.round(np.nan_to_num(scores_P, nan=-np.inf), DECIMALS)


def choose_above(scores_P: Floats, threshold: float) -> Mask:
    """Prompts with a score of at least `threshold` (the published selection is ≥, the paper writes >)."""
    return settled(scores_P) >= round(threshold, DECIMALS)


def choose_top(scores_P: Floats, count: int) -> Mask:
    """The `count` highest scores, equal ones in the order of the file. Raises InputError where fewer have a score."""
    scored = int((~np.isnan(scores_P)).sum())
    if count > scored:
        raise InputError(f"--top_k {count} asks for more prompts than have a score ({scored})")
    order = np.argsort(-settled(scores_P), kind="stable")
    chosen_P = np.zeros(len(scores_P), bool)
    chosen_P[order[:count]] = True
    return chosen_P


def choose_top_of_each(scores_P: Floats, count: int, group_of: Sequence[str]) -> Mask:
    """The highest scores of each group, in proportion to how many of it have a score: `count` in all.

    Shares are rounded by largest remainder. Raises InputError where fewer have a score.
    """
    choose_top(scores_P, count)  # says where that is too many
    groups_P, scored_P = np.array(group_of), ~np.isnan(scores_P)
    names = list(dict.fromkeys(group_of))
    shares_G = np.array([(scored_P & (groups_P == name)).sum() for name in names]) * count / scored_P.sum()
    counts_G = np.floor(shares_G + 1e-9).astype(int)
    counts_G[np.argsort(counts_G - shares_G, kind="stable")[: count - counts_G.sum()]] += 1
    chosen_P = np.zeros(len(scores_P), bool)
    for name, own in zip(names, counts_G.tolist(), strict=True):
        chosen_P |= choose_top(np.where(groups_P == name, scores_P, np.nan), own) if own else False
    return chosen_P


def choose_random(eligible_P: Mask, count: int, seed: int) -> Mask:
    """`count` prompts drawn without replacement. Raises InputError where fewer are eligible."""
    eligible = np.flatnonzero(eligible_P)
    if count > len(eligible):
        raise InputError(f"--num_prompts {count} asks for more prompts than there are ({len(eligible)})")
    chosen_P = np.zeros(len(eligible_P), bool)
    chosen_P[np.random.default_rng(seed).choice(eligible, count, replace=False)] = True
    return chosen_P


def choose_listed(ids: Sequence[str], listed: Sequence[str], path: str) -> Mask:
    """The prompts whose ids are listed, in the file `path`. Raises InputError for an id that no prompt has."""
    wanted = set(listed)
    if unknown := sorted(wanted.difference(ids)):
        raise InputError(
            f"{path}: {len(unknown):,} of its {len(wanted):,} ids are not in the prompt file: {unknown[0]!r:.80}"
        )
    return np.array([id in wanted for id in ids], bool)


def choose_band(values_P: Floats, low: float, high: float) -> Mask:
    """Prompts with low ≤ value ≤ high."""
    values_P = settled(values_P)
    return (values_P >= round(low, DECIMALS)) & (values_P <= round(high, DECIMALS))


def choose_diverse(texts: Sequence[str], eligible_P: Mask, count: int) -> tuple[Mask, Floats]:
    """Farthest-first over TF-IDF features of words and word pairs, cosine distance.

    Starts at the eligible text nearest to the mean and adds the one farthest from those chosen until there are
    `count`. Returns (chosen, score): for a chosen prompt its distance to those chosen before it, for the others
    the distance to the chosen set. Raises InputError where fewer are eligible.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    eligible = np.flatnonzero(eligible_P)
    if not 0 < count <= len(eligible):
        raise InputError(f"diversity chooses 1 to {len(eligible)} prompts (those with a trajectory), not {count}")
    vectorizer = TfidfVectorizer(
        token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float64
    )
    features_E_F: Any = vectorizer.fit_transform([texts[at] for at in eligible])
    centre = np.asarray(features_E_F.mean(axis=0)).ravel()
    at = int(np.argmax(features_E_F @ centre))
    distance_E = np.full(len(eligible), np.inf)
    taken_E = np.zeros(len(eligible), bool)
    scores_P = np.full(len(eligible_P), np.nan)
    for _ in range(count):
        taken_E[at] = True
        scores_P[eligible[at]] = min(distance_E[at], 1.0)
        similarity_E = np.asarray((features_E_F @ features_E_F[at].T).todense()).ravel()
        distance_E = np.minimum(distance_E, np.round(np.clip(1.0 - similarity_E, 0.0, 1.0), 12))
        at = int(np.argmax(np.where(taken_E, -1.0, distance_E)))
    scores_P[eligible[~taken_E]] = distance_E[~taken_E]
    chosen_P = np.zeros(len(eligible_P), bool)
    chosen_P[eligible[taken_E]] = True
    return chosen_P, scores_P
