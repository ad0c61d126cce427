"""Your own: another model, and other rows to forget, for this visit alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.look.markup import block, duration, escape
from app.look.texts import say
from app.rooms.own.finder import Finder
from app.rooms.own.player import Player
from app.rooms.own.words import preview_html, sentences_html, size_words, using_html
from app.rooms.own.work import told
from app.visit.models import BYTES, EMBEDDED, REAL_MODEL, RUN_BYTES, Loading, Shelf, Wish, as_asked
from app.visit.own_rows import (
    FIELDS,
    NAMED,
    Browser,
    Sheet,
    UsableRows,
    named_corpus,
    own_corpus,
    read_rows,
    read_sheet,
)
from app.visit.session import Visit
from app.visit.studio import Studio
from app.visit.visits import LATEST, LOADING, QUIET, Visits, explained
from attribution import Example, LanguageModel, TokenScores
from attribution.model.loading import can_round, devices
from attribution.settings import settings_of
from attribution.text.templates import AUTO, PLAIN, Asking, template_name
from unlearn import Corpus
from unlearn.data.real import offered
from unlearn.presets import preset_for

TYPED = {"rwku": "Or rwku: and a person's name.", "real": "Or real: and subjects, such as real:Japan,France."}
"""Sources whose sets have more names than a list can hold, and how one is typed."""
MOST_SUBJECTS = 5
# Reading from a disk; a download is as fast as the network.
BYTES_PER_SECOND = 3e8


Shown = dict[Any, Any]
Taken = tuple[LanguageModel, Corpus, list[str]]


class OwnRoom:
    """The widgets of Your own and what they do.

    Args:
        show_first: the first row of the visit's new studio in Inspect, in its scorers.
        show_text: a text in Inspect, in the lanes that are shown there: which of its widgets show what.
        show_scores: a row with its scores in Inspect.
        fill: the form of a run filled from a preset.
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
        self.finder = Finder(visits, show_text)
        self.player = Player(visits, show_scores)
        self.fill = fill

    def build(self) -> None:
        """Lay the room out."""
        settings = self.studio.settings
        self.notice = block(elem_classes="pg-notice", elem_id="own-notice")
        self.using = block(using_html(self.studio), elem_id="own-using")
        self.said = block(elem_id="own-said")
        self.player.build(self.notice)
        with gr.Column(elem_classes="pg-card", visible="real" in settings.data and self.shelf.allows(REAL_MODEL)):
            self.subjects = gr.Dropdown(
                list(offered()),
                value=["Japan"],
                multiselect=True,
                max_choices=MOST_SUBJECTS,
                label=say("real_subjects"),
                info=say("real_subjects_info"),
                elem_id="own-subjects",
            )
            self.take_them = gr.Button(say("real_take"), variant="primary", elem_id="own-real")
        with gr.Row(elem_classes="pg-room"):
            with gr.Column(elem_classes=["pg-card", "pg-form"], min_width=320):
                self.name = gr.Dropdown(
                    self.shelf.choices(),
                    value=EMBEDDED,
                    label="Model",
                    info="Or type owner/name as on the Hugging Face Hub." if self.shelf.free else None,
                    allow_custom_value=self.shelf.free,
                    elem_id="own-model",
                )
                with gr.Accordion("How it is held", open=False, elem_classes="pg-fold"):
                    self.revision = gr.Textbox(label="Revision", placeholder="newest", max_length=121)
                    self.dtype = gr.Dropdown(list(BYTES), value="float32", label="Numbers")
                    self.device = gr.Dropdown(devices(), value=devices()[0], label="Device")
                    self.bits = gr.Dropdown(
                        [("As they are", 0), ("8 bits", 8), ("4 bits", 4)] if can_round() else [("As they are", 0)],
                        value=0,
                        label="Weights",
                    )
                    self.spread = gr.Checkbox(False, label="Spread over all devices")
                asked = settings_of(Asking)["template"]
                self.template = gr.Dropdown(
                    [AUTO, PLAIN],
                    value=asked.default,
                    label=asked.facts.title,
                    info=f"What the model is asked by: {asked.facts.help}.",
                    allow_custom_value=True,
                    elem_id="own-template",
                )
                # What is in force, for the address; the field above is a wish until the model is loaded.
                self.asked = gr.Textbox(AUTO, visible="hidden", elem_id="own-asked")
                self.survey = block(elem_id="own-survey")
                with gr.Row(elem_classes="pg-buttons"):
                    self.load = gr.Button("Load", variant="primary", elem_id="own-load", min_width=90)
                    self.cancel = gr.Button("Cancel", elem_id="own-cancel", min_width=90, interactive=False)
            with gr.Column(elem_classes=["pg-card", "pg-form"], min_width=320):
                sets = [name for name in NAMED if name.split(":")[0] in settings.data]
                self.set = gr.Dropdown(
                    ["forget05", "forget01", "forget10", *sets],
                    value="forget05",
                    label="Rows to forget",
                    info=" ".join(info for source, info in TYPED.items() if source in settings.data) or None,
                    allow_custom_value=any(source in settings.data for source in TYPED),
                    elem_id="own-set",
                )
                self.take = gr.Button("Use these rows", elem_id="own-take")
                uploads = "upload" in settings.data
                options = {"file_types": [".jsonl", ".json", ".csv", ".parquet"], "visible": uploads, "height": 120}
                self.file = gr.File(label="Or a file of rows to forget", elem_id="own-file", **options)
                self.retain = gr.File(label="A file of rows to keep", elem_id="own-retain", **options)
                with gr.Row(visible=False, elem_classes="pg-line") as self.mapping:
                    self.columns = {
                        field: gr.Dropdown([""], value="", label=f"The {field}", elem_id=f"own-{field}")
                        for field in FIELDS
                    }
                self.preview = block(elem_id="own-preview")
                self.use = gr.Button("Use the file", variant="primary", visible=False, elem_id="own-use")
        self.finder.build(self.notice)

    def wire(self, outputs: list[Any], shown: gr.CheckboxGroup) -> Any:
        """Listen to the widgets; returns the event by which a found row is opened in Inspect.

        Args:
            outputs: what `show_first` and `show_text` write to.
            shown: says which lanes are shown in Inspect.
        """
        loading = {**QUIET, **LOADING}
        taken = [*self.outputs, *outputs]
        columns = list(self.columns.values())
        chosen = [box.input for box in (self.name, self.revision, self.dtype, self.bits)]
        gr.on(chosen, self.look, self.wish, [self.notice, self.survey], **LATEST, **QUIET)
        self.load.click(self.load_model, self.wish, taken, **loading)
        self.cancel.click(self.give_up, queue=False, **QUIET)
        self.take.click(self.take_set, self.set, taken, **loading)
        gr.on([self.file.upload, self.file.clear], self.open_file, self.file, self.outputs, **QUIET)
        gr.on([self.retain.upload, self.retain.clear], self.open_retain, self.retain, [self.notice], **QUIET)
        gr.on([box.input for box in columns], self.remap, columns, [self.notice, self.preview], **QUIET)
        self.use.click(self.use_file, columns, taken, **loading)
        self.real = self.take_them.click(self.take_real, self.subjects, taken, **loading)
        self.played = self.player.wire(outputs)
        return self.finder.wire(shown, outputs)

    @property
    def wish(self) -> list[Any]:
        """What says which model is wanted."""
        return [self.name, self.revision, self.dtype, self.device, self.bits, self.spread, self.template]

    @property
    def asking(self) -> list[Any]:
        """What `ask_by` writes to."""
        return [self.using, self.asked, self.template, *self.player.offer]

    @property
    def outputs(self) -> list[Any]:
        """What taking another model or other rows writes to, of this room."""
        own = [self.notice, *self.asking, self.said, self.survey, self.load, self.cancel]
        return [*own, self.preview, self.mapping, self.use, *self.columns.values(), *self.finder.outputs]

    # Models ----------------------------------------------------------------------------------------------------------

    @explained
    def look(self, *wish: Any) -> dict[Any, Any]:
        """What the chosen model takes, before it is loaded."""
        wanted = make_wish(*wish)
        found = self.shelf.survey(wanted)
        takes = wanted.bytes_of(found.parameters)
        seconds = takes / BYTES_PER_SECOND
        fetched = f" after a download of {found.download_bytes / 1e9:.2f} GB" if found.download_bytes else ""
        return {
            self.survey: (
                f'<p class="pg-soft">{found.parameters / 1e6:,.0f} M parameters: {size_words(takes)} in memory, '
                f"{size_words(found.parameters * RUN_BYTES)} more while a run trains. About {duration(seconds)} to "
                f"read{fetched}.</p>"
            )
        }

    @explained
    def load_model(
        self,
        name: str,
        revision: str,
        dtype: str,
        device: str,
        bits: int,
        spread: bool,
        template: str,
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        """Load a model for this visit, saying how far it is."""
        wanted = make_wish(name, revision, dtype, device, bits, spread, template)
        corpus = self.visits.of(request.session_hash).studio.corpus
        yield from self._take(lambda loading: (self.shelf.get(wanted, loading), corpus, []), request)

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
        shown = {self.using: using_html(studio), self.asked: named, self.template: named}
        return {**shown, **self.player.offered(studio)}

    def _at_work(self, said: str) -> dict[Any, Any]:
        return {
            self.said: f'<p class="pg-soft" role="status">{escape(said)}.</p>',
            self.load: gr.update(interactive=False),
            self.cancel: gr.update(interactive=True),
        }

    def _at_rest(self) -> dict[Any, Any]:
        return {self.load: gr.update(interactive=True), self.cancel: gr.update(interactive=False)}

    def give_up(self, request: gr.Request) -> None:
        """Cancel the load of this visit."""
        loading = self.visits.of(request.session_hash).loading
        if loading is not None:
            loading.cancel()

    # Rows ------------------------------------------------------------------------------------------------------------

    @explained
    def take_set(self, name: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Use a data set by its name; of facts about the real world, those that the model knows."""
        model = self.visits.of(request.session_hash).studio.model
        yield from self._take(lambda loading: (model, *self._rows(name, model, loading)), request)

    @explained
    def take_real(self, subjects: list[str], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Load the real model, and use what it knows of these subjects."""
        if not subjects:
            raise ValueError("No subject is chosen: choose what the model is to forget, such as Japan.")
        name = f"real:{','.join(map(str, subjects))}"

        def work(loading: Loading) -> Taken:
            model = self.shelf.get(Wish(REAL_MODEL), loading)
            return model, *self._rows(name, model, loading)

        yield from self._take(work, request)

    def _rows(self, name: str, model: LanguageModel, loading: Loading) -> tuple[Corpus, list[str]]:
        return named_corpus(str(name).strip(), self.studio.settings, model, loading.go_on)

    def _take(self, work: Callable[[Loading], Taken], request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Give the visit the model and the rows that the work comes to, saying how far it is."""
        visit = self.visits.of(request.session_hash)
        loading = visit.loading = Loading()
        try:
            model, corpus, notes = yield from told(work, loading, self._at_work)
            if corpus is not visit.studio.corpus:
                visit.own.browser = None
            shown = self._taken(visit, model, corpus, request)
            done = '<p class="pg-soft" role="status">Loaded.</p>'
            yield {**shown, self.said: done, self.preview: sentences_html(notes), **self._at_rest()}
        except ValueError:
            yield {self.said: "", **self._at_rest()}
            raise
        finally:
            visit.loading = None

    @explained
    def open_file(self, path: str | None, request: gr.Request) -> dict[Any, Any]:
        """Read an uploaded file and show how its columns are understood."""
        own = self.visits.of(request.session_hash).own
        if path is None:
            own.forget = None
            return {self.mapping: gr.update(visible=False), self.use: gr.update(visible=False), self.preview: ""}
        own.forget = sheet = read_sheet(Path(path), self.studio.settings)
        guess = sheet.guess()
        choices = ["", *sheet.columns]
        return {
            self.mapping: gr.update(visible=True),
            self.use: gr.update(visible=True),
            self.preview: self._preview(sheet, guess),
            **{box: gr.update(choices=choices, value=guess[field]) for field, box in self.columns.items()},
        }

    @explained
    def open_retain(self, path: str | None, request: gr.Request) -> dict[Any, Any]:
        """Read the file of rows to keep."""
        own = self.visits.of(request.session_hash).own
        own.retain = None if path is None else read_sheet(Path(path), self.studio.settings)
        return {}

    @explained
    def remap(self, question: str, answer: str, text: str, request: gr.Request) -> dict[Any, Any]:
        """Other columns were chosen: what can be used now."""
        sheet = self.visits.of(request.session_hash).own.forget
        mapping = {"question": question, "answer": answer, "text": text}
        return {} if sheet is None else {self.preview: self._preview(sheet, mapping)}

    @explained
    def use_file(self, question: str, answer: str, text: str, request: gr.Request) -> dict[Any, Any]:
        """Forget the rows of the file from now on, in this visit."""
        visit = self.visits.of(request.session_hash)
        own = visit.own
        if own.forget is None:
            raise ValueError("There is no file: choose one first.")
        mapping = {"question": question, "answer": answer, "text": text}
        forget = read_rows(own.forget, mapping)
        retain: UsableRows | None = None
        if own.retain is not None:
            guess = own.retain.guess()
            retain = read_rows(
                own.retain, mapping if set(filter(None, mapping.values())) <= set(own.retain.columns) else guess
            )
        corpus, notes = own_corpus(own.forget.name, forget, retain, self.studio.settings)
        own.browser = Browser(forget.rows)
        shown = self._taken(visit, visit.studio.model, corpus, request)
        return {**shown, self.preview: sentences_html([*forget.said(), *notes])}

    def _preview(self, sheet: Sheet, mapping: dict[str, str]) -> str:
        try:
            said = read_rows(sheet, mapping).said()
        except ValueError as error:
            said = [str(error)]
        return preview_html(sheet, said)

    def _taken(self, visit: Visit, model: LanguageModel, corpus: Corpus, request: gr.Request) -> dict[Any, Any]:
        """Give the visit a studio of its own, and show its first row in Inspect."""
        studio = self.shelf.studio(self.studio, model, corpus)
        before, now = preset_for(visit.studio.corpus.name), preset_for(corpus.name)
        visit.take(studio)
        # A model of a hundred million parameters is trained by other settings than the embedded one.
        form = self.fill(now) if now != before else {}
        return {**self.show_first(request), **form, **self._asking(studio), **self.finder.found_in(visit)}


def make_wish(name: str, revision: str, dtype: str, device: str, bits: int, spread: bool, template: str) -> Wish:
    """The wish that the form says. ValueError when a part of it is none."""
    return Wish(
        str(name or "").strip(),
        (revision or "").strip(),
        dtype,
        device or "",
        int(bits or 0),
        bool(spread),
        str(template or AUTO),
    )
