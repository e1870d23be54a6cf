"""The parser that all commands share."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

import lim
from lim.utils.cli import Parser, between, did_you_mean, near, number, whole

ROOT = Path(lim.__file__).resolve().parents[1]


def parser() -> Parser:
    made = Parser(prog="command")
    made.add_argument("files", nargs="*")
    made.add_argument("--similarity_threshold", type=number)
    made.add_argument("--top_k", type=whole(1))
    made.add_argument("--rates", type=number, nargs=2)
    made.add_argument("--strategy", choices=["lim", "linear", "random"])
    made.add_argument("--gold")
    made.add_argument("--dry-run", action="store_true")
    made.alias("--plan", "--dry-run")
    return made


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], method: str = "parse_args") -> str:
    """The one line that the parser says before it exits with code 2."""
    with pytest.raises(SystemExit) as ended:
        getattr(parser(), method)(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ")
    return err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize("method", ["parse_args", "parse_intermixed_args"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--similarity-threshold", "0.5"], {"similarity_threshold": 0.5}),
        (["--similarity-threshold=0.5", "a-b"], {"similarity_threshold": 0.5, "files": ["a-b"]}),
        (["--similarity_threshold=-0.5"], {"similarity_threshold": -0.5}),
        (["--similarity_threshold", "-1e-5"], {"similarity_threshold": -1e-5}),
        (["--top-k", "5", "x=--top-k"], {"top_k": 5, "files": ["x=--top-k"]}),
        (["--dry_run"], {"dry_run": True}),
        (["--gold=--top-k"], {"gold": "--top-k"}),
        (["--gold", "-x + 1"], {"gold": "-x + 1"}),
        (["--rates", "-.5", "1"], {"rates": [-0.5, 1.0]}),
    ],
)
def test_flags_take_hyphens_and_underscores(arguments: list[str], expected: dict, method: str) -> None:
    found: Namespace = getattr(parser(), method)(arguments)
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize("method", ["parse_args", "parse_intermixed_args"])
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--treshold", "0.5"], "unknown flag --treshold; did you mean --similarity_threshold?"),
        (["--treshold=0.5"], "unknown flag --treshold; did you mean --similarity_threshold?"),
        (["a", "--threshold", "0.5"], "unknown flag --threshold; did you mean --similarity_threshold?"),
        (["--similarity", "0.5"], "unknown flag --similarity; did you mean --similarity_threshold?"),
        (["--topk", "5"], "unknown flag --topk; did you mean --top_k?"),
        (["-help"], "unknown flag -help; did you mean --help?"),
        (["--quik"], "unknown flag --quik; --help lists the flags"),
        (["--top", "5"], "unknown flag --top; did you mean --top_k?"),
        (["--gold", "-x"], "--gold: a value that begins with a dash is written --gold=-x"),
        (["--gold", "--top_k", "5"], "--gold: expected one argument"),
        (["--strategy", "limm"], "--strategy: 'limm' is not one of lim, linear, random; did you mean lim?"),
        (["--top_k", "0"], "--top_k: 0 is too small; needs at least 1"),
        (["--top_k", "-5"], "--top_k: -5 is too small; needs at least 1"),
        (["--top_k", "1.5"], "--top_k: '1.5' is not a whole number"),
        (["--top_k", "x"], "--top_k: 'x' is not a whole number"),
        (["--top_k", "9" * 5000], f"--top_k: {repr('9' * 60)[:40]} is not a whole number"),
        (["--similarity_threshold", "x"], "--similarity_threshold: 'x' is not a number"),
        (["--similarity_threshold", "nan"], "--similarity_threshold: nan is not a finite number"),
        (["--similarity_threshold", "-inf"], "--similarity_threshold: -inf is not a finite number"),
        (["--rates", "0.1", "1e999"], "--rates: 1e999 is not a finite number"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], line: str, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(arguments, capsys, method) == line


def test_after_two_dashes_nothing_is_a_flag() -> None:
    assert parser().parse_args(["--top-k", "5", "--", "--treshold"]).files == ["--treshold"]


def test_a_missing_flag_and_one_argument_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    made = Parser()
    made.add_argument("recipe")
    made.add_argument("--output_path", required=True)
    with_more = Parser()
    with_more.add_argument("recipe")
    with_more.add_argument("changes", nargs="*")
    for parsed, arguments, line in (
        (made, [], "missing: recipe, --output_path; --help says what they are"),
        (made, ["r"], "missing: --output_path; --help says what it is"),
        (made, ["r", "--output-path", "x", "y"], "y: one argument too many; --help says what is taken"),
        (with_more, [], "missing: recipe; --help says what it is"),  # there may be no changes
    ):
        with pytest.raises(SystemExit, match="2"):
            parsed.parse_args(arguments)
        assert capsys.readouterr().err == f"error: {line}\n"


def test_the_command_after_a_subcommand_has_flags_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    made = Parser()
    command = made.add_subparsers(dest="command", required=True).add_parser("wait")
    command.add_argument("--node_count", type=int)
    assert made.parse_args(["wait", "--node-count", "2"]).node_count == 2
    for arguments in (["wait", "--nodes_count", "2"], ["--nod"]):
        with pytest.raises(SystemExit, match="2"):
            made.parse_args(arguments)
    assert capsys.readouterr().err == (
        "error: unknown flag --nodes_count; did you mean --node_count?\n"
        "error: unknown flag --nod; --help lists the flags\n"
    )


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("lr", ["actor.adam.lr", "actor.lr_scheduler", "critic.adam.lr", "train.seed"], 2 * ["lr"]),
        ("seeds", ["train.seed", "run.name"], ["seed"]),
        ("temprature", ["rollout.temperature", "rollout.top_p"], ["temperature"]),
        ("xyz", ["train.seed"], []),
        ("", ["train.seed"], []),
        ("seed", [], []),
    ],
)
def test_a_name_is_looked_for_by_its_last_words_too(name: str, known: list[str], expected: list[str]) -> None:
    assert [found.rpartition(".")[2] for found in near(name, known)] == expected


def test_no_more_than_three_are_suggested() -> None:
    assert did_you_mean("lr", [f"{name}.lr" for name in "abcd"]) == "; did you mean a.lr, b.lr or c.lr?"


def test_the_version_is_in_one_place_and_every_command_tells_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "lim.__version__"}
    for command in (["lim_selection.py"], ["-m", "lim.stability"], ["-m", "train.cluster"]):
        ran = subprocess.run(
            [sys.executable, *command, "--version"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert re.fullmatch(rf"limr {re.escape(lim.__version__)}( \(commit [0-9a-f]+(-dirty)?\))?\n", ran.stdout)


def test_all_commands_share_the_parser() -> None:
    files = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    own = [
        path
        for path in files.splitlines()
        if not path.startswith("tests/") and re.search(r"argparse\.ArgumentParser\(", (ROOT / path).read_text())
    ]
    assert own == []


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (whole(1, 10), "10", 10),
        (whole(1, 10), "11", "11 is too large; at most 10"),
        (between(0, 1), "0", 0.0),
        (between(0, 1), "1", 1.0),
        (between(0, 1), "-1e-9", "-1e-9 is out of range; give a number from 0 to 1"),
        (between(0, 1, above=True), "0", "0 is out of range; give a number above 0, up to 1"),
        (between(0, 1, above=True), "1e-300", 1e-300),
        (between(0, float("inf"), above=True), "-1", "-1 is out of range; give a number above 0"),
        (between(2, float("inf")), "1", "1 is out of range; give a number of at least 2"),
        (between(0, 1, above=True), "1.01", "1.01 is out of range; give a number above 0, up to 1"),
        (between(0, 1), "nan", "nan is not a finite number"),
    ],
)
def test_the_range_of_a_number(kind: Callable[[str], float], text: str, expected: float | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(argparse.ArgumentTypeError) as error:
            kind(text)
        assert str(error.value) == expected
    else:
        assert kind(text) == expected


def test_an_old_name_is_taken_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args(["--plan"]).dry_run and parser().parse_args(["--dry_run"]).dry_run
    assert "--plan" not in parser().format_help()
    assert refused(["--plan=1"], capsys) == "--dry-run: ignored explicit argument '1'"


COMMANDS = ["lim_selection.py", *(f"-m {name}" for name in ("lim", "lim.stability", "data.prepare", "data.audit"))]
COMMANDS += [f"-m {name}" for name in ("data.arithmetic", "eval.eval", "eval.grader", "eval.compare", "eval.view")]
COMMANDS += [f"-m train.{name}" for name in ("launch", "compare", "pass_rates", "pretrain", "cluster", "cpu")]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_waits_for_no_large_package_and_starts_nothing(tmp_path: Path, command: str) -> None:
    for package in ("torch", "ray", "vllm", "transformers", "datasets", "matplotlib", "scipy", "sklearn"):
        (tmp_path / f"{package}.py").write_text(f"raise SystemExit('{package} was imported')")
    ran = subprocess.run(
        [sys.executable, *command.split(), "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: ") and "--version" in ran.stdout
