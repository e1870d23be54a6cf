"""One-Shot-RLVR's accuracy file."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lim.logs.files import LogFile, read_bytes
from lim.logs.formats import ReadOptions
from lim.logs.rows import tidy
from lim.logs.step import StepRewards
from lim.utils.errors import InputError


def read(file: LogFile, filesystem: Any, options: ReadOptions) -> list[StepRewards]:
    """One-Shot-RLVR's accuracy file: one JSON object, prompt index → its accuracies, one per visit.

    Lists may be of unequal length. The number n of samples behind an accuracy is worked out (`_samples_behind`).
    Visit k of every prompt becomes step k and epoch k.
    """
    data, keep_samples = read_bytes(file.path, filesystem), options.keep_samples
    try:
        lists = msgspec.json.decode(data, type=dict[str, list[float]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file.path}: not an object of prompt index → list of accuracies ({tidy(error)})") from None
    keys = list(lists)
    values = np.array([value for key in keys for value in lists[key]])
    if not len(values):
        raise InputError(f"{file.path}: holds no accuracies")
    bad = next((key for key in keys if not all(0 <= value <= 1 for value in lists[key])), None)
    if bad is not None:
        raise InputError(f"{file.path}: prompt {bad}: an accuracy is not between 0 and 1")
    samples = _samples_behind(values)
    steps = []
    for visit in range(max(map(len, lists.values()))):
        seen = [key for key in keys if len(lists[key]) > visit]
        rates_U = np.array([lists[key][visit] for key in seen])
        correct_U = np.rint(rates_U * samples).astype(np.int32)
        steps.append(
            StepRewards(
                step=visit + 1,
                keys=seen,
                epochs_U=np.full(len(seen), visit + 1, np.int32),
                sums_U=rates_U * samples,
                counts_U=np.full(len(seen), samples, np.int32),
                tops_U=correct_U,
                correct_U=correct_U if samples > 1 else None,
                lows_U=(rates_U >= 1).astype(np.float32),
                highs_U=(rates_U > 0).astype(np.float32),
                top=1.0,
                low=0.0,
                squares=float((rates_U * samples).sum() if samples > 1 else (rates_U**2).sum()),
                values=2,
                bytes_read=file.size if visit == 0 else 0,
                groups_R=np.repeat(np.arange(len(seen), dtype=np.int32), samples) if keep_samples else None,
                rewards_R=(correct_U[:, None] > np.arange(samples)).astype(np.float32).ravel()
                if keep_samples and samples > 1
                else (rates_U.astype(np.float32) if keep_samples else None),
            )
        )
    return steps


def _samples_behind(values: NDArray[np.float64]) -> int:
    """The smallest n ≤ 256 for which all accuracies are k/n (eighths: 8), or k/n to three decimals; else 1."""
    for error in (1e-6, 5.1e-4):
        for n in range(1, 257):
            if np.abs(values - np.rint(values * n) / n).max() <= error:
                return n
    return 1
