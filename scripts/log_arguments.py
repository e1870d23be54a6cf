"""The command line of the scripts that study logs of finished runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from lim.prompts import PromptSet, load
from lim.utils.cli import Parser, whole
from lim.utils.files import check_output


def parser_of(description: str | None, **repeated: tuple[int, str]) -> Parser:
    """A parser with LOG …, their prompts and --json. `repeated`: flag, of a number from 2 on → (default, help)."""
    parser = Parser(description=(description or "").partition("\n\n")[0])
    parser.add_argument("logs", nargs="+", metavar="LOG", help="logs as --train_samples_path takes them")
    parser.add_argument("--original_prompts_path", metavar="PROMPTS", help="their prompts (default: all of a log's)")
    for name, (default, text) in repeated.items():
        parser.add_argument(f"--{name}", type=whole(2), default=default, help=f"{text} (default {default})")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser


def parsed(parser: Parser, argv: Sequence[str] | None) -> tuple[argparse.Namespace, PromptSet | None]:
    """(arguments, prompts). InputError for prompts that cannot be read, and outputs that cannot be written."""
    args = parser.parse_args(argv)
    for flag in ("json", "figure"):
        if path := getattr(args, flag, None):
            check_output(f"--{flag}", path)
    return args, None if args.original_prompts_path is None else load(args.original_prompts_path)
