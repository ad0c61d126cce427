"""Every open visit by its session, and how what a visitor presses is answered: in which line, and what refuses it.

A press finds its visit (`Visits.of`); what cannot be done is one sentence, in the room's notice or from the endpoint.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import gradio as gr

from app.look.markup import alert
from app.server.line import TRAINING_LINE, Line, Place
from app.visit.session import Own, Places, Visit
from app.visit.studio import Studio

LONGEST_SESSION = 100
# Handlers of the page itself; the endpoints are the public way to the same work.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
SCORING: dict[str, Any] = {"concurrency_id": "score"}
TRAINING: dict[str, Any] = {"concurrency_id": TRAINING_LINE}
# Asking models takes seconds: it does not wait for runs.
ASKING: dict[str, Any] = {"concurrency_id": "ask", "concurrency_limit": 2}
LOADING: dict[str, Any] = {"concurrency_id": "load", "concurrency_limit": 4}
# A choice changed again while the server still answers the one before: the last one counts.
LATEST: dict[str, Any] = {"trigger_mode": "always_last"}


class Return(NamedTuple):
    """What a page is told that was opened.

    Attributes:
        ticket: what it shows when it is opened anew.
        again: whether it goes on with the visit of the page before.
        elsewhere: whether that page is open still, in another tab, and keeps its visit.
    """

    ticket: str
    again: bool
    elsewhere: bool


class Visits:
    """Every open visit, by session hash; bounded, and safe to use from several threads.

    Attributes:
        studio: what the page opens with, and every visit begins with.
        line: where requests wait; the page brings it.
    """

    line: Line | None = None

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._max = studio.settings.max_visits
        self._places = Places(studio.settings.runs_at_once)
        self._addresses: dict[str, str] = {}
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._visits)

    def of(self, session: str | None) -> Visit:
        """The visit of a session, opened on first use.

        Raises:
            ValueError: the server holds as many visits as it may, and each of them is training.
        """
        if session and len(session) > LONGEST_SESSION:
            raise ValueError(f"The session's name has {len(session)} characters: at most {LONGEST_SESSION} are taken.")
        if not session:
            # A caller without a session (plain HTTP) gets a visit of its own, which nobody else can reach.
            return self._new()
        with self._lock:
            if session not in self._visits:
                self._make_room()
                self._visits[session] = self._new()
            self._visits.move_to_end(session)
            return self._visits[session]

    def _new(self) -> Visit:
        return Visit(self.studio, places=self._places)

    def close(self, session: str | None) -> None:
        """End a visit: stop its run and let go of its models."""
        with self._lock:
            self._end(session or "")

    async def come_back(self, ticket: str, session: str) -> Return:
        """A page was opened, with the ticket of the page before it where there was one: go on with its visit."""
        if self.line is None or not session:
            return Return("", False, False)
        returning = self.line.presence.returning
        left = await self.line.presence.closed(ticket)
        elsewhere = left is None and returning.session_of(ticket) is not None
        taken = left is not None and left != session and self._move(left, session)
        if taken and left is not None:
            await self.line.take_over(left, session)
        return Return(returning.ticket(session), taken, elsewhere)

    def _move(self, session: str, to: str) -> bool:
        """Give a visit to another session; whether there was one."""
        with self._lock:
            visit = self._visits.pop(session, None)
            self._addresses.pop(session, None)
            if visit is None:
                return False
            address = self._addresses.get(to, "")
            self._end(to)
            self._visits[to] = visit
            if address:
                self._addresses[to] = address
            return True

    def place(self, session: str | None) -> Place | None:
        """Where a visit's run stands in the line; None where it has none."""
        return self.line.place(session) if self.line is not None and session else None

    async def stop(self, session: str | None) -> None:
        """End a visit's run after its step; one that waits leaves the line."""
        self.of(session).stop()
        if self.line is not None and session:
            await self.line.leave(session)

    def give_up(self, session: str) -> None:
        """End the run of a session to which nobody listens any more; what it has kept stays."""
        with self._lock:
            visit = self._visits.get(session)
        if visit is not None:
            visit.stop()

    def close_all(self) -> None:
        """End every visit."""
        with self._lock:
            for session in list(self._visits):
                self._end(session)

    def arrived(self, session: str, address: str) -> None:
        """Remember which address a session's requests come from, so that no address crowds the others out."""
        if len(session) > LONGEST_SESSION:
            return
        with self._lock:
            self._addresses[session] = address
            if len(self._addresses) > 8 * self._max:
                self._addresses = {key: self._addresses[key] for key in self._addresses if key in self._visits}

    @property
    def training(self) -> int:
        """How many of the server's places for a run are taken."""
        return len(self._places)

    def _make_room(self) -> None:
        while len(self._visits) >= self._max:
            idle = self._idle()
            if idle is None:
                raise ValueError("All places on this server are training right now: try again in a minute.")
            self._end(idle)

    def _idle(self) -> str | None:
        """Whose visit makes room: of the address that holds most places, the one unused for longest; never a run."""
        idle = [key for key, visit in self._visits.items() if not visit.busy.locked()]
        held = Counter(self._addresses.get(key, key) for key in self._visits)

        def places(key: str) -> int:
            return held[self._addresses.get(key, key)]

        return max(idle, key=places) if idle else None

    def _end(self, session: str) -> None:
        visit = self._visits.pop(session, None)
        self._addresses.pop(session, None)
        if visit is not None:
            visit.closed = True
            visit.stop()
            visit.runs.clear()
            visit.own = Own()
            if visit.loading is not None:
                visit.loading.cancel()


def explained(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose ValueErrors become one sentence in its owner's `notice`; nothing else on the page changes.

    The handler returns a dict of component to value, or yields one after another; with each the notice is emptied.
    A handler that has changed other components by then puts them right before it lets the error through: that is told
    again with the sentence, for a browser may be at what came before it still, and draw that last.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(self: Any, *inputs: Any) -> Iterator[dict[Any, Any]]:
            update: dict[Any, Any] = {}
            try:
                with closing(handler(self, *inputs)) as updates:
                    for update in updates:
                        yield {self.notice: "", **update}
            except ValueError as error:
                yield {**update, self.notice: alert(str(error))}

        return stream

    @functools.wraps(handler)
    def answer(self: Any, *inputs: Any) -> dict[Any, Any]:
        try:
            return {self.notice: "", **handler(self, *inputs)}
        except ValueError as error:
            return {self.notice: alert(str(error))}

    return answer


def refused(error: ValueError) -> gr.Error:
    """The same for an endpoint. Not printed: the sentence may quote what a visitor typed."""
    return gr.Error(str(error), print_exception=False)
