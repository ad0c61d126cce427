"""The lanes in a real Chromium, as an exported file opened from disk: how each view is drawn, in any width."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from attribution.selection import Rule, select
from tests.app.lanes_fixture import ANSWER, long_scores, make_scores
from tests.browser.faces import FACES, wear
from tests.browser.lanes_page import choose, open_lanes, settle, shown_as_kept, slider, token

CONTRAST = """([text, ground]) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [light(text), light(ground)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def test_agreement_counts_the_lanes_that_keep_each_token(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    choose(lanes, "Agreement")
    kept = [select(scores, Rule(name, "top", 0.3)).kept for name in scores.columns]
    votes = [sum(flags) for flags in zip(*kept, strict=True)]
    counted = "all => all.map(e => Number(e.dataset.votes))"
    assert lanes.locator(".fl-votes").evaluate_all(counted) == votes
    expect(token(lanes, 0)).to_have_accessible_name(f"Kaveh, token 1 of 20, kept by {votes[0]} of 4 lanes")
    split = [0 < count < 4 for count in votes]
    assert lanes.locator(".fl-votes").evaluate_all("all => all.map(e => e.classList.contains('fl-split'))") == split
    expect(lanes.locator(".fl-summary")).to_contain_text(f"disagree about {sum(split)}")
    slider(lanes, 0).focus()
    page.keyboard.press("Home")
    settle(page)
    kept[0] = select(scores, Rule("masking", "top", 1.0)).kept
    votes = [sum(flags) for flags in zip(*kept, strict=True)]
    assert lanes.locator(".fl-votes").evaluate_all(counted) == votes


def test_words_show_the_highest_of_their_tokens(page: Page, tmp_path: Path) -> None:
    scores = make_scores(columns={"learned": [i / 20 for i in range(20)]})
    lanes = open_lanes(page, tmp_path, scores)
    grounds = "all => all.map(e => getComputedStyle(e).backgroundColor)"
    cells = lanes.locator(".fl-c")
    single = cells.evaluate_all(grounds)
    assert len(set(single)) > 15
    choose(lanes, "Words")
    pooled = cells.evaluate_all(grounds)
    words = lanes.locator(".fl-word").evaluate_all("all => all.map(e => e.querySelectorAll('.fl-tok').length)")
    start = 0
    for length in words:
        assert set(pooled[start : start + length]) == {single[start + length - 1]}
        start += length


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_on_a_score_is_readable_and_columns_light_up_together(page: Page, tmp_path: Path, mode: str) -> None:
    page.emulate_media(color_scheme="dark" if mode == "dark" else "light")
    lanes = open_lanes(page, tmp_path, make_scores())
    choose(lanes, "Columns")
    pairs = lanes.locator(".fl-s[data-i]").evaluate_all(
        "all => all.map(e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
    )
    assert len(pairs) == 4 * len(make_scores())
    assert min(page.evaluate(CONTRAST, pair) for pair in pairs) >= 4.5
    token(lanes, 9).hover()
    assert lanes.locator(".fl-lit").count() == 4


def test_the_answer_is_all_there_in_order(page: Page, tmp_path: Path) -> None:
    answer = "Bob 👩‍🚀 likes\n\n  tabs\tand\u200b <img src=x onerror=alert(1)> e\u0301nd"
    pieces = ["Bob", " 👩", "", "\u200d", "🚀", "", " likes", "\n\n", "  tabs", "\tand", "\u200b", " <img"]
    pieces += [" src=x", " onerror=alert(1)>", " e", "\u0301", "nd"]
    scores = make_scores("Who is <b>Bob</b>?", answer, pieces, facts=("likes",), subjects=("Bob",))
    lanes = open_lanes(page, tmp_path, scores)
    assert lanes.locator(".fl-tok").count() == len(pieces), "a cell for every token, pieces of a character too"
    assert lanes.locator("img, b:has-text('Bob')").count() == 0
    spelled = lanes.locator(".fl-tok").evaluate_all(
        """all => all.map(e => [...e.querySelector('.fl-t').childNodes]
            .map(n => n.dataset?.mark ?? n.textContent).join(''))"""
    )
    whole = "".join(spelled)
    assert whole == answer.replace("\n", "↵").replace("\t", "⇥").replace("\u200b", "U+200B")
    assert spelled[1] == " 👩‍🚀" and spelled[2:6] == ["", "", "", ""], "one character, shown once, whole"
    expect(lanes.locator(".fl-question")).to_have_text("Who is <b>Bob</b>?")


def test_lines_fill_the_width_and_a_new_line_starts_one(page: Page, tmp_path: Path) -> None:
    answer = f"First.\n{ANSWER} {ANSWER} {ANSWER}"
    lanes = open_lanes(page, tmp_path, make_scores(answer=answer, facts=(), subjects=()))
    rows = lanes.locator(".fl-row").evaluate_all(
        """all => all.map(row => [row.innerText.replace(/\\s+/g, ' '),
            row.getBoundingClientRect().right - row.lastElementChild.getBoundingClientRect().right])"""
    )
    assert len(rows) >= 3 and "First" in rows[0][0] and "Kaveh" not in rows[0][0]
    assert rows[0][1] > 200, "a line that ends early is not stretched"
    assert all(abs(gap) < 1 for _, gap in rows[1:-1])
    assert rows[-1][1] > 1


def test_arabic_runs_from_right_to_left_with_its_letters_joined(page: Page, tmp_path: Path) -> None:
    answer = "ولد كافيه في توفنمارك."
    pieces = ["ولد", " كا", "فيه", " في", " توف", "نما", "رك", "."]
    lanes = open_lanes(page, tmp_path, make_scores("من؟", answer, pieces, ("توفنمارك",), ("كافيه",)))
    places = lanes.locator(".fl-tok").evaluate_all("all => all.map(e => e.getBoundingClientRect().x)")
    assert places == sorted(places, reverse=True)
    assert lanes.locator(".fl-tok").nth(5).locator(".fl-t").inner_text().startswith("\u200dنم")
    token(lanes, 0).focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.i") == "1", "left is onward"
    lanes = open_lanes(
        page, tmp_path, make_scores("متى؟", "ولد عام 1600.", ["ولد", " عام", " 16", "00", "."], ("1600",), ())
    )
    born, year, tail, point = (token(lanes, i).bounding_box()["x"] for i in (1, 2, 3, 4))
    assert point < year < tail < born, "a number is read from left to right"


def test_a_long_answer_folds_and_says_what_it_hides(page: Page, tmp_path: Path) -> None:
    scores = long_scores(512)
    lanes = open_lanes(page, tmp_path, scores)
    drawn = lanes.locator(".fl-tok").count()
    assert 160 <= drawn < 180
    more = lanes.locator(".fl-more")
    kept = select(scores, Rule("learned", "top", 0.3)).kept
    expect(more).to_have_text(f"Show the other {512 - drawn} tokens, {sum(kept[drawn:])} of them kept by Learned")
    more.click()
    assert lanes.locator(".fl-tok").count() == 512
    assert shown_as_kept(lanes, 2) == list(kept)
    expect(more).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 1280, 820, 390])
