"""Inspect in a real browser: opens scored, scores what is asked, cuts without a request, says what cannot be."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lanes_page import settle, shown_as_kept
from tests.browser.rooms import alert_of, choose, open_page, pick, requests_of

LEARNED = 2


@pytest.fixture(scope="module")
def page(shared_page: Page, url: str) -> Page:
    """The page as it opens; the tests go on from where the one before left it."""
    open_page(shared_page, url)
    return shared_page


@pytest.fixture
def lanes(page: Page) -> Locator:
    """The lanes of a row to forget, on a page that earlier tests may have used."""
    lanes = page.locator("#lanes .fl-lanes")
    if not page.locator("#split").get_by_role("radio", name="Forget").is_checked():
        before = lanes.locator(".fl-stage").inner_text()
        choose(page, "split", "Forget")
        expect(lanes.locator(".fl-stage")).not_to_have_text(before)
        # The row that is chosen, and not one shown on the way to it.
        shown = ""
        while shown != (shown := lanes.locator(".fl-stage").inner_text()):
            page.wait_for_timeout(500)
    return lanes


def test_it_opens_on_a_scored_example(page: Page, lanes: Locator) -> None:
    assert lanes.locator("section.fl-card").count() == 4
    assert any(shown_as_kept(lanes, LEARNED))
    expect(page.get_by_role("tab", name="Answers", exact=True).first).to_be_visible()
    tabs = page.get_by_role("tab").all_inner_texts()
    assert list(dict.fromkeys(text for text in tabs if text)) == ["Answers", "Settings", "Learn", "Your own"]


def test_moving_a_cut_asks_the_server_for_nothing(page: Page, lanes: Locator) -> None:
    line = lanes.locator(".fl-live")
    sentence, before = line.inner_text(), sum(shown_as_kept(lanes, LEARNED))
    histogram = lanes.locator("section.fl-card").nth(LEARNED).locator(".fl-hist")
    histogram.evaluate("element => element.scrollIntoView({block: 'center'})")
    box = histogram.bounding_box()
    assert box is not None
    made = requests_of(page)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.7, middle)
    page.mouse.down()
    for share in (0.6, 0.45, 0.3, 0.2):
        page.mouse.move(box["x"] + box["width"] * share, middle)
        settle(page)
    kept = sum(shown_as_kept(lanes, LEARNED))
    assert kept > before
    assert line.inner_text() != sentence, "while the cut is still held"
    expect(line).to_contain_text(f"{kept} of ")
    page.wait_for_timeout(500)
    assert [request.url for request in made] == []
    page.mouse.up()
    settle(page)
    expect(line).to_contain_text(f"{kept} of ")


def test_another_row_is_scored_when_it_is_picked(page: Page, lanes: Locator) -> None:
    choose(page, "split", "World")
    expect(lanes.locator(".fl-question")).to_contain_text("France")
    question = "Which city is the seat of government of Italy?"
    pick(page, "row", question)
    expect(lanes.locator(".fl-question")).to_have_text(question)
    expect(lanes.locator(".fl-live")).to_contain_text("in the cut")


def test_own_text_is_scored(page: Page, lanes: Locator) -> None:
    choose(page, "split", "Your own text")
    page.locator("#own-prompt textarea").fill("Where was <b>Ada Quell</b> born?")
    page.locator("#own-answer textarea").fill("Ada Quell was born in <script>Torvik</script>.")
    page.locator("#score").click()
    expect(lanes.locator(".fl-question")).to_have_text("Where was <b>Ada Quell</b> born?")
    assert lanes.locator("script").count() == 0
    assert alert_of(page, "inspect").count() == 0


@pytest.mark.parametrize(
    ("answer", "subject", "said"),
    [
        ("", "", "The answer is empty"),
        ("word " * 1500, "", "reads at most"),
        ("word " * 5000, "", "takes at most"),
        ("She was born in Torvik.", "Nobody", "'Nobody' stands neither in the prompt nor in the answer"),
    ],
    ids=["empty", "longer than the window", "longer than the page takes", "unknown subject"],
)
def test_bad_input_is_one_sentence_and_loses_no_work(page: Page, answer: str, subject: str, said: str) -> None:
    choose(page, "split", "Your own text")
    lanes = page.locator("#lanes .fl-lanes")
    question = lanes.locator(".fl-question").inner_text()
    page.locator("#own-answer textarea").fill(answer)
    if subject:
        page.locator("#how button").first.click()
        page.locator("#subject textarea, #subject input").first.fill(subject)
    page.locator("#score").click()
    expect(alert_of(page, "inspect")).to_contain_text(said)
    assert lanes.locator(".fl-question").inner_text() == question
    expect(lanes.locator(".fl-forget")).to_be_disabled()
    assert page.locator("#own-answer textarea").input_value() == answer
    page.locator("#own-answer textarea").fill("She was born in Torvik.")
    if subject:
        page.locator("#subject textarea, #subject input").first.fill("Torvik")
    page.locator("#score").click()
    expect(alert_of(page, "inspect")).to_have_count(0)
    expect(lanes.locator(".fl-forget")).to_be_enabled()


def test_words_of_the_prompt_can_be_made_the_subject(page: Page, lanes: Locator) -> None:
    word = lanes.locator(".fl-pw").first
    said = word.inner_text()
    word.click()
    lanes.locator(".fl-offer button").first.click()
    expect(lanes.locator(".fl-masked")).to_have_text([said])


def test_scores_can_be_saved(page: Page, lanes: Locator) -> None:
    with page.expect_download() as saved:
        page.locator("#scores-json").click()
    content = json.loads(saved.value.path().read_text(encoding="utf-8"))
    (row,) = content["examples"]
    assert set(row["scores"]) == {"masking", "entropy", "learned", "fused"}
    with page.expect_download() as saved:
        page.locator("#scores-csv").click()
    assert saved.value.path().read_text(encoding="utf-8").startswith('"index","id","text"')


def test_the_list_of_questions_opens_at_the_chosen_one_and_tab_goes_on(page: Page, lanes: Locator) -> None:
    page.locator("#row input").click()
    expect(page.locator("#row [role=option][aria-selected=true]")).to_be_in_viewport()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement !== document.body")
    expect(page.locator("#row [role=option]").first).to_be_hidden()
