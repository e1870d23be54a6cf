"""Start a training run: a recipe, checked and planned, becomes OpenRLHF's PPO on Ray with every sample logged.

    python -m train.launch RECIPE [+overlay …] [key=value …] [--dry_run]

RECIPE is a file or a name under configs/train (math.8k, limr, rand, linear, arithmetic-cpu, …). An overlay is a file
or a name under configs/train/model or configs/train/placement and is laid over the recipe; `key=value` comes last.
`--dry_run` prints the plan and the exact command, and needs neither the data nor a GPU nor OpenRLHF.

A run's folder, <run.output_dir>/<run.name>, holds run.json and step_<n>.parquet (the reward log), ckpt/, final/,
tensorboard/ and openrlhf/ (the prompts as OpenRLHF reads them). An interrupted run goes on with run.resume=true.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from lim.logs import reward_log
from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from lim.utils.files import locked
from train import cluster
from train.recipe import dataset, plan, recipe, record
from train.recipe.recipe import ROOT, Recipe
from train.run import environment

# As in docs/cluster.md; it builds against the installed torch.
FLASH_ATTN = ".venv/bin/pip install --no-deps --no-build-isolation flash-attn==2.8.3"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m train.launch", description=(__doc__ or "").split("\n")[0], hint=recipe.HINT)
    parser.add_argument("recipe", help="a recipe: file, or name under configs/train")
    parser.add_argument("changes", nargs="*", metavar="+overlay|key=value", help="laid over the recipe, in order")
    parser.add_argument(
        "--dry_run", "--plan", action="store_true", help="print the plan and the command, start nothing"
    )
    arguments = parser.parse_intermixed_args(argv)
    chosen = recipe.load(arguments.recipe, *split_changes(arguments.changes))
    console = Console(highlight=False, soft_wrap=True)
    if arguments.dry_run:
        return dry_run(chosen, console)
    return launch(chosen, console)


def split_changes(changes: Sequence[str]) -> tuple[list[str], list[str]]:
    """(overlays, overrides) of `+overlay` and `key=value` arguments."""
    overlays = [change[1:] for change in changes if change.startswith("+")]
    return overlays, [change for change in changes if not change.startswith("+")]


def launch(chosen: Recipe, console: Console) -> int:
    """Check everything, write the run's folder, and hand over to `train.run.supervise`. Its exit code."""
    from eval.grader import equal

    if not chosen.flags_checked:
        raise InputError("OpenRLHF is not installed here: bash scripts/setup.sh (or: bash scripts/setup.sh gpu)")
    run = chosen.run
    run_dir = folder(chosen)
    plan.check_batches(chosen)
    gpus = plan.gpu_roles(chosen)[1]
    cluster.check_gpus(chosen, gpus)
    if run.device == "gpu" and importlib.util.find_spec("flash_attn") is None:
        raise InputError(f"flash-attn is not installed here, and OpenRLHF needs it on a GPU: {FLASH_ATTN}")
    record.check_existing(chosen, run_dir)
    model = need_model(chosen)
    need_critic(chosen, model)
    data = dataset.load(run, equal)
    parameters = plan.parameters_of(chosen, model)
    planned = plan.make_plan(chosen, len(data.train), parameters, validation=bool(data.validation))
    command = build_command(complete(chosen, planned, run_dir, validation=bool(data.validation)))
    variables = build_environment(chosen, run_dir, gpus)
    with locked(run_dir / ".lock", f"{run_dir}: another training is writing it; wait for it, or end it"):
        previous = record.check_existing(chosen, run_dir)  # another training may have come and gone meanwhile
        show(console, chosen, planned, run_dir, describe(data, run))
        dataset.write(run_dir / "openrlhf" / "prompts.jsonl", data.train, run.system_prompt)
        if data.validation:
            dataset.write(run_dir / "openrlhf" / "val.jsonl", data.validation, run.system_prompt)
        reward_log.write_run(run_dir, record.describe(chosen, planned, data, command, previous))

        from train.run import supervise

        return supervise.run(command, variables, run_dir, run_dir / "final")


def dry_run(chosen: Recipe, console: Console) -> int:
    """Print the plan and the exact command; where the prompt files are not here, for the count known beforehand."""
    run = chosen.run
    run_dir = folder(chosen)
    notes: dict[str, str] = {}
    files = [run.prompt_file, *([run.val_file] if run.val_file else [])]
    absent = [path for path in files if not Path(path).exists()]
    if absent:
        if run.expect_prompts is None:
            dataset.need(absent[0])
        count, validation = run.expect_prompts or 0, run.val_file is not None
        notes["prompts"] = f" (a count known beforehand; not here: {', '.join(dict.fromkeys(absent))})"
        if run.val_file:
            notes["validation"] = f"{run.val_size or 'all'} prompts of {run.val_file}, left out of training"
    else:
        from eval.grader import equal

        data = dataset.load(run, equal)
        count, validation = len(data.train), bool(data.validation)
        notes = describe(data, run)
    parameters = plan.parameters_of(chosen, model_path(chosen))
    planned = plan.make_plan(chosen, count, parameters, validation=validation)
    show(console, chosen, planned, run_dir, notes)
    command = build_command(complete(chosen, planned, run_dir, validation=validation))
    if run.device == "cpu":
        console.print("# with the environment of train/cpu/__init__.py, and:", markup=False)
    for name, value in own_environment(chosen, run_dir).items():
        console.print(f"{name}={shlex.quote(value)} \\", markup=False)
    console.print(one_flag_a_line(command), markup=False)
    return 0