def test_nothing_sticks_out_sideways_whatever_the_face(page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    answer = "Donaudampfschifffahrtsgesellschaftskapitän " * 3 + "https://example.com/" + "x" * 90
    for scores in (make_scores(), make_scores(answer=answer, pieces=[answer], facts=(), subjects=())):
        lanes = open_lanes(page, tmp_path, scores)
        for face in FACES:
            wear(page, face)
            for view in ("Lanes", "Columns", "Agreement"):
                choose(lanes, view)
                settle(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (face, view)
            # Numbers stand in boxes of a fixed size, on one line with what they belong to.
            boxes = lanes.locator(".fl-own:visible")
            assert boxes.evaluate_all("all => all.every((box) => box.scrollWidth <= box.clientWidth)"), face
            cuts = lanes.locator(".fl-rule:visible")
            assert cuts.evaluate_all("all => all.every((line) => line.clientHeight < 40)"), face


def test_lines_are_broken_anew_when_a_face_arrives(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    answer = " ".join([ANSWER] * 6)
    lanes = open_lanes(page, tmp_path, make_scores(answer=answer, facts=(), subjects=()))
    rows = lanes.locator(".fl-row")
    wear(page, "wide")
    wide = rows.count()
    wear(page, "narrow")
    assert rows.count() < wide
    gaps = rows.evaluate_all(
        """all => all.map(row =>
            row.getBoundingClientRect().right - row.lastElementChild.getBoundingClientRect().right)"""
    )
    assert all(abs(gap) < 1 for gap in gaps[:-1]), "every line but the last is full"


def test_lines_are_broken_anew_when_the_room_changes(page: Page, tmp_path: Path) -> None:
    lanes = open_lanes(page, tmp_path, make_scores())
    assert lanes.locator(".fl-row").count() == 1
    page.set_viewport_size({"width": 480, "height": 900})
    expect(lanes.locator(".fl-row").nth(2)).to_be_visible()
    assert lanes.locator(".fl-row:has(.fl-gutter)").count() == lanes.locator(".fl-row").count()
    assert lanes.locator(".fl-tok").count() == len(make_scores())
