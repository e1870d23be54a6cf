"""How sure a choice is: each prompt's chance of being chosen, from what `python -m lim.stability` wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from lim.choose import Floats
from lim.selection import Selection
from lim.utils.errors import InputError

SURE = 0.9


class Row(msgspec.Struct):
    id: str
    score: float | None
    chosen: bool = False
    standard_error: float = np.nan
    probability_by_rank: float = np.nan
    probability_by_threshold: float | None = None


class _Bootstrap(msgspec.Struct):
    replicates: int


class _Settings(msgspec.Struct, frozen=True):
    similarity_threshold: float | None = None


class _Result(msgspec.Struct):
    settings: _Settings = _Settings()
    bootstrap: _Bootstrap | None = None


@dataclass(frozen=True)
class Chances:
    """The bootstrap's results for the prompts of a selection; NaN for those without a score."""

    replicates: int
    errors_P: Floats  # standard errors of the scores
    by_rank_P: Floats
    by_threshold_P: Floats | None


def read_chances(folder: str | Path) -> tuple[int, float | None, list[Row]]:
    """(replicates, threshold, rows) of a folder that `python -m lim.stability` wrote.

    Raises InputError where there is none, or no bootstrap in it.
    """
    found = []
    for name, kind in (("stability.json", _Result), ("bootstrap.json", list[Row])):
        path = Path(folder) / name
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=kind))
        except OSError:
            raise InputError(
                f"--stability {folder}: has no {name}; write it by: python -m lim.stability --output_path {folder} …"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not what python -m lim.stability writes ({error})") from None
    result, rows = found
    if result.bootstrap is None:
        raise InputError(f"--stability {folder}: ran without a bootstrap; run python -m lim.stability again with it")
    return result.bootstrap.replicates, result.settings.similarity_threshold, rows


def chances_of(
    selection: Selection, folder: str | Path, replicates: int, threshold: float | None, rows: list[Row]
) -> Chances:
    """The rows in the selection's order. InputError where they are of another log, other flags or another choice."""
    different = None
    if threshold != (here := selection.settings.similarity_threshold):
        different = "threshold " + " there, here ".join(
            "none" if one is None else f"{one:g}" for one in (threshold, here)
        )
    by_id, ordered, words = {row.id: row for row in rows}, [], ("not chosen", "chosen")
    for id, score, chosen in zip(selection.ids, selection.scores_P, selection.chosen_P.tolist(), strict=True):
        row = by_id.get(id) or Row(id, None)
        there = np.nan if row.score is None else row.score
        if not np.isclose(there, score, rtol=1e-6, atol=1e-6, equal_nan=True) or row.chosen != chosen:
            there, here = f"{there:.6g} there and is {words[row.chosen]}", f"{score:.6g} and {words[chosen]}"
            different = different or f"prompt {id!r:.60} has score {there}, here {here}"
        ordered.append(row)
    if different:
        raise InputError(
            f"--stability {folder}: is of another choice: {different}; run python -m lim.stability with the same "
            "log, prompt file and flags"
        )
    by_threshold = [row.probability_by_threshold for row in ordered]
    known = any(value is not None for value in by_threshold)
    return Chances(
        replicates,
        np.array([row.standard_error for row in ordered]),
        np.array([row.probability_by_rank for row in ordered]),
        np.array([np.nan if value is None else value for value in by_threshold]) if known else None,
    )


def in_words(selection: Selection, chances: Chances) -> str:
    """How many of the choice are sure of it."""
    chosen, unsure = int(selection.chosen_P.sum()), int((selection.chosen_P & ~(chances.by_rank_P >= SURE)).sum())
    return (
        f"{unsure:,} of the {chosen:,} chosen have a chance under {SURE:.0%} of being chosen again, by rank "
        f"({chances.replicates:,} resamplings)"
    )
