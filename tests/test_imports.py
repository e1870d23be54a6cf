"""Imports go one way: lim ← eval, data ← train ← scripts. No circles, and nobody imports a command."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What each part may import of the project, beside itself; the longest prefix counts.
ALLOWED = {
    "lim": (),
    "lim_selection": ("lim",),
    "eval.grader": ("lim.utils.errors", "lim.utils.cli"),
    "eval.grader.cases": ("lim", "eval.grader"),
    "eval.grader.__main__": ("lim", "eval.grader"),
    "eval": ("lim",),
    "data": ("lim", "eval.grader", "eval.verifiers"),
    "train": ("lim", "eval", "data"),
    "scripts": ("lim", "eval", "data", "train", "lim_selection"),
}
# train/reward.py is read by OpenRLHF as a file and holds no command.
COMMANDS = (
    *("lim_selection", "eval.eval", "eval.compare", "train.launch", "train.pass_rates", "train.cluster"),
    *("data.prepare", "data.audit", "eval.view"),
)


def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the project, tests apart."""
    found = {}
    for path in [ROOT / "lim_selection.py", *(p for top in ALLOWED for p in (ROOT / top).rglob("*.py"))]:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(name: str, tree: ast.AST) -> Iterator[str]:
    """The project's modules that a syntax tree imports."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                if full in MODULES or base in MODULES:
                    yield full if full in MODULES else base


@cache
def edges(*, lazy: bool) -> dict[str, set[str]]:
    """Module → modules it imports: as it is loaded, or (`lazy`) inside of functions too."""
    found = {}
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not lazy:
            tree = Top().visit(tree)
        found[name] = set(imported(name, tree)) - {name}
    return found


class Top(ast.NodeTransformer):
    """Removes what does not run, or is not needed, when a module is loaded."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.If | None:
        return None if "TYPE_CHECKING" in ast.unparse(node.test) else node


def part_of(name: str) -> str:
    return max((part for part in ALLOWED if name == part or name.startswith(f"{part}.")), key=len)


@pytest.mark.parametrize("part", ALLOWED)
def test_each_part_imports_only_what_lies_below_it(part):
    wrong = [
        f"{name} imports {other}"
        for name, others in edges(lazy=True).items()
        if part_of(name) == part
        for other in others
        if part_of(other) != part
        and not any(other == top or other.startswith(f"{top}.") for top in ALLOWED[part])
        # A part's own sub-part is no other part.
        and not other.startswith(f"{part}.")
    ]
    assert wrong == []


def test_there_is_no_circle():
    graph, done = edges(lazy=False), set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join([*above[above.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                walk(other, (*above, name))
            done.add(name)

    for name in sorted(graph):
        walk(name, ())


def test_nobody_imports_a_command():
    assert set(COMMANDS) <= MODULES.keys()
    commands = {*COMMANDS, *(name for name in MODULES if name.endswith(".__main__"))}
    wrong = [
        f"{name} imports {other}"
        for name, others in edges(lazy=True).items()
        for other in others & commands
        if not name.startswith("scripts.")
    ]
    assert wrong == []


def test_packages_are_small_at_their_top():
    for part in ("lim", "eval", "train", "data"):
        entries = {p.name for p in (ROOT / part).iterdir() if p.name != "__pycache__"}
        entries -= {"prompts", "benchmarks", "output", "models", "cache"}  # made by commands
        assert len(entries) <= 16, sorted(entries)
