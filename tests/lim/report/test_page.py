"""The report page as text: what it holds, what it escapes, its size. The browser's part is test_page_browser.py."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_samples import NASTY, random_draw, small_selection, unpack, without_log

import lim_selection
from lim.prompts import read_prompts
from lim.report.formulas import LONGEST, Formulas, split_prompts
from lim.report.page import ASSETS, pack, page_html, write_page
from lim.utils.files import write_json


def joined(parts: list[str | int], table: list[Any]) -> str:
    return "".join(part if isinstance(part, str) else table[part][0] for part in parts)


def test_page_holds_every_prompt_score_and_trajectory():
    selection = small_selection()
    page = page_html(selection)
    numbers, texts = unpack(page, "numbers"), unpack(page, "texts")
    assert numbers["ids"] == selection.ids
    assert numbers["threshold"] == 0.6
    assert sum(numbers["chosen"]) == int(selection.chosen_P.sum()) > 0
    scores = np.array([np.nan if s is None else s for s in numbers["scores"]])
    # The page compares them with θ, as the choice does: to 12 decimals.
    np.testing.assert_array_equal(scores, np.round(selection.scores_P, 12))
    assert selection.matrix is not None and selection.average_K is not None
    rates_P_K = np.array([[np.nan if mark == "-" else int(mark) / 8 for mark in row] for row in numbers["passes"]])
    np.testing.assert_array_equal(rates_P_K, selection.matrix.rewards_P_K)  # so the page needs no means
    assert numbers["matrix"] is None and numbers["band"] == [0, 1, 1] and numbers["counts"] == 8
    assert numbers["passes"][1][3] == "-" and numbers["passes"][-1] == 8 * "-"
    np.testing.assert_allclose(numbers["average"], selection.average_K, atol=5e-5)
    assert [joined(parts, texts["formulas"]) for parts in texts["prompts"]] == [
        r["prompt"] for r in selection.records
    ]
    assert texts["answers"][3] == "9"
    assert numbers["reasons"]["values"] == ["not in the log"]
    assert numbers["reasons"]["index"][-2:] == [-1, 0]


def test_a_score_that_misses_the_threshold_by_rounding_alone_is_above_it_on_the_page_too():
    selection = small_selection()
    scores_P = selection.scores_P.copy()
    scores_P[0] = 0.1 + 0.2 + 0.3 - 2e-16  # 0.5999999999999999
    assert scores_P[0] < 0.6
    numbers = unpack(page_html(replace(selection, scores_P=scores_P)), "numbers")
    assert numbers["scores"][0] >= numbers["threshold"] == 0.6


def test_means_are_on_the_page_where_passes_do_not_tell_them():
    selection = small_selection()
    assert selection.matrix is not None and selection.log is not None
    rewards_P_K = selection.matrix.rewards_P_K.copy()
    rewards_P_K[2, 0] -= 0.25 / 8  # one sample of another reward
    graded = replace(selection, matrix=replace(selection.matrix, rewards_P_K=rewards_P_K))
    numbers = unpack(page_html(graded), "numbers")
    np.testing.assert_allclose(np.array(numbers["matrix"], float), rewards_P_K, atol=5e-5)
    assert numbers["passes"] == unpack(page_html(selection), "numbers")["passes"]
    unknown = replace(selection, log=replace(selection.log, spread=None))
    assert unpack(page_html(unknown), "numbers")["matrix"] is not None
    uneven_P_K = selection.matrix.counts_P_K.copy()
    uneven_P_K[2] *= 12  # 96 samples: more passes than there are digits
    uneven = replace(selection, matrix=replace(selection.matrix, counts_P_K=uneven_P_K))
    numbers = unpack(page_html(uneven), "numbers")
    assert numbers["counts"] == uneven_P_K.tolist()
    passes_K = [ord(mark) - 48 for mark in numbers["passes"][2]]
    np.testing.assert_array_equal(np.array(passes_K) / 96, selection.matrix.rewards_P_K[2])


def test_header_and_settings_say_what_was_run():
    selection = small_selection()
    page = page_html(selection)
    chosen = int(selection.chosen_P.sum())
    assert f"<h1>{chosen} of 120 prompts chosen</h1>" in page
    assert "Chosen by strategy lim (score ≥ 0.6), from 8 epochs and 7,680 samples of" in page
    assert "<dt>threshold</dt><dd>0.6</dd>" in page
    assert "<dt>seed" not in page  # nothing is drawn
    assert "<dt>missing epochs</dt><dd>filled from the next epoch</dd>" in page
    assert "<dt>unscored</dt><dd>1: not in the log</dd>" in page


def test_nothing_of_the_input_reaches_the_page_unescaped():
    page = page_html(small_selection())
    assert "onerror" not in page and "hacked" not in page  # prompts travel in base64
    assert "<b>demo</b>" not in page and "&lt;b&gt;demo&lt;/b&gt;" in page
    assert "a note with &lt;b&gt;markup&lt;/b&gt;" in page
    assert "\u2028" not in page
    assert page.count("<script") == page.count("</script>") == 3


def test_packed_data_cannot_end_its_element():
    packed = pack([NASTY, "</script>", "<!--", "\u2028"])
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed)
    with pytest.raises(ValueError):
        pack([float("nan")])


def test_page_is_whole_and_loads_nothing():
    page = page_html(small_selection())
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert not re.search(r"\b(?:src|href)=(?!\"data:,)", page)
    assert not re.search(r"https?://(?!www\.w3\.org/(?:2000/svg|1998/Math/MathML))", page)
    assert "default-src 'none'" in page and "unsafe-" not in page
    fields = re.findall(r"\$\w+", (ASSETS / "template.html").read_text("utf-8"))
    assert not [field for field in fields if field in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)]


def test_same_selection_same_bytes(tmp_path: Path):
    first = write_page(small_selection(), tmp_path / "a" / "report.html")
    second = write_page(small_selection(), tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b.html", "report.html"]


def test_selection_without_a_log_and_without_scores():
    numbers = unpack(page_html(without_log(small_selection())), "numbers")
    assert (
        "passes" not in numbers and "matrix" not in numbers and numbers["epochs"] == [] and numbers["average"] == []
    )
    page = page_html(random_draw(small_selection()))
    assert "Chosen by strategy random (drawn with seed 42), without a reward log." in page
    numbers = unpack(page, "numbers")
    assert set(numbers["scores"]) == {None} and numbers["threshold"] is None and sum(numbers["chosen"]) == 10


@pytest.mark.parametrize(
    ("prompt", "formulas"),
    [
        ("Let $a$ and $b$ be $\\frac12$.", ["$a$", "$b$", "$\\frac12$"]),
        ("so \\[x^2\\]and \\(y\\) and $$z$$", ["\\[x^2\\]", "\\(y\\)", "$$z$$"]),
        ("costs $5 and $10 each", []),
        ("costs \\$5 and \\$10, $n$ times", ["$n$"]),
        ("about $ 27000 $, $z $ and $ a$", ["$ 27000 $", "$z $", "$ a$"]),
        ("$ x \\star 24 = 7$", ["$ x \\star 24 = 7$"]),
        ("$\\$$30", ["$\\$$"]),
        ("\\begin{align*}a&=b\\\\c&=d\\end{align*}", ["\\begin{align*}a&=b\\\\c&=d\\end{align*}"]),
        ("[asy]draw((0,0)--(1,1)); // $x$[/asy]", ["[asy]draw((0,0)--(1,1)); // $x$[/asy]"]),
        ("an unknown $\\notacommand{x}$ stays", []),
        ("$ unclosed", []),
        ("", []),
    ],
)
def test_formulas_are_found_and_the_text_is_kept(prompt: str, formulas: list[str]):
    (parts,), found = split_prompts([prompt])
    assert [found.table[part][0] for part in parts if isinstance(part, int)] == formulas
    assert joined(parts, found.table) == prompt


def test_formulas_become_mathml_once_each():
    parts, found = split_prompts(["$x^2$ and $x^2$", "\\[x^2\\]", "$\\oops$ $\\oops$"])
    assert parts == [[0, " and ", 0], [1], ["$\\oops$ $\\oops$"]]
    assert [kind for _, kind, _ in found.table] == ["inline", "display"]
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in found.table[0][2]
    assert 'display="block"' in found.table[1][2]
    assert found.failed == 2


class Recorder:
    """Stands in for the converter, and keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def convert_with_local_state(self, latex: str, displaystyle: bool) -> str:
        self.given.append(latex)
        return "<math></math>"


