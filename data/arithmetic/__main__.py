"""Make the embedded data set: `python -m data.arithmetic [--seed 0]`; `data.arithmetic` says what is in it."""

from __future__ import annotations

from data.arithmetic import EMBEDDED
from lim.utils.errors import run_cli


def main(argv: list[str] | None = None) -> None:
    EMBEDDED.command("Make the embedded data set: schoolbook arithmetic, from a seed.", argv)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
