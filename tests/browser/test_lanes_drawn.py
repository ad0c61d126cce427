"""The lanes in a real Chromium, as an exported file opened from disk: what is drawn, moved, said and refused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sklearn.metrics import average_precision_score, roc_auc_score

from attribution.lanes import lanes_props
from attribution.selection import Rule, select, weights
from tests.app.lanes_fixture import ANSWER, long_scores, make_scores
from tests.browser.lanes_page import open_lanes, settle, shown_as_kept

CONTRAST = """([text, ground]) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [light(text), light(ground)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def slider(lanes: Locator, lane: int) -> Locator:
    return lanes.locator(".fl-card").nth(lane).locator("input[type=range]")


def choose(lanes: Locator, name: str) -> None:
    lanes.locator(".fl-answer .fl-switch label", has_text=name).click()


def token(lanes: Locator, i: int) -> Locator:
    return lanes.locator(f"[data-i='{i}']").first


# The same function of the same numbers -------------------------------------------------------------------------------


def test_script_and_python_select_the_same_tokens(page: Page, tmp_path: Path) -> None:
    open_lanes(page, tmp_path, make_scores())
    draw = random.Random(5)
    cases = []
    for _ in range(400):
        n = draw.randint(1, 40)
        levels = draw.choice([2, 5, 1000])
        values = [draw.randint(0, levels) / levels for _ in range(n)]
        given = [draw.random() < 0.2 for _ in range(n)]
        kind = draw.choice(["top", "threshold"])
        cut = draw.randint(1, 100) / 100 if kind == "top" else draw.choice([*values, -1.0, 2.0, 0.35])
        keep_given = draw.random() < 0.5
        rule = Rule("learned", "top" if kind == "top" else "threshold", cut, keep_given)
        eligible = [keep_given or not flag for flag in given]
        kept = [weight > 0 for weight in weights(values, eligible, rule)]
        cases.append([values, given, {"kind": kind, "cut": cut, "keep_given": keep_given}, kept])
    differing = page.evaluate(
        """cases => cases.filter(([values, given, rule, kept]) =>
            JSON.stringify(ForgetLens.select(values, given, rule)) !== JSON.stringify(kept))""",
        cases,
    )
    assert not differing


def test_script_and_scikit_learn_measure_the_same(page: Page, tmp_path: Path) -> None:
    open_lanes(page, tmp_path, make_scores())
    draw = random.Random(6)
    for _ in range(60):
        n = draw.randint(4, 30)
        values = [draw.randint(0, 6) / 6 for _ in range(n)]
        truth = ["fact", None, *(draw.choice(["fact", "subject", None, None]) for _ in range(n - 2))]
        known = [(value, kind == "fact") for value, kind in zip(values, truth, strict=True) if kind != "subject"]
        got = page.evaluate("([v, t]) => [ForgetLens.auroc(v, t), ForgetLens.averagePrecision(v, t)]", [values, truth])
        numbers, facts = zip(*known, strict=True)
        assert got == pytest.approx([roc_auc_score(facts, numbers), average_precision_score(facts, numbers)])


# The cut -------------------------------------------------------------------------------------------------------------


def test_what_is_underlined_is_the_rules_selection(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    for lane, name in enumerate(scores.columns):
        assert shown_as_kept(lanes, lane) == list(select(scores, Rule(name, "top", 0.3)).kept)


def test_dragging_the_histogram_moves_cut_tokens_and_numbers_without_a_request(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    card = lanes.locator(".fl-card").nth(0)
    histogram = card.locator(".fl-hist")
    histogram.scroll_into_view_if_needed()
    box = histogram.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.7 * box["width"], middle)
    page.mouse.down()
    seen = set()
    for place in (0.6, 0.5, 0.4, 0.25):
        page.mouse.move(box["x"] + place * box["width"], middle)
        settle(page)
        share = 1 - int(slider(lanes, 0).input_value()) / 100
        assert share == pytest.approx(1 - place, abs=0.02)
        kept = list(select(scores, Rule("masking", "top", round(share, 2))).kept)
        assert shown_as_kept(lanes, 0) == kept
        expect(card.locator(".fl-count")).to_have_text(f"{sum(kept)} of 17 tokens kept")
        seen.add(card.locator(".fl-numbers").inner_text())
    page.mouse.up()
    assert len(seen) > 2, "precision, recall and F1 follow the cut"
    assert not requests


def test_the_keyboard_moves_the_cut(page: Page, tmp_path: Path) -> None:
    lanes = open_lanes(page, tmp_path, make_scores())
    bar = slider(lanes, 1)
    bar.focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    expect(lanes.locator(".fl-card").nth(1).locator(".fl-cut")).to_have_text("top 29%")
    assert "top 29 percent" in (bar.get_attribute("aria-valuetext") or "")
    page.keyboard.press("Home")
    settle(page)
    assert sum(shown_as_kept(lanes, 1)) == 17, "the left end keeps all that may be kept"
    page.keyboard.press("End")
    settle(page)
    assert sum(shown_as_kept(lanes, 1)) == 1, "the right end keeps one"


def test_switching_to_a_threshold_keeps_what_was_kept(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    before = [shown_as_kept(lanes, lane) for lane in range(4)]
    for lane in range(4):
        lanes.locator(".fl-card").nth(lane).locator("label", has_text="Threshold").click()
    settle(page)
    assert [shown_as_kept(lanes, lane) for lane in range(4)] == before
    rule = page.evaluate("document.querySelector('.fl-lanes').forgetLens.rule()")
    assert rule["kind"] == "threshold"
    assert shown_as_kept(lanes, 2) == list(select(scores, Rule(**rule)).kept)


def test_what_the_prompt_gives_is_left_out_unless_asked(page: Page, tmp_path: Path) -> None:
    scores = make_scores()
    lanes = open_lanes(page, tmp_path, scores)
    assert not any(shown_as_kept(lanes, 0)[:3])
    lanes.locator(".fl-leave input").uncheck()
    settle(page)
    for lane, name in enumerate(scores.columns):
        assert shown_as_kept(lanes, lane) == list(select(scores, Rule(name, "top", 0.3, keep_given=True)).kept)


def test_the_page_is_told_the_rule_on_release_and_never_a_score(page: Page, tmp_path: Path) -> None:
    open_lanes(page, tmp_path, make_scores())
    page.evaluate(
        """() => {
          window.sent = [];
          const data = JSON.parse(document.getElementById('fl-data').textContent)[0];
          const host = document.querySelector('main').appendChild(document.createElement('section'));
          host.id = 'second';
          window.second = ForgetLens.mount(host, (name, payload) => sent.push([name, payload]));
          second.show(data);
        }"""
    )
    lanes = page.locator("#second")
    sent = lambda name: [payload for kind, payload in page.evaluate("sent") if kind == name]  # noqa: E731
    assert not sent("rule"), "opening changes nothing"
    histogram = lanes.locator(".fl-card").nth(2).locator(".fl-hist")
    histogram.scroll_into_view_if_needed()
    box = histogram.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 20, steps=5)
    settle(page)
    assert not sent("rule"), "nothing while the cut moves"
    page.mouse.up()
    (rule,) = sent("rule")
    assert set(rule) == {"scorer", "kind", "cut", "keep_given"} and rule["scorer"] == "learned"
    lanes.locator(".fl-card").nth(0).locator(".fl-name").click()
    assert sent("rule")[-1] == {"scorer": "masking", "kind": "top", "cut": 0.3, "keep_given": False}
    lanes.locator(".fl-gutter span[data-lane=fused]").first.click()
    assert sent("rule")[-1]["scorer"] == "fused"
    assert lanes.locator(".fl-card.fl-active").get_attribute("data-lane") == "fused"
    lanes.locator(".fl-leave input").uncheck()
    assert sent("rule")[-1]["keep_given"] is True
    view = sent("view")[-1]
    assert view["active"] == "fused" and set(view["cuts"]) == {"masking", "entropy", "learned", "fused"}
    assert len(str(page.evaluate("sent"))) < 10_000, "rules and views, no columns of numbers"
    choose(lanes, "Columns")
    page.evaluate("second.show(JSON.parse(document.getElementById('fl-data').textContent)[0])")
    assert page.evaluate("second.state()")["view"] == "columns", "a new row keeps the visitor's view"
    assert page.evaluate("second.rule()")["scorer"] == "fused"


def test_a_state_opens_the_same_view_again(page: Page, tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "view": "agreement",
        "units": "words",
        "colour": "raw",
        "keep_given": True,
        "active": "entropy",
        "cuts": {"entropy": {"kind": "threshold", "cut": 0.25}, "masking": {"kind": "top", "cut": 0.5}},
    }
    lanes = open_lanes(page, tmp_path, make_scores(), state)
    opened = page.evaluate("document.querySelector('.fl-lanes').forgetLens.state()")
    assert {**opened, "cuts": {name: opened["cuts"][name] for name in state["cuts"]}} == state
    expect(lanes.locator(".fl-votes")).to_have_count(len(make_scores()))
    assert lanes.locator(".fl-leave input").is_checked() is False


# Views ---------------------------------------------------------------------------------------------------------------


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
def test_nothing_sticks_out_sideways(page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    answer = "Donaudampfschifffahrtsgesellschaftskapitän " * 3 + "https://example.com/" + "x" * 90
    for scores in (make_scores(), make_scores(answer=answer, pieces=[answer], facts=(), subjects=())):
        lanes = open_lanes(page, tmp_path, scores)
        for view in ("Lanes", "Columns", "Agreement"):
            choose(lanes, view)
            settle(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        # Numbers stand in boxes of a fixed size, on one line with what they belong to.
        boxes = lanes.locator(".fl-own:visible")
        assert boxes.evaluate_all("all => all.every((box) => box.scrollWidth <= box.clientWidth)")
        cuts = lanes.locator(".fl-rule:visible")
        assert cuts.evaluate_all("all => all.every((line) => line.clientHeight < 40)")


def test_lines_are_broken_anew_when_the_room_changes(page: Page, tmp_path: Path) -> None:
    lanes = open_lanes(page, tmp_path, make_scores())
    assert lanes.locator(".fl-row").count() == 1
    page.set_viewport_size({"width": 480, "height": 900})
    expect(lanes.locator(".fl-row").nth(2)).to_be_visible()
    assert lanes.locator(".fl-row:has(.fl-gutter)").count() == lanes.locator(".fl-row").count()
    assert lanes.locator(".fl-tok").count() == len(make_scores())


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
    page.keyboard.press("Enter")
    expect(lanes.locator(".fl-tip.fl-pinned")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(lanes.locator(".fl-tip.fl-pinned")).to_contain_text(f"token {len(make_scores()) - 1} of")
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
