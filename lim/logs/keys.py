"""Numbers for a log's keys (prompt ids or texts), in the order in which they first appear."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 1 << 16  # fewer keys in all are numbered as Python's texts: arrays would not pay
WIDEST = 128  # bytes of a key that arrays hold
PADDING = 0xFF  # no byte of UTF-8
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd: 2⁶⁴ over the golden ratio


class _Numbers(dict[str, int]):
    """Numbers a key when it is first asked for."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


class KeyTable:
    """Numbers keys step by step. Keys of one log come all as lists, or all as Arrow string arrays."""

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._hashed: _HashTable | None = None
        self._waiting: list[Any] = []
        self._rows: list[NDArray[Any]] = []

    def add(self, keys: Any) -> None:
        """Number the keys of one more step."""
        if self._hashed is not None:
            if (words := _words(keys)) is not None:
                self._rows.append(self._hashed.number(words))
                return
            self._numbers = _Numbers(zip(known := self._hashed.keys(), range(len(known)), strict=True))
            self._hashed = None
        elif not isinstance(keys, list) and not self._numbers:
            self._waiting.append(keys)
            if sum(map(len, self._waiting)) >= FEW:
                self._hashed = _HashTable()
                self._number_waiting()
            return
        keys = keys if isinstance(keys, list) else keys.to_pylist()
        self._rows.append(np.fromiter(map(self._numbers.__getitem__, keys), np.int32, len(keys)))

    def finish(self) -> tuple[list[str], list[NDArray[Any]]]:
        """(keys by number, numbers of each step's keys in the order in which the steps were added)."""
        if self._hashed is None:
            self._number_waiting()
        return list(self._numbers) if self._hashed is None else self._hashed.keys(), self._rows

    def _number_waiting(self) -> None:
        self._waiting, waiting = [], self._waiting
        for keys in waiting:
            if self._hashed is None:
                keys = keys.to_pylist()
            self.add(keys)


