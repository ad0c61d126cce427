"""Photograph the stage and every room of the page, light and dark, at four sizes.

Run: make screenshots     (or: python -m scripts.screenshots --width 390 --room Answers; make screenshots films, too)

All pictures go to .screenshots/, which git ignores; those the README shows are copied to docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.browser import find_chromium, launch
from scripts.serving import ROOT, serve

STAGE, GALLERY, FORGOTTEN = "Stage", "Gallery", "Forgotten"
ROOMS = (STAGE, GALLERY, FORGOTTEN, "Answers", "Settings", "Learn", "Your own")
THEMES = ("light", "dark")
SIZES_PX = ((1440, 900), (1280, 720), (820, 1100), (390, 844))

PATIENCE_MS = 180_000

README_PICTURES = {
    (STAGE, "light", 1280): "stage-light.png",
    (STAGE, "dark", 1280): "stage-dark.png",
    (STAGE, "light", 390): "stage-phone.png",
    (FORGOTTEN, "light", 1280): "forgotten-light.png",
    ("Answers", "light", 1280): "answers-light.png",
    ("Learn", "light", 1280): "learn-light.png",
}
"""Which pictures are committed, and under what name."""
README_PARTS = {"Learn": "#step-2"}
"""Rooms of which the README shows a part."""


def settle(page: Page) -> None:
    """Wait until the page has drawn what it opens with."""
    # The page keeps a connection open, so the network is never idle.
    page.locator("#lanes .fl-tok").first.wait_for(state="attached", timeout=60_000)
    # Fonts and transitions: nothing in the page tells when the last has ended.
    page.wait_for_timeout(1_000)


def forget(page: Page) -> None:
    """The run that the page opens with, and the verdict on it."""
    page.locator(".fl-forget").click()
    page.locator(".pg-ruling").wait_for(timeout=PATIENCE_MS)
    # The pointer lies on what has taken the button's place.
    page.mouse.move(5, 5)


def photograph(
    browser: Browser, url: str, theme: str, sizes_px: tuple[tuple[int, int], ...], rooms: tuple[str, ...], folder: Path
) -> None:
    """One picture per room and size: of the stage what the window shows, of the others the whole room."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 720}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(f"{url}/?__theme={theme}")
    settle(page)
    for room in rooms:
        if room == GALLERY:
            page.locator("[data-gallery]").first.click()
            page.locator("#prepared .pg-made").wait_for(timeout=PATIENCE_MS)
            page.mouse.move(5, 5)
        if room == FORGOTTEN or (room == "Answers" and FORGOTTEN not in rooms):
            forget(page)
        for width_px, height_px in sizes_px:
            page.set_viewport_size({"width": width_px, "height": height_px})
            name = f"{room.lower().replace(' ', '-')}-{theme}-{width_px}.png"
            picture = folder / name
            if room in (STAGE, FORGOTTEN):
                page.evaluate("scrollTo(0, 0)")
                settle(page)
                page.screenshot(path=picture)
            elif room == GALLERY:
                page.evaluate("scrollTo(0, 0)")
                settle(page)
                page.screenshot(path=picture, full_page=True)
            else:
                page.get_by_role("tab", name=room, exact=True).first.click()
                settle(page)
                page.locator("#rooms").screenshot(path=picture)
            print(picture.relative_to(ROOT))
            readme_name = README_PICTURES.get((room, theme, width_px))
            if readme_name and room in README_PARTS:
                page.locator(README_PARTS[room]).screenshot(path=ROOT / "docs" / "images" / readme_name)
            elif readme_name:
                shutil.copyfile(picture, ROOT / "docs" / "images" / readme_name)
        if room == GALLERY:
            page.evaluate("ForgetLensGallery.close()")
    context.close()


def main() -> None:
    """Read the command line, serve the page and photograph it."""
    parser = argparse.ArgumentParser(description="Photograph every room of the page.")
    parser.add_argument("--room", choices=ROOMS, help="only this room (default: all)")
    parser.add_argument("--theme", choices=THEMES, help="only this theme (default: both)")
    parser.add_argument("--width", type=int, help="only this width in pixels (default: all)")
    arguments = parser.parse_args()

    executable = find_chromium()
    if executable is None:
        parser.error("no Chromium found; `make browser` installs one")
    folder = ROOT / ".screenshots"
    folder.mkdir(exist_ok=True)
    with serve() as url, sync_playwright() as playwright:
        browser = launch(playwright, executable)
        for theme in [arguments.theme] if arguments.theme else THEMES:
            sizes_px = tuple(size for size in SIZES_PX if arguments.width in (None, size[0]))
            photograph(browser, url, theme, sizes_px, (arguments.room,) if arguments.room else ROOMS, folder)
        browser.close()


if __name__ == "__main__":
    main()
