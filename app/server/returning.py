"""Pages that come back: a reload is a new session, which goes on with the visit of the session before it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable


class Returning:
    """Who may come back, who has left, and who goes on for whom. Used on the server's event loop alone.

    A ticket is a secret that only this server makes and only the page of its session knows; it is good once.

    Attributes:
        seconds: how long a page that has closed is waited for.

    Args:
        clock: seconds; a test brings its own.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._tickets: dict[str, str] = {}
        self._left: dict[str, float] = {}
        self._heirs: dict[str, str] = {}

    def ticket(self, session: str) -> str:
        """A new ticket for a session, in the place of an earlier one."""
        self._tickets[session] = secrets.token_urlsafe(24)
        return self._tickets[session]

    def holds(self, session: str) -> bool:
        """Whether a session has a ticket."""
        return session in self._tickets

    def session_of(self, ticket: str) -> str | None:
        """Whose a ticket is; None where it is nobody's, or no more."""
        given = ticket.encode(errors="replace")
        same = (session for session, known in self._tickets.items() if secrets.compare_digest(known.encode(), given))
        return next(same, None)

    def left(self, session: str) -> None:
        """The page of a session has closed."""
        self._left[session] = self._clock()

    def back(self, session: str) -> None:
        """The page of a session is open."""
        self._left.pop(session, None)

    def waited_for(self, session: str) -> bool:
        """Whether a session's page has closed so shortly before that it may come back."""
        return self._clock() - self._left.get(session, float("-inf")) < self.seconds

    def gone(self) -> list[str]:
        """The sessions whose pages have closed and are waited for no longer."""
        return [session for session in self._left if not self.waited_for(session)]

    def forget(self, session: str) -> None:
        """A session has ended."""
        self._tickets.pop(session, None)
        self._left.pop(session, None)

    # What a session leaves at work ----------------------------------------------------------------------------------

    def inherit(self, session: str, heir: str) -> None:
        """What a session has left at work is its heir's."""
        self.forget(session)
        for each in self.all_of(session):
            self._heirs[each] = heir

    def heir(self, session: str) -> str:
        """Whose a session's work is: its own, unless it has an heir."""
        return self._heirs.get(session, session)

    def all_of(self, session: str) -> set[str]:
        """A session, and those whose work it goes on with."""
        return {session, *(each for each, heir in self._heirs.items() if heir == session)}

    def prune(self, at_work: set[str]) -> None:
        """Let go of heirs of those who have nothing at work any more."""
        self._heirs = {session: heir for session, heir in self._heirs.items() if session in at_work}
