"""A run being looked at: its selection, and on demand its samples, suspected wrong labels and newest steps.

Everything is read from the log's files, which may be growing; nothing is written but the index's cache.
"""

from __future__ import annotations

import functools
import itertools
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
from lim.logs.matching import normalise, strip_template
from lim.logs.reward_log import read_run
from lim.logs.rows import digest
from lim.logs.trajectories import Places, read_trajectories
from lim.pipeline import OneEpoch, select
from lim.prompts import PromptSet, Reading, load, prompts_of
from lim.prompts.find import hub_id
from lim.prompts.rows import Rows
from lim.prompts.trained_on import place_of, reading_of_run
from lim.selection import Selection
from lim.strategies import Settings
from lim.utils.errors import InputError
from lim.view.index import SampleIndex, Stamp, has_samples, open_index, stamps_of
from lim.view.readers import Sample
from lim.view.suspects import LEAST_SHARE, MOST_RIGHT, Given, Suspect, find_suspects

KEPT_PROMPTS = 16  # whose samples stay in memory
LOOK_EVERY = 2.0  # seconds between looks at the log's folder
BUSY = 10  # a log that takes t seconds to read is read again after BUSY · t at the earliest


@dataclass(frozen=True)
class Asked:
    """A response to be graded. `verifier` is the name of what grades it, None for the usual one."""

    gold: str
    response: str
    verifier: str | None = None
    metadata: Any = None


@dataclass(frozen=True)
class Grading:
    """What the viewer takes from a grader, by the name of a prompt's verifier (None: the usual one): equality of
    answers, the answer in a response, verdicts on responses.

    A verdict is a named tuple with the fields verdict, answer and reason; None where the verifier is not known.
    """

    same: Callable[[str | None, list[tuple[str, str]]], list[bool | None]]
    extract: Callable[[str | None, str], str | None]
    grade: Callable[[Sequence[Asked]], Sequence[Any]]


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


def epoch_of(at: int, epochs: Sequence[tuple[int, int]]) -> int:
    """The epoch of a sample by its place among a prompt's in a step, whose `epochs` are (epoch, samples) in order."""
    ends = itertools.accumulate(count for _, count in epochs)
    return next((epoch for (epoch, _), end in zip(epochs, ends, strict=True) if at < end), epochs[-1][0])


def said_in(text: str) -> str:
    """What of a log's text is the prompt: without its template, of which other texts of the prompt have another."""
    inner = strip_template(text)
    return inner if inner and strip_template(inner) == inner else text


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
        self.of_log = False  # whether its prompts are the log's texts
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
            run = read_run(log.root)
            path = run.get("prompt_file")
            reading = reading_of_run(run) if reading in (None, Reading()) else reading
            if path is not None and not Path(path := place_of(path)).exists() and hub_id(path) is None:
                what = f"{log.root}: its run.json names the prompt file {path}, which is not there"
                raise InputError(f"{what}; name it by --original_prompts_path")
        if path is not None:
            return load(path, reading)
        if log.by_id:
            raise InputError(f"{log.root}: knows prompts by id; name the prompt file by --original_prompts_path")
        options = self.settings.reading(keep_samples=False)
        matrix, _ = read_trajectories(log, options=options, workers=self.workers)
        texts = [said_in(text) for text in matrix.ids]
        # An id that the prompt has in another log, too, whatever that one holds beside it.
        ids = [digest(normalise(text)).hex()[:16] for text in texts]
        rows = [{"id": id, "prompt": text} for id, text in zip(ids, texts, strict=True)]
        self.of_log = True
        return prompts_of(Rows(log.root, rows))

    def _read(self, log: Log, version: int, progress: Callable[[int, int], None] | None = None) -> State:
        start = time.monotonic()
        stamps = stamps_of(log)
        try:
            selection = self._select(self.settings, progress)
        except OneEpoch:
            # LIM compares epochs: until there are two, pass rates are what can be shown.
            early = replace(self.settings, strategy="difficulty", similarity_threshold=None, top_k=None, min_epochs=1)
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
        # What is not of the training that counts: evaluation, a repeated file, steps that were made again.
        runs = {
            run: places.row_of[key]
            for key, run in index.of(keys)
            if (run.step, places.row_of[key]) in places.epochs
            and (index.log.files[run.file].path, run.stretch, run.step) not in places.again
        }
        last = self.settings.max_epochs
        for run, samples in index.read(list(runs), light=light):
            cell = run.step, runs[run]
            shown = []
            for sample in samples:
                if sample.reward is None:
                    continue  # as a selection skips it
                at = seen[cell] = seen.get(cell, -1) + 1
                epoch = sample.epoch or epoch_of(at, places.epochs[cell])
                if last is None or epoch <= last:
                    shown.append(Shown(epoch, run.step, sample))
            for prompt in prompts_of[runs[run]]:
                yield prompt, shown

    def graded(self, prompt: int) -> list[Any]:
        """The grader's verdict on each sample, where the prompt has an answer."""
        shown = self.samples(prompt)
        name, metadata = self._of_row(prompt, "verifier"), self._of_row(prompt, "metadata")
        asked: dict[int, Asked] = {}
        for at, one in enumerate(shown):
            gold, response = self.prompts.answers[prompt] or one.sample.gold, one.sample.response
            if gold and response is not None:
                asked[at] = Asked(gold, response, name or one.sample.verifier, metadata)
        verdicts = [] if self.grading is None else self.grading.grade([*asked.values()])
        found = dict(zip(asked, verdicts, strict=False))
        return [found.get(at) for at in range(len(shown))]

    def _of_row(self, prompt: int, name: str) -> Any:
        """A field of a prompt's row in the prompt file; None where there is none."""
        return self.prompts.rows.record(prompt).get(name) or None

    # Suspected wrong labels.

    def suspects(
        self,
        *,
        most_right: float = MOST_RIGHT,
        least_share: float = LEAST_SHARE,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Suspect]:
        """Prompts whose label may be wrong, the surest first. InputError where the log's files cannot be read.

        Answers are found and compared as the prompt's verifier does: its row names it, or else the log.
        """
        assert self.grading is not None
        state, index = self.state, self.open_index()
        prompts = self.hardly_right(most_right)
        given: dict[int, list[Given]] = {prompt: [] for prompt in prompts}
        labels = {prompt: self.prompts.answers[prompt] for prompt in prompts}
        judges: dict[int, str | None] = {prompt: self._of_row(prompt, "verifier") for prompt in prompts}
        total = sum(self.counts_of(state, prompt) for prompt in prompts)
        done = 0
        for prompt, shown in self._shown(state, index, prompts, light=True):
            for one in shown:
                labels[prompt] = labels[prompt] or one.sample.gold
                judges[prompt] = judges[prompt] or one.sample.verifier
                answer = one.sample.answer
                if answer is None and one.sample.response:
                    answer = self.grading.extract(judges[prompt], one.sample.response)
                right = one.sample.verdict == "correct" if one.sample.verdict else self._passed(state, one)
                given[prompt].append(Given(one.epoch or 0, answer, right))
            done += len(shown)
            if progress:
                progress(done, total)
        found: list[Suspect] = []
        for judge in dict.fromkeys(judges.values()):
            of_judge = {prompt: samples for prompt, samples in given.items() if judges[prompt] == judge}
            same = functools.partial(self.grading.same, judge)
            found += find_suspects(of_judge, labels, same, most_right=most_right, least_share=least_share)
        return sorted(found, key=lambda suspect: (-suspect.score, suspect.prompt))

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
