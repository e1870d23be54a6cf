"""The report page in a real headless Chromium: what a reader does with it, on a desktop and on a phone."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from page_samples import random_draw, small_selection, without_log
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lim.choose import choose_above
from lim.output import read_ids
from lim.report.chances import Chances
from lim.report.page import write_page
from lim.selection import Selection
from lim.view.suspects import wilson

pytestmark = pytest.mark.browser
DESKTOP, PHONE = (1440, 900), (390, 844)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator:
    """Opens a selection's page from disk; fails at the end on any console error or request to elsewhere."""
    context = browser.new_context(accept_downloads=True, offline=True)
    problems: list[str] = []

    def opened(selection: Selection, size: tuple[int, int] = DESKTOP) -> Page:
        path = write_page(selection, tmp_path / "report.html")
        page = context.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.on("console", lambda message: message.type in ("error", "warning") and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: request.url != path.as_uri() and problems.append(request.url[:200]))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    opened.problems = problems
    yield opened
    context.close()
    assert [problem for problem in problems if not problem.startswith(("data:,", "blob:"))] == []


def slide(page: Page, theta: float) -> None:
    page.locator("#theta").evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", theta)


def row_ids(page: Page) -> list[str]:
    return page.locator("#rows td.col-id").all_text_contents()


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_slider_updates_count_bars_shares_and_list(open_page):
    selection = small_selection()
    page = open_page(selection)
    at_start = int(selection.chosen_P.sum())
    expect(page.locator("#count b")).to_have_text(str(at_start))
    expect(page.locator("#reset")).to_be_disabled()
    page.get_by_text("Chosen", exact=True).click()
    expect(page.locator("#matches")).to_have_text(f"{at_start} of 120 prompts")
    shares = page.locator("#shares").inner_text()

    slide(page, 0.9)
    # The slider snaps to its steps; the number field says to which, and that number holds exactly.
    theta = float(page.locator("#theta-number").input_value())
    assert abs(theta - 0.9) < 0.01
    expected = int(choose_above(selection.scores_P, theta).sum())
    assert 0 < expected < at_start
    expect(page.locator("#count b")).to_have_text(str(expected))
    expect(page.locator("#matches")).to_have_text(f"{expected} of 120 prompts")
    assert page.locator("#shares").inner_text() != shares
    assert page.locator("#rows tr.is-chosen").count() == page.locator("#rows tr").count() == min(expected, 25)
    expect(page.locator("#command")).to_contain_text(f"--similarity_threshold={theta:g}")

    page.locator("#reset").click()
    expect(page.locator("#count b")).to_have_text(str(at_start))
    expect(page.locator("#theta-number")).to_have_value("0.6")


def test_each_prompt_is_drawn_against_the_average_of_its_group(open_page):
    selection = small_selection()
    group_of = [record["subject"] for record in selection.records]
    averages_K = {name: selection.average_K * share for name, share in (("Algebra", 0.2), ("Geometry", 0.9))}
    page = open_page(replace(selection, group_of=group_of, averages_K=averages_K))
    expect(page.locator("#legend .key-average")).to_have_text("average of its group")
    drawn = {}
    for name, prompt in (("Algebra", "p0003"), ("Geometry", "p0004"), ("Number theory", "p0005")):
        page.locator("#rows td.col-id", has_text="p").first.wait_for()
        page.locator("#search").fill(f"id:{prompt}")
        page.locator("#rows tr", has_text=prompt).click()
        drawn[name] = page.locator("#trajectory path.line-average").get_attribute("d")
    assert len(set(drawn.values())) == 3  # the third has no curve of its own: that of all prompts


def test_number_field_takes_any_threshold_and_equal_scores_are_chosen(open_page):
    selection = small_selection()
    page = open_page(selection)
    score = float(np.sort(selection.scores_P[~np.isnan(selection.scores_P)])[50])
    page.locator("#theta-number").fill(repr(score))
    expect(page.locator("#count b")).to_have_text(str(int(choose_above(selection.scores_P, score).sum())))


