"""The doctor's visit: a recipe's needs, the machines asked, their lines put together; and the table."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from lim.prompts.find import hub_id
from lim.utils.errors import InputError, one_line
from lim.utils.makers import how_to_make
from lim.utils.ray import carried
from train import cpu, gpu
from train.doctor.checks import Line, Needs, cluster_lines, machine_lines
from train.doctor.machine import Machine, Question, collect, collect_on_node
from train.recipe import memory, recipe
from train.recipe.resolve import Resolved, resolve
from train.run.environment import CARRIED, logs_to_wandb
from train.run.gpus import connect

RESERVED = {"offered": "GPU", "cpus": "CPU"}  # of Machine: what Ray hands out on a node
ANSWERS = 300.0  # seconds for all nodes to answer: loading flash-attn takes some


def examine(
    name: str | None, changes: Sequence[str] = (), *, without: Sequence[str] = (), on_gpus: bool = False
) -> list[Line]:
    """The lines for a recipe, or for none, of this machine or of the cluster that RAY_ADDRESS names."""
    if name is None:
        return visit(None, without=without, on_gpus=on_gpus)
    try:
        resolved = resolve(recipe.load(name, *recipe.split(changes)))
    except InputError as error:
        return [Line("recipe", "error", name, str(error)), *visit(None, without=without, on_gpus=on_gpus)]
    return visit(resolved, without=without)


def visit(resolved: Resolved | None, *, without: Sequence[str] = (), on_gpus: bool = False) -> list[Line]:
    """The lines for a resolved recipe, or for none. `without`: "packages" that are not installed yet, "data"."""
    needs = needs_of(resolved, installed="packages" not in without)
    if resolved is None and (on_gpus or gpu.available_gpus()):
        needs = replace(needs, gpu=True)
    lines = [] if resolved is None else [*recipe_lines(resolved)]
    if resolved is not None and "data" not in without:
        lines += data_lines(resolved)
    address = os.environ.get("RAY_ADDRESS")
    question = ask(None if "data" in without else resolved, needs)
    try:
        with marked(resolved.run_dir if address and resolved is not None else None) as token:
            question = replace(question, token=token)
            machines, silent = on_every_node(address, question) if address else ([collect(question)], [])
    except InputError as error:
        return [*lines, Line("cluster", "error", address or "", str(error))]
    lines += silent
    needs = sized(needs, resolved, machines)
    for machine in machines:
        if needs.gpu and not machine.gpus and any(other.gpus for other in machines):
            found: Iterable[Line] = [Line("GPUs", "ok", "none, so no model is placed there")]
        else:
            found = machine_lines(machine, needs)
        lines += [replace(line, node=machine.name) for line in found]
    lines += cluster_lines(machines, needs)
    return together(lines, len(machines))


def needs_of(resolved: Resolved | None, *, installed: bool) -> Needs:
    """What is needed, sizes apart."""
    if resolved is None:
        return Needs(gpu=False, run=False, installed=installed)
    chosen, get = resolved.recipe, resolved.recipe.get
    return Needs(
        gpu=chosen.run.device == "gpu",
        run=True,
        installed=installed,
        adam_offload=bool(get("ds.adam_offload")),
        colocated=bool(get("train.colocate_all")) and chosen.run.device == "gpu",
        shared=bool(get("train.colocate_all") or get("train.colocate_actor_ref")),
        cluster=bool(os.environ.get("RAY_ADDRESS")),
        gpus=resolved.gpus,
        per_node=get("vllm.tensor_parallel_size"),
        engines=get("vllm.num_engines"),
    )


def sized(needs: Needs, resolved: Resolved | None, machines: Sequence[Machine]) -> Needs:
    """The needs with the plan's sizes, for GPUs as large as the smallest that were found."""
    if resolved is None:
        return needs
    smallest = min((item.memory for machine in machines for item in machine.gpus if item.memory), default=None)
    if smallest is not None:
        run = replace(resolved.recipe.run, gpu_memory=smallest / memory.GIB)
        resolved = replace(resolved, recipe=replace(resolved.recipe, run=run))
    planned = memory.memory_plan(resolved)
    if planned is None:
        return needs
    gpu_memory = max(planned.gpu_train, planned.gpu_generate)
    if planned.engine > planned.engine_share:  # vLLM takes no more than its share, however much is free
        gpu_memory = max(gpu_memory, round(planned.engine / resolved.recipe.get("vllm.gpu_memory_utilization")))
    return replace(needs, gpu_memory=gpu_memory if needs.gpu else None, host_memory=planned.host, disk=planned.disk)


def ask(resolved: Resolved | None, needs: Needs) -> Question:
    """What to look for on each machine; of no model or folder where no run is named."""
    variables = gpu.environment(adam_offload=needs.adam_offload)
    if os.environ.get("RAY_ADDRESS"):
        del variables["PATH"]  # Ray carries none to another node
        variables = carried(*CARRIED)["env_vars"] | variables
    operations: tuple[str, ...] = tuple(gpu.OPERATIONS if needs.gpu else cpu.OPERATIONS)
    if needs.run and needs.gpu:
        operations = operations[1:] if needs.adam_offload else operations[:1]
    models = () if resolved is None else tuple(filter(None, dict.fromkeys((resolved.actor, resolved.critic))))
    folder = str(Path.cwd() if resolved is None else resolved.run_dir)
    return Question(
        variables,
        folder,
        models,
        operations * needs.installed,
        flash_attn=needs.gpu and needs.installed,
        wandb=needs.run and logs_to_wandb(),
        compiles=needs.gpu and resolved is not None and not resolved.recipe.get("vllm.enforce_eager"),
    )


