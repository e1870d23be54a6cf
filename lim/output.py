"""The files a selection writes (the chosen prompts, every prompt's score, a summary for programs), and reading those
that say scores or ids again.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from lim.choose import Floats
from lim.logs.matching import Matching, match_prompts
from lim.logs.rows import NOT_GIVEN
from lim.prompts import PromptSet
from lim.prompts.rows import read_file, read_lines, unpacked
from lim.prompts.write import FORMATS, write_rows
from lim.scores import mean_over_epochs
from lim.selection import Selection
from lim.utils.errors import InputError
from lim.utils.files import HALVES, atomic_path, json_list, json_text, read_json
from lim.utils.text import squash

ScoresFormat = Literal["json", "csv", "parquet"]
SCORES_FORMATS: tuple[ScoresFormat, ...] = get_args(ScoresFormat)
# Of a scores file that is a table: column → Arrow type.
SCORE_COLUMNS = {"id": "string", "prompt": "string", "score": "float64", "reason": "string", "chosen": "bool_"}
SCORE_COLUMNS |= {"group": "string"}  # under --group_by
SCORE_COLUMNS |= {"epochs_seen": "int64"} | dict.fromkeys(("first_reward", "last_reward", "mean_reward"), "float64")
DIFFERENT = 0.05  # share of the prompts of one id, in two files, that may be other prompts


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


def former_scores(output_path: str | Path, scores_format: ScoresFormat) -> list[Path]:
    """Scores files beside the output in other formats, which are not of the selection that was just written."""
    others = (companion(output_path, "scores", other) for other in SCORES_FORMATS if other != scores_format)
    return [path for path in others if path.exists()]


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


@dataclass(frozen=True)
class ScoresFile:
    """Keys (ids or prompts), their scores, why there is none, and what else is said to be each key's prompt ('')."""

    keys: list[str]
    scores_L: Floats
    reasons: list[str | None]
    texts: list[str]
    by_id: bool  # all keys are ids


def read_scores(path: str | Path) -> ScoresFile:
    """A scores file: a list of `{id or prompt, score or null, …}`."""
    scores_file = companion(str(path).removesuffix(".summary.json"), "scores")
    hint = f"; {scores_file} has the scores" if scores_file.is_file() else ""
    if str(path).endswith(".summary.json"):
        raise InputError(f"{path}: is a selection's summary, not a list of {{id or prompt, score}}{hint}")
    rows = read_file(path).records
    if not rows:
        raise InputError(f"{path}: holds no {{id or prompt, score}}{hint}")
    text = unpacked(str(path)).endswith((".csv", ".tsv"))
    keys, texts = [], []
    scores = np.full(len(rows), np.nan)
    reasons: list[str | None] = []
    for number, row in enumerate(rows, 1):
        name = "prompt" if row.get("id") in (None, "") else "id"
        if name not in row or "score" not in row:
            there = f" (its columns: {', '.join(map(str, row))})"
            raise InputError(f"{path}: row {number} is not {{id or prompt, score}}{there}{hint}")
        score = _score(f"{path}: row {number}", row["score"], text=text)
        keys.append(_key(row[name]))
        texts.append(_text(row) if name == "id" else "")
        scores[number - 1] = np.nan if score is None else score
        reasons.append(None if score is not None else str(row.get("reason") or "no score in the scores file"))
    if len(set(keys)) < len(keys):
        repeats = next(number for number, key in enumerate(keys) if keys.index(key) < number)
        raise InputError(f"{path}: row {repeats + 1} repeats {keys[repeats]!r:.80}; a prompt can have one score")
    if all(re.fullmatch(r"\d+\.0", key) for key in keys):  # as CSV has whole numbers of a table
        keys = [key[:-2] for key in keys]
    by_id = all(row.get("id") not in (None, "") for row in rows)
    return ScoresFile(keys, scores, reasons, texts, by_id)


