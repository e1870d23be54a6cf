"""The report page: one HTML file that holds the complete selection and opens from disk, without a network.

The page's own code is in `assets/`; here the data is laid out, compressed and put into the template.
Numbers and prompts travel as deflated JSON in base64, so that nothing in a prompt can end the element
that carries it; the page's content-security policy allows its own script and style and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from lim.choose import DECIMALS as SETTLED
from lim.logs.matrix import RewardMatrix
from lim.prompts import PromptSet
from lim.report.chances import Chances, in_words
from lim.report.formulas import split_prompts
from lim.report.groups import groups_of, numbered
from lim.report.static import first_rows, histogram, settings_in_words
from lim.scores import Floats
from lim.selection import Selection
from lim.utils.files import write_text

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("text.js", "charts.js", "table.js", "app.js")
DECIMALS = 4  # of a reward on the page
LARGE = 8 << 20  # bytes before they are deflated


def pack(value: Any) -> str:
    """JSON, deflated, in base64: letters, digits, `+`, `/` and `=` only. NaN is refused."""
    data = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    level = 9 if len(data) < LARGE else 6  # of 50 MB 9 makes 7 % less, in eight times the time
    return base64.b64encode(zlib.compress(data, level)).decode()


def _or_none(values: Floats, decimals: int | None = None) -> list[Any]:
    """Values as nested lists, rounded; None for those that are not finite."""
    rounded = (values if decimals is None else np.round(values, decimals)).astype(object)
    rounded[~np.isfinite(values)] = None
    return rounded.tolist()


def _tile(name: str, value: str, note: str = "") -> str:
    small = f" <small>{html.escape(note)}</small>" if note else ""
    return f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}{small}</dd></div>"


def csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# Without a script, what only a script fills is not shown.
PLAIN_STYLE = ".live { display: none !important; } main, .charts { grid-template-columns: 1fr !important; }"


@dataclass(frozen=True)
class Extra:
    """What a page has beside the report: sections, what follows its main part, scripts, styles, what it may ask."""

    sections: str = ""
    after: str = ""
    scripts: tuple[Path, ...] = ()
    styles: tuple[Path, ...] = ()
    connect: str = "'none'"


def script_of(paths: Iterable[Path]) -> str:
    """Scripts as one, in a scope of its own."""
    return "(() => {\n" + "\n".join(path.read_text("utf-8") for path in paths) + "})();\n"


def style_of(paths: Iterable[Path]) -> str:
    return "\n".join(path.read_text("utf-8") for path in (ASSETS / "page.css", *paths))


def policy(script: str, *styles: str, connect: str = "'none'") -> str:
    """The content-security policy of a page: its own script and styles, nothing from elsewhere."""
    hashes = " ".join(f"'{csp_hash(style)}'" for style in styles)
    return (
        f"default-src 'none'; script-src '{csp_hash(script)}'; style-src {hashes}; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _template(extra: Extra, **fields: str) -> str:
    script = script_of([*(ASSETS / name for name in SCRIPTS), *extra.scripts])
    style = style_of(extra.styles)
    template = Template((ASSETS / "template.html").read_text("utf-8"))
    return template.substitute(
        fields,
        script=script,
        style=style,
        policy=policy(script, style, PLAIN_STYLE, connect=extra.connect),
        plain_style=PLAIN_STYLE,
        sections=extra.sections,
        after=extra.after,
    )


def _numbers(selection: Selection, chances: Chances | None) -> dict[str, Any]:
    """Scores, trajectories (where there is a log) and groups."""
    settings, matrix, average_K = selection.settings, selection.matrix, selection.average_K
    with_log = matrix is not None and average_K is not None
    return {
        "ids": selection.ids,
        "scores": _or_none(selection.scores_P, SETTLED),
        "scoreName": settings.row.label,
        "rewardName": "pass rate" if settings.metric == "accuracy" else "reward",
        "chosen": selection.chosen_P.astype(int).tolist(),
        "epochs": list(range(1, matrix.epochs + 1)) if matrix is not None and with_log else [],
        **(_trajectories(selection, matrix) if matrix is not None and with_log else {}),
        "average": _or_none(average_K, DECIMALS) if average_K is not None and with_log else [],
        "averages": [_or_none(curve_K, DECIMALS) for curve_K in selection.averages_K.values()],
        "averageOf": _curve_of(selection),
        "groups": [vars(group) for group in groups_of(selection.records, *selection.prompts.own_keys)],
        "reasons": dict(zip(("values", "index"), numbered(selection.reasons), strict=True)),
        "threshold": settings.similarity_threshold,
        "strategy": settings.strategy,
        "chances": None if chances is None else _chances(chances),
        "byThreshold": "similarity_threshold" in settings.row.flags,
    }


def _curve_of(selection: Selection) -> list[int] | None:
    """Of each prompt, which of the groups' curves it is compared with; null where all have one curve."""
    places = {name: place for place, name in enumerate(selection.averages_K)}
    return None if selection.group_of is None else [places.get(name, -1) for name in selection.group_of]


