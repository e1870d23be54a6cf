"""Read a log's files side by side; memory does not grow with the responses (a few files at a time per worker).

Arrow reads Parquet without Python's lock, so this project's own log is read by threads. Other formats are parsed in
Python: large logs by processes, those of an object store, whose answers are waited for, by threads.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lim.logs.doubts import Doubt
from lim.logs.files import LogFile
from lim.logs.find import Log
from lim.logs.formats import FORMATS, ReadOptions
from lim.logs.step import StepRewards
from lim.utils.errors import InputError, one_line

PARALLEL_FROM_BYTES = 1 << 30  # below this, starting processes costs more than it saves
THREADS_FROM_ROWS = 1 << 21  # below this, threads that read Parquet wait for each other longer than they save
AHEAD = 8  # files per thread that may be read before they are taken
REMOTE_THREADS = 16  # requests to an object store under way at a time
TASK_BYTES = 8 << 20  # small files go to a worker several at a time, up to this or a hundredth of the log


@dataclass(frozen=True)
class FileResult:
    """What came of one file: its steps (some files hold several), or what is wrong with it."""

    file: LogFile
    steps: tuple[Any, ...]  # `StepRewards`, or what else `Work` reads
    error: str | None = None


Work = Callable[[LogFile, str, Any, ReadOptions], FileResult]


def read_files(
    log: Log,
    options: ReadOptions | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
    work: Work | None = None,
) -> Iterator[FileResult]:
    """Each file's rewards, or what `work` (a module's function) makes of it, in order of step.

    `progress` is called with the bytes of each file done.
    `workers`: processes (threads for this project's own log); 0 reads without, None takes the machine's cores for a
    large log. Raises InputError at the first bad file, unless `skip_bad_files`.
    """
    options = replace(options or ReadOptions(), by_id=log.by_id)
    if options.reward_column and log.kind.reward is None:
        takes = ", ".join(format.name for format in FORMATS.values() if format.reward is not None)
        raise InputError(f"--reward_column is for {takes} logs; {log.root} is of format {log.format}")
    work = work or read_one
    remote = log.filesystem is not None
    threads = log.format == "lim" or (remote and workers is None and log.size < PARALLEL_FROM_BYTES)
    if workers is None:
        workers = _cores() if threads or log.size >= PARALLEL_FROM_BYTES else 0
        if threads and remote:
            workers = REMOTE_THREADS
    workers = min(workers, len(log.files))
    if workers <= 1:
        results = _read_in_turn(log.files, log, options, work)
    elif threads:
        results = _read_in_threads(log, options, workers, work)
    else:
        results = _read_parallel(log, options, workers, work)
    for result in results:
        if result.error and not options.skip_bad_files:
            raise InputError(result.error)
        if progress:
            progress(result.file.size)
        yield result


def read_one(file: LogFile, format: str, filesystem: Any, options: ReadOptions) -> FileResult:
    """Read one file with its format's reader. A `Doubt` is about the log and not the file: it is raised."""
    try:
        steps = FORMATS[format].reader(file, filesystem, options)
    except Doubt:
        raise
    except InputError as error:
        return FileResult(file, (), str(error))
    except Exception as error:  # each of fsspec's filesystems has its own
        if filesystem is None:
            raise
        return FileResult(file, (), f"{file.path}: cannot be read: {one_line(error)}")
    return FileResult(file, tuple(steps) if isinstance(steps, list) else (steps,))


def _read_in_turn(files: Sequence[LogFile], log: Log, options: ReadOptions, work: Work) -> Iterator[FileResult]:
    return (work(file, log.format, log.filesystem, options) for file in files)


def _read_in_threads(log: Log, options: ReadOptions, workers: int, work: Work) -> Iterator[FileResult]:
    from concurrent.futures import Future, ThreadPoolExecutor

    files = log.files
    if log.filesystem is None:
        first = work(files[0], log.format, None, options)
        yield first
        files = files[1:]
        rows = [int(step.counts_U.sum()) for step in first.steps if isinstance(step, StepRewards)]
        if rows and sum(rows) * len(files) < THREADS_FROM_ROWS:
            yield from _read_in_turn(files, log, options, work)
            return
    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[FileResult]] = deque()
    try:
        for file in files:
            pending.append(pool.submit(work, file, log.format, log.filesystem, options))
            if len(pending) > AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read_task(
    work: Work, files: list[LogFile], format: str, filesystem: Any, options: ReadOptions
) -> list[FileResult]:
    return [work(file, format, filesystem, options) for file in files]


def _read_parallel(log: Log, options: ReadOptions, workers: int, work: Work) -> Iterator[FileResult]:
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # A fork of this process could inherit Arrow's and rich's threads in any state; a fork server has none.
    context = multiprocessing.get_context("forkserver")
    # Libraries alone: it would look for our own modules in the working directory, which may hold another version.
    context.set_forkserver_preload(["msgspec", "numpy"])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    pending: deque[Future[list[FileResult]]] = deque()
    try:
        for task in _tasks(log.files, min(TASK_BYTES, log.size // 100)):
            pending.append(pool.submit(_read_task, work, task, log.format, log.filesystem, options))
            if len(pending) > 8 * workers:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool:
        raise InputError(
            f"{log.root}: a reading process was ended from outside (out of memory?); try --workers 1"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _tasks(files: tuple[LogFile, ...], at_most: int) -> Iterator[list[LogFile]]:
    task: list[LogFile] = []
    size = 0
    for file in files:
        task.append(file)
        size += file.size
        if size >= at_most:
            yield task
            task, size = [], 0
    if task:
        yield task


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
