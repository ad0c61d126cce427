"""The stage as it opens: everything in sight, words clicked in and out, and what a model says laid over an answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.rooms.stage.frames import waiting_frame
from app.server.line import Place
from attribution.lanes import lanes_props
from tests.app.lanes_fixture import make_scores
from tests.browser.lanes_page import open_lanes, shown_as_kept, token
from tests.browser.rooms import PATIENCE_MS


@pytest.fixture(scope="module")
def page(shared_page: Page, url: str) -> Page:
    """The page as it opens, with nothing unfolded."""
    shared_page.set_viewport_size({"width": 1280, "height": 720})
    shared_page.goto(url)
    shared_page.locator("#lanes .fl-tok").first.wait_for(timeout=PATIENCE_MS)
    return shared_page


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_question_lanes_cut_and_button_are_seen_with_nothing_scrolled(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(500)
    assert page.evaluate("scrollY") == 0
    seen = [".fl-question", ".fl-dock .fl-hist", ".fl-live", ".fl-forget"]
    # On a phone the last lines of a long answer may lie under the dock.
    seen += [".fl-row:last-child .fl-cells >> nth=-1"] if width > 1000 else [".fl-row:first-child .fl-cells >> nth=0"]
    for part in seen:
        box = page.locator(f"#lanes {part}").bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= height, part
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, part


def test_an_expert_word_says_what_it_means_to_the_mouse_the_keyboard_and_a_screen_reader(page: Page) -> None:
    word, tip = page.locator("#lanes .fl-legend .pg-term", has_text="ground truth"), page.locator("#term-tip")
    word.hover()
    expect(tip).to_contain_text("Ground truth Where the facts really are.")
    box, window = tip.bounding_box(), page.viewport_size
    assert box and window and box["x"] >= 0 and box["x"] + box["width"] <= window["width"] and box["y"] >= 0
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    word.focus()
    expect(tip).to_be_visible()
    expect(word).to_have_accessible_description(
        "Ground truth: Where the facts really are. It is known here, because the world was invented with them."
    )
    page.keyboard.press("Tab")
    expect(tip).not_to_contain_text("Ground truth")
    words = page.locator(".pg-term:not([role=tabpanel] *)").all_text_contents()
    assert len(words) == len(set(words)) > 3, "once each on the stage"


def test_words_are_clicked_in_and_out_and_the_link_holds_them(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    lanes = page.locator("#lanes .fl-lanes")
    kept = shown_as_kept(lanes, 2)
    out, into = kept.index(True), kept.index(False)
    lanes.locator(f".fl-tok[data-i='{out}']").click()
    lanes.locator(f".fl-tok[data-i='{into}']").click()
    expect(lanes.locator(".fl-live")).to_contain_text(
        f"{sum(kept)} of {len(kept)} tokens in the cut, top 30% and 2 by hand"
    )
    edits = f"+{into}-{out}" if into < out else f"-{out}+{into}"
    assert page.evaluate("document.querySelector('#lanes .fl-lanes').forgetLens.rule().hand") == edits
    page.wait_for_url(lambda address: "hand=" in address, timeout=PATIENCE_MS)
    page.reload()
    expect(lanes.locator(f".fl-tok[data-i='{into}']")).to_have_attribute("aria-pressed", "true")
    expect(lanes.locator(f".fl-tok[data-i='{out}']")).to_have_attribute("aria-pressed", "false")
    lanes.get_by_role("button", name="Undo by hand").click()
    expect(lanes.locator(f".fl-tok[data-i='{out}']")).to_have_attribute("aria-pressed", "true")
    page.wait_for_url(lambda address: "hand=" not in address, timeout=PATIENCE_MS)


def test_a_frame_and_a_booth_show_the_stage_alone_and_a_projector_larger(page: Page, url: str) -> None:
    size = "parseFloat(getComputedStyle(document.querySelector('#lanes .fl-live')).fontSize)"
    usual = page.evaluate(size)
    page.locator("#how .label-wrap").click()
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.given = text; }")
    page.evaluate("(query) => history.replaceState(null, '', query)", "?row=forget:3&note='\"><script>")
    page.locator("#embed").click()
    expect(page.locator("#embed")).to_have_text("Frame copied")
    # As another page would read it.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', `<div id='elsewhere'>${window.given}</div>`)")
    frame = page.locator("#elsewhere > iframe:only-child")
    address = str(frame.get_attribute("src"))
    assert address.startswith(url) and "row=forget%3A3" in address and address.endswith("&embed=")
    page.goto(f"{url}/?kiosk&class")
    page.locator("#lanes .fl-forget").wait_for()
    for hidden in ("#rooms", "#asking", "#split", "#row", "#how"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.evaluate(size) > usual
    page.goto(address)
    expect(page.locator("#lanes .fl-forget")).to_be_visible()
    expect(page.locator("#rooms")).to_be_hidden()
    expect(page.locator("#row input")).to_have_value("3  In what year was Quenby Ostrmere born?")


def test_a_moved_cut_drops_what_was_done_by_hand(page: Page, tmp_path: Path) -> None:
    lanes = open_lanes(page, tmp_path, make_scores())
    token(lanes, 8).click()
    rule = "document.querySelector('.fl-lanes').forgetLens.rule()"
    assert "hand" in page.evaluate(rule)
    lanes.locator(".fl-dock input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    assert "hand" not in page.evaluate(rule)
    assert lanes.locator(".fl-forget").count() == 0, "a file trains nothing"


def test_a_run_that_waits_says_so_and_leaves_the_stage_as_it_was(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    play = "(frame) => document.querySelector('.fl-lanes').forgetLens.play(frame)"
    visit: Any = SimpleNamespace(scores=scores)
    queued = waiting_frame(visit, Place(2, 65.0))
    done = {**queued, "phase": "done", "run": 1, "step": 2, "of": 2, "before": "a", "samples": [[2, "b"]], "note": ""}
    page.evaluate(play, done)
    expect(lanes.locator(".fl-run .fl-dock-title")).to_contain_text("After step 2")
    lanes.get_by_role("button", name="Choose other words").click()
    page.evaluate(play, queued)
    expect(lanes.locator(".fl-run .fl-dock-title")).to_have_text("In line")
    expect(lanes.locator(".fl-run .fl-note")).to_have_text(
        "2 other runs come first. Yours ends in about 65 s. You can look around meanwhile."
    )
    expect(lanes.get_by_role("button", name="Leave the line")).to_be_visible()
    expect(lanes.locator(".fl-scrub")).to_be_hidden()
    # It has left: the run before it was left, too, for other words.
    page.evaluate(play, done)
    expect(lanes.locator(".fl-run")).to_have_count(0)


def test_a_run_is_there_again_when_a_visitor_goes_back_to_its_row(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    visit: Any = SimpleNamespace(scores=scores)
    done = {**waiting_frame(visit, Place(0, 1.0)), "phase": "done", "run": 1, "step": 2, "of": 2, "samples": []}
    page.evaluate("(frame) => document.querySelector('.fl-lanes').forgetLens.play(frame)", done)
    show = "(props) => document.querySelector('.fl-lanes').forgetLens.show(props)"
    back = "document.querySelector('.fl-lanes').forgetLens.again()"
    own = lanes_props(scores)
    other = {**own, "id": "another"}
    for props, there in ((other, 0), (own, 1), (other, 0), (own, 1)):
        page.evaluate(show, props)
        expect(lanes.locator(".fl-run")).to_have_count(0)
        page.evaluate(back)
        expect(lanes.locator(".fl-run")).to_have_count(there)
    # Whoever has left it for other words is not shown it again.
    lanes.get_by_role("button", name="Choose other words").click()
    page.evaluate(show, own)
    page.evaluate(back)
    expect(lanes.locator(".fl-run")).to_have_count(0)


@pytest.mark.parametrize(
    ("slots", "said", "laid"),
    [
        ("a b c", "a b c", ["a", "b", "c"]),
        ("born in 1949 in Torvik.", "born in 1961 in Elm.", ["born", "in", "1961", "in", "Elm."]),
        ("born in Torvik.", "born in the town Elm.", ["born", "in", "the town Elm."]),
        ("a b c d", "a d", ["a", "", "", "d"]),
        ("a b", "x y a b z", ["x y a", "b z"]),
        ("a b", "", ["", ""]),
        ("a b c", "p q", ["p", "q", ""]),
    ],
)
def test_what_is_said_is_laid_over_the_answer(
    page: Page, tmp_path: Path, slots: str, said: str, laid: list[str]
) -> None:
    if not page.url.startswith("file:"):
        open_lanes(page, tmp_path, make_scores())
    words = [text.split() for text in (slots, said)]
    assert page.evaluate("([slots, said]) => ForgetLens.layOver(slots, said)", words) == laid
    assert " ".join(filter(None, laid)) == said, "nothing that is said is lost"
