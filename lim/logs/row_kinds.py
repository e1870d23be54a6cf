"""Rows of a table that are no sample of the training, and ids that are no prompt's, as other columns say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lim.logs.doubts import Doubt
from lim.utils.cli import listed

TRAINED = ("train", "training", "rollout", "rollouts")
EVALUATED = ("eval", "evaluation", "val", "valid", "validation", "test", "dev", "evaluate", "heldout", "held_out")
FLAGS = ("is_eval", "is_validation", "is_val", "is_test", "validate", "is_train", "is_training")  # true or false
RUNS = ("run_id", "run_name", "experiment", "exp_name")
RUNS_OR_SAMPLES = ("run", "trial", "seed")  # a number of a run or of a prompt's sample
RUN_IN_PATH = re.compile(r"(?<![A-Za-z])(?:run|attempt|try|trial|seed|exp|experiment)[_=-]?\d+", re.IGNORECASE)
DATE_IN_PATH = re.compile(r"(?<!\d)20\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:[-_T. ]?\d\d[-_:.]?\d\d(?:[-_:.]?\d\d)?)?(?!\d)")
GREEDY, ZERO = ("temperature", "greedy", "is_greedy"), ("0", "0.0", "true")  # no sample of the training's is greedy
TURNS = ("turn", "turn_id", "turn_idx", "turn_index", "turn_number")
MOST_KINDS, LONG = 8, 30  # values of a column that tells rows apart, and the characters of one
FEW_TEXTS = 20  # a column of so few may well be one of templates


class RowKinds:
    """What a table's rewarded rows have in the columns that tell rows apart: by their names in the first row, and any
    of few short texts, in objects, too.
    """

    def __init__(self, first: Mapping[str, Any]) -> None:
        self.values: dict[str, set[str]] = {}
        self.names = {name for name, _ in _flat(first) if _last(name) in (*FLAGS, *TURNS, *GREEDY)}
        self.written: dict[str, set[Any]] = {}  # the same values as they stand in rows
        self.many: set[str] = set()  # columns of more values than kinds of rows have
        self.run = next((name for name in first if str(name).lower() in (*RUNS, *RUNS_OR_SAMPLES)), None)
        self.runs: dict[int, set[str]] = {}  # step → runs
        # Steps, prompts and runs; None where a run has several samples of a prompt.
        self.seen: set[tuple[int, str, str]] | None = set() if str(self.run).lower() in RUNS_OR_SAMPLES else None

    def add(self, row: Mapping[str, Any], step: int, prompt: str) -> None:
        for name, value in row.items():
            if name in self.many or (isinstance(value, str) and value in self.written.get(name, ())):
                continue
            if isinstance(value, dict):
                for key, inner in value.items():
                    self._note(f"{name}.{key}", inner)
            else:
                self._note(name, value)
        if self.run:
            self.runs.setdefault(step, set()).add(run := str(row.get(self.run)))
            if self.seen is not None:
                before = len(self.seen)
                self.seen.add((step, prompt, run))
                self.seen = None if len(self.seen) == before else self.seen

    def _note(self, name: str, value: Any) -> None:
        known = name in self.names
        if name in self.many or not isinstance(value, str | int | float if known else str):
            return
        if value in (written := self.written.setdefault(name, set())):
            return
        written.add(value)
        values = self.values.setdefault(name, set())
        values.add(str(value).strip().lower()[:LONG])
        if not known and (len(values) > MOST_KINDS or len(str(value)) >= LONG):
            self.many.add(name)
            del self.values[name], self.written[name]

    def check(self, path: str) -> None:
        """Raise Doubt where rows of evaluation are among those of training, a sample has a row for each turn, or most
        steps have rows of several runs.
        """
        if self.seen is None:
            _check_runs(path, self.runs, f"column '{self.run}'")
        for name, values in self.values.items():
            kind = _last(name)
            if (
                (kind not in FLAGS and not values.isdisjoint(TRAINED) and not values.isdisjoint(EVALUATED))
                or (kind in FLAGS and len(values) > 1)
                or (kind in GREEDY and len(values) > 1 and not values.isdisjoint(ZERO))
            ):
                what = "some rows are of training and some of evaluation, which would count alike; leave those out"
            elif kind in TURNS and len(values) > 1:
                what = "a sample seems to have a row for each of its turns, and so counts several times; keep one"
            else:
                continue
            raise Doubt("rows", f"{path}: by its column '{name}' ({listed(sorted(values)[:4])}) {what}")


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A row's fields, those of objects in it by their paths."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield str(name), value


def _last(path: str) -> str:
    return path.rpartition(".")[2].lower()


def check_runs(path: str, places: Iterable[tuple[str, int, int]]) -> None:
    """Raise Doubt where most steps are in files of several runs, by their names; by dates if a file has most steps. A
    place is a file's path, a stretch of it, and a step.
    """
    runs: dict[int, set[str]] = {}
    pairs = {(file, step) for file, _, step in places}
    of_file, steps = Counter(file for file, _ in pairs), {step for _, step in pairs}
    for file, step in pairs:
        name = file.removeprefix(path)
        found = RUN_IN_PATH.findall(name) or (
            DATE_IN_PATH.findall(name) if 2 * of_file[file] > len(steps) > 1 else ()
        )
        if found:
            runs.setdefault(step, set()).add(found[-1].lower())
    _check_runs(path, runs, "files' names")


def _check_runs(path: str, runs: Mapping[int, set[str]], by: str) -> None:
    several = [names for names in runs.values() if len(names) > 1]
    if 2 * len(several) > len(runs):
        shown = listed(sorted(several[0])[:4]).replace(" or ", " and ")
        raise Doubt("rows", f"{path}: by its {by} most steps have rows of several runs ({shown}); give one run's")


class IdTexts:
    """Which texts a log's ids stand for."""

    def __init__(self) -> None:
        self.texts: dict[str, set[int]] = {}
        self.ids: dict[int, set[str]] = {}

    def add(self, ids: Iterable[str], texts: Iterable[int]) -> None:
        for id, text in zip(ids, texts, strict=True):
            self.texts.setdefault(id, set()).add(text)
            self.ids.setdefault(text, set()).add(id)

    def check(self, path: str) -> None:
        """Raise Doubt where most ids have several texts, and these several ids: numbers of rows, not of prompts."""
        several = [
            id for id, texts in self.texts.items() if len(texts) > 1 and any(len(self.ids[t]) > 1 for t in texts)
        ]
        if 2 * len(several) > len(self.texts) and len(self.ids) >= min(FEW_TEXTS, len(self.texts)):
            id = several[0]
            raise Doubt(
                "rows",
                f"{path}: its ids are not those of prompts: {id!r:.40} has {len(self.texts[id])} texts, and "
                "these have other ids, too, as where a column numbers the rows of a step; name the column of the "
                "prompt's id by --id_column, or its text by --prompt_column",
            )
