"""The guard before every request: closed doors, sizes, rates, headers. Driven without a server."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.route_utils import GradioMultiPartParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from app.server.bodies import DEEPEST, deeper, names_address
from app.server.guard import Guard, door_of
from app.server.hosts import address_of
from app.server.logs import JsonLines
from app.server.presence import Presence
from app.server.rates import Rates
from app.server.settings import Settings
from app.server.uploads import Uploads
from app.visit.visits import Visits

JOIN = "/gradio_api/queue/join"
CALL = b'{"session_hash": "abc", "fn_index": 1, "data": ["x"]}'


class Inner:
    """The application behind the guard: says what reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        self.bodies.append(b"".join(parts))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"ALLOWALL")]})
        await send({"type": "http.response.body", "body": b"inside"})


def guarded(inner: Any, limits: Settings, visits: Any = None) -> Guard:
    """A guard before an application that is asked for nothing but its open connections."""
    line, uploads = SimpleNamespace(presence=Presence(50, 500)), Uploads(10**9, 10**9)
    inside: Any = SimpleNamespace(line=line, uploads=uploads, knows=lambda name: True)
    return Guard(inner, inside, limits, lambda: {"status": "ok"}, visits)


class Caller:
    """Asks the guard the way a server would."""

    def __init__(self, **limits: Any) -> None:
        self.inner, self.arrivals = Inner(), []  # type: ignore[var-annotated]
        visits = SimpleNamespace(arrived=lambda *who: self.arrivals.append(who))
        self.guard = guarded(self.inner, Settings(**limits), visits)

    def ask(
        self, path: str, body: bytes = b"", method: str = "POST", size: int | None = None, client: str = "10.0.0.1"
    ) -> tuple[int, bytes, dict[bytes, bytes]]:
        """(status, body, headers); the body comes in chunks of 1,000 bytes."""
        chunks = [body[i : i + 1000] for i in range(0, len(body), 1000)] or [b""]
        waiting = [{"type": "http.request", "body": c, "more_body": k + 1 < len(chunks)} for k, c in enumerate(chunks)]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [] if size is None else [(b"content-length", str(size).encode())]
        scope = {"type": "http", "path": path, "method": method, "headers": headers, "client": (client, 1)}
        # On a thread of its own: a browser that another test left open holds this thread's event loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self.guard(scope, receive, send)).result()
        return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://169.254.169.254/latest/meta-data",
        "/gradio_api/file/app.py",
        "/gradio_api/proxy=https://somebody.hf.space/file=x",
        "/gradio_api/component_server",
        "/gradio_api/process_recording",
        "/gradio_api/vibe-code/",
        "/gradio_api/custom_component/1/client/component/index.js",
        "/gradio_api/stream/abc/1/2/playlist.m3u8",
        "/gradio_api/deep_link",
        "/gradio_api/runs",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/dev/reload",
        "/static/../app.py",
        "/assets/..%2f..\\app.py",
        "/assets/../../app/settings.py",
        "/.git/config",
        "/app.py",
    ],
)
def test_doors_that_the_page_does_not_need_are_closed(path: str) -> None:
    caller = Caller()
    for method in ("GET", "HEAD", "POST"):
        assert caller.ask(path, method=method)[0] == 404
    assert caller.inner.bodies == []


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "/gradio_api/", "/assets/", "/static/", "/gradio_api/call/"]))
@example("file=/etc/passwd", "/gradio_api/")
@example("a/../../b", "/assets/")
def test_no_path_opens_a_door_to_files_or_addresses(text: str, start: str) -> None:
    path = start + text
    if door_of(path) is not None:
        assert ".." not in path and "=" not in path and "://" not in path and "\\" not in path and "\0" not in path


def test_what_the_page_needs_goes_through_with_its_headers() -> None:
    caller = Caller()
    status, body, headers = caller.ask(JOIN, CALL)
    assert (status, body) == (200, b"inside")
    assert caller.inner.bodies == [CALL]
    assert caller.arrivals == [("abc", "10.0.0.1")]
    policy = headers[b"content-security-policy"].decode()
    assert "object-src 'none'" in policy and "frame-ancestors 'self' https://huggingface.co" in policy
    assert "http://" not in policy and "connect-src 'self' data: blob:;" in policy
    assert headers[b"x-content-type-options"] == b"nosniff" and headers[b"referrer-policy"] == b"no-referrer"