def _words(keys: Any) -> NDArray[np.uint64] | None:
    """An Arrow string array as (words of eight bytes, keys), padded; None where one does not fit into them."""
    sizes_U, bytes_ = _layout(keys)
    width = int(sizes_U.max(initial=1))
    if width > WIDEST or (bytes_ == PADDING).any():
        return None
    padded = -(-width // 8) * 8
    table = np.full((len(sizes_U), padded), PADDING, np.uint8)
    if (sizes_U == width).all():
        table[:, :width] = bytes_.reshape(-1, width)
    else:
        table[np.arange(padded) < sizes_U[:, None]] = bytes_
    return np.ascontiguousarray(table.view(np.uint64).T)


def _layout(keys: Any) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
    """(bytes of each key, all bytes) of an Arrow string array without nulls."""
    _, offsets, data = keys.buffers()
    ends = np.frombuffer(offsets, np.int32)[keys.offset : keys.offset + len(keys) + 1]
    data = np.frombuffer(data or b"", np.uint8)
    return np.diff(ends), data[ends[0] : ends[-1]]


class _HashTable:
    """Numbers of keys of up to `WIDEST` bytes: open addressing, a step's keys at a time."""

    def __init__(self) -> None:
        self.count = 0
        self.words_W_L = np.zeros((0, FEW), np.uint64)
        self.slots = np.full(4 * FEW, -1, np.int32)  # number of the key that is there; −1: none

    def number(self, words_W_U: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Numbers of a step's keys; those that are new are numbered in their order."""
        words_W_U = self._make_room(words_W_U)
        place_U = self._places(words_W_U)
        numbers_U = self.slots.take(place_U)
        # Those whose slot another key has; most have none.
        left_Q = np.flatnonzero((numbers_U >= 0) & ~self._equal(numbers_U, words_W_U))
        words_W_Q, place_Q = words_W_U[:, left_Q], place_U[left_Q]
        while len(left_Q):
            place_Q = self._next(place_Q)
            numbers_U[left_Q] = there_Q = self.slots.take(place_Q)
            on_Q = np.flatnonzero((there_Q >= 0) & ~self._equal(there_Q, words_W_Q))
            left_Q, words_W_Q, place_Q = left_Q[on_Q], words_W_Q[:, on_Q], place_Q[on_Q]
        if len(new_Q := np.flatnonzero(numbers_U < 0)):
            whole = np.ascontiguousarray(words_W_U[:, new_Q].T).view(f"V{8 * len(words_W_U)}")[:, 0].tolist()
            first: dict[bytes, int] = {}
            numbers_U[new_Q] = [first.setdefault(key, self.count + len(first)) for key in whole]
            _, firsts_N = np.unique(numbers_U[new_Q], return_index=True)
            self._insert(words_W_U[:, new_Q[firsts_N]])
        return numbers_U

    def keys(self) -> list[str]:
        """The keys by number."""
        import pyarrow as pa

        bytes_L = np.ascontiguousarray(self.words_W_L[:, : self.count].T).view(np.uint8)
        inside_L = bytes_L != PADDING
        ends = np.concatenate([[0], np.cumsum(inside_L.sum(axis=1))]).astype(np.int64)
        buffers = pa.py_buffer(ends), pa.py_buffer(bytes_L[inside_L])
        return pa.LargeStringArray.from_buffers(self.count, *buffers).to_pylist()

    def _make_room(self, words_W_U: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The keys as wide as the table, which has room for all of them to be new."""
        (width, size), (wide, room) = words_W_U.shape, self.words_W_L.shape
        needed = self.count + size
        if width > wide or needed > room:
            known = self.words_W_L[:, : self.count]
            self.words_W_L = _padded(known, max(width, wide), max(room, 2 * needed if needed > room else 0))
            if width > wide or 4 * self.words_W_L.shape[1] > len(self.slots):
                self.slots = np.full(1 << (4 * self.words_W_L.shape[1] - 1).bit_length(), -1, np.int32)
                count, self.count = self.count, 0
                self._insert(self.words_W_L[:, :count])
        return _padded(words_W_U, len(self.words_W_L), size)

    def _insert(self, words_W_N: NDArray[np.uint64]) -> None:
        """Give keys, all different and new, the next numbers."""
        numbers_N = np.arange(self.count, self.count + words_W_N.shape[1], dtype=np.int32)
        self.words_W_L[:, numbers_N] = words_W_N
        self.count += len(numbers_N)
        place_N = self._places(words_W_N)
        while len(numbers_N):
            free_N = self.slots[place_N] < 0
            self.slots[place_N[free_N]] = numbers_N[free_N]
            on_N = np.flatnonzero(self.slots[place_N] != numbers_N)
            numbers_N, place_N = numbers_N[on_N], self._next(place_N[on_N])

    def _places(self, words_W_U: NDArray[np.uint64]) -> NDArray[np.intp]:
        """The slot where the search for a key begins."""
        mixed_U = np.zeros(words_W_U.shape[1], np.uint64)
        for words_U in words_W_U:
            mixed_U = (mixed_U ^ words_U) * MIX
            mixed_U ^= mixed_U >> np.uint64(32)
        return (mixed_U & np.uint64(len(self.slots) - 1)).astype(np.intp)

    def _equal(self, numbers_U: NDArray[np.int32], words_W_U: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether keys are those of their numbers."""
        same_U = np.ones(len(numbers_U), bool)
        for words_L, words_U in zip(self.words_W_L, words_W_U, strict=True):
            same_U &= words_L.take(numbers_U) == words_U
        return same_U

    def _next(self, place_U: NDArray[np.intp]) -> NDArray[np.intp]:
        return (place_U + 1) & (len(self.slots) - 1)


def _padded(words_W_U: NDArray[np.uint64], wide: int, size: int) -> NDArray[np.uint64]:
    """Words as `wide` words of `size` keys."""
    if words_W_U.shape == (wide, size):
        return words_W_U
    found = np.full((wide, size), ~np.uint64(0))
    found[: len(words_W_U), : words_W_U.shape[1]] = words_W_U
    return found
