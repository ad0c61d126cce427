"""The line of the real server: no more runs train than may, nobody holds it, and asking does not wait for training."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import gradio as gr
import pytest

from app.server.line import UNAWARE_SECONDS
from app.server.presence import Presence
from app.server.settings import Settings
from app.visit.visits import Visits
from tests.security.conftest import API, Caller, Page

# A run whose rows are prepared in a second; one of them tries to be two, or to stay.
RUN = {"scorer": "random", "objective": "wga", "steps": 300}


def training(page: Page) -> int:
    with page.client() as client:
        return int(client.get("/health").json()["training"])


def until(page: Page, trains: bool, patience: float = 60) -> float:
    """Wait until a run trains, or none does any more; the seconds that took."""
    started = time.monotonic()
    while bool(training(page)) != trains:
        assert time.monotonic() - started < patience, "no run begins" if trains else "a run goes on"
        time.sleep(0.02 if trains else 0.1)
    return time.monotonic() - started


def test_cancelling_lets_no_second_run_train(page: Page) -> None:
    """Between submit and start: the place was free again while the work went on, and 22 runs trained at once."""
    most = []
    callers = [Caller(page, f"cancels{n}") for n in range(4)]
    for caller in callers:
        event = caller.join("unlearn", **RUN).json()["event_id"]
        time.sleep(0.15)
        gone = {"session_hash": caller.session, "fn_index": caller.numbers["unlearn"], "event_id": event}
        assert caller.client.post(f"{API}/cancel", json=gone).status_code == 200
        most.append(training(page))
    assert max(most) <= 1
    until(page, False)


def test_closing_streams_and_pages_lets_none_either(page: Page) -> None:
    """The second of its kind: the stream of answers, and the page itself, closed in the middle."""
    most = []
    callers = [Caller(page, f"closes{n}") for n in range(4)]
    for number, caller in enumerate(callers):
        caller.join("unlearn", **RUN)
        path = f"{API}/queue/data?session_hash={caller.session}" if number % 2 else f"{API}/heartbeat/{caller.session}"
        with caller.client.stream("GET", path) as stream:
            next(stream.iter_raw())
            time.sleep(0.15)
        most.append(training(page))
    assert max(most) <= 1
    until(page, False)


def test_a_visit_has_one_run_waiting_an_address_few_and_what_nobody_listens_to_ends(page: Page) -> None:
    callers = [Caller(page, f"waits{n}") for n in range(13)]
    assert callers[0].join("unlearn", **RUN).status_code == 200
    until(page, True)
    said = [callers[0].join("unlearn", **RUN) for _ in range(2)]
    assert [each.status_code for each in said] == [200, 400]
    assert "waits already" in said[-1].json()["detail"]
    codes = [caller.join("unlearn", **RUN).status_code for caller in callers[1:]]
    assert codes.count(200) <= 10 and codes[-1] == 400
    # Asking a model does not wait for any of them; what it refuses, it refuses at once.
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="is unknown"):
        Caller(page, "asks").ask("compare", split="nothing")
    assert time.monotonic() - started < 2
    assert Caller(page, "scores").ask("score", row="forget:0", scorers="random")["examples"]
    # No page hears of the one that trains, nor of those that wait.
    assert training(page) == 1
    until(page, False, 40)
    for caller in callers:
        caller.client.post(f"{API}/cancel", json={"session_hash": caller.session})
    until(page, False)


def test_a_request_right_after_an_answer_waits_until_the_stream_is_known_to_be_closed(page: Page) -> None:
    """A page that hears of its place before it hears that its stream closed would listen to nothing for ever."""
    caller = Caller(page, "atonce")
    caller.join("score", row="forget:0", scorers="random")
    with caller.client.stream("GET", f"{API}/queue/data?session_hash={caller.session}") as stream:
        lines = list(stream.iter_lines())
    assert "close_stream" in lines[-2], lines
    closed = time.monotonic()
    assert caller.join("score", row="forget:0", scorers="random").status_code == 200
    assert time.monotonic() - closed > UNAWARE_SECONDS / 2
    assert caller.answer()["success"]


def test_the_limit_holds_where_training_happens() -> None:
    visits = Visits(SimpleNamespace(settings=Settings(runs_at_once=2)))  # type: ignore[arg-type]
    seen, going = [], threading.Event()

    def train(number: int) -> None:
        with visits.of(f"v{number}").training():
            seen.append(visits.training)
            going.wait(0.05)

    with ThreadPoolExecutor(8) as many:
        list(many.map(train, range(8)))
    assert max(seen) == 2 and visits.training == 0
    first, second, third = (visits.of(f"w{n}") for n in range(3))
    with first.training(), second.training():
        threading.Timer(0.1, third.stop).start()
        with pytest.raises(ValueError, match="before a place was free"), third.training():
            raise AssertionError("let in")


def test_turns_go_round_the_addresses() -> None:
    from app.server.line import ADDRESS, Line

    def event(name: str, address: str, at: float) -> Any:
        request = SimpleNamespace(scope={ADDRESS: address})
        return SimpleNamespace(_id=name, request=request, enqueue_time=at, concurrency_id="score")

    line: Any = SimpleNamespace(
        event_queue_per_concurrency_id={
            "score": SimpleNamespace(
                queue=[*(event(f"flood{n}", "f", n) for n in range(20)), event("polite", "p", 20)],
                concurrency_limit=4,
                current_concurrency=0,
            )
        },
        active_jobs=[None] * 40,
        _served={},
    )
    line._active = lambda: (each for events in line.active_jobs if events for each in events)
    line._turn = lambda busy, event: Line._turn(line, busy, event)
    assert [each._id for each in Line.in_turn(line, "score")][:3] == ["flood0", "polite", "flood1"]
    taken = []
    for place in range(5):
        found = Line.get_events(line)
        if found is None:
            break
        taken.append(found[0][0]._id)
        line.active_jobs[place] = found[0]
        line.event_queue_per_concurrency_id["score"].current_concurrency += 1
    assert "polite" in taken[:2] and len(taken) == 3
    assert sum(name.startswith("flood") for name in taken) == 2, "no address takes more than half of the places"


def test_a_run_that_waits_says_its_place_and_time_and_can_leave() -> None:
    from gradio.queueing import EventQueue

    from app.server.line import ADDRESS, TRAINING_LINE, Line, Place, Recent

    line: Any = Line(gr.Blocks().queue()._queue, Presence(9, 9), 9, 9)
    queue = line.event_queue_per_concurrency_id[TRAINING_LINE] = EventQueue(TRAINING_LINE, 1)
    fn = Mock(outputs=["one", "two"])
    line.process_time_per_fn[fn] = Recent()
    line.process_time_per_fn[fn].add(20.0)
    for at, session in enumerate(("trains", "first", "mine")):
        request = SimpleNamespace(scope={ADDRESS: session})
        event: Any = SimpleNamespace(
            _id=session,
            session_hash=session,
            fn=fn,
            request=request,
            concurrency_id=TRAINING_LINE,
            enqueue_time=at,
            alive=True,
        )
        line.event_ids_to_events[session] = event
        if at:
            queue.queue.append(event)
    queue.current_concurrency = 1
    queue.start_times_per_fn[fn] = {time.time() - 15}
    assert line.place("nobody") is None and line.place("trains") == Place(None, None)
    # A page that was opened anew stands where it stood.
    line.presence.returning.inherit("mine", "anew")
    place = line.place("anew")
    assert place.before == 2 and place.seconds == pytest.approx(45, abs=1)
    # A run of two steps and one of three hundred foretell nothing of a third; those that agree do.
    for seconds, foretold in ((2.0, None), (4.0, None), (4.0, None), (4.0, pytest.approx(10, abs=1))):
        line.process_time_per_fn[fn].add(seconds)
        assert line.place("anew").seconds == foretold and line.place("anew").before == 2
    said: list[Any] = []
    line.send_message = lambda event, message: said.append((event._id, message))
    # In a thread: beside a browser, this one has a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, line.leave("anew")).result()
    ((who, message),) = said
    assert who == "mine" and message.output["data"] == [gr.skip(), gr.skip()]
    assert line.place("anew") is None and [event._id for event in queue.queue] == ["first"]
