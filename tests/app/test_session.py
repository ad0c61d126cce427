"""What a visitor holds: bounded, apart from every other visitor's, one run at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from app.server.presence import RETURN_SECONDS, Presence
from app.server.settings import Settings
from app.visit.session import Visit
from app.visit.visits import Return, Visits

QUESTION = SimpleNamespace(example=SimpleNamespace(prompt="Who?"))
STUDIO: Any = SimpleNamespace(settings=Settings(), corpus=SimpleNamespace(forget=[QUESTION]))


def visits_of(**limits: Any) -> Visits:
    return Visits(SimpleNamespace(settings=Settings(**limits)))  # type: ignore[arg-type]


class FakeRun(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(
            config=None,
            model=SimpleNamespace(generate=lambda prompts: ["I."]),
            selections=[],
            steps=[],
            seconds=0.0,
            stopped=False,
            stops=0,
        )
        self.notes: list[str] = []
        self.rolled_back_to = self.guard = self.before = None

    def stop(self) -> None:
        self.stops += 1


def test_visits_are_apart_and_found_again() -> None:
    visits = visits_of()
    assert visits.of("a") is visits.of("a")
    assert visits.of("a") is not visits.of("b")
    assert len(visits) == 2


def fake_line() -> Any:
    """A line with a real presence, in which nothing waits."""
    presence = Presence(9, 9)
    taken: list[tuple[str, str]] = []

    async def take_over(session: str, heir: str) -> None:
        taken.append((session, heir))
        presence.returning.inherit(session, heir)

    return SimpleNamespace(presence=presence, take_over=take_over, taken=taken)


def test_a_visit_goes_on_for_whoever_has_its_ticket_once_its_page_has_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.presence.CLOSING_SECONDS", 0.1)
    visits, line = visits_of(), fake_line()
    visits.line = line

    def come(ticket: str, session: str) -> Return:
        # In a thread: beside a browser, this one has a loop of its own.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, visits.come_back(ticket, session)).result()

    with line.presence.staying("a"):
        ticket = come("", "a").ticket
        mine = visits.of("a")
        # A copy of the tab, while the first is open: a visit of its own.
        copied = come(ticket, "b")
        assert not copied.again and copied.elsewhere and visits.of("b") is not mine
    line.presence.returning.left("a")
    for guessed in ("", "a", ticket[:-1], f"{ticket} ", "é", copied.ticket[::-1]):
        assert not come(guessed, "c").again, guessed
    again = come(ticket, "d")
    assert again.again and visits.of("d") is mine and line.taken == [("a", "d")]
    assert again.ticket != ticket and not come(ticket, "e").again, "a ticket is good once"
    assert visits.of("a") is not mine


def test_what_is_at_work_is_heard_by_whoever_has_taken_it_over() -> None:
    now = [0.0]
    presence = Presence(9, 9, lambda: now[0])
    returning = presence.returning
    returning.ticket("a")
    with presence.staying("a"):
        pass
    returning.left("a")
    now[0] = RETURN_SECONDS - 1
    assert presence.heard("a") and returning.gone() == []
    now[0] = RETURN_SECONDS
    assert not presence.heard("a") and returning.gone() == ["a"]
    returning.inherit("a", "b")
    assert returning.gone() == [] and not presence.heard("a"), "nobody listens to its heir either"
    presence.seen("b")
    returning.inherit("b", "c")
    assert returning.all_of("c") == {"a", "b", "c"}
    with presence.listening("c"):
        assert presence.heard("a") and presence.heard("b")
    returning.prune({"b"})
    assert returning.all_of("c") == {"b", "c"}


def test_a_caller_without_a_session_shares_nothing() -> None:
    visits = visits_of()
    assert visits.of(None) is not visits.of(None)
    assert len(visits) == 0


def test_the_one_unused_for_longest_makes_room() -> None:
    visits = visits_of(max_visits=2)
    first, second = visits.of("a"), visits.of("b")
    visits.of("a")
    visits.of("c")
    assert visits.of("a") is first
    assert visits.of("b") is not second


def test_a_visit_that_trains_is_never_dropped() -> None:
    visits = visits_of(max_visits=1)
    training = visits.of("a")
    with training.training():
        with pytest.raises(ValueError, match="try again"):
            visits.of("b")
        assert visits.of("a") is training
    assert visits.of("b") is not training


def test_one_run_at_a_time() -> None:
    visit = Visit(STUDIO)
    with visit.training():
        with pytest.raises(ValueError, match="still training"), visit.training():
            pass
        with pytest.raises(ValueError, match="stop it first"):
            visit.undo()
    with visit.training():
        pass


def test_stop_reaches_a_run_that_is_still_being_prepared() -> None:
    visit, run = Visit(STUDIO), FakeRun()
    with visit.training():
        visit.stop()
        visit.begin(run)
    assert run.stops == 1
    with visit.training():
        later = visit.begin(FakeRun())
    assert later.stops == 0, "an old Stop must not end the next run"


def test_closing_stops_the_run_and_lets_go_of_the_models() -> None:
    visits, run = visits_of(), FakeRun()
    visit = visits.of("a")
    visit.keep(FakeRun(), 0, (), max_runs=3)
    with visit.training():
        visit.begin(run)
        visits.close("a")
        assert run.stops == 1
    assert visit.runs == []
    assert len(visits) == 0
    visits.close("never opened")


def test_the_undo_stack_is_bounded_and_numbers_go_on() -> None:
    visit = Visit(STUDIO)
    for _ in range(4):
        visit.keep(FakeRun(), 0, (), max_runs=2)
    assert [kept.number for kept in visit.runs] == [3, 4]
    assert visit.undo().number == 4
    assert visit.last is not None and visit.last.number == 3
    assert visit.keep(FakeRun(), 0, (), max_runs=2).number == 5
    visit.undo()
    visit.undo()
    with pytest.raises(ValueError, match="no run to undo"):
        visit.undo()


def kept_runs(number: int, guard: object = None) -> Visit:
    visit = Visit(STUDIO)
    for _ in range(number):
        run = FakeRun()
        run.guard = guard
        visit.keep(run, 0, (), max_runs=5)
    return visit


def test_any_kept_run_can_be_the_current_one() -> None:
    visit = kept_runs(3)
    assert visit.last is not None and visit.last.name == "Run 3"
    assert visit.pick(1) is visit.last is visit.find(1)
    assert visit.undo().number == 1 and visit.last is not None and visit.last.number == 2
    visit.keep(FakeRun(), 0, (), max_runs=5)
    assert visit.last.number == 4, "a new run is the current one"
    with pytest.raises(ValueError, match=r"no kept run 1: choose from Run 2 \(2\), Run 3 \(3\), Run 4"):
        visit.find(1)
    with visit.training(), pytest.raises(ValueError, match="still training"):
        visit.pick(2)


def test_undo_to_an_earlier_run_drops_what_came_after() -> None:
    visit = kept_runs(4)
    assert [kept.number for kept in visit.undo_to(2)] == [3, 4]
    assert [kept.number for kept in visit.runs] == [1, 2] and visit.last is visit.find(2)
    assert visit.undo_to(2) == []


@pytest.mark.parametrize(("name", "said"), [("  ", "is empty"), ("x" * 61, "at most 60"), ("Run 1", "another name")])
def test_names_are_of_use(name: str, said: str) -> None:
    visit = kept_runs(2)
    assert visit.rename(2, "  whole\n<b>sequence</b> ").name == "whole <b>sequence</b>"
    with pytest.raises(ValueError, match=said):
        visit.rename(2, name)
    assert visit.find(2).name == "whole <b>sequence</b>" and visit.rename(2, visit.find(2).name)
    visit.rename(2, "Run 3")
    assert visit.keep(FakeRun(), 0, (), max_runs=5).name == "Run 3 (new)"


def test_the_latest_run_alone_can_go_back_to_its_sound_step() -> None:
    guard = SimpleNamespace(best=SimpleNamespace(step=5), restore=lambda: 5)
    visit = kept_runs(2, guard)
    assert [kept.way_back for kept in visit.runs] == [None, 5], "two copies of the weights, of the latest run alone"
    visit.find(2).evaluation = object()  # type: ignore[assignment]
    kept = visit.go_back()
    assert (kept.rolled_back_to, kept.evaluation, kept.way_back, kept.stands_at) == (5, None, None, 5)
    visit.pick(1)
    with pytest.raises(ValueError, match="no earlier step"):
        visit.go_back()
