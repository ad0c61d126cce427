"""Ways through the page for the browser tests: open it, move between rooms, wait for what a visitor would wait for."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.lanes_page import open_cuts

PATIENCE_MS = 120_000
"""How long a test waits for work of the server: a machine under load is slow, and waiting ends when the work does."""
ASKED_ON_OPENING = "performance.getEntriesByType('resource').some((each) => each.name.includes('queue/join'))"


def open_page(page: Page, url: str) -> Locator:
    """Visit the page and return the lanes it opens with."""
    page.goto(url)
    lanes = page.locator("#lanes .fl-lanes")
    lanes.locator(".fl-tok").first.wait_for(timeout=PATIENCE_MS)
    open_cuts(lanes)
    return lanes


def settled(page: Page) -> None:
    """Wait until the page stands as its address asks for; its script comes after the document."""
    page.wait_for_function("typeof ForgetLensPage !== 'undefined' && ForgetLensPage.isSettled()", timeout=PATIENCE_MS)


def go_to(page: Page, room: str) -> None:
    """Press a room's tab."""
    page.get_by_role("tab", name=room, exact=True).first.click()


def to_stage(page: Page) -> None:
    """Back to the lanes, at the top."""
    page.evaluate("ForgetLensPage.toStage()")


def pick(page: Page, field: str, text: str) -> None:
    """Choose the first entry of a searchable dropdown that has this text."""
    box = page.locator(f"#{field} input").first
    box.click()
    # Typed, as a person does: the list is filtered key by key.
    box.press("ControlOrMeta+a")
    box.press_sequentially(text)
    page.get_by_role("option", name=text).first.click()


def choose(page: Page, field: str, label: str) -> None:
    """Press one of a few choices that lie side by side."""
    page.locator(f"#{field}").get_by_role("radio", name=label, exact=True).check()


def set_number(page: Page, field: str, value: str) -> None:
    """Type a number and leave the field."""
    box = page.locator(f"#{field} input[type=number]").first
    for _ in range(5):
        box.fill(value)
        box.press("Tab")
        # A field that was unfolded just now is drawn once more, and forgets what came in between: nobody types so fast.
        page.wait_for_timeout(150)
        if float(box.input_value()) == float(value):
            return
    raise AssertionError(f"The field {field} does not keep {value}.")


def requests_of(page: Page) -> list[Request]:
    """A list that grows with every request the page makes from now on, other than keeping its connection open.

    From now on: what opening the page asks for comes first, however slow the machine.
    """
    made: list[Request] = []
    page.on("request", lambda request: made.append(request) if "heartbeat" not in request.url else None)
    page.wait_for_function(ASKED_ON_OPENING, timeout=PATIENCE_MS)
    before = -1
    while before != len(made):
        before = len(made)
        page.wait_for_timeout(2_000)
    made.clear()
    return made


def start_run(page: Page, steps: int) -> None:
    """In Settings: ask for so many steps and press Start, then wait for the first of them."""
    set_number(page, "steps", str(steps))
    page.locator("#start").click()
    expect(page.locator("#status")).to_contain_text(re.compile(rf"Steps: [1-9]\d* of {steps}\b"))
    page.locator("#proof .pg-token").first.wait_for(timeout=PATIENCE_MS)


def wait_for_end(page: Page) -> None:
    """Wait until the run has ended and Start can be pressed again."""
    expect(page.locator("#start")).to_be_enabled(timeout=PATIENCE_MS)


def alert_of(page: Page, room: str) -> Locator:
    """The sentence that says what went wrong in a room."""
    return page.locator(f"#{room}-notice .pg-alert")
