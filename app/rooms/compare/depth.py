"""The depth of a run as a part of Compare: what its states still hold, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.look.figures import depth_map
from app.look.markup import block
from app.rooms.compare.trials import waiting_in_line
from app.rooms.compare.words import DEPTH_BUSY, DEPTH_HEAD, depth_html
from app.visit.session import Visit
from app.visit.trials import measured_depth
from app.visit.visits import LATEST, QUIET, Visits, explained

MAPS = 12
"""Rows whose map can be looked at, evenly spaced over those that were read."""


class DepthCard:
    """The part of Compare that looks into a run's states."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits

    def build(self) -> None:
        """Lay the card out; it is shown once there is a run."""
        with gr.Column(elem_classes="pg-card", visible=False) as self.card:
            with gr.Row(elem_classes="pg-line pg-ask"):
                block(DEPTH_HEAD)
                self.go = gr.Button("Look inside", size="sm", elem_id="depth", scale=0, min_width=160)
            self.result = block(elem_id="depth-result")
            self.row = gr.Dropdown([], label="Map of", visible=False, elem_id="depth-row")
            self.map = gr.Plot(visible=False, show_label=False, elem_id="depth-map", container=False)
            self.notice = block(elem_classes="pg-notice", elem_id="depth-notice")

    def wire(self) -> None:
        """Listen to the button and to the row that is chosen."""
        self.go.click(self.start, None, self.outputs, **waiting_in_line(self.visits), show_progress_on=self.result)
        self.row.input(self.chosen, self.row, [self.notice, self.map], **QUIET, **LATEST)

    @property
    def outputs(self) -> list[Any]:
        """What a measurement writes to."""
        return [self.notice, self.go, self.result, self.row, self.map]

    @property
    def shown(self) -> list[Any]:
        """What `at_rest` writes to."""
        return [self.card, self.notice, self.result, self.row, self.map]

    def at_rest(self, visit: Visit) -> dict[Any, Any]:
        """The card for the visit's current run: what is known of it."""
        return {self.card: gr.update(visible=visit.last is not None), self.notice: "", **self._known(visit)}

    @explained
    def start(self, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Measure the current run, saying so."""
        visit = self.visits.of(request.session_hash)
        yield {self.go: gr.update(interactive=False), self.result: DEPTH_BUSY}
        usable = {self.go: gr.update(interactive=True)}
        try:
            measured_depth(visit)
        except ValueError:
            yield {self.result: "", **usable}
            raise
        yield {**self._known(visit), **usable}

    @explained
    def chosen(self, row: int, request: gr.Request) -> dict[Any, Any]:
        """The map of another row."""
        kept = self.visits.of(request.session_hash).last
        if kept is None or kept.depth is None or not 0 <= row < len(kept.depth.rows):
            raise ValueError("This run has not been looked into yet: press Look inside.")
        return {self.map: depth_map(kept.depth.rows[row])}

    def _known(self, visit: Visit) -> dict[Any, Any]:
        found = visit.last.depth if visit.last is not None else None
        if found is None:
            return {self.result: "", self.row: gr.update(visible=False), self.map: gr.update(visible=False)}
        rows = list(range(0, len(found.rows), -(-len(found.rows) // MAPS)))
        choices = [(found.rows[row].question or found.rows[row].id, row) for row in rows]
        return {
            self.result: depth_html(found),
            self.row: gr.update(choices=choices, value=rows[0], visible=True),
            self.map: gr.update(value=depth_map(found.rows[rows[0]]), visible=True),
        }
