"""The verifiers that come with the project, one row each, and those that a person declares by file and function.

To add one, write its comparison in `strict` and add a row to `ROWS`.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim import __version__
from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.files import sha256_of
from lim.utils.paths import INSTALLED
from lim.utils.text import kind_of

from . import strict
from .strict import Metadata

MATH = "math"
PACKAGE = "reasoning-gym"
HOW = (
    "pip install 'limr[reasoning-gym]'"
    if INSTALLED
    else ".venv/bin/pip install --no-deps -r requirements-reasoning-gym.txt"
)


@dataclass(frozen=True)
class Verifier:
    """One way to score a response, from 0 to 1."""

    name: str
    score: Callable[[str, str, Metadata], float] | None = None  # (answer, gold, metadata); None: asked of a worker
    equal: Callable[[str, str], bool] | None = None  # of two answers; None: by their text
    problem: Callable[[Metadata], str | None] = lambda metadata: None  # what is wrong with a record's metadata
    package: str | None = None  # whose version decides, beside the project's
    spec: str | None = None  # of a person's own: path/to/file.py:function

    @property
    def reads_response(self) -> bool:
        """Whether it is handed the complete response, not the answer in it."""
        return self.spec is not None

    def version(self) -> str:
        """What a run.json says of it: where it changes, verdicts may."""
        if self.spec:
            return f"{self.spec} sha256 {sha256_of(path_of(self.spec))}"
        used = f", {self.package} {_installed(self.package)}" if self.package else ""
        return f"limr {__version__}{used}"


def _same(score: Callable[[str, str, Metadata], float]) -> Callable[[str, str], bool]:
    return lambda one, other: score(other, one, {}) == 1


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise InputError(
            f"verifier {package.replace('-', '_')}: the package is not installed; install it with: {HOW}"
        ) from None


def _task(metadata: Metadata) -> str | None:
    task = metadata.get("source_dataset")
    return None if isinstance(task, str) and task else "metadata.source_dataset, the task's name, is not there"


ROWS = (
    Verifier(MATH, package="math-verify"),  # eval.grader, which asks workers of its own
    Verifier("choice", strict.choice, _same(strict.choice)),
    Verifier("exact", strict.exact, _same(strict.exact)),
    Verifier("numeric", strict.numeric, _same(strict.numeric), strict.numeric_problem),
    Verifier("reasoning_gym", problem=_task, package=PACKAGE),
)
VERIFIERS = {row.name: row for row in ROWS}


def path_of(spec: str) -> Path:
    return Path(spec.rpartition(":")[0])


def own(declared: Mapping[str, str], where: str) -> dict[str, Verifier]:
    """The verifiers declared, name → `path/to/file.py:function`. InputError, after `where`, for one that is none."""
    found = {}
    for name, spec in declared.items():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise InputError(f"{where}: {name!r:.60} is no name of a verifier: letters, digits and _")
        if name in VERIFIERS:
            raise InputError(f"{where}: {name} is a verifier of the project; give yours another name")
        match = re.fullmatch(r"(.+\.py):([A-Za-z_]\w*)", spec)
        if not match:
            raise InputError(f"{where}: {name}: {spec!r:.80} is not path/to/file.py:function")
        if not Path(match[1]).is_file():
            raise InputError(f"{where}: {name}: {match[1]}: no such file")
        found[name] = Verifier(name, spec=spec)
    return found


def is_path(name: str) -> bool:
    return re.search(r"[/\\:]|\.py\b", name) is not None


def named(name: Any, known: Mapping[str, Verifier], where: str) -> Verifier:
    """The verifier that a record names. InputError for another name, and for a path: records only name verifiers."""
    if isinstance(name, str) and name in known:
        return known[name]
    if isinstance(name, str) and is_path(name):
        raise InputError(
            f"{where}: verifier {name!r:.80} is a path; a record only names a verifier: declare the path where the "
            "run or the evaluation is started (docs/verifiers.md) and give its name here"
        )
    near = did_you_mean(str(name), known)
    own = "one of your own is declared first: docs/verifiers.md"
    raise InputError(f"{where}: no verifier {name!r:.60}{near} (known: {', '.join(known)}; {own})")


def metadata_of(value: Any, where: str) -> dict[str, Any]:
    """A record's metadata: an object, or one as JSON text (a table's column); none is an empty one."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f"{where}: metadata is text that is not JSON") from None
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{where}: metadata is {kind_of(value)}, not an object")
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: metadata cannot be written as JSON ({error})") from None
