"""`lim view` in a real headless Chromium, on a desktop and on a phone: what a person does with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import viewed
from axe_playwright_python.sync_playwright import Axe
from page_samples import small_selection
from playwright.sync_api import Browser, Page, expect, sync_playwright

from eval.grader import Grader
from eval.results.browse import EvalSource, Outputs
from eval.verifiers import Verifiers
from eval.verifiers.grading import grading
from lim.report.page import write_page
from lim.report.pair import Choice
from lim.strategies import Settings
from lim.view.run import RunView
from lim.view.sources import PairSource, RunSource

pytestmark = pytest.mark.browser
DESKTOP, PHONE = (1440, 900), (390, 844)
MODES = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"forced_colors": "active"},
]
HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script></script></dialog> <!-- \u2028 ]]> '
    "$\\text{<img src=x onerror=window.hacked=3>}$ javascript:window.hacked=4 &amp; "
    "broken: $\\frac{1$ $$\\begin{align} \\left( \\right$ \\[ \\undefined{x} \\] " + "long " * 200_000
)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(1) as made:
        yield made


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def open_at(browser: Browser) -> Iterator:
    """Opens an address; fails at the end on any console error or request to elsewhere."""
    contexts, problems = [], []

    def opened(address: str, size: tuple[int, int] = DESKTOP) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        own = "/".join(address.split("/")[:4])
        page.on("console", lambda message: message.type in ("error", "warning") and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith((own, "data:")) or problems.append(asked.url[:200]))
        page.goto(address)
        return page

    opened.problems = problems
    yield opened
    for context in contexts:
        context.close()
    assert [text for text in problems if "net::ERR_CONNECTION" not in text] == []  # the viewer closes before its page


@pytest.fixture
def run(tmp_path, grader) -> Iterator[str]:
    """The address of a viewer on this project's log, whose first response is hostile."""
    view = RunView(str(viewed.write_own(tmp_path, hostile=HOSTILE)), grading=grading(Verifiers(grader=grader)))
    with viewed.viewer(RunSource(view, "run")) as address:
        yield address


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def no_violations(page: Page) -> None:
    """axe, in light, dark and forced colours."""
    for mode in MODES:
        page.emulate_media(**{"color_scheme": "light", "forced_colors": "none"} | mode)
        page.wait_for_timeout(50)
        found = Axe().run(page).response["violations"]
        said = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found]
        assert said == [], f"{mode}: {said}"
    page.emulate_media(color_scheme="light", forced_colors="none")


def open_prompt(page: Page, id: str) -> None:
    """A prompt's responses, through the table."""
    page.fill("#search", f"id:{id}")
    page.locator("#rows tr").first.click()
    page.locator("#open-responses").click()
    expect(page.locator("#responses-count")).to_contain_text(" of ")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_two_clicks_to_the_responses_of_a_suspected_wrong_label(run, open_at, size):
    page = ready(open_at(run, size))
    first = page.locator("#suspects button").first
    expect(first).to_have_text(f"p{viewed.WRONG[0]:02d}")
    expect(page.locator("#suspects li").first).to_contain_text("Never right in 16 samples")
    first.click()
    answer = str(viewed.truth(viewed.WRONG[0]))
    expect(page.locator("#response-facts")).to_contain_text(answer)
    expect(page.locator("#response-body")).to_contain_text("Step")
    assert page.locator("#response-body math").count() == 2
    page.locator("#responses-list .sample").first.click()
    expect(page.locator("#response-title")).to_contain_text("Epoch 1")
    assert fits(page)
    box = page.locator("#response").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1] + 1
    assert box["height"] > 200


