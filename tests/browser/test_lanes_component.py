"""The lanes as a Gradio component: what travels between browser and server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from app.look.lanes import initial_rule, lanes_props, make_lanes, read_rule
from app.look.theme import FORGET_LENS
from tests.app.lanes_fixture import make_scores
from tests.browser.lanes_page import open_cuts


@pytest.fixture(scope="module")
def small_page() -> Iterator[str]:
    """A page with the lanes alone, and what each event brings written beside them."""
    first, second = lanes_props(make_scores()), lanes_props(make_scores(seed=9, scorers=("entropy", "masking")))
    with gr.Blocks(analytics_enabled=False) as page:
        lanes = make_lanes(first, elem_id="lanes")
        rule = gr.JSON(initial_rule(first), elem_id="rule")
        subject = gr.JSON(elem_id="subject")
        read = gr.JSON(elem_id="read")
        other = gr.Button("Another row")
        press = gr.Button("Read the rule")

        def on_subject(event: gr.EventData) -> dict[str, Any]:
            return event._data

        def on_rule(event: gr.EventData) -> dict[str, Any]:
            return dict(event._data)

        lanes.rule(on_rule, None, rule)
        lanes.subject(on_subject, None, subject)
        other.click(lambda: second, None, lanes)
        press.click(lambda value: value, rule, read, js=read_rule("lanes"))
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, theme=FORGET_LENS)
    yield url
    page.close()


def told(page: Page, name: str) -> Any:
    text = page.locator(f"#{name} .json-holder").inner_text()
    return json.loads("".join(line for line in text.splitlines() if not line.strip().isdigit() and "▼" not in line))


def test_only_rules_and_subjects_go_to_the_server(page: Page, small_page: str) -> None:
    bodies: list[str] = []
    page.on("request", lambda request: bodies.append(request.post_data or "") if request.method == "POST" else None)
    page.goto(small_page)
    lanes = page.locator("#lanes .fl-lanes")
    lanes.locator(".fl-dock").first.wait_for()
    open_cuts(lanes)
    bodies.clear()
    slider = lanes.locator(".fl-card").nth(2).locator("input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#rule")).to_contain_text("0.29")
    lanes.get_by_role("button", name="birthplace").click()
    lanes.get_by_role("button", name="Score again").click()
    expect(page.locator("#subject")).to_contain_text("birthplace")
    events = [json.loads(body).get("event_data") for body in bodies if "event_data" in body]
    assert events == [
        {"scorer": "learned", "kind": "top", "cut": 0.29, "keep_given": False},
        {"text": "birthplace", "start": 12, "end": 22},
    ]
    assert all(len(body) < 1000 for body in bodies)
    lanes.locator(".fl-name", has_text="Fused").click()
    page.get_by_role("button", name="Read the rule").click()
    expect(page.locator("#read")).to_contain_text("fused")


def test_another_row_redraws_and_an_absent_lane_hands_over(page: Page, small_page: str) -> None:
    page.goto(small_page)
    lanes = page.locator("#lanes .fl-lanes")
    expect(lanes.locator(".fl-card")).to_have_count(4)
    page.get_by_role("button", name="Another row").click()
    expect(lanes.locator(".fl-card")).to_have_count(2)
    assert lanes.locator(".fl-card.fl-active").get_attribute("data-lane") == "entropy"
    expect(page.locator("#rule")).to_contain_text("entropy")
