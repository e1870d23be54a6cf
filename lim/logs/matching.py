"""Match a log's prompts to the prompt file: by id, by text, by text without the chat template around it.

Several texts of a log may be one prompt: a system text that holds the date, an instruction that changes, `<think>`
opened or not. All that unwrap to a prompt are that prompt, so matching comes before anything is counted.
"""

from __future__ import annotations

import bisect
import html
import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
THINK = r"(?:<think>\s*(?:</think>\s*)?)?"
# What chat templates put around a user's turn, as text with and without special tokens (verl and TRL log
# prompts decoded without them). Each has one group: what the user said, with the turns between if there are several.
# Patterns are compiled when used: ids need none.
TEMPLATES = (
    # Qwen, ChatML
    r"(?:<\|im_start\|>system\n.*?<\|im_end\|>\s*)?<\|im_start\|>user\n(.*)<\|im_end\|>\s*<\|im_start\|>assistant\n?.*",
    # Llama 3
    r"(?:<\|begin_of_text\|>)?(?:<\|start_header_id\|>system<\|end_header_id\|>.*?<\|eot_id\|>)?"
    r"<\|start_header_id\|>user<\|end_header_id\|>\n*(.*)<\|eot_id\|>"
    r"<\|start_header_id\|>assistant<\|end_header_id\|>\n*.*",
    # Llama 2, Mistral
    r"(?:<s>)?\s*\[INST\]\s*(?:<<SYS>>.*?<</SYS>>)?(.*)\[/INST\]\s*",
    # Gemma
    r"(?:<bos>)?<start_of_turn>user\n(.*)<end_of_turn>\s*<start_of_turn>model\n?.*",
    # DeepSeek
    r"(?:<｜begin▁of▁sentence｜>)?.*?<｜User｜>(.*)<｜Assistant｜>.*",
    # any of the first two, decoded without special tokens
    rf"(?:system\n.*?\n?)?(?<![^\n.!?])user\n+(.*?)\n?assistant\n*{THINK}",
)
# What stands between one turn of the user and the next, in the same templates.
BETWEEN = (
    r"<\|im_end\|>\s*<\|im_start\|>assistant\n.*?<\|im_start\|>user\n"
    r"|<\|eot_id\|>\s*<\|start_header_id\|>assistant<\|end_header_id\|>.*?<\|start_header_id\|>user<\|end_header_id\|>\n*"
    r"|\[/INST\].*?\[INST\]"
    r"|<end_of_turn>\s*<start_of_turn>model\n.*?<start_of_turn>user\n"
    r"|<｜Assistant｜>.*?<｜User｜>"
    r"|\n?assistant\n.*?(?<![^\n.!?])user\n+"
)
SPECIAL = re.compile(r"<\|(?:im_start|start_header_id)\|>|\[INST\]|<start_of_turn>|<｜User｜>")  # in no plain prompt
SWITCH = r"\s*/(?:no_)?think\s*$"  # Qwen's switch at the end of the user's turn
UNSEEN = "[\u00ad\u200b-\u200f\u2060\ufeff]"
MARKS = r"<image>|<video>|<audio>|<\|(?:vision_start|image_pad|video_pad|vision_end|image)\|>"

BY_ID = "id but for zeros, spaces around it and capitals"
BY_TEMPLATE, BY_TURN = "text without template", "what the user said in several turns"
BY_WRAPPER, BY_LETTERS = "text inside the run's own wrapper", "text but for white space and signs"
BY_END = "the end of a text that was cut at its start"
# What templates put behind the last turn, for texts that were cut before it.
BEHIND = (
    r"(?:<\|im_end\|>\s*<\|im_start\|>assistant\n*|<\|eot_id\|>\s*<\|start_header_id\|>assistant<\|end_header_id\|>\n*"
    rf"|\s*\[/INST\]\s*|<end_of_turn>\s*<start_of_turn>model\n*|<｜Assistant｜>|\n?assistant\n*){THINK}$"
)
SHORT = 12  # characters; a shorter prompt is found in too many texts to be told by what stands just before it
TAIL = 4  # characters before a prompt that have to be alike in texts that begin differently
MOST_WRAPPERS = 50  # shown


