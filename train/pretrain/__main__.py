r"""Make the tiny base model of the embedded default: a 1M-parameter Llama .

    python -m train.pretrain [--out data/models/arithmetic-base] [--seed 0] [--batch 128] [--force]

Two phases of next-token training on problems that are in no prompt file or benchmark (`Problem.split`): first a
textbook's worked answers (what the model knows), then a corpus like the web's, where worked, careless and malformed
answers stand side by side (what it shows); train/pretrain/corpus.py says why. Afterwards the pass rate at
temperature 1 on the training pool must lie in `PretrainSettings.band`: below it, a round more of both is added, up to
`max_rounds` times.

The folder is an ordinary Hugging Face one (weights in bf16, tokenizer with chat template, generation config).
`pretrain.json` in it records the settings, their hash and the pass rates; where the hash is what these settings give,
the command says so and does nothing. The folder is moved into place when it is complete.
"""

from __future__ import annotations

from pathlib import Path

from lim.utils.cli import Parser, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output


def main(argv: list[str] | None = None) -> None:
    parser = Parser(prog="python -m train.pretrain", description=__doc__.splitlines()[0])
    default = Path(__file__).parents[2] / "data" / "models" / "arithmetic-base"
    parser.add_argument("--output_path", type=Path, default=default, help="default: data/models/arithmetic-base")
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), help="default: 0")
    parser.add_argument("--batch", type=int, help="problems a step (default: 128); fewer: quicker")
    parser.add_argument("--overwrite", action="store_true", help="make it again even where it is up to date")
    parser.alias("--out", "--output_path")
    parser.alias("--force", "--overwrite")
    args = parser.parse_args(argv)
    check_output("--output_path", args.output_path, folder=True)

    from train.pretrain.base import ensure
    from train.pretrain.model import REPLICAS, PretrainSettings

    given = {key: value for key in ("seed", "batch") if (value := getattr(args, key)) is not None}
    settings = PretrainSettings(**given)
    if settings.batch < REPLICAS:
        raise InputError(f"--batch {settings.batch}: needs at least {REPLICAS}")
    ensure(args.output_path, settings, force=args.overwrite)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
