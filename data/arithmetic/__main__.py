"""Make the embedded data set: `python -m data.arithmetic [--seed 0]`; `data.arithmetic` says what is in it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from data.arithmetic import WRONG_SHARE, produce
from lim.utils.cli import Parser, between, whole
from lim.utils.errors import run_cli
from lim.utils.files import check_output


def main(argv: list[str] | None = None) -> None:
    description = "Make the embedded data set: schoolbook arithmetic, from a seed."
    parser = Parser(prog="python -m data.arithmetic", description=description)
    parser.add_argument("--seed", type=whole(0), default=0)
    parser.add_argument(
        "--wrong_share", type=between(0, 1), default=WRONG_SHARE, help="share of wrong labels in the pool"
    )
    default = Path(__file__).parents[1]
    parser.add_argument("--data_dir", type=Path, default=default, help="default: the project's data/")
    args = parser.parse_args(argv)
    check_output("--data_dir", args.data_dir, folder=True)
    produce(args.seed, args.data_dir, Console(), args.wrong_share)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
