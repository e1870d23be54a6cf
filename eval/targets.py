"""What is evaluated: a step of a run of ours, or any model; where it lies and where its results go."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError
from lim.utils.files import read_json

from .settings import ROOT

OUTPUT = ROOT / "data" / "output"
CHECKPOINT = re.compile(r"global_step(\d+)_hf")
WEIGHTS = (".safetensors", ".bin")
BLOCK = 1 << 16


@dataclass(frozen=True)
class Target:
    """One model to evaluate. `label` names it in tables; results go to `folder`."""

    label: str
    model: str
    folder: Path
    run: Path | None = None
    step: int | None = None


def find(path: str) -> Path:
    """A path as given, or under the project's folder, or a run's bare name."""
    given = Path(path).expanduser()
    for candidate in (given, ROOT / given, OUTPUT / given):
        if candidate.exists():
            return candidate.resolve()
    known = sorted(child.name for child in OUTPUT.iterdir() if child.is_dir()) if OUTPUT.is_dir() else []
    there = f"runs in {OUTPUT}: {', '.join(known)}" if known else f"there is no run in {OUTPUT} yet"
    raise InputError(f"{path}: no such run; {there}")


def checkpoints(run: Path) -> dict[int, Path]:
    """step → checkpoint folder, in order of step; folders without a config.json were cut off and are left out."""
    folder = run / "ckpt"
    found = ((CHECKPOINT.fullmatch(path.name), path) for path in folder.iterdir()) if folder.is_dir() else ()
    return dict(sorted((int(m[1]), path) for m, path in found if m and (path / "config.json").is_file()))


def base_model(run: Path) -> str | None:
    """The model a run started from, as its run.json tells; None where it does not."""
    if not (run / "run.json").is_file():
        return None
    record = read_json(run / "run.json")
    recipe = record.get("recipe", {}) if isinstance(record, dict) else {}
    actor = recipe.get("actor", {}) if isinstance(recipe, dict) else {}
    name = actor.get("model_name_or_path") if isinstance(actor, dict) else None
    if not isinstance(name, str):
        return None
    return str(ROOT / name) if (ROOT / name).is_dir() else name


def of_run(path: str, step: str, output: Path | None = None) -> list[Target]:
    """Targets of a run: `step` is a number, final, best, or all (with the base model as step 0 where it is known).

    Raises InputError, listing the steps there are.
    """
    run = find(path)
    steps = checkpoints(run)
    final = run / "final"
    has_final = (final / "config.json").is_file()
    if not steps and not has_final:
        raise InputError(
            f"{run}: no checkpoint here (looked for ckpt/global_step<N>_hf and final); is it a run's folder?"
        )
    folder = output or run / "eval"
    base = base_model(run)

    def target(name: str, model: str | Path, number: int | None) -> Target:
        return Target(f"{run.name}:{name}", str(model), folder / name, run, number)

    if step == "all":
        at_start = [target("0", base, 0)] if base and 0 not in steps else []
        last = _last_step(run)
        at_end = [target("final", final, last)] if has_final and last is not None and last not in steps else []
        found = [*at_start, *(target(str(number), steps[number], number) for number in steps), *at_end]
        return found or [target("final", final, last)]
    if step == "final" and has_final:
        return [target("final", final, _last_step(run))]
    if step == "best":
        best = read_json(run / "best.json")
        if not isinstance(best, dict) or best.get("step") not in steps:
            raise InputError(f"{run / 'best.json'}: its step has no checkpoint; {there(steps, has_final, base)}")
        return [target("best", steps[best["step"]], best["step"])]
    if step == "0" and base and 0 not in steps:
        return [target("0", base, 0)]
    if re.fullmatch("[0-9]+", step) and int(step) in steps:
        return [target(str(int(step)), steps[int(step)], int(step))]
    raise InputError(f"{run}: no step '{step}'; {there(steps, has_final, base)}")


def there(steps: dict[int, Path], has_final: bool, base: str | None) -> str:
    names = [*(["0 (the base model)"] if base and 0 not in steps else []), *map(str, steps)]
    return "there are " + ", ".join([*names, *(["final"] if has_final else []), "all"])


def _last_step(run: Path) -> int | None:
    """The last step in the run's reward log."""
    steps = [int(m[1]) for path in run.iterdir() if (m := re.fullmatch(r"step_(\d+)\.parquet", path.name))]
    return max(steps, default=None)


def of_model(model: str, output: Path | None = None) -> Target:
    """Any Hugging Face folder or hub id. Results go to data/output/<name>/eval/model unless told otherwise."""
    given = next((p for p in (Path(model).expanduser(), ROOT / model) if p.is_dir()), None)
    if given is not None:
        if not (given / "config.json").is_file():
            raise InputError(f"{given}: no config.json, so no model; for a run of ours use --run_path")
        given = given.resolve()
        # A checkpoint's own name says nothing without its run's.
        run = (
            given.parent
            if given.name == "final"
            else given.parent.parent
            if CHECKPOINT.fullmatch(given.name)
            else None
        )
        name, path = f"{run.name}-{given.name}" if run else given.name, str(given)
    elif re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model) and not model.startswith("."):
        name, path = model.replace("/", "--"), model
    else:
        raise InputError(f"{model}: no such folder, and not a hub id (owner/name)")
    return Target(name, path, output or OUTPUT / name / "eval" / "model")


def fingerprint(model: str) -> str | None:
    """A checksum of a local model: its config, and of each weight file the size and sixteen blocks spread over it.

    Enough to notice that a checkpoint was trained again, in milliseconds; None for a hub id.
    """
    folder = Path(model)
    if not folder.is_dir():
        return None
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(p for p in folder.iterdir() if p.suffix in WEIGHTS):
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        with open(path, "rb") as file:
            for i in range(16):
                file.seek(i * max(0, size - BLOCK) // 15)
                digest.update(file.read(BLOCK))
    return digest.hexdigest()


def relative(path: Path | str) -> str:
    """A path under the project, written from its root; others as they are."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def describe(target: Target) -> dict[str, Any]:
    return {
        "label": target.label,
        "model": relative(target.model) if Path(target.model).is_dir() else target.model,
        "step": target.step,
        "run": relative(target.run) if target.run else None,
    }
