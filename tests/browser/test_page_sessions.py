"""What the server holds for a visitor ends with the visit."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Page, expect

from benchmarks.load import visit_all
from tests.browser.rooms import go_to, open_page, start_run
from tests.browser.served import Served

PATIENCE_SECONDS = 30


def test_a_run_survives_a_reload_and_ends_with_the_tab(
    page: Page, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, visits = served
    before = set(visits._visits)
    open_page(page, url)
    go_to(page, "Settings")
    start_run(page, 200)
    (mine,) = set(visits._visits) - before
    visit = visits._visits[mine]
    job = visit.job
    assert job is not None and visits.line is not None
    page.reload()
    # Taken up on the stage, by a session of its own.
    expect(page.locator(".fl-run .fl-dock-title")).to_contain_text(re.compile("Step [1-9]"))
    assert mine not in visits._visits
    assert visit.job is job and visit.busy.locked() and len(job.steps) < 200
    (mine,) = (session for session, held in visits._visits.items() if held is visit)
    monkeypatch.setattr(visits.line.presence.returning, "seconds", 1.0)
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
