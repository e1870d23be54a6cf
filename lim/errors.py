"""The one way bad input is reported: one line that names the file, the row or key, and the mend; exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


class InputError(Exception):
    """Input that cannot be used. The message is one line: file, row or key, what is wrong, how to mend it."""


def run_cli(main: Callable[[], int | None]) -> int:
    """Run an entry point's `main` and turn what it raises into an exit code.

    0 on success, 2 on `InputError` (one line on stderr), 130 on Ctrl-C, 141 when the reader of stdout went away.
    """
    try:
        return main() or 0
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
