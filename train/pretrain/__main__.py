r"""Make the tiny base model of an embedded set: a Llama, or a Qwen3, of 1M parameters.

    python -m train.pretrain [--output_path data/models/arithmetic-base] [--seed 0] [--batch 128] [--force]
    python -m train.pretrain --task letters                            data/models/letters-base
    python -m train.pretrain --architecture qwen3                      data/models/arithmetic-qwen3-base
    python -m train.pretrain --hidden_size 256                         data/models/arithmetic-256-base (3.8M)

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

HEAD_WIDTH = 32


def main(argv: list[str] | None = None) -> None:
    parser = Parser(prog="python -m train.pretrain", description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=("arithmetic", "letters"), default="arithmetic", help="the embedded set")
    parser.add_argument("--architecture", choices=("llama", "qwen3"), default="llama")
    parser.add_argument("--output_path", type=Path, help="default: data/models/<task>[-qwen3][-256]-base")
    parser.add_argument(
        "--hidden_size", type=whole(HEAD_WIDTH, 1024), help="default: 128; twice it: four times the parameters"
    )
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), help="default: 0")
    parser.add_argument("--batch", type=int, help="problems per step (default: 128); fewer is quicker")
    parser.add_argument("--overwrite", action="store_true", help="make it again even where it is up to date")
    parser.alias("--out", "--output_path")
    parser.alias("--force", "--overwrite")
    args = parser.parse_args(argv)
    if args.output_path is None:
        kind = "" if args.architecture == "llama" else f"-{args.architecture}"
        kind += f"-{args.hidden_size}" if args.hidden_size else ""
        args.output_path = Path(__file__).parents[2] / "data" / "models" / f"{args.task}{kind}-base"
    check_output("--output_path", args.output_path, folder=True)

    from train.pretrain.base import ensure
    from train.pretrain.model import REPLICAS, PretrainSettings

    given = {
        key: value for key in ("task", "architecture", "seed", "batch") if (value := getattr(args, key)) is not None
    }
    if size := args.hidden_size:  # as wide in each head, and as flat, as the default
        if size % (2 * HEAD_WIDTH):
            raise InputError(f"--hidden_size {size}: needs a multiple of {2 * HEAD_WIDTH} (an even number of heads)")
        given |= {"hidden_size": size, "intermediate_size": 7 * size // 2, "heads": size // HEAD_WIDTH}
    settings = PretrainSettings(**given)
    if settings.batch < REPLICAS:
        raise InputError(f"--batch {settings.batch}: needs at least {REPLICAS}")
    ensure(args.output_path, settings, force=args.overwrite)


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