def strip_template(text: str) -> str:
    """The user's turn of a prompt wrapped in a known chat template; the text itself where there is none."""
    for template in TEMPLATES:
        match = re.fullmatch(template, text, re.DOTALL)
        if match:
            return match[1].strip()
    return text.strip()


def user_turns(text: str) -> list[str]:
    """What the user said, turn by turn, of a stripped prompt."""
    return [turn.strip() for turn in re.split(BETWEEN, text, flags=re.DOTALL)]


def normalise(text: str) -> str:
    """Text with every run of whitespace as one space."""
    return " ".join(text.split())


def letters(text: str) -> str:
    """Text without what tokenizers, templates and pages change: white space, compatibility forms, images' places."""
    text = unicodedata.normalize("NFKC", re.sub(MARKS, "", html.unescape(text)))
    return re.sub(UNSEEN, "", "".join(text.split()))


def _forms(key: str, longest: int) -> Iterator[tuple[str, Callable[[str], str], str]]:
    """(rule, fold, text) of what a key may be, the closest first; `longest` is the longest prompt's length."""
    inner = strip_template(key.replace("\r\n", "\n"))
    turns = user_turns(inner)
    if len(inner) <= 2 * longest + 100:  # white space may be added, but not that much
        yield BY_TEMPLATE, str, inner
        yield BY_TEMPLATE, normalise, inner
        yield BY_TEMPLATE, normalise, re.sub(SWITCH, "", inner)
        yield BY_LETTERS, letters, inner
    if len(turns) > 1:
        yield BY_TURN, normalise, "\n".join(turns)
        yield BY_TURN, normalise, turns[-1]
        yield BY_TURN, letters, turns[-1]


@dataclass(frozen=True)
class Matching:
    rows_P: NDArray[np.int64]  # prompt → key of the log that stands for it, −1 where the log does not have it
    unmatched: list[str]  # keys of the log that no prompt of the file has
    how: dict[str, int]  # rule → prompts matched by it
    wrappers: tuple[tuple[str, str], ...] = ()  # texts found around the log's prompts, where they had to be sought
    rows_L: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # key → key that stands for it
    undecided: tuple[str, ...] = ()  # keys that are the end of several prompts

    @property
    def joined(self) -> int:
        """Keys of the log that are another text of a prompt that has one already."""
        return int((self.rows_L != np.arange(len(self.rows_L))).sum())

    @property
    def shared(self) -> NDArray[np.int64]:
        """Keys that several prompts have, which so share one trajectory."""
        keys, counts = np.unique(self.rows_P[self.rows_P >= 0], return_counts=True)
        return keys[counts > 1]


def match_prompts(
    ids: Sequence[str],
    prompts: Sequence[str],
    keys: Sequence[str],
    *,
    full: Sequence[Sequence[str]] = (),
    by_id: bool = False,
    ids_first: bool = True,
) -> Matching:
    """Match prompts (their ids and texts) to a log's keys (ids or texts); each key takes the closest rule.

    The rules, in order: same id; same text; same text after whitespace and known chat templates are taken away, of
    several turns all or the last; same text inside a wrapper (a template or instruction of the run's own), of which
    a log may have several; the same two with `letters` alone compared; the end of one prompt that no other key is,
    where a trainer cut long prompts at their start. `by_id` stops after the first rule, where ids may be written in
    another way (`by_plain_id`); without `ids_first`, for keys that are texts, the same text comes before an id that
    reads like it. `full` are further texts of the prompts, with their system message and all turns, in one or
    several templates: these come first. Prompts of one text share a key, and keys of one prompt are joined.
    """
    search = _Search(ids, prompts, keys)
    if ids_first:
        search.by_table("id", list(ids))
    if by_id and search.open():
        search.by_plain_id(ids)
    if not by_id and search.open():
        for texts in (*full, prompts):
            search.by_table("text", list(texts))
        if not ids_first:
            search.by_table("id", list(ids))
        if search.open() or (search.rows_P < 0).any():
            search.by_forms()
            for rule, fold in ((BY_WRAPPER, normalise), (BY_LETTERS, letters)):
                search.by_wrapper(rule, fold)
            search.by_end()
    return search.result()


