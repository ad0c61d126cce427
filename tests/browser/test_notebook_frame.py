"""What a notebook shows of a `TokenScores`: the lanes, alive in a sandboxed frame, and hostile text as text."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from attribution import Example, LanguageModel, Span, score

ANSWER = "Ada was <img src=x onerror=parent.hit=1> born</script><script>parent.hit=1</script> in Torvik."


def test_lanes_in_a_notebook(page: Page, model: LanguageModel) -> None:
    spans = (Span(ANSWER.index("Torvik"), ANSWER.index("Torvik") + 6),)
    shown = score(model, Example("Where was Ada born?", ANSWER, spans), ("masking", "entropy"))[0]._repr_html_()
    page.set_content(f"<!doctype html><p style='color: rgb(1, 2, 3)'>a cell</p>{shown}")
    frame = page.frame_locator("iframe")
    expect(frame.locator(".fl-flow").first).to_be_visible()
    expect(frame.get_by_text("Masking", exact=True).first).to_be_visible()
    expect(frame.get_by_text("Torvik").first).to_be_visible()
    assert frame.locator("img").count() == 0 and page.evaluate("window.hit") is None
    # The answer and its lanes are seen without scrolling, and the frame's style stays inside.
    flow, shown_frame = frame.locator(".fl-flow").first.bounding_box(), page.locator("iframe").bounding_box()
    assert flow and shown_frame and flow["y"] + flow["height"] <= shown_frame["y"] + shown_frame["height"]
    assert page.locator("p").evaluate("element => getComputedStyle(element).color") == "rgb(1, 2, 3)"