def test_keyboard_moves_the_slider_and_walks_the_table(open_page):
    page = open_page(small_selection())
    page.locator("#theta").focus()
    before = float(page.locator("#theta-number").input_value())
    page.keyboard.press("PageUp")
    expect(page.locator("#reset")).to_be_enabled()
    assert float(page.locator("#theta-number").input_value()) > before
    page.locator("#rows tr").first.focus()
    page.keyboard.press("ArrowDown")
    second = page.locator("#rows tr").nth(1)
    expect(second).to_have_attribute("aria-current", "true")
    expect(page.locator("#detail-body")).to_contain_text(row_ids(page)[1])


def test_dragging_on_the_histogram_moves_the_threshold(open_page):
    page = open_page(small_selection())
    box = page.locator("#histogram").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 80)
    page.mouse.up()
    expect(page.locator("#reset")).to_be_enabled()
    low = float(page.locator("#theta-number").input_value())
    assert low < 0.6


def test_click_in_table_and_scatter_shows_the_trajectory(open_page):
    selection = small_selection()
    page = open_page(selection)
    line = page.locator("#rows tr").nth(3)
    id = line.locator("td.col-id").inner_text()
    line.click()
    expect(page.locator("#detail-body")).to_contain_text(id)
    expect(page.locator("#trajectory circle")).to_have_count(8)
    assert page.locator("#trajectory path.line-one").get_attribute("d").startswith("M")
    assert page.locator("#trajectory path.line-average").get_attribute("d").startswith("M")

    shown = page.locator("#detail-body").inner_text()
    # The lowest point drawn: the discarded colour at the largest y.
    x, y = page.locator("#scatter").evaluate("""(canvas) => {
      const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let y = height - 60; y > 0; y--) for (let x = 60; x < width - 20; x++) {
        const [r, g, b, a] = data.slice(4 * (y * width + x), 4 * (y * width + x) + 4);
        if (a > 150 && r > 170 && r < 200 && b > r + 8) return [x, y];
      }
    }""")
    page.locator("#scatter").click(position={"x": x, "y": y})
    assert page.locator("#detail-body").inner_text() != shown
    expect(page.locator("#detail-body .choice")).to_have_text("discarded")


def test_missing_epoch_is_a_gap_and_unscored_prompt_says_why(open_page):
    page = open_page(small_selection())
    page.fill("#search", "p0001")
    page.locator("#rows tr").first.click()
    expect(page.locator("#trajectory circle")).to_have_count(7)
    assert page.locator("#trajectory path.line-one").get_attribute("d").count("M") == 2
    page.fill("#search", "")
    page.get_by_text("No score", exact=True).first.click()
    assert row_ids(page) == ["p0119"]
    page.locator("#rows tr").first.click()
    expect(page.locator("#detail-body")).to_contain_text("not in the log")


def test_search_filter_sort_and_pages(open_page):
    selection = small_selection()
    page = open_page(selection)
    assert page.locator("#rows tr").count() == 25
    expect(page.locator("#page-number")).to_have_text("Page 1 of 5")
    page.locator("#next-page").click()
    expect(page.locator("#page-number")).to_have_text("Page 2 of 5")

    page.fill("#search", "geometry PROBLEM")
    expect(page.locator("#matches")).to_have_text("40 of 120 prompts")
    expect(page.locator("#page-number")).to_have_text("Page 1 of 2")
    page.fill("#search", "no such words")
    assert row_ids(page) == []
    page.fill("#search", "")

    page.get_by_role("button", name="Id", exact=True).click()
    assert row_ids(page)[:3] == ["p0000", "p0001", "p0002"]
    expect(page.locator('th[aria-sort="ascending"]')).to_have_text("Id↑")
    page.get_by_role("button", name="Level").click()
    assert set(page.locator("#rows td.col-level").all_text_contents()[:24]) == {"1"}
    page.get_by_role("button", name="Score").click()
    best = float(np.nanmax(selection.scores_P))
    assert f"{best:.3f}" in page.locator("#rows td.col-score").first.inner_text()

    page.get_by_text("Discarded", exact=True).click()
    discarded = 120 - int(selection.chosen_P.sum()) - 1
    expect(page.locator("#matches")).to_have_text(f"{discarded} of 120 prompts")
    assert page.locator("#rows tr.is-chosen").count() == 0


