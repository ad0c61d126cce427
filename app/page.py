"""The page's table of contents: its rooms in a person's order, and which event calls which handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.comparison import CompareRoom, compare_endpoint
from app.export import SAVE
from app.inspection import DESCRIBE_CUT, LANES_ID, InspectRoom, score_endpoint
from app.lanes import read_rule
from app.lessons import STEPS, LearnRoom, Step
from app.markup import block
from app.session import Visits
from app.studio import Studio
from app.training import unlearn_endpoint
from app.unlearning import UnlearnRoom
from attribution.version import VERSION, commit

TITLE = "Forget Lens"
HEADER = (
    '<header class="pg-header"><h1>Forget Lens</h1><p>See which tokens of an answer carry the knowledge. Forget '
    "exactly those.</p></header>"
)
# Handlers of the page itself; the endpoints are the public way to the same work.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
SCORING: dict[str, Any] = {"concurrency_id": "score"}
TRAINING: dict[str, Any] = {"concurrency_id": "train"}
QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
# A choice changed again while the server still answers the one before: the last one counts.
LATEST: dict[str, Any] = {"trigger_mode": "always_last"}


def build_page(studio: Studio, visits: Visits) -> gr.Blocks:
    """The whole page, wired, around a studio."""
    inspect_room = InspectRoom(studio, visits)
    unlearn_room = UnlearnRoom(studio, visits)
    compare_room = CompareRoom(studio, visits)
    learn_room = LearnRoom(inspect_room, unlearn_room)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        block(HEADER)
        with gr.Tabs(selected="inspect", elem_id="rooms") as tabs:
            with gr.Tab("Inspect", id="inspect"):
                inspect_room.build()
            with gr.Tab("Unlearn", id="unlearn") as unlearn_tab:
                unlearn_room.build()
            with gr.Tab("Compare", id="compare"):
                compare_room.build()
            with gr.Tab("Learn", id="learn"):
                learn_room.build()

        block(f'<footer class="pg-soft" id="version">{TITLE} {VERSION}, commit {commit()}</footer>')
        # First: a listener takes the name of its function, and the endpoints' names must still be free.
        _publish(studio, visits)
        _wire_inspect(inspect_room, studio)
        _wire_unlearn(unlearn_room, inspect_room, compare_room, studio, unlearn_tab)
        _wire_compare(compare_room)
        _wire_moves(tabs, inspect_room, unlearn_room, compare_room, learn_room)
        page.load(studio.warm_up, **QUIET)

        def leave(request: gr.Request) -> None:
            visits.close(request.session_hash)

        page.unload(leave)
    # Small handlers of many visitors side by side; scoring and training have limits of their own.
    return page.queue(default_concurrency_limit=16, max_size=studio.settings.max_waiting, api_open=False)


def _wire_inspect(room: InspectRoom, studio: Studio) -> None:
    typed = [room.split, room.row, room.prompt, room.answer, room.scope]
    scoring = {**QUIET, **SCORING, "concurrency_limit": studio.settings.scores_at_once}
    redraw_cut = {"fn": None, "js": DESCRIBE_CUT, **PRIVATE}

    gr.on(
        [room.go.click, room.subject.submit, room.answer.submit],
        room.score,
        [*typed, room.subject, room.shown],
        room.outputs,
        **scoring,
    ).then(**redraw_cut)
    gr.on(
        [room.scope.input, room.shown.input],
        room.score,
        [*typed, room.subject, room.shown],
        room.outputs,
        **scoring,
        **LATEST,
    ).then(**redraw_cut)
    room.split.input(
        room.pick_split,
        [room.split, room.scope, room.shown],
        room.outputs,
        **scoring,
        **LATEST,
    ).then(**redraw_cut)
    room.row.input(
        room.pick_row, [room.split, room.row, room.scope, room.shown], room.outputs, **scoring, **LATEST
    ).then(**redraw_cut)
    room.lanes.subject(room.hide_words, [*typed, room.shown], room.outputs, **scoring).then(**redraw_cut)
    room.lanes.rule(**redraw_cut)
    for button, handler in ((room.save_json, room.as_json), (room.save_csv, room.as_csv)):
        button.click(handler, None, room.file, **QUIET).then(None, room.file, js=SAVE, **PRIVATE)


def _wire_unlearn(
    room: UnlearnRoom, inspect_room: InspectRoom, compare_room: CompareRoom, studio: Studio, tab: gr.Tab
) -> None:
    cut = [inspect_room.rule, room.strategy, room.temperature]
    shown_cut = [room.notice, room.cut, room.temperature, room.proof]
    training = {**QUIET, **TRAINING, "concurrency_limit": studio.settings.runs_at_once}

    gr.on(
        [tab.select, room.strategy.input, room.temperature.release],
        room.show_cut,
        cut,
        shown_cut,
        js=read_rule(LANES_ID),
        **QUIET,
        **LATEST,
    )
    tab.select(room.estimated, room.steps, room.estimate, **QUIET)
    room.steps.release(room.known_estimate, room.steps, room.estimate, **QUIET, **LATEST)
    room.go.click(
        room.start,
        [*cut, room.objective, room.steps, room.rate],
        room.outputs,
        js=read_rule(LANES_ID),
        **training,
    ).then(compare_room.compare, compare_room.view, compare_room.outputs, **QUIET, **TRAINING)
    # Not in the queue: Stop must not wait behind the run that it stops.
    room.halt.click(room.stop, queue=False, **QUIET)
    room.back.click(room.undo, None, room.outputs, **QUIET).then(
        compare_room.compare, compare_room.view, compare_room.outputs, **QUIET, **TRAINING
    )


def _wire_compare(room: CompareRoom) -> None:
    gr.on(
        [room.split.input, room.changed.input, room.size.input],
        room.filtered,
        room.view,
        room.outputs,
        **QUIET,
        **LATEST,
    )
    room.previous.click(room.back, [*room.view, room.page], room.outputs, **QUIET)
    room.next.click(room.forward, [*room.view, room.page], room.outputs, **QUIET)
    for button, handler in ((room.save_json, room.as_json), (room.save_csv, room.as_csv)):
        button.click(handler, None, [room.notice, room.file], **QUIET).then(None, room.file, js=SAVE, **PRIVATE)


def _wire_moves(
    tabs: gr.Tabs,
    inspect_room: InspectRoom,
    unlearn_room: UnlearnRoom,
    compare_room: CompareRoom,
    learn_room: LearnRoom,
) -> None:
    def move(room: str) -> Callable[[], Any]:
        return lambda: gr.Tabs(selected=room)

    inspect_room.onward.click(move("unlearn"), None, tabs, **QUIET)
    unlearn_room.onward.click(move("compare"), None, tabs, **QUIET)
    compare_room.begin.click(move("unlearn"), None, tabs, **QUIET)
    for button, step in zip(learn_room.buttons, STEPS, strict=True):
        opened = button.click(_set_up(learn_room, step), None, learn_room.outputs, **QUIET, **SCORING)
        opened.then(move(step.room), None, tabs, **QUIET).then(fn=None, js=DESCRIBE_CUT, **PRIVATE)


def _set_up(learn_room: LearnRoom, step: Step) -> Callable[[gr.Request], dict[Any, Any]]:
    # A partial would hide the annotation by which Gradio recognises the request.
    def set_up(request: gr.Request) -> dict[Any, Any]:
        return learn_room.set_up(step, request)

    return set_up


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
