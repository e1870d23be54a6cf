"""The doctor: what a recipe needs against what this machine, this environment and, with RAY_ADDRESS, every node have.

    python -m train.doctor [RECIPE [+overlay …] [key=value …]] [--gpu] [--without packages|data] [--json]

scripts/doctor.sh is the way to call it. Exit code 2 where a check is an error. Needs no torch and no GPU.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from lim.utils.cli import Parser
from lim.utils.errors import run_cli
from train.doctor.examine import examine, show
from train.recipe import recipe


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m train.doctor", description=(__doc__ or "").split("\n")[0], hint=recipe.HINT)
    parser.add_argument("recipe", nargs="?", help="a recipe: file, or name under configs/train (default: none)")
    parser.add_argument(
        "changes", nargs="*", metavar="+overlay|key=value", help="changes to the recipe, in order; later ones win"
    )
    parser.add_argument(
        "--without",
        action="append",
        choices=("packages", "data"),
        default=[],
        help="skip what scripts/setup.sh installs and builds, or prompts and models; may be repeated",
    )
    parser.add_argument("--gpu", action="store_true", help="check for a run on GPUs, whatever this machine has")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    arguments = parser.parse_intermixed_args(argv)
    lines = examine(arguments.recipe, arguments.changes, without=arguments.without, on_gpus=arguments.gpu)
    failed = any(line.state == "error" for line in lines)
    if arguments.json:
        json.dump({"ok": not failed, "checks": [asdict(line) for line in lines]}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        show(Console(highlight=False, soft_wrap=True), lines)
    return 2 if failed else 0


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
