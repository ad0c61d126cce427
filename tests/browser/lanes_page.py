"""Pages for the lanes' browser tests: an exported file opened from disk, which needs no server and no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from attribution.lanes import lanes_html, lanes_props
from attribution.scores import TokenScores


def open_lanes(page: Page, folder: Path, scores: TokenScores, state: dict[str, Any] | None = None) -> Locator:
    """Export a row, open the file, and return the element the lanes are in."""
    path = folder / "lanes.html"
    path.write_text(lanes_html(lanes_props(scores, state)), encoding="utf-8")
    page.goto(path.as_uri())
    lanes = page.locator(".fl-lanes")
    lanes.locator(".fl-dock").first.wait_for()
    open_cuts(lanes)
    return lanes


def open_cuts(lanes: Locator) -> None:
    """Unfold the cards, one for every lane."""
    lanes.locator(".fl-cuts").evaluate_all("all => all.forEach(each => { each.open = true; })")


def settle(page: Page) -> None:
    """Wait until what was asked for before has been painted."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shown_as_kept(lanes: Locator, lane: int) -> list[bool]:
    """For each token whether its cell is drawn as kept in this lane."""
    return lanes.evaluate(
        """(element, lane) => [...element.querySelectorAll('.fl-tok')]
            .sort((a, b) => a.dataset.i - b.dataset.i)
            .map(token => token.querySelectorAll('.fl-c')[lane].classList.contains('fl-k'))""",
        lane,
    )


def slider(lanes: Locator, lane: int) -> Locator:
    """The slider of a lane's cut."""
    return lanes.locator(".fl-card").nth(lane).locator("input[type=range]")


def choose(lanes: Locator, name: str) -> None:
    """Press one of the switches above the answer."""
    lanes.locator(".fl-switches .fl-switch label", has_text=name).click()


def token(lanes: Locator, i: int) -> Locator:
    """A token of the answer, where it is drawn first."""
    return lanes.locator(f"[data-i='{i}']").first
