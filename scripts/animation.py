"""A short film of the page for the README: a cut is dragged, a run forgets it, its steps are gone through.

Run: python -m scripts.animation     (make screenshots does it, too)

It is the page itself, photographed; the run is a real one, its waiting left out.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from scripts.browser import find_chromium, launch
from scripts.serving import ROOT, serve

FILM = ROOT / "docs" / "images" / "cut-forget-scrub.webp"
WINDOW_PX = (1200, 720)
WIDTH_PX = 900
MOST_BYTES = 2_000_000
PATIENCE_MS = 180_000


class Film:
    """Frames of one page, each with the time it stands."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[tuple[Image.Image, int]] = []

    def take(self, stands_ms: int) -> None:
        """Photograph what is in the window now."""
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        height = round(picture.height * WIDTH_PX / picture.width)
        self.frames.append((picture.resize((WIDTH_PX, height), Image.Resampling.LANCZOS), stands_ms))

    def save(self, path: Path) -> None:
        """Write an animated WebP that repeats; coarser where it would be too large."""
        pictures, times = [frame for frame, _ in self.frames], [stands for _, stands in self.frames]
        for quality in (80, 65, 50, 35):
            pictures[0].save(
                path, save_all=True, append_images=pictures[1:], duration=times, loop=0, quality=quality, method=4
            )
            if path.stat().st_size < MOST_BYTES:
                return
        raise RuntimeError(f"{path.name} has {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}.")


def drag(film: Film, histogram: Locator) -> None:
    """Move the cut down and up again."""
    box = histogram.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    mouse = film.page.mouse
    mouse.move(box["x"] + 0.7 * box["width"], middle)
    mouse.down()
    for share in (0.66, 0.6, 0.54, 0.48, 0.42, 0.36, 0.42, 0.48, 0.54, 0.6, 0.66, 0.7):
        mouse.move(box["x"] + share * box["width"], middle)
        film.page.wait_for_timeout(60)
        film.take(160)
    mouse.up()


def play(browser: Browser, url: str) -> Film:
    """Cut, forget, go back and forth over the steps, and read the answers."""
    page = browser.new_page(viewport={"width": WINDOW_PX[0], "height": WINDOW_PX[1]}, color_scheme="light")
    film = Film(page)
    page.goto(f"{url}/?__theme=light")
    lanes = page.locator("#lanes .fl-lanes")
    lanes.locator(".fl-tok").first.wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(2_000)
    film.take(1_800)
    drag(film, lanes.locator(".fl-dock .fl-hist"))
    film.take(900)

    lanes.locator(".fl-forget").click()
    page.mouse.move(5, 5)
    run = lanes.locator(".fl-run")
    run.wait_for(timeout=PATIENCE_MS)
    while run.get_attribute("data-phase") != "done":
        film.take(220)
        page.wait_for_timeout(900)
    page.locator(".pg-ruling").wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(700)
    film.take(1_500)
    slider = run.locator("input[type=range]")
    for share in (0.8, 0.6, 0.4, 0.2, 0.0, 0.3, 0.6, 1.0):
        slider.fill(str(round(share * int(slider.get_attribute("max") or 0))))
        page.wait_for_timeout(600)
        film.take(350)
    film.take(1_000)
    page.locator(".pg-ruling").evaluate("element => element.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(400)
    film.take(3_500)
    page.close()
    return film


def main() -> None:
    """Serve the page, play, save."""
    executable = find_chromium()
    if executable is None:
        raise SystemExit("no Chromium found; `make browser` installs one")
    with serve() as url, sync_playwright() as playwright:
        browser = launch(playwright, executable)
        play(browser, url).save(FILM)
        browser.close()
    print(FILM.relative_to(ROOT))


if __name__ == "__main__":
    main()
