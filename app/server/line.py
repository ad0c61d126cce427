"""The line in which requests wait: fair between addresses, with no place for those whom nobody listens to."""

from __future__ import annotations

import asyncio
import functools
import heapq
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from gradio import queueing
from gradio.server_messages import EstimationMessage, ProcessCompletedMessage

from app.server.presence import Presence

ADDRESS = "forget_lens.address"
"""Under this name the guard writes into a request's scope where it comes from."""
TRAINING_LINE = "train"
UNAWARE_SECONDS = 0.15
"""So long after its last answer a page may not know yet that its stream of answers was closed."""
ONE_RUN = "A run of yours waits already: wait for it, or stop it, then start the next."
SKIPPED = {"__type__": "update"}
"""A value that leaves its widget as it is."""
FAR_APART, FAST_SECONDS = 3.0, 0.5
"""Times that differ by more than this factor foretell nothing; below so many seconds no difference matters."""
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Place(NamedTuple):
    """Where a run stands.

    Attributes:
        before: how many are to begin before it; None once it is at work.
        seconds: about how long until it has ended; None where nobody knows.
    """

    before: int | None
    seconds: float | None


def lasting(handler: Handler) -> Handler:
    """A handler whose work goes on when its page is opened anew; what others are at then is given up."""
    handler.lasting = True  # type: ignore[attr-defined]
    return handler


class Recent:
    """About how long something takes, in seconds: the latest times count most."""

    def __init__(self) -> None:
        self.avg_time = 0.0
        self._latest: deque[float] = deque(maxlen=4)

    def add(self, seconds: float) -> None:
        """One more time that it took."""
        self.avg_time = (self.avg_time + seconds) / 2 if self.avg_time else seconds
        self._latest.append(seconds)

    @property
    def known(self) -> float | None:
        """The time, where the latest agree; None where they are so far apart that any would mislead."""
        if not self._latest or max(self._latest) > FAR_APART * max(min(self._latest), FAST_SECONDS):
            return None
        return self.avg_time


