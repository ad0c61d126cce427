"""What the server holds for a visitor ends with the visit."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Page, expect

from benchmarks.load import visit_all
from tests.browser.rooms import go_to, open_page, start_run
from tests.browser.served import Served

PATIENCE_SECONDS = 30


def test_closing_the_tab_stops_the_run_and_frees_the_visit(page: Page, served: Served) -> None:
    url, visits = served
    before = set(visits._visits)
    open_page(page, url)
    go_to(page, "Settings")
    start_run(page, 200)
    (mine,) = set(visits._visits) - before
    visit = visits._visits[mine]
    job = visit.job
    assert job is not None
    page.goto("about:blank")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (mine in visits._visits or visit.busy.locked()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert mine not in visits._visits and not visit.busy.locked()
    assert len(job.steps) < 200
    assert visit.runs == [], "a closed visit must not keep its last run"


def test_two_visitors_hold_apart_what_they_look_at(page: Page, url: str) -> None:
    first = open_page(page, url)
    other = page.context.new_page()
    second = open_page(other, url)
    other.locator("#split").get_by_role("radio", name="World").check()
    expect(second.locator(".fl-question")).to_contain_text("France")
    expect(first.locator(".fl-question")).not_to_contain_text("France")
    other.close()


def test_the_load_benchmark_still_fits_the_page(url: str) -> None:
    # In a thread of its own: Playwright's loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        said = thread.submit(asyncio.run, visit_all(url, visitors=2, runs=1, visits=1)).result()
    assert ", 0 errors or mix-ups" in said[0], "\n".join(said)
    assert [line.split()[0] for line in said[1:5]] == ["score", "score", "unlearn", "compare"]
