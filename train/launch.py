"""Start a training run: a recipe, checked and planned, becomes OpenRLHF's PPO on Ray with every sample logged.

    python -m train.launch RECIPE [+overlay …] [key=value …] [--dry_run]

RECIPE is a file or a name under configs/train (math.8k, limr, rand, linear, arithmetic-cpu, …). An overlay is a file
or a name under configs/train/model or configs/train/placement and is laid over the recipe; `key=value` comes last.
`--dry_run` prints the plan and the exact command, and needs neither the data nor a GPU nor OpenRLHF.

A run's folder, <run.output_dir>/<run.name>, holds run.json and step_<n>.parquet (the reward log), ckpt/, final/,
tensorboard/ and openrlhf/ (the prompts as OpenRLHF reads them). An interrupted run resumes with run.resume=true.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from lim.logs import reward_log
from lim.prompts.find import hub_id
from lim.utils.cli import Parser
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output, locked
from lim.utils.paths import ROOT
from train.cpu import release_locks
from train.doctor import examine
from train.recipe import choice, dataset, memory, model, plan, recipe, record
from train.recipe.resolve import Resolved, resolve
from train.run import environment, gpus


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m train.launch", description=(__doc__ or "").split("\n")[0], hint=recipe.HINT)
    parser.add_argument("recipe", help="a recipe: file, or name under configs/train")
    parser.add_argument(
        "changes", nargs="*", metavar="+overlay|key=value", help="changes to the recipe, in order; later ones win"
    )
    parser.add_argument(
        "--dry_run", "--plan", action="store_true", help="print the plan and the command, start nothing"
    )
    arguments = parser.parse_intermixed_args(argv)
    resolved = resolve(recipe.load(arguments.recipe, *recipe.split(arguments.changes)))
    console = Console(highlight=False, soft_wrap=True)
    return dry_run(resolved, console) if arguments.dry_run else launch(resolved, console)


def launch(resolved: Resolved, console: Console) -> int:
    """Check everything, write the run's folder, and hand over to `train.run.supervise`. Its exit code."""
    from eval.grader import equal

    chosen, run_dir = resolved.recipe, resolved.run_dir
    if not chosen.flags_checked:
        raise InputError("OpenRLHF is not installed here: bash scripts/setup.sh (or: bash scripts/setup.sh gpu)")
    run, needed = chosen.run, memory.check(resolved)
    gpus.check_gpus(chosen, resolved.gpus)
    check_output("run.output_dir", run_dir, folder=True)
    previous = record.check_existing(chosen, run_dir)
    resolved.check_paths()
    resolved.need_packages()
    resolved.need_models()
    data = dataset.load(run, equal)
    record.check_verifiers(chosen, previous, data)
    planned = plan.make_plan(resolved, len(data.train))
    if run.select is not None:
        choice.check_ids(run.select, [row["id"] for row in data.train])
    if run.device == "gpu":
        examine.refuse(resolved, console)
    command = build_command(complete(resolved, planned, validation=bool(data.validation)))
    variables = build_environment(resolved)
    with locked(run_dir / ".lock", f"{run_dir}: another training is writing it; wait for it, or end it"):
        previous = record.check_existing(chosen, run_dir)  # another training may have come and gone meanwhile
        show(console, resolved, planned, needed, describe(data, run))
        dataset.write(run_dir / "openrlhf" / "prompts.jsonl", data.train, run.system_prompt)
        if data.validation:
            dataset.write(run_dir / "openrlhf" / "val.jsonl", data.validation, run.system_prompt)
        if run.device == "cpu":
            release_locks(Path(variables["TORCH_EXTENSIONS_DIR"]))
        reward_log.write_run(run_dir, record.describe(chosen, planned, data, command, previous))

        from train.run import supervise

        return supervise.run(command, variables, run_dir, run_dir / "final")