def recipe_lines(resolved: Resolved) -> Iterable[Line]:
    """What holds of a recipe that could be resolved: its batches, placement and heads were checked."""
    yield Line("recipe", "ok", resolved.recipe.run.name)
    shape, split = resolved.shape, resolved.recipe.get("vllm.tensor_parallel_size")
    if shape is not None:
        heads = f"{shape.num_attention_heads} attention, {shape.num_key_value_heads} key-value"
        yield Line("head counts", "ok", f"{heads}, {split} GPU{'s' * (split > 1)} per engine")
    elif split > 1:
        fix = (
            "a size that the model's heads do not divide by fails in vLLM; run.shape says them (configs/train/model)"
        )
        yield Line("head counts", "warning", f"not known, {split} GPUs per engine", fix)


@contextmanager
def marked(folder: Path | None) -> Iterator[str]:
    """The name of a file that is there meanwhile, in `folder` or where it would be made; none where that fails."""
    while folder is not None and not folder.exists():
        folder = folder.parent
    with ExitStack() as stack:
        token = ""
        if folder is not None:
            with suppress(OSError):
                token = stack.enter_context(tempfile.NamedTemporaryFile(dir=folder, prefix=".lim-doctor-")).name
        yield token


def data_lines(resolved: Resolved) -> Iterable[Line]:
    """The prompt files, which this machine alone reads."""
    run = resolved.recipe.run
    for path in dict.fromkeys(filter(None, (run.prompt_file, run.val_file))):
        if Path(path).exists():
            yield Line("data", "ok", path)
        elif hub_id(path) is not None:
            yield Line("data", "ok", f"{path}, a set of the hub")
        else:
            yield Line("data", "error", f"{path}: no such file", how_to_make(path).removeprefix("; "))


def on_every_node(address: str, question: Question) -> tuple[list[Machine], list[Line]]:
    """Every living node's answer, this machine's first, and lines for nodes that gave none."""
    ray = connect(address, 5)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    try:
        here = ray.get_runtime_context().get_node_id()
        nodes = sorted((node for node in ray.nodes() if node["Alive"]), key=lambda node: node["NodeID"] != here)
        remote = ray.remote(num_cpus=0, runtime_env={"env_vars": dict(question.environment)})(collect_on_node)
        asked = [
            remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
                question
            )
            for node in nodes
        ]
        ray.wait(asked, num_returns=len(asked), timeout=ANSWERS)
        machines, silent = [], []
        addresses = [node["NodeManagerAddress"] for node in nodes]
        for node, answer in zip(nodes, asked, strict=True):
            name = node["NodeManagerAddress"]
            if addresses.count(name) > 1:  # several nodes on one machine, as in a trial
                name += f" ({node['NodeID'][:6]})"
            try:
                given = {key: int(node["Resources"].get(kind, 0)) for key, kind in RESERVED.items()}
                machines.append(replace(ray.get(answer, timeout=0), name=name, **given))
            except Exception as error:
                cause = one_line(getattr(error, "cause", None) or error)
                fix = "it needs this folder and its .venv at the same path; look at its Ray's output"
                silent.append(Line("node", "error", f"gave no answer ({cause})", fix, name))
        return machines, silent
    finally:
        ray.shutdown()


def together(lines: Sequence[Line], machines: int) -> list[Line]:
    """Lines that are the same on several machines as one; with no name where they are the same on all."""
    order = {line.check: at for at, line in reversed(list(enumerate(lines)))}
    nodes: dict[Line, list[str]] = {}
    for line in sorted(lines, key=lambda line: order[line.check]):
        nodes.setdefault(replace(line, node="", fix=line.fix * (line.state != "ok")), []).append(line.node)
    return [
        replace(line, node="" if len(names) == machines and "" not in names else ", ".join(filter(None, names)))
        for line, names in nodes.items()
    ]


def show(console: Console, lines: Sequence[Line]) -> None:
    """Print the table."""
    width = max(len(line.check) for line in lines)
    for line in lines:
        where = f"{line.node}: " if line.node else ""
        colour = {"ok": "green", "warning": "yellow", "error": "red"}[line.state]
        console.print(f"[{colour}]{line.state:<7}[/]  ", end="")
        console.print(f"{line.check:<{width}}  {where}{line.found}", markup=False)
        if line.fix:
            console.print(f"{'':<7}  {'':<{width}}  → {line.fix}", markup=False)
    counts = {state: sum(line.state == state for line in lines) for state in ("error", "warning")}
    said = [f"{count} {state}{'s' * (count > 1)}" for state, count in counts.items() if count]
    console.print(", ".join(said) or "nothing is missing", style="bold")


def refuse(resolved: Resolved, console: Console) -> None:
    """Before a run on GPUs: print what is not ok. InputError where something is missing that the run needs."""
    lines = [line for line in visit(resolved) if line.state != "ok"]
    if not lines:
        return
    show(console, lines)
    errors = [line for line in lines if line.state == "error"]
    if errors:
        first = errors[0]
        where = f"{first.node}: " if first.node else ""
        raise InputError(f"{first.check}: {where}{first.found}; {first.fix} (all checks: bash scripts/doctor.sh)")
