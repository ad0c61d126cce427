"""The gallery: a prepared run plays over the stage at a press, says that it is one, and leaves everything as it was."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from app.rooms.stage.frames import waiting_frame
from app.rooms.stage.gallery_words import ruled
from app.server.line import Place
from assets.gallery.prepared import gallery
from tests.app.lanes_fixture import make_scores
from tests.browser.axe import NO_FAULT, in_both_modes
from tests.browser.rooms import PATIENCE_MS, settled

FIRST = gallery()[0]
PREPARED = "#lanes .pg-prepared"


@pytest.fixture(scope="module")
def page(shared_page: Page, url: str) -> Page:
    """The page as it opens, for somebody who wants no motion: a run is played at its end at once."""
    shared_page.set_viewport_size({"width": 1280, "height": 720})
    shared_page.emulate_media(reduced_motion="reduce")
    shared_page.goto(url)
    shared_page.locator("#lanes .fl-tok").first.wait_for(timeout=PATIENCE_MS)
    settled(shared_page)
    return shared_page


def tile(page: Page, name: str) -> Locator:
    return page.locator(f"[data-gallery='{name}']")


def open_run(page: Page, name: str = FIRST.wanted.name) -> Locator:
    tile(page, name).click()
    run = page.locator(f"{PREPARED} .fl-run")
    expect(page.locator("#prepared .pg-made")).to_be_visible()
    return run


def own(page: Page) -> Locator:
    return page.locator("#lanes .fl-lanes:not(.pg-prepared)")


def test_tiles_lie_under_the_first_screen_and_are_named_by_what_they_show(page: Page) -> None:
    tiles = page.locator("#gallery button")
    expect(tiles).to_have_count(len(gallery()))
    box = page.locator("#gallery").bounding_box()
    assert box and box["y"] > 690, "the first screen is the stage's"
    found = ruled(FIRST)
    assert found
    expect(tiles.first).to_have_accessible_name(
        f"{FIRST.wanted.title} {FIRST.wanted.line} Forgotten: 98% gone, 99% kept"
    )


def test_a_press_plays_a_run_with_its_verdict_its_settings_and_its_steps(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tile(page, FIRST.wanted.name).focus()
    page.keyboard.press("Enter")
    run = page.locator(f"{PREPARED} .fl-run")
    expect(page.locator(".pg-prepared-head")).to_contain_text(
        f"{FIRST.wanted.title} A run made beforehand, none of yours: embedded forgets forget05."
    )
    expect(page.locator(".pg-prepared-head")).to_be_focused()
    found = ruled(FIRST)
    assert found
    expect(page.locator("#prepared .pg-ruled")).to_have_text(found.sentence)
    expect(page.locator("#prepared .pg-made")).to_contain_text("Learned, top 30%, Counterfactual teacher, 80 steps")
    expect(run).to_contain_text(f"After step {FIRST.replay.steps}")
    for gone in ("#ruling", "#asking", "#how"):
        expect(page.locator(gone)).to_be_hidden()
    expect(own(page)).to_be_hidden()
    slider = run.locator("input[type=range]")
    slider.fill("0")
    expect(run.locator(".fl-stat-forgotten")).to_have_text("forgotten 0%")
    words = page.locator(f"{PREPARED} .fl-word")
    assert "".join(words.all_text_contents()).replace("·", " ").strip() == FIRST.replay.before
    slider.fill(str(FIRST.replay.steps))
    assert "fl-said" in " ".join(words.evaluate_all("all => all.map((word) => word.className)"))
    assert not [url for url in asked if "queue/join" in url], "nothing waits in a line for it"
    assert f"gallery={FIRST.wanted.name}" in page.url
    assert in_both_modes(page) == NO_FAULT


def test_leaving_it_brings_the_visitors_own_stage_back(page: Page) -> None:
    run = page.locator(f"{PREPARED} .fl-run")
    run.get_by_role("button", name="Back to your own").click()
    expect(page.locator(PREPARED)).to_have_count(0)
    expect(own(page).locator(".fl-forget")).to_be_focused()
    expect(page.locator("#asking")).to_be_visible()
    assert "gallery=" not in page.url
    other = gallery()[1]
    open_run(page, other.wanted.name)
    page.go_back()
    expect(page.locator(PREPARED)).to_have_count(0)
    page.go_forward()
    expect(page.locator("#prepared .pg-ruled")).to_have_text(getattr(ruled(other), "sentence", ""))
    # Pressed in a hurry, the last one counts.
    page.evaluate(
        "([one, two]) => { ForgetLensGallery.open(one); ForgetLensGallery.open(two); }",
        [prepared.wanted.name for prepared in gallery()[2:4]],
    )
    expect(page.locator("#prepared .pg-ruled")).to_have_text(getattr(ruled(gallery()[3]), "sentence", ""))
    # Whoever is sent to their own stage finds it there.
    page.evaluate("ForgetLensPage.toStage()")
    expect(page.locator(PREPARED)).to_have_count(0)
    # A run that comes when its visitor has gone on is not played.
    with page.expect_response(lambda answer: "run/predict" in answer.url, timeout=PATIENCE_MS):
        page.evaluate(
            "(name) => { ForgetLensGallery.open(name); setTimeout(ForgetLensPage.toStage); }",
            gallery()[4].wanted.name,
        )
    page.wait_for_timeout(500)
    expect(page.locator(PREPARED)).to_have_count(0)
    # Another row of the visitor's takes its place.
    open_run(page)
    page.locator("#split").get_by_role("radio", name="Retain").check()
    expect(page.locator(PREPARED)).to_have_count(0)
    assert "gallery=" not in page.url
    page.locator("#split").get_by_role("radio", name="Forget").check()
    expect(page.locator("#lanes .fl-question")).to_contain_text("Where was Quenby Ostrmere born?")


def test_it_plays_while_the_visitors_own_run_waits_in_line(page: Page) -> None:
    visit: Any = SimpleNamespace(scores=make_scores())
    play = "(frame) => document.querySelector('#lanes .fl-lanes').forgetLens.play(frame)"
    page.evaluate(play, waiting_frame(visit, Place(2, 65.0)))
    run = open_run(page)
    page.evaluate(play, waiting_frame(visit, Place(1, 30.0)))
    expect(run).to_contain_text("After step")
    run.get_by_role("button", name="Back to your own").click()
    expect(own(page).locator(".fl-run .fl-note")).to_contain_text("1 other run comes first")
    page.evaluate(play, None)


def test_the_same_run_is_set_up_by_a_press(page: Page) -> None:
    one = next(prepared for prepared in gallery() if prepared.wanted.name == "one-word")
    open_run(page, "one-word")
    page.get_by_role("button", name="Set up the same run").click()
    expect(page.locator(PREPARED)).to_have_count(0)
    expect(own(page).locator(".fl-live")).to_contain_text("1 of 21 tokens in the cut")
    expect(own(page).locator(".fl-live")).to_contain_text("1 by hand")
    page.wait_for_url(lambda address: f"steps={one.wanted.config.steps}" in address, timeout=PATIENCE_MS)


def test_share_saves_a_picture_of_the_run_on_the_stage(page: Page) -> None:
    open_run(page)
    page.locator("#share").click()
    expect(page.locator("#share-picture")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#share-picture")).to_be_hidden()
    page.locator("#share").click()
    with page.expect_download(timeout=PATIENCE_MS) as saved:
        page.locator("#share-picture").click()
    with open(saved.value.path(), "rb") as file:
        picture = Image.open(io.BytesIO(file.read()))
    assert picture.size == (1200, 630) and saved.value.suggested_filename == "forget-lens.png"
    expect(page.locator("#sharing")).to_be_hidden()


def test_a_link_plays_it_and_an_unknown_one_says_so(page: Page, url: str) -> None:
    page.goto(f"{url}/?gallery={FIRST.wanted.name}")
    expect(page.locator("#prepared .pg-ruled")).to_be_visible()
    tags = dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', page.content()))
    assert tags["og:title"] == tags["twitter:title"] == f"{FIRST.wanted.title} | Forget Lens"
    assert tags["og:description"] == getattr(ruled(FIRST), "sentence", "")
    picture = Image.open(io.BytesIO(page.request.get(tags["og:image"]).body()))
    assert picture.size == (int(tags["og:image:width"]), int(tags["og:image:height"])) == (1200, 630)
    page.goto(f"{url}/?gallery=<b>none</b>")
    assert "<b>none" not in page.evaluate("document.head.innerHTML")
    # An address that is still written would stop the next test's way to another.
    settled(page)
    expect(page.locator("#stage-notice .pg-alert")).to_contain_text("The prepared run '<b>none</b>' is unknown.")


def test_a_phone_shows_them_in_a_strip_and_plays_them_on_its_first_screen(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(url)
    page.locator("#lanes .fl-tok").first.wait_for(timeout=PATIENCE_MS)
    settled(page)
    box = page.locator("#gallery").bounding_box()
    assert box and box["height"] < 320
    # A model that has lost its speech says much where there was one word.
    run = open_run(page, "whole-answer")
    wide = "[...document.querySelectorAll('.pg-prepared .fl-row')].map((row) => row.getBoundingClientRect().right)"
    assert max(page.evaluate(wide)) <= 390 and page.evaluate("document.documentElement.scrollWidth") <= 390
    seen = run.bounding_box()
    assert seen and seen["y"] >= 0 and seen["y"] + seen["height"] <= 844
    page.set_viewport_size({"width": 1280, "height": 720})


def test_a_booth_plays_one_after_another_and_trains_nothing(page: Page, url: str) -> None:
    page.goto(f"{url}/?kiosk=1")
    expect(page.locator("#prepared .pg-ruled")).to_have_text(getattr(ruled(FIRST), "sentence", ""))
    expect(page.locator("#prepared .pg-ruled")).to_be_in_viewport()
    expect(page.locator("#prepared .pg-ruled")).to_have_text(getattr(ruled(gallery()[1]), "sentence", ""))
    expect(own(page).locator(".fl-run")).to_have_count(0)
    # Whoever touches it is left alone.
    page.mouse.click(10, 10)
    page.wait_for_timeout(500)
    expect(page.locator(PREPARED)).to_have_count(1)
