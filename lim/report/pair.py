"""Two selections of the same prompts: overlap, prompts that moved, score against score, make-up by group."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np

from lim.choose import Floats, Mask
from lim.output import read_scores
from lim.prompts.rows import read_file
from lim.report.groups import groups_of
from lim.report.page import ASSETS, csp_hash
from lim.stability.sweeps import jaccard, jaccard_by_chance, rank_correlation
from lim.utils.errors import InputError
from lim.utils.text import squash

MOST_MOVED = 200  # rows on the page; the JSON file has all


@dataclass(frozen=True)
class Choice:
    """A scores file: score (NaN for none) and choice by key, an id or a prompt's text."""

    path: str
    keys: list[str]
    scores_P: Floats
    chosen_P: Mask
    texts: dict[str, str]

    @classmethod
    def read(cls, path: str) -> Choice:
        """InputError for a file without scores or without `chosen`."""
        scores = read_scores(path)
        records = read_file(path).records
        chosen = [record.get("chosen") for record in records]
        truth = {"true": True, "false": False}  # of a CSV file in any case
        chosen = [truth.get(str(value).lower()) if isinstance(value, str | bool) else None for value in chosen]
        if None in chosen:
            bad = chosen.index(None) + 1
            given = records[bad - 1].get("chosen")
            raise InputError(f"{path}: row {bad}: 'chosen' is {given!r:.40}, not true or false; lim select writes it")
        texts = {key: str(record.get("prompt", "")) for key, record in zip(scores.keys, records, strict=True)}
        return cls(path, scores.keys, scores.scores_L, np.array(chosen, bool), texts)

    def rows(self, keys: list[str]) -> Choice:
        place = {key: at for at, key in enumerate(self.keys)}
        at_Q = np.array([place[key] for key in keys], int)
        return Choice(self.path, keys, self.scores_P[at_Q], self.chosen_P[at_Q], self.texts)


def shared(one: Choice, two: Choice) -> tuple[Choice, Choice]:
    """Both choices over the prompts that both files have. InputError where they share none, or share ids alone, which
    may be row numbers.
    """
    both = [key for key in one.keys if key in two.texts]
    if not both:
        raise InputError(f"{one.path} and {two.path} share no prompt: {one.keys[0]!r:.60}, {two.keys[0]!r:.60}")
    check_texts(one, two.path, two.texts)
    return one.rows(both), two.rows(both)


def check_texts(one: Choice, path: str, texts: Mapping[str, str]) -> None:
    """InputError where more than 5 % of the prompts of one id have another text in `path`, whose texts are given."""
    known = [key for key in one.keys if one.texts[key] and texts.get(key)]
    other = [key for key in known if squash(one.texts[key]) != squash(texts[key])]
    if len(other) > 0.05 * len(known):
        raise InputError(
            f"{one.path} and {path} are of different prompts: {len(other)} of {len(known)} with the same id have "
            f"another text, such as {other[0]!r:.40}"
        )


def compare(first: Choice, second: Choice) -> dict[str, Any]:
    """Overlap, agreement of scores, and the prompts that are in one choice alone, the most moved first."""
    both_P = ~np.isnan(first.scores_P) & ~np.isnan(second.scores_P)
    change_P = np.nan_to_num(second.scores_P - first.scores_P)
    moved = np.flatnonzero(first.chosen_P != second.chosen_P)
    counts = int(first.chosen_P.sum()), int(second.chosen_P.sum())
    return {
        "prompts": len(first.keys),
        "chosen": list(counts),
        "chosen_by_both": int((first.chosen_P & second.chosen_P).sum()),
        "jaccard": jaccard(first.chosen_P, second.chosen_P),
        "jaccard_by_chance": jaccard_by_chance(counts[0], len(first.keys), counts[1]),
        "spearman": rank_correlation(first.scores_P[both_P], second.scores_P[both_P]),
        "moved": [
            {
                "key": first.keys[at],
                "prompt": first.texts[first.keys[at]] or second.texts[first.keys[at]],
                "scores": [None if np.isnan(v) else float(v) for v in (first.scores_P[at], second.scores_P[at])],
                "chosen_by": "first" if first.chosen_P[at] else "second",
            }
            for at in moved[np.argsort(-np.abs(change_P[moved]), kind="stable")].tolist()
        ],
    }


def make_up(one: Choice, two: Choice, prompts: Any) -> list[dict[str, Any]]:
    """For each value of the prompt file's grouping columns: prompts, and how many of them each choice has.

    InputError for a file of other prompts.
    """
    texts = dict(zip(prompts.ids, prompts.texts, strict=True))
    for choice in (one, two):
        if not set(choice.keys) & {*prompts.ids, *prompts.texts}:
            shown = f"{choice.path}, such as {choice.keys[0]!r:.60}"
            raise InputError(f"{prompts.name}: has none of the prompts of {shown}")
        check_texts(choice, prompts.name, texts)
    chosen = [{key for key, taken in zip(c.keys, c.chosen_P.tolist(), strict=True) if taken} for c in (one, two)]
    rows = []
    for group in groups_of(prompts.rows.records, *prompts.own_keys):
        for at, value in enumerate(group.values):
            inside = [n for n, index in enumerate(group.index) if index == at]
            names = [{prompts.ids[n], prompts.texts[n]} for n in inside]
            counts = [sum(bool(name & ids) for name in names) for ids in chosen]
            rows.append({"column": group.name, "value": value, "prompts": len(inside), "chosen": counts})
    return rows


def facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The comparison as (name, value) for the terminal and the page."""
    rank = "not defined" if found["spearman"] is None else f"{found['spearman']:.3f}"
    pairs = [
        ("prompts in both files", f"{found['prompts']:,}"),
        ("chosen", "{:,} and {:,}".format(*found["chosen"])),
        ("chosen by both", f"{found['chosen_by_both']:,}"),
        ("Jaccard similarity", f"{found['jaccard']:.3f} (by chance {found['jaccard_by_chance']:.3f})"),
        ("rank correlation of scores (Spearman)", rank),
        ("in one choice alone", f"{len(found['moved']):,}"),
    ]
    if any(found["only_in"]):
        pairs.insert(1, ("prompts in one file alone", "{:,} and {:,}".format(*found["only_in"])))
    return pairs


def compared(one: Choice, two: Choice, prompts: Any = None) -> tuple[dict[str, Any], Choice, Choice]:
    """(what `compare` finds over the prompts of both, both choices over those); `prompts` also gives the make-up."""
    first, second = shared(one, two)
    found = {"only_in": [len(choice.keys) - len(first.keys) for choice in (one, two)], **compare(first, second)}
    if prompts is not None:
        found["make_up"] = make_up(one, two, prompts)
    return found, first, second


def page(one: Choice, two: Choice, found: dict[str, Any], picture: str, links: Sequence[str] = ()) -> str:
    """The comparison as a page: what is from a file is escaped, nothing is loaded, no script runs.

    `links`: addresses of the pages of both runs, which then are linked to, a moved prompt at its place.
    """
    style = _style()

    def table(heads: list[str], rows: list[list[str]], first: Callable[[str], str] = html.escape) -> str:
        cells = ([first(row[0]), *map(html.escape, row[1:])] for row in rows)
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
        return "<table><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + f"</tr>{body}</table>"

    def score(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}".replace("-", "−")

    def linked(key: str) -> str:
        """A prompt's key, and where it is in each run's page."""
        places = [html.escape(f"{link}#{urlencode({'prompt': key})}") for link in links]
        named = zip(("first", "second"), places, strict=False)
        return html.escape(key[:40]) + "".join(f' <a href="{place}">{name}</a>' for name, place in named)

    moved = [
        [row["key"], row["prompt"][:300], *map(score, row["scores"]), f"the {row['chosen_by']}"]
        for row in found["moved"][:MOST_MOVED]
    ]
    terms = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts(found))
    made = [
        [row["column"], row["value"], f"{row['prompts']:,}", *(f"{count:,}" for count in row["chosen"])]
        for row in found.get("make_up", [])
    ]
    shown = f"{len(moved):,} of {len(found['moved']):,}"
    parts = [
        f'<section class="card"><h2>Overlap</h2><dl class="settings">{terms}</dl></section>',
        f'<section class="card"><h2>Score against score</h2><figure>{picture}</figure></section>',
        '<section class="card"><h2>Make-up</h2>'
        + table(["Column", "Value", "Prompts", "First", "Second"], made)
        + "</section>"
        if made
        else "",
        '<section class="card"><h2>In one choice alone</h2>'
        + (
            f'<p class="hint">{shown}, the largest change of the score first.</p>'
            + table(["Prompt", "Text", "First score", "Second score", "Chosen by"], moved, linked)
            if moved
            else '<p class="hint">None: both choices are the same.</p>'
        )
        + "</section>",
    ]
    policy = pair_policy()
    names = [html.escape(choice.path) for choice in (one, two)]
    if links:
        names = [f'<a href="{html.escape(link)}">{name}</a>' for link, name in zip(links, names, strict=True)]
    lede = "First: {}. Second: {}.".format(*names)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>Two selections · LIM</title><style>{style}</style></head><body>"
        f'<header class="top"><h1>Two selections</h1><p class="lede">{lede}</p></header>'
        f"<main>{''.join(parts)}</main></body></html>\n"
    )


def _style() -> str:
    style = (ASSETS / "page.css").read_text("utf-8") + "\nmain { display: block; } .card { margin-bottom: 14px; }"
    return style + " td, th { padding: 6px; } figure { margin: 0; } figure img { max-width: 100%; height: auto; }"


def pair_policy() -> str:
    """The page's content-security policy."""
    style = csp_hash(_style())
    return f"default-src 'none'; style-src '{style}'; img-src data:; base-uri 'none'; form-action 'none'"


def picture_of(figure: Any) -> str:
    """The scatter plot as an element of the page."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130, metadata={"Software": None})
    what = "Scores of the first selection against those of the second"
    return f'<img alt="{what}" src="data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}" width="620">'
