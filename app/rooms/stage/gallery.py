"""The gallery: tiles of runs that were made beforehand, each played over the stage at a press.

It asks no model: what is shown lies in the file (`assets/gallery`). So it plays while the visitor's own run waits or
trains, which goes on below it, and on any server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from app.look.markup import block
from app.rooms.stage.gallery_words import payload, strip_html
from app.visit.visits import LATEST, LOADING, PRIVATE, QUIET, explained
from assets.gallery.prepared import Prepared, gallery
from assets.gallery.runs import Wanted, wanted

PLAY = "(given) => ForgetLensGallery.play(given)"
THERE = "(notice) => { ForgetLensGallery.close(); if (!notice) ForgetLensPage.toStage(); }"
ASKED = "() => [ForgetLensGallery.asked()]"


def found(name: str) -> Prepared:
    """A prepared run by its name. ValueError when there is none, or its file is not here."""
    run = wanted(str(name or ""))
    for prepared in gallery():
        if prepared.wanted == run:
            return prepared
    raise ValueError(f"The prepared run {run.name} is not here: make it with python -m assets.gallery {run.name}.")


class Gallery:
    """The widgets of the gallery."""

    def build(self, notice: gr.HTML) -> None:
        """Lay the tiles out.

        Args:
            notice: where what goes wrong is said.
        """
        self.notice = notice
        block(strip_html(gallery()), elem_id="gallery")
        self.named = gr.Textbox(visible="hidden")
        self.given = gr.JSON(visible="hidden")
        # Pressed by gallery.js.
        self.fetch = gr.Button(elem_id="gallery-fetch", visible="hidden")
        self.same = gr.Button(elem_id="gallery-setup", visible="hidden")

    def wire(self, set_up: Callable[[Wanted, gr.Request], Iterator[dict[Any, Any]]], outputs: list[Any]) -> Any:
        """Listen to the tiles; returns the event by which the settings of a run have been set up.

        Args:
            set_up: what the page shows with the row, the cut and the form of a run, as they come to stand.
            outputs: what it writes to.
        """
        self._set_up = set_up
        # Not in the queue: nothing is computed, and runs are trained there.
        shown = {"outputs": [self.notice, self.given], "queue": False, **QUIET, **LATEST}
        self.fetch.click(self.open, self.named, js=ASKED, **shown).then(None, self.given, js=PLAY, **PRIVATE)
        asked = {"inputs": self.named, "outputs": [self.notice, *outputs], "js": ASKED, **QUIET, **LOADING}
        ready = self.same.click(self.take, **asked)
        ready.then(None, self.notice, js=THERE, **PRIVATE)
        return ready

    @explained
    def open(self, name: str) -> dict[Any, Any]:
        """What the browser plays of a prepared run."""
        return {self.given: payload(found(name))}

    @explained
    def take(self, name: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Set up what a prepared run was made by, so that the visitor can make it."""
        yield from self._set_up(wanted(str(name or "")), request)
