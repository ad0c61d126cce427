"""Your own, in three steps: what one brings, what the model knows of it before anything is trained, and the stage.

Each of the three ways to bring something is a file: `fact.py`, `rows.py`, `model.py`. It is for this visit alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from typing import Any

import gradio as gr

from app.look.markup import block, escape
from app.look.texts import say
from app.rooms.own.fact import FactPath
from app.rooms.own.finder import Finder
from app.rooms.own.knows import asked_of, known_html
from app.rooms.own.model import ModelPath
from app.rooms.own.path import Brought, Path, Shown, Work
from app.rooms.own.player import Player
from app.rooms.own.rows import RowsPath
from app.rooms.own.words import NOT_YET, sentences_html, step_html, using_html
from app.rooms.own.work import told
from app.visit.models import Loading, Shelf, as_asked
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.visits import PRIVATE, QUIET, Visits
from attribution import Example, TokenScores
from attribution.text.templates import AUTO, template_name
from unlearn.presets import preset_for


class OwnRoom:
    """The widgets of Your own and what they do.

    Args:
        show_first: the first row of the visit's new studio in Inspect, in its scorers.
        show_text: a text in Inspect, in the lanes that are shown there: which of its widgets show what.
        show_scores: a row with its scores in Inspect.
        fill: the form of a run filled from a preset.

    Attributes:
        paths: the ways to bring something, by the name of the choice.
    """

    def __init__(
        self,
        visits: Visits,
        shelf: Shelf,
        show_first: Callable[[gr.Request], Shown],
        show_text: Callable[[Example, list[str], gr.Request], Shown],
        show_scores: Callable[[TokenScores, dict[str, Any], gr.Request], Shown],
        fill: Callable[[str], Shown],
    ) -> None:
        self.visits = visits
        self.studio = visits.studio
        self.shelf = shelf
        self.show_first = show_first
        self.fill = fill
        self.finder = Finder(visits, show_text)
        self.player = Player(visits, show_scores)
        self.fact = FactPath(visits, shelf, self.take)
        self.rows = RowsPath(visits, shelf, self.take)
        self.model = ModelPath(visits, shelf, self.take)
        self.paths: dict[str, Path] = {"fact": self.fact, "rows": self.rows, "model": self.model}

    def build(self) -> None:
        """Lay the room out."""
        self.notice = block(elem_classes="pg-notice", elem_id="own-notice")
        self.using = block(using_html(self.studio), elem_id="own-using")
        # What is in force, for the address; the field of the model is a wish until it is loaded.
        self.asked = gr.Textbox(AUTO, visible="hidden", elem_id="own-asked")
        self.player.build(self.notice)
        self.choice = gr.Radio(
            [(say("path_fact"), "fact"), (say("path_rows"), "rows"), (say("path_model"), "model")],
            value="fact",
            label=say("path"),
            elem_classes="pg-segments",
            elem_id="own-path",
        )
        self.columns: dict[str, gr.Column] = {}
        for name, path in self.paths.items():
            with gr.Column(visible=name == "fact", elem_classes="pg-way", elem_id=f"own-way-{name}") as column:
                path.build(self.notice)
            self.columns[name] = column
        with gr.Column(elem_classes="pg-way"):
            block(step_html(2, "What the model knows of it", "It is asked before anything is trained."))
            self.said = block(elem_id="own-said")
            self.cancel = gr.Button(say("cancel"), visible=False, elem_id="own-cancel", elem_classes="pg-begin")
            self.knows = block(NOT_YET, elem_id="own-knows")
        with gr.Column(elem_classes="pg-way"):
            block(step_html(3, "See it, cut it, have it forgotten", "Its first row stands on the stage."))
            self.onward = gr.Button(say("to_stage"), variant="primary", elem_id="own-stage", elem_classes="pg-begin")
            self.finder.build(self.notice)

    def wire(self, outputs: list[Any], shown: gr.CheckboxGroup) -> Any:
        """Listen to the widgets; returns the event by which a found row is opened in Inspect.

        Args:
            outputs: what `show_first` and `show_text` write to.
            shown: says which lanes are shown in Inspect.
        """
        taken = [*self.outputs, *outputs]
        self.choice.input(self.choose, self.choice, [*self.columns.values(), self.knows], **QUIET)
        self.fact.wire(self.knows, taken)
        self.rows.wire(taken)
        self.model.wire(taken)
        self.cancel.click(self.give_up, queue=False, **QUIET)
        self.onward.click(None, js="() => ForgetLensPage.toStage()", **PRIVATE)
        self.played = self.player.wire(outputs)
        return self.finder.wire(shown, outputs)

    @property
    def asking(self) -> list[Any]:
        """What `ask_by` writes to."""
        return [self.using, self.asked, self.model.template, *self.player.offer]

    @property
    def outputs(self) -> list[Any]:
        """What taking another model or other rows writes to, of this room."""
        own = [self.notice, *self.asking, self.said, self.cancel, self.knows, *self.takers]
        return [*own, *self.finder.outputs]

    @property
    def takers(self) -> list[gr.Button]:
        """The buttons that give the visit something else to work with."""
        return [button for path in self.paths.values() for button in path.takers]

    def choose(self, name: str) -> Shown:
        """Show one way alone, of which nothing was asked yet."""
        shown: Shown = {column: gr.update(visible=each == name) for each, column in self.columns.items()}
        return {**shown, self.knows: NOT_YET}

    # How the model is asked ------------------------------------------------------------------------------------------

    def ask_by(self, template: str, request: gr.Request) -> Shown:
        """Ask the page's model by another template in this visit.

        Raises:
            ValueError: the model has no such template, or a run is training.
        """
        visit = self.visits.of(request.session_hash)
        # A page that was opened anew goes on with the model of its visit.
        asked = self._asking(visit.studio)
        if asked[self.asked] == template:
            return asked
        model = as_asked(self.studio.model, template)
        if model is not self.studio.model:
            visit.take(self.shelf.studio(self.studio, model, self.studio.corpus))
        return self._asking(visit.studio)

    def asking_of(self, request: gr.Request) -> Shown:
        """How the model of a visit is asked, for a page that goes on with it."""
        return self._asking(self.visits.of(request.session_hash).studio)

    def _asking(self, studio: Studio) -> Shown:
        """How the visit's model is asked: in words, for the address, and in the field; and whether it can be played."""
        name = template_name(studio.model.template)
        named = AUTO if as_asked(studio.model, AUTO) is studio.model else name
        shown = {self.using: using_html(studio), self.asked: named, self.model.template: named}
        return {**shown, **self.player.offered(studio)}

    # What is brought -------------------------------------------------------------------------------------------------

    def take(self, work: Work, request: gr.Request) -> Generator[Shown, None, None]:
        """Give the visit the model and the rows that the work comes to, once the model was asked what it knows of them.

        Raises:
            ValueError: it cannot be had, or a run is training; the visit keeps what it had.
        """
        visit = self.visits.of(request.session_hash)
        loading = visit.loading = Loading()

        def whole(loading: Loading) -> Brought:
            brought = work(loading)
            if brought.knows is not None:
                return brought
            loading.go_on("Asking the model what it knows of these rows")
            return dataclasses.replace(brought, knows=known_html(asked_of(brought.model, brought.corpus)))

        try:
            brought = yield from told(whole, loading, self._at_work)
            yield {**self._taken(visit, brought, request), **self._at_rest()}
        except ValueError:
            yield self._at_rest()
            raise
        finally:
            visit.loading = None

    def give_up(self, request: gr.Request) -> None:
        """Cancel the load of this visit."""
        loading = self.visits.of(request.session_hash).loading
        if loading is not None:
            loading.cancel()

    def _at_work(self, said: str) -> Shown:
        return {
            self.said: f'<p class="pg-soft pg-busy" role="status">{escape(said)}.</p>',
            self.cancel: gr.update(visible=True),
            **{button: gr.update(interactive=False) for button in self.takers},
        }

    def _at_rest(self) -> Shown:
        free = {button: gr.update(interactive=True) for button in self.takers}
        return {self.said: "", self.cancel: gr.update(visible=False), **free}

    def _taken(self, visit: Visit, brought: Brought, request: gr.Request) -> Shown:
        """Give the visit a studio of its own, and show its first row in Inspect."""
        corpus = brought.corpus
        studio = self.shelf.studio(self.studio, brought.model, corpus)
        before, now = preset_for(visit.studio.corpus.name), preset_for(corpus.name)
        if corpus is not visit.studio.corpus:
            visit.own.browser = brought.browser
        visit.take(studio)
        # A model of a hundred million parameters is trained by other settings than the embedded one.
        form = self.fill(now) if now != before else {}
        knows = (brought.knows or "") + sentences_html([*brought.notes])
        return {
            **self.show_first(request),
            **form,
            **self._asking(studio),
            **self.finder.found_in(visit),
            self.knows: knows,
        }
