"""Which command makes a file or folder of the project; said where it is missing."""

from __future__ import annotations

from pathlib import Path

_SELECT = "python lim_selection.py --original_prompts_path data/prompts/"
_FROM_MATH = f"{_SELECT}math8k.json --strategy"
_FROM_ARITHMETIC = f"{_SELECT}arithmetic.json --strategy"

# By the name of the file, the run's folder or the model's folder.
MAKERS = {
    "math8k.json": "python -m data.prepare math8k",
    "limr.json": "bash scripts/lim.sh (from a FULL run's log), or the published one: python -m data.prepare limr",
    # From FULL's log: of the complete file, 329 prompts are held out for validation.
    "rand.json": f"{_FROM_MATH} random --num_prompts 1389 --seed 1 --pass_rates 0 1 "
    "--train_samples_path data/output/math.8k --output_path data/prompts/rand.json",
    "linear.json": f"{_FROM_MATH} linear --train_samples_path data/output/math.8k "
    "--output_path data/prompts/linear.json",
    "arithmetic.json": "python -m data.arithmetic",
    "arithmetic_val.json": "python -m data.arithmetic",
    "arithmetic_limr.json": f"{_FROM_ARITHMETIC} lim --train_samples_path data/output/arithmetic "
    "--output_path data/prompts/arithmetic_limr.json",
    "arithmetic_rand.json": f"{_FROM_ARITHMETIC} random --num_prompts 128 --seed 1 "
    "--output_path data/prompts/arithmetic_rand.json",
    "arithmetic_linear.json": f"{_FROM_ARITHMETIC} linear --train_samples_path data/output/arithmetic "
    "--output_path data/prompts/arithmetic_linear.json",
    "arithmetic.jsonl": "python -m data.arithmetic",
    **dict.fromkeys(("letters.json", "letters_val.json", "letters.jsonl"), "python -m data.letters"),
    "letters": "bash scripts/train.sh letters-cpu",
    "letters-base": "python -m train.pretrain --task letters",
    **{
        f"{name}.jsonl": f"python -m data.prepare {name}"
        for name in ("aime24", "amc23", "math500", "aime25", "minerva", "olympiadbench", "gsm8k")
    },
    "math.8k": "bash scripts/train_math.8k.sh",
    "arithmetic": "bash scripts/train.sh arithmetic-cpu",
    **{name: f"bash scripts/train_{name}.sh" for name in ("lim", "limr", "rand", "linear")},
    **{
        f"arithmetic_{name}": f"bash scripts/train.sh arithmetic-cpu.{name}"
        for name in ("lim", "limr", "rand", "linear")
    },
    "arithmetic-base": "python -m train.pretrain",
}


def how_to_make(path: str | Path, otherwise: str = "") -> str:
    """`; make it with: …`, by the name of what is missing; `; ` and `otherwise` for other names."""
    maker = MAKERS.get(Path(path).name)
    hint = f"make it with: {maker}" if maker else otherwise
    return f"; {hint}" if hint else ""
