"""Tables of answers by kind, as parameters of tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest


def cases(table: Mapping[str, Sequence[tuple[str, str]]]) -> list[Any]:
    """A parameter per pair, named by its kind."""
    named = [(kind, pair) for kind, pairs in table.items() for pair in pairs]
    return [pytest.param(*pair, id=f"{kind}: {pair[0]} | {pair[1]}"[:90]) for kind, pair in named]
