"""Which event of a room calls which of its handlers, and which line it waits in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.look.lanes import read_rule, read_state
from app.rooms.compare.room import CompareRoom
from app.rooms.inspect.room import LANES_ID, InspectRoom
from app.rooms.own.room import OwnRoom
from app.rooms.unlearn.room import UnlearnRoom
from app.visit.export import SAVE
from app.visit.studio import Studio

# Handlers of the page itself; the endpoints are the public way to the same work.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
SCORING: dict[str, Any] = {"concurrency_id": "score"}
TRAINING: dict[str, Any] = {"concurrency_id": "train"}
QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
# A choice changed again while the server still answers the one before: the last one counts.
LATEST: dict[str, Any] = {"trigger_mode": "always_last"}


def wire_inspect(room: InspectRoom, studio: Studio, follow: dict[str, Any]) -> None:
    typed = [room.split, room.row, room.prompt, room.answer, room.scope]
    scoring = {**QUIET, **SCORING, "concurrency_limit": studio.settings.scores_at_once}

    gr.on(
        [room.go.click, room.subject.submit, room.answer.submit],
        room.score,
        [*typed, room.subject, room.shown],
        room.outputs,
        **scoring,
    ).then(**follow)
    gr.on(
        [room.scope.input, room.shown.input],
        room.score,
        [*typed, room.subject, room.shown],
        room.outputs,
        **scoring,
        **LATEST,
    ).then(**follow)
    room.split.input(
        room.pick_split,
        [room.split, room.scope, room.shown],
        room.outputs,
        **scoring,
        **LATEST,
    ).then(**follow)
    room.row.input(
        room.pick_row, [room.split, room.row, room.scope, room.shown], room.outputs, **scoring, **LATEST
    ).then(**follow)
    room.lanes.subject(room.hide_words, [*typed, room.shown], room.outputs, **scoring).then(**follow)
    # A view that changes may change its rule, too: one listener for both.
    room.lanes.view(**follow)
    for button, handler in ((room.save_json, room.as_json), (room.save_csv, room.as_csv)):
        button.click(handler, None, room.file, **QUIET).then(None, room.file, js=SAVE, **PRIVATE)
    room.save_png.click(None, js="() => ForgetLensPage.savePicture()", **PRIVATE)


def wire_unlearn(room: UnlearnRoom, compare_room: CompareRoom, studio: Studio, tab: gr.Tab) -> None:
    form, kept = room.form, room.kept
    training = {**QUIET, **TRAINING, "concurrency_limit": studio.settings.runs_at_once}
    # Whoever waits for another's run sees their place in line and the time it will take.
    training |= {"show_progress": "minimal", "show_progress_on": room.watch.status}
    asking = {"inputs": room.inputs, "js": read_rule(LANES_ID)}

    changes = [form.strategy.input, form.softness.release, form.steps.release]
    changes += [form.fields[name].input for name in ("every", "lora", "rollback")]
    gr.on(changes, room.show, outputs=room.described, **asking, **QUIET, **LATEST)
    entered = tab.select(room.enter, outputs=room.whole, **asking, **QUIET, **LATEST)
    entered.then(room.estimated, outputs=[room.notice, room.estimate], **asking, **QUIET)
    form.preset.input(room.pick_preset, outputs=room.filled, **asking, **QUIET, **LATEST)
    form.objective.input(room.pick_objective, outputs=[room.notice, *form.outputs], **asking, **QUIET, **LATEST)

    # Not in the queue: Stop must not wait behind the run that it stops.
    room.halt.click(room.stop, queue=False, **QUIET)
    changed = [
        room.go.click(room.start, outputs=room.outputs, **asking, **training),
        room.watch.rescue.click(room.recover, None, room.outputs, **training),
        room.back.click(room.undo, None, room.outputs, **QUIET),
        kept.runs.input(room.pick, kept.runs, room.outputs, **QUIET),
        kept.undo_to.click(room.undo_to, None, room.outputs, **QUIET),
    ]
    for event in changed:
        event.then(compare_room.compare, compare_room.view, compare_room.outputs, **QUIET, **TRAINING)
    gr.on([kept.rename.click, kept.name.submit], room.rename, kept.name, room.outputs, **QUIET)


def wire_compare(room: CompareRoom) -> None:
    gr.on(
        [room.split.input, room.changed.input, room.size.input],
        room.filtered,
        room.view,
        room.outputs,
        **QUIET,
        **LATEST,
    )
    # Another run may have to be asked first.
    room.against.input(room.compare, room.view, room.outputs, **QUIET, **TRAINING, **LATEST)
    room.previous.click(room.back, [*room.view, room.page], room.outputs, **QUIET)
    room.next.click(room.forward, [*room.view, room.page], room.outputs, **QUIET)
    room.table.pick(room.tokens, [*room.view, room.page], room.outputs, **QUIET, **SCORING)
    kept: dict[str, Any] = {"outputs": [room.notice, room.file], **QUIET}
    for saved in (
        room.save_json.click(room.as_json, None, **kept),
        room.save_csv.click(room.as_csv, room.against, **kept),
        room.save_report.click(room.as_report, [room.against, room.lanes_state], js=read_state(LANES_ID), **kept),
    ):
        saved.then(None, room.file, js=SAVE, **PRIVATE)


def wire_trials(room: CompareRoom, inspect_room: InspectRoom, unlearn_room: UnlearnRoom, studio: Studio) -> None:
    """The stresses and the race: both wait in line with the runs."""
    training = {**QUIET, **TRAINING, "concurrency_limit": studio.settings.runs_at_once, "show_progress": "minimal"}

    # A partial would hide the annotation by which Gradio recognises the request.
    def stress(kind: str) -> Callable[[gr.Request], Iterator[dict[Any, Any]]]:
        def begin(request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from room.stress.start(kind, request)

        return begin

    for kind, button in room.stress.buttons.items():
        button.click(stress(kind), None, room.stress.outputs, show_progress_on=room.stress.result, **training)
    race = room.race

    def start(given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        values = unlearn_room.form.values(given)
        yield from race.start(given[inspect_room.rule], values, given[race.steps], request)

    race.go.click(
        start,
        unlearn_room.inputs | {race.steps},
        race.outputs,
        js=read_rule(LANES_ID),
        show_progress_on=race.status,
        **training,
    )
    # Not in the queue: Stop must not wait behind the race that it stops.
    race.halt.click(race.stop, queue=False, **QUIET)


def wire_own(room: OwnRoom, tabs: gr.Tabs) -> None:
    loading: dict[str, Any] = {**QUIET, "concurrency_id": "load", "concurrency_limit": 4}
    columns = list(room.columns.values())
    gr.on(
        [box.input for box in (room.name, room.revision, room.dtype, room.bits)],
        room.look,
        room.wish,
        [room.notice, room.survey],
        **LATEST,
        **QUIET,
    )

    # A star would hide the annotation by which Gradio recognises the request.
    def load(
        name: str,
        revision: str,
        dtype: str,
        device: str,
        bits: int,
        spread: bool,
        chat: bool,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        yield from room.load_model(name, revision, dtype, device, bits, spread, chat, request)

    room.load.click(load, room.wish, room.outputs, **loading)
    room.cancel.click(room.give_up, queue=False, **QUIET)
    room.take.click(room.take_set, room.set, room.outputs, **loading)
    gr.on([room.file.upload, room.file.clear], room.open_file, room.file, room.outputs, **QUIET)
    gr.on([room.retain.upload, room.retain.clear], room.open_retain, room.retain, [room.notice], **QUIET)
    gr.on([box.input for box in columns], room.remap, columns, [room.notice, room.preview], **QUIET)
    room.use.click(room.use_file, columns, room.outputs, **loading)
    room.words.change(room.search, room.words, [room.notice, room.found, room.place], **LATEST, **QUIET)
    opened = room.found.input(room.open_row, [room.found, room.inspect_room.shown], room.outputs, **QUIET, **SCORING)
    opened.then(lambda: gr.Tabs(selected="inspect"), None, tabs, **QUIET)
