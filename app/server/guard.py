"""What stands before every request: which doors are open and to whom, how much and how often, and what is logged.

Gradio serves more than this page needs: files by path, other people's addresses by proxy, tools for developers. All but
the routes listed here answer 404. `SECURITY.md` says against whom.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import parse_qs

from starlette.formparsers import MultiPartException

from app.server.bodies import Body, Budget, again, check_call, is_session, paths_in, read_json, too_large
from app.server.hosts import Hosts, address_of, cross_origin, first, preflight
from app.server.line import ADDRESS, Line
from app.server.rates import Rates
from app.server.replies import ASK_PASSWORD, reply, security_headers
from app.server.settings import Settings
from app.server.tools import PREFIX, SESSION, SESSION_HEADER, Sessions
from app.server.uploads import FORM_BYTES, Uploads

log = logging.getLogger(__name__)

API = "/gradio_api"
_NAME = r"[\w.-]+"
DOORS: tuple[tuple[str, str], ...] = (
    ("page", r"/|/config/?|/favicon\.ico|/robots\.txt|/manifest\.json|/theme\.css|/pwa_icon(/\d+)?|/card\.png"),
    ("asset", rf"/(assets|static|svelte)/[\w./@+ -]+|{API}/theme\.css"),
    ("who", rf"/login/?|/logout|{API}/(user|login_check|app_id|token|startup-events)/?"),
    ("describe", rf"{API}/(info|openapi\.json)/?"),
    ("ask", rf"{API}/queue/join|{API}/(run|api|call|call/v2)/{_NAME}/?"),
    ("answer", rf"{API}/queue/(data|status)|{API}/call/(v2/)?{_NAME}/{_NAME}"),
    ("stay", rf"{API}/heartbeat/{_NAME}"),
    ("cancel", rf"{API}/(cancel|reset)/?"),
    ("upload", rf"{API}/upload"),
    ("uploading", rf"{API}/upload_progress"),
    ("mcp", rf"{API}/mcp(/[\w./-]*)?"),
)
"""Routes that answer, by the name they have in the log. None takes the path of a file or an address from outside."""

_DOORS = [(name, re.compile(pattern)) for name, pattern in DOORS]
COUNTED = {"ask", "upload", "mcp", "who"}
LOCKED = {"stay", "cancel", "uploading", "mcp"}
"""Doors that Gradio leaves open where there are accounts."""
WRONG_PASSWORDS_PER_MINUTE = 10
HEARTBEAT_SECONDS = 15.0

Refusal = tuple[int, str]


class Inside(Protocol):
    """What the guard asks of the application behind it."""

    @property
    def line(self) -> Line:
        """Where requests wait."""

    @property
    def uploads(self) -> Uploads:
        """What lies on the disk."""

    @property
    def stop_event(self) -> asyncio.Event:
        """Set when the server ends."""

    def user_of(self, scope: Any) -> str | None:
        """Who has logged in by the form."""

    def knows(self, name: str) -> bool:
        """Whether there is a public function of that name."""

    async def end(self, session: str) -> None:
        """A visitor has left for good."""


class Sessioned(Protocol):
    """What the guard tells the visits."""

    def arrived(self, session: str, address: str) -> None:
        """Told of every request that names its session."""


class Guard:
    """ASGI middleware.

    Args:
        app: what it stands before; `inside`: the same, for questions.
        settings: limits.
        health: what `/health` answers, as plain JSON types.
        visits: told who comes.
    """

    def __init__(
        self, app: Any, inside: Inside, settings: Settings, health: Callable[[], dict[str, Any]], visits: Sessioned
    ) -> None:
        self._app = app
        self._inside = inside
        self._settings = settings
        self._health = health
        self._visits = visits
        self._hosts = Hosts(settings)
        self._rates = Rates(settings.requests_per_minute)
        self._passwords = Rates(WRONG_PASSWORDS_PER_MINUTE)
        self._accounts = dict(settings.accounts or ())
        self._tools = Sessions()
        small, large = settings.max_request_kb * 1024, settings.max_upload_mb * 1024**2
        self._small, self._large = Budget(16 * small, 128 * small), Budget(2 * large + small, 8 * large)
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
        door = "health" if path == "/health" else door_of(path)
        address = address_of(scope, self._settings.proxies)
        origin = self._hosts.allowed_origin(scope["headers"])
        added = [*self._headers, *(cross_origin(origin) if origin else [])]
        started, status = time.perf_counter(), 0

        async def answer(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in added}
                kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in own]
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        try:
            refusal = self._hosts.refusal(scope["headers"], "page" if door == "health" else door, scope["method"])
            if refusal:
                await reply(answer, 403, refusal)
            elif door == "health":
                await reply(answer, 200, self._health())
            elif scope["method"] == "OPTIONS" and origin:
                await reply(answer, 200, {}, preflight(origin))
            elif refusal := self._inside.line.presence.refusal(address):
                await reply(answer, 503, refusal)
            else:
                scope = {**scope, "headers": self._hosts.cleaned(scope["headers"]), ADDRESS: address}
                with self._inside.line.presence.connected(address):
                    await self._serve(scope, receive, answer, door, path, address)
        except Exception:
            # Its words may quote a visitor: the log takes its kind and its place alone.
            log.warning("a request failed", exc_info=True)
            if not status:
                await reply(answer, 500, "The server failed at this request: try again.")
            else:
                with suppress(Exception):
                    await answer({"type": "http.response.body", "body": b""})
        finally:
            seen = {
                "method": scope["method"],
                "route": door or "closed",
                "status": status,
                "ms": round(1000 * (time.perf_counter() - started), 1),
                "visitor": hashlib.blake2b(address.encode(), key=self._salt, digest_size=4).hexdigest(),
            }
            log.log(logging.DEBUG if door in ("asset", "page", "health") else logging.INFO, "request", extra=seen)

    async def _serve(self, scope: Any, receive: Any, answer: Any, door: str | None, path: str, address: str) -> None:
        """Behind the first doors: who it is, how often, how much, and then the application, or an answer of ours."""
        posts = scope["method"] == "POST"
        if refusal := self._closed(scope, door, path, address):
            await reply(answer, *refusal, ASK_PASSWORD if refusal[0] == 401 and door == "mcp" else None)
        elif posts and door == "upload":
            await self._upload(scope, receive, answer, address)
        elif posts and door == "who":
            await self._log_in(scope, receive, answer, path, address)
        elif posts:
            await self._read(scope, receive, answer, door, path, address)
        elif door == "stay":
            await self._stay(path.rpartition("/")[2], receive, answer, address)
        elif door == "answer" and (session := self._listened(scope, path)):
            with self._inside.line.presence.listening(session):
                await self._app(scope, receive, answer)
        elif door == "mcp":
            await self._tool(scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _closed(self, scope: Any, door: str | None, path: str, address: str) -> Refusal | None:
        """What is not open at all, to this one, or not again so soon."""
        if door is None or (door == "mcp" and not self._settings.mcp):
            return 404, "There is nothing here."
        if door == "upload" and "upload" not in self._settings.data:
            return 403, "This page takes no files: its host has switched them off."
        if door == "uploading" or (door in COUNTED and scope["method"] == "POST"):
            wait = self._rates.take(address)
            if wait:
                return 429, f"Too many requests from your address: try again in {max(1, round(wait))} s."
        if door == "answer" and path.endswith("/data") and not is_session(_query(scope, "session_hash")):
            return 400, "session_hash must be 1 to 100 letters, digits, dots or dashes."
        if self._accounts and door in LOCKED:
            if door == "mcp" and self._passwords.wait(address):
                return 429, "Too many wrong passwords from your address: try again in a minute."
            scope["forget_lens.user"] = user = self._user(scope, address if door == "mcp" else None)
            if user is None:
                return 401, "Log in first; a program gives its name and password by HTTP Basic authentication."
        return None

    # Who it is -------------------------------------------------------------------------------------------------------

    def _user(self, scope: Any, basic_from: str | None) -> str | None:
        """Who asks: by the form's cookie, or by name and password where `basic_from` says from which address."""
        user = self._inside.user_of(scope)
        kind, _, given = first(scope["headers"], b"authorization").partition(" ")
        if user is not None or basic_from is None or kind.lower() != "basic":
            return user
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            name = password = ""
        right = hmac.compare_digest(self._accounts.get(name, "").encode(), password.encode()) and name in self._accounts
        if not right:
            self._passwords.take(basic_from)
        return name if right else None

    async def _log_in(self, scope: Any, receive: Any, answer: Any, path: str, address: str) -> None:
        """The form's name and password; each wrong one makes the next wait longer."""
        most = self._settings.max_request_kb * 1024
        if not path.startswith("/login"):
            await self._stream(scope, Body(receive, most, self._small, address), answer, most)
            return
        if self._passwords.take(address):
            await reply(answer, 429, "Too many wrong passwords from your address: try again in a minute.")
            return
        right = False

        async def seen(message: Any) -> None:
            nonlocal right
            if message["type"] == "http.response.start":
                right = message["status"] < 400
                if not right:
                    await asyncio.sleep(0.2)
            await answer(message)

        await self._stream(scope, Body(receive, most, self._small, address), seen, most)
        if right:
            self._passwords.give_back(address)

    # Bodies ----------------------------------------------------------------------------------------------------------

    async def _upload(self, scope: Any, receive: Any, answer: Any, address: str) -> None:
        """A form with files, straight to the disk; where they lie is remembered."""
        most = self._settings.max_upload_mb * 1024**2 + FORM_BYTES
        length = first(scope["headers"], b"content-length")
        # One that does not say how large it is may be as large as may be.
        size = min(int(length), most) if length.isdigit() else most
        uploads = self._inside.uploads
        if refusal := uploads.refusal(address, size):
            await reply(answer, 429, refusal)
            return
        told: list[bytes] = []

        async def heard(message: Any) -> None:
            told.append(message.get("body", b""))
            await answer(message)

        with uploads.coming(address, size):
            await self._stream(scope, Body(receive, most, self._large, address), heard, most)
        with suppress(ValueError, TypeError):
            for path in json.loads(b"".join(told)):
                uploads.add(path, address)

    async def _stream(self, scope: Any, body: Body, answer: Any, most: int) -> None:
        """Let a body through as it comes; one that is refused on its way is, whatever was made of it so far."""
        length = first(scope["headers"], b"content-length")
        if length.isdigit() and int(length) > most:
            await reply(answer, 413, too_large(most))
            return
        started = False

        async def passed(message: Any) -> None:
            nonlocal started
            if body.fault is None or started:
                started = True
                await answer(message)

        try:
            await self._app(scope, body, passed)
        except MultiPartException:
            if body.fault is None:
                raise
        finally:
            body.close()
        if body.fault is not None and not started:
            await reply(answer, *body.fault)

    async def _read(self, scope: Any, receive: Any, answer: Any, door: str | None, path: str, address: str) -> None:
        """A call in JSON: read it whole, look at it, and pass it on."""
        most = self._settings.max_request_kb * 1024
        length = first(scope["headers"], b"content-length")
        if length.isdigit() and int(length) > most:
            await reply(answer, 413, too_large(most))
            return
        body = Body(receive, most, self._small, address)
        try:
            told = await body.read()
            content = read_json(told)
            if door in ("ask", "cancel"):
                check_call(content, in_line=path.endswith("/queue/join"))
        except MultiPartException:
            await reply(answer, *(body.fault or (400, "The request broke off: send it again.")))
            return
        except ValueError as error:
            await reply(answer, 400, str(error))
            return
        finally:
            body.close()
        session = content.get("session_hash") if isinstance(content, dict) else None
        if is_session(session):
            self._visits.arrived(str(session), address)
            self._inside.uploads.claim(paths_in(content), str(session))
        if door == "cancel":
            if is_session(session) and path.rstrip("/").endswith("/cancel"):
                await self._inside.line.give_up(str(session), content.get("event_id"))
            await reply(answer, 200, {"success": True})
        elif door == "ask" and not self._is_known(path):
            await reply(answer, 404, "There is no endpoint of that name: /gradio_api/info lists them.")
        elif door == "mcp":
            await self._tool(scope, again(told, receive), answer)
        else:
            await self._ask(scope, again(told, receive), answer)

    async def _ask(self, scope: Any, receive: Any, answer: Any) -> None:
        """A call of the page's functions: what Gradio cannot make of it is the caller's fault, and a sentence."""
        failed = False

        async def passed(message: Any) -> None:
            nonlocal failed
            failed = failed or message.get("status", 200) >= 500
            if not failed:
                await answer(message)

        try:
            await self._app(scope, receive, passed)
        except Exception:
            log.warning("a call was refused", exc_info=True)
            failed = True
        if failed:
            await reply(answer, 400, "The call does not fit: /gradio_api/info says what each endpoint takes.")

    def _is_known(self, path: str) -> bool:
        return path.endswith("/queue/join") or self._inside.knows(path.rstrip("/").rpartition("/")[2])

    # Those who stay --------------------------------------------------------------------------------------------------

    def _listened(self, scope: Any, path: str) -> str:
        """Whose answers a stream brings; empty where it is none."""
        if path.endswith("/queue/data"):
            return _query(scope, "session_hash")
        return "" if path.endswith("/queue/status") else self._inside.line.session_of(path.rpartition("/")[2])

    async def _stay(self, session: str, receive: Any, answer: Any, address: str) -> None:
        """An open page: it ends with this connection. Gradio's own way of leaving costs it a hundredth of a second."""
        if not is_session(session):
            await reply(answer, 400, "The session's name must be 1 to 100 letters, digits, dots or dashes.")
            return
        presence = self._inside.line.presence
        self._visits.arrived(session, address)
        kinds = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await answer({"type": "http.response.start", "status": 200, "headers": kinds})
        stopped = asyncio.ensure_future(self._inside.stop_event.wait())
        left = asyncio.ensure_future(_left(receive))
        try:
            with presence.staying(session):
                while not left.done() and not stopped.done():
                    await answer({"type": "http.response.body", "body": b"data: ALIVE\n\n", "more_body": True})
                    await asyncio.wait({left, stopped}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            await answer({"type": "http.response.body", "body": b""})
        finally:
            left.cancel()
            stopped.cancel()
            if not presence.stays(session):
                if presence.returning.holds(session):
                    presence.returning.left(session)
                else:
                    await self._inside.end(session)

    async def _tool(self, scope: Any, receive: Any, answer: Any) -> None:
        """A message of a client of the Model Context Protocol, in its own session."""
        user = scope.get("forget_lens.user")
        name = first(scope["headers"], SESSION_HEADER)
        if name and not self._tools.is_ours(name, user):
            await reply(answer, 404, "This session is none of this server's: begin a new one.")
            return
        session = PREFIX + (name or self._tools.new(user))
        presence = self._inside.line.presence
        if scope["method"] == "DELETE":
            await self._inside.end(session)
            await reply(answer, 200, {})
            return
        self._visits.arrived(session, scope[ADDRESS])

        async def named(message: Any) -> None:
            if message["type"] == "http.response.start" and not name:
                said = (SESSION_HEADER, session.removeprefix(PREFIX).encode())
                message = {**message, "headers": [*message.get("headers", []), said]}
            await answer(message)

        presence.seen(session)
        await self._app({**scope, SESSION: session}, receive, named)


def door_of(path: str) -> str | None:
    """The name of the open route that a path leads to; None for all others."""
    if ".." in path or "\\" in path or "\0" in path:
        return None
    return next((name for name, pattern in _DOORS if pattern.fullmatch(path)), None)


def _query(scope: Any, name: str) -> str:
    """What a request's query gives a name; empty where nothing."""
    try:
        return parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=50).get(name, [""])[0]
    except ValueError:
        return ""


async def _left(receive: Any) -> None:
    """Returns when the visitor has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