def test_refusals_carry_the_headers_too() -> None:
    assert b"content-security-policy" in Caller().ask("/nothing")[2]


@pytest.mark.parametrize("size", [5000, None])
def test_a_request_beyond_the_limit_is_refused_declared_or_not(size: int | None) -> None:
    caller = Caller(max_request_kb=1)
    status, body, _ = caller.ask(JOIN, b"x" * 5000, size=size)
    assert status == 413 and b"at most" in body and caller.inner.bodies == []
    assert caller.ask(JOIN, CALL)[0] == 200


def test_uploads_have_their_own_limit_and_can_be_off() -> None:
    caller = Caller(max_upload_mb=1, max_request_kb=1)
    assert caller.ask("/gradio_api/upload", b"x" * 500_000)[0] == 200
    assert caller.ask("/gradio_api/upload", b"x" * 1_200_000)[0] == 413
    assert Caller(data=("tofu",)).ask("/gradio_api/upload", b"x")[0] == 403
    assert Caller(mcp=False).ask("/gradio_api/mcp/", b"{}")[0] == 404


def multipart(size: int) -> bytes:
    head = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="rows.csv"\r\n\r\n'
    return head + b"x" * size + b"\r\n--cut--\r\n"


def upload(size: int, inner: Any, most_mb: int = 1) -> tuple[list[Any], list[int]]:
    """Upload a file in pieces of 64 KB, its size not declared: (what was sent back, the pieces that were taken)."""
    body = multipart(size)
    pieces = [body[i : i + 65536] for i in range(0, len(body), 65536)]
    taken: list[int] = []
    sent: list[Any] = []

    async def receive() -> Any:
        taken.append(len(taken) + 1)
        return {"type": "http.request", "body": pieces[len(taken) - 1], "more_body": len(taken) < len(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = guarded(inner(taken), Settings(max_upload_mb=most_mb))
    headers = [(b"content-type", b"multipart/form-data; boundary=cut")]
    scope = {"type": "http", "path": "/gradio_api/upload", "method": "POST", "headers": headers, "client": ("a", 1)}
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, guard(scope, receive, send)).result()
    return sent, taken


def test_an_upload_goes_through_as_it_comes() -> None:
    """The guard holds one piece of it at a time: each is handed on before the next is asked for."""
    seen: list[int] = []

    def inner(taken: list[int]) -> Any:
        async def reads(scope: Any, receive: Any, send: Any) -> None:
            more = True
            while more:
                message = await receive()
                seen.append(len(taken))
                more = message["more_body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"kept"})

        return reads

    sent, taken = upload(900_000, inner)
    assert sent[0]["status"] == 200 and seen == taken == list(range(1, 15))


def test_an_upload_that_turns_out_too_large_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    def inner(taken: list[int]) -> Any:
        async def gradio_reads(scope: Any, receive: Any, send: Any) -> None:
            request = Request(scope, receive)
            parser = GradioMultiPartParser(
                request.headers, request.stream(), upload_dir=tmp_path, max_file_size=1024**3
            )
            try:
                await parser.parse()
            except MultiPartException:
                await send({"type": "http.response.start", "status": 400, "headers": []})
                await send({"type": "http.response.body", "body": b"in words of its own"})
            else:
                assert list(tmp_path.iterdir()), "a file that fits is written"
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})

        return gradio_reads

    sent, taken = upload(3_000_000, inner)
    assert sent[0]["status"] == 413 and b"at most" in sent[1]["body"] and len(sent) == 2
    assert len(taken) < 20, "the rest is not read"
    assert not list(tmp_path.iterdir())
    assert upload(3_000, inner)[0][0]["status"] == 200


