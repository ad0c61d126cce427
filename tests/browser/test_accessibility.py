"""The page for people who do not see it, do not use a mouse, or see it in other colours."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import NO_FAULT, grave_faults, in_both_modes
from tests.browser.rooms import PATIENCE_MS, choose, go_to, open_page, to_stage, wait_for_end

ROOMS = ("Answers", "Settings", "Learn", "Your own")
MOST_TABS = 140

# What has the focus: an id of ours above it, its role, and whether the focus can be seen.
FOCUSED = """() => {
  const element = document.activeElement;
  const shows = (part) => {
    const style = getComputedStyle(part);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none';
  };
  const around = [element, element.nextElementSibling, element.parentElement, element.closest('label, .wrap, .block')];
  return {
    place: element.closest('[id]:not([id^="component"]):not([id^="range_id"])')?.id || '',
    inside: element.className + ' ' + (element.closest('[class*="fl-"]')?.className || ''),
    tag: element.tagName,
    name: element.getAttribute('aria-label') || element.textContent.trim().slice(0, 40),
    seen: around.some((part) => part && shows(part)),
  };
}"""


@pytest.fixture(scope="module")
def page(shared_page: Page, url: str) -> Page:
    """The page as it opens; the tests go on from where the one before left it."""
    open_page(shared_page, url)
    return shared_page


def test_everything_on_the_stage_is_reached_by_the_keyboard_and_the_focus_is_seen(page: Page) -> None:
    page.locator("#how button").first.click()
    page.locator(".pg-name").click()
    stops = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        if stops[-1]["place"] == "ask":
            break
    reached = {stop["place"] for stop in stops}
    assert {"split", "row", "share", "scope", "scores-json", "scores-csv", "ask-question"} <= reached
    parts = " ".join(stop["inside"] for stop in stops)
    for part in (
        "fl-pw",
        "fl-switch-layout",
        "fl-switch-unit",
        "fl-switch-colour",
        "fl-tok",
        "fl-leave",
        "fl-plot",
        "fl-forget",
    ):
        assert part in parts, f"{part} is never reached"
    assert sum("fl-plot" in stop["inside"] for stop in stops) == 5, "the cut on the dock, and that of every lane"
    unseen = [stop for stop in stops if not stop["seen"] and stop["tag"] != "BODY"]
    assert not unseen, "the focus is not to be seen here"


def test_a_screen_reader_gets_the_lanes_as_a_table(page: Page) -> None:
    lanes = page.locator("#lanes .fl-lanes")
    table = lanes.get_by_role("table", name="Scores of every answer token")
    # Built when the browser has nothing else to do.
    table.get_by_role("columnheader").first.wait_for(state="attached", timeout=PATIENCE_MS)
    header = table.get_by_role("columnheader").all_inner_texts()
    assert header[:4] == ["Token", "Ground truth", "Masking, nats", "Masking, cut"]
    assert table.get_by_role("rowheader").count() == lanes.locator(".fl-tok").count()
    kept = table.locator("tbody tr td:nth-child(4)", has_text="kept").filter(has_not_text="not kept")
    shown = lanes.locator(".fl-tok .fl-c.fl-k:nth-of-type(2)")
    before = kept.count()
    assert before == shown.count() > 0
    slider = lanes.locator(".fl-card input[type=range]").first
    assert slider.get_attribute("aria-label") == "Cut of Masking"
    slider.focus()
    page.keyboard.press("Home")
    expect(lanes.locator("[aria-live]")).to_contain_text("Masking: 19 of 19 tokens kept")
    assert kept.count() == 19


@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing_grave_in_a_room_as_it_opens(page: Page, room: str) -> None:
    go_to(page, room)
    page.wait_for_timeout(300)
    assert in_both_modes(page) == NO_FAULT


def test_axe_can_find_faults(page: Page) -> None:
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button id=nameless></button>')")
    faults = grave_faults(page)
    page.evaluate("document.getElementById('nameless').remove()")
    assert len(faults) == 1 and "button-name" in faults[0]


@pytest.mark.parametrize("layout", ["Columns", "Agreement"])
def test_axe_finds_nothing_grave_in_the_other_layouts(page: Page, layout: str) -> None:
    to_stage(page)
    lanes = page.locator("#lanes")
    lanes.locator(".fl-switches .fl-switch label", has_text=layout).click()
    lanes.locator("[data-i='3']").first.click()
    expect(lanes.locator(".fl-tip")).to_be_visible()
    faults = in_both_modes(page)
    page.keyboard.press("Escape")
    lanes.locator(".fl-switches .fl-switch label", has_text="Lanes").click()
    assert faults == NO_FAULT


def test_axe_finds_nothing_grave_in_errors_and_open_folds(page: Page) -> None:
    to_stage(page)
    page.locator("#lanes .fl-about summary").first.click()
    choose(page, "split", "Your own text")
    page.locator("#own-answer textarea").fill("")
    page.locator("#score").click()
    expect(page.locator("#inspect-notice .pg-alert")).to_be_visible()
    assert in_both_modes(page) == NO_FAULT
    choose(page, "split", "Forget")
    expect(page.locator("#inspect-notice .pg-alert")).to_have_count(0)


def test_a_run_is_started_and_compared_by_keyboard_alone_and_has_no_grave_fault(page: Page) -> None:
    go_to(page, "Settings")
    expect(page.locator("#unlearn-cut")).to_be_visible()
    page.locator("#strategy input").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#strategy").get_by_role("radio", name="Soft")).to_be_checked()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#unlearn-cut")).to_contain_text("Learned, soft")
    steps = page.locator("#steps input[type=range]")
    steps.focus()
    page.keyboard.press("Home")
    expect(page.locator("#steps input[type=number]")).to_have_value("5")
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Steps: 5 of 5")
    wait_for_end(page)
    assert in_both_modes(page) == NO_FAULT
    page.locator("#to-compare").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#answers tbody tr").first).to_be_visible()
    expect(page.locator("#compare-head")).to_be_in_viewport()
    assert in_both_modes(page) == NO_FAULT
    page.locator(".pg-pick").first.click()
    page.locator(".pg-changes .pg-ct").first.wait_for(timeout=PATIENCE_MS)
    page.locator(".pg-changes summary").click()
    assert in_both_modes(page) == NO_FAULT, "an answer opened on its tokens"
