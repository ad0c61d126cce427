"""Finds rows of one's own by words and opens one on the stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.look.markup import block, count
from app.visit.own_rows import Browser
from app.visit.session import Visit
from app.visit.visits import LATEST, QUIET, SCORING, Visits, explained
from attribution import Example

SHOWN = 20


class Finder:
    """The widgets that find a row and what they do.

    Args:
        show_text: a text in Inspect, in the lanes that are shown there: which of its widgets show what.
    """

    def __init__(self, visits: Visits, show_text: Callable[[Example, list[str], gr.Request], dict[Any, Any]]) -> None:
        self.visits = visits
        self.show_text = show_text

    def build(self, notice: gr.HTML) -> None:
        """Lay the widgets out.

        Args:
            notice: where what goes wrong is said.
        """
        self.notice = notice
        with gr.Column(elem_classes="pg-card"):
            self.words = gr.Textbox(label="Find rows", placeholder="words that stand in them", elem_id="own-words")
            self.found = gr.Radio([], label="Rows", elem_id="own-found", visible=False)
            self.place = block(elem_id="own-place")

    def wire(self, shown: gr.CheckboxGroup, outputs: list[Any]) -> Any:
        """Listen to the widgets; returns the event by which a found row is opened in Inspect."""
        self.words.change(self.search, self.words, [self.notice, *self.outputs], **LATEST, **QUIET)
        return self.found.input(self.open_row, [self.found, shown], [self.notice, *outputs], **QUIET, **SCORING)

    @property
    def outputs(self) -> list[Any]:
        """What a search writes to."""
        return [self.found, self.place]

    @explained
    def search(self, words: str, request: gr.Request) -> dict[Any, Any]:
        """The rows that hold the words."""
        return self.found_in(self.visits.of(request.session_hash), words)

    def found_in(self, visit: Visit, words: str = "") -> dict[Any, Any]:
        """The visit's rows that hold the words, and how many there are."""
        if visit.own.browser is None:
            visit.own.browser = Browser(visit.studio.corpus.forget)
        numbers, total = visit.own.browser.find(words, most=SHOWN)
        rows = visit.own.browser.rows
        choices = [(f"{n}  {(rows[n].example.prompt or rows[n].example.answer)[:120]}", n) for n in numbers]
        place = f"{len(numbers)} of {count(total, 'row')}" if total else "No row holds all of these words"
        return {
            self.found: gr.update(choices=choices, value=None, visible=bool(choices)),
            self.place: f'<p class="pg-soft" role="status">{place}.</p>',
        }

    @explained
    def open_row(self, number: int | None, shown: list[str], request: gr.Request) -> dict[Any, Any]:
        """Score a found row in Inspect, as a text of one's own."""
        browser = self.visits.of(request.session_hash).own.browser
        if browser is None or number is None or not 0 <= int(number) < len(browser.rows):
            raise ValueError("This row is not there any more: search again.")
        return self.show_text(browser.rows[int(number)].example, shown, request)
