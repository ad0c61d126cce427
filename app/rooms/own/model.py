"""The third way: another model, from the Hub or from a folder here, and what it knows of the real world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from app.look.markup import block, duration
from app.look.texts import say
from app.rooms.own.path import Brought, Path, Shown
from app.rooms.own.words import size_words, step_html
from app.visit.models import BYTES, EMBEDDED, REAL_MODEL, RUN_BYTES, Loading, Wish
from app.visit.own_rows import named_corpus
from app.visit.visits import LATEST, LOADING, QUIET, explained
from attribution.model.loading import can_round, devices
from attribution.settings import settings_of
from attribution.text.templates import AUTO, PLAIN, Asking
from unlearn.data.real import offered

MOST_SUBJECTS = 5
# Reading from a disk; a download is as fast as the network.
BYTES_PER_SECOND = 3e8


class ModelPath(Path):
    """The widgets of a model."""

    def build(self, notice: gr.HTML) -> None:
        """Lay them out."""
        self.notice = notice
        settings = self.studio.settings
        block(step_html(1, "Choose a model", "SmolLM2 135M is small, speaks English and knows the world."))
        with gr.Row(elem_classes="pg-line"):
            self.name = gr.Dropdown(
                self.shelf.choices(),
                value=REAL_MODEL if self.shelf.allows(REAL_MODEL) else EMBEDDED,
                label=say("model"),
                info="Or type owner/name as on the Hugging Face Hub." if self.shelf.free else None,
                allow_custom_value=self.shelf.free,
                elem_id="own-model",
            )
        self.survey = block(elem_id="own-survey")
        with gr.Accordion("How it is held", open=False, elem_classes="pg-fold", elem_id="own-held"):
            asked = settings_of(Asking)["template"]
            self.template = gr.Dropdown(
                [AUTO, PLAIN],
                value=asked.default,
                label=asked.facts.title,
                info=f"What the model is asked by: {asked.facts.help}.",
                allow_custom_value=True,
                elem_id="own-template",
            )
            with gr.Row(elem_classes="pg-line"):
                self.revision = gr.Textbox(label="Revision", placeholder="newest", max_length=121)
                self.dtype = gr.Dropdown(list(BYTES), value="float32", label="Numbers")
                self.device = gr.Dropdown(devices(), value=devices()[0], label="Device")
                self.bits = gr.Dropdown(
                    [("As they are", 0), ("8 bits", 8), ("4 bits", 4)] if can_round() else [("As they are", 0)],
                    value=0,
                    label="Weights",
                )
                self.spread = gr.Checkbox(False, label="Spread over all devices")
        with gr.Row(elem_classes="pg-line", visible="real" in settings.data):
            self.subjects = gr.Dropdown(
                list(offered()),
                value=["Japan"],
                multiselect=True,
                max_choices=MOST_SUBJECTS,
                label=say("real_subjects"),
                info=say("real_subjects_info"),
                elem_id="own-subjects",
            )
            self.take_them = gr.Button(say("real_take"), variant="primary", elem_id="own-real", scale=0, min_width=260)
        self.load = gr.Button(say("model_take"), elem_id="own-load", elem_classes="pg-begin")

    def wire(self, taken: list[Any]) -> None:
        """Listen to them.

        Args:
            taken: what giving the visit something else to work with writes to.
        """
        loading = {**QUIET, **LOADING}
        chosen = [box.input for box in (self.name, self.revision, self.dtype, self.bits)]
        # Sets: the handlers are given a dict by widget.
        wish = set(self.wish)
        gr.on(chosen, self.look, wish, [self.notice, self.survey], **LATEST, **QUIET)
        self.load.click(self.load_model, wish, taken, **loading)
        self.take_them.click(self.take_real, {self.subjects, *wish}, taken, **loading)

    @property
    def wish(self) -> list[Any]:
        """What says which model is wanted."""
        return [self.name, self.revision, self.dtype, self.device, self.bits, self.spread, self.template]

    def wished(self, given: dict[Any, Any]) -> Wish:
        """The wish that the form says. ValueError when a part of it is none."""
        name, revision, dtype, device, bits, spread, template = (given[widget] for widget in self.wish)
        return Wish(
            str(name or "").strip(),
            (revision or "").strip(),
            dtype,
            device or "",
            int(bits or 0),
            bool(spread),
            str(template or AUTO),
        )

    @property
    def takers(self) -> list[gr.Button]:
        """The buttons that load a model."""
        return [self.load, self.take_them]

    @explained
    def look(self, given: dict[Any, Any]) -> Shown:
        """What the chosen model takes, before it is loaded."""
        wanted = self.wished(given)
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
    def load_model(self, given: dict[Any, Any], request: gr.Request) -> Iterator[Shown]:
        """Load a model for this visit, which keeps its rows, saying how far it is."""
        wanted = self.wished(given)
        corpus = self.visits.of(request.session_hash).studio.corpus
        yield from self.take(lambda loading: Brought(self.shelf.get(wanted, loading), corpus), request)

    @explained
    def take_real(self, given: dict[Any, Any], request: gr.Request) -> Iterator[Shown]:
        """Load a model, and use what it knows of the chosen subjects."""
        yield from self.bring(self.wished(given), given[self.subjects], request)

    def bring(self, wanted: Wish, subjects: Sequence[str], request: gr.Request) -> Iterator[Shown]:
        """The same, for whoever says in a place of their own what goes wrong.

        Raises:
            ValueError: no subject, or one that is none; a model that cannot be had, or that knows nothing of them.
        """
        if not subjects:
            raise ValueError("No subject is chosen: choose what the model is to forget, such as Japan.")
        rows = f"real:{','.join(map(str, subjects))}"

        def work(loading: Loading) -> Brought:
            model = self.shelf.get(wanted, loading)
            return Brought(model, *named_corpus(rows, self.studio.settings, model, loading.go_on))

        yield from self.take(work, request)