def test_filters_search_and_arrow_keys(run, open_at):
    page = ready(open_at(run))
    open_prompt(page, "p05")
    written = [row for row in viewed.rows() if row.prompt == 5]
    rows = page.locator("#responses-list .sample")
    expect(rows).to_have_count(len(written))
    right = sum(row.right for row in written)
    page.select_option("#responses-verdict", "correct")
    expect(page.locator("#responses-count")).to_have_text(f"{right} of {len(written)} responses")
    page.select_option("#responses-epoch", "4")
    expect(rows).to_have_count(sum(row.right and row.epoch == 4 for row in written))
    page.select_option("#responses-verdict", "")
    page.select_option("#responses-epoch", "")
    page.fill("#responses-search", f"= {viewed.truth(5)}$")
    expect(rows).to_have_count(sum(row.answer == viewed.truth(5) for row in written))
    page.fill("#responses-search", "Step")
    expect(rows).to_have_count(len(written))
    expect(page.locator("#response-body mark").first).to_have_text("Step")
    page.fill("#responses-search", "no such text")
    expect(page.locator("#response-title")).to_have_text("No response matches.")
    page.fill("#responses-search", "")
    expect(rows).to_have_count(len(written))

    page.locator("#responses-list").focus()
    page.keyboard.press("Home")
    expect(page.locator("#response-title")).to_have_text(f"Epoch 1, step {written[0].step}, sample 1")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#response-title")).to_contain_text("sample 2")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#response-title")).to_contain_text("Epoch 2")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#response-title")).to_have_text(f"Epoch 1, step {written[0].step}, sample 1")
    page.keyboard.press("End")
    expect(page.locator("#response-title")).to_have_text(f"Epoch 4, step {written[-1].step}, sample 4")
    assert page.locator("#responses-list").get_attribute("aria-activedescendant") == f"sample-{len(written) - 1}"


def test_differences_between_two_samples(run, open_at):
    page = ready(open_at(run))
    open_prompt(page, "p07")
    one, two = [row.answer for row in viewed.rows() if row.prompt == viewed.HOPELESS][:2]
    page.locator("#response-pin").click()
    expect(page.locator("#response-pin")).to_have_attribute("aria-pressed", "true")
    page.locator("#responses-list .sample").nth(1).click()
    expect(page.locator("#response-body ins")).to_have_text([str(two)] * 2)
    expect(page.locator("#response-body del")).to_have_text([str(one)] * 2)


def test_the_keyboard_alone(run, open_at):
    page = ready(open_at(run))
    expect(page.locator("#suspects button").first).to_be_visible()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#suspects') !== null"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#responses-list .sample").first).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "responses-list"
    page.keyboard.press("Home")
    expect(page.locator("#response-title")).to_contain_text("Epoch 1")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "response"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#response-pin")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#responses")).to_be_hidden()
    assert page.evaluate("document.activeElement.closest('#suspects') !== null")


def test_hostile_responses_are_shown_and_not_run(run, open_at):
    page = ready(open_at(run))
    open_prompt(page, "p00")
    body = page.locator("#response-body > .text")
    expect(body).to_contain_text('<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>')
    expect(body).to_contain_text("broken: $\\frac{1$")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#responses img, #responses script").count() == 0
    assert len(body.text_content()) > 1_000_000
    assert fits(page)
    page.locator("#responses-list .sample").nth(1).click()  # the next one comes at once
    expect(page.locator("#response-title")).to_contain_text("sample 2")


def test_axe_finds_what_is_wrong(run, open_at):
    page = ready(open_at(run))
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        no_violations(page)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_on_the_run_and_its_responses(run, open_at, size):
    page = ready(open_at(run, size))
    expect(page.locator("#suspects button").first).to_be_visible()
    expect(page.locator("#steps-legend span").first).to_be_visible()
    no_violations(page)
    assert fits(page)
    page.locator("#suspects button").first.click()
    expect(page.locator("#response-body math").first).to_be_visible()
    no_violations(page)
    page.locator("#response-pin").click()
    page.locator("#responses-list .sample").first.click()
    expect(page.locator("#response-body ins").first).to_be_visible()
    no_violations(page)


def test_a_training_that_goes_on(tmp_path, grader, open_at, monkeypatch):
    monkeypatch.setattr("lim.view.run.LOOK_EVERY", 0)
    monkeypatch.setattr("lim.view.run.BUSY", 0)
    log = viewed.write_own(tmp_path, steps=5)
    view = RunView(str(log), grading=grading(Verifiers(grader=grader)))
    with viewed.viewer(RunSource(view, "run")) as address:
        page = ready(open_at(address))
        expect(page.locator("#steps-now")).to_contain_text("Step 5;")
        expect(page.locator("#steps-new")).to_be_hidden()
        before = page.locator("#steps-reward path").get_attribute("d")
        viewed.add_steps(log, range(6, 13))
        expect(page.locator("#steps-now")).to_contain_text("Step 12;", timeout=10_000)
        assert page.locator("#steps-reward path").get_attribute("d") != before
        page.locator("#steps-new").click()
        expect(page.locator(".lede").first).to_contain_text("from 4 epochs")
        for path in log.iterdir():
            path.unlink()
        expect(page.locator("#steps-problem")).to_be_visible(timeout=10_000)
        page.locator("#rows tr").first.click()
        page.locator("#open-responses").click()
        expect(page.locator("#responses-problem")).to_contain_text("cannot be read: No such file")
        open_at.problems[:] = [text for text in open_at.problems if "409" not in text]


