"""What may be wrong with a log without a sign of it: doubts, for `lim.logs.doubts` to refuse or let pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lim.logs.matching import SHORT, Matching, normalise, strip_template
from lim.logs.parts import Part, RawLog

# A log of so many groups of so many samples, none of them of equal rewards, has been filtered by its rewards; where
# rewards take more values than so many, equal ones are not expected.
FILTER_GROUPS, FILTER_SAMPLES, FEW_VALUES = 20, 4, 8
UNMATCHED = 0.5  # share of the file's prompts, or of the log's rows, that has to match
LEAST_EXPECTED = 8  # groups; none of them is there by chance once in e^8 logs
FEW_MISSING = 4  # prompts that may well be of no run
NEAREST = "; the nearest texts"
CENTRED = 1e-4  # of the largest reward, that the mean of a group's advantages may be away from 0
SHARED = 0.05  # share of the file's prompts whose trajectory may be another's as well


@dataclass(frozen=True)
class Prompts:
    """The prompt file, as far as a log is matched to it: ids and texts, and what else a row holds, to tell copies."""

    ids: Sequence[str]
    texts: Sequence[str]
    rest: Callable[[int], str] | None = None  # of a row
    full: Sequence[Sequence[str]] = ()  # texts with the system message and all turns, by template
    numbered: bool = False  # its ids are row numbers


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
    elif near := _written_otherwise(raw, matching, prompts):
        doubts["unmatched"] = (
            f"{total - here:,} prompts of the file are not in the log, {len(matching.unmatched):,} of the log not in "
            f"the file, as if their texts were written in another way or cut{near}"
        )
    if raw.log.by_id and (shift := _shifted(raw.keys, prompts.ids)):
        doubts["unmatched"] = (
            f"the log's ids are numbers from {min(map(int, raw.keys))} and the file's from "
            f"{min(map(int, prompts.ids))}, and all of the log's are in the file once they are {shift} by 1: rows "
            "were counted from 0 in one of them and from 1 in the other; give the prompt file a column of the log's "
            "ids and name it by --id_key, or name the log's texts by --prompt_column in place of --id_column"
        )
    elif raw.log.by_id and prompts.numbered and (more := [key for key in matching.unmatched if key.isdecimal()]):
        doubts["unmatched"] = (
            f"the prompt file has no ids, so its row numbers, 0 to {total - 1}, stand for them, and the log has "
            f"{len(more):,} others, such as {more[0]}: it is of a file with more rows, whose numbers may be of other "
            "prompts here; name the file's column of ids by --id_key, or the log's texts by --prompt_column"
        )
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
        example = prompts.texts[int(np.flatnonzero(matching.rows_P == next(iter(mixed)))[0])]
        doubts["same_text"] = (
            f"{sum(mixed.values()):,} of the {total:,} prompts share their text with another ({example!r:.60}) but "
            "differ; the log tells prompts apart by their text alone, so their rewards are mixed; log their ids "
            "(--id_column, or lim.recorders)"
        )


def _shifted(keys: Sequence[str], ids: Sequence[str]) -> str:
    """Whether a log's ids are the file's, were they one larger or smaller; empty where they are them as they are."""
    known = set(ids)
    if known.issuperset(keys) or not all(id.removeprefix("-").isdecimal() for id in (*keys, *ids)):
        return ""
    for shift, word in ((1, "raised"), (-1, "lowered")):
        if all(str(int(key) + shift) in known for key in keys):
            return word
    return ""


def _written_otherwise(raw: RawLog, matching: Matching, prompts: Prompts) -> str:
    """`; the nearest texts …` where about as many prompts of the file as of the log are left, and are alike."""
    missing = int(np.count_nonzero(matching.rows_P < 0))
    if (
        missing <= max(FEW_MISSING, SHARED * len(prompts.ids))
        or not missing <= 2 * len(matching.unmatched) <= 4 * missing
    ):
        return ""
    near = _nearest(raw, matching, prompts)
    return near if near.startswith(NEAREST) else ""


def _nearest(raw: RawLog, matching: Matching, prompts: Prompts) -> str:
    """`; the nearest texts …`: a pair of unmatched ones that are alike, to see why they differ."""
    import difflib

    missing = [text for text, row in zip(prompts.texts, matching.rows_P.tolist(), strict=True) if row < 0]
    if not missing or not matching.unmatched or raw.log.by_id:
        return ""
    inner = {normalise(strip_template(key)): key for key in matching.unmatched[:200]}
    for text in missing[:5]:
        cut = [key for key in inner if len(key) >= SHORT and normalise(text).startswith(key.rstrip("…. "))]
        if found := cut or difflib.get_close_matches(
            normalise(text)[:300], [key[:300] for key in inner], n=1, cutoff=0.7
        ):
            return f"{NEAREST}: {text!r:.80} in the file, {found[0]!r:.80} in the log"
    return f"; the log has {matching.unmatched[0]!r:.80}, the file {missing[0]!r:.80}"


def doubt_filtered(parts: list[Part], doubts: dict[str, str]) -> None:
    """Groups of equal rewards are what filtering drops; rewards of many values are hardly ever equal."""
    groups = equal = 0
    low, top = min(part.step.low for part in parts), max(part.step.top for part in parts)
    two = max(part.step.values for part in parts) == 2
    # Groups that are all of it; those that are but for one sample, each as one over its size, and but for two, as one
    # over the number of such pairs.
    ends = {"right": [0, 0.0, 0.0], "wrong": [0, 0.0, 0.0]}
    for step in (part.step for part in parts):
        large_U = step.counts_U >= FILTER_SAMPLES
        groups += int(large_U.sum())
        equal += int(step.equal_U[large_U].sum())
        sizes_U = step.counts_U[large_U]
        right_U = np.rint((step.sums_U[large_U] - low * sizes_U) / ((top - low) or 1))
        for name, left_U in (("right", sizes_U - right_U), ("wrong", right_U)):
            ends[name][0] += int(np.count_nonzero(left_U == 0))
            ends[name][1] += float((1 / sizes_U[left_U == 1]).sum())
            two_U = sizes_U[left_U == 2].astype(float)
            ends[name][2] += float((2 / (two_U * (two_U - 1))).sum())
    if groups >= FILTER_GROUPS and not equal and max(part.step.values for part in parts) <= FEW_VALUES:
        doubts["filtered"] = (
            f"in none of the {groups} groups of {FILTER_SAMPLES} samples or more are all rewards equal: the log "
            "looks filtered (dynamic sampling drops groups that are all right or all wrong), and LIM needs the "
            "rewards of all prompts in all epochs; log the unfiltered rollouts"
        )
        return
    # Of whatever chances p its prompts have, a log's means of p^n, p^(n-1)·(1−p) and p^(n-2)·(1−p)² are in this order
    # log-convex (Cauchy-Schwarz), so that the second's square over the third is the least to expect of the first.
    for name, (all_of_it, but_one, but_two) in ends.items():
        if two and not all_of_it and but_two and but_one**2 / but_two >= LEAST_EXPECTED:
            doubts["filtered"] = (
                f"no group of {FILTER_SAMPLES} samples or more is all {name}, though many are but for one sample: "
                "the log looks filtered, and LIM needs the rewards of all prompts in all epochs; log the unfiltered "
                "rollouts"
            )


def doubt_rewards(parts: Sequence[Part], doubts: dict[str, str]) -> None:
    """Advantages average to 0 in every group, so that all trajectories are flat; means are equal within a step."""
    steps = [part.step for part in parts]
    low, top = min(step.low for step in steps), max(step.top for step in steps)
    column = "name the column of the samples' rewards by --reward_column"
    means = [(step.sums_U / step.counts_U)[step.counts_U > 1] for step in steps] if low < 0 < top else []
    if sum(map(len, means)) and np.mean(np.abs(np.concatenate(means)) <= CENTRED * max(top, -low)) >= 1 - SHARED:
        doubts["no_rewards"] = f"a prompt's rewards average to 0 in every step, as advantages do; {column}"
    elif len({step.top for step in steps if len(step.counts_U) > 1}) > 2 and all(s.low == s.top for s in steps):
        doubts["no_rewards"] = f"all rewards of a step are equal in every step, as a mean over the step is; {column}"


def scales_of(parts: Sequence[Part], ours_L: NDArray[np.bool_]) -> dict[tuple[float, float], int]:
    """(lowest, highest reward) → prompts that have just these two in each of their groups of unequal rewards.

    More than one where prompts are scored on scales of their own, as data sets with other scorers are; empty where
    there is one for all, where rewards have more values than that, or little is known. A scale is that of a twentieth
    of the prompts at least.
    """
    unequal = [~part.step.equal_U & ours_L[part.rows_U] for part in parts]
    low, high = (np.float32(end) for end in (min(p.step.low for p in parts), max(p.step.top for p in parts)))
    if all(
        (part.step.lows_U[at] == low).all() and (part.step.highs_U[at] == high).all()
        for part, at in zip(parts, unequal, strict=True)
    ):
        return {}  # one scale, as of nearly all logs
    often_L = np.zeros(len(ours_L), np.int32)  # groups of a prompt with unequal rewards
    lows_L, highs_L = np.full((2, len(ours_L)), np.inf, np.float32), np.full((2, len(ours_L)), -np.inf, np.float32)
    mixed_L, looked_at = np.zeros(len(ours_L), bool), 0
    for part, at in zip(parts, unequal, strict=True):
        rows_V = part.rows_U[at]
        np.add.at(often_L, rows_V, 1)
        for end, values_U in enumerate((part.step.lows_U, part.step.highs_U)):
            np.minimum.at(lows_L[end], rows_V, values_U[at])
            np.maximum.at(highs_L[end], rows_V, values_U[at])
        looked_at += len(at)
        if looked_at >= len(ours_L) or part is parts[-1]:
            mixed_L = (often_L > 0) & (lows_L != highs_L).any(axis=0)
            if np.count_nonzero(mixed_L) > SHARED * len(ours_L):
                return {}
            looked_at = 0
    known_L = often_L > 1
    one_L = known_L & ~mixed_L
    if one_L.sum() < (1 - SHARED) * known_L.sum():
        return {}
    pairs, counts = np.unique(lows_L[:, one_L], axis=1, return_counts=True)
    found = zip(map(tuple, pairs.T.tolist()), counts.tolist(), strict=True)
    return {pair: count for pair, count in found if count >= max(5, SHARED * known_L.sum())}


def evaluated_between(parts: Sequence[Part], ours_L: NDArray[np.bool_], notes: list[str]) -> NDArray[np.bool_]:
    """Which keys that are no prompt's come in some steps beside as many of the file's prompts as other steps have
    alone: evaluation during the training, which the run's average is not made of.
    """
    others_L = np.zeros(len(ours_L), bool)
    ours_S = np.array([int(np.count_nonzero(ours_L[part.rows_U])) for part in parts])
    beside_S = np.array([len(part.rows_U) for part in parts]) > ours_S
    if not beside_S.any() or np.count_nonzero(~beside_S) < 2:
        return others_L
    usual = np.bincount(ours_S[~beside_S]).argmax()
    times_L, samples_L = np.zeros((2, len(ours_L)), np.int64)
    for part in parts:
        times_L[part.rows_U] += 1
        samples_L[part.rows_U] += part.step.counts_U
    others_L = (times_L > 0) & ~ours_L
    if np.mean(ours_S[beside_S] >= usual) < 1 - 2 * SHARED:
        same = 4 * times_L[others_L].mean() >= 3 * np.count_nonzero(beside_S)
        if not same or 2 * _lacking(parts, ours_L) < samples_L[others_L].sum():
            return np.zeros(len(ours_L), bool)
        notes.append(
            f"{np.count_nonzero(others_L):,} prompts that are not in the file come in {np.count_nonzero(beside_S)} "
            f"of {len(parts)} steps in place of a part of the batch (evaluation, in a buffer that is logged): they "
            "are not part of the average, and the training rewards that they took the place of are lost"
        )
        return others_L
    # Where most steps have some, the others may be those of a last batch that was not full; evaluation is of the same
    # prompts each time.
    few, beside = 2 * np.count_nonzero(~beside_S) < len(parts), np.count_nonzero(beside_S)
    if few and 4 * times_L[others_L].mean() < 3 * beside:
        return np.zeros(len(ours_L), bool)
    notes.append(
        f"{np.count_nonzero(others_L):,} prompts that are not in the file come in {np.count_nonzero(beside_S)} of "
        f"{len(parts)} steps beside a whole batch (evaluation): they are not part of the average"
    )
    return others_L


def _lacking(parts: Sequence[Part], ours_L: NDArray[np.bool_]) -> int:
    """How many samples the file's prompts lack for each of them to have the usual number in each whole epoch."""
    epochs = max(int(part.epochs_U.max()) for part in parts)
    samples_K, seen_L = np.zeros(epochs), np.zeros(len(ours_L), bool)
    counts = []
    for part in parts:
        at_U = ours_L[part.rows_U]
        counts.append(part.step.counts_U[at_U])
        samples_K += np.bincount(part.epochs_U[at_U] - 1, counts[-1], epochs)
        seen_L[part.rows_U[at_U]] = True
    whole = int(np.bincount(np.concatenate(counts)).argmax()) * int(seen_L.sum())
    return int(np.maximum(0, whole - samples_K[2 * samples_K > whole]).sum())


