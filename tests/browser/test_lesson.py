"""The lesson: each step sets the page up, its question is checked against computed numbers, progress is kept."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.rooms import PATIENCE_MS, go_to, open_page, start_run, wait_for_end

# "7 of 21 tokens carry a fact" and so on: what the page itself says about the opening row.
FACT_TOKENS = "() => document.querySelectorAll('#lanes .fl-tok .fl-fact').length"


def answer(page: Page, number: int, title: str) -> None:
    page.locator(f"#question-{number}").get_by_role("radio", name=title, exact=True).check()
    page.locator(f"#check-{number}").click()


def test_steps_set_the_page_up_questions_are_checked_and_progress_is_kept(page: Page, url: str) -> None:
    lanes = open_page(page, url)
    facts, tokens = page.evaluate(FACT_TOKENS), lanes.locator(".fl-tok").count()
    areas = {
        card.locator(".fl-name").inner_text(): float(card.locator(".fl-numbers dd").nth(3).inner_text())
        for card in lanes.locator("section.fl-card").all()
    }
    go_to(page, "Learn")
    page.locator("#lesson-1").click()
    expect(page.locator("#lesson-strip")).to_contain_text("step 1 of 6")
    expect(lanes).to_be_visible()
    page.locator("#lesson-back").click()
    expect(page.locator("#question-1")).to_be_visible()
    assert 0.25 < facts / tokens <= 0.5
    answer(page, 1, "More than half")
    expect(page.locator("#verdict-1")).to_contain_text("Not quite: Between a quarter")
    answer(page, 1, "Between a quarter and a half")
    expect(page.locator("#verdict-1")).to_contain_text(f"{facts} of {tokens} tokens carry a fact")
    if min(areas.values()) < max(areas.values()):
        answer(page, 2, min(areas, key=areas.__getitem__))
        expect(page.locator("#verdict-2")).to_contain_text("Not quite")
    answer(page, 2, max(areas, key=areas.__getitem__))
    expect(page.locator("#verdict-2")).to_contain_text("That is right")
    answer(page, 3, "No: it fell below 0.75")
    expect(page.locator("#verdict-3 .pg-alert")).to_contain_text("the whole sequence is missing")

    page.locator("#lesson-3").click()
    expect(page.locator("#unlearn-cut")).to_contain_text("Every token of every answer")
    start_run(page, 5)
    wait_for_end(page)
    page.locator("#lesson-back").click()
    expect(page.locator("#question-3 input").first).to_be_focused()
    answer(page, 3, "No: it fell below 0.75")
    expect(page.locator("#verdict-3")).to_contain_text("Speaks ended at")
    page.locator("#lesson-leave").click()
    expect(page.locator("#lesson-strip")).to_be_hidden()

    solved = page.locator("#lesson-progress [role=progressbar]").get_attribute("aria-valuenow")
    assert solved in ("2", "3")
    page.reload()
    expect(page.locator("#lesson-progress [role=progressbar]")).to_have_attribute(
        "aria-valuenow", solved, timeout=PATIENCE_MS
    )
    page.evaluate("localStorage.clear()")
