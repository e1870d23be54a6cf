"""Complete checkpoints: marked when all is written, chosen for a resume only when marked, pruned, the best kept.

    <run>/ckpt/_actor/global_step<N>/   DeepSpeed's state of the actor (and _critic), written by OpenRLHF
    <run>/ckpt/global_step<N>_hf/       the weights as transformers and vLLM load them
    <run>/ckpt/global_step<N>.json      the mark, written last: every file of the checkpoint with its size
    <run>/best.json                     {"step", "accuracy"} of the best validation so far

OpenRLHF alone takes whatever `latest` names: a crash between actor and critic leaves them at different steps, and
it never deletes an _hf folder.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from lim.utils.errors import InputError
from lim.utils.files import read_json, write_json, write_text

MARK = re.compile(r"global_step(\d+)\.json")
STEP_FOLDER = re.compile(r"(?:best_)?global_step(\d+)(?:_hf)?")
ROLES = ("_actor", "_critic")
STATES = "*optim_states.pt"  # DeepSpeed's names for a rank's states
APPEARS = 120.0  # seconds for another machine's file to be seen: network file systems list from memory


def mark_complete(
    ckpt_dir: Path, step: int, ranks: Mapping[str, int] | None = None, *, save_hf: bool = False
) -> None:
    """Record that every file of this step's checkpoint is written.

    `ranks` is the number of a role's ranks, each of which writes its states on its own machine. InputError where some
    are not seen here, or with `save_hf` the _hf folder, after `APPEARS`.
    """
    end = time.monotonic() + APPEARS
    while lacking := _lacking(ckpt_dir, step, ranks or {}, save_hf=save_hf):
        if time.monotonic() > end:
            raise InputError(
                f"{ckpt_dir}: the checkpoint of step {step} lacks {lacking}, though all were written: run.output_dir "
                "must be on a file system that all machines of the run share"
            )
        time.sleep(0.5)
    weights = ckpt_dir / f"global_step{step}_hf"
    if (weights / "config.json").is_file():
        write_former_names(weights)
    files = {
        str(path.relative_to(ckpt_dir)): path.stat().st_size
        for folder in _folders(ckpt_dir, step)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    write_json(ckpt_dir / f"global_step{step}.json", {"step": step, "files": files})


def _lacking(ckpt_dir: Path, step: int, ranks: Mapping[str, int], *, save_hf: bool) -> str:
    """What of a checkpoint is not there; nothing where all is."""
    for role, count in ranks.items():
        seen = len(list((ckpt_dir / role / f"global_step{step}").glob(STATES)))
        if seen < count:
            return f"the states of {count - seen} of {count} {role.strip('_')} ranks"
    return f"global_step{step}_hf" if save_hf and not (ckpt_dir / f"global_step{step}_hf").is_dir() else ""


def write_former_names(folder: Path) -> None:
    """Make a model folder of transformers 5 one that transformers 4 loads alike (scripts/check_transformers4.py).

    config.json: 4 reads `rope_theta` and `rope_scaling`, where 5 writes `rope_parameters`; without them it takes
    10,000 and says nothing. tokenizer_config.json: 4 fails on a list of `extra_special_tokens` and does not know the
    class TokenizersBackend, the present name of PreTrainedTokenizerFast.
    """
    path = folder / "config.json"
    config = read_json(path)
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        rope = part.get("rope_parameters") or {}
        if "rope_theta" in rope:
            part["rope_theta"] = rope["rope_theta"]
            if rope.get("rope_type", "default") != "default":
                part["rope_scaling"] = {key: value for key, value in rope.items() if key != "rope_theta"}
    write_json(path, config)
    path = folder / "tokenizer_config.json"
    if path.is_file():
        tokenizer = read_json(path)
        if isinstance(tokenizer.get("extra_special_tokens"), list):
            tokenizer["additional_special_tokens"] = tokenizer.pop("extra_special_tokens")
        if tokenizer.get("tokenizer_class") == "TokenizersBackend":
            tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
        write_json(path, tokenizer)


def complete_steps(ckpt_dir: Path) -> list[int]:
    """Steps whose mark is there, in order."""
    if not ckpt_dir.is_dir():
        return []
    return sorted(int(match[1]) for path in ckpt_dir.iterdir() if (match := MARK.fullmatch(path.name)))


def is_complete(ckpt_dir: Path, step: int) -> bool:
    """Whether a run can resume from this step: its states are marked, each file with the size it has now."""
    return _marked_files_are_there(ckpt_dir, step, tuple(f"{role}/" for role in ROLES))


def weights_are_complete(ckpt_dir: Path, step: int) -> bool:
    """The same for the step's _hf folder."""
    return _marked_files_are_there(ckpt_dir, step, (f"global_step{step}_hf/",))


