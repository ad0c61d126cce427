"""Pointing at the lanes in a real Chromium: the tooltip, keys, a tap, a screen reader, words of the prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from attribution.lanes import lanes_props
from attribution.selection import Rule, select
from tests.app.lanes_fixture import make_scores
from tests.browser.lanes_page import choose, open_lanes, settle, slider, token

# Tooltip and keys ----------------------------------------------------------------------------------------------------


def test_hover_previews_click_pins_escape_clears(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    tip = lanes.locator(".fl-tip")
    token(lanes, 11).hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(f"token 12 of {len(scores)}")
    expect(tip).to_contain_text("id 111")
    rows = tip.locator("tbody tr")
    assert rows.count() == 4
    for lane, (name, column) in enumerate(scores.columns.items()):
        cells = rows.nth(lane).locator("td").all_inner_texts()
        assert float(cells[0]) == pytest.approx(column[11], abs=0.0006)
        below = sum(value < column[11] for value in column) / (len(scores) - 1)
        assert cells[1] == str(int(100 * below + 0.5))
        kept = select(scores, Rule(name, "top", 0.3)).kept[11]
        assert cells[2] == ("kept" if kept else "–")
    # Where no cut is drawn under the words, a click has nothing else to do.
    choose(lanes, "Columns")
    token(lanes, 11).click()
    token(lanes, 3).hover()
    expect(tip).to_contain_text("token 12 of")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    token(lanes, 3).click()
    expect(tip).to_contain_text("token 4 of")
    page.set_viewport_size({"width": 1280, "height": 700})
    gap = lambda: tip.bounding_box()["y"] - token(lanes, 3).bounding_box()["y"]  # noqa: E731
    before = gap()
    page.mouse.wheel(0, 40)
    page.wait_for_function("scrollY > 0")
    settle(page)
    assert gap() == pytest.approx(before, abs=2), "a pinned tooltip stays at its token"
    page.mouse.click(5, 5)
    expect(tip).to_be_hidden()


def test_arrows_move_between_tokens_and_lines(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 600, "height": 900})
    lanes = open_lanes(page, tmp_path, make_scores())
    assert lanes.locator(".fl-tok[tabindex='0']").count() == 1, "one stop for the tab key"
    token(lanes, 0).focus()
    at = lambda: int(page.evaluate("document.activeElement.dataset.i"))  # noqa: E731
    page.keyboard.press("ArrowRight")
    assert at() == 1
    page.keyboard.press("ArrowDown")
    below = at()
    assert below > 4
    rows = lanes.locator(".fl-row")
    assert rows.nth(1).locator(f"[data-i='{below}']").count() == 1
    page.keyboard.press("ArrowUp")
    assert rows.nth(0).locator(f"[data-i='{at()}']").count() == 1
    page.keyboard.press("End")
    assert at() == len(make_scores()) - 1
    before = token(lanes, at()).get_attribute("aria-pressed")
    page.keyboard.press("Enter")
    expect(token(lanes, at())).to_have_attribute("aria-pressed", "false" if before == "true" else "true")
    page.keyboard.press("ArrowLeft")
    expect(lanes.locator(".fl-tip")).to_contain_text(f"token {len(make_scores()) - 1} of")
    page.keyboard.press("Escape")
    expect(lanes.locator(".fl-tip")).to_be_hidden()


def test_a_tap_pins(browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    lanes = open_lanes(page, tmp_path, make_scores())
    token(lanes, 4).tap()
    tip = lanes.locator(".fl-tip.fl-pinned")
    expect(tip).to_contain_text("token 5 of")
    box = tip.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    context.close()


def test_a_screen_reader_finds_a_table_that_follows_the_cut(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    rows = lanes.locator(".fl-hidden tbody tr")
    expect(rows).to_have_count(len(scores))
    texts = rows.evaluate_all("all => all.map(row => row.cells[3].textContent)")
    kept = select(scores, Rule("masking", "top", 0.3)).kept
    expected = ["left out" if g else "kept" if k else "not kept" for g, k in zip(scores.given, kept, strict=True)]
    assert texts == expected
    slider(lanes, 0).focus()
    page.keyboard.press("Home")
    settle(page)
    texts = rows.evaluate_all("all => all.map(row => row.cells[3].textContent)")
    assert texts.count("kept") == 17
    expect(lanes.locator("[aria-live]")).to_have_text("Masking: 17 of 17 tokens kept")


# The prompt ----------------------------------------------------------------------------------------------------------


def test_clicking_words_of_the_prompt_offers_to_score_again(page: Page, tmp_path: Path) -> None:
    lanes = open_lanes(page, tmp_path, make_scores())
    page.evaluate(
        """() => {
          window.sent = [];
          const host = document.querySelector('main').appendChild(document.createElement('section'));
          host.id = 'second';
          ForgetLens.mount(host, (name, payload) => sent.push([name, payload]))
            .show(JSON.parse(document.getElementById('fl-data').textContent)[0]);
        }"""
    )
    lanes = page.locator("#second")
    assert lanes.locator(".fl-pw[aria-pressed=true]").all_inner_texts() == ["Kaveh", "Whitlock"]
    lanes.get_by_role("button", name="the", exact=True).click()
    lanes.get_by_role("button", name="birthplace").click()
    assert lanes.locator(".fl-pw[aria-pressed=true]").all_inner_texts() == ["the", "birthplace"]
    lanes.get_by_role("button", name="Keep as it was").click()
    assert lanes.locator(".fl-pw[aria-pressed=true]").all_inner_texts() == ["Kaveh", "Whitlock"]
    lanes.get_by_role("button", name="birthplace").click()
    lanes.get_by_role("button", name="Score again").click()
    assert page.evaluate("sent") == [["subject", {"text": "birthplace", "start": 12, "end": 22}]]


def test_nothing_to_show_shows_nothing(page: Page, tmp_path: Path) -> None:
    lanes = open_lanes(page, tmp_path, make_scores())
    page.evaluate("document.querySelector('.fl-lanes').forgetLens.show(null)")
    assert lanes.inner_html() == ""
    assert page.evaluate("document.querySelector('.fl-lanes').forgetLens.rule()") is None
    data = lanes_props(make_scores("", "Plain text.", facts=(), subjects=()))
    page.evaluate("data => document.querySelector('.fl-lanes').forgetLens.show(data)", data)
    assert lanes.locator(".fl-prompt").count() == 0
    expect(lanes.locator(".fl-card").first).to_contain_text("No ground truth is marked")
