"""A verifying worker: reads one JSON list (response, answer, metadata) per line, writes the score, a text that says
what went wrong, or `null` (no score within its memory). Of a list of two answers it writes whether they are one, by
the file's `same_answer`, and of an empty list whether there is that function.

Started through eval/grader/pool.py: python -m eval.verifiers.worker SPEC DEADLINE ADDRESS_SPACE. SPEC is
`path/to/file.py:function`, or `reasoning_gym`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..grader.worker import serve

SAME = "same_answer"  # a function (one, other) → bool beside a person's own: whether answers vote together
BELOW = 1 - 1e-6  # also in the log's single precision
Function = Callable[[str, str, dict[str, Any]], Any]


def load(spec: str) -> Function:
    """A person's function; whatever its file raises is raised."""
    path, _, name = spec.rpartition(":")
    module = importlib.util.spec_from_file_location(Path(path).stem, path)
    if module is None or module.loader is None:
        raise ImportError(f"{path} is no Python file")
    loaded = importlib.util.module_from_spec(module)
    sys.modules[module.name] = loaded  # as dataclasses and pickle expect
    module.loader.exec_module(loaded)
    function = getattr(loaded, name, None)
    if not callable(function):
        raise AttributeError(f"has no function '{name}'")
    return function


def reasoning_gym(answer: str, gold: str, metadata: dict[str, Any]) -> Any:
    """A task's own score of an answer to a written item.

    Some add up parts, which rounds above 1 for answers that are not the gold one: that is not full. Some raise on an
    answer that they cannot parse: that is 0, as the items' own answers were seen to score 1.
    """
    score_answer = score_of_task(metadata["source_dataset"])
    try:
        score = score_answer(answer=answer, entry={"answer": gold, "metadata": metadata})
    except MemoryError:
        raise
    except Exception:
        return 0.0
    return BELOW if 1 < score < 1 + 1e-6 else score


@cache
def score_of_task(task: str) -> Callable[..., Any]:
    return importlib.import_module("reasoning_gym").get_score_answer_fn(task)


def said(error: BaseException, path: str) -> str:
    """An exception in one line, with the line of the person's file that it came through."""
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    where = f"line {frames[-1]}: " if frames else ""
    return f"{where}{type(error).__name__}: {' '.join(str(error).split())[:300]}".rstrip(": ")


def checked(value: Any) -> float | str:
    """A score as a number from 0 to 1, or what is wrong with it."""
    if getattr(value, "ndim", None) == 0:  # NumPy's and torch's numbers
        value = value.item()
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    return f"returned {value!r:.60} ({type(value).__name__}), not a number from 0 to 1"


def agreed(value: Any) -> bool | str:
    """What `same_answer` returned as true or false, or what is wrong with it."""
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    return value if isinstance(value, bool) else f"returned {value!r:.60} ({type(value).__name__}), not true or false"


def main() -> int:
    spec = sys.argv[-3]
    path = spec.rpartition(":")[0]

    def prepare() -> Callable[..., Any]:
        try:
            if spec == "reasoning_gym":
                importlib.import_module("reasoning_gym")
                function: Function = reasoning_gym
            else:
                function = load(spec)
        except (Exception, SystemExit) as error:
            problem = f"cannot be loaded: {said(error, path)}"
            return lambda *_: problem
        same = getattr(sys.modules.get(Path(path).stem), SAME, None)

        def answer(*question: Any) -> float | bool | str:
            """The score of (response, answer, metadata), whether two answers are one, or whether it says that."""
            if not question:
                return callable(same)
            try:
                return checked(function(*question)) if len(question) == 3 else agreed(same(*question))  # pyright: ignore
            except MemoryError:
                raise
            except (Exception, SystemExit) as error:
                return f"raised {said(error, path)}"

        return answer

    return serve(prepare, beside=True)


if __name__ == "__main__":
    raise SystemExit(main())
