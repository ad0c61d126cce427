"""Many open connections to the real server: leaving costs nothing, an address has so many, and the page goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.security.conftest import API, Caller, Page

MOST_SECONDS = 0.2


@contextmanager
def watched(page: Page) -> Iterator[list[float]]:
    """How long `/health` takes, asked all the while."""
    seconds: list[float] = []
    done = threading.Event()

    def look() -> None:
        with page.client() as client:
            while not done.is_set():
                started = time.perf_counter()
                client.get("/health")
                seconds.append(time.perf_counter() - started)
                time.sleep(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seconds
    finally:
        done.set()
        thread.join()


async def open_many(page: Page, paths: list[str]) -> list[int]:
    """Open streams side by side and leave them all at once; the status of each."""
    limits = httpx.Limits(max_connections=None)
    codes: list[int] = []
    async with httpx.AsyncClient(base_url=page.url, trust_env=False, timeout=60, limits=limits) as client:
        opened = [client.stream("GET", path) for path in paths]
        for stream in opened:
            codes.append((await stream.__aenter__()).status_code)
        await asyncio.gather(*(stream.__aexit__(None, None, None) for stream in opened))
    return codes


def apart(work: Coroutine[Any, Any, list[int]]) -> list[int]:
    """In a thread of its own: Playwright's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.mark.parametrize("kind", ["heartbeat/{}", "queue/data?session_hash={}"])
def test_leaving_in_crowds_costs_nothing(page: Page, kind: str) -> None:
    """1,000 heartbeats that closed froze the server for 14 s."""
    with watched(page) as usual:
        time.sleep(0.3)
    with watched(page) as seconds:
        for crowd in range(2 if kind.startswith("heart") else 1):
            names = [f"crowd{crowd}-{number}" for number in range(250 if kind.startswith("heart") else 40)]
            codes = apart(open_many(page, [f"{API}/{kind.format(name)}" for name in names]))
            assert set(codes) <= {200, 404}
        time.sleep(0.2)
    seconds.sort()
    # On a machine that has other work everything takes longer, with no crowd as well.
    assert seconds[int(len(seconds) * 0.99)] < MOST_SECONDS + 5 * max(usual), seconds[-5:]
    assert Caller(page, "after").ask("score", row="forget:0", scorers="random")["examples"]


def test_an_address_has_so_many_and_no_more(page: Page) -> None:
    """The second of its kind: more than the address may hold, kept open, while the page is asked from there."""
    names = [f"{API}/heartbeat/many{number}" for number in range(300)]
    codes = apart(open_many(page, names))
    assert codes.count(200) <= 256 and set(codes) == {200, 503}
    with page.client() as client:
        assert client.get("/config").status_code == 200
