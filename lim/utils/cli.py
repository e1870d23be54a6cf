"""What all commands share: how flags are spelled, one line for a mistake, numbers that are checked, --version."""

from __future__ import annotations

import argparse
import difflib
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

SAME = 0.85  # from this likeness on, 0 to 1, a name is one misspelled
ALIKE = 0.75  # from this one on it is suggested
CLOSE = 0.04  # how far behind the best the other suggestions may be
NOT_LAST = 0.97  # a name's last words say most of what it is


FIGURES = ("png", "svg", "pdf")


class Parser(argparse.ArgumentParser):
    """argparse's parser; a mistake is one line on stderr and exit code 2.

    Flags take hyphens and underscores alike and are never abbreviated: what an abbreviation means would change with
    every new flag. `hint` ends the line for an unknown flag that is like no other.
    """

    def __init__(self, *args: Any, hint: str = "--help lists the flags", **kwargs: Any) -> None:
        own = kwargs.get("prog") or ""
        if sys.argv[0].startswith("lim ") and own.startswith("python -m "):  # started as `lim COMMAND`
            kwargs |= {key: text.replace(own, sys.argv[0]) for key, text in kwargs.items() if isinstance(text, str)}
        super().__init__(*args, allow_abbrev=False, **kwargs)
        self.hint = hint
        self.register("type", int, whole())
        self.register("type", float, number)
        # argparse's own takes -1e-5 and -inf for flags.
        self._negative_number_matcher = re.compile(r"-(\.?\d|inf$|infinity$|nan$)", re.IGNORECASE)
        self.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        action = super().add_argument(*args, **kwargs)
        if action.nargs == "*":  # argparse names it among what is missing, though there may be none
            action.required = False
        return action

    def alias(self, old: str, new: str) -> None:
        """Take `old` for the flag `new`, without a line in --help."""
        self._option_string_actions[old] = self._option_string_actions[new]

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        return super().parse_known_args(self._spelled(args), namespace)

    def parse_known_intermixed_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        return super().parse_known_intermixed_args(self._spelled(args), namespace)

    def _spelled(self, args: Sequence[str] | None) -> list[str]:
        """The arguments with each flag as it was declared. Exits at one that is unknown."""
        words = list(sys.argv[1:] if args is None else args)
        known = {name.replace("-", "_"): name for name in self._option_string_actions}
        for at, word in enumerate(words):
            name, equals, value = word.partition("=")
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                break  # what follows is no flag, or for the parser of the command named here
            if not word.startswith("-") or word == "-" or " " in name or self._negative_number_matcher.match(word):
                continue
            if declared := known.get(name.replace("-", "_")):
                words[at] = f"{declared}{equals}{value}"
            else:
                before = self._option_string_actions.get(words[at - 1]) if at else None
                if before is not None and before.nargs is None and not word.startswith("--"):
                    self.error(f"{words[at - 1]}: a value that begins with a dash is written {words[at - 1]}={word}")
                self.error(f"unknown flag {name}{did_you_mean(name, known.values()) or f'; {self.hint}'}")
        return words

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = list(map(str, action.choices))
            what = f"{value!r} is not one of {', '.join(choices)}{did_you_mean(str(value), choices)}"
            raise argparse.ArgumentError(action, what)

    def error(self, message: str) -> NoReturn:
        """Say the message in one line and exit with code 2."""
        message = message.removeprefix("argument ")
        for begin, ours in (
            ("the following arguments are required: ", "missing: {}; --help says what {}"),
            ("unrecognized arguments: ", "{}: one argument too many; --help says what is taken"),
        ):
            if message.startswith(begin):
                rest = message.removeprefix(begin)
                message = ours.format(rest, "they are" if ", " in rest else "it is")
        self.exit(2, f"error: {message}\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from lim import __version__
        from lim.utils.provenance import commit

        found = commit()
        sys.stdout.write(f"limr {__version__}" + (f" (commit {found})\n" if found else "\n"))
        parser.exit()


def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A type for `add_argument`: a whole number, of at least `least` and at most `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number") from None
        if least is not None and value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small; needs at least {least}")
        if most is not None and value > most:
            raise argparse.ArgumentTypeError(f"{value} is too large; at most {most}")
        return value

    return read


def kinds(text: str) -> tuple[str, ...]:
    """The kinds of a figure's files: `svg,pdf`."""
    found = tuple(part.strip().lower().lstrip(".") for part in text.split(","))
    if strange := [part for part in found if part not in FIGURES]:
        raise argparse.ArgumentTypeError(f"{strange[0]!r} is not one of {', '.join(FIGURES)}")
    return found


def number(text: str) -> float:
    """A type for `add_argument`: a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


def between(low: float, high: float, *, above: bool = False) -> Callable[[str], float]:
    """A type for `add_argument`: a number from `low` (or, with `above`, over it) to `high`."""

    def read(text: str) -> float:
        value = number(text)
        if not low <= value <= high or (above and value == low):
            span = f"above {low:g}, up to {high:g}" if above else f"from {low:g} to {high:g}"
            if math.isinf(high):
                span = f"above {low:g}" if above else f"of at least {low:g}"
            raise argparse.ArgumentTypeError(f"{text} is out of range; give a number {span}")
        return value

    return read


@contextmanager
def progress_bar() -> Iterator[Any]:
    """A bar by bytes read, on stderr where that is a terminal; yields its update(done, total), else None."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (progress.BarColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn())
    with progress.Progress(
        "reading log", *columns, progress.TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("read", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def near(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Names of `known` that `name` may be meant for, the likeliest first; none where nothing is like it.

    Names that are alike as a whole, or end in just these words, come alone. Else `name` is compared with each run of
    a known name's words (at dots, dashes, underscores), the last ones first: `lr` is like `actor.adam.lr`,
    `threshold` like `similarity_threshold`.
    """
    wanted = _words(name)
    alike = {candidate: _likeness(wanted, _words(candidate)) for candidate in known}
    if max(alike.values(), default=0) < SAME:
        for candidate in alike:
            words = _words(candidate)
            runs = [words[at:end] for at in range(len(words)) for end in range(at + 1, len(words) + 1)]
            alike[candidate] = max(
                (_likeness(wanted, run) * (1 if run == words[-len(run) :] else NOT_LAST) for run in runs), default=0
            )
    best = max(alike.values(), default=0)
    least = 1 if best == 1 else max(ALIKE, best - CLOSE)
    found = [candidate for candidate, likeness in alike.items() if likeness >= least]
    return sorted(found, key=lambda candidate: (-alike[candidate], len(candidate)))[:most]


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())


def _likeness(one: Sequence[str], two: Sequence[str]) -> float:
    return difflib.SequenceMatcher(None, "_".join(one), "_".join(two)).ratio()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean a, b or c?`, or nothing."""
    found = near(name, known)
    return f"; did you mean {listed(found)}?" if found else ""


def listed(names: Sequence[str]) -> str:
    """`a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
