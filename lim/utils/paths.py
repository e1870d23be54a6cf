"""Where the project lies: a checkout, or packages that pip installed."""

from pathlib import Path

CODE = Path(__file__).resolve().parents[2]  # the folder that holds lim/
INSTALLED = (CODE / "lim_eval").is_dir()  # pip installs eval/ under this name
ROOT = Path.cwd() if INSTALLED else CODE  # where data/ and configs/ are looked for