@pytest.mark.parametrize(
    "latex",
    [
        "x+" * (LONGEST // 2) + "y",
        "\\newcommand{\\a}[1]{\\sqrt{#1}}\\a{x}",
        "\\providecommand{\\a}{x}\\a",
        "\\def\\a{x}\\a",
        "\\let\\a=x\\a",
    ],
    ids=["long", "newcommand", "providecommand", "def", "let"],
)
def test_formulas_that_may_be_too_much_for_the_converter_are_not_given_to_it(latex: str):
    formulas, recorder = Formulas(), Recorder()
    formulas._convert = recorder  # type: ignore[assignment]
    assert formulas.split(f"so ${latex}$ holds") == [f"so ${latex}$ holds"]
    assert (recorder.given, formulas.failed) == ([], 1)
    longest = "x+" * (LONGEST // 2 - 1) + "y"
    assert formulas.split(f"${longest}$ and $\\left(x\\right)$") == [0, " and ", 1]
    assert recorder.given == [longest, "\\left(x\\right)"]


def test_a_formula_that_the_converter_refuses_stays_text():
    parts, found = split_prompts(["so $\ud800^2$ holds"])  # half a pair
    assert parts == [["so $\ud800^2$ holds"]] and found.failed == 1
    assert json.loads(zlib.decompress(base64.b64decode(pack(parts)))) == parts


def test_answers_in_latex_become_formulas():
    _, found = split_prompts([])
    assert [found.answer(text) for text in ("12", "\\frac{1}{2}", "$\\pi$", "\\oops{1}", "a_1")] == [
        "12",
        0,
        1,
        "\\oops{1}",
        "a_1",
    ]
    assert [entry[:2] for entry in found.table] == [
        ("\\frac{1}{2}", "inline"),
        ("$\\pi$", "inline"),
    ]  # as in the file


def test_mathml_escapes_what_is_in_text():
    _, found = split_prompts([NASTY])
    mathml = "".join(entry[2] for entry in found.table)
    assert "&lt;img" in mathml and "<img" not in mathml


def test_page_files_are_short_and_cannot_end_their_element():
    for path in ASSETS.iterdir():
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 400, path.name
        if path.suffix in (".js", ".css"):
            assert "</" not in text and "<!--" not in text, path.name


def test_command_line_writes_the_page_into_the_report_folder(tmp_path: Path):
    prompts, scores = tmp_path / "prompts.json", tmp_path / "s.json"
    write_json(prompts, [{"id": str(n), "prompt": f"What is ${n}+1$?", "answer": str(n + 1)} for n in range(4)])
    write_json(scores, [{"id": str(n), "score": n / 4} for n in range(4)])
    arguments = ["--original_prompts_path", str(prompts), "--scores_path", str(scores)]
    lim_selection.main(
        [*arguments, "--output_path", str(tmp_path / "out.json"), "--report", str(tmp_path / "a report")]
    )
    page = (tmp_path / "a report" / "report.html").read_text("utf-8")
    assert "<h1>1 of 4 prompts chosen</h1>" in page
    assert unpack(page, "numbers")["scores"] == [0, 0.25, 0.5, 0.75]


@pytest.mark.data
def test_published_prompts_convert_and_stay_whole(shared_data: Path):
    records = read_prompts(shared_data / "limr" / "math.8k.json")
    parts, found = split_prompts(record["prompt"] for record in records)
    assert all(joined(p, found.table) == r["prompt"] for p, r in zip(parts, records, strict=True))
    converted = sum(isinstance(part, int) for line in parts for part in line)
    assert converted > 29000
    assert found.failed <= 30
