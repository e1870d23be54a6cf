"""The models to evaluate: a step of a run, or any other model; where each lies and where its results go."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lim.logs.reward_log import step_files
from lim.utils.errors import InputError
from lim.utils.files import read_json
from lim.utils.paths import ROOT, shown

OUTPUT = ROOT / "data" / "output"
CHECKPOINT = re.compile(r"global_step(\d+)_hf")
WEIGHTS = (".safetensors", ".bin")
BLOCK = 1 << 16


@dataclass(frozen=True)
class ModelRef:
    """One model to evaluate. `label` names it in tables; results go to `folder`."""

    label: str
    model: str
    folder: Path
    run: Path | None = None
    step: int | None = None

    def facts(self) -> dict[str, Any]:
        """As it stands in meta files and results; paths from the project's folder where they lie in it."""
        model = shown(self.model) if Path(self.model).is_dir() else self.model
        return {"label": self.label, "model": model, "step": self.step, "run": self.run and shown(self.run)}


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
    """step → checkpoint folder, in order of step; folders without a config.json are incomplete and skipped."""
    folder = run / "ckpt"
    found = ((CHECKPOINT.fullmatch(path.name), path) for path in folder.iterdir()) if folder.is_dir() else ()
    return dict(sorted((int(m[1]), path) for m, path in found if m and (path / "config.json").is_file()))


def verifiers_of(run: Path) -> dict[str, str]:
    """A person's verifiers that the run's recipe declares: name → path/to/file.py:function."""
    if not (run / "run.json").is_file():
        return {}
    return read_json(run / "run.json").get("recipe", {}).get("run", {}).get("verifiers", {})


def base_model(run: Path) -> str | None:
    """The model a run started from, as its run.json records it; None where it does not."""
    if not (run / "run.json").is_file():
        return None
    record = read_json(run / "run.json")
    recipe = record.get("recipe", {}) if isinstance(record, dict) else {}
    actor = recipe.get("actor", {}) if isinstance(recipe, dict) else {}
    name = actor.get("model_name_or_path") if isinstance(actor, dict) else None
    if not isinstance(name, str):
        return None
    return str(ROOT / name) if (ROOT / name).is_dir() else name


def of_run(path: str, step: str, output: Path | None = None) -> list[ModelRef]:
    """Models of a run: `step` is a number, final, best, or all (with the base model as step 0 where it is known).

    Raises InputError, listing the steps there are.
    """
    run = find(path)
    steps, base, final = checkpoints(run), base_model(run), run / "final"
    known: dict[str, tuple[str | Path, int | None]] = {"0": (base, 0)} if base and 0 not in steps else {}
    known |= {str(number): (folder, number) for number, folder in steps.items()}
    last = max((number for number, _ in step_files(run)), default=None)
    if (final / "config.json").is_file():
        known["final"] = final, last
    elif not steps:
        if (run / "config.json").is_file():
            of = f"--run_path {shown(run.parent)} --step final" if run.name == "final" else f"--model {shown(run)}"
            raise InputError(f"{run}: is a model, not a run's folder; give {of}")
        raise InputError(
            f"{run}: no checkpoint here (looked for ckpt/global_step<N>_hf and final); is it a run's folder?"
        )
    names = ["0 (the base model)" if name == "0" and 0 not in steps else name for name in known]
    there = f"there are {', '.join([*names, 'all'])}"
    if step == "best":
        if not (run / "best.json").is_file():
            raise InputError(f"{run}: no best.json, which a validation during training writes; {there}")
        best = read_json(run / "best.json")
        if not isinstance(best, dict) or best.get("step") not in steps:
            raise InputError(f"{run / 'best.json'}: its step has no checkpoint; {there}")
        known["best"] = steps[best["step"]], best["step"]
    names = [str(int(step)) if re.fullmatch("[0-9]+", step) else step]
    if step == "all":
        names = [name for name in known if name != "final" or (last is not None and last not in steps)] or ["final"]
    if names[0] not in known:
        raise InputError(f"{run}: no step '{step}'; {there}")
    folder = output or run / "eval"
    return [ModelRef(f"{run.name}:{name}", str(known[name][0]), folder / name, run, known[name][1]) for name in names]


def of_model(model: str, output: Path | None = None) -> ModelRef:
    """Any Hugging Face folder or hub id. Results go to data/output/<name>/eval/model by default."""
    given = next((p for p in (Path(model).expanduser(), ROOT / model) if p.is_dir()), None)
    if given is not None:
        if not (given / "config.json").is_file():
            raise InputError(f"{given}: no config.json, so no model; for a run's folder use --run_path")
        given = given.resolve()
        # A checkpoint's own name says nothing without its run's.
        up = 0 if given.name == "final" else 1 if CHECKPOINT.fullmatch(given.name) else None
        name, path = given.name if up is None else f"{given.parents[up].name}-{given.name}", str(given)
    elif re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model) and not model.startswith("."):
        name, path = model.replace("/", "--"), model
    else:
        raise InputError(f"{model}: no such folder, and not a hub id (owner/name)")
    return ModelRef(name, path, output or OUTPUT / name / "eval" / "model")


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
