"""The address holds the whole view: it opens again on another server, and nonsense in it is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lanes_page import settle, shown_as_kept
from tests.browser.rooms import (
    PATIENCE_MS,
    alert_of,
    choose,
    go_to,
    open_page,
    requests_of,
    set_number,
    settled,
    to_stage,
)
from tests.browser.served import Served, serve_here


@pytest.fixture(scope="module")
def elsewhere(served: Served) -> Iterator[str]:
    """Another server with the same model and rows."""
    with serve_here(served.visits.studio) as other:
        yield other.url


def test_a_view_reopens_on_another_server(page: Page, url: str, elsewhere: str) -> None:
    lanes = open_page(page, url)
    made = requests_of(page)
    for name in ("Words", "Raw", "Agreement"):
        lanes.locator(".fl-switches .fl-switch label", has_text=name).click()
    lanes.locator(".fl-name", has_text="Entropy").click()
    slider = lanes.locator(".fl-card input[type=range]").nth(1)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    settle(page)
    page.wait_for_url(lambda address: "cuts=entropy:top:0.33" in address, timeout=PATIENCE_MS)
    assert not made, "writing the address asks the server for nothing"
    choose(page, "split", "Retain")
    page.wait_for_url(lambda address: "row=retain:0" in address, timeout=PATIENCE_MS)
    go_to(page, "Settings")
    choose(page, "strategy", "Soft")
    set_number(page, "steps", "17")
    page.wait_for_url(lambda address: "steps=17" in address and "strategy=soft" in address, timeout=PATIENCE_MS)
    question = lanes.locator(".fl-question").text_content()
    query = urlsplit(page.url).query
    assert parse_qs(query) == {
        "view": ["agreement"],
        "units": ["words"],
        "colour": ["raw"],
        "lane": ["entropy"],
        "cuts": ["entropy:top:0.33"],
        "row": ["retain:0"],
        "room": ["unlearn"],
        "strategy": ["soft"],
        "steps": ["17"],
    }

    page.goto(f"{elsewhere}/?room=unlearn&preset=etw&every=3")
    expect(page.locator("#unlearn-cut")).to_contain_text("The preset brings its own tokens")
    expect(page.locator("#unlearn-cut")).to_contain_text("Scored again every 3 steps")
    expect(page.locator("#steps input[type=number]")).to_have_value("40")
    page.goto(f"{elsewhere}/?{query}")
    expect(page.locator("#unlearn-cut")).to_contain_text("Entropy, soft")
    expect(page.locator("#steps input[type=number]")).to_have_value("17")
    to_stage(page)
    again = page.locator("#lanes .fl-lanes")
    expect(again.locator(".fl-question")).to_have_text(str(question))
    expect(page.locator("#split").get_by_role("radio", name="Retain")).to_be_checked()
    state = page.evaluate("document.querySelector('#lanes .fl-lanes').forgetLens.state()")
    assert (state["view"], state["units"], state["colour"], state["active"]) == ("agreement", "words", "raw", "entropy")
    assert state["cuts"]["entropy"] == {"kind": "top", "cut": 0.33}
    page.wait_for_url(lambda address: parse_qs(urlsplit(address).query) == parse_qs(query), timeout=PATIENCE_MS)

    # Back walks through what was seen: cuts and layouts are no steps of their own.
    settled(page)
    choose(page, "split", "World")
    page.wait_for_url(lambda address: "row=world:0" in address, timeout=PATIENCE_MS)
    go_to(page, "Learn")
    page.wait_for_url(lambda address: "room=learn" in address, timeout=PATIENCE_MS)
    for name in ("Columns", "Lanes"):
        again.locator(".fl-switches .fl-switch label", has_text=name).click()
    page.wait_for_url(lambda address: "view=" not in address, timeout=PATIENCE_MS)
    page.go_back()
    expect(page.get_by_role("tab", name="Settings", exact=True).first).to_have_attribute("aria-selected", "true")
    assert "row=world:0" in page.url
    page.go_back()
    expect(again.locator(".fl-question")).to_have_text(str(question))
    assert parse_qs(urlsplit(page.url).query) == parse_qs(query)


def test_own_text_travels_in_the_address_up_to_a_size(page: Page, url: str) -> None:
    prompt, answer = "Wo liegt <Torvik>?", "Torvik 🌍 liegt am Meer & im Norden."
    open_page(page, f"{url}/?row=own&prompt={quote(prompt)}&answer={quote(answer)}&hides=each&scorers=masking,entropy")
    lanes = page.locator("#lanes .fl-lanes")
    expect(lanes.locator(".fl-question")).to_have_text(prompt)
    expect(lanes.locator(".fl-card")).to_have_count(2)
    assert page.locator("#own-answer textarea").input_value() == answer
    assert any(shown_as_kept(lanes, 0))
    page.locator("#own-answer textarea").fill("A town by the sea. " * 110)
    page.locator("#score").click()
    page.wait_for_url(lambda address: "row=own" in address and "answer=" not in address, timeout=PATIENCE_MS)
    page.reload()
    expect(alert_of(page, "inspect")).to_contain_text("no address holds")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("row=forget:99999&room=compare", "does not exist"),
        ("scorers=%3Cscript%3Ealert(1)%3C/script%3E", "<script>alert(1)</script>"),
    ],
)
def test_a_link_that_cannot_be_is_one_sentence_and_the_page_works(page: Page, url: str, query: str, said: str) -> None:
    """What is said of each is in tests/app/test_address.py."""
    lanes = open_page(page, f"{url}/?{query}")
    expect(alert_of(page, "inspect")).to_contain_text("This link cannot be opened.")
    expect(alert_of(page, "inspect")).to_contain_text(said)
    assert lanes.locator("section.fl-card").count() == 4
    expect(lanes.locator(".fl-forget")).to_be_visible()
    expect(page).to_have_url(f"{url}/")
