"""A run being looked at: its selection, and on demand its samples, suspected wrong labels and newest steps.

Everything is read from the log's files, which may be growing; nothing is written but the index's cache.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lim.logs.doubts import KINDS
from lim.logs.find import Log, find_log
from lim.logs.reward_log import read_run
from lim.logs.trajectories import Places, read_trajectories
from lim.pipeline import OneEpoch, select
from lim.prompts import PromptSet, Reading, load, prompts_of
from lim.prompts.find import hub_id
from lim.prompts.rows import Rows
from lim.selection import Selection
from lim.strategies import Settings
from lim.utils.errors import InputError
from lim.utils.paths import ROOT
from lim.view.index import SampleIndex, Stamp, has_samples, open_index, stamps_of
from lim.view.readers import Sample
from lim.view.suspects import LEAST_SHARE, MOST_RIGHT, Given, Same, Suspect, find_suspects

KEPT_PROMPTS = 16  # whose samples stay in memory
LOOK_EVERY = 2.0  # seconds between looks at the log's folder
BUSY = 10  # a log that takes t seconds to read is read again after BUSY · t at the earliest


@dataclass(frozen=True)
class Grading:
    """What the viewer takes from a grader: equality of answers, the answer in a response, verdicts on responses.

    A verdict on (gold answer, response) is a named tuple with the fields verdict, answer and reason.
    """

    same: Same
    extract: Callable[[str], str | None]
    grade: Callable[[list[tuple[str, str]]], Sequence[Any]]


@dataclass(frozen=True)
class Shown:
    """One sample as it is shown."""

    epoch: int | None
    step: int
    sample: Sample


@dataclass(frozen=True)
class State:
    """What was read at one time."""

    version: int
    log: Log
    stamps: list[Stamp]
    selection: Selection

    @property
    def places(self) -> Places:
        assert self.selection.log is not None and self.selection.log.places is not None
        return self.selection.log.places

    def row_of(self, prompt: int) -> int:
        """The matrix row of a prompt, −1 where the log does not have it."""
        assert self.selection.log is not None
        matching = self.selection.log.matching
        return int(matching.rows_P[prompt]) if matching is not None else -1


class RunView:
    """A log, read when made; safe to use from several threads. InputError where it cannot be read.

    What may be wrong with the log (`lim.logs.doubts`) is said on the page, or with `strict` refused as by `select`.
    """

    def __init__(
        self,
        path: str,
        *,
        prompts_path: str | None = None,
        reading: Reading | None = None,
        settings: Settings | None = None,
        grading: Grading | None = None,
        strict: bool = False,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.path, self.grading, self.workers = path, grading, workers
        settings = settings or Settings()
        self.settings = settings if strict else replace(settings, allow=tuple(KINDS))
        log = self._find()
        self.prompts = self._prompts(log, prompts_path, reading)
        self.problem: str | None = None
        self.lock, self.index_lock = threading.Lock(), threading.Lock()
        self.index: SampleIndex | None = None
        self.kept: OrderedDict[tuple[int, int], list[Shown]] = OrderedDict()
        self.looked = self.took = 0.0
        self.state = self._read(log, 1, progress)

    def _find(self) -> Log:
        options = self.settings.reading(keep_samples=False)
        return find_log(self.path, self.settings.format, options.columns)

    def _prompts(self, log: Log, path: str | None, reading: Reading | None) -> PromptSet:
        """The prompt file's prompts: the one given, the one that run.json names, or those of the log's texts."""
        if path is None and (Path(log.root) / "run.json").is_file():
            path = read_run(log.root).get("prompt_file")
            if path is not None and not Path(path).exists() and hub_id(path) is None:
                if not (ROOT / path).exists():
                    what = f"{log.root}: its run.json names the prompt file {path}, which is not there"
                    raise InputError(f"{what}; name it by --original_prompts_path")
                path = str(ROOT / path)  # as it is named in the project's folder
        if path is not None:
            return load(path, reading)
        if log.by_id:
            raise InputError(f"{log.root}: knows prompts by id; name the prompt file by --original_prompts_path")
        options = self.settings.reading(keep_samples=False)
        matrix, _ = read_trajectories(log, options=options, workers=self.workers)
        records = [{"id": f"{at:05d}", "prompt": text} for at, text in enumerate(matrix.ids)]
        return prompts_of(Rows(log.root, records))

    def _read(self, log: Log, version: int, progress: Callable[[int, int], None] | None = None) -> State:
        start = time.monotonic()
        stamps = stamps_of(log)
        try:
            selection = self._select(self.settings, progress)
        except OneEpoch:
            # LIM compares epochs: until there are two, pass rates are what can be shown.
            early = replace(self.settings, strategy="difficulty", similarity_threshold=None, top_k=None)
            selection = self._select(early, progress)
            selection.notes.append("the log has one epoch so far; LIM compares epochs and needs at least two")
        self.took = time.monotonic() - start
        given = replace(selection.settings, allow=())  # what was let pass is said in `allowed`
        return State(version, log, stamps, replace(selection, settings=given))

    def _select(self, settings: Settings, progress: Callable[[int, int], None] | None) -> Selection:
        return select(
            self.prompts,
            log_path=self.path,
            settings=settings,
            workers=self.workers,
            progress=progress,
            keep_places=True,
        )

    def refresh(self) -> State:
        """The newest state: the log is read again where its files changed. What goes wrong is kept in `problem`."""
        if not self.lock.acquire(blocking=False):
            return self.state  # another thread is at it
        try:
            now = time.monotonic()
            if now - self.looked < max(LOOK_EVERY, BUSY * self.took):
                return self.state
            try:
                log = self._find()
                if stamps_of(log) != self.state.stamps:
                    self.state = self._read(log, self.state.version + 1)
                self.problem = None
            except InputError as error:
                self.problem = str(error)
            self.looked = time.monotonic()
            return self.state
        finally:
            self.lock.release()

    # Samples.

    def open_index(self) -> SampleIndex:
        """The index of the samples, built or renewed where needed. InputError for a format without one."""
        state = self.state
        if not has_samples(state.log):
            what = f"{state.log.root}: is a log of format {state.log.format}"
            raise InputError(f"{what}; responses are shown of this project's, verl's and TRL's logs")
        with self.index_lock:
            if self.index is None or self.index.stamps != state.stamps:
                options = self.settings.reading(keep_samples=False)
                self.index = open_index(state.log, options, self.index, workers=self.workers)
            return self.index

    def samples(self, prompt: int) -> list[Shown]:
        """A prompt's samples by epoch. InputError where the files cannot be read."""
        state = self.state
        key = state.version, prompt
        if key in self.kept:
            return self.kept[key]
        index = self.open_index()
        shown = [shown for _, some in self._shown(state, index, [prompt], light=False) for shown in some]
        shown.sort(key=lambda one: (one.epoch or 0, one.step))
        self.kept[key] = shown
        while len(self.kept) > KEPT_PROMPTS:
            self.kept.popitem(last=False)
        return shown

    def _shown(self, state: State, index: SampleIndex, prompts: Sequence[int], *, light: bool) -> Any:
        """(prompt, its samples of one file or step) for each run of the prompts' rows, file by file."""
        places = state.places
        prompts_of: dict[int, list[int]] = {}
        for prompt in prompts:
            if (row := state.row_of(prompt)) >= 0:
                prompts_of.setdefault(row, []).append(prompt)
        keys = [key for key in index.keys if places.row_of.get(key, -1) in prompts_of]
        seen: dict[tuple[int, int], int] = {}
        runs = {run: places.row_of[key] for key, run in index.of(keys)}
        count: dict[tuple[int, int], int] = {}
        for run, row in runs.items():
            count[run.step, row] = count.get((run.step, row), 0) + run.count
        for run, samples in index.read(list(runs), light=light):
            cell = run.step, runs[run]
            epochs = places.epochs.get(cell)
            if epochs is None:
                continue  # evaluation, or a repeated file: not of the training that counts
            shown = []
            for sample in samples:
                at = seen[cell] = seen.get(cell, -1) + 1
                shown.append(Shown(epochs[at * len(epochs) // count[cell]], run.step, sample))
            for prompt in prompts_of[runs[run]]:
                yield prompt, shown

    def graded(self, prompt: int) -> list[Any]:
        """The grader's verdict on each sample, where the prompt has an answer."""
        shown = self.samples(prompt)
        golds = [self.prompts.answers[prompt] or one.sample.gold for one in shown]
        if self.grading is None:
            return [None] * len(shown)
        items = [(gold, one.sample.response or "") for gold, one in zip(golds, shown, strict=True) if gold]
        verdicts = iter(self.grading.grade(items))
        return [next(verdicts) if gold else None for gold in golds]

    # Suspected wrong labels.

    def suspects(
        self,
        *,
        most_right: float = MOST_RIGHT,
        least_share: float = LEAST_SHARE,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Suspect]:
        """Prompts whose label may be wrong, the surest first. InputError where the log's files cannot be read."""
        assert self.grading is not None
        state, index = self.state, self.open_index()
        prompts = self.hardly_right(most_right)
        given: dict[int, list[Given]] = {prompt: [] for prompt in prompts}
        total = sum(self.counts_of(state, prompt) for prompt in prompts)
        done = 0
        for prompt, shown in self._shown(state, index, prompts, light=True):
            for one in shown:
                answer = one.sample.answer
                if answer is None and one.sample.verdict is None and one.sample.response:
                    answer = self.grading.extract(one.sample.response)
                right = one.sample.verdict == "correct" if one.sample.verdict else self._passed(state, one)
                given[prompt].append(Given(one.epoch or 0, answer, right))
            done += len(shown)
            if progress:
                progress(done, total)
        labels = dict(zip(prompts, (self.prompts.answers[prompt] for prompt in prompts), strict=True))
        return find_suspects(given, labels, self.grading.same, most_right=most_right, least_share=least_share)

    def hardly_right(self, most_right: float) -> list[int]:
        """Prompts that passed in at most this share of their samples."""
        matrix = self.state.selection.matrix
        assert matrix is not None
        counts_P = matrix.counts_P_K.sum(axis=1)
        passes_P = np.nansum(matrix.pass_rates_P_K * matrix.counts_P_K, axis=1)
        return np.flatnonzero((counts_P > 0) & (passes_P <= most_right * counts_P + 1e-9)).tolist()

    @staticmethod
    def counts_of(state: State, prompt: int) -> int:
        assert state.selection.matrix is not None
        return int(state.selection.matrix.counts_P_K[prompt].sum())

    @staticmethod
    def _passed(state: State, one: Shown) -> bool:
        assert state.selection.log is not None
        top = np.float32(state.selection.log.max_reward)
        return one.sample.reward is not None and bool(np.float32(one.sample.reward) >= top)
