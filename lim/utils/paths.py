"""Where the project lies: a checkout, or packages that pip installed."""

from __future__ import annotations  # a Python that is too old gets as far as being told so

import os
import sys
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]  # the folder that holds lim/
INSTALLED = (CODE / "lim_eval").is_dir()  # pip installs eval/ under this name
ROOT = Path.cwd() if INSTALLED else CODE  # where data/ and configs/ are looked for


def shown(path: str | Path) -> str:
    """A path as a person in the project's folder would type it: from the project's root where it is below it."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def is_hub_id(name: str, folder: Path = Path()) -> bool:
    """Whether a model is named as on the Hugging Face hub (owner/name) and is no folder, seen from `folder`."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not (folder / name).is_dir()


def search_path() -> str:
    """PATH with the programs of this Python's environment first: torch and FlashInfer look for ninja there."""
    own, path = str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)
    return path if path.split(os.pathsep)[0] == own else os.pathsep.join([own, path])