def test_math_is_drawn_and_markup_is_shown_as_text(open_page):
    page = open_page(small_selection())
    page.fill("#search", "p0007")
    page.locator("#rows tr").first.click()
    detail = page.locator("#detail-body > .text")
    assert detail.locator("math").count() == 2
    height = detail.locator("math[display=block] mfrac").evaluate("e => e.getBoundingClientRect().height")
    assert height > 24  # a fraction laid out as one, not as a line of letters
    page.fill("#search", "onerror")
    page.locator("#rows tr").first.click()
    expect(page.locator("#detail-body > .text")).to_contain_text('<img src=x onerror="window.hacked=1">')
    page.wait_for_timeout(50)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#rows img, #detail img, #rows script, #detail script").count() == 0


@pytest.mark.parametrize(
    "mathml",
    [
        "<math><mi onclick='hacked=1' href='javascript:hacked=1'>x</mi></math>",
        "<math><mtext><img src=x onerror='hacked=1'></mtext></math>",
        "<math><script>hacked=1</script><style>*{display:none}</style><mi>x</mi></math>",
        '<math><mi style="background:url(https://a.example/)">x</mi></math>',
        "<svg onload='hacked=1'></svg>",
    ],
)
def test_no_mathml_can_bring_in_code(open_page, monkeypatch, mathml):
    monkeypatch.setattr("lim.report.formulas.Formulas._entry", lambda *_: ("inline", mathml))
    page = open_page(small_selection(nasty="before $evil$ after"))
    page.fill("#search", "p0000")
    page.locator("#rows tr").first.click()
    text = page.locator("#detail-body > .text")
    expect(text).to_contain_text("before")
    page.wait_for_timeout(50)
    assert page.evaluate("window.hacked") is None
    assert text.locator("img, script, style, svg, [onclick], [href], [onerror]").count() == 0
    assert text.locator("mi").evaluate_all("l => l.map(e => e.getAttribute('style'))") in ([], [None])
    # The policy refuses the handlers while the formula is parsed, and says so in the console.
    open_page.problems[:] = [text for text in open_page.problems if "Content Security Policy" not in text]


