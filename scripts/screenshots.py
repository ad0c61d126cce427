"""Photograph every room of the page, light and dark, at four widths.

Run: make screenshots     (or: python -m scripts.screenshots --width 390 --room Compare; make screenshots films, too)

All pictures go to .screenshots/, which git ignores; those the README shows are copied to docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.browser import find_chromium, launch
from scripts.serving import ROOT, serve

ROOMS = ("Inspect", "Unlearn", "Compare", "Learn", "Your own")
THEMES = ("light", "dark")
WIDTHS_PX = (1440, 1280, 820, 390)
HEIGHT_PX = 900
STEPS = 20

PATIENCE_MS = 180_000

README_PICTURES = {
    ("Inspect", "light", 1440): "inspect-light.png",
    ("Inspect", "dark", 1440): "inspect-dark.png",
    ("Compare", "light", 1280): "compare-light.png",
    ("Learn", "light", 1280): "learn-light.png",
    ("Inspect", "light", 390): "inspect-phone.png",
}
"""Which pictures are committed, and under what name."""


def settle(page: Page) -> None:
    """Wait until the page has drawn what it opens with."""
    # The page keeps a connection open, so the network is never idle.
    page.locator("#lanes .fl-tok").first.wait_for(state="attached", timeout=60_000)
    # Fonts and transitions: nothing in the page tells when the last has ended.
    page.wait_for_timeout(1_000)


def run(page: Page) -> None:
    """A short run, so that Unlearn and Compare have something to show."""
    page.get_by_role("tab", name="Unlearn", exact=True).first.click()
    page.locator("#steps input[type=number]").fill(str(STEPS))
    page.locator("#steps input[type=number]").press("Tab")
    page.locator("#start").click()
    page.locator("#to-compare").wait_for(timeout=PATIENCE_MS)
    # A room is drawn once it is entered.
    page.locator("#to-compare").click()
    page.locator("#answers tbody tr").first.wait_for(timeout=PATIENCE_MS)


def photograph(
    browser: Browser, url: str, theme: str, widths_px: tuple[int, ...], rooms: tuple[str, ...], folder: Path
) -> None:
    """One picture per room and width, the whole length of the page; one run serves them all."""
    context = browser.new_context(
        viewport={"width": widths_px[0], "height": HEIGHT_PX}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(f"{url}/?__theme={theme}")
    settle(page)
    # What sticks to the window's edge would lie in the middle of a picture of the whole page.
    page.add_style_tag(content=".pg-bar, #to-compare { position: static !important; }")
    if {"Unlearn", "Compare"} & set(rooms):
        run(page)
    for width_px in widths_px:
        page.set_viewport_size({"width": width_px, "height": HEIGHT_PX})
        for room in rooms:
            page.get_by_role("tab", name=room, exact=True).first.click()
            settle(page)
            picture = folder / f"{room.lower().replace(' ', '-')}-{theme}-{width_px}.png"
            page.screenshot(path=picture, full_page=True)
            print(picture.relative_to(ROOT))
            readme_name = README_PICTURES.get((room, theme, width_px))
            if readme_name:
                shutil.copyfile(picture, ROOT / "docs" / "images" / readme_name)
    context.close()


def main() -> None:
    """Read the command line, serve the page and photograph it."""
    parser = argparse.ArgumentParser(description="Photograph every room of the page.")
    parser.add_argument("--room", choices=ROOMS, help="only this room (default: all)")
    parser.add_argument("--theme", choices=THEMES, help="only this theme (default: both)")
    parser.add_argument("--width", type=int, help=f"only this width in pixels (default: {WIDTHS_PX})")
    arguments = parser.parse_args()

    executable = find_chromium()
    if executable is None:
        parser.error("no Chromium found; `make browser` installs one")
    folder = ROOT / ".screenshots"
    folder.mkdir(exist_ok=True)
    with serve() as url, sync_playwright() as playwright:
        browser = launch(playwright, executable)
        for theme in [arguments.theme] if arguments.theme else THEMES:
            widths_px = (arguments.width,) if arguments.width else WIDTHS_PX
            photograph(browser, url, theme, widths_px, (arguments.room,) if arguments.room else ROOMS, folder)
        browser.close()


if __name__ == "__main__":
    main()