def test_an_address_that_asks_too_often_waits_and_others_do_not() -> None:
    caller = Caller(requests_per_minute=3)
    codes = [caller.ask(JOIN, CALL)[0] for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert caller.ask(JOIN, CALL, client="10.0.0.2")[0] == 200
    assert caller.ask("/config", method="GET")[0] == 200, "reading is not counted"


def test_a_bucket_fills_again_and_buckets_are_bounded() -> None:
    now = [0.0]
    rates = Rates(60, keys=10, clock=lambda: now[0])
    assert [rates.take("a") for _ in range(60)] == [0.0] * 60
    assert rates.take("a") == pytest.approx(1.0)
    now[0] = 1.5
    assert rates.take("a") == 0.0 and rates.take("a") > 0
    for i in range(1000):
        rates.take(str(i))
    assert len(rates._buckets) == 10


FILE = {"path": "/tmp/gradio/x/rows.csv", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    "path",
    [
        "http://169.254.169.254/latest",
        "HTTPS://example.org/rows.csv",
        "file:///etc/passwd",
        "ftp://host/x",
        " https://x",
        "//host/x",
    ],
)
def test_a_file_given_by_its_address_is_never_fetched(path: str) -> None:
    caller = Caller()
    content = {"session_hash": "a", "data": [1, {"deep": [{**FILE, "path": path}]}]}
    status, body, _ = caller.ask(JOIN, json.dumps(content).encode())
    assert status == 400 and b"fetches nothing" in body and caller.inner.bodies == []
    # The same, its letters written as escapes.
    escaped = json.dumps(content).replace("path", "p\\u0061th").encode()
    assert caller.ask(JOIN, escaped)[0] == 400
    assert not names_address({"data": [FILE]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(json_values | st.binary(max_size=200))
def test_any_body_is_answered_and_never_a_fault(content: Any) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    status, answer, _ = Caller().ask(JOIN, body)
    assert status == 400 and b"Traceback" not in answer
    status, answer, _ = Caller().ask(JOIN, json.dumps({**json.loads(CALL), "data": [str(content)]}).encode())
    assert status in (200, 400)


def test_deep_and_broken_bodies() -> None:
    caller = Caller()
    assert caller.ask(JOIN, b"[" * 100_000)[0] == 400
    assert caller.ask(JOIN, b"[" * 200 + b"]" * 200)[0] == 400
    assert caller.ask(JOIN, b"\xff\xfe{}")[0] == 400
    assert not deeper([[1]], 2) and deeper([[[1]]], 2) and not deeper({}, DEEPEST)


def test_forwarded_addresses_count_only_from_our_own_proxies() -> None:
    claimed = [(b"x-forwarded-for", b"6.6.6.6, 1.2.3.4")]
    scope = {"client": ("127.0.0.1", 1), "headers": claimed}
    assert address_of(scope, 0) == "127.0.0.1", "nobody in front of us: whoever writes the header lies"
    assert address_of(scope, 1) == "1.2.3.4"
    assert address_of(scope, 2) == "6.6.6.6"
    assert address_of(scope, 3) == "127.0.0.1"


def test_logs_are_json_and_hold_neither_texts_nor_addresses(caplog: pytest.LogCaptureFixture) -> None:
    caller = Caller()
    with caplog.at_level(logging.DEBUG, logger="app"):
        caller.ask(JOIN, CALL.replace(b"abc", b"hush").replace(b"x", b"a visitor's secret"), client="203.0.113.9")
        caller.ask("/a%20secret", method="GET")
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) == 2
    for line in lines:
        assert {"time", "level", "event", "route", "status", "ms"} <= set(json.loads(line))
        assert "secret" not in line and "203.0.113.9" not in line and "hush" not in line
    try:
        raise RuntimeError("a visitor's secret")
    except RuntimeError:
        record = logging.LogRecord("app", logging.ERROR, "", 0, "failed", None, __import__("sys").exc_info())
    written = json.loads(JsonLines().format(record))
    assert written["fault"] == "RuntimeError" and "secret" not in json.dumps(written)


def test_health_answers_whatever_the_rest_does() -> None:
    status, body, _ = Caller().ask("/health", method="GET")
    assert status == 200 and json.loads(body) == {"status": "ok"}


def test_an_address_with_many_tabs_makes_room_before_others_do() -> None:
    visits = Visits(SimpleNamespace(settings=Settings(max_visits=4)))
    visits.arrived("lonely", "10.0.0.2")
    lonely = visits.of("lonely")
    for i in range(50):
        visits.arrived(f"flood{i}", "10.0.0.1")
        visits.of(f"flood{i}")
    assert visits.of("lonely") is lonely
    assert len(visits) == 4 and len(visits._addresses) <= 32


def test_a_session_name_has_a_limit() -> None:
    visits = Visits(SimpleNamespace(settings=Settings()))
    visits.arrived("x" * 10_000, "a")
    with pytest.raises(ValueError, match="at most 100"):
        visits.of("x" * 10_000)
    assert len(visits) == 0 and not visits._addresses
