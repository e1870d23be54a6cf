"""The files a selection writes: the chosen prompts, every prompt's score, and a summary for programs."""

from __future__ import annotations

import csv
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from lim.prompts.write import FORMATS, write_rows
from lim.scores import mean_over_epochs
from lim.selection import Selection
from lim.utils.errors import InputError
from lim.utils.files import HALVES, atomic_path, json_list, json_text

ScoresFormat = Literal["json", "csv", "parquet"]
SCORES_FORMATS: tuple[ScoresFormat, ...] = get_args(ScoresFormat)
# Of a scores file that is a table: column → Arrow type.
SCORE_COLUMNS = {"id": "string", "prompt": "string", "score": "float64", "reason": "string", "chosen": "bool_"}
SCORE_COLUMNS |= {"group": "string"}  # under --group_by
SCORE_COLUMNS |= {"epochs_seen": "int64"} | dict.fromkeys(("first_reward", "last_reward", "mean_reward"), "float64")


def companion(output_path: str | Path, kind: str, format: str = "json") -> Path:
    """Path of a file next to the output: `limr.json` → `limr.<kind>.json`."""
    path = Path(output_path)
    name = path.stem if path.suffix in FORMATS else path.name
    return path.with_name(f"{name}.{kind}.{format}")


def output_paths(output_path: str | Path, scores_format: ScoresFormat = "json") -> dict[str, Path]:
    """The files of a selection: `prompts`, `scores`, `summary`."""
    return {
        "prompts": Path(output_path),
        "scores": companion(output_path, "scores", scores_format),
        "summary": companion(output_path, "summary"),
    }


def check_apart(paths: Iterable[str | Path], inputs: Sequence[str | Path | None]) -> None:
    """Raise InputError where an output would replace an input, or a file in a folder that is one.

    Where all of the outputs are there, they are a former selection's, which may be replaced.
    """
    paths = list(paths)
    former = all(map(os.path.exists, paths))
    for path, given in itertools.product(paths, filter(None, inputs)):
        old, new = os.path.realpath(given), os.path.realpath(path)
        if new == old or (not former and new.startswith(f"{old}{os.sep}") and os.path.exists(new)):
            raise InputError(f"{path}: would replace the input {given}; give --output_path another name")


def write_selection(
    selection: Selection, output_path: str | Path, scores_format: ScoresFormat = "json"
) -> dict[str, Path]:
    """Write the chosen rows, every prompt's score and `*.summary.json`, all or none; same selection, same bytes."""
    paths = output_paths(output_path, scores_format)
    with ExitStack() as stack:
        # An error names the innermost: the path that was asked for.
        partial = {kind: stack.enter_context(atomic_path(paths[kind])) for kind in ("scores", "summary", "prompts")}
        write_rows(selection.prompts.rows, selection.chosen_P.tolist(), partial["prompts"], paths["prompts"].suffix)
        partial["summary"].write_text(json_text(summary(selection)), encoding="utf-8", errors=HALVES)
        columns = [name for name in SCORE_COLUMNS if name != "group" or selection.group_of is not None]
        write_scores(score_rows(selection), partial["scores"], scores_format, columns)
    return paths


def write_scores(rows: Iterable[Mapping[str, Any]], path: Path, format: ScoresFormat, columns: Sequence[str]) -> None:
    """Write `score_rows`: a JSON list, or a table of `columns` with an empty cell (null) where a row has none."""
    if format == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(name, getattr(pa, SCORE_COLUMNS[name])()) for name in columns])
        rows = [{**row, "prompt": row["prompt"].encode("utf-8", HALVES).decode()} for row in rows]
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        return
    if format == "json":
        with open(path, "wb") as file:
            file.writelines(json_list(rows))
        return
    with open(path, "w", encoding="utf-8", errors=HALVES, newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def score_rows(selection: Selection) -> Iterator[dict[str, Any]]:
    """One row per prompt of the file: id, prompt, score (null with a reason), chosen, and facts of its trajectory."""
    trajectories: Iterator[tuple[Any, ...]] | None = None
    if selection.matrix is not None:
        seen_P_K = selection.matrix.counts_P_K > 0
        rewards_P_K = selection.matrix.rewards_P_K
        last_P = seen_P_K.shape[1] - 1 - seen_P_K[:, ::-1].argmax(axis=1)
        rows_P = np.arange(len(rewards_P_K))
        trajectories = zip(
            seen_P_K.sum(axis=1).tolist(),
            rewards_P_K[rows_P, seen_P_K.argmax(axis=1)].tolist(),
            rewards_P_K[rows_P, last_P].tolist(),
            mean_over_epochs(rewards_P_K).tolist(),
            strict=True,
        )
    scored = zip(selection.scores_P.tolist(), selection.reasons, selection.chosen_P.tolist(), strict=True)
    groups = selection.group_of or [None] * len(selection.ids)
    for id, text, group, (score, reason, chosen) in zip(
        selection.ids, selection.prompts.texts, groups, scored, strict=True
    ):
        row: dict[str, Any] = {"id": id, "prompt": text, "score": None if math.isnan(score) else score}
        if row["score"] is None:
            row["reason"] = reason
        row["chosen"] = chosen
        if group is not None:
            row["group"] = group
        if trajectories is not None:
            row["epochs_seen"], first, last, mean = next(trajectories)
            seen = row["epochs_seen"] > 0
            row["first_reward"], row["last_reward"] = first if seen else None, last if seen else None
            row["mean_reward"] = mean if seen else None
        yield row


def summary(selection: Selection) -> dict[str, Any]:
    """What was chosen, from what, and how; without times, so that the same input gives the same bytes."""
    scored, curves = selection.scores_P[~np.isnan(selection.scores_P)], selection.averages_K
    return (
        ({"allowed": selection.allowed} if selection.allowed else {})
        | {
            "prompts": len(selection.ids),
            "scored": len(scored),
            "unscored": selection.reason_counts(),
            "chosen": int(selection.chosen_P.sum()),
            "settings": asdict(selection.settings)
            | {"num_samples": selection.settings.num_prompts},  # its former name
            "score_quantiles": quantiles(scored),
            "average_curve": None if selection.average_K is None else [float(value) for value in selection.average_K],
            **({"average_curves": {name: c.tolist() for name, c in curves.items()}} if curves else {}),
            "matched_by": selection.matched_by,
            "unmatched_in_log": len(selection.unmatched),
            "unmatched_examples": selection.unmatched[:20],
            "log": None if selection.log is None else selection.log.as_dict(),
            "notes": selection.notes,
        }
    )


def quantiles(scores: np.ndarray) -> dict[str, float]:
    """Quantiles of the scores, which show what a threshold would keep; empty without scores."""
    if not len(scores):
        return {}
    shares = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
    return {f"{share:.0%}": float(value) for share, value in zip(shares, np.quantile(scores, shares), strict=True)}
