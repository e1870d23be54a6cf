"""The settings file (configs/eval/paper.yaml): how each benchmark is generated and graded."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from msgspec import Meta

from lim.utils.errors import InputError, one_line
from lim.utils.paths import INSTALLED, ROOT
from lim.utils.typed import convert

SETTINGS = (Path(__file__).parent / "configs" if INSTALLED else ROOT / "configs" / "eval") / "paper.yaml"
DATA = ROOT / "data" / "benchmarks"
CHAT = "chat"
OWN = ".jsonl"  # how the name of a benchmark ends that is a file of questions, not one of the settings
AtLeastOne = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class Template:
    """How a question becomes a prompt: the model's own chat template (`text` is None), or a text to fill in."""

    name: str
    text: str | None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """One benchmark with the settings it is generated and graded with."""

    name: str
    file: str
    n_samples: AtLeastOne
    temperature: Annotated[float, Meta(ge=0, le=2)]  # 0 is greedy; vLLM takes no more than 2
    top_p: Annotated[float, Meta(gt=0, le=1)]
    max_new_tokens: AtLeastOne
    seed: int
    template: Template
    system_prompt: str | None
    fallbacks: bool
    stop_at: Literal["end_tokens", "eos"] = "end_tokens"  # eval/engine/ends.py
    verifier: str = "math"  # of questions that name none (docs/verifiers.md)
    verifiers: dict[str, str] = field(default_factory=dict)  # a person's own: name → path/to/file.py:function

    def check(self) -> Benchmark:
        """Raise InputError where samples would only repeat each other."""
        if self.temperature == 0 and self.n_samples > 1:
            raise InputError(
                f"{self.name}: {self.n_samples} samples at temperature 0 would all be the same; give --n_samples 1"
            )
        return self


@dataclass(frozen=True)
class EvalSettings:
    """The settings file, checked by `load`."""

    path: str
    defaults: dict[str, Any]
    templates: dict[str, dict[str, Any]]
    benchmarks: dict[str, dict[str, Any]]
    default: list[str]
    groups: dict[str, list[str]] = field(default_factory=dict)
    average: list[str] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)

    def with_files(self, names: Sequence[str]) -> EvalSettings:
        """The settings with those names that are files of questions (.jsonl) as benchmarks, with the defaults."""
        files = {Path(name).stem: {"file": str(Path(name).absolute())} for name in names if name.endswith(OWN)}
        if taken := sorted(files.keys() & {*self.benchmarks, *self.groups}):
            raise InputError(f"{taken[0]}{OWN}: '{taken[0]}' is a name of {self.path} already; rename the file")
        return replace(self, benchmarks={**self.benchmarks, **files})

    def choose(self, names: Sequence[str]) -> list[str]:
        """Benchmarks that names, groups and patterns (`arithmetic*`) stand for, in order, each once.

        A name that ends in .jsonl is a file of `with_files`.
        """
        chosen: list[str] = []
        for name in names:
            name = Path(name).stem if name.endswith(OWN) else name
            found = self.groups.get(name) or fnmatch.filter(self.benchmarks, name)
            if not found:
                raise InputError(
                    f"{self.path}: no benchmark or group '{name}'; there are {', '.join(self.benchmarks)}; "
                    f"groups {', '.join(self.groups)}"
                )
            chosen += found
        return list(dict.fromkeys(chosen))

    def benchmark(self, name: str, overrides: dict[str, Any] | None = None) -> Benchmark:
        """A benchmark's settings; `overrides` replace them where they are not None. Raises InputError.

        A temperature of 0 that is given without a number of samples means one sample.
        """
        given = {key: value for key, value in (overrides or {}).items() if value is not None}
        if given.get("temperature") == 0 and "n_samples" not in given:
            given["n_samples"] = 1
        values = {"file": name, **self.defaults, **self.benchmarks[name], **given}
        return self._typed(f"benchmarks.{name}.", name, values).check()

    def _typed(self, prefix: str, name: str, values: dict[str, Any]) -> Benchmark:
        templates = {CHAT: {"text": None}, **self.templates}
        template = values.get("template")
        if "template" in values and template not in templates:
            raise InputError(f"{prefix}template: no template '{template}'; there are {', '.join(templates)}")
        chosen = {"template": {"name": template, **templates[template]}} if template else {}
        return convert({**values, "name": name, **chosen}, Benchmark, prefix=prefix)


def load(path: str | Path = SETTINGS) -> EvalSettings:
    """Read a settings file. Raises InputError for an unknown key, a wrong type, or a name that is not there."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such settings file; the project's is {SETTINGS}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {one_line(error)}") from None
    try:
        settings = convert({**raw, "path": str(path)} if isinstance(raw, dict) else raw, EvalSettings)
        for name, body in settings.templates.items():
            text = convert({"name": name, **body}, Template, prefix=f"templates.{name}.").text
            if not text or "{question}" not in text:
                raise InputError(f"templates.{name}.text has no {{question}} to fill in")
        settings._typed("defaults.", "", {"file": "", **settings.defaults})
        for name in settings.benchmarks:
            settings.benchmark(name)
        lists = {"default": settings.default, "average": settings.average}
        for key, names in {**lists, **{f"groups.{name}": group for name, group in settings.groups.items()}}.items():
            for name in names:
                if name not in settings.benchmarks and not (key == "default" and name in settings.groups):
                    raise InputError(f"{key} names '{name}', which is no benchmark of the file")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return settings
