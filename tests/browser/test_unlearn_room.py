"""Unlearn and Compare in a real browser: a short run on exactly the visible cut, stop, undo, the table of answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import NO_FAULT, in_both_modes
from tests.browser.lanes_page import settle, shown_as_kept
from tests.browser.rooms import (
    PATIENCE_MS,
    alert_of,
    choose,
    go_to,
    open_page,
    pick,
    requests_of,
    set_number,
    start_run,
    to_stage,
    wait_for_end,
)

ENTROPY = 1


def trained_weights(page: Page) -> list[float]:
    """The weights of the row in view in the run's first step, as the page shows them."""
    return page.locator("#proof .pg-token").evaluate_all("tokens => tokens.map(token => Number(token.dataset.weight))")


def test_a_short_run_trains_the_underlined_tokens_and_is_compared(page: Page, url: str, tmp_path: Path) -> None:
    lanes = open_page(page, url)
    card = lanes.locator("section.fl-card").nth(ENTROPY)
    card.get_by_role("radio").first.press("Space")
    slider = card.locator("input[type=range]").first
    slider.focus()
    for _ in range(4):
        slider.press("ArrowLeft")
    settle(page)
    underlined = shown_as_kept(lanes, ENTROPY)
    # One token more, by hand: it is trained like the others.
    extra = underlined.index(False, len(underlined) // 2)
    lanes.locator(f".fl-tok[data-i='{extra}']").click()
    underlined[extra] = True
    go_to(page, "Settings")
    expect(page.locator("#unlearn-cut")).to_contain_text(f"{sum(underlined)} of {len(underlined)}")
    expect(page.locator("#unlearn-cut")).to_contain_text("Entropy")
    expect(page.locator("#unlearn-cut")).to_contain_text("37 rows of forget05")
    expect(page.locator("#estimate")).to_contain_text("measured")

    set_number(page, "steps", "6")
    to_stage(page)
    page.locator(".fl-forget").click()
    lanes.locator(".fl-run[data-phase=training], .fl-run[data-phase=done]").wait_for(timeout=PATIENCE_MS)
    page.locator("#proof .pg-token").first.wait_for(timeout=PATIENCE_MS)
    assert [weight > 0 for weight in trained_weights(page)] == underlined
    wait_for_end(page)
    expect(page.locator("#status")).to_contain_text("Steps: 6 of 6")
    expect(page.locator("#sample")).to_contain_text("Asked at step 6")
    assert page.locator("#curves .scatterlayer .trace").count() >= 4
    the_stage_tells_it(page, lanes)

    page.locator("#to-compare").click()
    table = page.locator("#answers table")
    table.wait_for(timeout=PATIENCE_MS)
    assert table.locator("tbody tr").count() == 10
    assert page.locator("#cards .pg-metric").count() == 9
    expect(page.locator('[data-metric="forget_recall"]')).to_contain_text("lower is better; reference 0.0")
    expect(page.locator("#place")).to_contain_text("1 to 10 of 37")
    page.locator("#next").click()
    expect(page.locator("#place")).to_contain_text("11 to 20 of 37")
    page.locator(".pg-pick").nth(1).click()
    tokens = page.locator(".pg-changes .pg-ct:not(.pg-ct-names)")
    tokens.first.wait_for(timeout=PATIENCE_MS)
    page.locator(".pg-changes summary").click()
    assert page.locator(".pg-changes tbody tr").count() == tokens.count() > 3
    page.locator('.pg-pick[aria-expanded="true"]').click()
    expect(page.locator(".pg-changes")).to_have_count(0)
    choose(page, "compare-split", "World")
    expect(page.locator("#place")).to_contain_text("1 to 10 of 10")
    expect(table.locator("tbody tr").first).to_contain_text("World")
    with page.expect_download() as saved:
        page.locator("#answers-csv").click()
    head = saved.value.path().read_text(encoding="utf-8").splitlines()[0]
    assert head == '"split","question","truth","facts","before","after","reference"'

    with page.expect_download() as saved:
        page.locator("#report").click()
    assert saved.value.suggested_filename == "forget-lens-report-1.html"
    opens_from_disk(page, saved.value.path(), tmp_path / "report.html", sum(underlined))
    page.locator("#stress-quantisation").click()
    expect(page.locator("#stress-result tbody tr")).to_have_count(2)
    expect(page.locator("#stress-result")).to_contain_text("8 bit")
    # Long arms: the first has not ended when Stop arrives, however slow the machine.
    set_number(page, "race-steps", "300")
    page.locator("#race").click()
    expect(page.locator("#race-status")).to_contain_text("of 5 arms begun")
    # At once: while a race is drawn on a busy machine, waiting for the button to stand still may take longer than it.
    page.locator("#race-stop").dispatch_event("click")
    expect(page.locator("#race-status")).to_contain_text(re.compile(r"Stopped: \d of 5 arms"))
    assert page.locator("#race-tiles .pg-tile").count() == 5
    expect(page.locator("#race-table")).to_contain_text("One seed")
    expect(page.locator("#race")).to_be_enabled()
    assert in_both_modes(page) == NO_FAULT, "a race that was run"
    to_stage(page)
    page.locator("#how button").first.click()
    with page.expect_download() as saved:
        page.locator("#lanes-png").click()
    assert saved.value.suggested_filename == "forget-lens-lanes.png"
    assert is_drawn(saved.value.path())


def the_stage_tells_it(page: Page, lanes: Locator) -> None:
    """After the run: a verdict with its gauges, every kept step under the slider, and three models to be asked."""
    expect(lanes.locator(".fl-run")).to_have_attribute("data-phase", "done")
    expect(page.locator(".pg-ruled")).to_contain_text("%")
    assert page.locator(".pg-gauge").count() == 3
    # It is read with nothing scrolled.
    size = page.viewport_size
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(".pg-ruled").bounding_box()
    assert box and box["y"] + box["height"] <= 720
    assert size
    page.set_viewport_size(size)
    steps = lanes.locator(".fl-scrub input")
    steps.focus()
    made = requests_of(page)
    page.keyboard.press("Home")
    expect(lanes.locator(".fl-run .fl-dock-title")).to_contain_text("Before the run")
    assert lanes.locator(".fl-said").count() == 0, "before it, the model gives the answer as it was taught"
    page.keyboard.press("End")
    expect(lanes.locator(".fl-run .fl-dock-title")).to_contain_text("After step 6")
    assert not made, "what was kept is brought back without a request"
    page.locator("#ask").click()
    expect(page.locator("#ask-answers section")).to_have_count(3)
    expect(page.locator("#ask-answers .pg-busy")).to_have_count(0)
    lanes.get_by_role("button", name="Choose other words").click()
    expect(lanes.locator(".fl-forget")).to_be_visible()
    assert lanes.locator(".fl-said").count() == 0


def opens_from_disk(page: Page, saved: Path, place: Path, underlined: int) -> None:
    """The report as a file: nothing is fetched, the lanes stand as they were cut, figures and answers are there."""
    place.write_bytes(saved.read_bytes())
    tab = page.context.new_page()
    fetched: list[str] = []
    tab.on("request", lambda request: fetched.append(request.url))
    tab.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    tab.goto(place.as_uri())
    tab.locator(".fl-lanes .fl-tok").first.wait_for()
    assert fetched == [place.as_uri()]
    assert tab.locator(".fl-tok[aria-pressed=true]").count() == underlined
    assert tab.locator(".pg-metric").count() == 9 and tab.locator("svg.pg-chart").count() == 4
    assert tab.locator(".pg-answers tbody tr").count() == 37 + 10 + 6 + 10
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


def is_drawn(path: Path) -> bool:
    """Whether a PNG is wide and holds many colours: a canvas that took nothing in is one flat colour."""
    with Image.open(path) as picture:
        return picture.format == "PNG" and picture.width > 1200 and len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_stop_keeps_what_there_is_runs_have_names_and_undo_takes_them_back(page: Page, url: str) -> None:
    open_page(page, url)
    go_to(page, "Settings")
    choose(page, "strategy", "Whole sequence")
    expect(page.locator("#unlearn-cut")).to_contain_text("Every token of every answer")
    start_run(page, 80)
    assert set(trained_weights(page)) == {1.0}
    page.locator("#stop").click()
    wait_for_end(page)
    status = page.locator("#status")
    expect(status).to_contain_text("stopped, and the model is kept as it was then")
    done = re.search(r"Steps: (\d+) of 80", status.inner_text())
    assert done and 1 <= int(done.group(1)) < 80
    expect(page.locator("#kept-runs")).to_contain_text("Whole sequence, Counterfactual teacher")

    # A preset brings its own tokens and settings, and the address says so in a word.
    pick(page, "preset", "TokenUnlearn NPO, soft")
    expect(page.locator("#unlearn-cut")).to_contain_text("brings its own tokens")
    expect(page.locator("#preset-text")).to_contain_text("known only from a summary: scores")
    expect(page.locator("#objective input").first).to_have_value("NPO, arXiv 2404.05868 (paper)")
    page.wait_for_url(lambda address: address.endswith("preset=tokenunlearn-npo-soft"), timeout=PATIENCE_MS)
    start_run(page, 5)
    assert len(set(trained_weights(page))) > 10, "softly, every token has a weight of its own"
    wait_for_end(page)
    runs = page.locator("#kept-list")
    expect(runs).to_contain_text("TokenUnlearn NPO, soft; 5 of 5 steps; forget recall")

    page.locator("#run-name input, #run-name textarea").first.fill("Soft <b>NPO</b>")
    page.locator("#rename").click()
    expect(status).to_contain_text("Soft <b>NPO</b> done")
    expect(runs.locator("label").first).to_contain_text("Soft <b>NPO</b>")
    assert runs.locator("b").count() == 0
    runs.get_by_role("radio").nth(1).check()
    expect(status).to_contain_text("Run 1 stopped")
    page.locator("#undo-to").click()
    expect(runs.get_by_role("radio")).to_have_count(1)
    expect(page.locator("#undo-to")).to_be_hidden()
    page.locator("#undo").click()
    expect(status).to_contain_text("Nothing is forgotten yet")
    expect(page.locator("#undo")).to_be_disabled()
    go_to(page, "Answers")
    expect(page.locator("#compare-head")).to_contain_text("Nothing to compare yet")


@pytest.fixture(scope="module")
def opened(shared_page: Page, url: str) -> Page:
    """A page for tests that train nothing; the second goes on from where the first left it."""
    open_page(shared_page, url)
    return shared_page


def test_own_text_says_what_is_trained_instead(opened: Page) -> None:
    lanes = opened.locator("#lanes .fl-lanes")
    choose(opened, "split", "Your own text")
    opened.locator("#own-answer textarea").fill("She was born in Torvik.")
    opened.locator("#score").click()
    expect(lanes.locator(".fl-flow")).to_contain_text("Torvik")
    go_to(opened, "Settings")
    expect(opened.locator("#unlearn-cut")).to_contain_text("your own and is not trained on")


def test_a_bad_wish_is_one_sentence_and_nothing_starts(opened: Page) -> None:
    go_to(opened, "Settings")
    set_number(opened, "rate", "0")
    opened.locator("#start").click()
    expect(alert_of(opened, "unlearn")).to_contain_text("Learning rate is 0: a number above 0 is needed")
    set_number(opened, "rate", "0.0005")
    opened.locator("#advanced button").first.click()
    set_number(opened, "run-alpha", "-1")
    opened.locator("#start").click()
    expect(alert_of(opened, "unlearn")).to_contain_text("a number of at least 0 is needed")
    expect(opened.locator("#status")).to_contain_text("Nothing is forgotten yet")
    expect(opened.locator("#start")).to_be_enabled()
    # What was only looked at under Advanced is not changed by it.
    expect(opened).to_have_url(re.compile(r"[?&]room=unlearn&alpha=-1$"))