def folder(chosen: Recipe) -> Path:
    """The run's folder."""
    return (Path(chosen.run.output_dir) / chosen.run.name).resolve()


def model_path(chosen: Recipe) -> str:
    """The actor's model: a hub id (owner/name) as it is, anything else as an absolute path."""
    name = chosen.get("actor.model_name_or_path")
    if not name:
        raise InputError("actor.model_name_or_path: not set; a hub id (owner/name) or a model folder")
    return absolute_model(name)


def absolute_model(name: str) -> str:
    is_path = Path(name).is_dir() or name.startswith((".", "/", "~")) or name.count("/") != 1
    return str(Path(name).expanduser().resolve()) if is_path else name


def need_model(chosen: Recipe) -> str:
    """`model_path`, refused where it is a folder that is not there."""
    return present(model_path(chosen), chosen.flags["actor.model_name_or_path"])


def need_critic(chosen: Recipe, actor: str) -> None:
    """Refuse a critic of its own (OpenRLHF takes the actor's model else) that is not there or reads other tokens."""
    name = chosen.get("critic.model_name_or_path")
    if name and "critic" in plan.gpu_roles(chosen)[0]:
        plan.check_vocabularies(actor, present(absolute_model(name), f"critic.model_name_or_path: {name}"))


def present(model: str, name: str) -> str:
    """`model`, refused as `name` where it is a folder that is not there."""
    if model.startswith("/") and not (Path(model) / "config.json").is_file():
        hint = "make it with: python -m train.pretrain" if Path(model).name == "arithmetic-base" else "check the path"
        raise InputError(f"{name}: no model there (no config.json); {hint}")
    return model


def complete(chosen: Recipe, planned: plan.Plan, run_dir: Path, *, validation: bool) -> dict[str, Any]:
    """The recipe's flags with those that follow from the run: data, folders, epochs, seed, warm-up."""
    flags = dict(chosen.flags)
    for name in ("actor.model_name_or_path", "critic.model_name_or_path"):
        if flags.get(name):
            flags[name] = absolute_model(flags[name])
    if str(flags.get("reward.remote_url", "")).endswith(".py"):
        flags["reward.remote_url"] = str(ROOT / flags["reward.remote_url"])
    ratio = plan.warmup_ratio(planned, chosen.run.warmup_steps)
    flags |= {
        "data.prompt_dataset": str(run_dir / "openrlhf" / "prompts.jsonl"),
        "data.input_key": "messages",
        "data.label_key": "label",
        "data.apply_chat_template": True,
        "eval.dataset": str(run_dir / "openrlhf" / "val.jsonl") if validation else None,
        "train.num_episodes": planned.epochs,
        "train.seed": chosen.run.seed,
        "actor.lr_warmup_ratio": ratio,
        "critic.lr_warmup_ratio": ratio,
        "ckpt.path": str(run_dir / "ckpt"),
        "ckpt.output_dir": str(run_dir / "final"),
        "ckpt.load_enable": chosen.run.resume,
        "logger.tensorboard_dir": str(run_dir / "tensorboard"),
        "logger.wandb.run_name": chosen.run.name,
    }
    if os.environ.get("WANDB_API_KEY") and importlib.util.find_spec("wandb"):
        # The library reads the key itself; the flag only switches logging on, so that no key is written anywhere.
        flags["logger.wandb.key"] = "from-environment"
    return flags


def build_command(flags: dict[str, Any]) -> list[str]:
    """OpenRLHF's command line, through the trainer that logs."""
    return [sys.executable, "-m", "train.ppo", *recipe.to_arguments(flags)]


def own_environment(chosen: Recipe, run_dir: Path) -> dict[str, str]:
    """What the trainer reads from its environment."""
    own = ("seed", "log_responses", "keep_checkpoints", "resume")
    return environment.write(run_dir=run_dir, **{name: getattr(chosen.run, name) for name in own})


def build_environment(chosen: Recipe, run_dir: Path, gpus: int) -> dict[str, str]:
    """Variables to add to the run's environment; workers import the reward from the repository."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    variables = {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    if chosen.run.device == "cpu":
        from train import cpu

        variables |= cpu.environment(gpus)
    return variables | own_environment(chosen, run_dir)


def one_flag_a_line(command: Sequence[str]) -> str:
    """A command as a shell reads it, one flag a line."""
    lines = [" ".join(map(shlex.quote, command[:3]))]
    for word in command[3:]:
        if word.startswith("--"):
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {shlex.quote(word)}"
    return " \\\n".join(lines)


def describe(data: dataset.Dataset, run: recipe.RunConfig) -> dict[str, str]:
    """What to say about the prompts and the validation split."""
    left_out = []
    if data.dropped:
        left_out.append(f"{len(data.dropped)} with a bad label left out: {', '.join(data.dropped[:3])}")
    if data.held_out:
        left_out.append(f"{len(data.held_out)} held out for validation")
    notes = {"prompts": f" ({'; '.join([f'{data.rows:,} rows', *left_out])})" if left_out else ""}
    if data.validation:
        notes["validation"] = f"{len(data.validation)} prompts of {run.val_file}"
    return notes


def show(console: Console, chosen: Recipe, planned: plan.Plan, run_dir: Path, notes: dict[str, str]) -> None:
    """Print the plan."""
    lines = plan.rows(chosen, planned, run_dir, notes)
    width = max(len(label) for label, _ in lines)
    console.print(f"run {chosen.run.name}", style="bold", markup=False)
    for label, text in lines:
        console.print(f"  {label:<{width}}  {text}", markup=False)
    if not chosen.flags_checked:
        console.print("OpenRLHF is not installed here: its flags were not checked")
    console.print()


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
