"""Behind a proxy that serves the page under a path of its own, with the prefix taken off or left on."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.server.settings import Settings
from app.visit.studio import Studio
from attribution import LanguageModel
from tests.browser.rooms import choose, open_page
from tests.browser.served import few_rows, serve_here

PREFIX = "/lens"


def proxy(target: str, strips: bool, lag_s: float) -> ThreadingHTTPServer:
    """A small reverse proxy in front of `target`; answers come through as they are made, streams `lag_s` later."""
    host = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            if not self.path.startswith(PREFIX):
                self.send_error(404, "only the path of the page is served here")
                return
            path = self.path.removeprefix(PREFIX) or "/" if strips else self.path
            length = int(self.headers.get("content-length") or 0)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            headers |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "http"}
            there = http.client.HTTPConnection(host, timeout=120)
            there.request(self.command, path, self.rfile.read(length) if length else None, headers)
            answer = there.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                while piece := answer.read1(65536):
                    if "event-stream" in (answer.getheader("content-type") or ""):
                        time.sleep(lag_s)
                    self.wfile.write(piece)
                    self.wfile.flush()
            except (OSError, http.client.HTTPException):
                pass  # One of the two sides hung up.
            there.close()

        do_GET = do_POST = do_HEAD = _pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def inner(model: LanguageModel) -> Iterator[str]:
    with serve_here(Studio(Settings(root_path=PREFIX, proxies=1), model, few_rows())) as served:
        yield served.url


# With the lag, a choice made while the page opens lost its answer more often than not (app/look/page.js, left answers).
@pytest.mark.parametrize(("strips", "lag_s"), [(False, 0), (True, 0.05)])
def test_the_page_scores_under_a_path(page: Page, inner: str, strips: bool, lag_s: float) -> None:
    server = proxy(inner, strips, lag_s)
    try:
        outside: list[str] = []
        base = f"http://127.0.0.1:{server.server_port}"
        page.on(
            "request",
            lambda r: outside.append(r.url) if not r.url.startswith((base + PREFIX, "data:", "blob:")) else None,
        )
        lanes = open_page(page, f"{base}{PREFIX}/")
        choose(page, "split", "World")
        expect(lanes.locator(".fl-question").first).to_contain_text("France")
        assert [url for url in outside if "favicon" not in url] == []
    finally:
        server.shutdown()
