"""How the visit's model was made to forget, to be played again: offered where its folder has a replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from app.look.markup import block
from app.look.texts import say
from app.rooms.own.opener import Opener
from app.rooms.own.words import replay_html, sentences_html
from app.visit.studio import Studio
from app.visit.visits import explained
from attribution import TokenScores
from unlearn.replay import read_replay


class Player(Opener[Callable[[TokenScores, dict[str, Any], gr.Request], dict[Any, Any]]]):
    """The widgets that offer a replay, and what they do; `show` puts a row with its scores and a cut on the stage."""

    def build(self, notice: gr.HTML) -> None:
        """Lay the widgets out.

        Args:
            notice: where what goes wrong is said.
        """
        self.notice = notice
        with gr.Column(elem_classes="pg-card", visible=False) as self.card:
            self.said = block(elem_id="own-replay")
            self.play = gr.Button(say("play"), variant="primary", elem_id="own-play")

    def wire(self, outputs: list[Any]) -> Any:
        """Listen to the widgets; returns the event by which the row stands on the lanes, before its run is played."""
        return self.opens(self.play.click, self.open, None, outputs)

    @property
    def offer(self) -> list[Any]:
        """What `offered` writes to."""
        return [self.card, self.said, self.play]

    def offered(self, studio: Studio) -> dict[Any, Any]:
        """What there is to play of a visit's model; what is wrong with it in the place of the button."""
        try:
            found = read_replay(studio.model.folder)
            said = "" if found is None else replay_html(found)
        except ValueError as error:
            found, said = None, sentences_html([str(error)])
        return {
            self.card: gr.update(visible=bool(said)),
            self.said: said,
            self.play: gr.update(visible=found is not None),
        }

    @explained
    def open(self, request: gr.Request) -> dict[Any, Any]:
        """The row of the replay on the lanes, with the scores that the original model gave it."""
        visit = self.visits.of(request.session_hash)
        found = read_replay(visit.studio.model.folder)
        if found is None:
            raise ValueError("This model has no replay: take one that was saved with --replay.")
        if visit.now is not None:
            raise ValueError("A run of yours is still training: stop it or wait for it, then play this one.")
        visit.studio.checked(found.example)
        return self.show(found.scored(visit.studio.model), dict(found.cut), request)
