"""Who may talk to the page: the names it answers to, the sites whose scripts may call it, and what proxies may say.

A browser sends whatever page it shows to whatever address a name leads to, so a foreign site can reach a page on the
visitor's own machine: by asking it directly (another `Origin`), or by letting a name of its own lead there (another
`Host`, DNS rebinding). An address in digits cannot be made to lead elsewhere.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from app.server.settings import Settings

Headers = list[tuple[bytes, bytes]]

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# Gradio believes these; a visitor can write them as well as a proxy.
FORWARDED = {b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-prefix"}
FORWARDED |= {b"x-forwarded-server", b"x-real-ip", b"forwarded"}
# Between two servers of Gradio's own; there is one here.
NEVER = {b"x-gradio-server", b"x-gradio-user"}
METHODS = b"GET, POST, DELETE, OPTIONS"
ASKED_HEADERS = b"content-type, authorization, mcp-session-id, mcp-protocol-version, accept, last-event-id"


class Hosts:
    """Says of a request whether its `Host` is ours and its `Origin` may call."""

    def __init__(self, settings: Settings) -> None:
        own = socket.gethostname().lower()
        self._names = {*LOOPBACK, own, f"{own}.local", *(name.lower() for name in settings.hosts)}
        # A wildcard names sites that anybody can make: those may show the page, and not call it.
        self._sites = {site.lower().rstrip("/") for site in (*settings.origins, *settings.embed_in) if "*" not in site}
        self._proxies = settings.proxies

    def refusal(self, headers: Headers, door: str | None, method: str) -> str:
        """Why a request is not answered, as a sentence; empty when it may be."""
        host = first(headers, b"host")
        if host and not self._is_own(host):
            return (
                "This page does not answer to the name it was asked by: ask it by its own, or let its host name this "
                "one in FORGET_LENS_HOSTS."
            )
        reads = method in ("GET", "HEAD") and door in ("page", "asset", None)
        if not reads and self._is_foreign(headers, host):
            return (
                "Another site may not call this page from a visitor's browser: its host would have to name that site "
                "in FORGET_LENS_ORIGINS."
            )
        return ""

    def allowed_origin(self, headers: Headers) -> str:
        """The foreign site that may read the answer; empty for none, and for the page's own."""
        origin = first(headers, b"origin").lower()
        return origin if origin in self._sites else ""

    def cleaned(self, headers: Headers) -> Headers:
        """The headers without what only a proxy may say; behind declared ones, with what the outermost of them saw."""
        kept = [(name, value) for name, value in headers if name not in FORWARDED | NEVER]
        if self._proxies:
            proto, host = (
                _hop(headers, name, self._proxies) or first(headers, name)
                for name in (b"x-forwarded-proto", b"x-forwarded-host")
            )
            kept += [(b"x-forwarded-for", value) for name, value in headers if name == b"x-forwarded-for"]
            kept += [(b"x-forwarded-proto", proto.encode())] if proto in ("http", "https") else []
            kept += [(b"x-forwarded-host", host.encode("latin-1"))] if host and self._is_own(host) else []
        return kept

    def _is_own(self, host: str) -> bool:
        name, _ = name_and_port(host)
        return _in_digits(name) or any(fnmatch.fnmatchcase(name, pattern) for pattern in self._names)

    def _is_foreign(self, headers: Headers, host: str) -> bool:
        """Whether a browser says that another site's page asks."""
        origin = first(headers, b"origin").lower()
        if not origin:
            return first(headers, b"sec-fetch-site").lower() in ("cross-site", "same-site")
        if origin in self._sites:
            return False
        name, port = name_and_port(urlsplit(origin).netloc if "://" in origin else origin)
        ours, our_port = name_and_port(host)
        alike = name == ours or {name, ours} <= LOOPBACK
        # A proxy may leave the port out of Host, never the browser.
        return not alike or bool(our_port) and port != our_port


def cross_origin(origin: str) -> Headers:
    """What lets a foreign site's script read an answer; never with the visitor's cookies."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"mcp-session-id"),
        (b"vary", b"Origin"),
    ]


def preflight(origin: str) -> Headers:
    """The same for the question that a browser asks before the request itself."""
    said = [(b"access-control-allow-methods", METHODS), (b"access-control-allow-headers", ASKED_HEADERS)]
    return [*cross_origin(origin), *said, (b"access-control-max-age", b"600")]


def address_of(scope: Any, proxies: int) -> str:
    """Where a request comes from: the peer, or what the outermost of our own proxies saw.

    A visitor can write anything into X-Forwarded-For; each proxy adds what it saw on the right, so with two proxies
    the second entry from the right is the first that is no claim of the visitor's.
    """
    peer = str((scope.get("client") or ("unknown",))[0])
    return (_hop(scope["headers"], b"x-forwarded-for", proxies) if proxies else "")[:64] or peer


def first(headers: Headers, wanted: bytes) -> str:
    """The first header of that name; empty where there is none."""
    return next((value.decode("latin-1").strip() for name, value in headers if name == wanted), "")


def name_and_port(host: str) -> tuple[str, str]:
    """(name without brackets and a final dot, in small letters; port or an empty text)."""
    host = host.strip().lower()
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name, port.removeprefix(":")
    name, _, port = host.partition(":")
    return name.rstrip("."), port


def _hop(headers: Headers, wanted: bytes, proxies: int) -> str:
    """What the outermost of so many proxies wrote into a header that each of them adds to."""
    lines = [value.decode("latin-1") for name, value in headers if name == wanted]
    hops = [hop.strip() for hop in ",".join(lines).split(",") if hop.strip()]
    # A proxy of ours that says a thing at all says it alone, or adds to what came.
    return hops[-proxies] if len(hops) >= proxies else ""


def _in_digits(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