def test_a_viewer_that_was_closed_is_said(tmp_path, grader, open_at):
    view = RunView(str(viewed.write_own(tmp_path)), grading=grading(Verifiers(grader=grader)))
    with viewed.viewer(RunSource(view, "run", follow=False)) as address:
        page = ready(open_at(address))
        expect(page.locator("#suspects button").first).to_be_visible()
    page.locator("#rows tr").first.click()
    page.locator("#open-responses").click()
    expect(page.locator("#responses-problem")).to_contain_text("The viewer does not answer")


def test_verl_is_graded_while_one_looks(tmp_path, grader, open_at):
    log = viewed.write_verl(tmp_path)
    view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"), grading=grading(Verifiers(grader=grader)))
    with viewed.viewer(RunSource(view, "run")) as address:
        page = ready(open_at(address))
        open_prompt(page, "p05")
        expect(page.locator("#response-facts")).to_contain_text("by this project's grader")
        right = sum(row.right for row in viewed.rows() if row.prompt == 5)
        page.select_option("#responses-verdict", "correct")
        expect(page.locator("#responses-list .sample")).to_have_count(right)


def outputs(path: Path) -> Path:
    rows = [
        {
            "q": f"What is ${n} + 1$? <b>bold</b>",
            "response": f"It is $\\boxed{{{n + 1 + n % 2}}}$.",
            "gold": str(n + 1),
            "score": float(n % 2 == 0 or n == 7),
        }
        for n in range(60)
    ]
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_evaluations_with_the_disagreements_first(tmp_path, grader, open_at, size):
    source = EvalSource(Outputs(outputs(tmp_path / "outputs.json"), "response", "gold", "q", "score"), grader)
    with viewed.viewer(source) as address:
        page = ready(open_at(address, size))
        expect(page.locator("#matches")).to_have_text("60 of 60 questions; 50.0 % of their 60 samples are right")
        first = page.locator("#rows tr").first
        expect(first).to_contain_text("What is $7 + 1$? <b>bold</b>")
        expect(first).to_contain_text("1 differ")
        page.select_option("#show", "differ")
        expect(page.locator("#rows tr")).to_have_count(1)
        no_violations(page)
        first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#response-facts")).to_contain_text("Reported")
        expect(page.locator("#response-question math")).to_have_count(1)
        no_violations(page)
        page.keyboard.press("Escape")
        page.select_option("#show", "wrong")
        expect(page.locator("#matches")).to_contain_text("30 of 60 questions")
        assert fits(page)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_two_selections_side_by_side(tmp_path, open_at, size):
    sides = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        settings = Settings(top_k=5 if name == "one" else 8).resolved()
        sides.append(RunView(str(viewed.write_own(tmp_path / name)), settings=settings))
    runs = [RunSource(view, view.path, links=[("Both side by side", "../0/")]) for view in sides]
    with viewed.viewer(PairSource(*sides, sides[0].prompts, ["../1/", "../2/"]), *runs) as address:
        page = open_at(address, size)
        expect(page.get_by_role("heading", name="Two selections")).to_be_visible()
        no_violations(page)
        assert fits(page)
        page.get_by_role("link", name="second").first.click()
        ready(page)
        expect(page.locator("#detail-body")).to_contain_text("Score")
        expect(page.get_by_role("link", name="Both side by side")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_on_the_report_and_on_compared_scores(tmp_path, open_at, size):
    page = ready(open_at(write_page(small_selection(), tmp_path / "report.html").as_uri(), size))
    no_violations(page)
    page.locator("#rows tr").first.click()
    no_violations(page)
    paths = []
    for name, top in (("a", 30), ("b", 50)):
        paths.append(tmp_path / f"{name}.scores.json")
        rows = [{"id": str(n), "prompt": f"What is {n}? " * 9, "score": n / 90, "chosen": n < top} for n in range(90)]
        paths[-1].write_text(json.dumps(rows))
    with viewed.viewer(PairSource(*(Choice.read(str(path)) for path in paths), None, [])) as address:
        page = open_at(address, size)
        no_violations(page)
        assert fits(page)
