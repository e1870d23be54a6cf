"""Make the second embedded data set: `python -m data.letters [--seed 0]`; `data.letters` says what is in it."""

from __future__ import annotations

from data.letters import EMBEDDED
from lim.utils.errors import run_cli


def main(argv: list[str] | None = None) -> None:
    EMBEDDED.command("Make the second embedded data set: letters to reverse, sort and count, from a seed.", argv)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