def test_download_has_the_ids_at_the_threshold(open_page, tmp_path):
    selection = small_selection()
    page = open_page(selection)
    page.locator("#theta-number").fill("0.85")
    with page.expect_download() as waiting:
        page.locator("#download").click()
    assert waiting.value.suggested_filename == "chosen-ids.json"
    saved = json.loads(Path(waiting.value.path()).read_text("utf-8"))
    chosen_P = choose_above(selection.scores_P, 0.85)
    assert saved["ids"] == [id for id, chosen in zip(selection.ids, chosen_P, strict=True) if chosen]
    assert saved["threshold"] == 0.85 and saved["count"] == int(chosen_P.sum()) and saved["as_run"] is False


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_fits_the_screen(open_page, size):
    selection = small_selection(nasty="Wide: $" + "+".join(f"x_{{{n}}}" for n in range(60)) + "$ and " + "w" * 300)
    assert selection.log is not None
    log = replace(selection.log, path="/a/long/path/" + "without_a_place_to_break" * 8)
    page = open_page(replace(selection, log=log), size)
    assert fits(page)
    detail = page.locator("#detail")
    expect(detail).to_be_visible(visible=size == DESKTOP)  # on a phone a sheet that opens on a click
    page.fill("#search", "wide:")
    page.locator("#rows tr").first.click()
    expect(detail).to_be_visible()
    expect(page.locator("#trajectory circle")).to_have_count(8)
    assert fits(page)
    box = detail.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= size[0] + 1
    if size == PHONE:
        assert page.locator("#control, .control").bounding_box()["height"] < 130
        page.get_by_role("button", name="Close").click()
        expect(detail).to_be_hidden()
        page.fill("#search", "")
        page.locator("#sort").select_option(label="Level ↓")
        assert set(page.locator("#rows td.col-level").all_text_contents()[:24]) == {"5"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_schemes(open_page, scheme):
    page = open_page(small_selection())
    page.emulate_media(color_scheme=scheme)
    page.locator("#rows tr").first.click()
    # WCAG contrast of the text colours against the card they stand on.
    ratios = page.evaluate("""() => {
      const light = (name) => {
        const probe = document.createElement("i");
        probe.style.color = `var(${name})`;
        document.body.append(probe);
        const parts = getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255);
        probe.remove();
        const [r, g, b] = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return ["--ink", "--soft", "--chosen", "--average"].map((name) => contrast(light(name), light("--card")));
    }""")
    assert min(ratios) >= 4.5
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"
    assert dark == (scheme == "dark")


def test_every_control_has_a_name(open_page):
    page = open_page(small_selection())
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, input, select, svg[role], canvas")]
      .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.getAttribute("aria-labelledby")))
      .map((e) => e.outerHTML.slice(0, 120))""")
    assert nameless == []


def test_selection_without_log_hides_what_it_has_no_data_for(open_page):
    page = open_page(without_log(small_selection()))
    expect(page.locator("#scatter-card")).to_be_hidden()
    expect(page.locator("#trajectory")).to_be_hidden()
    expect(page.locator("#histogram")).to_be_visible()
    page.locator("#rows tr").nth(2).click()
    expect(page.locator("#detail-body")).to_contain_text(row_ids(page)[2])


def test_random_draw_shows_its_prompts_and_no_slider(open_page):
    page = open_page(random_draw(small_selection()))
    expect(page.locator("#count b")).to_have_text("10")
    expect(page.locator("#theta")).to_be_disabled()
    expect(page.locator("#histogram-card")).to_be_hidden()
    page.get_by_text("Chosen", exact=True).click()
    expect(page.locator("#rows tr")).to_have_count(10)


def test_a_finger_that_scrolls_the_page_leaves_the_threshold(open_page):
    page = open_page(small_selection())
    before = page.locator("#theta-number").input_value()

    def touch(kind: str, x: float, y: float = 60) -> None:
        page.evaluate(
            """([kind, x, y]) => {
                const chart = document.getElementById("histogram");
                const box = chart.getBoundingClientRect();
                chart.setPointerCapture = () => {};
                chart.hasPointerCapture = () => true;
                const where = {clientX: box.left + x * box.width, clientY: box.top + y};
                chart.dispatchEvent(new PointerEvent(kind, {pointerType: "touch", pointerId: 7, ...where}));
            }""",
            [kind, x, y],
        )

    touch("pointerdown", 0.3)
    assert page.locator("#theta-number").input_value() == before
    touch("pointermove", 0.31)
    touch("pointercancel", 0.31)
    assert page.locator("#theta-number").input_value() == before
    touch("pointerdown", 0.3)
    touch("pointerup", 0.3)
    assert page.locator("#theta-number").input_value() != before


def test_reset_puts_the_track_back_with_the_slider(open_page):
    page = open_page(small_selection())
    at = "document.getElementById('theta').style.getPropertyValue('--at')"
    before = page.evaluate(at)
    slide(page, 0.1)
    page.wait_for_function(f"{at} !== '{before}'")
    page.locator("#reset").click()
    assert page.evaluate(at) == before


def test_focus_stays_on_the_slider_after_reset(open_page):
    page = open_page(small_selection())
    slide(page, 0.9)
    page.locator("#reset").click()
    assert page.evaluate("document.activeElement.id") == "theta"


def test_an_empty_list_says_so_and_offers_to_clear(open_page):
    page = open_page(small_selection())
    expect(page.locator("#nothing")).to_be_hidden()
    page.get_by_text("Chosen", exact=True).click()
    page.fill("#search", "no such words")
    expect(page.locator("#nothing")).to_be_visible()
    page.locator("#clear").click()
    expect(page.locator("#nothing")).to_be_hidden()
    expect(page.locator("#matches")).to_have_text("120 prompts")
    assert page.locator("#search").input_value() == ""
    assert page.evaluate("document.activeElement.id") == "search"


def test_phrases_and_fields(open_page):
    selection = small_selection()
    page = open_page(selection)

    def found(query: str) -> list[str]:
        page.fill("#search", query)
        return sorted(row_ids(page))

    assert found('"in problem 7."') == ["p0007"]
    assert found('"problem in"') == []
    assert len(found("problem in")) == 25  # words, in any order
    assert found("id:p0007") == ["p0007"]
    assert found("id:p000") == []  # a field is compared as a whole
    page.fill("#search", "level:1")
    expect(page.locator("#matches")).to_have_text(
        f"{sum(str(record['level']) == '1' for record in selection.records)} of 120 prompts"
    )
    answer = str(selection.records[3]["answer"]).lower()
    assert "p0003" in found(f'answer:"{answer}"')
    assert found("nofield:1") == []


def test_the_address_holds_the_view_and_opens_it_again(open_page):
    page = open_page(small_selection())
    page.fill("#search", 'level:2 "problem"')
    page.locator("#theta-number").fill("0.95")
    page.get_by_text("Discarded", exact=True).click()
    page.locator("#rows tr").nth(1).click()
    id = row_ids(page)[1]
    page.wait_for_timeout(600)  # written a quarter of a second after the last change
    assert f"prompt={id}" in page.url
    before = (row_ids(page), page.locator("#count").inner_text())
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#theta-number").input_value() == "0.95"
    assert page.locator("#search").input_value() == 'level:2 "problem"'
    assert (row_ids(page), page.locator("#count").inner_text()) == before
    expect(page.locator("#detail-body")).to_contain_text(id)
    expect(page.locator('#rows tr[aria-current="true"] td.col-id')).to_have_text(id)


def test_a_point_leads_to_its_row(open_page):
    page = open_page(small_selection())
    page.fill("#search", "p0001")
    box = page.locator("#scatter").bounding_box()
    for share in (0.3, 0.5, 0.7, 0.85):
        for height in (0.2, 0.4, 0.6):
            page.locator("#scatter").click(position={"x": share * box["width"], "y": height * box["height"]})
    current = page.locator('#rows tr[aria-current="true"]')
    expect(current).to_have_count(1)
    expect(page.locator("#detail-body")).to_contain_text(current.locator("td.col-id").inner_text())


def test_a_threshold_outside_the_scores_says_so_and_an_emptied_field_comes_back(open_page):
    page = open_page(small_selection())
    page.locator("#theta-number").fill("60")
    expect(page.locator("#count b")).to_have_text("0")
    expect(page.locator("#command")).to_contain_text("No score reaches 60")
    page.locator("#theta-number").fill("")
    page.locator("#search").focus()
    assert page.locator("#theta-number").input_value() == "60"


def test_downloads_of_the_choice_and_of_the_list(open_page, tmp_path):
    selection = small_selection()
    page = open_page(selection)
    page.fill("#search", "level:3")
    page.get_by_text("Chosen", exact=True).click()
    wanted = [
        id
        for id, record, chosen in zip(selection.ids, selection.records, selection.chosen_P, strict=True)
        if chosen and record["level"] == 3
    ]

    def saved(name: str) -> str:
        page.locator("#save-menu summary").click()
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name, exact=True).click()
        return Path(waiting.value.path()).read_text("utf-8")

    assert sorted(json.loads(saved("The list below as ids (JSON)"))["ids"]) == wanted
    records = json.loads(saved("The list below as records (JSON)"))
    assert sorted(record["id"] for record in records) == wanted
    given = dict(zip(selection.ids, selection.records, strict=True))
    assert all(record["prompt"] == given[record["id"]]["prompt"] for record in records)
    assert len(json.loads(saved("The choice as ids (JSON)"))["ids"]) == int(selection.chosen_P.sum())
    rows = list(csv.DictReader(io.StringIO(saved("The choice as CSV"))))
    assert [row["prompt"] for row in rows] == [given[row["id"]]["prompt"] for row in rows]
    assert {row["chosen"] for row in rows} == {"true"}
    page.get_by_text("All", exact=True).click()  # chosen and discarded prompts
    level_3 = [id for id, record in given.items() if record["level"] == 3]
    for name in ("ids (JSON)", "records (JSON)", "CSV"):
        path = tmp_path / ("list.csv" if name == "CSV" else "list.json")
        path.write_text(saved(f"The list below as {name}"), newline="")
        assert sorted(read_ids(path)) == level_3


def test_numbers_of_an_epoch_are_told_to_a_finger(open_page):
    page = open_page(small_selection())
    page.locator("#rows tr").first.click()
    page.locator("#trajectory").dispatch_event("pointerdown", {"clientX": 0, "clientY": 0})
    expect(page.locator("#point")).to_contain_text("Epoch 1: ")
    expect(page.locator("#point")).to_contain_text(" passed")


def test_print_is_light_complete_and_covered_by_nothing(open_page):
    page = open_page(small_selection(), PHONE)
    page.locator("#rows tr").first.click()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.getElementById('detail')).position") == "static"
    assert page.locator("#histogram").evaluate("e => e.getAttribute('viewBox')")
    mark = page.locator(".is-chosen .mark").first
    assert (
        mark.evaluate("e => getComputedStyle(e).printColorAdjust || getComputedStyle(e).webkitPrintColorAdjust")
        == "exact"
    )


def test_forced_colours_keep_chosen_and_discarded_apart(open_page):
    page = open_page(small_selection())
    page.emulate_media(forced_colors="active")
    ground = "e => getComputedStyle(e).backgroundColor"
    chosen = page.locator(".is-chosen .mark").first.evaluate(ground)
    page.get_by_text("Discarded", exact=True).click()
    assert page.locator("#rows .mark").first.evaluate(ground) != chosen


def test_without_javascript_the_histogram_and_the_first_rows_are_there(browser, tmp_path):
    selection = small_selection()
    path = write_page(selection, tmp_path / "report.html")
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("#histogram rect.bar-chosen").count() > 3
    assert page.locator("#rows tr").count() == 25
    expect(page.locator("#search")).to_be_hidden()
    expect(page.locator("#scatter-card")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("spread", [1, 0.5])
def test_the_band_of_an_epoch_is_wilsons_between_the_rewards(open_page, spread):
    selection = small_selection()
    matrix = replace(selection.matrix, rewards_P_K=2 * selection.matrix.rewards_P_K - 1)
    log = replace(selection.log, min_reward=-1, spread=spread)
    page = open_page(replace(selection, matrix=matrix, log=log, average_K=2 * selection.average_K - 1))
    expect(page.locator("#key-error")).to_be_visible()
    page.locator("#rows tr").first.click()
    id = row_ids(page)[0]
    path, height = page.locator("#trajectory").evaluate(
        "e => [e.querySelector('.band-one').getAttribute('d'), e.clientHeight]"
    )
    drawn = [1 - 2 * (float(y) - 14) / (height - 40 - 14) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    rates_K = selection.matrix.rewards_P_K[selection.ids.index(id)]
    bounds = [wilson(rate * 8 / spread, 8 / spread)[1:] for rate in rates_K]  # type: ignore[arg-type]
    expected = [2 * high - 1 for _, high in bounds] + [2 * low - 1 for low, _ in reversed(bounds)]
    np.testing.assert_allclose(drawn, expected, atol=0.01)


def test_no_band_where_single_samples_say_nothing_of_the_spread(open_page):
    selection = small_selection()
    page = open_page(replace(selection, log=replace(selection.log, spread=None)))
    page.locator("#rows tr").first.click()
    expect(page.locator("#key-error")).to_be_hidden()


def test_chances_are_a_column_an_axis_a_filter_and_a_line(open_page, monkeypatch):
    selection = small_selection()
    count = len(selection.ids)
    by_rank_P = np.where(np.isnan(selection.scores_P), np.nan, np.arange(count) % 5 / 4)
    chances = Chances(200, np.full(count, 0.031), by_rank_P, None)
    monkeypatch.setitem(globals(), "write_page", partial(write_page, chances=chances))
    page = open_page(selection)
    page.get_by_text("Unsure", exact=True).click()
    unsure = [id for id, chance in zip(selection.ids, by_rank_P, strict=True) if 0.1 < chance < 0.9]
    expect(page.locator("#matches")).to_have_text(f"{len(unsure)} of 120 prompts")
    page.get_by_role("button", name="Chance").click()
    assert page.locator("#rows td.col-chance").all_text_contents() == 24 * ["75 %"] + ["50 %"]
    page.locator("#rows tr").first.click()
    expect(page.locator("#detail-body")).to_contain_text("75.0 % by rank (200 resamplings)")
    expect(page.locator("#detail-body")).to_contain_text("± 0.031")
    page.locator("#scatter-x").select_option(label="chance of being chosen, by rank")
