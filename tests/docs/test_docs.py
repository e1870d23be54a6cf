"""The documents: their commands name modules, scripts and flags that are there; their links lead somewhere."""

import functools
import re
import subprocess
import sys
from pathlib import Path

import doc_commands
import pytest

from lim.logs.doubts import KINDS
from lim.logs.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")])
COMMAND = re.compile(
    r"(?:\S*python3? (?:-m (?P<module>(?:lim|eval|train|data)\.\w+)|(?P<file>[\w/]+\.py))|bash (?P<script>[\w/.]+)"
    r"|lim (?P<command>[a-z-]+))"
    r"(?P<rest>[^`|#]*)"
)
# A script that passes its arguments on to a module.
BEHIND = {"eval/eval.sh": "eval.eval", "scripts/compare.sh": "train.compare"}


def commands(document: Path) -> list[re.Match]:
    """Commands of the project in code blocks and inline code."""
    return [match for found in doc_commands.commands(document) if (match := COMMAND.search(found.text))]


@functools.cache
def help_of(target: str) -> str:
    """What `--help` prints of a module or a file."""
    what = [target] if target.endswith(".py") else ["-m", *target.split()]
    done = subprocess.run([sys.executable, *what, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"{target} --help: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_their_flags_are_there(document):
    for match in commands(document):
        if script := match["script"]:
            assert (ROOT / script).is_file(), f"{document.name}: {match[0]}: no {script}"
            target = BEHIND.get(script)
        elif match["command"]:
            target = f"lim {match['command']}"
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


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "findings" / "README.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_to_a_part_lead_to_a_heading(document):
    for target in re.findall(r"\]\(([^)\s]*#[^)\s]*)\)", document.read_text(encoding="utf-8")):
        file, _, part = target.partition("#")
        if not re.match(r"[a-z]+:", target):
            page = (document.parent / file) if file else document
            assert part in anchors(page.read_text(encoding="utf-8")), f"{document.name}: {target}: no such heading"


def test_anchors_are_githubs():
    text = "# One, two `three`\n```bash\n# no heading\n```\n## What is *left*? A-B\n"
    assert anchors(text) == {"one-two-three", "what-is-left-a-b"}


def test_the_tables_of_logs_name_each_format_and_each_doubt():
    text = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w-]+)` \|", text, re.M)
    assert sorted(named) == sorted(["--format", *FORMATS, "--allow", *KINDS])


def test_the_findings_page_has_a_row_for_each_script():
    text = (ROOT / "findings" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.sh)` \|", text, re.M)
    assert rows == sorted(path.name for path in (ROOT / "findings").glob("*.sh"))


def test_readme_names_commands():
    assert len(commands(ROOT / "README.md")) >= 10


def test_commands_of_every_kind_of_block_are_found(tmp_path):
    document = tmp_path / "document.md"
    document.write_text(
        "Say `bash a.sh` or `python -m lim.x\n--flag`, not `lim.x` or `a = b`; lay `+one k=v` over it.\n\n"
        "    python b.py --one 1 \\\n        --two 2    # said beside it\n    s = 1 − x\n\n"
        "```python\nbash = 1\n```\n\n```bash\nanything --at all   # too\n# but this\n```\n\n"
        "- a list\n\n    A=1 bash c.sh\n",
        encoding="utf-8",
    )
    found = [(command.line, command.text) for command in doc_commands.commands(document)]
    assert found == [
        (1, "bash a.sh"),
        (1, "python -m lim.x --flag"),
        (2, "+one k=v"),
        (4, "python b.py --one 1 --two 2"),
        (13, "anything --at all"),
        (19, "A=1 bash c.sh"),
    ]