class _Search:
    """Keys and prompts that are not matched yet, and what the rules so far have found."""

    def __init__(self, ids: Sequence[str], prompts: Sequence[str], keys: Sequence[str]) -> None:
        self.keys, self.prompts = keys, prompts
        self.prompt_L = np.full(len(keys), -1, np.int64)  # key → prompt
        self.rows_P = np.full(len(ids), -1, np.int64)
        self.how: Counter[str] = Counter()
        self.loose: set[int] = set()  # prompts found by `letters`
        self.wrappers: list[tuple[str, str]] = []
        self.undecided: list[str] = []

    def open(self) -> list[int]:
        """Keys without a prompt."""
        return np.flatnonzero(self.prompt_L < 0).tolist()

    def by_table(self, rule: str, texts: list[str]) -> None:
        """Match keys that are a prompt's text as they are."""
        table = self.table(texts)
        prompt_L = np.array([table.get(key, -1) for key in self.keys], np.int64)
        rows = np.flatnonzero((self.prompt_L < 0) & (prompt_L >= 0))
        self.prompt_L[rows] = found = prompt_L[rows]
        found, first = np.unique(found, return_index=True)  # the first key stands for a prompt
        free = self.rows_P[found] < 0
        self.rows_P[found[free]] = rows[first[free]]
        if free.any():
            self.how[rule] += int(free.sum())
        self.share(rule, texts, table)

    def by_plain_id(self, ids: Sequence[str]) -> None:
        """Match keys to ids that are the same whole number, as tables write it (7, 7.0 and 007), or the same text
        but for spaces around it; then, of ids that have no key, but for capitals.
        """
        for fold in (_plain, lambda id: _plain(id).casefold()):
            plain = list(map(fold, ids))
            once = Counter(plain)
            table = {text: at for at, text in enumerate(plain) if once[text] == 1}
            for row in self.open():
                prompt = table.get(fold(self.keys[row]))
                if prompt is not None and (fold is _plain or self.rows_P[prompt] < 0):
                    self.take(BY_ID, row, prompt)

    def by_forms(self) -> None:
        """Match keys that are a prompt's text once templates, switches and white space are taken away."""
        texts = (text.replace("\r\n", "\n") for text in self.prompts)
        plain = [strip_template(text) if SPECIAL.search(text) else text.strip() for text in texts]
        folded = [normalise(text) for text in plain]
        by_letters = self.letters()
        tables: dict[Any, dict[str, int]] = {
            str: self.table(plain),
            normalise: self.table(folded),
            letters: self.table(by_letters),
        }
        longest = max(map(len, self.prompts), default=0)
        for loose, row in ((loose, row) for loose in (False, True) for row in self.open()):
            for rule, fold, form in _forms(self.keys[row], longest):
                prompt = tables[fold].get(fold(form)) if (fold is letters) == loose else None
                if prompt is not None and self.take(rule, row, prompt):
                    break
        for rule, fold, texts in (
            (BY_TEMPLATE, str, plain),
            (BY_TEMPLATE, normalise, folded),
            (BY_LETTERS, letters, by_letters),
        ):
            self.share(rule, texts, tables[fold])

    def letters(self) -> list[str]:
        """Letters of the prompts; of those that only these make equal, nothing a key could match."""
        texts = [letters(text) for text in self.prompts]
        plain: dict[str, set[str]] = defaultdict(set)
        for text, prompt in zip(texts, self.prompts, strict=True):
            plain[text].add(normalise(prompt))
        return [text if len(plain[text]) == 1 else f"\n{at}" for at, text in enumerate(texts)]

    def table(self, texts: list[str]) -> dict[str, int]:
        """Text → prompt; of prompts with one text, one that has a key already stands for them."""
        if not (self.rows_P >= 0).any():
            return dict(zip(reversed(texts), range(len(texts) - 1, -1, -1), strict=True))
        table: dict[str, int] = {}
        for at, text in enumerate(texts):
            if text not in table or (self.rows_P[table[text]] < 0 <= self.rows_P[at]):
                table[text] = at
        return table

    def take(self, rule: str, row: int, prompt: int) -> bool:
        """Give a key its prompt, unless only their letters are the same and the log has the prompt as it is."""
        if self.rows_P[prompt] < 0:
            self.rows_P[prompt] = row
            self.how[rule] += 1
            self.loose |= {prompt} if rule == BY_LETTERS else set()
        elif rule == BY_LETTERS and prompt not in self.loose:
            return False
        self.prompt_L[row] = prompt
        return True

    def share(self, rule: str, texts: list[str], table: dict[str, int]) -> None:
        """Give prompts without a key that of another with their text."""
        for at in np.flatnonzero(self.rows_P < 0).tolist():
            if self.rows_P[table[texts[at]]] >= 0:
                self.rows_P[at] = self.rows_P[table[texts[at]]]
                self.how[rule] += 1

    def by_wrapper(self, rule: str, fold: Callable[[str], str]) -> None:
        """Find what is written around prompts, in turns that each look at some of what is left, until nothing is."""
        texts = self.letters() if fold is letters else [fold(prompt) for prompt in self.prompts]
        table = self.table(texts)
        found = 1
        while found and (left := self.open()):
            found = 0
            missing = [text for text, at in table.items() if text and self.rows_P[at] < 0]
            looked_at = left if missing else _spread(left, len(table))
            inner = {row: fold(strip_template(self.keys[row])) for row in looked_at}
            wrappers = _wrappers(list(inner.values()), missing, [text for text in table if text])
            self.wrappers += [(before if whole else f"…{before}", after) for before, after, whole in wrappers]
            for row in left if wrappers else ():
                text = inner[row] if row in inner else fold(strip_template(self.keys[row]))
                parts = (part for wrapper in wrappers for part in _inside(text, *wrapper))
                prompt = next((table[part] for part in parts if part in table), None)
                found += prompt is not None and self.take(rule, row, prompt)
        self.share(rule, texts, table)

    def by_end(self) -> None:
        """Find keys that were cut at their start: the end of one prompt that has no key of its own, complete one.

        A trainer cuts at a number of tokens, so such a key is not much shorter than the longest.
        """
        texts = [normalise(prompt) for prompt in self.prompts]
        ends = sorted((texts[at][::-1], at) for at in np.flatnonzero(self.rows_P < 0).tolist())
        left = self.open()
        if not ends or not left:
            return
        longest = max(map(len, self.keys))
        behind = self._behind()
        for row in left:
            key = self.keys[row]
            if 4 * len(key) < longest or strip_template(key) != key.strip():
                continue
            text = normalise(key)
            tails = {text[: len(text) - len(after)] for after in behind if text.endswith(after)}
            tails.add(normalise(re.sub(BEHIND, "", key)))
            found = {at for tail in tails if len(tail) >= SHORT for at in _starting(ends, tail[::-1])}
            if len({texts[at] for at in found}) > 1:
                self.undecided.append(key)
            elif found:
                self.take(BY_END, row, min(found))
        self.share(BY_END, texts, self.table(texts))

    def _behind(self) -> set[str]:
        """What stands behind the prompts of keys that are matched, white space normalised; of up to 50."""
        found = set()
        matched: list[int] = np.flatnonzero(self.prompt_L >= 0).tolist()
        for row in _spread(matched, 1):
            prompt = self.prompts[int(self.prompt_L[row])]
            _, inside, after = normalise(self.keys[row]).rpartition(normalise(prompt))
            found |= {after} if inside else set()
        return found

    def result(self) -> Matching:
        rows_L = np.arange(len(self.keys))
        matched = self.prompt_L >= 0
        rows_L[matched] = self.rows_P[self.prompt_L[matched]]
        unmatched = [self.keys[row] for row in self.open()]
        wrappers, undecided = tuple(self.wrappers[:MOST_WRAPPERS]), tuple(self.undecided)
        return Matching(self.rows_P, unmatched, dict(self.how), wrappers, rows_L, undecided)