def doubt_own_epochs(raw: RawLog, notes: list[str], doubts: dict[str, str]) -> None:
    """Epochs that a log's column says: some that it leaves out, and some that begin anew at a later step."""
    spans: dict[int, tuple[int, int]] = {}  # step → its lowest and highest epoch
    there: set[int] = set()
    for step in raw.steps:
        if step.epochs_U is None or not len(step.epochs_U) or raw.log.format in ("lim", "one-shot"):
            continue
        there.update(step.epochs_U.tolist())
        low, high = int(step.epochs_U.min()), int(step.epochs_U.max())
        before = spans.get(step.step, (low, high))
        spans[step.step] = min(low, before[0]), max(high, before[1])
    if not there:
        return
    first, last = min(there), max(there)
    if first > 1:
        notes.append(f"the log's first epoch is {first}, which counts as epoch 1")
    if len(there) < last - first + 1:
        notes.append(f"the log has {len(there)} of the epochs {first} to {last}; they count as 1 to {len(there)}")
    latest, at = first, 0  # the highest epoch that a step begins with so far, and that step
    for number, (low, high) in sorted(spans.items()):
        if high < latest:
            doubts["epochs"] = (
                f"step {number} is of epoch {high}, and step {at} before it of epoch {latest}: the column's epochs "
                "begin anew, as in a resumed run; leave --epoch_column out, and epochs are counted by the steps"
            )
            return
        latest, at = (low, number) if low >= latest else (latest, at)


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
