"""Which command makes what: names, scripts and sets that are there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

import lim_selection
from data.sets import sources
from lim.strategies import Settings
from lim.utils.makers import MAKERS, how_to_make
from train.recipe import files, recipe

ROOT = Path(__file__).resolve().parents[3]


def test_every_prepared_set_and_every_runs_log_has_a_maker() -> None:
    for name, source in sources.SETS.items():
        file = f"{name}.jsonl" if source.kind == "benchmark" else f"{name}.json"
        assert name == "math8k_rebuilt" or f"data.prepare {name}" in MAKERS[file]
    for path in files.CONFIGS.glob("*.yaml"):
        assert recipe.load(str(path)).run.name in MAKERS


def test_makers_name_what_is_there() -> None:
    for command in MAKERS.values():
        for script in re.findall(r"bash (\S+)", command):
            assert (ROOT / script).is_file()
        for module in re.findall(r"-m (\S+)", command):
            assert (ROOT / (module.replace(".", "/") + ".py")).is_file() or (ROOT / module.replace(".", "/")).is_dir()


def test_the_hint() -> None:
    assert how_to_make("data/output/math.8k/") == "; make it with: bash scripts/train_math.8k.sh"
    assert how_to_make("mine.json") == ""
    assert how_to_make("mine.json", "check the path") == "; check the path"


def test_rand_draws_from_a_log_where_a_part_of_the_prompt_file_is_held_out() -> None:
    for path in files.CONFIGS.glob("*rand.yaml"):
        run = recipe.load(str(path)).run
        command = MAKERS[Path(run.prompt_file).name]
        file = re.search(r"--original_prompts_path (\S+)", command)
        assert file is not None
        log = re.search(r"--train_samples_path (\S+)", command)
        assert (log is not None) == (run.val_file == file[1]), path.name
        assert log is None or "--pass_rates 0 1" in command


def test_commands_of_selections_are_taken() -> None:
    for command in MAKERS.values():
        for _, flags in re.findall(r"(python lim_selection\.py) ([^;(]+)", command):
            args = lim_selection.parse_args(flags.split())
            assert msgspec.convert(vars(args), Settings).resolved().strategy == args.strategy