def _marked_files_are_there(ckpt_dir: Path, step: int, folders: tuple[str, ...]) -> bool:
    try:
        files = read_json(ckpt_dir / f"global_step{step}.json")["files"]
    except (InputError, KeyError, TypeError):
        return False
    sizes = {name: size for name, size in files.items() if name.startswith(folders)}
    return bool(sizes) and all(_size(ckpt_dir / name) == size for name, size in sizes.items())


def has_final(run_dir: Path) -> bool:
    """Whether the run's final model is there."""
    return (run_dir / "final" / "config.json").is_file()


def refuse_to_lose(run_dir: Path) -> None:
    """Raise InputError where a run has a model but no checkpoint to resume from, as step 1 would delete it."""
    ckpt_dir = run_dir / "ckpt"
    steps = complete_steps(ckpt_dir)
    if any(is_complete(ckpt_dir, step) for step in steps):
        return
    models = [f"ckpt/global_step{step}_hf" for step in steps if weights_are_complete(ckpt_dir, step)]
    models += ["final"] if has_final(run_dir) else []
    if models:
        raise InputError(
            f"{run_dir}: no complete checkpoint is left to resume from, and starting at step 1 would delete "
            f"{' and '.join(models)}; choose another run.name, or delete the folder"
        )


def prepare(ckpt_dir: Path, *, resume: bool) -> int | None:
    """Keep only complete checkpoints and point OpenRLHF at the newest of them.

    Returns its step, or None where there is none to resume from (training then starts at step 1). Without
    `resume` nothing of an earlier run is kept.
    """
    steps = [step for step in complete_steps(ckpt_dir) if resume and is_complete(ckpt_dir, step)]
    if not steps:
        for path in list(ckpt_dir.iterdir()) if ckpt_dir.is_dir() else []:
            if path.name in ROLES or STEP_FOLDER.fullmatch(path.name) or MARK.fullmatch(path.name):
                _remove(path)
        return None
    newest = steps[-1]
    for folder in (ckpt_dir, *(ckpt_dir / role for role in ROLES)):
        for path in list(folder.iterdir()) if folder.is_dir() else []:
            match = STEP_FOLDER.fullmatch(path.name) or MARK.fullmatch(path.name)
            if match and int(match[1]) not in _kept_steps(ckpt_dir, steps):
                _remove(path)
    for role in ROLES:
        if (ckpt_dir / role).is_dir():
            write_text(ckpt_dir / role / "latest", f"global_step{newest}")
    return newest


def _kept_steps(ckpt_dir: Path, complete: list[int]) -> set[int]:
    # A pruned or rotated step keeps its _hf folder (the best does) without the files to resume from.
    return {*complete, *(step for step in complete_steps(ckpt_dir) if weights_are_complete(ckpt_dir, step))}


def prune(run_dir: Path, keep: int) -> list[int]:
    """Remove the _hf folders of all but the newest `keep` steps and the best. Returns the steps removed."""
    ckpt_dir = run_dir / "ckpt"
    steps = complete_steps(ckpt_dir)
    best = read_best(run_dir)
    kept = {*steps[max(0, len(steps) - max(keep, 1)) :], *([best["step"]] if best else [])}
    removed = []
    for step in steps:
        if step in kept:
            continue
        _remove(ckpt_dir / f"global_step{step}_hf")
        if not any((ckpt_dir / role / f"global_step{step}").is_dir() for role in ROLES):
            _remove(ckpt_dir / f"global_step{step}.json")
        removed.append(step)
    return removed


def read_best(run_dir: Path) -> dict | None:
    """Contents of best.json, or None where no validation has run."""
    path = run_dir / "best.json"
    return read_json(path) if path.exists() else None


def write_best(run_dir: Path, step: int, accuracy: float) -> None:
    """Record the best validation."""
    write_json(run_dir / "best.json", {"step": step, "accuracy": accuracy})


def _folders(ckpt_dir: Path, step: int) -> list[Path]:
    name = f"global_step{step}"
    folders = [*(ckpt_dir / role / name for role in ROLES), ckpt_dir / f"{name}_hf"]
    return [folder for folder in folders if folder.is_dir()]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
