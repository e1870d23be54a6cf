"""The YAML files that a recipe is merged from, and the `key=value` strings laid over them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lim.utils.cli import did_you_mean
from lim.utils.errors import InputError
from lim.utils.paths import ROOT, shown

CONFIGS = ROOT / "configs" / "train"


def find(name: str) -> Path:
    """The file of a recipe or overlay: a path, or a name under configs/train, configs/train/model or …/placement."""
    candidates = [Path(name), *(CONFIGS / folder / f"{name}.yaml" for folder in ("", "model", "placement"))]
    for path in candidates:
        if path.is_file():
            return path
    known = names()
    if not name:
        raise InputError(f"an empty name (a + alone?): no recipe or overlay (known: {', '.join(known)})")
    raise InputError(f"{name}: no such recipe or overlay{did_you_mean(name, known)} (known: {', '.join(known)})")


def is_overlay(path: Path) -> bool:
    """Whether a file is one of the project's overlays: a model or a placement, which alone is no run."""
    return path.resolve().parent in (CONFIGS / "model", CONFIGS / "placement")


def names() -> list[str]:
    """The names of the recipes and overlays of the project."""
    return sorted(path.stem for path in CONFIGS.rglob("*.yaml"))


def parts(path: Path, above: tuple[Path, ...] = ()) -> Iterator[DictConfig]:
    """The YAML documents a file stands for, what it extends first."""
    path = path.resolve()
    if path in above:
        raise InputError(f"{path}: extends itself by way of {' → '.join(p.name for p in above)}")
    extends, config = _read(path, path.stat().st_mtime_ns)
    for name in [extends] if isinstance(extends, str) else extends:
        other = next((at for at in (path.parent / name, CONFIGS / name) if at.is_file()), None)
        if other is None:
            raise InputError(f"{path}: extends {name}, which is neither beside it nor in {shown(CONFIGS)}")
        yield from parts(other, (*above, path))
    yield config


@cache
def _read(path: Path, _changed: int) -> tuple[Any, DictConfig]:
    """(what a file extends, the rest of it); kept, as looking for what fits reads the same files many times."""
    config = read_yaml(path)
    return config.pop("extends", []), config


def read_yaml(path: str | Path) -> DictConfig:
    """The keys and values of a YAML file. InputError where it is not YAML, or holds something else."""
    try:
        config = OmegaConf.load(path)
    except (yaml.YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {first_line(error)}") from None
    except OSError as error:
        if error.errno is not None:
            raise
        config = None  # OmegaConf's error for a number or a text alone
    if not isinstance(config, DictConfig):
        raise InputError(f"{path}: holds no keys and values")
    return config


def overlays_of(folder: str) -> dict[str, DictConfig]:
    """The overlays of the project under `model` or `placement`, without what they extend."""
    paths = sorted((CONFIGS / folder).glob("*.yaml"))
    return {path.stem: _read(path, path.stat().st_mtime_ns)[1] for path in paths}


def dotlist(overrides: Sequence[str]) -> DictConfig:
    spelled = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][\w.-]*", key):
            meant = did_you_mean(override, [f"+{name}" for name in names()])
            raise InputError(f"{override}: not key=value (as in actor.adam.lr=1e-6), nor +overlay{meant}")
        spelled.append(f"{key.replace('-', '_')}={value}")
    try:
        return OmegaConf.from_dotlist(spelled)
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise InputError(f"{' '.join(overrides)}: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n    full_key")[0].split())
