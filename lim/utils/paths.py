"""Where the project lies: a checkout, or packages that pip installed."""

from pathlib import Path

CODE = Path(__file__).resolve().parents[2]  # the folder that holds lim/
INSTALLED = (CODE / "lim_eval").is_dir()  # pip installs eval/ under this name
ROOT = Path.cwd() if INSTALLED else CODE  # where data/ and configs/ are looked for


def shown(path: str | Path) -> str:
    """A path as a person in the project's folder would type it."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
