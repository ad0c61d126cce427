"""The second way: rows of one's own to forget, from a data set by its name or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import gradio as gr

from app.look.markup import block
from app.look.texts import say
from app.rooms.own.path import Brought, Path, Shown
from app.rooms.own.words import preview_html, step_html
from app.visit.models import Loading
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
from app.visit.visits import LATEST, LOADING, QUIET, explained

TYPED = {"rwku": "Or rwku: and a person's name.", "real": "Or real: and subjects, such as real:Japan,France."}
"""Sources whose sets have more names than a list can hold, and how one is typed."""


class RowsPath(Path):
    """The widgets of rows. They are for the model that the visit works with."""

    def build(self, notice: gr.HTML) -> None:
        """Lay them out."""
        self.notice = notice
        settings = self.studio.settings
        block(
            step_html(
                1, "Choose rows to forget", "A data set by its name, or a file: questions with answers, or texts."
            )
        )
        sets = [name for name in NAMED if name.split(":")[0] in settings.data]
        with gr.Row(elem_classes="pg-line"):
            self.set = gr.Dropdown(
                ["forget05", "forget01", "forget10", *sets],
                value="forget05",
                label=say("rows_set"),
                info=" ".join(info for source, info in TYPED.items() if source in settings.data) or None,
                allow_custom_value=any(source in settings.data for source in TYPED),
                elem_id="own-set",
            )
            self.take_rows = gr.Button(say("rows_take"), variant="primary", elem_id="own-take", scale=0, min_width=190)
        uploads = "upload" in settings.data
        options = {
            "file_types": [".jsonl", ".json", ".csv", ".parquet"],
            "visible": uploads,
            "height": 120,
            "min_width": 260,
        }
        with gr.Row():
            self.file = gr.File(label="Or a file of rows to forget", elem_id="own-file", **options)
            self.retain = gr.File(label="A file of rows to keep", elem_id="own-retain", **options)
        with gr.Row(visible=False, elem_classes="pg-line") as self.mapping:
            self.columns = {
                field: gr.Dropdown([""], value="", label=f"The {field}", elem_id=f"own-{field}") for field in FIELDS
            }
        self.preview = block(elem_id="own-preview")
        self.use = gr.Button(say("file_take"), variant="primary", visible=False, elem_id="own-use")

    def wire(self, taken: list[Any]) -> None:
        """Listen to them.

        Args:
            taken: what giving the visit something else to work with writes to.
        """
        loading = {**QUIET, **LOADING}
        columns = list(self.columns.values())
        self.take_rows.click(self.take_set, self.set, taken, **loading)
        gr.on([self.file.upload, self.file.clear], self.open_file, self.file, self.outputs, **QUIET)
        gr.on([self.retain.upload, self.retain.clear], self.open_retain, self.retain, [self.notice], **QUIET)
        gr.on([box.input for box in columns], self.remap, columns, [self.notice, self.preview], **QUIET, **LATEST)
        self.use.click(self.use_file, columns, taken, **loading)

    @property
    def outputs(self) -> list[Any]:
        """What a file writes to."""
        return [self.notice, self.preview, self.mapping, self.use, *self.columns.values()]

    @property
    def takers(self) -> list[gr.Button]:
        """The buttons that take rows."""
        return [self.take_rows, self.use]

    @explained
    def take_set(self, name: str, request: gr.Request) -> Iterator[Shown]:
        """Use a data set by its name; of facts about the real world, those that the model knows."""
        model = self.visits.of(request.session_hash).studio.model

        def work(loading: Loading) -> Brought:
            return Brought(model, *named_corpus(str(name).strip(), self.studio.settings, model, loading.go_on))

        yield from self.take(work, request)

    @explained
    def open_file(self, path: str | None, request: gr.Request) -> Shown:
        """Read an uploaded file and show how its columns are understood."""
        own = self.visits.of(request.session_hash).own
        if path is None:
            own.forget = None
            return {self.mapping: gr.update(visible=False), self.use: gr.update(visible=False), self.preview: ""}
        own.forget = sheet = read_sheet(FilePath(path), self.studio.settings)
        guess = sheet.guess()
        choices = ["", *sheet.columns]
        return {
            self.mapping: gr.update(visible=True),
            self.use: gr.update(visible=True),
            self.preview: _preview(sheet, guess),
            **{box: gr.update(choices=choices, value=guess[field]) for field, box in self.columns.items()},
        }

    @explained
    def open_retain(self, path: str | None, request: gr.Request) -> Shown:
        """Read the file of rows to keep."""
        own = self.visits.of(request.session_hash).own
        own.retain = None if path is None else read_sheet(FilePath(path), self.studio.settings)
        return {}

    @explained
    def remap(self, question: str, answer: str, text: str, request: gr.Request) -> Shown:
        """Other columns were chosen: what can be used now."""
        sheet = self.visits.of(request.session_hash).own.forget
        mapping = {"question": question, "answer": answer, "text": text}
        return {} if sheet is None else {self.preview: _preview(sheet, mapping)}

    @explained
    def use_file(self, question: str, answer: str, text: str, request: gr.Request) -> Iterator[Shown]:
        """Forget the rows of the file from now on, in this visit."""
        visit = self.visits.of(request.session_hash)
        sheet, keep = visit.own.forget, visit.own.retain
        if sheet is None:
            raise ValueError("There is no file: choose one first.")
        mapping = {"question": question, "answer": answer, "text": text}
        forget = read_rows(sheet, mapping)
        retain: UsableRows | None = None
        if keep is not None:
            same = set(filter(None, mapping.values())) <= set(keep.columns)
            retain = read_rows(keep, mapping if same else keep.guess())
        corpus, notes = own_corpus(sheet.name, forget, retain, self.studio.settings)
        brought = Brought(visit.studio.model, corpus, [*forget.said(), *notes], browser=Browser(forget.rows))
        yield from self.take(lambda loading: brought, request)


def _preview(sheet: Sheet, mapping: dict[str, str]) -> str:
    try:
        said = read_rows(sheet, mapping).said()
    except ValueError as error:
        said = [str(error)]
    return preview_html(sheet, said)
