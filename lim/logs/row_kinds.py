"""Rows of a table that are no sample of the training, and ids that are no prompt's, as other columns say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lim.logs.doubts import Doubt
from lim.utils.cli import listed

MODES = ("mode", "split", "phase", "stage")
TRAINED, EVALUATED = ("train", "training"), ("eval", "evaluation", "val", "valid", "validation", "test", "dev")
FLAGS = ("is_eval", "is_validation", "is_val", "is_test", "validate", "is_train", "is_training")  # true or false
TURNS = ("turn", "turn_id", "turn_idx", "turn_index", "turn_number")
FEW_TEXTS = 20  # a column of so few may well be one of templates


class RowKinds:
    """What a table's rewarded rows have in the columns that tell rows apart."""

    def __init__(self) -> None:
        self.values: dict[str, set[str]] = {}
        self.names: list[str] | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        if self.names is None:
            self.names = [name for name in row if str(name).lower() in (*MODES, *FLAGS, *TURNS)]
        for name in self.names:
            if isinstance(value := row.get(name), str | int | float):
                self.values.setdefault(name, set()).add(str(value).strip().lower())

    def check(self, path: str) -> None:
        """Raise Doubt where rows of evaluation are among those of training, or a sample has a row for each turn."""
        for name, values in self.values.items():
            kind = name.lower()
            if (kind in MODES and not values.isdisjoint(TRAINED) and not values.isdisjoint(EVALUATED)) or (
                kind in FLAGS and len(values) > 1
            ):
                what = "some rows are of training and some of evaluation, which would count alike; leave those out"
            elif kind in TURNS and len(values) > 1:
                what = "a sample seems to have a row for each of its turns, and so counts several times; keep one"
            else:
                continue
            raise Doubt("rows", f"{path}: by its column '{name}' ({listed(sorted(values)[:4])}) {what}")


class IdTexts:
    """Which texts a log's ids stand for."""

    def __init__(self) -> None:
        self.texts: dict[str, set[bytes]] = {}
        self.ids: dict[bytes, set[str]] = {}

    def add(self, ids: Iterable[str], texts: Iterable[bytes]) -> None:
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
