"""What the guard itself answers, and the headers of every answer."""

from __future__ import annotations

import json
from typing import Any

from app.server.hosts import Headers
from app.server.settings import Settings

# A browser would open a window of its own at this one; programs look for it.
ASK_PASSWORD = [(b"www-authenticate", b'Basic realm="Forget Lens"')]


def security_headers(settings: Settings) -> Headers:
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


async def reply(send: Any, status: int, content: dict[str, Any] | str, more: Headers | None = None) -> None:
    """An answer of the guard's own: a refusal as a sentence, under both names that clients look for it."""
    said = {"detail": content, "error": content} if isinstance(content, str) else content
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"cache-control", b"no-store"), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