def dry_run(resolved: Resolved, console: Console) -> int:
    """Print the plan and the exact command; where the prompt files are not here, for the count known beforehand."""
    run, needed = resolved.recipe.run, memory.check(resolved)
    notes: dict[str, str] = {}
    files = [run.prompt_file, *([run.val_file] if run.val_file else [])]
    absent = [path for path in files if not Path(path).exists() and (run.expect_prompts or hub_id(path) is None)]
    if absent:
        if run.expect_prompts is None:
            dataset.need(absent[0])
        count, validation = run.expect_prompts or 0, run.val_file is not None
        notes["prompts"] = f" (a count known beforehand; not here: {', '.join(dict.fromkeys(absent))})"
        if run.val_file:
            notes["validation"] = f"{run.val_size or 'all'} prompts of {run.val_file}, held out of training"
    else:
        from eval.grader import equal

        data = dataset.load(run, equal)
        count, validation = len(data.train), bool(data.validation)
        notes = describe(data, run)
    planned = plan.make_plan(resolved, count)
    show(console, resolved, planned, needed, notes)
    command = build_command(complete(resolved, planned, validation=validation))
    if run.device == "cpu":
        console.print("# with the environment of train/cpu/__init__.py, and:", markup=False)
    for name, value in own_environment(resolved).items():
        console.print(f"{name}={shlex.quote(value)} \\", markup=False)
    console.print(one_flag_a_line(command), markup=False)
    return 0


def complete(resolved: Resolved, planned: plan.Plan, *, validation: bool) -> dict[str, Any]:
    """The recipe's flags with those that follow from the run: data, folders, epochs, seed, warm-up."""
    chosen, run_dir = resolved.recipe, resolved.run_dir
    flags = dict(chosen.flags)
    for name in ("actor.model_name_or_path", "critic.model_name_or_path"):
        if flags.get(name):
            flags[name] = model.absolute(flags[name])
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
    if environment.logs_to_wandb():
        # The library reads the key itself; the flag only switches logging on, so that no key is written anywhere.
        flags["logger.wandb.key"] = "from-environment"
    return flags


def build_command(flags: dict[str, Any]) -> list[str]:
    """OpenRLHF's command line, through the trainer that logs."""
    return [sys.executable, "-m", "train.ppo", *recipe.to_arguments(flags)]


def own_environment(resolved: Resolved) -> dict[str, str]:
    """What the trainer reads from its environment."""
    own = ("seed", "format_rules", "log_responses", "keep_checkpoints", "resume")
    run = resolved.recipe.run
    told = {name: getattr(run, name) for name in own}
    if run.select is not None:
        told["select_from"] = Path.cwd()
    if run.optimizer_steps is not None:
        told["optimizer_steps"] = run.optimizer_steps
    return environment.write(run_dir=resolved.run_dir, **told) | environment.of_run(run)


def build_environment(resolved: Resolved) -> dict[str, str]:
    """Variables to add to the run's environment."""
    if resolved.recipe.run.device == "cpu":
        from train import cpu

        return cpu.environment(resolved.gpus) | own_environment(resolved)
    from train import gpu

    chosen = gpu.environment(adam_offload=resolved.recipe.get("ds.adam_offload"))
    return chosen | environment.write(gpus=resolved.gpus) | own_environment(resolved)


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
    notes_on_rows = []
    if data.dropped:
        why = "with a bad label, or listed in run.drop_ids," if run.drop_ids else "with a bad label"
        notes_on_rows.append(f"{len(data.dropped)} {why} dropped: {', '.join(data.dropped[:3])}")
    if data.held_out:
        notes_on_rows.append(f"{len(data.held_out)} held out for validation")
    notes = {"prompts": f" ({'; '.join([f'{data.rows:,} rows', *notes_on_rows])})" if notes_on_rows else ""}
    if data.validation:
        notes["validation"] = f"{len(data.validation)} prompts of {run.val_file}"
    if data.doubtful:
        notes["prompts"] += f"; {len(data.doubtful)} whose own answer scores below 1, such as {data.doubtful[0]}"
    if set(data.verifiers) != {"math"}:
        notes["verifiers"] = ", ".join(data.verifiers)
    return notes


def show(
    console: Console,
    resolved: Resolved,
    planned: plan.Plan,
    needed: memory.MemoryPlan | None,
    notes: dict[str, str],
) -> None:
    """Print the plan."""
    chosen, lines = resolved.recipe, plan.rows(resolved, planned, needed, notes)
    width = max(len(label) for label, _ in lines)
    console.print(f"run {chosen.run.name}", style="bold", markup=False)
    for label, text in lines:
        console.print(f"  {label:<{width}}  {text}", markup=False)
    if not chosen.flags_checked:
        console.print("OpenRLHF is not installed here: its flags were not checked")
    console.print()


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