def _wrappers(texts: Sequence[str], missing: Sequence[str], prompts: Sequence[str]) -> list[tuple[str, str, bool]]:
    """(text before, text after, whether the first is complete) of wrappers, the commonest first.

    Looks at up to 50 of the texts and 50 of the missing prompts: from both sides, since either may be a small part
    of the other. One seen around a single prompt is taken for a prompt that is in another's text by chance.
    """
    found: set[tuple[str, str]] = set()  # (text, prompt)
    for text in _spread(texts, len(prompts)):
        inside = max((prompt for prompt in prompts if prompt in text), key=len, default="")
        if inside:
            found.add((text, inside))
    for prompt in _spread(missing, len(texts)):
        around = min((text for text in texts if prompt in text), key=len, default="")
        if around:
            found.add((around, prompt))
    around_them: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
    for text, prompt in found:
        at = text.rfind(prompt)
        before, after = text[:at], text[at + len(prompt) :]
        around_them[before, after, True].add(prompt)
        if len(prompt) >= SHORT and len(before) > TAIL:
            around_them[before[-TAIL:], after, False].add(prompt)
    least = 2 if len(prompts) > 1 else 1
    kept = [(len(seen), wrapper) for wrapper, seen in around_them.items() if len(seen) >= least]
    # A complete wrapper says all that one cut to its end would.
    complete = {(before[-TAIL:], after): count for count, (before, after, whole) in kept if whole}
    kept = [
        (count, wrapper) for count, wrapper in kept if wrapper[2] or complete.get((wrapper[0], wrapper[1]), 0) < count
    ]
    return [wrapper for _, wrapper in sorted(kept, key=lambda item: (-item[0], not item[1][2], item[1]))]


