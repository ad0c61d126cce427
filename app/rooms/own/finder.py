"""Finds rows of one's own by words and opens one on the stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.look.markup import block, count
from app.rooms.own.opener import Opener
from app.visit.own_rows import Browser
from app.visit.session import Visit
from app.visit.visits import LATEST, QUIET, explained
from attribution import Example

SHOWN = 8


class Finder(Opener[Callable[[Example, list[str], gr.Request], dict[Any, Any]]]):
    """The widgets that find a row and what they do; `show` puts a text on the stage, in the lanes that are shown."""

    def build(self, notice: gr.HTML) -> None:
        """Lay the widgets out.

        Args:
            notice: where what goes wrong is said.
        """
        self.notice = notice
        self.words = gr.Textbox(label="Find a row", placeholder="words that stand in it", elem_id="own-words")
        self.found = gr.Radio([], label="Rows", elem_id="own-found", visible=False)
        self.place = block(elem_id="own-place")

    def wire(self, shown: gr.CheckboxGroup, outputs: list[Any]) -> Any:
        """Listen to the widgets; returns the event by which a found row is opened in Inspect."""
        self.words.change(self.search, self.words, [self.notice, *self.outputs], **LATEST, **QUIET)
        return self.opens(self.found.input, self.open_row, [self.found, shown], outputs)

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
        return self.show(browser.rows[int(number)].example, shown, request)
