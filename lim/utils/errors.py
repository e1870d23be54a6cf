"""The one way bad input is reported: one line that names the file, the row or key, and the fix; exit code 2."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable
from types import TracebackType

from lim.utils.paths import CODE, INSTALLED
from lim.utils.signals import Terminated, terminable

# What keeps a file from being written, and the fix.
UNWRITABLE = {
    errno.ENOSPC: "make room and run the same command again",
    errno.EDQUOT: "make room within your quota and run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run the same command again",
    errno.EROFS: "name a folder that can be written to",
    errno.EACCES: "name a folder that you may write to",
    errno.EPERM: "name a folder that you may write to",
    errno.ENOTDIR: "a file is where a folder is needed; name another place",
    errno.EEXIST: "a file is where a folder is needed; name another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENAMETOOLONG: "shorten it",
}

OLDEST = (3, 11)


class InputError(Exception):
    """Input that cannot be used. The message is one line: file, row or key, what is wrong, how to fix it."""


def unwritable(error: OSError, path: object = None) -> InputError | None:
    """The line for an error of a full or forbidden disk, `path` standing in for a name it lacks; None for others."""
    fix = UNWRITABLE.get(error.errno or 0)
    if fix is None:
        return None
    if path is None and error.errno in (errno.EACCES, errno.EPERM):  # perhaps of a file that was to be read
        fix = "look at who may read and write it (ls -ld)"
    name = path if path is not None else error.filename
    what = "cannot be written" if name is None or path is not None else "cannot be used"
    return InputError(f"{name if name is not None else 'a file'}: {what} ({os.strerror(error.errno or 0)}); {fix}")


def one_line(error: object) -> str:
    """What an exception of a library says, in one line of at most 300 characters; its kind where it says nothing."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def full_disk(error: Exception) -> str | None:
    """The line for a full disk that a library met and reports in an exception of its own; None for other errors."""
    full = os.strerror(errno.ENOSPC)
    return f"the disk is full ({error}); {UNWRITABLE[errno.ENOSPC]}" if full in str(error) else None


def collect_rarely() -> None:
    """Look for garbage in cycles after 100,000 new objects in place of 700.

    What a command makes most of, libraries' functions and records by the 100,000, is none: looking took a quarter of
    the time in which torch, vLLM and DeepSpeed are imported (docs/LOG.md, 2026-11-27).
    """
    gc.set_threshold(100_000, 20, 100)


def run_cli(main: Callable[[], int | None]) -> int:
    """Run an entry point's `main` and turn what it raises into an exit code.

    0 on success, 2 on `InputError` and where a disk is full or may not be written to or a package is missing (one
    line on stderr), 130 on Ctrl-C, 143 on SIGTERM, 141 when the reader of stdout went away. What KeyboardInterrupt
    carries is said too.
    """
    collect_rarely()
    try:
        with terminable():
            return main() or 0
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        known = missing_package(error) or (unwritable(error) if isinstance(error, OSError) else full_disk(error))
        if known is None:
            raise
        sys.stderr.write(f"error: {known}\n")
        return 2
    except KeyboardInterrupt as error:
        sys.stderr.write("; ".join(["interrupted", *map(str, error.args)]) + "\n")
        return 130
    except Terminated:
        sys.stderr.write("terminated\n")
        return 143


def being_run() -> None:
    """Say in one line what ends a command before `run_cli` has begun: an old Python, a missing package, Ctrl-C.

    Called by the packages where they are run (`python -m`), not where they are imported.
    """
    if sys.version_info < OLDEST:
        sys.stderr.write(
            f"error: {sys.executable} is Python {sys.version.split()[0]}, 3.11 or newer is needed; {set_up(CODE)}\n"
        )
        raise SystemExit(2)
    shown = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.stderr.write("interrupted\n")
        elif lacking := missing_package(error):
            sys.stderr.write(f"error: {lacking}\n")
            raise SystemExit(2)
        else:
            shown(kind, error, trace)

    sys.excepthook = show


def missing_package(error: BaseException) -> str | None:
    """The line for a package that is not installed; None for other errors and for this project's modules."""
    package = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package in ("", "lim", "lim_eval", "lim_selection", "eval", "train", "data"):
        return None
    return f"{package} is not installed for {sys.executable}; {set_up(CODE)}"


def set_up(folder: str | os.PathLike[str]) -> str:
    """What to do where this Python lacks a package: another Python, where the checkout in `folder` has one."""
    if INSTALLED:
        return "install limr again, with what it requires (pip install without --no-deps)"
    own, run = os.path.join(folder, ".venv"), "bash scripts/setup.sh (PYTHON names another interpreter)"
    if not os.path.exists(os.path.join(own, "bin", "python")) or os.path.realpath(own) == os.path.realpath(
        sys.prefix
    ):
        return f"run: {run}"
    return f"use {os.path.join(own, 'bin', 'python')}, or run: {run}"
