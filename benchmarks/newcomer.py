"""A newcomer by script: seconds from opening the page to a finished, compared forgetting, with its defaults.

    python -m benchmarks newcomer                     the embedded model, two presses, three times
    python -m benchmarks newcomer --real              the real one forgets Japan (needs `make real`)

Browser and server share the machine, 1280 x 720. The page had `--idle` seconds to itself before anybody came, as on a
server that has been up for a while. Every visit is a new one; the first loads the real model, and asks it what it knows
unless its answers were kept on this machine before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.browser import find_chromium, launch
from scripts.serving import serve

PATIENCE_MS = 300_000


class Watch:
    """Says what is reached, and after how long."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def reached(self, what: str) -> None:
        print(f"{what} {time.perf_counter() - self._began:.1f} s", end="; ", flush=True)


def newcomer(browser: Browser, url: str, real: bool) -> None:
    """Open the page, bring the real model where it is wanted, press Forget, and read the verdict."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    watch = Watch()
    page.goto(url)
    page.locator("#lanes .fl-tok .fl-u.fl-k").first.wait_for(timeout=PATIENCE_MS)
    watch.reached("opened")
    if real:
        take(page, watch)
    page.locator(".fl-forget:enabled").click(timeout=PATIENCE_MS)
    page.locator("#lanes .fl-back:visible").wait_for(timeout=PATIENCE_MS)
    watch.reached("forgotten")
    page.locator(".pg-ruling").wait_for(timeout=PATIENCE_MS)
    watch.reached("verdict")
    print(" ".join(page.locator("#ruling").inner_text().split()))
    page.close()


def take(page: Page, watch: Watch) -> None:
    """Your own, a model, load it for the subject that stands there, and back to the stage."""
    page.get_by_role("tab", name="Your own", exact=True).click()
    page.locator("#own-path").get_by_role("radio", name="A model", exact=True).check()
    page.locator("#own-real").click()
    page.locator("#own-knows tbody tr").first.wait_for(timeout=PATIENCE_MS)
    watch.reached("asked what it knows")
    page.locator("#own-stage").click()


def main(given: Sequence[str] | None = None) -> None:
    """Read the command line, serve the page, visit it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks newcomer", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--real", action="store_true", help="the real model instead of the embedded one")
    parser.add_argument("--times", type=int, default=3, help="[%(default)s]")
    parser.add_argument("--idle", type=float, default=40, help="seconds before the first [%(default)s]")
    options = parser.parse_args(given)
    executable = find_chromium()
    if executable is None:
        parser.error("no Chromium found; `make browser` installs one")
    with serve() as url, sync_playwright() as playwright:
        time.sleep(options.idle)
        browser = launch(playwright, executable)
        for _ in range(options.times):
            newcomer(browser, url, options.real)
        browser.close()


if __name__ == "__main__":
    main()
