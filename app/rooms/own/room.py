"""Your own: another model, and other rows to forget, for this visit alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.look.markup import alert, block, count, duration, escape, explained
from app.rooms.inspect.room import InspectRoom
from app.rooms.own.data import FIELDS, NAMED, Browser, Reading, Sheet, named_corpus, own_corpus, read_rows, read_sheet
from app.visit.models import BYTES, EMBEDDED, RUN_BYTES, Loading, Shelf, Wish
from app.visit.session import Visit, Visits
from app.visit.studio import OWN, Studio
from attribution import LanguageModel
from attribution.model.loading import can_round, devices
from unlearn import Corpus

POLL_SECONDS = 0.4
SHOWN = 20
PREVIEWED = 5
# Reading from a disk; a download is as fast as the network.
BYTES_PER_SECOND = 3e8


class OwnRoom:
    """The widgets of Your own and what they do."""

    def __init__(self, studio: Studio, visits: Visits, shelf: Shelf, inspect_room: InspectRoom) -> None:
        self.studio = studio
        self.visits = visits
        self.shelf = shelf
        self.inspect_room = inspect_room

    def build(self) -> None:
        """Lay the room out."""
        settings = self.studio.settings
        self.notice = block(elem_classes="pg-notice", elem_id="own-notice")
        self.using = block(using_html(self.studio), elem_id="own-using")
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
                self.chat = gr.Checkbox(False, label="Ask by the model's chat template", elem_id="own-chat")
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
                    info="Or rwku: and a person's name." if "rwku" in settings.data else None,
                    allow_custom_value="rwku" in settings.data,
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
        with gr.Column(elem_classes="pg-card"):
            self.words = gr.Textbox(label="Find rows", placeholder="words that stand in them", elem_id="own-words")
            self.found = gr.Radio([], label="Rows", elem_id="own-found", visible=False)
            self.place = block(elem_id="own-place")

    @property
    def wish(self) -> list[Any]:
        """What says which model is wanted."""
        return [self.name, self.revision, self.dtype, self.device, self.bits, self.spread, self.chat]

    @property
    def outputs(self) -> list[Any]:
        """What taking another model or other rows writes to."""
        own = [self.notice, self.using, self.survey, self.load, self.cancel, self.preview, self.mapping, self.use]
        room = self.inspect_room
        return [*own, *self.columns.values(), self.found, self.place, *room.outputs, room.split, room.shown]

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
                f'<p class="pg-soft">{found.parameters / 1e6:,.0f} M parameters: {_size(takes)} in memory, '
                f"{_size(found.parameters * RUN_BYTES)} more while a run trains. About {duration(seconds)} to "
                f"read{fetched}.</p>"
            )
        }

    def load_model(self, *inputs: Any) -> Iterator[dict[Any, Any]]:
        """Load a model for this visit, saying how far it is."""
        *wish, request = inputs
        visit = self.visits.of(request.session_hash)
        loading = visit.loading = Loading()
        try:
            wanted = make_wish(*wish)
            box: list[LanguageModel | Exception] = []
            worker = threading.Thread(target=self._into, args=(box, wanted, loading), daemon=True)
            worker.start()
            while worker.is_alive():
                worker.join(POLL_SECONDS)
                come = f", {loading.fetched / 1e6:,.0f} MB have come" if loading.fetched else ""
                said = f'<p class="pg-soft" role="status">{escape(loading.stage)}{come}.</p>'
                yield {
                    self.notice: "",
                    self.survey: said,
                    self.load: gr.update(interactive=False),
                    self.cancel: gr.update(interactive=True),
                }
            if isinstance(box[0], Exception):
                raise box[0]
            corpus = (visit.studio or self.studio).corpus
            shown = self._taken(visit, box[0], corpus, request)
            yield {**shown, self.survey: '<p class="pg-soft" role="status">Loaded.</p>', **self._at_rest()}
        except ValueError as error:
            yield {self.notice: alert(str(error)), self.survey: "", **self._at_rest()}
        finally:
            visit.loading = None

    def _into(self, box: list[LanguageModel | Exception], wish: Wish, loading: Loading) -> None:
        try:
            box.append(self.shelf.get(wish, loading))
        except Exception as error:
            box.append(
                error if isinstance(error, ValueError) else ValueError(f"Loading failed: {type(error).__name__}.")
            )

    def _at_rest(self) -> dict[Any, Any]:
        return {self.load: gr.update(interactive=True), self.cancel: gr.update(interactive=False)}

    def give_up(self, request: gr.Request) -> None:
        """Cancel the load of this visit."""
        loading = self.visits.of(request.session_hash).loading
        if loading is not None:
            loading.cancel()

    # Rows ------------------------------------------------------------------------------------------------------------

    @explained
    def take_set(self, name: str, request: gr.Request) -> dict[Any, Any]:
        """Use a data set by its name."""
        visit = self.visits.of(request.session_hash)
        corpus, notes = named_corpus(str(name).strip(), self.studio.settings)
        visit.own.browser = None
        shown = self._taken(visit, (visit.studio or self.studio).model, corpus, request)
        return {**shown, self.preview: sentences_html(notes)}

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
        reading = read_rows(own.forget, mapping)
        retain: Reading | None = None
        if own.retain is not None:
            guess = own.retain.guess()
            retain = read_rows(
                own.retain, mapping if set(filter(None, mapping.values())) <= set(own.retain.columns) else guess
            )
        corpus, notes = own_corpus(own.forget.name, reading, retain, self.studio.settings)
        own.reading, own.browser = reading, Browser(reading.rows)
        shown = self._taken(visit, (visit.studio or self.studio).model, corpus, request)
        return {**shown, self.preview: sentences_html([*reading.said(), *notes])}

    def _preview(self, sheet: Sheet, mapping: dict[str, str]) -> str:
        try:
            said = read_rows(sheet, mapping).said()
        except ValueError as error:
            said = [str(error)]
        if sheet.more:
            said.append(f"{sheet.more:,} further rows are beyond what this page takes.")
        columns = sheet.columns[:8]
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        rows = [
            "".join(f'<td data-title="{escape(c)}">{escape(str(record.get(c, ""))[:80])}</td>' for c in columns)
            for _, record in sheet.records[:PREVIEWED]
        ]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        total = count(len(sheet.records) + sheet.more, "record")
        table = f'<table class="pg-answers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<p class="pg-soft">{escape(sheet.name)}: {total}.</p>{sentences_html(said)}{table}'

    def _taken(self, visit: Visit, model: LanguageModel, corpus: Corpus, request: gr.Request) -> dict[Any, Any]:
        """Give the visit a studio of its own, and show its first row in Inspect."""
        shared = self.studio
        same = model is shared.model and corpus.forget == shared.corpus.forget
        studio = shared if same else self.shelf.studio(Studio(shared.settings, model, corpus))
        # Scored first: a model that cannot score must not take the place of one that can.
        scorers = list(studio.scorers)
        _ = studio.opening
        visit.take(None if same else studio)
        room = self.inspect_room
        row = studio.opening_row
        shown = room.show("forget", row, "", "", "subject", "", scorers, request)
        return {
            **shown,
            self.using: using_html(studio),
            room.notice: "",
            room.split: "forget",
            room.shown: scorers,
            room.own: gr.update(visible=False),
            room.row: gr.update(choices=room.choices("forget", studio), value=row, visible=True),
            **self._search("", visit),
        }

    # Finding rows ----------------------------------------------------------------------------------------------------

    @explained
    def search(self, words: str, request: gr.Request) -> dict[Any, Any]:
        """The rows that hold the words."""
        return self._search(words, self.visits.of(request.session_hash))

    def _search(self, words: str, visit: Visit) -> dict[Any, Any]:
        if visit.own.browser is None:
            visit.own.browser = Browser((visit.studio or self.studio).corpus.forget)
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
        example = browser.rows[int(number)].example
        room = self.inspect_room
        scored = room.show(OWN, None, example.prompt, example.answer, "subject", "", shown, request)
        return {
            **scored,
            room.notice: "",
            room.split: OWN,
            room.own: gr.update(visible=True),
            room.row: gr.update(visible=False),
            room.prompt: example.prompt,
            room.answer: example.answer,
        }


def make_wish(name: str, revision: str, dtype: str, device: str, bits: int, spread: bool, chat: bool) -> Wish:
    """The wish that the form says. ValueError when a part of it is none."""
    return Wish(
        str(name or "").strip(), (revision or "").strip(), dtype, device or "", int(bits or 0), bool(spread), bool(chat)
    )


def using_html(studio: Studio) -> str:
    """Which model and rows this visit works with."""
    rows = count(len(studio.corpus.forget), "row")
    template = "its chat template" if "Question:" not in str(studio.model.template) else "Question and Answer lines"
    return (
        f'<p class="pg-lead">This visit: <b>{escape(studio.model.name)}</b>, asked by {template}, to forget '
        f"<b>{escape(studio.corpus.name)}</b> ({rows}).</p>"
    )


def sentences_html(sentences: list[str]) -> str:
    """Sentences, one below the other."""
    return "".join(f'<p class="pg-soft">{escape(sentence)}</p>' for sentence in sentences)


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
