"""The settings file (configs/eval/paper.yaml): how each benchmark is generated and graded."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lim.utils.errors import InputError
from lim.utils.paths import INSTALLED, ROOT

SETTINGS = (Path(__file__).parent / "configs" if INSTALLED else ROOT / "configs" / "eval") / "paper.yaml"
DATA = ROOT / "data" / "benchmarks"
CHAT = "chat"


@dataclass(frozen=True)
class Template:
    """How a question becomes a prompt: the model's own chat template (`text` is None), or a text to fill in."""

    name: str
    text: str | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """One benchmark with the settings it is generated and graded with."""

    name: str
    file: str
    n_samples: int
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int
    template: Template
    system_prompt: str | None
    fallbacks: bool

    def check(self) -> Benchmark:
        """Raise InputError for a value that no engine could use."""
        for key, good, mend in (
            ("n_samples", self.n_samples >= 1, "give at least 1"),
            ("temperature", self.temperature >= 0, "give 0 (greedy) or more"),
            ("top_p", 0 < self.top_p <= 1, "give a share above 0, up to 1"),
            ("max_new_tokens", self.max_new_tokens >= 1, "give at least 1"),
        ):
            if not good:
                raise InputError(f"{self.name}: {key} is {getattr(self, key)}; {mend}")
        if self.temperature == 0 and self.n_samples > 1:
            raise InputError(
                f"{self.name}: {self.n_samples} samples at temperature 0 would all be the same; give --n_samples 1"
            )
        return self


@dataclass(frozen=True)
class EvalSettings:
    """The settings file, checked."""

    path: Path
    defaults: dict[str, Any]
    templates: dict[str, Template]
    benchmarks: dict[str, dict[str, Any]]
    groups: dict[str, list[str]]
    default: list[str]
    average: list[str]
    published: list[dict[str, Any]]

    def choose(self, names: Sequence[str]) -> list[str]:
        """Benchmarks that names, groups and patterns (`arithmetic*`) stand for, in order, each once."""
        chosen: list[str] = []
        for name in names:
            found = self.groups.get(name) or fnmatch.filter(self.benchmarks, name)
            if not found:
                raise InputError(
                    f"{self.path}: no benchmark or group '{name}'; there are {', '.join(self.benchmarks)}; "
                    f"groups {', '.join(self.groups)}"
                )
            chosen += found
        return list(dict.fromkeys(chosen))

    def benchmark(self, name: str, overrides: dict[str, Any] | None = None) -> Benchmark:
        """A benchmark's settings; `overrides` replace them where they are not None.

        A temperature of 0 that is asked for without a number of samples means one sample.
        """
        given = {key: value for key, value in (overrides or {}).items() if value is not None}
        if given.get("temperature") == 0 and "n_samples" not in given:
            given["n_samples"] = 1
        values = {"file": name, **self.defaults, **self.benchmarks[name], **given}
        template = values.pop("template")
        if template not in self.templates:
            raise InputError(f"{self.path}: no template '{template}'; there are {', '.join(self.templates)}")
        return Benchmark(name=name, template=self.templates[template], **values).check()


TYPES: dict[str, tuple[type, ...]] = {
    "file": (str,),
    "n_samples": (int,),
    "temperature": (int, float),
    "top_p": (int, float),
    "max_new_tokens": (int,),
    "seed": (int,),
    "template": (str,),
    "system_prompt": (str, type(None)),
    "fallbacks": (bool,),
}


def load(path: str | Path = SETTINGS) -> EvalSettings:
    """Read a settings file. Raises InputError for an unknown key, a wrong type, or a name that is not there."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such settings file; the project's is {SETTINGS}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    parts = [field.name for field in dataclasses.fields(EvalSettings)][1:]
    check_keys(path, "the settings file", raw, set(parts), needed=set(parts) - {"groups", "average", "published"})
    templates = {CHAT: Template(CHAT)}
    for name, body in raw["templates"].items():
        check_keys(path, f"templates.{name}", body, {"text", "stop"}, needed={"text"})
        if "{question}" not in body["text"]:
            raise InputError(f"{path}: templates.{name}.text has no {{question}} to fill in")
        templates[name] = Template(name, body["text"], tuple(body.get("stop", ())))
    check_values(path, "defaults", raw["defaults"], needed=set(TYPES) - {"file"})
    for name, body in raw["benchmarks"].items():
        check_values(path, f"benchmarks.{name}", body)
    settings = EvalSettings(path, templates=templates, **{"groups": {}, "average": [], "published": []} | {
        key: raw[key] for key in parts if key != "templates" and key in raw
    })  # fmt: skip
    named = {"default": settings.default, "average": settings.average}
    for key, names in (named | {f"groups.{group}": names for group, names in settings.groups.items()}).items():
        for name in names:
            if name not in settings.benchmarks and not (key == "default" and name in settings.groups):
                raise InputError(f"{path}: {key} names '{name}', which is no benchmark of the file")
    return settings


def check_keys(path: Path, where: str, body: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(body, dict):
        raise InputError(f"{path}: {where} is a {type(body).__name__}, not a mapping")
    for key in body:
        if key not in known:
            raise InputError(f"{path}: {where} has an unknown key '{key}'; known: {', '.join(sorted(known))}")
    for key in sorted(needed - set(body)):
        raise InputError(f"{path}: {where} has no '{key}'")


def check_values(path: Path, where: str, body: Any, needed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    check_keys(path, where, body, set(TYPES), needed)
    for key, value in body.items():
        if type(value) not in TYPES[key]:
            raise InputError(f"{path}: {where}.{key} is {value!r}, which is no {TYPES[key][0].__name__}")
