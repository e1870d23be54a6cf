"""What the pages ask for: a run's samples, single responses, differences, suspected labels, the newest steps."""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lim.report.formulas import Formulas
from lim.report.pair import Choice, compared, page, pair_policy, picture_of
from lim.utils.errors import InputError
from lim.view import pages
from lim.view.run import RunView, Shown, State
from lim.view.suspects import Suspect

PREVIEW = 160  # characters of a response in the list
RENDERED = 40_000  # … in which formulas are looked for
WHOLE = 2_000_000  # … that are sent at all
MOST_WORDS = 6_000  # of a response in which differences are sought by word; longer ones are compared by line
MOST_LINES = 6_000
MOST_POINTS = 400  # of the curve by step


def rendered(text: str) -> dict[str, Any]:
    """A response as text and formulas, as the page draws them; what is very long stays text."""
    formulas = Formulas()
    head, tail = text[:RENDERED], text[RENDERED:WHOLE]
    parts = formulas.split(clean(head)) + ([clean(tail)] if tail else [])
    return {"parts": parts, "formulas": formulas.table, "characters": len(text), "cut": len(text) > WHOLE}


def clean(text: str) -> str:
    """Text that JSON and a page can hold: halves of surrogate pairs are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def differences(one: str, two: str) -> list[list[str]]:
    """[what, text] in order: "same", "gone" (in the first alone), "new"; by word, of long texts by line."""
    words = [re.findall(r"\s+|\w+|[^\w\s]", text) for text in (one, two)]
    if max(map(len, words)) > MOST_WORDS:
        words = [text.splitlines(keepends=True) for text in (one, two)]
    if max(map(len, words)) > MOST_LINES:
        raise InputError("the responses are too long to be compared")
    found: list[list[str]] = []
    for what, low, high, from_, to in difflib.SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        if what == "equal":
            found.append(["same", "".join(words[0][low:high])])
            continue
        found += [["gone", "".join(words[0][low:high])]] if low < high else []
        found += [["new", "".join(words[1][from_:to])]] if from_ < to else []
    return [[what, clean(text)] for what, text in found]


def preview(text: str | None) -> str | None:
    return None if text is None else " ".join(clean(text[: 2 * PREVIEW]).split())[:PREVIEW]


def has_text(text: str | None, wanted: str) -> bool:
    return text is not None and wanted.lower() in text.lower()


def limited(text: str | None) -> str | None:
    """An answer for the list: of a long one the beginning."""
    return None if text is None else clean(text[:300])


class RunSource:
    """A run's page."""

    def __init__(
        self, view: RunView, name: str, *, follow: bool = True, links: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.view, self.name, self.follow, self.links = view, name, follow, list(links)
        self.made: tuple[int, tuple[str, str]] | None = None
        self.lock = threading.Lock()
        self.search: dict[str, Any] = {"state": "waiting"}  # for suspected labels
        self.searching: threading.Thread | None = None

    def page(self) -> tuple[str, str]:
        state = self.view.refresh() if self.follow else self.view.state
        with self.lock:
            if self.made is None or self.made[0] != state.version:
                boot = {"kind": "run", "version": state.version, "follow": self.follow, "links": self.links}
                self.made = state.version, pages.run_page(state.selection, boot)
            return self.made[1]

    def answer(self, name: str, asked: Mapping[str, str]) -> Any:
        if name == "live":
            return self.live()
        if name == "suspects":
            return self.suspected()
        prompt = int(asked["prompt"])
        if not 0 <= prompt < len(self.view.prompts.ids):
            raise ValueError(prompt)
        if name == "graded":
            return [None if one is None else one._asdict() for one in self.view.graded(prompt)]
        shown = self.view.samples(prompt)
        if name == "samples":
            return self.listed(prompt, shown)
        if name == "search":
            return [at for at, one in enumerate(shown) if has_text(one.sample.response, asked["text"])]
        response = [one.sample.response or "" for one in shown]
        if name == "response":
            return rendered(response[int(asked["sample"])])
        if name == "differences":
            return differences(response[int(asked["sample"])], response[int(asked["other"])])
        raise KeyError(name)

    def listed(self, prompt: int, shown: Sequence[Shown]) -> dict[str, Any]:
        """The list of a prompt's samples, without the responses."""
        known = [self.view.prompts.answers[prompt], *(one.sample.gold for one in shown)]
        gold = next(filter(None, known), None)
        can_grade = self.view.grading is not None and gold and any(one.sample.response for one in shown)
        return {
            "gold": gold,
            "grade": bool(can_grade) and all(one.sample.verdict is None for one in shown),
            "samples": [
                {
                    "epoch": one.epoch,
                    "step": one.step,
                    "number": one.sample.number,
                    "verdict": one.sample.verdict,
                    "reason": one.sample.reason,
                    "reward": one.sample.reward,
                    "answer": limited(one.sample.answer),
                    "tokens": one.sample.tokens,
                    "characters": None if one.sample.response is None else len(one.sample.response),
                    "preview": preview(one.sample.response),
                    "more": one.sample.more,
                }
                for one in shown
            ],
        }

    def live(self) -> dict[str, Any]:
        """The newest steps: mean reward and shares of verdicts by step, what would be chosen now."""
        state = self.view.refresh() if self.follow else self.view.state
        return {"version": state.version, "problem": self.view.problem, **by_step(state), **choice_of(state)}

    def suspected(self) -> dict[str, Any]:
        """Suspected wrong labels: looked for once per version, in a thread of their own."""
        with self.lock:
            version = self.view.state.version
            busy = self.searching is not None and self.searching.is_alive()
            if not busy and self.search.get("version") != version:
                self.search = {"state": "searching", "done": 0, "total": 0, "version": version}
                self.searching = threading.Thread(target=self._search, args=(version,), daemon=True)
                self.searching.start()
            return dict(self.search)

    def _search(self, version: int) -> None:
        def progress(done: int, total: int) -> None:
            self.search = {"state": "searching", "done": done, "total": total, "version": version}

        try:
            if self.view.grading is None:
                raise InputError("no grader is at hand to group answers")
            found = self.view.suspects(progress=progress)
            rows = [suspect_row(suspect, self.view.prompts.ids[suspect.prompt]) for suspect in found]
            self.search = {"state": "ready", "version": version, "suspects": rows}
        except InputError as error:
            self.search = {"state": "failed", "version": version, "error": str(error)}
        except Exception as error:  # said on the page; the thread has no caller
            self.search = {"state": "failed", "version": version, "error": f"{type(error).__name__}: {error}"}


class PairSource:
    """Two selections side by side: of runs, whose pages are linked to, or of scores files."""

    def __init__(self, one: Choice | RunView, two: Choice | RunView, prompts: Any, links: Sequence[str]) -> None:
        """InputError for selections of different prompts."""
        self.sides, self.prompts, self.links = (one, two), prompts, list(links)
        compared(*self.choices(), prompts)

    def choices(self) -> tuple[Choice, Choice]:
        one, two = (side if isinstance(side, Choice) else choice_from(side) for side in self.sides)
        return one, two

    def page(self) -> tuple[str, str]:
        from lim.report.figures import scores_against  # matplotlib takes a second, and most pages draw nothing

        one, two = self.choices()
        found, first, second = compared(one, two, self.prompts)
        figure = scores_against(first.scores_P, second.scores_P, first.chosen_P, second.chosen_P)
        return page(one, two, found, picture_of(figure), self.links), pair_policy() + pages.HEADER

    def answer(self, name: str, asked: Mapping[str, str]) -> Any:
        raise KeyError(name)


def choice_from(view: RunView) -> Choice:
    """What a run's log makes of its prompts now."""
    selection = view.refresh().selection
    texts = dict(zip(selection.ids, selection.prompts.texts, strict=True))
    path = f"{view.path} (without its prompt file)" if view.of_log else view.path
    return Choice(path, selection.ids, selection.scores_P, selection.chosen_P, texts)


def suspect_row(suspect: Suspect, id: str) -> dict[str, Any]:
    """A suspected label for the page and for files."""
    return {
        "id": id,
        "prompt": suspect.prompt,
        "score": round(suspect.score, 4),
        "label": limited(suspect.label),
        "answer": limited(suspect.answer),
        "right": suspect.right,
        "agreeing": suspect.agreeing,
        "samples": suspect.samples,
        "shares": {epoch: round(share, 4) for epoch, share in suspect.shares.items()},
        "reason": clean(suspect.reason),
    }


def by_step(state: State) -> dict[str, Any]:
    """Means by step; of many steps, means over some that follow each other."""
    steps = state.places.steps
    size = -(-len(steps) // MOST_POINTS)
    names = list(dict.fromkeys(name for step in steps for name in step.verdicts))
    found: dict[str, Any] = {"steps": [], "rewards": [], "verdicts": {name: [] for name in names}}
    for at in range(0, len(steps), max(1, size)):
        some = steps[at : at + size]
        samples = sum(step.samples for step in some)
        found["steps"].append(some[-1].step)
        found["rewards"].append(round(sum(step.mean_reward * step.samples for step in some) / max(1, samples), 5))
        judged = sum(sum(step.verdicts.values()) for step in some)
        for name in names:
            count = sum(step.verdicts.get(name, 0) for step in some)
            found["verdicts"][name].append(round(count / max(1, judged), 5))
    return found


def choice_of(state: State) -> dict[str, Any]:
    selection = state.selection
    average = [] if selection.average_K is None else np.round(selection.average_K, 4).tolist()
    return {
        "chosen": int(selection.chosen_P.sum()),
        "prompts": len(selection.ids),
        "rule": f"{selection.settings.strategy}, {selection.settings.rule()}",
        "average": [None if value != value else value for value in average],
    }
