"""The page as a whole: its type, lessons that set it up, no sideways scroll on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.faces import wear
from tests.browser.rooms import choose, go_to, open_page

ROOMS = ("Settings", "Answers", "Learn", "Your own")


@pytest.fixture(scope="module")
def page(shared_page: Page, url: str) -> Page:
    """The page as it opens; the tests go on from where the one before left it."""
    open_page(shared_page, url)
    return shared_page


def test_the_page_brings_its_type_along(page: Page) -> None:
    """All three faces, for plain and strong text."""
    for face, name in (("sans", "IBM Plex Sans"), ("serif", "Source Serif 4"), ("mono", "IBM Plex Mono")):
        stack = page.evaluate("f => getComputedStyle(document.documentElement).getPropertyValue(f)", f"--fl-{face}")
        assert stack.startswith(f'"{name}"')
        for weight in (400, 600):
            # Letters, digits and the signs that stand among figures.
            loaded = "f => document.fonts.load(f, 'Hamburg 0123 ≥ −').then(all => all.length)"
            assert page.evaluate(loaded, f'{weight} 16px "{name}"') == 1, f"{name} {weight}"


def test_a_link_to_it_is_shown_with_its_own_name_and_picture(page: Page, url: str) -> None:
    text = page.request.get(url).text()
    tags = dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[\w:]+)" content="([^"]*)"', text))
    assert tags["og:title"] == tags["twitter:title"] == "Forget Lens"
    assert not any("gradio" in value.lower() for value in tags.values())
    picture = page.request.get(tags["og:image"])
    assert tags["og:image"].startswith(url) and picture.body().startswith(b"\x89PNG")


def test_a_lesson_sets_the_page_up(page: Page) -> None:
    lanes = page.locator("#lanes .fl-lanes")
    go_to(page, "Learn")
    page.locator("#lesson-5").click()
    expect(lanes.locator("section.fl-card")).to_have_count(5)
    expect(lanes.locator(".fl-forget")).to_be_in_viewport()
    go_to(page, "Settings")
    expect(page.locator("#unlearn-cut")).to_contain_text("Random, top 30%")
    go_to(page, "Learn")
    page.locator("#lesson-3").click()
    expect(lanes.locator(".fl-dock .fl-live")).to_contain_text("21 of 21 tokens")
    go_to(page, "Settings")
    expect(page.locator("#unlearn-cut")).to_contain_text("Every token of every answer")


def test_a_phone_needs_no_sideways_scroll_whatever_the_face(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for face in ("own", "wide"):
        wear(page, face)
        for room in ROOMS:
            go_to(page, room)
            page.wait_for_timeout(300)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, f"{room} is {width} px wide, {face}"
        for way in ("Rows", "A model", "A fact"):
            choose(page, "own-path", way)
            page.wait_for_timeout(300)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, f"{way} is {width} px wide, {face}"


def test_a_visitor_with_another_language_gets_english_words_and_no_keys(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="fr-FR")
    page = context.new_page()
    open_page(page, url)
    expect(page.get_by_role("tab", name="Settings", exact=True).first).to_be_visible()
    expect(page.locator("#share")).to_have_text("Share")
    assert "__i18n__" not in page.locator("body").inner_text()
    context.close()
