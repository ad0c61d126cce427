"""The stresses and the race as parts of Compare: both wait in line with the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from app.look.answers import results_html
from app.look.figures import race_curves
from app.look.lanes import LANES_ID, read_rule
from app.look.markup import block, escape, progress_html
from app.rooms.compare.words import RACE_HEAD, STRESS_HEAD, status_html, table_html, tiles_html
from app.rooms.pace import WORDS_SECONDS, Pace
from app.visit.run_config import form_config
from app.visit.session import Visit
from app.visit.trials import ARMS, STEPS, found, is_marked, make_arms, run_race, stressed
from app.visit.visits import QUIET, TRAINING, Visits, explained

Wanted = Callable[[Mapping[Any, Any]], tuple[dict[str, Any], dict[str, Any]]]
BUTTONS = {
    "relearning": "Relearn half of it",
    "quantisation": "Round to 8 and 4 bits",
    "rephrasing": "Ask in four wordings",
    "two-hop": "Ask by way of a book",
    "sampling": "Draw eight answers",
}


def waiting_in_line(visits: Visits) -> dict[str, Any]:
    """What a listener is told that waits in line with the runs."""
    limit = visits.studio.settings.runs_at_once
    return {**QUIET, **TRAINING, "concurrency_limit": limit, "show_progress": "minimal"}


class StressCard:
    """The part of Compare that puts a run under stress."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits

    def build(self) -> None:
        """Lay the card out; it is shown once there is a run."""
        with gr.Column(elem_classes="pg-card", visible=False) as self.card:
            block(STRESS_HEAD)
            with gr.Row(elem_classes="pg-line"):
                self.buttons = {
                    kind: gr.Button(title, size="sm", elem_id=f"stress-{kind}", scale=0, min_width=160)
                    for kind, title in BUTTONS.items()
                }
            self.result = block(elem_id="stress-result")
            self.notice = block(elem_classes="pg-notice", elem_id="stress-notice")

    def wire(self) -> None:
        """Listen to the buttons."""
        for kind, button in self.buttons.items():
            asking = {**waiting_in_line(self.visits), "show_progress_on": self.result}
            button.click(self._begin(kind), None, self.outputs, **asking)

    def _begin(self, kind: str) -> Callable[[gr.Request], Iterator[dict[Any, Any]]]:
        # A partial would hide the annotation by which Gradio recognises the request.
        def begin(request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from self.start(kind, request)

        return begin

    @property
    def outputs(self) -> list[Any]:
        """What a stress writes to."""
        return [self.notice, self.result, *self.buttons.values()]

    @property
    def shown(self) -> list[Any]:
        """What `at_rest` writes to."""
        return [self.card, self.notice, self.result]

    def at_rest(self, visit: Visit) -> dict[Any, Any]:
        """The card for the visit's current run: what is known of it."""
        return {
            self.card: gr.update(visible=visit.last is not None),
            self.notice: "",
            self.result: results_html(found(visit)) if visit.last is not None else "",
        }

    @explained
    def start(self, kind: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """One stress, saying what is being done."""
        visit = self.visits.of(request.session_hash)
        busy = {button: gr.update(interactive=False) for button in self.buttons.values()}
        usable = {button: gr.update(interactive=True) for button in self.buttons.values()}
        try:
            for sentence in stressed(visit, (kind,)):
                waiting = f'<p class="pg-busy" role="status">{escape(sentence)}</p>'
                yield {self.result: results_html(found(visit)) + waiting, **busy}
        except ValueError:
            yield {self.result: results_html(found(visit)), **usable}
            raise
        yield {self.result: results_html(found(visit)), **usable}


class RaceCard:
    """The part of Compare that races the visible cut against what it should beat."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.settings = visits.studio.settings

    def build(self) -> None:
        """Lay the card out."""
        with gr.Column(elem_classes="pg-card"):
            with gr.Row(elem_classes="pg-line pg-ask"):
                block(RACE_HEAD)
                self.steps = gr.Slider(
                    5,
                    self.settings.max_steps,
                    value=min(STEPS, self.settings.max_steps),
                    step=1,
                    label="Steps per arm",
                    elem_id="race-steps",
                    scale=0,
                    min_width=240,
                )
                with gr.Row(elem_classes="pg-buttons"):
                    self.go = gr.Button("Race", variant="primary", elem_id="race", scale=0, min_width=100)
                    self.halt = gr.Button(
                        "Stop", variant="stop", elem_id="race-stop", scale=0, min_width=80, interactive=False
                    )
            self.notice = block(elem_classes="pg-notice", elem_id="race-notice")
            self.status = block(elem_id="race-status")
            self.tiles = block(elem_id="race-tiles")
            self.curves = gr.Plot(visible=False, show_label=False, elem_id="race-curves", container=False)
            self.table = block(elem_id="race-table")

    def wire(self, inputs: set[Any], asked: Wanted) -> None:
        """Listen to the buttons.

        Args:
            inputs: the widgets that say which run is wanted, by whose settings every arm runs.
            asked: reads the visible cut and the values of the run's form from what Gradio hands over of them.
        """
        self.asked = asked
        asking = {**waiting_in_line(self.visits), "js": read_rule(LANES_ID), "show_progress_on": self.status}
        self.go.click(self.start, inputs | {self.steps}, self.outputs, **asking)
        # Not in the queue: Stop must not wait behind the race that it stops.
        self.halt.click(self.stop, queue=False, **QUIET)

    @property
    def outputs(self) -> list[Any]:
        """What a race writes to."""
        return [self.notice, self.go, self.halt, self.status, self.tiles, self.curves, self.table]

    @explained
    def start(self, given: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Race, and draw every point as it is measured."""
        rest = {self.go: gr.update(interactive=True), self.halt: gr.update(interactive=False)}
        try:
            cut, values = self.asked(given)
            visit = self.visits.of(request.session_hash)
            studio = visit.studio
            wanted = {**values, "strategy": "hard", "steps": given[self.steps]}
            config = form_config(wanted, cut, studio.settings, visit.forget_row)
            arms = make_arms(config, values["softness"], tuple(ARMS), is_marked(studio.corpus))
            yield {
                self.go: gr.update(interactive=False),
                self.halt: gr.update(interactive=True),
                self.status: progress_html(0, len(arms) * config.steps, "Measuring the original model"),
                self.tiles: "",
                self.table: "",
            }
            drawn, words = 0, Pace(WORDS_SECONDS)
            for state in run_race(visit, arms):
                points = sum(len(trial.points) for trial in state.trials)
                if not words.due(at_once=points != drawn or bool(state.ended)):
                    continue
                update: dict[Any, Any] = {self.status: status_html(state), self.tiles: tiles_html(state)}
                if points != drawn:
                    figure = race_curves(state.trials, state.forgetting, state.kept)
                    update[self.curves] = gr.update(value=figure, visible=True)
                    drawn = points
                if state.ended:
                    update |= {self.table: table_html(state), **rest}
                yield update
        except ValueError:
            yield {self.status: "", **rest}
            raise

    def stop(self, request: gr.Request) -> None:
        """Ask the arm that is running to end after its step; no other begins."""
        self.visits.of(request.session_hash).stop()
