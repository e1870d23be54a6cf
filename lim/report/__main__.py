"""Compare two selections of the same prompts by their scores files: overlap, prompts that moved, score against score.

    lim compare-selections limr.scores.json other.scores.json --report compared/
    python -m lim.report limr.scores.json other.scores.json --original_prompts_path prompts.json --report compared/

Writes `compared/selections.html` (one page that works offline, without a script), `selections.json`, and the scatter
plot. With the prompt file, the make-up of both choices by its columns (level, subject, …) is shown, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lim.prompts import add_prompt_flags, load, reading_of
from lim.report.figures import scores_against
from lim.report.pair import Choice, compared, facts, page, picture_of
from lim.report.style import save_figure
from lim.utils.cli import Parser, kinds
from lim.utils.errors import run_cli
from lim.utils.files import check_output, write_json, write_text


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m lim.report", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("scores", nargs=2, metavar="SCORES", help="scores files that lim select wrote")
    parser.add_argument(
        "--report", required=True, metavar="DIR", help="folder of the page, the JSON file and the figure"
    )
    parser.add_argument("--original_prompts_path", metavar="PROMPTS", help="also show the make-up by its columns")
    add_prompt_flags(parser.add_argument)
    parser.add_argument("--figures", type=kinds, default=("png",), metavar="KINDS", help="png, svg, pdf, or several")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int | None:
    args = parse_args(argv)
    check_output("--report", args.report, folder=True)
    one, two = (Choice.read(path) for path in args.scores)
    path = args.original_prompts_path
    found, first, second = compared(one, two, load(path, reading_of(args)) if path else None)
    folder = Path(args.report)
    figure = scores_against(first.scores_P, second.scores_P, first.chosen_P, second.chosen_P)
    written = [save_figure(figure, folder / f"selections.{kind}") for kind in args.figures]
    written.append(folder / "selections.html")
    write_text(written[-1], page(one, two, found, picture_of(figure)))
    written.append(folder / "selections.json")
    write_json(written[-1], {"files": args.scores, **found})
    console = Console(highlight=False)
    table = Table(title="two selections", title_justify="left", show_header=False)
    for row in facts(found):
        table.add_row(*row)
    console.print(table)
    for path in written:
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
