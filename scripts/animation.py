"""A short film of the page for the README: a cut is dragged, a run forgets it, the answers are compared.

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

FILM = ROOT / "docs" / "images" / "drag-unlearn-compare.webp"
WINDOW_PX = (1200, 800)
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
    """Move the learned lane's cut down and up again."""
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
    """The three rooms, one after another."""
    page = browser.new_page(viewport={"width": WINDOW_PX[0], "height": WINDOW_PX[1]}, color_scheme="light")
    film = Film(page)
    page.goto(f"{url}/?__theme=light")
    lanes = page.locator("#lanes .fl-lanes")
    lanes.locator(".fl-tok").first.wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(2_000)
    page.evaluate("scrollTo(0, document.querySelector('#lanes').offsetTop - 40)")
    film.take(1_500)
    histogram = lanes.locator(".fl-card.fl-active .fl-hist")
    histogram.evaluate("element => element.scrollIntoView({block: 'end'})")
    page.mouse.wheel(0, 160)
    page.wait_for_timeout(500)
    film.take(800)
    drag(film, histogram)
    film.take(900)

    page.locator("#onward").click()
    page.locator("#start").wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1_500)
    film.take(1_300)
    page.locator("#start").click()
    page.wait_for_timeout(1_500)
    while page.locator("#start").is_disabled():
        film.take(220)
        page.wait_for_timeout(1_000)
    page.wait_for_timeout(1_000)
    film.take(1_800)

    page.locator("#to-compare").click()
    page.locator("#answers tbody tr").first.wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(1_000)
    page.evaluate("scrollTo(0, 0)")
    film.take(2_000)
    page.locator("#answers").evaluate("element => element.scrollIntoView({block: 'start'})")
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
