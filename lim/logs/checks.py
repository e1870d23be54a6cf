"""What may be wrong with a log without a sign of it: doubts, for `lim.logs.doubts` to refuse or let pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lim.logs.matching import Matching, normalise, strip_template
from lim.logs.parts import Part, RawLog

# A log of so many groups of so many samples, none of them of equal rewards, has been filtered by its rewards; where
# rewards take more values than so many, equal ones are not expected.
FILTER_GROUPS, FILTER_SAMPLES, FEW_VALUES = 20, 4, 8
UNMATCHED = 0.5  # share of the file's prompts, or of the log's rows, that has to match
SHARED = 0.05  # share of the file's prompts whose trajectory may be another's as well


@dataclass(frozen=True)
class Prompts:
    """The prompt file, as far as a log is matched to it: ids and texts, and what else a row holds, to tell copies."""

    ids: Sequence[str]
    texts: Sequence[str]
    rest: Callable[[int], str] | None = None  # of a row
    full: Sequence[Sequence[str]] = ()  # texts with the system message and all turns, by template


def doubt_matching(
    raw: RawLog,
    parts: Sequence[Part],
    matching: Matching,
    ours_L: NDArray[np.bool_],
    prompts: Prompts,
    doubts: dict[str, str],
) -> None:
    """Doubts about which prompts the log's are: most of them unmatched, one text for many prompts."""
    here, total = int((matching.rows_P >= 0).sum()), len(prompts.ids)
    rows = sum(int(part.step.counts_U.sum()) for part in parts)
    ours = sum(int(part.step.counts_U[ours_L[part.rows_U]].sum()) for part in parts)
    if here < UNMATCHED * total:
        what = f"only {here:,} of the prompt file's {total:,} prompts are in the log"
        doubts["unmatched"] = what + _nearest(raw, matching, prompts)
    elif ours < UNMATCHED * rows:
        what = f"only {ours:,} of the log's {rows:,} rows are of prompts of the file ({rows - ours:,} are not)"
        doubts["unmatched"] = what + _nearest(raw, matching, prompts)
    if matching.undecided:
        doubts["unmatched"] = (
            f"{len(matching.undecided):,} texts of the log are cut at their start, and are the end of several "
            f"prompts of the file ({matching.undecided[0][-80:]!r}), so whose rewards they are is not known; let the "
            "trainer keep longer prompts, or log their ids"
        )
    # Rows of the file that are copies of each other may well share a trajectory.
    distinct: dict[int, set[str]] = {}
    for at in np.flatnonzero(np.isin(matching.rows_P, matching.shared)).tolist():
        rest = prompts.rest(at) if prompts.rest is not None else str(at)
        distinct.setdefault(int(matching.rows_P[at]), set()).add(rest)
    mixed = {row: len(rest) for row, rest in distinct.items() if len(rest) > 1}
    if sum(mixed.values()) > SHARED * total:
        example = raw.keys[next(iter(mixed))]
        doubts["same_text"] = (
            f"{sum(mixed.values()):,} of the {total:,} prompts share their text with another ({example!r:.60}) but "
            "differ; the log tells prompts apart by their text alone, so their rewards are mixed"
        )


def _nearest(raw: RawLog, matching: Matching, prompts: Prompts) -> str:
    """`; the nearest texts …`: a pair of unmatched ones that are alike, to see why they differ."""
    import difflib

    missing = [text for text, row in zip(prompts.texts, matching.rows_P.tolist(), strict=True) if row < 0]
    if not missing or not matching.unmatched or raw.log.by_id:
        return ""
    inner = {normalise(strip_template(key)): key for key in matching.unmatched[:200]}
    for text in missing[:5]:
        if found := difflib.get_close_matches(normalise(text)[:300], [key[:300] for key in inner], n=1, cutoff=0.7):
            return f"; the nearest texts: {text!r:.80} in the file, {found[0]!r:.80} in the log"
    return f"; the log has {matching.unmatched[0]!r:.80}, the file {missing[0]!r:.80}"


def doubt_filtered(parts: list[Part], doubts: dict[str, str]) -> None:
    """Groups of equal rewards are what filtering drops; rewards of many values are hardly ever equal."""
    groups = equal = 0
    for part in parts:
        large_U = part.step.counts_U >= FILTER_SAMPLES
        groups += int(large_U.sum())
        equal += int(part.step.equal_U[large_U].sum())
    if groups >= FILTER_GROUPS and not equal and max(part.step.values for part in parts) <= FEW_VALUES:
        doubts["filtered"] = (
            f"in none of the {groups} groups of {FILTER_SAMPLES} samples or more are all rewards equal: the log "
            "looks filtered (dynamic sampling drops groups that are all right or all wrong), and LIM needs the "
            "rewards of all prompts in all epochs; log the unfiltered rollouts"
        )


def doubt_chosen(log: str, parts: Sequence[Part], kept: int, doubts: dict[str, str]) -> list[int]:
    """Epochs after a choice inside the run hold the chosen prompts alone, so that prompts cannot be compared over
    them. Returns the last epoch before each choice that lies within the `kept` ones.
    """
    first: dict[int, int] = {}  # step of the choice → the first epoch after it
    for part in parts:
        if at := part.step.chosen_at:
            first[at] = min(first.get(at, kept + 1), int(part.epochs_U.min()))
    inside = {at: epoch - 1 for at, epoch in sorted(first.items()) if epoch <= kept}
    if inside:
        at, before = next(iter(inside.items()))
        doubts["chosen"] = (
            f"{log}: from epoch {before + 1} on the run trained on the prompts alone that it chose after step {at}, "
            f"and the others have no rewards there: give --max_epochs {before}" + (" or fewer" if before > 1 else "")
        )
    return list(inside.values())
