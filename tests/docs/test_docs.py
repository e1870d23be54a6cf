"""The documents: their commands name modules, scripts and flags that are there; their links lead somewhere."""

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")])
COMMAND = re.compile(
    r"(?:\S*python3? (?:-m (?P<module>(?:lim|eval|train|data)\.\w+)|(?P<file>[\w/]+\.py))|bash (?P<script>[\w/.]+))"
    r"(?P<rest>[^`|#]*)"
)
# A script that passes its arguments on to a module.
BEHIND = {"eval/eval.sh": "eval.eval", "scripts/compare.sh": "train.compare"}


def commands(document: Path) -> list[re.Match]:
    """Commands in code blocks and inline code, continued lines joined."""
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^(?: {4,}|\t)(.+)$|`([^`\n]+)`", text, re.M)
    blocks += [
        (line, "")
        for fence in re.findall(r"```(?:bash|sh|console)?\n(.*?)```", text, re.S)
        for line in fence.splitlines()
    ]
    return [match for indented, inline in blocks if (match := COMMAND.search(indented or inline))]


@functools.cache
def help_of(target: str) -> str:
    """What `--help` prints of a module or a file."""
    what = [target] if target.endswith(".py") else ["-m", target]
    done = subprocess.run([sys.executable, *what, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"{target} --help: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_their_flags_are_there(document):
    for match in commands(document):
        if script := match["script"]:
            assert (ROOT / script).is_file(), f"{document.name}: {match[0]}: no {script}"
            target = BEHIND.get(script)
        else:
            target = match["module"] or match["file"]
            assert match["module"] or (ROOT / target).is_file(), f"{document.name}: {match[0]}: no {target}"
        if target is None or target.startswith("scripts/"):
            continue
        known = set(re.findall(r"--\w+", help_of(target)))
        for flag in re.findall(r"(?<=\s)--\w+", match["rest"]):
            assert flag in known, f"{document.name}: {match[0].strip()}: {target} has no {flag}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            assert (document.parent / target.split("#")[0]).exists(), f"{document.name}: {target}"


def test_readme_names_commands():
    assert len(commands(ROOT / "README.md")) >= 10
