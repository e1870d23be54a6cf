"""The viewer's pages: the report with what a server adds to it, and the samples of evaluations."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from typing import Any

from lim.report.page import ASSETS as REPORT
from lim.report.page import PLAIN_STYLE, SCRIPTS, Extra, pack, page_html, policy, script_of, style_of
from lim.selection import Selection

ASSETS = Path(__file__).parent / "assets"
HEADER = "; frame-ancestors 'none'"  # of a policy, only in the header


def _asset(name: str, **fields: str) -> str:
    return Template((ASSETS / name).read_text("utf-8")).substitute(fields)


def run_page(selection: Selection, boot: dict[str, Any]) -> tuple[str, str]:
    """(the page of a run, its policy)."""
    scripts = (ASSETS / "responses.js", ASSETS / "run.js")
    styles = (ASSETS / "view.css",)
    extra = Extra(_asset("sections.html"), _asset("dialog.html", boot=pack(boot)), scripts, styles, "'self'")
    script = script_of([*(REPORT / name for name in SCRIPTS), *scripts])
    return page_html(selection, extra), policy(script, style_of(styles), PLAIN_STYLE, connect="'self'") + HEADER


def evaluation_page(lede: str, boot: dict[str, Any]) -> tuple[str, str]:
    """(the page of evaluations, its policy)."""
    scripts = (REPORT / "text.js", ASSETS / "responses.js", ASSETS / "eval.js")
    script, style = script_of(scripts), style_of((ASSETS / "view.css",))
    allowed = policy(script, style, connect="'self'")
    after = _asset("dialog.html", boot=pack(boot))
    fields = {"script": script, "style": style, "policy": allowed, "after": after, "lede": html.escape(lede)}
    return _asset("eval.html", **fields), allowed + HEADER