def _trajectories(selection: Selection, matrix: RewardMatrix) -> dict[str, Any]:
    """How many of how many samples passed, and the mean rewards, where the passes of two rewards do not tell them.

    A row of passes is a text, of the character 48 + k for k passes and `-` where the prompt was not seen; `band` is
    what intervals are made from: the smallest and the largest reward, and `LogSummary.spread`.
    """
    log, counts_P_K, seen_P_K = selection.log, matrix.counts_P_K, matrix.counts_P_K > 0
    usual = int(counts_P_K.max())
    passes_P_K = np.where(seen_P_K, 48 + np.rint(np.nan_to_num(matrix.pass_rates_P_K) * counts_P_K).astype(int), 45)
    low, high, spread = 0.0, 1.0, 1.0
    if selection.settings.metric == "reward":
        low, high, spread = (0.0, 0.0, None) if log is None else (log.min_reward, log.max_reward, log.spread)
    rates_P_K = (passes_P_K - 48) / np.maximum(counts_P_K, 1)
    two = np.allclose(matrix.rewards_P_K[seen_P_K], (low + (high - low) * rates_P_K)[seen_P_K], atol=1e-6)
    return {
        "counts": usual if (counts_P_K[seen_P_K] == usual).all() else counts_P_K.tolist(),
        "passes": ["".join(map(chr, row)) for row in passes_P_K.tolist()],
        "band": None if spread is None else [low, high, spread],
        "matrix": None if two and spread else _or_none(matrix.rewards_P_K, DECIMALS),
    }


def _chances(chances: Chances) -> dict[str, Any]:
    by_threshold_P = chances.by_threshold_P
    return {
        "replicates": chances.replicates,
        "errors": _or_none(chances.errors_P, DECIMALS),
        "byRank": _or_none(chances.by_rank_P, DECIMALS),
        "byThreshold": None if by_threshold_P is None else _or_none(by_threshold_P, DECIMALS),
    }


def _texts(prompts: PromptSet) -> dict[str, Any]:
    texts, formulas = split_prompts(prompts.texts)
    answers = [None if answer is None else formulas.answer(answer) for answer in prompts.answers]
    return {"formulas": formulas.table, "prompts": texts, "answers": answers}


def _lede(selection: Selection) -> str:
    """What was asked for, and of what."""
    log, matrix = selection.log, selection.matrix
    how = f"Chosen by strategy {selection.settings.strategy} ({selection.settings.rule()})"
    if log is None or matrix is None:
        return f"{how}, without a reward log."
    return f"{how}, from {matrix.epochs} epochs and {log.samples:,} samples of {log.path}."


def _tiles(selection: Selection) -> str:
    total, chosen = len(selection.ids), int(selection.chosen_P.sum())
    scored = int((~np.isnan(selection.scores_P)).sum())
    reasons = selection.reason_counts()
    tiles = [
        _tile("Chosen by the run", f"{chosen:,}", f"{chosen / total:.1%}".replace("%", " %") if total else ""),
        _tile("With a score", f"{scored:,}", f"of {total:,}"),
        _tile("Without a score", f"{total - scored:,}", next(iter(reasons), "")),
    ]
    average_K = selection.average_K
    if average_K is not None:
        name = "Average pass rate" if selection.settings.metric == "accuracy" else "Average reward"
        ends = f"{average_K[0]:.2f} → {average_K[-1]:.2f}".replace("-", "−")
        tiles.append(_tile(name, ends, "first → last epoch"))
    return "".join(tiles)


def _facts(selection: Selection, chances: Chances | None) -> str:
    """Settings that had a say, what was read and chosen, and every note, as a list of terms."""
    pairs = settings_in_words(selection.settings, selection.log is not None)
    pairs += selection.facts()
    if chances is not None:
        pairs.append(("stability", in_words(selection, chances)))
    pairs += [("note", note) for note in selection.notes]
    return "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in pairs)


def page_html(selection: Selection, extra: Extra | None = None, chances: Chances | None = None) -> str:
    """The page for a selection, with what is known of its stability. Same selection, same text."""
    total, chosen = len(selection.ids), int(selection.chosen_P.sum())
    headline = f"{chosen:,} of {total:,} prompts chosen"
    return _template(
        extra or Extra(),
        title=html.escape(f"{headline} · LIM report"),
        average="average of all" if selection.group_of is None else "average of its group",
        headline=html.escape(headline),
        lede=html.escape(_lede(selection)),
        allowed="".join(f'<p class="problem">{html.escape(line)}</p>' for line in selection.allowed),
        tiles=_tiles(selection),
        count=f"<b>{chosen:,}</b> of {total:,}",
        facts=_facts(selection, chances),
        histogram=histogram(selection),
        rows=first_rows(selection),
        numbers=pack(_numbers(selection, chances)),
        texts=pack(_texts(selection.prompts)),
    )


def write_page(selection: Selection, path: str | Path, chances: Chances | None = None) -> Path:
    """Write the page for a selection to `path`, atomically."""
    write_text(path, page_html(selection, chances=chances))
    return Path(path)