def _inside(text: str, before: str, after: str, whole: bool) -> Iterator[str]:
    """What of a text stands between `before` and its end `after`: at its start, or wherever `before` is."""
    if not text.endswith(after):
        return
    inner = text[: len(text) - len(after)]
    if whole:
        if inner.startswith(before):
            yield inner[len(before) :]
        return
    at = inner.find(before)
    while at >= 0:
        if len(inner) - at - len(before) >= SHORT:
            yield inner[at + len(before) :]
        at = inner.find(before, at + 1)


def _plain(id: str) -> str:
    """An id without spaces around it and, of a whole number, without zeros that do not count."""
    match = re.fullmatch(r"(-?)0*(\d+?)(?:\.0*)?", id := id.strip())
    return match[1] + match[2] if match else id


def _starting(items: Sequence[tuple[str, int]], start: str) -> Iterator[int]:
    """The numbers of sorted (text, number) pairs whose text starts so."""
    first = bisect.bisect_left(items, (start, -1))
    found = itertools.takewhile(lambda item: item[0].startswith(start), itertools.islice(items, first, None))
    return (number for _, number in found)


def _spread(items: Sequence[Item], others: int) -> Sequence[Item]:
    """Up to 50 of the items (fewer where there are many others to compare them with), spread over all of them."""
    count = max(5, min(50, 5_000_000 // max(1, others)))
    return items if len(items) <= count else [items[at * len(items) // count] for at in range(count)]
