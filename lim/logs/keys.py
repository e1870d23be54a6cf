"""Numbers for a log's keys (prompt ids or texts), in the order in which they first appear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 1 << 17  # fewer keys in all are numbered without Arrow's functions, whose import costs more
AT_ONCE = 1 << 20  # Arrow numbers so many keys in one call, or twice as many as are known


class _Numbers(dict[str, int]):
    """Numbers a key when it is first asked for."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


class KeyTable:
    """Numbers keys step by step. Keys of one log come all as lists, or all as Arrow string arrays."""

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._known: Any = None  # Arrow array of the keys numbered so far
        self._waiting: list[Any] = []
        self._rows: list[NDArray[Any]] = []

    def add(self, keys: Sequence[str] | Any) -> None:
        """Number the keys of one more step."""
        if isinstance(keys, list):
            self._rows.append(np.fromiter(map(self._numbers.__getitem__, keys), np.int32, len(keys)))
            return
        self._waiting.append(keys)
        known = 0 if self._known is None else len(self._known)
        if sum(map(len, self._waiting)) >= max(AT_ONCE, 2 * known):
            self._number_waiting()

    def finish(self) -> tuple[list[str], list[NDArray[Any]]]:
        """(keys by number, numbers of each step's keys in the order in which the steps were added)."""
        self._number_waiting()
        return list(self._numbers) if self._known is None else self._known.to_pylist(), self._rows

    def _number_waiting(self) -> None:
        if not self._waiting:
            return
        import pyarrow as pa

        if self._known is None and sum(map(len, self._waiting)) < FEW:
            self._waiting, waiting = [], self._waiting
            for keys in waiting:
                self.add(keys.to_pylist())
            return
        # One dictionary for all chunks: keys that are known come first and keep their numbers.
        parts = self._waiting if self._known is None else [self._known, *self._waiting]
        encoded = pa.chunked_array(parts).dictionary_encode()
        numbers = np.concatenate([np.from_dlpack(chunk.indices) for chunk in encoded.chunks])
        # By length, since Arrow drops chunks that are empty.
        by_part = np.split(numbers, np.cumsum([len(part) for part in parts])[:-1])
        self._rows += by_part[len(parts) - len(self._waiting) :]
        self._known = encoded.chunk(encoded.num_chunks - 1).dictionary
        self._waiting = []
