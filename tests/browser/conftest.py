"""One page served for all browser tests, and one Chromium to visit it with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.server.settings import Settings
from app.visit.studio import Studio
from attribution import LanguageModel
from scripts.browser import find_chromium, launch
from tests.browser.rooms import PATIENCE_MS
from tests.browser.served import Served, few_rows, serve_here

# What the page will show sooner or later, a machine under load shows later: no test passes by waiting less.
expect.set_options(timeout=PATIENCE_MS)

ELSEWHERE = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")


@pytest.fixture(scope="session")
def served(model: LanguageModel) -> Iterator[Served]:
    """The page as it is served unless told otherwise, with a few rows of each kind."""
    with serve_here(Studio(Settings(), model, few_rows())) as served:
        yield served


@pytest.fixture(scope="session")
def url(served: Served) -> str:
    """The page's address."""
    return served.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium found; `make test` installs one, or see `python -m scripts.browser`")
    with sync_playwright() as playwright:
        browser = launch(playwright, executable)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who comes back: tabs share what the browser has fetched and compiled, and reach this machine only."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(ELSEWHERE, lambda route: route.abort())
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@contextmanager
def open_tab(visitor: BrowserContext) -> Iterator[Page]:
    """An empty tab, 1280 by 900: a visit of its own. A script error that nothing caught fails the test."""
    page = visitor.new_page()
    script_errors: list[str] = []
    page.on("pageerror", lambda error: script_errors.append(str(error)))
    yield page
    page.close()
    assert not script_errors, "script errors on the page:\n" + "\n".join(script_errors)


@pytest.fixture
def page(visitor: BrowserContext) -> Iterator[Page]:
    """A tab of the test's own."""
    with open_tab(visitor) as tab:
        yield tab


@pytest.fixture(scope="module")
def shared_page(visitor: BrowserContext) -> Iterator[Page]:
    """One tab for all tests of a module that need no page fresh from the server: opening it takes seconds."""
    with open_tab(visitor) as tab:
        yield tab
