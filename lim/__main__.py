"""The command `lim`, installed or as `python -m lim`: starts the command that is named first."""

from __future__ import annotations

import argparse
import importlib
import sys

from lim.utils.cli import Parser, listed
from lim.utils.errors import run_cli
from lim.utils.paths import CODE, INSTALLED

# Command → its module and what it does. By name, and imported when asked for: lim depends on none of them.
COMMANDS = {
    "select": ("lim_selection", "choose prompts by the rewards of a training run"),
    "stability": ("lim.stability.__main__", "how far a choice depends on threshold, epochs and samples"),
    "compare-selections": ("lim.report.__main__", "two selections side by side: overlap, moved prompts, a page"),
    "view": ("eval.view", "look at a run in the browser: responses, suspected labels, a training as it goes"),
    "grade": ("eval.grader.__main__", "whether an answer equals the reference answer, and why"),
    "compare": ("eval.compare", "evaluated models side by side, differences with error bars"),
}


def main() -> int | None:
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        name = sys.argv.pop(1)
        sys.argv[0] = f"lim {name}"  # what the command's own help calls it
        module = COMMANDS[name][0]
        if INSTALLED:
            module = module.replace("eval.", "lim_eval.", 1)
        else:
            sys.path.insert(0, str(CODE))  # the eval/ beside this lim/, whatever the working folder holds
        return importlib.import_module(module).main()
    lines = [f"  {name:20}{what}" for name, (_, what) in COMMANDS.items()]
    parser = Parser(
        prog="lim",
        usage="lim COMMAND [--help] …",
        description="Choose reinforcement-learning data by Learning Impact Measurement (LIM, arXiv 2502.11886).",
        epilog="\n".join(["commands:", *lines, "", "lim COMMAND --help lists the flags of a command."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("COMMAND", choices=COMMANDS, help=argparse.SUPPRESS)
    if not sys.argv[1:]:
        parser.error(f"name a command: {listed(list(COMMANDS))}; lim --help says what they do")
    parser.parse_args(sys.argv[1:2])
    return None


def run() -> int:
    """Entry point of the installed command."""
    return run_cli(main)


if __name__ == "__main__":
    raise SystemExit(run())
