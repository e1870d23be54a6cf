"""The commands of a Markdown document: of its fenced shell blocks, its indented blocks and its inline code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELL = ("bash", "sh", "console")
SETTING = r"[A-Z_]+=\S*\s+"
# How a line of an indented block or inline code begins when it is a command; the rest is formulas and names.
BEGINS = re.compile(rf"(?:{SETTING})*(?:bash|sbatch|python3?|pip|lim|pytest|git|\.venv/bin/\w+) \S")
# A mere `+overlay key=value` in the text: what to add to a training script.
ADDED = re.compile(r"\+[\w.-]+ \S")
FENCE = re.compile(r" {0,3}```\s*(\w*)")


@dataclass(frozen=True)
class Command:
    """One command as a reader would type it: continued lines joined, the comment taken off."""

    text: str
    document: str
    line: int


def commands(path: Path) -> list[Command]:
    """The commands of a document, in order. Every line of a fenced shell block is one, whatever it is."""
    found = []
    for line, kind, text in pieces(path.read_text(encoding="utf-8")):
        text = re.sub(r"\s+", " ", re.sub(r"(^|\s)#.*", "", text)).strip()
        if text and (kind == "fence" or BEGINS.match(text) or (kind == "inline" and ADDED.match(text))):
            found.append(Command(text, path.name, line))
    return found


def pieces(text: str) -> Iterator[tuple[int, str, str]]:
    """(line number, fence | indented | inline, text) of the shell code in a document, continued lines joined."""
    lines = text.split("\n")
    language: str | None = None
    prose: list[str] = []
    prose_line, at = 1, 0
    after_blank = True  # only then does an indented line begin a block; else it goes on with a paragraph or list
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        if fence := FENCE.match(line):
            yield from inline(prose, prose_line)
            prose = []
            language = fence[1] if language is None else None
            after_blank = language is None
            continue
        if language is not None and language not in SHELL:
            continue
        indented = language is None and after_blank and line.startswith("    ")
        if language is None and not indented:
            if not prose:
                prose_line = number
            prose.append(line)
            after_blank = not line.strip()
            continue
        yield from inline(prose, prose_line)
        prose = []
        while line.endswith("\\") and at < len(lines):
            line = f"{line[:-1]} {lines[at].strip()}"
            at += 1
        yield number, "indented" if indented else "fence", line
    yield from inline(prose, prose_line)


def inline(prose: list[str], first: int) -> Iterator[tuple[int, str, str]]:
    """Inline code of some lines; it may go on in the next line, but not over an empty one."""
    text = "\n".join(prose)
    for match in re.finditer(r"`((?:[^`\n]|\n(?!\s*\n))+)`", text):
        yield first + text.count("\n", 0, match.start()), "inline", match[1]


def python_blocks(path: Path) -> list[str]:
    """The source of a document's fenced Python blocks."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M)
