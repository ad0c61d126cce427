"""Who is there: the open connections of every address, and the sessions that somebody listens to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from app.server.returning import Returning

GRACE_SECONDS = 10.0
"""How long a session counts as listened to after its last sign of life: a program may ask first and listen then."""
RETURN_SECONDS = 30.0
"""How long a page that has closed is waited for: a reload takes one or two."""
CLOSING_SECONDS, LOOK_SECONDS = 2.0, 0.1
"""A page that comes back may be there before the server hears that it had closed."""


class Presence:
    """Counts connections by address and listeners by session. Used on the server's event loop alone.

    Args:
        each: open connections that one address may hold; `total`: all addresses together.
        clock: seconds; a test brings its own.

    Attributes:
        returning: pages that come back.
    """

    def __init__(self, each: int, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = each
        self._total = total
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._count = 0
        self._listeners: Counter[str] = Counter()
        self._pages: Counter[str] = Counter()
        self._seen: dict[str, float] = {}
        self.returning = Returning(RETURN_SECONDS, clock)

    def refusal(self, address: str) -> str:
        """Why an address may open no further connection; empty when it may."""
        if self._open[address] >= self._each:
            return "Too many connections from your address are open: close a tab, then try again."
        if self._count >= self._total:
            return "Too many connections are open on this server: try again in a minute."
        return ""

    @contextmanager
    def connected(self, address: str) -> Iterator[None]:
        """One connection of an address, for as long as it is open."""
        self._open[address] += 1
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def listening(self, session: str) -> AbstractContextManager[None]:
        """Somebody waits for a session's answers."""
        return self._counted(self._listeners, session)

    def staying(self, session: str) -> AbstractContextManager[None]:
        """A session's page is open in a browser."""
        self.returning.back(session)
        return self._counted(self._pages, session)

    @contextmanager
    def _counted(self, sessions: Counter[str], session: str) -> Iterator[None]:
        sessions[session] += 1
        try:
            yield
        finally:
            sessions[session] -= 1
            if not sessions[session]:
                del sessions[session]
            self.seen(session)

    def seen(self, session: str) -> None:
        """A sign of life of a session."""
        self._seen.pop(session, None)
        self._seen[session] = self._clock()

    def heard(self, session: str, grace: float = GRACE_SECONDS) -> bool:
        """Whether somebody listens to a session, did so shortly before, or may come back to do so."""
        session = self.returning.heir(session)
        lately = self._clock() - self._seen.get(session, float("-inf")) < grace
        return lately or session in self._listeners or self.returning.waited_for(session)

    def stays(self, session: str) -> bool:
        """Whether a page of the session is open."""
        return session in self._pages

    async def closed(self, ticket: str) -> str | None:
        """The session that a ticket is of, once its page has closed; None for nobody's, or a page that stays open."""
        session = self.returning.session_of(ticket)
        for _ in range(round(CLOSING_SECONDS / LOOK_SECONDS)):
            if session is None or not self.stays(session):
                break
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return None
        # Another may have come with the same ticket meanwhile: it is good once.
        return self.returning.session_of(ticket)

    def forget(self, older: float) -> None:
        """Let go of sessions whose last sign of life is so many seconds ago."""
        now = self._clock()
        # The oldest stand first.
        for session in [key for key, at in self._seen.items() if now - at >= older]:
            del self._seen[session]
            if not self.stays(session):
                self.returning.forget(session)
