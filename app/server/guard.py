"""What stands before every request: which doors are open, how much comes through, how often, and what is logged.

Gradio serves more than this page needs: files by path, other people's addresses by proxy, tools for developers. All but
the routes listed here answer 404. `SECURITY.md` says against whom.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.formparsers import MultiPartException

from app.server.rates import Rates
from app.server.settings import Settings

log = logging.getLogger(__name__)

API = "/gradio_api"
_NAME = r"[\w.-]+"
DOORS: tuple[tuple[str, str], ...] = (
    ("page", r"/|/config/?|/favicon\.ico|/robots\.txt|/manifest\.json|/theme\.css|/pwa_icon(/\d+)?"),
    ("asset", rf"/(assets|static|svelte)/[\w./@+ -]+|{API}/theme\.css"),
    ("who", rf"/login/?|/logout|{API}/(user|login_check|app_id|token|startup-events)/?"),
    ("describe", rf"{API}/(info|openapi\.json)/?"),
    ("ask", rf"{API}/queue/join|{API}/(run|api|call|call/v2)/{_NAME}/?"),
    ("answer", rf"{API}/queue/(data|status)|{API}/call/{_NAME}/{_NAME}"),
    ("stay", rf"{API}/heartbeat/{_NAME}|{API}/(cancel|reset)/?"),
    ("upload", rf"{API}/upload"),
    ("uploading", rf"{API}/upload_progress"),
    ("mcp", rf"{API}/mcp(/[\w./-]*)?"),
)
"""Routes that answer, by the name they have in the log. None takes the path of a file or an address from outside."""

_DOORS = [(name, re.compile(pattern)) for name, pattern in DOORS]
COUNTED = {"ask", "upload", "mcp", "who"}
DEEPEST = 60
_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")


class Guard:
    """ASGI middleware.

    Args:
        app: what it stands before.
        settings: limits.
        health: what `/health` answers, as plain JSON types.
        arrived: told (session, address) of every request that names its session.
    """

    def __init__(
        self,
        app: Any,
        settings: Settings,
        health: Callable[[], dict[str, Any]],
        arrived: Callable[[str, str], None],
    ) -> None:
        self._app = app
        self._settings = settings
        self._health = health
        self._arrived = arrived
        self._rates = Rates(settings.requests_per_minute)
        self._headers = security_headers(settings)
        # Addresses are told apart in the log, and cannot be read from it.
        self._salt = os.urandom(16)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or let it through."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"].removeprefix(self._settings.root_path) or "/"
        door = door_of(path)
        address = address_of(scope, self._settings.proxies)
        started, status = time.perf_counter(), 0

        async def answer(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in self._headers}
                kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in own]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        try:
            if path == "/health":
                await _reply(answer, 200, self._health())
                return
            refusal, body = await self._check(scope, receive, door, address)
            if refusal is not None:
                await _reply(answer, *refusal)
            elif isinstance(body, Counted):
                await self._stream(scope, body, answer)
            else:
                await self._app(scope, receive if body is None else _again(body, receive), answer)
        finally:
            seen = {
                "method": scope["method"],
                "route": door or "closed",
                "status": status,
                "ms": round(1000 * (time.perf_counter() - started), 1),
                "visitor": hashlib.blake2b(address.encode(), key=self._salt, digest_size=4).hexdigest(),
            }
            log.log(logging.DEBUG if door in ("asset", "page") else logging.INFO, "request", extra=seen)

    async def _check(
        self, scope: Any, receive: Any, door: str | None, address: str
    ) -> tuple[tuple[int, dict[str, Any]] | None, bytes | Counted | None]:
        """(a refusal as status and content, or None; the body, where it was read or is counted as it comes)."""
        if door is None or (door == "mcp" and not self._settings.mcp):
            return (404, {"detail": "There is nothing here."}), None
        if door == "upload" and "upload" not in self._settings.data:
            return (403, {"detail": "This page takes no files: its host has switched them off."}), None
        if scope["method"] != "POST":
            return None, None
        if door in COUNTED:
            wait = self._rates.take(address)
            if wait:
                sentence = f"Too many requests from your address: try again in {max(1, round(wait))} s."
                return (429, {"detail": sentence, "error": sentence}), None
        most = self._settings.max_request_kb * 1024
        if door == "upload":
            # The form around a file takes a little room of its own.
            most = self._settings.max_upload_mb * 1024**2 + 64 * 1024
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and int(length) > most:
            return _too_large(most), None
        if door in ("upload", "who"):
            return None, Counted(receive, most)
        body = await _read(receive, most)
        if body is None:
            return _too_large(most), None
        sentence = self._read_json(body, address)
        return ((400, {"detail": sentence, "error": sentence}) if sentence else None), body

    async def _stream(self, scope: Any, body: Counted, answer: Any) -> None:
        """Let a body through as it comes; one that turns out too large is refused, whatever was made of it so far."""
        started = False

        async def passed(message: Any) -> None:
            nonlocal started
            if not body.exceeded or started:
                started = True
                await answer(message)

        try:
            await self._app(scope, body, passed)
        except MultiPartException:
            if not body.exceeded:
                raise
        if body.exceeded and not started:
            await _reply(answer, *_too_large(body.most))

    def _read_json(self, body: bytes, address: str) -> str:
        """What is wrong with the body of a call, or nothing; remembers which address its session came from."""
        try:
            content = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            return "The request is not JSON."
        if deeper(content, DEEPEST):
            return f"The request is nested more than {DEEPEST} levels deep."
        if names_address(content):
            return "A file is given by its address: upload it instead. This page fetches nothing for its visitors."
        if isinstance(content, dict) and isinstance(session := content.get("session_hash"), str):
            self._arrived(session, address)
        return ""


class Counted:
    """A `receive` that counts the bytes that it hands on, and refuses to hand on more than `most`."""

    def __init__(self, receive: Any, most: int) -> None:
        self._receive = receive
        self._bytes = 0
        self.most = most

    @property
    def exceeded(self) -> bool:
        """Whether more came."""
        return self._bytes > self.most

    async def __call__(self) -> Any:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self.exceeded:
            # After this fault the reader of uploads deletes what it has written.
            raise MultiPartException("The request exceeds the maximum allowed size.")
        return message


def door_of(path: str) -> str | None:
    """The name of the open route that a path leads to; None for all others."""
    if ".." in path or "\\" in path or "\0" in path:
        return None
    return next((name for name, pattern in _DOORS if pattern.fullmatch(path)), None)


def address_of(scope: Any, proxies: int) -> str:
    """Where a request comes from: the peer, or what the outermost of our own proxies saw.

    A visitor can write anything into X-Forwarded-For; each proxy adds what it saw on the right, so with two proxies
    the second entry from the right is the first that is no claim of the visitor's.
    """
    peer = str((scope.get("client") or ("unknown",))[0])
    if not proxies:
        return peer
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for hop in ",".join(lines).split(",") if hop.strip()]
    return hops[-proxies][:64] if len(hops) >= proxies else peer


def deeper(content: Any, levels: int) -> bool:
    """Whether lists and objects lie in each other more than so many levels deep."""
    layer = [content]
    for _ in range(levels):
        layer = [
            child
            for node in layer
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not layer:
            return False
    return any(isinstance(node, (dict, list)) for node in layer)


def names_address(content: Any) -> bool:
    """Whether a file in the content is given by a URL: Gradio would fetch it."""
    waiting = [content]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += node.values()
            if isinstance(node.get("meta"), dict) or "path" in node:
                path = node.get("path")
                if isinstance(path, str) and (_ADDRESS.match(path) or path.lstrip().startswith("//")):
                    return True
        elif isinstance(node, list):
            waiting += node
    return False


def security_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Headers of every answer. Gradio's own scripts are inline and make functions from text, so both stay allowed;
    from elsewhere nothing is loaded, and nothing is sent there.
    """
    frames = " ".join(("'self'", *settings.embed_in))
    policy = (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
        f"frame-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
        "cross-origin-opener-policy": "same-origin",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _too_large(most: int) -> tuple[int, dict[str, Any]]:
    sentence = f"This is too large: the page takes at most {most / 1024**2:.1f} MB at once."
    return 413, {"detail": sentence, "error": sentence}


async def _read(receive: Any, most: int) -> bytes | None:
    """The body of a request; None when it is larger than `most` bytes, or the visitor left."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size > most:
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Any) -> Any:
    """A `receive` that gives the body once more, then what comes after it."""
    told = False

    async def replay() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _reply(send: Any, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": [*headers, (b"cache-control", b"no-store")]}
    )
    await send({"type": "http.response.body", "body": body})
