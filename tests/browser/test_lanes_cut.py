"""Cuts in a real Chromium: the script selects and measures as Python does, and a cut moves by mouse and by key."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import average_precision_score, roc_auc_score

from attribution.selection import Rule, select, weights
from tests.app.lanes_fixture import make_scores
from tests.browser.lanes_page import choose, open_cuts, open_lanes, settle, shown_as_kept, slider

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
    open_cuts(lanes)
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
        "hand": "+3",
    }
    lanes = open_lanes(page, tmp_path, make_scores(), state)
    opened = page.evaluate("document.querySelector('.fl-lanes').forgetLens.state()")
    assert {**opened, "cuts": {name: opened["cuts"][name] for name in state["cuts"]}} == state
    expect(lanes.locator(".fl-votes")).to_have_count(len(make_scores()))
    assert lanes.locator(".fl-leave input").is_checked() is False
