"""The page's table of contents: its rooms in a person's order, the ways between them, and the endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.address import ROOMS, follow_view, open_address
from app.api.compare import compare_endpoint
from app.api.report import report_endpoint
from app.api.unlearn import unlearn_endpoint
from app.look.markup import block
from app.look.texts import say
from app.rooms.compare.race import race_endpoint
from app.rooms.compare.room import CompareRoom
from app.rooms.compare.stresses import stress_endpoint
from app.rooms.events import (
    PRIVATE,
    QUIET,
    SCORING,
    TRAINING,
    wire_compare,
    wire_inspect,
    wire_own,
    wire_trials,
    wire_unlearn,
)
from app.rooms.inspect.room import InspectRoom, score_endpoint
from app.rooms.learn.room import STEPS, LearnRoom
from app.rooms.own.room import OwnRoom
from app.rooms.unlearn.room import UnlearnRoom
from app.visit.models import Shelf
from app.visit.session import Visits
from app.visit.studio import Studio
from attribution.version import VERSION, commit

TITLE = "Forget Lens"
HEADER = (
    '<header class="pg-header"><h1>Forget Lens</h1><p>See which tokens of an answer carry the knowledge. Forget '
    "exactly those.</p></header>"
)


def build_page(studio: Studio, visits: Visits) -> gr.Blocks:
    """The whole page, wired, around a studio."""
    inspect_room = InspectRoom(studio, visits)
    unlearn_room = UnlearnRoom(studio, visits, inspect_room)
    compare_room = CompareRoom(studio, visits)
    learn_room = LearnRoom(inspect_room, unlearn_room)
    own_room = OwnRoom(studio, visits, Shelf(studio.settings, studio.model), inspect_room)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        block(HEADER)
        learn_room.build_strip()
        with gr.Tabs(selected="inspect", elem_id="rooms") as tabs:
            with gr.Tab(say("room_inspect"), id="inspect"):
                inspect_room.build()
            with gr.Tab(say("room_unlearn"), id="unlearn") as unlearn_tab:
                unlearn_room.build()
            with gr.Tab(say("room_compare"), id="compare"):
                compare_room.build()
            with gr.Tab(say("room_learn"), id="learn"):
                learn_room.build()
            with gr.Tab(say("room_own"), id="own"):
                own_room.build()

        block(f'<footer class="pg-soft" id="version">{TITLE} {VERSION}, commit {commit()}</footer>')
        # First: a listener takes the name of its function, and the endpoints' names must still be free.
        _publish(studio, visits)
        follow = {**follow_view(inspect_room, unlearn_room), **PRIVATE}
        wire_inspect(inspect_room, studio, follow)
        wire_unlearn(unlearn_room, compare_room, studio, unlearn_tab)
        wire_compare(compare_room)
        wire_trials(compare_room, inspect_room, unlearn_room, studio)
        wire_own(own_room, tabs)
        _wire_moves(tabs, inspect_room, unlearn_room, compare_room, learn_room, follow)
        _wire_address(page, tabs, inspect_room, unlearn_room, learn_room, follow)

        def leave(request: gr.Request) -> None:
            visits.close(request.session_hash)

        page.unload(leave)
        # Pressed by page.js only. Hidden is not the same as not visible, which would leave it out of the page.
        gr.Button(elem_id="left-answers", visible="hidden").click(lambda: None, **QUIET)
    # Small handlers of many visitors side by side; scoring and training have limits of their own.
    return page.queue(default_concurrency_limit=16, max_size=studio.settings.max_waiting, api_open=False)


def _wire_moves(
    tabs: gr.Tabs,
    inspect_room: InspectRoom,
    unlearn_room: UnlearnRoom,
    compare_room: CompareRoom,
    learn_room: LearnRoom,
    follow: dict[str, Any],
) -> None:
    def move(room: str) -> Callable[[], Any]:
        return lambda: gr.Tabs(selected=room)

    inspect_room.onward.click(move("unlearn"), None, tabs, **QUIET)
    unlearn_room.watch.onward.click(move("compare"), None, tabs, **QUIET)
    compare_room.begin.click(move("unlearn"), None, tabs, **QUIET)
    _wire_lesson(tabs, learn_room, follow, move)


def _wire_lesson(
    tabs: gr.Tabs, room: LearnRoom, follow: dict[str, Any], move: Callable[[str], Callable[[], Any]]
) -> None:
    # A partial would hide the annotation by which Gradio recognises the request.
    def set_up(number: int) -> Callable[[gr.Request], dict[Any, Any]]:
        def begin(request: gr.Request) -> dict[Any, Any]:
            return room.set_up(number, request)

        return begin

    def check(number: int) -> Callable[..., dict[Any, Any]]:
        def answer(choice: str | None, solved: list[int], request: gr.Request) -> dict[Any, Any]:
            return room.check(number, choice, solved, request)

        return answer

    for number, step in enumerate(STEPS, start=1):
        opened = room.buttons[number - 1].click(set_up(number), None, room.outputs, **QUIET, **SCORING)
        opened.then(move(step.room), None, tabs, **QUIET).then(**follow)
        inputs = [room.choices[number - 1], room.solved]
        outputs = [room.verdicts[number - 1], room.solved, *room.marks]
        room.checks[number - 1].click(check(number), inputs, outputs, **QUIET)
    back = {"fn": None, "js": "() => ForgetLensPage.toQuestion()", **PRIVATE}
    room.answer.click(move("learn"), None, tabs, **QUIET).then(**back)
    room.leave.click(lambda: gr.update(visible=False), None, room.strip, **QUIET)


def _wire_address(
    page: gr.Blocks,
    tabs: gr.Tabs,
    inspect_room: InspectRoom,
    unlearn_room: UnlearnRoom,
    learn_room: LearnRoom,
    follow: dict[str, Any],
) -> None:
    room = gr.State(ROOMS[0])

    def arrive(request: gr.Request) -> dict[Any, Any]:
        inspect_room.studio.warm_up()
        name, shown = open_address(inspect_room, unlearn_room, request)
        return {**shown, room: name}

    form = unlearn_room.form
    opened = page.load(arrive, None, [room, *inspect_room.whole_view, *form.outputs], **QUIET)

    def enter(name: str) -> Any:
        # Nothing where nothing was asked for: the visitor may have gone elsewhere by now.
        return gr.skip() if name == ROOMS[0] else gr.Tabs(selected=name)

    # The room once the lanes stand: entering Unlearn reads the cut from them.
    opened.then(enter, room, tabs, **QUIET).then(**follow)
    page.load(learn_room.marked, learn_room.solved, learn_room.marks, **QUIET)
    tabs.change(None, js="() => ForgetLensPage.enter()", **PRIVATE)
    gr.on([tabs.change, *(field.change for field in form.fields.values())], **follow)


def _publish(studio: Studio, visits: Visits) -> None:
    """The public endpoints."""
    gr.api(
        score_endpoint(studio),
        api_name="score",
        concurrency_limit=studio.settings.scores_at_once,
        **SCORING,
    )
    gr.api(
        unlearn_endpoint(studio, visits),
        api_name="unlearn",
        concurrency_limit=studio.settings.runs_at_once,
        **TRAINING,
    )
    gr.api(compare_endpoint(studio, visits), api_name="compare", **TRAINING)
    gr.api(report_endpoint(studio, visits), api_name="report", **TRAINING)
    gr.api(stress_endpoint(studio, visits), api_name="stress", **TRAINING)
    gr.api(race_endpoint(studio, visits), api_name="race", **TRAINING)
