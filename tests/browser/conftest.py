"""A page served by its own process, and a real Chromium to visit it with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.page import build_page
from app.server.serving import launch_options
from app.server.settings import Settings
from app.visit.session import Visits
from app.visit.studio import Studio
from scripts.browser import find_chromium, launch
from scripts.serving import free_port, serve
from tests.browser.rooms import PATIENCE_MS

# What the page will show sooner or later, a machine under load shows later: no test passes by waiting less.
expect.set_options(timeout=PATIENCE_MS)

ELSEWHERE = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The address of `python app.py`, started for this session and stopped after it."""
    with serve() as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session; each test opens its own, empty context in it."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium found; `make test` installs one, or see `python -m scripts.browser`")
    with sync_playwright() as playwright:
        browser = launch(playwright, executable)
        yield browser
        browser.close()


@contextmanager
def open_tab(browser: Browser) -> Iterator[Page]:
    """An empty tab, 1280 by 900, that reaches this machine only. A script error that nothing caught fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(ELSEWHERE, lambda route: route.abort())
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    script_errors: list[str] = []
    page.on("pageerror", lambda error: script_errors.append(str(error)))
    yield page
    context.close()
    assert not script_errors, "script errors on the page:\n" + "\n".join(script_errors)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of the test's own."""
    with open_tab(browser) as tab:
        yield tab


@pytest.fixture(scope="module")
def shared_page(browser: Browser) -> Iterator[Page]:
    """One tab for all tests of a module that leave the page as they found it: opening it anew takes seconds."""
    with open_tab(browser) as tab:
        yield tab


@pytest.fixture(scope="module")
def served(model) -> Iterator[tuple[str, Visits]]:
    """The page served by this process, with its visits in reach."""
    direct = pytest.MonkeyPatch()
    # Gradio asks its own address whether it is up: not by way of a proxy.
    for name in ("no_proxy", "NO_PROXY"):
        direct.setitem(os.environ, name, "127.0.0.1,localhost")
    settings = Settings(warm_up=False)
    visits = Visits(Studio(settings, model))
    page = build_page(visits)
    port = free_port()
    options = launch_options(settings, visits)
    page.launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **options)
    yield f"http://127.0.0.1:{port}", visits
    page.close()
    direct.undo()