class Line(queueing.Queue):
    """Gradio's queue, with a bound for each visit and each address, and turns by address.

    Args:
        like: the queue that Gradio made, whose settings are taken over.
        presence: who listens.
        runs_each: runs that one address may have waiting.
        each: requests of any kind that one address may have waiting.
    """

    def __init__(self, like: queueing.Queue, presence: Presence, runs_each: int, each: int) -> None:
        super().__init__(
            like.live_updates,
            like.max_thread_count,
            like.update_intervals,
            like.max_size,
            like.blocks,
            like.default_concurrency_limit,
        )
        self.presence = presence
        self.process_time_per_fn: Any = defaultdict(Recent)
        self._runs_each, self._each = runs_each, each
        self._served: dict[str, float] = {}
        self._readers: dict[str, asyncio.Queue[Any]] = {}
        self._answered: dict[str, float] = {}
        # A hundred looks a second at a line that cannot move are enough.
        self.sleep_when_free = 0.005

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take a request into the line, or say in a sentence why not."""
        closing = not self.pending_event_ids_session.get(body.session_hash)
        taken = await self._taken(body, request, username)
        if closing:
            # The page's stream closes with the last answer that it waits for. Told of its place before it knows of
            # that, the page would take the stream for open, and wait for ever for what nobody sends.
            known = self._answered.get(body.session_hash, float("-inf")) + UNAWARE_SECONDS
            await asyncio.sleep(max(known - time.monotonic(), 0))
        return taken

    async def _taken(self, body: Any, request: Any, username: str | None) -> Any:
        fn = self.blocks.fns.get(body.fn_index)
        if fn is None:
            return False, "There is no such function on this page: reload it.", "error"
        sentence = self._refusal(fn.concurrency_id, body.session_hash, address_in(request))
        if sentence:
            return False, sentence, "error"
        if body.session_hash:
            self.presence.seen(body.session_hash)
        taken = await super().push(body, request, username)
        if taken[0] and isinstance(taken[1], str) and body.session_hash:
            self.presence.seen(body.session_hash)
        return taken

    def _refusal(self, line: str, session: str | None, address: str) -> str:
        if self.max_size is not None and len(self) >= self.max_size:
            return "Too many requests wait on this server: try again in a minute."
        waiting = [event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue]
        same = [event for event in waiting if address_in(event.request) == address]
        if len(same) >= self._each:
            return "Too many requests from your address wait already: try again when some are answered."
        if line != TRAINING_LINE:
            return ""
        runs = [event.session_hash for event in waiting if event.concurrency_id == line]
        if session and not self.presence.returning.all_of(session).isdisjoint(runs):
            return ONE_RUN
        if sum(event.concurrency_id == line for event in same) >= self._runs_each:
            return "Several runs from your address wait already: try again when one has ended."
        return ""

    def get_events(self) -> Any:
        """The next request of a line that has a free place: (requests, whether a batch, line) or None."""
        busy: Counter[tuple[str, str]] | None = None
        for name, queue in sorted(self.event_queue_per_concurrency_id.items(), key=lambda _: self._served.get(_[0], 0)):
            limit = queue.concurrency_limit
            if not queue.queue or (limit is not None and queue.current_concurrency >= limit):
                continue
            busy = busy or Counter((event.concurrency_id, address_in(event.request)) for event in self._active())
            # No address takes more than half of a line that has several places.
            most = len(self.active_jobs) if limit is None else (limit + 1) // 2
            ready = [event for event in queue.queue if busy[name, address_in(event.request)] < most]
            if ready:
                taken = min(ready, key=functools.partial(self._turn, busy))
                queue.queue.remove(taken)
                now = time.monotonic()
                for key in (name, address_in(taken.request)):
                    self._served.pop(key, None)
                    self._served[key] = now
                return [taken], False, name
        return None

    def _turn(self, busy: Counter[tuple[str, str]], event: queueing.Event) -> tuple[float, float, float]:
        address = address_in(event.request)
        return busy[event.concurrency_id, address], self._served.get(address, 0.0), event.enqueue_time

    def _active(self) -> Iterator[queueing.Event]:
        return (event for events in self.active_jobs if events is not None for event in events)

    def in_turn(self, name: str) -> list[queueing.Event]:
        """The requests that wait in a line in the order in which they will be taken, as far as is known now."""
        nth: Counter[str] = Counter()
        turns = []
        for event in self.event_queue_per_concurrency_id[name].queue:
            address = address_in(event.request)
            turns.append((nth[address], event.enqueue_time, event._id, event))
            nth[address] += 1
        return [turn[-1] for turn in sorted(turns)]

    def broadcast_estimations(self, concurrency_id: str, after: int | None = None) -> None:
        """Tell everybody in a line their place and about how long it takes until they are answered."""
        size = len(self.event_queue_per_concurrency_id[concurrency_id].queue)
        for event, rank, eta in self._expected(concurrency_id):
            self.send_message(event, EstimationMessage(rank=rank, rank_eta=eta, queue_size=size))

    def place(self, session: str) -> Place | None:
        """Where the run of a session stands; None where it has none."""
        mine = self.presence.returning.all_of(session)
        runs = [event for event in self.event_ids_to_events.values() if event.concurrency_id == TRAINING_LINE]
        if not any(event.session_hash in mine for event in runs):
            return None
        for event, rank, eta in self._expected(TRAINING_LINE):
            if event.session_hash in mine:
                return Place(rank + self.event_queue_per_concurrency_id[TRAINING_LINE].current_concurrency, eta)
        return Place(None, None)

    def _expected(self, concurrency_id: str) -> Iterator[tuple[queueing.Event, int, float | None]]:
        """(request, how many before it, seconds until it is answered as far as is known) of those that wait."""
        queue, now = self.event_queue_per_concurrency_id[concurrency_id], time.time()
        usual = {fn: recent.known for fn, recent in self.process_time_per_fn.items()}
        free = [
            None if usual.get(fn) is None else max(usual[fn] - (now - start), 0.5)
            for fn, starts in list(queue.start_times_per_fn.items())
            for start in starts
        ]
        limit = queue.concurrency_limit or len(self.active_jobs) or 1
        known = None not in free
        ends = [0.0] * max(limit - len(free), 0) + [seconds for seconds in free if seconds is not None]
        heapq.heapify(ends)
        for rank, event in enumerate(self.in_turn(concurrency_id)):
            takes = usual.get(event.fn)
            known = known and takes is not None and bool(ends)
            eta = heapq.heappop(ends) + takes if known and takes is not None else None
            if eta is not None:
                heapq.heappush(ends, eta)
            yield event, rank, eta

    def compute_analytics_summary(self, records: Any) -> Any:
        """Nothing: Gradio's would make a table of the last ten thousand requests after every one, for a closed page."""
        return {"functions": {}}

    # Asking from within ----------------------------------------------------------------------------------------------

    async def ask(self, body: Any, request: Any, username: str | None) -> AsyncIterator[Any]:
        """Wait in the line like everybody and give the messages of this one request, until it has ended.

        Raises:
            ValueError: it was not taken.
        """
        # What is answered at once must find a reader: there is no stream here that could be closing.
        taken, event_id, _ = await self._taken(body, request, username)
        if not taken:
            raise ValueError(str(event_id))
        reader = self._readers[event_id] = asyncio.Queue()
        try:
            with self.presence.listening(body.session_hash):
                while True:
                    message = await reader.get()
                    yield message
                    if isinstance(message, ProcessCompletedMessage):
                        return
        finally:
            del self._readers[event_id]
            await self.give_up(body.session_hash, event_id)

    def send_message(self, event: queueing.Event, event_message: Any) -> None:
        """Hand a message to whoever asked."""
        if isinstance(event_message, ProcessCompletedMessage) and event.session_hash:
            self._answered[event.session_hash] = time.monotonic()
        reader = self._readers.get(event._id)
        if reader is None:
            # Nobody reads what would be said to a page that has closed.
            if event.session_hash in self.pending_messages_per_session:
                super().send_message(event, event_message)
        elif event.alive:
            reader.put_nowait(event_message)

    # Leaving the line ------------------------------------------------------------------------------------------------

    async def give_up(self, session: str, event_id: str | None) -> bool:
        """End one request of a session, waiting or at work, or all of them; whether there was one.

        Work that has begun holds its place until it has really ended.
        """
        wanted = [
            event
            for event in list(self.event_ids_to_events.values())
            if event.session_hash == session and event_id in (None, event._id)
        ]
        for event in wanted:
            self.send_message(event, ProcessCompletedMessage(output={}, success=True))
            await self._drop(event)
        return bool(wanted)

    async def leave(self, session: str) -> None:
        """Take a run that waits out of the line: it is answered with nothing new."""
        mine = self.presence.returning.all_of(session)
        line = self.event_queue_per_concurrency_id.get(TRAINING_LINE)
        for event in list(line.queue if line else ()):
            if event.session_hash in mine:
                nothing = {"data": [SKIPPED] * len(event.fn.outputs), "is_generating": False}
                self.send_message(event, ProcessCompletedMessage(output=nothing, success=True))
                await self._drop(event)

    async def take_over(self, session: str, heir: str) -> None:
        """A page was opened anew: what it was at ends, but for work that lasts, which is now at work for its heir."""
        self.presence.returning.inherit(session, heir)
        for event in list(self.event_ids_to_events.values()):
            if event.session_hash == session and not getattr(event.fn.fn, "lasting", False):
                await self._drop(event)

    async def clean_events(self, *, session_hash: str | None = None, event_id: str | None = None) -> None:
        """A stream of answers has closed. Whether its page has left for good, time will tell: see `sweep`."""
        if session_hash is None or not self.presence.returning.holds(session_hash):
            await super().clean_events(session_hash=session_hash, event_id=event_id)

    async def sweep(self) -> set[str]:
        """Let go of what nobody listens to; the sessions whose work was given up."""
        past = time.monotonic() - UNAWARE_SECONDS
        self._answered = {session: at for session, at in self._answered.items() if at > past}
        given_up = set()
        for event in list(self.event_ids_to_events.values()):
            if not self.presence.heard(event.session_hash):
                given_up.add(self.presence.returning.heir(event.session_hash))
                await self._drop(event)
        at_work = {event.session_hash for event in self.event_ids_to_events.values()}
        self.presence.returning.prune(at_work)
        for session in list(self.pending_messages_per_session):
            if session not in at_work and not self.presence.heard(session):
                self.pending_messages_per_session.pop(session, None)
                self.pending_event_ids_session.pop(session, None)
        return given_up

    async def _drop(self, event: queueing.Event) -> None:
        event.alive = False
        async with self.delete_lock:
            queue = self.event_queue_per_concurrency_id[event.concurrency_id].queue
            if event in queue:
                queue.remove(event)
                self.event_ids_to_events.pop(event._id, None)
        self.pending_event_ids_session.get(event.session_hash, set()).discard(event._id)

    def session_of(self, event_id: str) -> str:
        """Whose a request is; its own name where it has no session."""
        event = self.event_ids_to_events.get(event_id)
        if event is not None:
            return event.session_hash
        sessions = self.pending_event_ids_session.items()
        return next((session for session, ids in sessions if event_id in ids), event_id)


def address_in(request: Any) -> str:
    """Where a request comes from, as the guard saw it."""
    return str(request.scope.get(ADDRESS, "")) if request is not None else ""
