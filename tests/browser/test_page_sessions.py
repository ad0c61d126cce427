"""What the server holds for a visitor ends with the visit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.page import build_page
from app.serving import launch_options
from app.session import Visits
from app.settings import Settings
from app.studio import Studio
from scripts.serving import free_port
from tests.browser.rooms import go_to, open_page, start_run

PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def served(model) -> Iterator[tuple[str, Visits]]:
    """The page served by this process, with its visits in reach."""
    direct = pytest.MonkeyPatch()
    # Gradio asks its own address whether it is up: not by way of a proxy.
    for name in ("no_proxy", "NO_PROXY"):
        direct.setitem(os.environ, name, "127.0.0.1,localhost")
    settings = Settings()
    visits = Visits(settings)
    page = build_page(Studio(settings, model), visits)
    port = free_port()
    options = launch_options(settings, visits)
    page.launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **options)
    yield f"http://127.0.0.1:{port}", visits
    page.close()
    direct.undo()


def test_closing_the_tab_stops_the_run_and_frees_the_visit(page: Page, served: tuple[str, Visits]) -> None:
    url, visits = served
    open_page(page, url)
    go_to(page, "Unlearn")
    start_run(page, 200)
    assert len(visits) == 1
    (visit,) = visits._visits.values()
    job = visit.job
    assert job is not None
    page.goto("about:blank")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (len(visits) or visit.busy.locked()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(visits) == 0 and not visit.busy.locked()
    assert len(job.steps) < 200
    assert visit.runs == [], "a closed visit must not keep its last run"


def test_two_visitors_hold_apart_what_they_look_at(page: Page, served: tuple[str, Visits]) -> None:
    url, visits = served
    first = open_page(page, url)
    other = page.context.new_page()
    second = open_page(other, url)
    other.locator("#split").get_by_role("radio", name="World").check()
    expect(second.locator(".fl-question")).to_contain_text("France")
    expect(first.locator(".fl-question")).not_to_contain_text("France")
    other.close()