def _key(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _text(row: dict[str, Any]) -> str:
    return text if isinstance(text := row.get("prompt"), str) else ""


def _score(where: str, score: Any, *, text: bool) -> float | None:
    """A score as a number; None for null, for NaN of a table and for an empty cell of CSV, which is `text`."""
    if text:
        with contextlib.suppress(ValueError):
            score = None if score.strip().lower() in NOT_GIVEN else float(score)
    if isinstance(score, str | bool) or not isinstance(score, int | float | None) or math.isinf(score or 0):
        raise InputError(f"{where}: score is {score!r:.40}, not a number or null")
    return None if score is None or math.isnan(score) else float(score)


def match_scores(path: str | Path, found: ScoresFile, prompts: PromptSet) -> Matching:
    """The prompts' rows of a scores file: by id, else by text. Where ids are row numbers and the file's are of other
    prompts, as of a file of which some rows were taken, by text alone.

    Raises InputError where no prompt has a score, and where ids are those of other prompts.
    """
    keys, by_id, others = found.keys, found.by_id, other_prompts(found.keys, found.texts, prompts)
    ids: Sequence[str] = prompts.ids
    if others and prompts.id_key is None:
        scores = dict[str, float]()
        for text, score in zip(found.texts, found.scores_L.tolist(), strict=True):
            if repr(scores.setdefault(text, score)) != repr(score) or not text:
                raise InputError(
                    f"{path}: its ids are row numbers of another prompt file, and its texts do not tell its prompts "
                    f"apart ({text!r:.60}); give both files a column of ids (--id_key)"
                )
        keys, ids, by_id = found.texts, prompts.texts, False
    elif others:
        refuse_others(path, others, found.keys, prompts)
    matching = match_prompts(ids, prompts.texts, keys, by_id=by_id)
    if (matching.rows_P < 0).all():
        raise InputError(
            f"{path}: none of its {len(keys)} prompts is in the prompt file; it has {keys[0]!r:.80}, "
            f"the file id {prompts.ids[0]!r:.40} with prompt {prompts.texts[0]!r:.80}"
        )
    return matching


def other_prompts(keys: Sequence[str], texts: Sequence[str], prompts: PromptSet) -> list[str]:
    """Ids of one prompt here and another in the prompt file: one of the two texts is that of another id."""
    if not any(texts):
        return []
    here = {key: squash(text) for key, text in zip(keys, texts, strict=True) if text}
    there = dict(zip(prompts.ids, map(squash, prompts.texts), strict=True))
    known_here, known_there = set(here.values()), set(there.values())
    return [
        key
        for key, text in here.items()
        if key in there and there[key] != text and (text in known_there or there[key] in known_here)
    ]


def refuse_others(path: str | Path, others: Sequence[str], keys: Sequence[str], prompts: PromptSet) -> None:
    """Raise InputError where too many of the keys are ids of `other_prompts`."""
    if len(others) > DIFFERENT * len(set(keys).intersection(prompts.ids)):
        text = prompts.texts[prompts.ids.index(others[0])]
        raise InputError(
            f"{path}: is of another prompt file: {len(others):,} of its ids are of other prompts there, such as "
            f"{others[0]!r:.40}, here {text!r:.60}; give the file that it was made from, or name the column of its "
            "ids by --id_key"
        )


def read_ids(path: str | Path, prompts: PromptSet | None = None) -> list[str]:
    """The ids that the report page saves: a JSON list, an object with `ids`, or rows with an `id` in any format; or
    the lines of a text file (.txt).

    Raises InputError where some of the rows are `chosen` and others are not, as in a scores file, and where rows say
    that their ids are of other prompts than those given.
    """
    suffix = Path(path).suffix
    found = (
        read_json(path) if suffix == ".json" else read_lines(path) if suffix == ".txt" else read_file(path).records
    )
    found = found.get("ids") if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise InputError(f"{path}: holds no list of ids")
    if len({str(row.get("chosen")).lower() for row in found if isinstance(row, dict)}) > 1:
        raise InputError(
            f"{path}: holds chosen prompts and others; give a file of those to keep, such as what that choice wrote "
            "to its --output_path"
        )
    given = [row.get("id") if isinstance(row, dict) else row for row in found]
    ids = [_key(id) for id in given]
    for number, (id, key) in enumerate(zip(given, ids, strict=True), 1):
        if type(id) not in (str, int) and not (isinstance(id, float) and key.isdecimal()):
            columns = f" (its columns: {', '.join(row)})" if isinstance(row := found[number - 1], dict) else ""
            raise InputError(f"{path}: row {number} has no id{columns}")
    if prompts is not None:
        texts = [_text(row) if isinstance(row, dict) else "" for row in found]
        if others := other_prompts(ids, texts, prompts):
            refuse_others(path, others, ids, prompts)
    return ids
