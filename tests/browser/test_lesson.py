"""The article of Learn: live figures, runs in place, questions checked against computed numbers, progress kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from app.server.settings import Settings
from app.visit.studio import Studio
from attribution import LanguageModel
from tests.browser.axe import NO_FAULT, in_both_modes
from tests.browser.rooms import PATIENCE_MS, alert_of, go_to, open_page
from tests.browser.served import few_rows, serve_here

STEPS = 6
# Characters in a line of the first paragraph, its last one told in.
PER_LINE = """() => {
  const text = document.querySelector('#article .pg-text p');
  const lines = Math.round(text.clientHeight / parseFloat(getComputedStyle(text).lineHeight));
  return text.textContent.length / lines;
}"""
# As `app/rooms/stage/frames.py` has a run that waits for another.
IN_LINE = {
    "phase": "queued", "run": None, "row": "forget:36", "question": "", "step": 0, "of": 1, "before": None,
    "samples": [], "points": [], "left": "", "note": "1 other <i>run</i> comes first.", "warned": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def lesson_url(model: LanguageModel) -> Iterator[str]:
    """The page, whose runs end after a few steps."""
    with serve_here(Studio(Settings(max_steps=STEPS), model, few_rows())) as served:
        yield served.url


def answer(page: Page, number: int, title: str) -> None:
    page.locator(f"#question-{number}").get_by_role("radio", name=title, exact=True).check()
    page.locator(f"#check-{number}").click()


def figure(page: Page, number: int) -> Locator:
    return page.locator(f"#figure-{number} .fl-lanes")


def test_figures_live_in_the_text_questions_are_checked_and_progress_is_kept(page: Page, lesson_url: str) -> None:
    open_page(page, lesson_url)
    go_to(page, "Learn")
    facts, tokens = figure(page, 1).locator(".fl-fact").count(), figure(page, 1).locator(".fl-tok").count()
    expect(page.locator("#claim-1")).to_contain_text(f"{tokens} tokens")
    assert 0.25 < facts / tokens <= 0.5
    answer(page, 1, "More than half")
    expect(page.locator("#verdict-1")).to_contain_text("Not quite: Between a quarter")
    answer(page, 1, "Between a quarter and a half")
    expect(page.locator("#verdict-1")).to_contain_text(f"{facts} of {tokens} tokens carry a fact")
    assert 55 <= page.evaluate(PER_LINE) <= 70, "a line that is good to read"

    # The second figure is the lanes themselves: the handle moves the cut, and asks nobody.
    lanes = figure(page, 2)
    areas = re.findall(r"[01]\.\d\d", page.locator("#claim-2").inner_text())
    lanes.locator(".fl-cuts > summary").click()
    assert areas == [card.locator(".fl-numbers dd").nth(3).inner_text() for card in lanes.locator(".fl-card").all()]
    handle = lanes.locator(".fl-dock input[type=range]")
    handle.focus()
    for _ in range(20):
        if f"{facts} of the {facts} that carry a fact, and nothing else" in lanes.locator(".fl-live").inner_text():
            break
        page.keyboard.press("ArrowLeft")
    share = int(re.findall(r"top (\d+)%", lanes.locator(".fl-live").inner_text())[0])
    answer(page, 2, "Above the top 30%" if share > 30 else "Below the top 30%" if share < 30 else "At the top 30%")
    expect(page.locator("#verdict-2")).to_contain_text("That is right")
    assert lanes.locator(".fl-forget").count() == 0, "the stage alone has the button"
    answer(page, 3, "No: it fell below 0.75")
    expect(page.locator("#verdict-3 .pg-alert")).to_contain_text("the whole sequence is missing")

    solved = page.locator("#lesson-progress [role=progressbar]")
    expect(solved).to_have_attribute("aria-valuenow", "2")
    page.evaluate("sessionStorage.setItem('forget-lens-figure', '3')")
    page.reload()
    expect(solved).to_have_attribute("aria-valuenow", "2", timeout=PATIENCE_MS)
    # A run that was started from a figure plays there also after a reload, and its place in line is said there.
    figure(page, 3).locator(".fl-tok").first.wait_for()
    # Read at once: the page, which knows of no such run, may be about to say so.
    said = page.wait_for_function(
        "frame => { ForgetLensLesson.mirror(frame); return document.querySelector('#figure-3 .fl-run')?.textContent; }",
        arg=IN_LINE,
    )
    assert "1 other <i>run</i> comes first." in said.json_value()
    assert figure(page, 4).locator(".fl-run").count() == 0
    page.evaluate("ForgetLensLesson.mirror(null)")
    expect(figure(page, 3).locator(".fl-run")).to_have_count(0)
    page.evaluate("localStorage.clear()")


def test_a_figure_runs_in_place_and_every_room_has_the_run(page: Page, lesson_url: str) -> None:
    lanes = open_page(page, lesson_url)
    go_to(page, "Learn")
    run = figure(page, 4).locator(".fl-run")
    page.locator("#here-4").click()
    expect(page.locator("#here-3")).to_be_disabled()
    expect(run).to_contain_text(f"of {STEPS}")
    # Its own run, and the one that it is held against, which nobody had made.
    expect(page.locator("#claim-4")).to_contain_text(f"The cut, {STEPS} steps")
    expect(page.locator("#claim-4")).to_contain_text(f"The whole sequence, {STEPS} steps")
    expect(run).to_contain_text(f"After step {STEPS}")
    expect(page.locator("#result-4 .pg-chart")).to_have_count(2)
    expect(page.locator("#result-4 .pg-three")).to_contain_text("The whole sequence")
    expect(figure(page, 3).locator(".fl-run")).to_contain_text(f"After step {STEPS}")
    run.locator("input[type=range]").fill("0")
    expect(run).to_contain_text("Before the run")
    answer(page, 4, "Neither, within 0.03")
    expect(page.locator("#verdict-4")).to_contain_text("Speaks at the end")
    expect(page.locator("#result-6 .pg-ruling, #result-6 .pg-ruled").first).to_be_visible()
    expect(page.locator("#claim-6")).to_contain_text("Run 2")
    answer(page, 6, "It did not forget")
    expect(page.locator("#verdict-6")).to_contain_text("of the facts are left")

    assert in_both_modes(page) == NO_FAULT
    # A run of another room is in the figures when it has ended.
    lanes.locator(".fl-run .fl-back").click()
    lanes.locator(".fl-forget").click()
    expect(page.locator("#claim-6")).to_contain_text("Run 3, asked")
    expect(page.locator("#here-6")).to_be_enabled()

    # The stage has it, and goes back to the question.
    page.locator("#lesson-3").click()
    expect(lanes.locator(".fl-run")).to_contain_text(f"After step {STEPS}")
    expect(lanes.locator(".fl-note")).to_contain_text("Run 1: ")
    expect(page.locator("#lesson-strip")).to_contain_text("step 3 of 6")
    page.locator("#lesson-back").click()
    expect(page.locator("#question-3 input").first).to_be_focused()
    page.locator("#lesson-leave").click()
    expect(page.locator("#lesson-strip")).to_be_hidden()
    go_to(page, "Settings")
    expect(page.locator("#unlearn-cut")).to_contain_text("Every token of every answer")
    expect(page.locator("#kept-list")).to_contain_text("Run 2")
    assert alert_of(page, "unlearn").count() == 0
