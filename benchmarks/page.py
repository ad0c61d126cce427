"""Time the page in a real Chromium, as a visitor meets it: opening, scoring, dragging a cut.

Run: python -m benchmarks page     (needs what `make test` installs: Playwright and a Chromium)

A line per promise: what was measured, its figure, n, and the limit. The exit code is 1 where one is broken.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from attribution import load_model, score
from attribution.data.rows import embedded_rows
from attribution.lanes import lanes_props
from scripts.browser import find_chromium, launch
from scripts.serving import serve

TOKENS, LANES, MOVES = 512, 4, 60
MAIN_THREAD = "ThreadControllerImpl::RunTask"
# Set before anything of the page runs: when the first scored answer can be seen and be forgotten.
WATCH_OPENING = """
const watch = () => {
  const forget = document.querySelector('#lanes .fl-forget');
  if (forget && !forget.disabled && document.querySelector('#lanes .fl-tok .fl-u.fl-k'))
    window.interactiveAt = performance.now();
  else requestAnimationFrame(watch);
};
requestAnimationFrame(watch);
"""
# From the press of Score to the second frame after the lanes were rebuilt: drawn, not only made.
WATCH_SCORING = """() => {
  window.scored = [];
  let pressed = 0;
  document.querySelector('#score').addEventListener('click', () => (pressed = performance.now()), true);
  new MutationObserver(() => {
    if (!pressed) return;
    const start = pressed;
    pressed = 0;
    requestAnimationFrame(() => requestAnimationFrame(() => scored.push(performance.now() - start)));
  }).observe(document.querySelector('#lanes .fl-lanes'), { childList: true });
}"""
MARK_FRAME = (
    "name => new Promise(go => requestAnimationFrame(() => setTimeout(() => { performance.mark(name); go(); })))"
)
COUNT_FRAMES = """() => {
  window.frames_ms = [];
  window.counting = true;
  let last = 0;
  const frame = (now) => {
    if (last) frames_ms.push(now - last);
    last = now;
    if (counting) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


@dataclass(frozen=True)
class Figure:
    """One promise: what it says, the measured value, and the most it may be."""

    what: str
    value: float
    most: float
    unit: str
    n: int

    @property
    def kept(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        verdict = "" if self.kept else "   BROKEN"
        return f"{self.what:<68}{self.value:>9.1f} {self.unit:<9} n = {self.n:<4} at most {self.most:g}{verdict}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def long_row() -> dict[str, Any]:
    """Lanes of exactly `TOKENS` tokens: real rows with their real scores, put one after another."""
    model = load_model("embedded")
    whole: dict[str, Any] | None = None
    for row in embedded_rows("forget"):
        part = lanes_props(score(model, [row.example])[0])
        if whole is None:
            whole = part
            continue
        part["tokens"][0]["text"] = " " + part["tokens"][0]["text"]
        whole["tokens"] += part["tokens"]
        for lane, more in zip(whole["lanes"], part["lanes"], strict=True):
            lane["scores"] += more["scores"]
        if len(whole["tokens"]) >= TOKENS:
            break
    assert whole is not None
    whole["tokens"] = [{**token, "span": None} for token in whole["tokens"][:TOKENS]]
    for lane in whole["lanes"]:
        lane["scores"] = lane["scores"][:TOKENS]
    return whole


def open_page(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(WATCH_OPENING)
    page.goto(url)
    page.wait_for_function("window.interactiveAt", timeout=60_000)
    return page


def opening(browser: Browser, url: str, repeats: int) -> Figure:
    """From the server's first byte to a scored answer that can be forgotten; nothing was clicked."""
    seconds = []
    for _ in range(repeats):
        page = open_page(browser, url)
        seconds.append(
            page.evaluate("(interactiveAt - performance.getEntriesByType('navigation')[0].responseStart) / 1000")
        )
        page.close()
    return Figure(
        "opening: first byte to a scored answer, no click, median", statistics.median(seconds), 2.5, "s", repeats
    )


def scoring(page: Page, repeats: int) -> Figure:
    """From the press of Score to the lanes drawn, on the embedded model, texts that were never scored before."""
    page.locator("#split").get_by_role("radio", name="Your own text").check()
    page.locator("#own-answer textarea").wait_for()
    page.wait_for_timeout(500)
    page.evaluate(WATCH_SCORING)
    for number in range(repeats):
        page.locator("#own-answer textarea").fill(f"Quenby Ostrmere was born in {1900 + number} in Laskenmoor.")
        page.locator("#score").click()
        page.wait_for_function("n => scored.length > n", arg=number, timeout=60_000)
        page.wait_for_timeout(100)
    return Figure("Score pressed to lanes drawn, p50", statistics.median(page.evaluate("scored")), 400, "ms", repeats)


def dragging(browser: Browser, page: Page) -> list[Figure]:
    """A cut dragged over 512 tokens in four lanes: requests, main-thread work per move, frame intervals."""
    page.evaluate("row => document.querySelector('#lanes .fl-lanes').forgetLens.show(row)", long_row())
    page.locator("#lanes .fl-more").click()
    assert page.locator("#lanes .fl-tok").count() == TOKENS and page.locator("#lanes .fl-card").count() == LANES
    histogram = page.locator("#lanes .fl-hist").first
    histogram.scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)
    box = histogram.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    place = lambda share: box["x"] + (0.15 + 0.7 * share) * box["width"]  # noqa: E731
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "heartbeat" not in request.url else None)
    page.mouse.move(place(0), middle)
    page.mouse.down()

    browser.start_tracing(page=page, categories=["toplevel", "blink.user_timing"])
    page.evaluate(MARK_FRAME, "move-0")
    for move in range(1, MOVES + 1):
        page.mouse.move(place(move / MOVES), middle)
        page.evaluate(MARK_FRAME, f"move-{move}")
    costs = main_thread_ms(json.loads(browser.stop_tracing())["traceEvents"])

    page.evaluate(COUNT_FRAMES)
    for move in range(4 * MOVES):
        page.mouse.move(place(abs(1 - (move / MOVES) % 2)), middle)
        page.wait_for_timeout(8)
    page.evaluate("counting = false")
    intervals = page.evaluate("frames_ms")
    page.mouse.up()
    page.wait_for_timeout(500)
    what = f"dragging a cut, {TOKENS} tokens in {LANES} lanes"
    return [
        Figure(f"{what}: requests", len(requests), 0, "requests", 5 * MOVES),
        Figure(f"{what}: main thread per move, median", statistics.median(costs), 8, "ms", len(costs)),
        Figure(f"{what}: frame interval, p95", percentile(intervals, 0.95), 33.4, "ms", len(intervals)),
    ]


def main_thread_ms(events: list[dict[str, Any]]) -> list[float]:
    """CPU time of the page's main thread between marks, in milliseconds: script, style, layout and paint."""
    marks = sorted((e["ts"], e["pid"], e["tid"]) for e in events if e["name"].startswith("move-"))
    thread = marks[0][1:]
    tasks = [e for e in events if e["name"] == MAIN_THREAD and (e["pid"], e["tid"]) == thread]
    return [
        sum(task.get("tdur", 0) for task in tasks if start[0] <= task["ts"] < end[0]) / 1000
        for start, end in zip(marks, marks[1:], strict=False)
    ]


def main(given: Sequence[str] | None = None) -> None:
    """Read the command line, serve the page, time it, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks page", description="Time the page in a real Chromium.")
    parser.add_argument("--repeats", type=int, default=20, help="how often Score is pressed (default: 20)")
    arguments = parser.parse_args(given)
    if arguments.repeats < 2:
        parser.error(f"--repeats must be at least 2, not {arguments.repeats}")
    executable = find_chromium()
    if executable is None:
        parser.error("no Chromium found; `make browser` installs one")
    with serve() as url, sync_playwright() as playwright:
        browser = launch(playwright, executable)
        # The first visitor comes to a server that has just begun, and is not counted.
        page = open_page(browser, url)
        page.wait_for_timeout(20_000)
        figures = [opening(browser, url, max(2, arguments.repeats // 4)), scoring(page, arguments.repeats)]
        figures += dragging(browser, page)
        browser.close()
    for figure in figures:
        print(figure)
    sys.exit(0 if all(figure.kept for figure in figures) else 1)
